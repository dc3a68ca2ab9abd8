#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/exec/executor.h"
#include "core/plan/kernel_cache.h"
#include "gmock/gmock.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tensors.h"
#include "tests/support/test_graph.h"

namespace metagraph {

// What a node of op "TestHook" does: it takes floats and gives one float.
using Hook = std::function<absl::Status(KernelContext&)>;

// Gives output 0 memory of its own, like input 0 (a scalar without inputs).
absl::Status GiveNewMemory(KernelContext& ctx);
// Takes input 0's buffer for output 0 if it may. Says whether it did.
absl::StatusOr<bool> TakeInput(KernelContext& ctx);

// Where threads wait for each other.
class Meeting {
 public:
  explicit Meeting(int guests) : missing_(guests) {}
  // Returns when all have come; DEADLINE_EXCEEDED if they never do.
  absl::Status Arrive();

 private:
  Mutex mu_;
  CondVar changed_;
  int missing_ GUARDED_BY(mu_);
};

// Plans of small graphs, run by an executor without a session.
class ExecTest : public testing::Test {
 protected:
  ExecTest();
  ~ExecTest() override;

  // A node of op TestHook; without `hook` it gives new memory.
  static void AddHook(TestGraph& g, const std::string& name,
                      const std::vector<std::string>& inputs,
                      Hook hook = nullptr);

  void Prepare(const TestGraph& graph, std::vector<std::string> feeds,
               std::vector<std::string> fetches,
               std::vector<std::string> targets = {});
  // Makes the next runs of a wide plan go over the pool.
  void ClaimToBeSlow() { executor_->plan().Observe(int64_t{1} << 40); }
  const Plan& plan() const { return executor_->plan(); }

  absl::StatusOr<std::vector<Tensor>> Run(const std::vector<Tensor>& feeds,
                                          CallContext& call);
  absl::StatusOr<std::vector<Tensor>> Run(const std::vector<Tensor>& feeds) {
    CallContext call;
    return Run(feeds, call);
  }
  // The only fetch, a float scalar.
  float RunScalar(const std::vector<Tensor>& feeds);

  static int64_t MemoryUsed() { return MemoryBudget::Process().used(); }

  ThreadPool pool_{"compute", 2};
  ThreadPool* used_pool_ = &pool_;
  SessionState state_;
  KernelCache kernels_;
  std::unique_ptr<const Executor> executor_;
};

inline Tensor F(float value) { return Tensor::Scalar<float>(value); }
inline Tensor B(bool value) { return Tensor::Scalar<bool>(value); }

// A tensor that shows in MemoryUsed().
constexpr int64_t kMega = 1 << 20;
inline Tensor MegaByte() {
  return MakeTensor<float>({kMega / 4}, std::vector<float>(kMega / 4, 1));
}

}  // namespace metagraph
