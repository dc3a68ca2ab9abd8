#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "absl/strings/numbers.h"
#include "gtest/gtest.h"
#include "server/net/descriptors.h"

namespace metagraph {

inline Descriptor ClientSocket() {
  return Descriptor(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

// Connects to "127.0.0.1:PORT".
inline bool Connect(const Descriptor& client, const std::string& address) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  int port = 0;
  if (!absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port)) {
    return false;
  }
  name.sin_port = htons(static_cast<uint16_t>(port));
  return connect(client.get(), reinterpret_cast<sockaddr*>(&name),
                 sizeof(name)) == 0;
}

// Waits until the other side has closed.
inline bool IsClosed(const Descriptor& client) {
  char byte = 0;
  return recv(client.get(), &byte, 1, 0) <= 0;
}

// Whether the other side has not, as far as is known now.
inline bool IsOpen(const Descriptor& client) {
  pollfd polled{client.get(), POLLIN, 0};
  return poll(&polled, 1, 0) == 0;
}

}  // namespace metagraph
