#include "core/model/folder_scan.h"

#include <limits>
#include <string>
#include <vector>

#include "tests/core/model/model_fixture.h"
#include "tests/support/fake_file_system.h"

namespace metagraph {
namespace {

// What the n-th listing of a folder answers may be set.
class ListingFileSystem final : public FakeFileSystem {
 public:
  using FakeFileSystem::FakeFileSystem;
  absl::StatusOr<std::vector<std::string>> List(
      const std::string& path) override {
    const int number = lists++;
    if (number == empty_at) return std::vector<std::string>();
    if (number >= fails_from) return absl::UnavailableError("the disk");
    return FakeFileSystem::List(path);
  }

  int lists = 0;
  int empty_at = -1;
  int fails_from = std::numeric_limits<int>::max();
};

class FolderScanTest : public ModelTest {
 protected:
  FolderScanTest() : files_({"/m", "/m/1"}) {
    WriteSeedModel(files_, "/m/1");
    files_.lists = 0;
    EXPECT_OK(FindModel(files_, "/m"));
    lists_of_find_ = files_.lists;
    files_.lists = 0;
  }

  ListingFileSystem files_;
  int lists_of_find_ = 0;
};

// After the newest version was found.
TEST_F(FolderScanTest, ADiskThatFailsMeanwhileIsTheError) {
  files_.fails_from = lists_of_find_;
  EXPECT_THAT(ScanFolder(files_, "/m"),
              HasCode(absl::StatusCode::kUnavailable, "the disk"));
}

TEST_F(FolderScanTest, VersionsThatGoMeanwhileAreNotFound) {
  files_.empty_at = lists_of_find_;
  EXPECT_THAT(ScanFolder(files_, "/m"),
              HasCode(absl::StatusCode::kNotFound, "have gone"));
}

}  // namespace
}  // namespace metagraph
