#pragma once

// As much of HTTP as tests of a server on this machine need.

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace metagraph {

// A socket connected to HOST:PORT (IPv4), for the caller to close; -1 if that
// cannot be reached.
inline int ConnectTo(const std::string& address) {
  const size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port =
      htons(static_cast<uint16_t>(std::atoi(address.c_str() + colon + 1)));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0) {
    return fd;
  }
  close(fd);
  return -1;
}

// Sends the text to HOST:PORT and returns all that comes until the server ends
// the connection; empty if it cannot be reached.
inline std::string SendRaw(const std::string& address,
                           const std::string& request) {
  const int fd = ConnectTo(address);
  if (fd < 0) return "";
  std::string out;
  if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) ==
      static_cast<ssize_t>(request.size())) {
    char buffer[4096];
    ssize_t got = 0;
    while ((got = recv(fd, buffer, sizeof(buffer), 0)) > 0) {
      out.append(buffer, static_cast<size_t>(got));
    }
  }
  close(fd);
  return out;
}

inline std::string HttpGet(const std::string& address,
                           const std::string& path) {
  return SendRaw(address, "GET " + path + " HTTP/1.1\r\nHost: x\r\n\r\n");
}

}  // namespace metagraph
