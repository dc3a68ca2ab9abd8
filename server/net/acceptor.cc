#include "server/net/acceptor.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "glog/logging.h"

namespace metagraph {
namespace {

Descriptor Spare() {
  return Descriptor(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

}  // namespace

Acceptor::Acceptor(std::vector<Source> sources, Connections& connections)
    : sources_(std::move(sources)),
      connections_(connections),
      ended_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      spare_(Spare()),
      thread_([this] { Serve(); }) {}

Acceptor::~Acceptor() {
  const uint64_t one = 1;
  // Cannot fail: the counter is far from full.
  [[maybe_unused]] const auto written = write(ended_.get(), &one, sizeof(one));
  thread_.join();
}

void Acceptor::Serve() {
  std::vector<pollfd> polled;
  polled.push_back({ended_.get(), POLLIN, 0});
  for (const Source& source : sources_) {
    polled.push_back({source.socket->fd(), POLLIN, 0});
  }
  while (true) {
    if (poll(polled.data(), polled.size(), -1) < 0) {
      if (errno != EINTR) Wait(100);  // out of memory, say
      continue;
    }
    if (polled[0].revents != 0) return;
    for (size_t i = 0; i < sources_.size(); ++i) {
      if (polled[i + 1].revents != 0) AcceptFrom(sources_[i]);
    }
  }
}

void Acceptor::AcceptFrom(const Source& source) {
  // Others have their turn, too.
  for (int i = 0; i < 64; ++i) {
    Descriptor accepted(accept4(source.socket->fd(), nullptr, nullptr,
                                SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (accepted.valid()) {
      if (connections_.Add(accepted.get())) {
        source.take(source.socket->fd(), accepted.Release());
      } else {
        LOG_EVERY_T(WARNING, 1)
            << "a connection was refused: as many as may be are open, see "
               "--max_connections";
      }
      continue;
    }
    const int error = errno;
    if (error == EAGAIN) return;
    if (error == EMFILE || error == ENFILE) {
      if (!TurnAway(source)) return;
    } else if (error == ENOBUFS || error == ENOMEM) {
      LOG_EVERY_T(WARNING, 1)
          << "a connection cannot be taken: " << std::strerror(error);
      Wait(100);
      return;
    }
    // Else it has gone again.
  }
}

bool Acceptor::TurnAway(const Source& source) {
  LOG_EVERY_T(WARNING, 1) << "a connection was refused: the process has no "
                             "file descriptor left (ulimit -n)";
  spare_.Close();
  Descriptor refused(accept4(source.socket->fd(), nullptr, nullptr,
                             SOCK_NONBLOCK | SOCK_CLOEXEC));
  const bool taken = refused.valid();
  refused.Close();
  spare_ = Spare();
  // Another thread has taken the spare one: it comes back some time.
  if (!taken) Wait(100);
  return taken;
}

void Acceptor::Wait(int milliseconds) {
  pollfd end{ended_.get(), POLLIN, 0};
  poll(&end, 1, milliseconds);
}

}  // namespace metagraph
