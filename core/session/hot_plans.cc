#include "core/session/hot_plans.h"

#include <cstring>
#include <optional>
#include <utility>

#include "core/base/clock.h"
#include "core/base/status.h"
#include "core/tensor/out_of_memory.h"

namespace metagraph {
namespace {

// The number under which runs that read no variables are counted.
constexpr int64_t kNoGeneration = 0;
// Of the zeros that a program is tried with.
constexpr int64_t kMaxZeroBytes = int64_t{64} << 20;
// That compiling a program and trying it may take, beside some runs of the plan
// itself, and that all programs of a restore may take together.
constexpr absl::Duration kMaxTime = absl::Seconds(5);
constexpr absl::Duration kMaxTimeOfRestore = absl::Seconds(2);

// nullopt if they are too large, or of a type without zeros.
std::optional<std::vector<Tensor>> ZerosOf(
    const std::vector<std::pair<DataType, TensorShape>>& feeds) {
  std::vector<Tensor> out;
  int64_t bytes = 0;
  for (const auto& [dtype, shape] : feeds) {
    if (!IsPlainData(dtype)) return std::nullopt;
    bytes += shape.num_elements() * DataTypeSize(dtype);
    if (bytes > kMaxZeroBytes) return std::nullopt;
    auto tensor = Tensor::Allocate(dtype, shape);
    if (!tensor.ok()) return std::nullopt;
    if (tensor->size_bytes() > 0) {
      std::memset(tensor->mutable_raw_data(), 0, tensor->size_bytes());
    }
    out.push_back(*std::move(tensor));
  }
  return out;
}

int64_t NumberOf(const std::shared_ptr<const Generation>& generation) {
  return generation == nullptr ? kNoGeneration : generation->number;
}

// The values of one generation, by the names of variables.
class GenerationWeights final : public Weights {
 public:
  GenerationWeights(const VariableStore& variables,
                    const Generation* generation)
      : variables_(variables), generation_(generation) {}

  const Tensor* Find(const std::string& container,
                     const std::string& name) const override {
    if (generation_ == nullptr) return nullptr;
    const auto info = variables_.Find(container, name);
    if (!info.ok()) return nullptr;
    const Tensor& value = generation_->value(info->slot);
    return value.initialized() ? &value : nullptr;
  }

 private:
  const VariableStore& variables_;
  const Generation* const generation_;
};

}  // namespace

struct HotPlans::Task {
  std::shared_ptr<PlanUse> use;
  std::shared_ptr<const Generation> generation;
  Sample sample;
  bool feeds_are_zeros = false;
};

HotPlans::HotPlans(Options options, const VariableStore& variables,
                   CompileFn compile, TryFn try_it)
    : options_(options),
      variables_(variables),
      compile_(std::move(compile)),
      try_(std::move(try_it)) {}

void HotPlans::End() {
  {
    MutexLock lock(mu_);
    ending_ = true;
    for (CallContext* call : calls_) call->Cancel();
  }
  Wait();
}

template <typename F>
void HotPlans::WithCall(absl::Duration limit, F fn) {
  CallContext call(Clock::Real().Now() + limit);
  {
    MutexLock lock(mu_);
    if (ending_) call.Cancel();
    calls_.push_back(&call);
  }
  fn(call);
  MutexLock lock(mu_);
  std::erase(calls_, &call);
}

std::shared_ptr<const Executor> HotPlans::Use(
    const Executor& plan, const std::shared_ptr<const Generation>& generation,
    absl::FunctionRef<Sample()> sample) {
  PlanUse& use = *plan.use();
  const int64_t number = NumberOf(generation);
  std::shared_ptr<const Executor> dead;  // freed after the lock
  {
    MutexLock lock(use.mu);
    if (number < use.generation) return nullptr;  // began before the others
    if (number > use.generation) dead = MoveTo(number, use);
    if (use.hot != nullptr) return use.hot;
    if (use.runs > options_.runs) return nullptr;  // being made, or in vain
    if (use.runs++ < options_.runs) return nullptr;
  }
  auto task = std::make_shared<Task>(Task{plan.use(), generation, sample()});
  {
    MutexLock lock(mu_);
    ++pending_;
  }
  if (options_.runs == 0) {
    Compile(*task);
    MutexLock lock(use.mu);
    return use.generation == number ? use.hot : nullptr;
  }
  options_.pool->Schedule([this, task] { Compile(*task); });
  return nullptr;
}

absl::StatusOr<std::shared_ptr<const Executor>> HotPlans::Make(
    const Task& task, CallContext& call) {
  return CatchOutOfMemory(
      [&]() -> absl::StatusOr<std::shared_ptr<const Executor>> {
        RETURN_IF_ERROR(call.Check());
        const GenerationWeights weights(variables_, task.generation.get());
        ASSIGN_OR_RETURN(auto made,
                         compile_(task.sample.request, weights, call));
        const bool has_feeds =
            task.sample.feeds.size() == task.sample.request.feeds.size();
        // Of random numbers and the like a run for nobody would take some.
        if (!made->plan().keeps_state && has_feeds) {
          const absl::Status tried =
              try_(*made, task.sample.feeds, task.generation, call);
          // Zeros may be no values for it.
          RETURN_IF_ERROR(task.feeds_are_zeros ? call.Check() : tried);
        }
        return Charge(std::move(made));
      });
}

absl::StatusOr<std::shared_ptr<const Executor>> HotPlans::Charge(
    std::shared_ptr<const Executor> made) const {
  MemoryBudget* const budget = options_.budget;
  if (budget == nullptr) return made;
  const int64_t bytes = made->plan().bytes;
  if (!budget->Take(bytes)) {
    return ResourceExhausted("a program of ", bytes, " bytes does not fit");
  }
  const Executor* executor = made.get();
  return std::shared_ptr<const Executor>(
      executor,
      [made = std::move(made), budget, bytes](const Executor*) mutable {
        made.reset();
        budget->Give(bytes);
      });
}

void HotPlans::Compile(Task& task) {
  WithCall(kMaxTime + 4 * absl::Nanoseconds(task.sample.expected_nanos),
           [&](CallContext& call) {
             // What fails here fails for nobody: the plan itself goes on.
             absl::StatusOr<std::shared_ptr<const Executor>> made =
                 Make(task, call);
             if (!made.ok()) return;
             {
               MutexLock lock(task.use->mu);
               if (task.use->generation == NumberOf(task.generation)) {
                 task.use->hot = *std::move(made);
               }
             }
             Remember(task);
           });
  // Perhaps the last to hold them, and the session may end now.
  task.generation = nullptr;
  task.sample = {};
  MutexLock lock(mu_);
  if (--pending_ == 0) idle_.NotifyAll();
}

void HotPlans::Remember(const Task& task) {
  HotUse hot = {task.use, task.sample.request, {}};
  for (const Tensor& feed : task.sample.feeds) {
    hot.feeds.emplace_back(feed.dtype(), feed.shape());
  }
  MutexLock lock(mu_);
  std::erase_if(hot_, [&](const HotUse& old) {
    const auto use = old.use.lock();
    return use == nullptr || use == task.use;
  });
  hot_.push_back(std::move(hot));
}

void HotPlans::Prepare(const std::shared_ptr<const Generation>& generation) {
  std::vector<std::pair<std::shared_ptr<PlanUse>, HotUse>> hot_uses;
  {
    MutexLock lock(mu_);
    for (const HotUse& hot : hot_) {
      std::shared_ptr<PlanUse> use = hot.use.lock();
      if (use == nullptr) continue;
      // One that reads no variables stays as it is.
      MutexLock use_lock(use->mu);
      if (use->hot == nullptr || use->generation == kNoGeneration) continue;
      hot_uses.emplace_back(std::move(use), hot);
    }
  }
  WithCall(kMaxTimeOfRestore, [&](CallContext& call) {
    for (const auto& [use, hot] : hot_uses) {
      auto zeros = ZerosOf(hot.feeds);
      const Task task = {
          use,
          generation,
          {hot.request, zeros ? *std::move(zeros) : std::vector<Tensor>()},
          /*feeds_are_zeros=*/true};
      absl::StatusOr<std::shared_ptr<const Executor>> made = Make(task, call);
      if (!made.ok()) continue;
      MutexLock lock(use->mu);
      use->next_generation = generation->number;
      use->next_hot = *std::move(made);
    }
  });
}

void HotPlans::KeepOnly(int64_t generation) {
  std::vector<std::shared_ptr<const Executor>> dead;  // freed after the locks
  MutexLock lock(mu_);
  for (const HotUse& hot : hot_) {
    const std::shared_ptr<PlanUse> use = hot.use.lock();
    if (use == nullptr) continue;
    MutexLock use_lock(use->mu);
    if (use->generation < generation && use->generation != kNoGeneration) {
      dead.push_back(MoveTo(generation, *use));
    }
  }
  std::erase_if(hot_, [](const HotUse& hot) { return hot.use.expired(); });
}

std::shared_ptr<const Executor> HotPlans::MoveTo(int64_t generation,
                                                 PlanUse& use) const {
  std::shared_ptr<const Executor> dead = std::move(use.hot);
  use.hot = nullptr;
  use.generation = generation;
  use.runs = 0;
  if (use.next_generation == generation) {
    use.hot = std::move(use.next_hot);
    use.runs = options_.runs + 1;
  }
  use.next_generation = -1;
  use.next_hot = nullptr;
  return dead;
}

void HotPlans::Wait() {
  MutexLock lock(mu_);
  while (pending_ > 0) idle_.Wait(mu_);
}

}  // namespace metagraph
