#include "tests/core/exec/exec_fixture.h"

#include <map>

#include "core/plan/lower.h"
#include "core/program/import_request.h"
#include "core/program/passes/read_constants.h"
#include "tests/support/no_functions.h"

namespace metagraph {
namespace {

struct Hooks {
  Mutex mu;
  std::map<std::string, Hook> by_node GUARDED_BY(mu);
};
Hooks& AllHooks() {
  static auto* hooks = new Hooks;
  return *hooks;
}

class HookKernel final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    Hooks& hooks = AllHooks();
    MutexLock lock(hooks.mu);
    const auto found = hooks.by_node.find(construction.node_name());
    if (found != hooks.by_node.end()) hook_ = found->second;
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    return hook_ ? hook_(ctx) : GiveNewMemory(ctx);
  }

 private:
  Hook hook_;
};

REGISTER_OP("TestHook", [](OpBuilder& op) {
  op.Input("inputs: N * float").Output("output: float");
  op.Attr("N: int >= 0");
  op.Kernel<HookKernel>();
});

const OpRegistry& AllOps() {
  static const auto* registry = OpRegistry::Create()->release();
  return *registry;
}

}  // namespace

absl::Status GiveNewMemory(KernelContext& ctx) {
  TensorShape shape;
  if (ctx.num_inputs() > 0) shape = ctx.input(0).shape();
  ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
  std::fill_n(out->mutable_data<float>(), out->num_elements(), 0.0f);
  return absl::OkStatus();
}

absl::StatusOr<bool> TakeInput(KernelContext& ctx) {
  const void* const before = ctx.input(0).raw_data();
  ASSIGN_OR_RETURN(Tensor * out,
                   ctx.ForwardOrAllocateOutput({0}, 0, ctx.input(0).shape()));
  return out->raw_data() == before;
}

absl::Status Meeting::Arrive() {
  const int64_t give_up = SteadyNanos() + 30'000'000'000;
  MutexLock lock(mu_);
  --missing_;
  changed_.NotifyAll();
  while (missing_ > 0) {
    if (SteadyNanos() > give_up) {
      return absl::DeadlineExceededError("the others did not come");
    }
    changed_.WaitFor(mu_, std::chrono::milliseconds(100));
  }
  return absl::OkStatus();
}

ExecTest::ExecTest() = default;

ExecTest::~ExecTest() {
  executor_.reset();
  Hooks& hooks = AllHooks();
  MutexLock lock(hooks.mu);
  hooks.by_node.clear();
}

void ExecTest::AddHook(TestGraph& g, const std::string& name,
                       const std::vector<std::string>& inputs, Hook hook) {
  int data = 0;
  for (const std::string& input : inputs) data += input[0] != '^';
  g.Node(name, "TestHook", inputs, {{"N", data}});
  Hooks& hooks = AllHooks();
  MutexLock lock(hooks.mu);
  hooks.by_node[name] = std::move(hook);
}

void ExecTest::Prepare(const TestGraph& graph, std::vector<std::string> feeds,
                       std::vector<std::string> fetches,
                       std::vector<std::string> targets) {
  const PlanRequest request{std::move(feeds), std::move(fetches),
                            std::move(targets)};
  // As it stands in the graph, so that tests know which nodes run.
  const Library library(graph.Build(), AllOps());
  ASSERT_OK_AND_ASSIGN(Body body, ImportRequest(library, request, nullptr));
  ASSERT_OK(ReadConstants(body, CompileEnv{library}));
  NoFunctions none;
  ASSERT_OK_AND_ASSIGN(
      std::shared_ptr<const Plan> plan,
      Lower(body, LowerEnvironment{AllOps(), state_, kernels_, none, nullptr}));
  executor_ = std::make_unique<Executor>(std::move(plan));
}

absl::StatusOr<std::vector<Tensor>> ExecTest::Run(
    const std::vector<Tensor>& feeds, CallContext& call) {
  ResourceManager resources;
  std::atomic<int64_t> counter{0};
  StepContext step;
  step.session = &state_;
  step.call = &call;
  step.compute_pool = used_pool_;
  step.resources = &resources;
  step.counter = &counter;
  std::vector<Tensor> taken = feeds;
  std::vector<Tensor> fetches;
  RETURN_IF_ERROR(executor_->Run(absl::MakeSpan(taken), step, &fetches));
  return fetches;
}

float ExecTest::RunScalar(const std::vector<Tensor>& feeds) {
  auto result = Run(feeds);
  EXPECT_OK(result);
  return result.ok() ? (*result)[0].scalar<float>() : -1e9f;
}

}  // namespace metagraph
