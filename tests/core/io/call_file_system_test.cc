#include "core/io/call_file_system.h"

#include <string>

#include "gtest/gtest.h"
#include "tests/support/expiring_clock.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

class CallFileSystemTest : public ::testing::Test {
 protected:
  CallFileSystemTest() : disk_({"/d"}) { disk_.Put("/d/a", "abc"); }
  FakeFileSystem disk_;
};

TEST_F(CallFileSystemTest, IsTheOtherFileSystemWhileTheCallIsWanted) {
  CallContext call;
  CallFileSystem files(disk_, call);
  ASSERT_OK(WriteFileAtomically(files, "/d/b", "later"));
  ASSERT_OK_AND_ASSIGN(const std::string bytes, ReadFile(disk_, "/d/b"));
  EXPECT_EQ(bytes, "later");
  ASSERT_OK_AND_ASSIGN(const std::string again, ReadFile(files, "/d/b"));
  EXPECT_EQ(again, "later");
  ASSERT_OK(files.Remove("/d/b"));
  ASSERT_OK(files.CreateDirectory("/d/c"));
  ASSERT_OK_AND_ASSIGN(const auto names, files.List("/d"));
  EXPECT_EQ(names.size(), 2);
  EXPECT_OK(files.Stat("/d/c").status());
  EXPECT_OK(files.TryLockFolder("/d").status());
  EXPECT_OK(files.RemoveDirectory("/d/c"));
  EXPECT_THAT(files.Stat("/d/c").status(),
              HasCode(absl::StatusCode::kNotFound, "/d/c"));
}

TEST_F(CallFileSystemTest, ReadingEndsWithTheCall) {
  ExpiringClock clock(2);
  CallContext call(ExpiringClock::Deadline(), clock);
  CallFileSystem files(disk_, call);
  ASSERT_OK_AND_ASSIGN(const auto file, files.OpenForReading("/d/a"));
  EXPECT_EQ(file->size(), 3);
  char byte;
  EXPECT_OK(file->Read(0, 1, &byte));
  EXPECT_THAT(file->Read(0, 1, &byte),
              HasCode(absl::StatusCode::kDeadlineExceeded, "deadline"));
  call.Cancel();
  for (const absl::Status& status :
       {files.OpenForReading("/d/a").status(), files.List("/d").status(),
        files.Stat("/d/a").status(), file->Read(0, 1, &byte)}) {
    EXPECT_THAT(status, HasCode(absl::StatusCode::kCancelled, "cancelled"));
  }
}

}  // namespace
}  // namespace metagraph
