#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "server/net/connections.h"
#include "server/net/descriptors.h"
#include "server/net/listening_socket.h"

namespace metagraph {

// Accepts the connections of some sockets on a thread of its own. It goes on
// whatever happens: without descriptors to spare it still takes connections, to
// close them, so that callers learn of it and try again.
class Acceptor {
 public:
  struct Source {
    std::unique_ptr<ListeningSocket> socket;
    // Takes the connection over, with its descriptor.
    std::function<void(int listening_fd, int fd)> take;
  };
  // `connections` outlives this, as what the sources refer to does.
  Acceptor(std::vector<Source> sources, Connections& connections);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  // Takes no more, and closes the sockets.
  ~Acceptor();

 private:
  void Serve();
  // All that wait on the socket.
  void AcceptFrom(const Source& source);
  // Takes one without a descriptor to spare, and closes it.
  bool TurnAway(const Source& source);
  void Wait(int milliseconds);

  const std::vector<Source> sources_;
  Connections& connections_;
  const Descriptor ended_;  // readable: stop
  Descriptor spare_;        // given up to take a connection all the same
  std::thread thread_;
};

}  // namespace metagraph
