#include "server/watched_file.h"

#include "core/base/status.h"
#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace metagraph {
namespace {

using absl::StatusCode;
using testing::ElementsAre;

class WatchedFileTest : public testing::Test {
 protected:
  void Write(const std::string& text) {
    ASSERT_OK(
        WriteFileAtomically(FileSystem::Posix(), dir_.Join("file"), text));
  }
  // Notes what is taken, and "lost"; "bad" cannot be taken. Called on the
  // thread of the file, too.
  WatchedFile::Use Noting(bool may_lose) {
    WatchedFile::Use use;
    use.flag = "--flag";
    use.max_bytes = 10;
    use.take = [this](absl::string_view text) -> absl::StatusOr<std::string> {
      if (text == "bad") return InvalidArgument("line 1: bad");
      Note(text);
      return "it";
    };
    if (may_lose) use.lose = [this] { Note("lost"); };
    return use;
  }
  auto Open(WatchedFile::Use use) {
    return WatchedFile::Open(FileSystem::Posix(), dir_.Join("file"),
                             std::move(use));
  }
  // Without repetitions: the file's own thread looks as well.
  std::vector<std::string> notes() {
    MutexLock lock(mu_);
    return notes_;
  }

  TempDir dir_;

 private:
  void Note(absl::string_view what) {
    MutexLock lock(mu_);
    if (notes_.empty() || notes_.back() != what) notes_.emplace_back(what);
  }

  Mutex mu_;
  std::vector<std::string> notes_ GUARDED_BY(mu_);
};

TEST_F(WatchedFileTest, IsTakenWhenItChanges) {
  Write("one");
  const auto file = Open(Noting(false));
  ASSERT_OK(file);
  EXPECT_THAT(notes(), ElementsAre("one"));
  Write("two");
  (*file)->Look();
  (*file)->Look();
  EXPECT_THAT(notes(), ElementsAre("one", "two"));
}

TEST_F(WatchedFileTest, HoldsWhileThereIsTrouble) {
  Write("one");
  const auto file = Open(Noting(false));
  ASSERT_OK(file);
  Write("bad");
  (*file)->Look();
  Write("one");
  (*file)->Look();
  EXPECT_THAT(notes(), ElementsAre("one"));
}

TEST_F(WatchedFileTest, IsLostInTroubleAndTakenAgainAfterIt) {
  Write("one");
  const auto file = Open(Noting(true));
  ASSERT_OK(file);
  Write("bad");
  (*file)->Look();
  EXPECT_THAT(notes(), ElementsAre("one", "lost"));
  Write("one");
  (*file)->Look();
  EXPECT_THAT(notes(), ElementsAre("one", "lost", "one"));
  Write("more than ten");
  (*file)->Look();
  EXPECT_THAT(notes(), ElementsAre("one", "lost", "one", "lost"));
}

TEST_F(WatchedFileTest, MustBeGoodAtFirst) {
  EXPECT_THAT(Open(Noting(true)), HasCode(StatusCode::kNotFound, "--flag: "));
  Write("bad");
  EXPECT_THAT(Open(Noting(true)),
              HasCode(StatusCode::kInvalidArgument, "file, line 1: bad"));
  EXPECT_THAT(notes(), testing::IsEmpty());
}

}  // namespace
}  // namespace metagraph
