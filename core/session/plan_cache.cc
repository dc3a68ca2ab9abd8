#include "core/session/plan_cache.h"

#include <iterator>
#include <utility>

#include "core/base/call_wait.h"
#include "core/base/clock.h"
#include "core/base/status.h"

namespace metagraph {

std::shared_ptr<const Executor> PlanCache::FindLocked(const Key& key) {
  const auto it = by_key_.find(key);
  if (it == by_key_.end()) return nullptr;
  order_.splice(order_.begin(), order_, it->second);
  return it->second->plan;
}

std::shared_ptr<const Executor> PlanCache::Find(const PlanRequest& request) {
  MutexLock lock(mu_);
  auto found = FindLocked({&request});
  if (found != nullptr) ++counts_.hits;
  return found;
}

void PlanCache::Insert(const Key& key, std::shared_ptr<const Executor> plan,
                       std::list<Entry>* dead) {
  if (FindLocked(key) != nullptr) return;  // compiled from two versions
  bytes_ += plan->plan().bytes;
  order_.push_front({*key.request, std::move(plan)});
  by_key_.emplace(order_.front().key(), order_.begin());
  while (order_.size() > 1 &&
         (order_.size() > capacity_ || bytes_ > max_bytes_)) {
    bytes_ -= order_.back().plan->plan().bytes;
    by_key_.erase(order_.back().key());
    dead->splice(dead->end(), order_, std::prev(order_.end()));
  }
}

absl::StatusOr<std::shared_ptr<const Executor>> PlanCache::FindOrCompile(
    int64_t graph_version, const PlanRequest& request, CallContext& call,
    CompileFn compile) {
  if (auto found = Find(request)) return found;
  const Key key = {&request};
  const VersionedKey versioned = {graph_version, key};
  std::shared_ptr<Compilation> mine;
  {
    CallWait wait(call, mu_, compiled_);
    MutexLock lock(mu_);
    while (mine == nullptr) {
      if (auto found = FindLocked(key)) return found;
      const auto it = compilations_.find(versioned);
      if (it == compilations_.end()) {
        mine = std::make_shared<Compilation>();
        compilations_.emplace(versioned, mine);
        break;
      }
      const std::shared_ptr<Compilation> theirs = it->second;
      while (!theirs->done) RETURN_IF_ERROR(wait.Wait(mu_));
      if (!theirs->caller_gave_up) return theirs->answer;
    }
  }
  const int64_t start = SteadyNanos();
  absl::StatusOr<std::shared_ptr<const Executor>> answer = compile();
  std::list<Entry> dead;  // freed after the lock
  MutexLock lock(mu_);
  ++counts_.compiled;
  counts_.compile_nanos += SteadyNanos() - start;
  if (answer.ok()) Insert(key, *answer, &dead);
  compilations_.erase(versioned);
  mine->answer = answer;
  mine->caller_gave_up = absl::IsCancelled(answer.status()) ||
                         absl::IsDeadlineExceeded(answer.status());
  mine->done = true;
  compiled_.NotifyAll();
  return answer;
}

PlanCache::Counts PlanCache::counts() const {
  MutexLock lock(mu_);
  return counts_;
}

size_t PlanCache::size() const {
  MutexLock lock(mu_);
  return order_.size();
}

int64_t PlanCache::bytes() const {
  MutexLock lock(mu_);
  return bytes_;
}

}  // namespace metagraph
