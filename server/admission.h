#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "server/host_bound.h"
#include "server/retry_after.h"

namespace metagraph {

// How many calls may be under way at once, and whether new ones are taken at
// all. Thread-safe.
class Admission {
 public:
  // `what` is counted, for the error: "calls".
  explicit Admission(int64_t max_in_flight, const char* what = "calls")
      : max_(max_in_flight), what_(what) {}
  // `max_of_host`: of them, those whose callers are on one host.
  Admission(int64_t max_in_flight, const char* what, int64_t max_of_host)
      : max_(max_in_flight), what_(what) {
    hosts_.emplace(max_of_host, what);
  }
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;

  // A place in the house; given back when destroyed.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)),
          host_(std::move(other.host_)) {}
    Ticket& operator=(Ticket&& other) noexcept {
      Leave();
      owner_ = std::exchange(other.owner_, nullptr);
      host_ = std::move(other.host_);
      return *this;
    }
    ~Ticket() { Leave(); }
    // Gives the place back at once.
    void Leave() {
      if (owner_ != nullptr) std::exchange(owner_, nullptr)->Leave(host_);
    }

   private:
    friend class Admission;
    Ticket(Admission* owner, std::string host)
        : owner_(owner), host_(std::move(host)) {}
    Admission* owner_ = nullptr;
    std::string host_;
  };

  // Whether Enter has to know the host.
  bool is_bound_by_host() const { return hosts_.has_value(); }
  // RESOURCE_EXHAUSTED: too many calls; UNAVAILABLE: draining.
  absl::StatusOr<Ticket> Enter(std::string host = "") {
    if (draining_.load(std::memory_order_relaxed)) {
      return WithRetryAfter(absl::UnavailableError("the server is draining"),
                            absl::Milliseconds(10));
    }
    // First: a host that has enough must not take a place even for a moment.
    if (hosts_) RETURN_IF_ERROR(hosts_->Enter(host));
    if (in_flight_.fetch_add(1) >= max_) {
      Leave(host);
      return WithRetryAfter(
          absl::ResourceExhaustedError(
              absl::StrCat("more than ", max_, " ", what_,
                           " are under way: try again when some have ended")),
          absl::Milliseconds(50));
    }
    return Ticket(this, std::move(host));
  }
  void StartDraining() { draining_ = true; }
  int64_t in_flight() const { return in_flight_; }

 private:
  void Leave(const std::string& host) {
    in_flight_.fetch_sub(1);
    if (hosts_) hosts_->Leave(host);
  }

  const int64_t max_;
  const char* const what_;
  std::atomic<int64_t> in_flight_{0};
  std::atomic<bool> draining_{false};
  std::optional<HostBound> hosts_;  // there or not from the beginning
};

}  // namespace metagraph
