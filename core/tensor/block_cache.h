#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/mutex.h"

namespace metagraph {

// Blocks of memory that tensors have had and the next ones will want.
//
// To get large ones from the system each time costs more than many kernels: it
// hands out pages one by one, and clears them. They are kept here for all
// threads. Of small ones, which malloc is slow to align, each thread keeps a
// few, whatever cache they come from. Thread-safe.
class BlockCache {
 public:
  static constexpr size_t kAlignment = 64;

  // Keeps at most `max_bytes`.
  explicit BlockCache(int64_t max_bytes) : max_bytes_(max_bytes) {}
  ~BlockCache();
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  // A block of `bytes`, its content undefined; nullptr if the system has none.
  void* Take(size_t bytes) EXCLUDES(mu_);
  // Gives back what Take(bytes) gave.
  void Give(void* block, size_t bytes) EXCLUDES(mu_);

  // Frees the blocks that nobody has needed since the last call. To be called
  // now and then, each second say.
  void FreeIdle() EXCLUDES(mu_);

  // Frees all of them.
  void FreeAll() EXCLUDES(mu_);

  int64_t cached_bytes() const EXCLUDES(mu_);
  void set_max_bytes(int64_t bytes) EXCLUDES(mu_);

  // The process's: what all tensors use.
  static BlockCache& Process();

 private:
  // Larger ones are too much to keep; of smaller ones, threads keep the
  // smallest and malloc the others.
  static constexpr size_t kLeastBytes = size_t{32} << 10;
  static constexpr size_t kMostBytes = size_t{64} << 20;
  // Between a power of two and the next.
  static constexpr size_t kSteps = 8;
  static constexpr size_t kClasses = 12 * kSteps;

  // Blocks of one size.
  struct Class {
    std::vector<void*> free;
    size_t least_free = 0;  // since the last FreeIdle
  };
  // Where a block of `bytes` belongs, and how large it is then.
  struct Place {
    size_t index;
    size_t block_bytes;
  };
  static bool IsKept(size_t bytes);
  // nullptr only if the system has none for it and this keeps none either.
  void* AllocateOrFree(size_t bytes) EXCLUDES(mu_);
  static Place PlaceOf(size_t bytes);

  mutable Mutex mu_;
  int64_t max_bytes_ GUARDED_BY(mu_);
  int64_t cached_ GUARDED_BY(mu_) = 0;
  std::array<Class, kClasses> classes_ GUARDED_BY(mu_);
};

}  // namespace metagraph
