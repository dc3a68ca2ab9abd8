#include "server/handlers/event_feed.h"

#include <utility>

#include "server/handlers/describe.h"

namespace metagraph {
namespace {

v1::EventKind KindOf(ModelEvent::Kind kind) {
  switch (kind) {
    case ModelEvent::Kind::kState:
      return v1::EVENT_KIND_MODEL_STATE;
    case ModelEvent::Kind::kGeneration:
      return v1::EVENT_KIND_GENERATION;
    case ModelEvent::Kind::kRestore:
      return v1::EVENT_KIND_RESTORE;
    case ModelEvent::Kind::kSave:
      return v1::EVENT_KIND_SAVE;
  }
  return v1::EVENT_KIND_UNSPECIFIED;
}

ModelEvent StateOf(const ManagedModel& model, absl::Time now) {
  ModelEvent out;
  out.time = now;
  out.model = model.name;
  out.version = model.version;
  out.state = model.state;
  out.status = model.error;
  if (model.model != nullptr) {
    out.generation = model.model->generation_number();
  }
  return out;
}

}  // namespace

v1::WatchResponse EventFeed::ToProto(const ModelEvent& event) {
  v1::WatchResponse out;
  out.set_kind(KindOf(event.kind));
  metagraph::ToProto(event.time, out.mutable_time());
  out.set_model(event.model);
  out.set_version(event.version);
  out.set_state(metagraph::ToProto(event.state, !event.status.ok()));
  out.set_generation(event.generation);
  out.set_checkpoint(ToUtf8(event.checkpoint));
  out.set_code(static_cast<int>(event.status.code()));
  out.set_error(ErrorTextOf(event.status));
  return out;
}

EventFeed::~EventFeed() {
  if (subscription_) models_.events().Unsubscribe(*subscription_);
}

std::unique_ptr<EventFeed::Watcher> EventFeed::Watch(
    const v1::WatchRequest& request, Listener listener) {
  std::call_once(subscribed_, [this] {
    subscription_ = models_.events().Subscribe(
        [this](const ModelEvent& event) { Add(event); });
  });
  std::unique_ptr<Watcher> out(
      new Watcher(*this, {request.models().begin(), request.models().end()},
                  std::move(listener)));
  {
    MutexLock lock(mu_);
    out->next_ = end();
    watchers_.insert(out.get());
  }
  // Looked at after events are taken: nothing is missed in between.
  std::deque<Event> first;
  int64_t missed = 0;
  const absl::Time now = models_.environment().clock->Now();
  for (const ManagedModel& model : models_.List()) {
    if (!out->Wants(model.name)) continue;
    if (first.size() == kMaxEvents) {
      ++missed;
      continue;
    }
    first.push_back(
        std::make_shared<v1::WatchResponse>(ToProto(StateOf(model, now))));
  }
  MutexLock lock(mu_);
  out->first_ = std::move(first);
  if (missed > 0) {
    out->missed_ += missed;
    metagraph::ToProto(now, &out->missed_until_);
  }
  return out;
}

void EventFeed::Add(const ModelEvent& event) {
  MutexLock lock(mu_);
  if (watchers_.empty()) {
    begin_ = end();
    kept_.clear();
    kept_bytes_ = 0;
    return;
  }
  const auto message = std::make_shared<v1::WatchResponse>(ToProto(event));
  kept_.push_back(message);
  kept_bytes_ += message->ByteSizeLong();
  for (Watcher* watcher : watchers_) {
    if (!watcher->waiting_) continue;
    watcher->next_ = end();  // it knows all that came before
    if (!watcher->Wants(event.model)) continue;
    watcher->waiting_ = false;
    watcher->listener_(message);
  }
  while (kept_.size() > kMaxEvents ||
         (kept_bytes_ > kMaxBytes && kept_.size() > 1)) {
    DropOldest();
  }
}

void EventFeed::DropOldest() {
  const v1::WatchResponse& oldest = *kept_.front();
  for (Watcher* watcher : watchers_) {
    if (watcher->next_ > begin_) continue;
    watcher->next_ = begin_ + 1;
    if (!watcher->Wants(oldest.model())) continue;
    ++watcher->missed_;
    watcher->missed_until_ = oldest.time();
  }
  kept_bytes_ -= oldest.ByteSizeLong();
  kept_.pop_front();
  ++begin_;
}

EventFeed::Event EventFeed::Watcher::Next() {
  EventFeed& feed = feed_;
  MutexLock lock(feed.mu_);
  if (!first_.empty()) {
    Event out = std::move(first_.front());
    first_.pop_front();
    return out;
  }
  if (after_gap_ != nullptr) return std::exchange(after_gap_, nullptr);
  Event found;
  while (found == nullptr && next_ < feed.end()) {
    const Event& event = feed.kept_[static_cast<size_t>(next_ - feed.begin_)];
    ++next_;
    if (Wants(event->model())) found = event;
  }
  if (missed_ > 0) {
    const auto gap = std::make_shared<v1::WatchResponse>();
    gap->set_kind(v1::EVENT_KIND_MISSED);
    *gap->mutable_time() = missed_until_;
    gap->set_missed(std::exchange(missed_, 0));
    after_gap_ = std::move(found);
    return gap;
  }
  waiting_ = found == nullptr;
  return found;
}

void EventFeed::Watcher::Stop() {
  MutexLock lock(feed_.mu_);
  feed_.watchers_.erase(this);
}

}  // namespace metagraph
