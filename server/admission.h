#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "server/retry_after.h"

namespace metagraph {

// How many calls may be under way at once, and whether new ones are taken at
// all. Thread-safe.
class Admission {
 public:
  // `what` is counted, for the error: "calls".
  explicit Admission(int64_t max_in_flight, const char* what = "calls")
      : max_(max_in_flight), what_(what) {}
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // A place in the house; given back when destroyed.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)) {}
    Ticket& operator=(Ticket&& other) noexcept {
      Leave();
      owner_ = std::exchange(other.owner_, nullptr);
      return *this;
    }
    ~Ticket() { Leave(); }
    // Gives the place back at once.
    void Leave() {
      if (owner_ != nullptr) {
        std::exchange(owner_, nullptr)->in_flight_.fetch_sub(1);
      }
    }

   private:
    friend class Admission;
    explicit Ticket(Admission* owner) : owner_(owner) {}
    Admission* owner_ = nullptr;
  };

  // RESOURCE_EXHAUSTED: too many calls; UNAVAILABLE: draining.
  absl::StatusOr<Ticket> Enter() {
    if (draining_.load(std::memory_order_relaxed)) {
      return WithRetryAfter(absl::UnavailableError("the server is draining"),
                            absl::Milliseconds(10));
    }
    if (in_flight_.fetch_add(1) >= max_) {
      in_flight_.fetch_sub(1);
      return WithRetryAfter(
          absl::ResourceExhaustedError(
              absl::StrCat("more than ", max_, " ", what_,
                           " are under way: try again when some have ended")),
          absl::Milliseconds(50));
    }
    return Ticket(this);
  }
  void StartDraining() { draining_ = true; }
  int64_t in_flight() const { return in_flight_; }

 private:
  const int64_t max_;
  const char* const what_;
  std::atomic<int64_t> in_flight_{0};
  std::atomic<bool> draining_{false};
};

}  // namespace metagraph
