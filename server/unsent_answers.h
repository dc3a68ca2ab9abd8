#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "core/base/mutex.h"

namespace metagraph {

// Bounds the memory of answers from when they are made until their callers have
// taken them. Where it is full, callers that have left large answers lying for
// a while lose their connections. Thread-safe.
class UnsentAnswers {
 public:
  // Smaller ones find room always: the calls of a connection bound them.
  static constexpr int64_t kLarge = 64 << 10;

  // `max_alone`: of an answer beside which there is no other.
  // `end_connection` ends the connection of a peer, as gRPC names it.
  UnsentAnswers(int64_t max_bytes, int64_t max_alone,
                std::function<void(const std::string& peer)> end_connection)
      : max_(max_bytes),
        max_alone_(max_alone),
        end_connection_(std::move(end_connection)) {}
  UnsentAnswers(const UnsentAnswers&) = delete;
  UnsentAnswers& operator=(const UnsentAnswers&) = delete;

  // The room of one answer; given back when destroyed.
  class Room {
   public:
    explicit Room(UnsentAnswers& owner) : owner_(&owner) {}
    Room(Room&& other) noexcept
        : owner_(other.owner_),
          bytes_(std::exchange(other.bytes_, 0)),
          peer_(std::move(other.peer_)) {}
    Room& operator=(Room&&) = delete;
    ~Room();

    // `peer`: who is to take it, if it is large.
    // RESOURCE_EXHAUSTED: too much lies there; one that is alone may be
    // larger, and a small one always finds room. REQUIRES: was not called
    // before, and does not move after.
    absl::Status Take(int64_t bytes, const std::string& peer, int64_t now);

   private:
    friend class UnsentAnswers;
    UnsentAnswers* owner_;
    int64_t bytes_ = 0;
    int64_t since_ = 0;
    std::string peer_;
  };

  int64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  // Ends the connections of answers that lie there since before `then`.
  void EndStalled(int64_t then) EXCLUDES(mu_);

  const int64_t max_;
  const int64_t max_alone_;
  const std::function<void(const std::string&)> end_connection_;
  std::atomic<int64_t> bytes_{0};
  Mutex mu_;
  std::set<Room*> large_ GUARDED_BY(mu_);
};

}  // namespace metagraph
