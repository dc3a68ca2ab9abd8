#include "core/model/event_bus.h"

#include <utility>

namespace metagraph {

int64_t EventBus::Subscribe(Listener listener) {
  MutexLock lock(mu_);
  listeners_[next_token_] = std::move(listener);
  return next_token_++;
}

void EventBus::Unsubscribe(int64_t token) {
  MutexLock lock(mu_);
  listeners_.erase(token);
}

void EventBus::Publish(const ModelEvent& event) {
  // Under the lock, so that Unsubscribe can promise silence; listeners only
  // put the event into a queue.
  MutexLock lock(mu_);
  for (const auto& [token, listener] : listeners_) listener(event);
}

bool EventBus::has_listeners() const {
  MutexLock lock(mu_);
  return !listeners_.empty();
}

}  // namespace metagraph
