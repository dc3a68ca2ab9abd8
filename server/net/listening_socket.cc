#include "server/net/listening_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

constexpr int kBacklog = 1024;

absl::Status Refused(const std::string& address, absl::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", address, ": ", why));
}

void Set(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof(value));
}

// The port of a bound socket.
int PortOf(int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof(name);
  getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size);
  return ntohs(name.ss_family == AF_INET6
                   ? reinterpret_cast<sockaddr_in6*>(&name)->sin6_port
                   : reinterpret_cast<sockaddr_in*>(&name)->sin_port);
}

// One address of a host. The error is an errno.
std::pair<Descriptor, int> OpenTcp(const addrinfo& at, int port) {
  Descriptor out(
      socket(at.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!out.valid()) return {Descriptor(), errno};
  // A restart finds the connections of the daemon before it.
  Set(out.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  // What it accepts has these, too.
  Set(out.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  sockaddr_storage name{};
  std::memcpy(&name, at.ai_addr, at.ai_addrlen);
  if (at.ai_family == AF_INET6) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&name);
    v6->sin6_port = htons(static_cast<uint16_t>(port));
    // [::] stands for all of the machine's addresses.
    Set(out.get(), IPPROTO_IPV6, IPV6_V6ONLY,
        IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr) ? 0 : 1);
  } else {
    reinterpret_cast<sockaddr_in*>(&name)->sin_port =
        htons(static_cast<uint16_t>(port));
  }
  if (bind(out.get(), reinterpret_cast<sockaddr*>(&name), at.ai_addrlen) != 0 ||
      listen(out.get(), kBacklog) != 0) {
    return {Descriptor(), errno};
  }
  return {std::move(out), 0};
}

// Whether the file is a socket that nobody listens on.
bool IsLeftOver(const sockaddr_un& name) {
  struct stat file {};
  if (stat(name.sun_path, &file) != 0 || !S_ISSOCK(file.st_mode)) return false;
  const Descriptor probe(
      socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  return connect(probe.get(), reinterpret_cast<const sockaddr*>(&name),
                 sizeof(name)) != 0 &&
         errno == ECONNREFUSED;
}

}  // namespace

class ListeningSocketOpener {
 public:
  using Sockets = std::vector<std::unique_ptr<ListeningSocket>>;

  static absl::StatusOr<Sockets> Tcp(const std::string& address) {
    const size_t colon = address.rfind(':');
    if (colon == std::string::npos) return Refused(address, "it has no port");
    std::string host = address.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
      host = host.substr(1, host.size() - 2);
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE;
    addrinfo* found = nullptr;
    const int error =
        getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found);
    if (error != 0) return Refused(address, gai_strerror(error));
    const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> freed(
        found, &freeaddrinfo);
    Sockets out;
    int port = PortOfAddress(*found);
    int problem = 0;
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
      auto [socket, errno_of_it] = OpenTcp(*at, port);
      if (!socket.valid()) {
        problem = errno_of_it;
        // Somebody else's port would be shared among us.
        if (problem == EADDRINUSE) break;
        continue;  // a machine without IPv6, say
      }
      port = PortOf(socket.get());
      out.push_back(Make(std::move(socket),
                         absl::StrCat(address.substr(0, colon + 1), port)));
    }
    if (out.empty() || problem == EADDRINUSE) {
      return Refused(address, std::strerror(problem));
    }
    return out;
  }

  static absl::StatusOr<Sockets> Unix(const std::string& address) {
    const std::string path = address.substr(std::strlen("unix:"));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (path.size() >= sizeof(name.sun_path)) {
      return Refused(address,
                     absl::StrCat("the path is longer than ",
                                  sizeof(name.sun_path) - 1, " characters"));
    }
    std::memcpy(name.sun_path, path.data(), path.size());
    Descriptor socket(
        ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!socket.valid()) return Refused(address, std::strerror(errno));
    const auto bind_it = [&] {
      return bind(socket.get(), reinterpret_cast<sockaddr*>(&name),
                  sizeof(name)) == 0;
    };
    if (!bind_it()) {
      if (errno != EADDRINUSE) return Refused(address, std::strerror(errno));
      if (!IsLeftOver(name)) {
        return Refused(address,
                       "another process listens there, or the file is no "
                       "socket");
      }
      unlink(name.sun_path);
      if (!bind_it()) return Refused(address, std::strerror(errno));
    }
    auto out = Make(std::move(socket), address);
    struct stat file {};
    if (stat(name.sun_path, &file) == 0) {
      out->path_ = path;
      out->device_ = file.st_dev;
      out->inode_ = file.st_ino;
    }
    if (listen(out->fd(), kBacklog) != 0) {
      return Refused(address, std::strerror(errno));
    }
    Sockets sockets;
    sockets.push_back(std::move(out));
    return sockets;
  }

 private:
  static std::unique_ptr<ListeningSocket> Make(Descriptor socket,
                                               std::string bound) {
    return std::unique_ptr<ListeningSocket>(
        new ListeningSocket(std::move(socket), std::move(bound)));
  }
  static int PortOfAddress(const addrinfo& at) {
    return ntohs(at.ai_family == AF_INET6
                     ? reinterpret_cast<sockaddr_in6*>(at.ai_addr)->sin6_port
                     : reinterpret_cast<sockaddr_in*>(at.ai_addr)->sin_port);
  }
};

ListeningSocket::ListeningSocket(Descriptor socket, std::string bound)
    : socket_(std::move(socket)), bound_(std::move(bound)) {}

ListeningSocket::~ListeningSocket() {
  if (path_.empty()) return;
  struct stat file {};
  if (stat(path_.c_str(), &file) == 0 && file.st_dev == device_ &&
      file.st_ino == inode_) {
    unlink(path_.c_str());
  }
}

absl::StatusOr<std::vector<std::unique_ptr<ListeningSocket>>>
ListeningSocket::Open(const std::string& address) {
  return absl::StartsWith(address, "unix:")
             ? ListeningSocketOpener::Unix(address)
             : ListeningSocketOpener::Tcp(address);
}

}  // namespace metagraph
