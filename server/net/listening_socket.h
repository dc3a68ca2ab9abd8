#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/net/descriptors.h"

namespace metagraph {

// A socket on which callers connect. Closes at its end, and removes the file of
// a unix socket if it is still this one's.
class ListeningSocket {
 public:
  // Opens the sockets of "HOST:PORT", which are several if the host's name has
  // several addresses, or of "unix:PATH". They share a port if it is 0: any.
  // Takes the place of a unix socket on which nobody listens any more.
  // UNAVAILABLE: the address cannot be had, and why.
  static absl::StatusOr<std::vector<std::unique_ptr<ListeningSocket>>> Open(
      const std::string& address);

  ListeningSocket(const ListeningSocket&) = delete;
  ListeningSocket& operator=(const ListeningSocket&) = delete;
  ~ListeningSocket();

  int fd() const { return socket_.get(); }
  // The address as it was asked for, with the port that was chosen.
  const std::string& bound() const { return bound_; }

 private:
  ListeningSocket(Descriptor socket, std::string bound);

  Descriptor socket_;
  const std::string bound_;
  // Of a unix socket: its file, and what tells it from another's.
  std::string path_;
  uint64_t device_ = 0;
  uint64_t inode_ = 0;

  friend class ListeningSocketOpener;
};

}  // namespace metagraph
