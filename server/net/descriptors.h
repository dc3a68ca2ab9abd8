#pragma once

#include <cstdint>
#include <utility>

namespace metagraph {

// Owns a file descriptor.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { Close(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  int Release() { return std::exchange(fd_, -1); }
  void Close();

 private:
  int fd_;
};

// Lets the process have as many descriptors as it may; how many that is.
int64_t RaiseDescriptorLimit();

// How many of them connections may have: the rest is for checkpoints.
int64_t DescriptorsForConnections(int64_t limit);

}  // namespace metagraph
