// Restores and saves while runs go on, with a damaged checkpoint now and then.

#include <atomic>
#include <thread>

#include "tests/core/model/model_fixture.h"

namespace metagraph {
namespace {

using HotRestoreTest = ModelTest;

TEST_F(HotRestoreTest, EveryRunSeesOneCheckpointAndNoneFails) {
  LoadSeed();
  WriteSeedCheckpoint(fs(), Path("a"), {10, 10, 10, 10}, {10, 10, 10, 10});
  WriteSeedCheckpoint(fs(), Path("b"), {20, 20, 20, 20}, {20, 20, 20, 20});
  WriteSeedCheckpoint(fs(), Path("corrupt"), {1, 1, 1, 1}, {1, 1, 1, 1});
  ASSERT_OK(WriteFileAtomically(fs(), Path("corrupt.data-00000-of-00001"),
                                std::string(48, 'x')));
  ASSERT_OK(Restore("a"));

  std::atomic<bool> stop{false};
  std::atomic<int64_t> runs{0};
  std::atomic<int64_t> failed{0};
  std::atomic<int64_t> mixed{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      PlanRequest plan;
      plan.feeds = {"W3:0"};
      plan.fetches = {"add1:0"};
      const auto executor = model_->Prepare(plan);
      RunRequest request;
      request.feeds = {{"W3:0", FloatVector({0, 0, 0, 0})}};
      request.fetches = {"add1:0"};
      while (!stop) {
        CallContext call;
        const auto result = model_->Run(**executor, request, call);
        ++runs;
        if (!result.ok()) {
          ++failed;
          continue;
        }
        const float* sums = result->outputs[0].data<float>();
        const float expected =
            Basename(result->generation->checkpoint) == "a" ? 20 : 40;
        for (int k = 0; k < 4; ++k) mixed += sums[k] != expected;
      }
    });
  }
  for (int i = 1; i <= 200; ++i) {
    EXPECT_OK(Restore(i % 2 == 0 ? "a" : "b"));
    if (i % 5 == 0) {
      SaveOptions options;
      options.prefix = "saved";
      options.state_file = false;
      EXPECT_OK(model_->Save(options, nullptr, call_));
    }
    if (i % 10 == 0) {
      EXPECT_THAT(Restore("corrupt"),
                  HasCode(absl::StatusCode::kDataLoss, "corrupt"));
    }
  }
  // All callers have had their turn, however few processors there are.
  const int64_t enough = runs + 8;
  while (runs < enough) std::this_thread::yield();
  stop = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(mixed, 0);
}

}  // namespace
}  // namespace metagraph
