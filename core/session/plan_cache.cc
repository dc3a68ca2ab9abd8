#include "core/session/plan_cache.h"

#include "core/base/call_wait.h"
#include "core/base/status.h"

namespace metagraph {

std::shared_ptr<const Executor> PlanCache::FindLocked(const Key& key) {
  const auto it = by_key_.find(key);
  if (it == by_key_.end()) return nullptr;
  order_.splice(order_.begin(), order_, it->second);
  return it->second->plan;
}

std::shared_ptr<const Executor> PlanCache::Find(int64_t graph_version,
                                                const PlanRequest& request) {
  MutexLock lock(mu_);
  return FindLocked({graph_version, &request});
}

std::shared_ptr<const Executor> PlanCache::Insert(
    const Key& key, std::shared_ptr<const Executor> plan) {
  order_.push_front({*key.request, key.graph_version, std::move(plan)});
  by_key_.emplace(order_.front().key(), order_.begin());
  if (order_.size() <= capacity_) return nullptr;
  by_key_.erase(order_.back().key());
  std::shared_ptr<const Executor> dead = std::move(order_.back().plan);
  order_.pop_back();
  return dead;
}

absl::StatusOr<std::shared_ptr<const Executor>> PlanCache::FindOrCompile(
    int64_t graph_version, const PlanRequest& request, CallContext& call,
    CompileFn compile) {
  if (auto found = Find(graph_version, request)) return found;
  const Key key = {graph_version, &request};
  std::shared_ptr<Compilation> mine;
  {
    CallWait wait(call, mu_, compiled_);
    MutexLock lock(mu_);
    while (mine == nullptr) {
      if (auto found = FindLocked(key)) return found;
      const auto it = compilations_.find(key);
      if (it == compilations_.end()) {
        mine = std::make_shared<Compilation>();
        compilations_.emplace(key, mine);
        break;
      }
      const std::shared_ptr<Compilation> theirs = it->second;
      while (!theirs->done) RETURN_IF_ERROR(wait.Wait(mu_));
      if (!theirs->caller_gave_up) return theirs->answer;
    }
  }
  absl::StatusOr<std::shared_ptr<const Executor>> answer = compile();
  std::shared_ptr<const Executor> dead;  // freed after the lock
  MutexLock lock(mu_);
  if (answer.ok()) dead = Insert(key, *answer);
  compilations_.erase(key);
  mine->answer = answer;
  mine->caller_gave_up = absl::IsCancelled(answer.status()) ||
                         absl::IsDeadlineExceeded(answer.status());
  mine->done = true;
  compiled_.NotifyAll();
  return answer;
}

void PlanCache::Clear() {
  std::list<Entry> dead;  // freed after the lock
  MutexLock lock(mu_);
  by_key_.clear();
  dead.swap(order_);
}

size_t PlanCache::size() const {
  MutexLock lock(mu_);
  return order_.size();
}

}  // namespace metagraph
