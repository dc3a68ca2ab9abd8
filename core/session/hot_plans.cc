#include "core/session/hot_plans.h"

#include <utility>

#include "core/base/status.h"
#include "core/tensor/out_of_memory.h"

namespace metagraph {
namespace {

// The number under which runs that read no variables are counted.
constexpr int64_t kNoGeneration = 0;
// Of the feeds that are kept to try programs with.
constexpr int64_t kMaxSampleBytes = int64_t{16} << 20;

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
};

HotPlans::HotPlans(Options options, const VariableStore& variables,
                   CompileFn compile, TryFn try_it)
    : options_(options),
      variables_(variables),
      compile_(std::move(compile)),
      try_(std::move(try_it)) {}

HotPlans::~HotPlans() {
  call_.Cancel();
  Wait();
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
    const Task& task) {
  return CatchOutOfMemory(
      [&]() -> absl::StatusOr<std::shared_ptr<const Executor>> {
        RETURN_IF_ERROR(call_.Check());
        const GenerationWeights weights(variables_, task.generation.get());
        ASSIGN_OR_RETURN(auto made,
                         compile_(task.sample.request, weights, call_));
        // Of random numbers and the like a run for nobody would take some.
        const bool has_feeds =
            task.sample.feeds.size() == task.sample.request.feeds.size();
        if (!made->plan().keeps_state && has_feeds) {
          RETURN_IF_ERROR(
              try_(*made, task.sample.feeds, task.generation, call_));
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

void HotPlans::Compile(const Task& task) {
  // What fails here fails for nobody: the plan itself goes on.
  absl::StatusOr<std::shared_ptr<const Executor>> made = Make(task);
  if (made.ok()) {
    {
      MutexLock lock(task.use->mu);
      if (task.use->generation == NumberOf(task.generation)) {
        task.use->hot = *std::move(made);
      }
    }
    Remember(task);
  }
  MutexLock lock(mu_);
  if (--pending_ == 0) idle_.NotifyAll();
}

void HotPlans::Remember(const Task& task) {
  HotUse hot = {task.use, task.sample};
  int64_t bytes = 0;
  for (const Tensor& feed : hot.sample.feeds) bytes += feed.size_bytes();
  // Without feeds a program is not tried, and its first run is slower.
  if (bytes > kMaxSampleBytes) hot.sample.feeds.clear();
  MutexLock lock(mu_);
  std::erase_if(hot_, [&](const HotUse& old) {
    const auto use = old.use.lock();
    return use == nullptr || use == task.use;
  });
  hot_.push_back(std::move(hot));
}

void HotPlans::Prepare(const std::shared_ptr<const Generation>& generation) {
  std::vector<Task> tasks;
  {
    MutexLock lock(mu_);
    for (const HotUse& hot : hot_) {
      std::shared_ptr<PlanUse> use = hot.use.lock();
      if (use == nullptr) continue;
      // One that reads no variables stays as it is.
      MutexLock use_lock(use->mu);
      if (use->hot == nullptr || use->generation == kNoGeneration) continue;
      tasks.push_back({std::move(use), generation, hot.sample});
    }
  }
  for (const Task& task : tasks) {
    absl::StatusOr<std::shared_ptr<const Executor>> made = Make(task);
    if (!made.ok()) continue;
    MutexLock lock(task.use->mu);
    task.use->next_generation = generation->number;
    task.use->next_hot = *std::move(made);
  }
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
