#include "core/checkpoint/folder_wait.h"

#include <atomic>
#include <thread>

#include "core/checkpoint/bundle_writer.h"
#include "gmock/gmock.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tensors.h"

namespace metagraph {
namespace {

using absl::StatusCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// A folder whose lock somebody else holds.
class FolderWaitTest : public ::testing::Test {
 protected:
  FolderWaitTest() {
    EXPECT_OK(fs_.CreateDirectory("d"));
    held_ = *fs_.TryLockFolder("d");
    TellFolderWaits([this](const std::string& folder) {
      told_.push_back(folder);
      if (on_told_) on_told_();
    });
  }
  ~FolderWaitTest() override { TellFolderWaits(nullptr); }

  FakeFileSystem fs_;
  std::unique_ptr<FolderLock> held_;
  std::vector<std::string> told_;
  std::function<void()> on_told_;
  // Tells at once.
  const FolderWait eager_ = {absl::Milliseconds(1), absl::ZeroDuration(),
                             absl::Hours(1)};
};

TEST_F(FolderWaitTest, TakesAFreeFolderAtOnce) {
  held_.reset();
  CallContext call;
  EXPECT_OK(WaitForFolder(fs_, "d", call, eager_));
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_THAT(WaitForFolder(fs_, "none", call),
              HasCode(StatusCode::kNotFound, "none"));
}

TEST_F(FolderWaitTest, WaitsUntilItIsGivenBackAndTellsOnce) {
  CallContext call;
  on_told_ = [this] { held_.reset(); };
  EXPECT_OK(WaitForFolder(fs_, "d", call, eager_));
  EXPECT_THAT(told_, ElementsAre("d"));
}

TEST_F(FolderWaitTest, EndsWithTheCall) {
  CallContext call;
  on_told_ = [&] { call.Cancel(); };
  EXPECT_THAT(WaitForFolder(fs_, "d", call, eager_),
              HasCode(StatusCode::kCancelled,
                      "another process holds the lock of the folder \"d\""));
  FakeClock clock;
  CallContext late(clock.Now() + absl::Seconds(1), clock);
  on_told_ = [&] { clock.Advance(absl::Seconds(1)); };
  EXPECT_THAT(WaitForFolder(fs_, "d", late, eager_),
              HasCode(StatusCode::kDeadlineExceeded,
                      "another process holds the lock of the folder \"d\""));
}

TEST_F(FolderWaitTest, WithoutADeadlineItGivesUp) {
  CallContext call;
  const FolderWait brief = {absl::Milliseconds(1), absl::Hours(1),
                            absl::Milliseconds(5)};
  EXPECT_THAT(WaitForFolder(fs_, "d", call, brief),
              HasCode(StatusCode::kUnavailable,
                      "has held the lock of the folder \"d\" for 5ms"));
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(FolderWaitTest, ASaveWhoseCallHasEndedCommitsNothing) {
  held_.reset();
  {
    ASSERT_OK_AND_ASSIGN(const auto writer, BundleWriter::Create(fs_, "d/a"));
    ASSERT_OK(writer->Add("x", Tensor::Scalar<float>(1)));
    CallContext call;
    call.Cancel();
    EXPECT_THAT(writer->Finish(call), HasCode(StatusCode::kCancelled, ""));
  }
  EXPECT_THAT(*fs_.List("d"), IsEmpty());
  EXPECT_OK(fs_.TryLockFolder("d")) << "given back";
}

}  // namespace
}  // namespace metagraph
