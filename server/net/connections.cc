#include "server/net/connections.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace metagraph {
namespace {

// One host leaves room for others.
constexpr int64_t kHostShare = 4;  // all but a quarter
// What a client sends before its first call: the preface, its settings, a
// window and a ping. A call's headers are longer.
constexpr uint64_t kBytesOfNoCall = 192;
// Until it is spoken to as HTTP/2, a connection is just a socket.
constexpr uint64_t kPreface = 24;

// What tells a socket from another with the same descriptor; 0: it is none.
uint64_t InodeOf(int fd) {
  struct stat file {};
  return fstat(fd, &file) == 0 && S_ISSOCK(file.st_mode) ? file.st_ino : 0;
}

// The other side's address and port; empty: it has none.
std::pair<std::string, uint16_t> PeerOf(int fd) {
  sockaddr_storage name{};
  socklen_t size = sizeof(name);
  char text[INET6_ADDRSTRLEN] = "";
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    return {"", 0};
  }
  if (name.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<sockaddr_in*>(&name);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
    return {text, ntohs(v4->sin_port)};
  }
  if (name.ss_family != AF_INET6) return {"", 0};
  const auto* v6 = reinterpret_cast<sockaddr_in6*>(&name);
  inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
  // A caller by IPv4 at a socket for both.
  const std::string host(absl::StripPrefix(absl::string_view(text), "::ffff:"));
  return {host, ntohs(v6->sin6_port)};
}

// "ipv4:127.0.0.1:50000" or "ipv6:%5B::1%5D:50000".
std::pair<std::string, uint16_t> ParsePeer(absl::string_view peer) {
  const size_t colon = peer.rfind(':');
  uint32_t port = 0;
  if (colon == absl::string_view::npos ||
      !absl::SimpleAtoi(peer.substr(colon + 1), &port) || port > 0xffff) {
    return {"", 0};
  }
  peer = peer.substr(0, colon);
  if (!absl::ConsumePrefix(&peer, "ipv4:") &&
      !absl::ConsumePrefix(&peer, "ipv6:")) {
    return {"", 0};
  }
  for (const absl::string_view bracket : {"%5B", "["}) {
    absl::ConsumePrefix(&peer, bracket);
  }
  for (const absl::string_view bracket : {"%5D", "]"}) {
    absl::ConsumeSuffix(&peer, bracket);
  }
  return {std::string(peer), static_cast<uint16_t>(port)};
}

struct Heard {
  bool known = false;
  uint64_t bytes = 0;        // received
  uint32_t idle_millis = 0;  // since something was received, or connected
};

// What the kernel knows of a TCP connection.
Heard HeardFrom(int fd) {
  // glibc's tcp_info ends before the count of bytes.
  struct {
    tcp_info base;
    uint64_t pacing_rate;
    uint64_t max_pacing_rate;
    uint64_t bytes_acked;
    uint64_t bytes_received;
  } info{};
  socklen_t size = sizeof(info);
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 ||
      size < sizeof(info)) {
    return {};
  }
  return {true, info.bytes_received, info.base.tcpi_last_data_recv};
}

}  // namespace

bool Connections::Add(int fd) {
  auto [host, port] = PeerOf(fd);
  Connection added{InodeOf(fd), std::move(host), port};
  MutexLock lock(mu_);
  const int64_t for_host = added.host.empty() ? max_ : max_ - max_ / kHostShare;
  const auto full = [&]() REQUIRES(mu_) {
    return static_cast<int64_t>(open_.size()) >= max_;
  };
  const auto host_full = [&]() REQUIRES(mu_) {
    return static_cast<int64_t>(open_.size()) >= for_host &&
           CountOf(added.host) >= for_host;
  };
  if (full() || host_full()) Sweep();
  // Several at a time, since each look goes over all.
  const int64_t some = std::max<int64_t>(1, max_ / 16);
  if (host_full() && EndUseless(added.host, some) == 0) return false;
  if (full() && EndUseless("", some) == 0) return false;
  open_[fd] = std::move(added);
  return true;
}

void Connections::Sweep() {
  std::erase_if(open_, [](const auto& entry) {
    return InodeOf(entry.first) != entry.second.inode;
  });
}

int64_t Connections::CountOf(const std::string& host) const {
  return std::count_if(open_.begin(), open_.end(), [&](const auto& entry) {
    return entry.second.host == host;
  });
}

int64_t Connections::EndUseless(const std::string& host, int64_t wanted) {
  std::vector<std::pair<uint32_t, int>> useless;  // by how long
  for (const auto& [fd, connection] : open_) {
    if (connection.host.empty() || (!host.empty() && connection.host != host) ||
        InodeOf(fd) != connection.inode) {
      continue;
    }
    const Heard heard = HeardFrom(fd);
    if (heard.known && heard.bytes < kBytesOfNoCall &&
        absl::Milliseconds(heard.idle_millis) >= patience_) {
      useless.emplace_back(heard.idle_millis, fd);
    }
  }
  std::sort(useless.rbegin(), useless.rend());
  useless.resize(std::min(useless.size(), static_cast<size_t>(wanted)));
  for (const auto& [idle, fd] : useless) {
    shutdown(fd, SHUT_RDWR);
    open_.erase(fd);
  }
  return static_cast<int64_t>(useless.size());
}

void Connections::End(const std::string& peer) {
  const auto [host, port] = ParsePeer(peer);
  if (host.empty()) return;
  MutexLock lock(mu_);
  for (const auto& [fd, connection] : open_) {
    if (connection.port == port && connection.host == host &&
        InodeOf(fd) == connection.inode) {
      shutdown(fd, SHUT_RDWR);
    }
  }
}

void Connections::EndSilent() {
  MutexLock lock(mu_);
  for (const auto& [fd, connection] : open_) {
    if (InodeOf(fd) != connection.inode) continue;
    const Heard heard = HeardFrom(fd);
    if (heard.known && heard.bytes < kPreface) shutdown(fd, SHUT_RDWR);
  }
}

void Connections::EndReading() {
  MutexLock lock(mu_);
  ShutDownAll(SHUT_RD);
}

void Connections::EndAll() {
  MutexLock lock(mu_);
  ShutDownAll(SHUT_RDWR);
}

void Connections::ShutDownAll(int how) {
  for (const auto& [fd, connection] : open_) {
    if (InodeOf(fd) == connection.inode) shutdown(fd, how);
  }
}

int64_t Connections::count() {
  MutexLock lock(mu_);
  Sweep();
  return static_cast<int64_t>(open_.size());
}

}  // namespace metagraph
