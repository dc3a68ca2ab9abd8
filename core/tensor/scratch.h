#pragma once

// Memory that a kernel works with beside its tensors, counted like them: a
// request may not ask for much of it by a shape or a value that costs nothing
// to send.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <vector>

#include "core/tensor/buffer.h"

namespace metagraph {

// What is thrown where the memory budget refuses scratch memory. Whoever runs
// kernels makes a status of it, see CatchOutOfMemory.
class ScratchRefused final : public std::bad_alloc {
 public:
  explicit ScratchRefused(size_t bytes) : bytes_(bytes) {}
  const char* what() const noexcept override { return "out of scratch memory"; }
  size_t bytes() const { return bytes_; }

 private:
  size_t bytes_;
};

// The allocator of the containers below. What is small is not counted: it is
// bounded by the number of threads, and the budget is shared by all of them.
template <typename T>
class ScratchAllocator {
 public:
  using value_type = T;
  static constexpr size_t kCountedFrom = size_t{64} << 10;  // bytes

  ScratchAllocator() = default;
  template <typename U>
  // NOLINTNEXTLINE(google-explicit-constructor): as allocators convert.
  ScratchAllocator(const ScratchAllocator<U>&) {}

  // Throws ScratchRefused over the memory budget, else as operator new.
  T* allocate(size_t count) {
    constexpr size_t kMost = std::numeric_limits<ptrdiff_t>::max() / sizeof(T);
    if (count > kMost) throw ScratchRefused(static_cast<size_t>(-1));
    const size_t bytes = count * sizeof(T);
    if (bytes < kCountedFrom) return Allocate(count);
    if (!MemoryBudget::Process().Take(static_cast<int64_t>(bytes))) {
      throw ScratchRefused(bytes);
    }
    try {
      return Allocate(count);
    } catch (...) {
      MemoryBudget::Process().Give(static_cast<int64_t>(bytes));
      throw;
    }
  }
  void deallocate(T* memory, size_t count) {
    const size_t bytes = count * sizeof(T);
    if (bytes >= kCountedFrom) {
      MemoryBudget::Process().Give(static_cast<int64_t>(bytes));
    }
    std::allocator<T>().deallocate(memory, count);
  }
  friend bool operator==(const ScratchAllocator&, const ScratchAllocator&) {
    return true;
  }

 private:
  static T* Allocate(size_t count) {
    return std::allocator<T>().allocate(count);
  }
};

// The same for memory that a library takes by itself: counted while this lives.
// Throws ScratchRefused.
class ScratchCharge {
 public:
  explicit ScratchCharge(int64_t bytes) : bytes_(bytes) {
    if (!MemoryBudget::Process().Take(bytes)) {
      throw ScratchRefused(static_cast<size_t>(bytes));
    }
  }
  ~ScratchCharge() { MemoryBudget::Process().Give(bytes_); }
  ScratchCharge(const ScratchCharge&) = delete;
  ScratchCharge& operator=(const ScratchCharge&) = delete;

 private:
  const int64_t bytes_;
};

// A vector whose size follows from what a run was given.
template <typename T>
using Scratch = std::vector<T, ScratchAllocator<T>>;

}  // namespace metagraph
