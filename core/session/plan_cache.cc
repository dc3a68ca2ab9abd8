#include "core/session/plan_cache.h"

namespace metagraph {

std::shared_ptr<const Executor> PlanCache::Find(absl::string_view key) {
  MutexLock lock(mu_);
  const auto it = by_key_.find(key);
  if (it == by_key_.end()) return nullptr;
  order_.splice(order_.begin(), order_, it->second);
  return it->second->second;
}

std::shared_ptr<const Executor> PlanCache::Insert(
    std::string key, std::shared_ptr<const Executor> plan) {
  std::shared_ptr<const Executor> dead;  // freed after the lock
  MutexLock lock(mu_);
  if (const auto it = by_key_.find(key); it != by_key_.end()) {
    dead = std::move(plan);
    return it->second->second;
  }
  order_.emplace_front(std::move(key), plan);
  by_key_.emplace(order_.front().first, order_.begin());
  if (order_.size() > capacity_) {
    by_key_.erase(order_.back().first);
    dead = std::move(order_.back().second);
    order_.pop_back();
  }
  return plan;
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
