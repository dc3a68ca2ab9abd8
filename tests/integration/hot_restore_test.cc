// Restores and saves over RPC while callers run back to back.

#include <atomic>
#include <thread>

#include "tests/integration/server_fixture.h"

namespace metagraph {
namespace {

class ServedHotRestoreTest : public ServerTest {};

TEST_F(ServedHotRestoreTest, NoCallFailsAndEveryAnswerIsOfOneCheckpoint) {
  AddSeedModel();
  WriteSeedCheckpoint(fs(), Path("seed/a"), {10, 10, 10, 10}, {10, 10, 10, 10});
  WriteSeedCheckpoint(fs(), Path("seed/b"), {20, 20, 20, 20}, {20, 20, 20, 20});
  WriteSeedCheckpoint(fs(), Path("seed/corrupt"), {1, 1, 1, 1}, {1, 1, 1, 1});
  WriteSeedCheckpoint(fs(), Path("seed/first"), {10, 10, 10, 10},
                      {10, 10, 10, 10});
  ASSERT_OK(WriteFileAtomically(fs(), Path("seed/corrupt.data-00000-of-00001"),
                                std::string(48, 'x')));
  Start();

  std::atomic<bool> stop{false};
  std::atomic<int64_t> calls{0};
  std::atomic<int64_t> failed{0};
  std::atomic<int64_t> mixed{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 8; ++i) {
    callers.emplace_back([&] {
      const v1::RunRequest request = SeedRun();
      while (!stop) {
        v1::RunResponse response;
        const grpc::Status status = Run(request, &response);
        ++calls;
        if (!status.ok()) {
          ++failed;
          continue;
        }
        const float base =
            Basename(response.checkpoint()) == "b" ? 40.0f : 20.0f;
        const std::vector<float> sums = ValuesOf(response.tensor(0).tensor());
        for (int k = 0; k < 4; ++k) mixed += sums[k] != base + 1.0f + k;
      }
    });
  }
  for (int i = 1; i <= 200; ++i) {
    EXPECT_OK(Restore(i % 2 == 0 ? "a" : "b"));
    if (i % 5 == 0) {
      EXPECT_OK(Save("saved"));
    }
    if (i % 10 == 0) {
      EXPECT_THAT(Restore("corrupt"),
                  HasCode(absl::StatusCode::kDataLoss, "corrupt"));
    }
  }
  const int64_t enough = calls + 8;
  while (calls < enough) std::this_thread::yield();
  stop = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
  EXPECT_EQ(mixed, 0);
  RecordProperty("calls", static_cast<int>(calls));
}

}  // namespace
}  // namespace metagraph
