#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "core/base/mutex.h"
#include "core/model/model_manager.h"
#include "metagraph/v1/inspect.pb.h"

namespace metagraph {

// The last events of all models as Watch tells them, kept once for all who
// watch: a watcher only remembers how far it is, and however slow it is, it
// holds nothing. What it was too slow for it is told the number of.
// Thread-safe.
class EventFeed {
 public:
  using Event = std::shared_ptr<const v1::WatchResponse>;
  using Listener = std::function<void(Event)>;
  // What is kept at most; in bytes as sent.
  static constexpr size_t kMaxEvents = 1024;
  static constexpr size_t kMaxBytes = 4 << 20;

  // `models` outlives the feed, the feed its watchers.
  explicit EventFeed(ModelManager& models) : models_(models) {}
  ~EventFeed();
  EventFeed(const EventFeed&) = delete;
  EventFeed& operator=(const EventFeed&) = delete;

  // An event as Watch answers it.
  static v1::WatchResponse ToProto(const ModelEvent& event);

  class Watcher {
   public:
    ~Watcher() { Stop(); }
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;

    // The next one; null if there is none yet: then the listener is called
    // with it, once, and Next may be asked again after that.
    Event Next();
    // After this returns the listener will not be called any more.
    void Stop();

   private:
    friend class EventFeed;
    Watcher(EventFeed& feed, std::set<std::string> models, Listener listener)
        : feed_(feed),
          models_(std::move(models)),
          listener_(std::move(listener)) {}
    bool Wants(const std::string& model) const {
      return models_.empty() || models_.count(model) > 0;
    }

    EventFeed& feed_;
    const std::set<std::string> models_;  // empty: all
    const Listener listener_;
    // Guarded by the feed's mutex.
    std::deque<Event> first_;  // the models as they were at the beginning
    int64_t next_ = 0;         // the number of the next event
    int64_t missed_ = 0;
    google::protobuf::Timestamp missed_until_;
    Event after_gap_;  // what comes when it was told what it missed
    bool waiting_ = false;
  };

  // First come the models of the request as they are. `listener` must return at
  // once, and not come back here.
  std::unique_ptr<Watcher> Watch(const v1::WatchRequest& request,
                                 Listener listener) EXCLUDES(mu_);

 private:
  void Add(const ModelEvent& event) EXCLUDES(mu_);
  void DropOldest() REQUIRES(mu_);
  int64_t end() const REQUIRES(mu_) {
    return begin_ + static_cast<int64_t>(kept_.size());
  }

  ModelManager& models_;
  std::once_flag subscribed_;
  std::optional<int64_t> subscription_;  // set once

  Mutex mu_;
  std::set<Watcher*> watchers_ GUARDED_BY(mu_);
  std::deque<Event> kept_ GUARDED_BY(mu_);
  size_t kept_bytes_ GUARDED_BY(mu_) = 0;
  int64_t begin_ GUARDED_BY(mu_) = 0;  // the number of the first one kept
};

}  // namespace metagraph
