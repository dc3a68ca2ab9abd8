#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "absl/time/time.h"
#include "core/base/mutex.h"

namespace metagraph {

// The connections that callers have, bounded in all and for one host, so that
// neither descriptors nor memory run out. gRPC owns a connection's descriptor
// and does not tell when it closes it: that is found out when it matters, by
// what the descriptor stands for now. Thread-safe.
class Connections {
 public:
  // A connection on which nothing comes for `patience` may be of no use.
  explicit Connections(int64_t max,
                       absl::Duration patience = absl::Milliseconds(500))
      : max_(max), patience_(patience) {}
  Connections(const Connections&) = delete;
  Connections& operator=(const Connections&) = delete;

  // Counts an accepted connection. Where there are too many, ends some that
  // have never asked for anything. False: there are none such; it is the
  // caller's to close.
  bool Add(int fd) EXCLUDES(mu_);

  // Ends the connection of a peer as gRPC names it, "ipv4:127.0.0.1:50000".
  void End(const std::string& peer) EXCLUDES(mu_);
  // Ends those that have never got as far as HTTP/2, which nobody would miss.
  void EndSilent() EXCLUDES(mu_);
  // What callers have sent until now is read, and then it is their end. gRPC
  // closes each once its answers have left.
  void EndReading() EXCLUDES(mu_);
  // Ends all: gRPC finds that its callers have gone.
  void EndAll() EXCLUDES(mu_);

  int64_t count() EXCLUDES(mu_);

 private:
  struct Connection {
    uint64_t inode;
    std::string host;  // empty: a unix socket
    uint16_t port;     // the peer's
  };

  void Sweep() REQUIRES(mu_);
  // As shutdown(2).
  void ShutDownAll(int how) REQUIRES(mu_);
  int64_t CountOf(const std::string& host) const REQUIRES(mu_);
  // Ends up to `wanted` of the host, or of all if it is empty; how many.
  int64_t EndUseless(const std::string& host, int64_t wanted) REQUIRES(mu_);

  const int64_t max_;
  const absl::Duration patience_;
  Mutex mu_;
  std::unordered_map<int, Connection> open_ GUARDED_BY(mu_);
};

}  // namespace metagraph
