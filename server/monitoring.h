#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

struct mg_context;

namespace metagraph {

// Answers machines that watch the process, in plain HTTP:
//   /metrics  Prometheus text
//   /healthz  200: the process answers
//   /readyz   200, or 503 with the reasons, a line each
// Everything that a client can hold is bounded: 64 threads, 64 connections that
// wait, a second for a request of 8 KB; a connection serves one request.
// Threads that nobody holds cost next to nothing, and one that is sent half a
// request is lost for that second only.
class Monitoring {
 public:
  struct Pages {
    std::function<std::string()> metrics;
    std::function<std::vector<std::string>()> not_ready;  // reasons
  };

  // `address`: HOST:PORT, the host as a number or localhost; port 0: any.
  // UNAVAILABLE: the address cannot be used.
  static absl::StatusOr<std::unique_ptr<Monitoring>> Start(
      const std::string& address, Pages pages);
  // Waits for answers under way.
  ~Monitoring();
  Monitoring(const Monitoring&) = delete;
  Monitoring& operator=(const Monitoring&) = delete;

  // With the port that was bound.
  const std::string& address() const { return address_; }

 private:
  explicit Monitoring(Pages pages) : pages_(std::move(pages)) {}

  Pages pages_;  // constant
  void Knock() const;

  std::string address_;
  int port_ = 0;
  mg_context* server_ = nullptr;
};

}  // namespace metagraph
