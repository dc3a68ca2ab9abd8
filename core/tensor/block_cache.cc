#include "core/tensor/block_cache.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

namespace metagraph {
namespace {

// Sanitizers watch what malloc knows of: a kept block would hide a use after
// free, and a rounded size a write behind the end.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool kKeepsBlocks = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr bool kKeepsBlocks = false;
#else
constexpr bool kKeepsBlocks = true;
#endif
#else
constexpr bool kKeepsBlocks = true;
#endif

// More is not needed for one after the other, even of large models.
constexpr int64_t kProcessBytes = int64_t{128} << 20;

// What a thread keeps by itself, by multiples of the alignment.
class SmallBlocks {
 public:
  static constexpr size_t kMostBytes = 2048;

  ~SmallBlocks() {
    for (Class& blocks : classes_) {
      for (size_t i = 0; i < blocks.count; ++i) std::free(blocks.free[i]);
    }
    is_gone = true;
  }

  static size_t ClassOf(size_t bytes) {
    return (bytes + BlockCache::kAlignment - 1) / BlockCache::kAlignment;
  }
  void* Take(size_t index) {
    Class& blocks = classes_[index];
    return blocks.count == 0 ? nullptr : blocks.free[--blocks.count];
  }
  // False if there are enough of them.
  bool Give(void* block, size_t index) {
    Class& blocks = classes_[index];
    if (blocks.count == kMost) return false;
    blocks.free[blocks.count++] = block;
    return true;
  }

  // nullptr at the end of a thread, when tensors may still go.
  static SmallBlocks* OfThread() {
    thread_local SmallBlocks blocks;
    return is_gone ? nullptr : &blocks;
  }

 private:
  static constexpr size_t kMost = 16;
  struct Class {
    size_t count = 0;
    std::array<void*, kMost> free;
  };
  static thread_local bool is_gone;

  std::array<Class, kMostBytes / BlockCache::kAlignment + 1> classes_;
};
thread_local bool SmallBlocks::is_gone = false;

bool IsSmall(size_t bytes) {
  return kKeepsBlocks && bytes <= SmallBlocks::kMostBytes;
}

void* Allocate(size_t bytes) {
  void* block = nullptr;
  return posix_memalign(&block, BlockCache::kAlignment, bytes) == 0 ? block
                                                                    : nullptr;
}

}  // namespace

BlockCache::~BlockCache() {
  for (const Class& blocks : classes_) {
    for (void* block : blocks.free) std::free(block);
  }
}

bool BlockCache::IsKept(size_t bytes) {
  return kKeepsBlocks && bytes >= kLeastBytes && bytes <= kMostBytes;
}

BlockCache::Place BlockCache::PlaceOf(size_t bytes) {
  const size_t power = std::bit_floor(bytes);
  const size_t step = power / kSteps;
  const size_t steps = (bytes - power + step - 1) / step;
  const size_t doublings =
      std::countr_zero(power) - std::countr_zero(kLeastBytes);
  return {doublings * kSteps + steps, power + steps * step};
}

void* BlockCache::Take(size_t bytes) {
  if (IsSmall(bytes)) {
    const size_t index = SmallBlocks::ClassOf(bytes);
    if (SmallBlocks* const small = SmallBlocks::OfThread()) {
      if (void* const block = small->Take(index)) return block;
    }
    return Allocate(index * kAlignment);
  }
  if (!IsKept(bytes)) return AllocateOrFree(bytes);
  const Place place = PlaceOf(bytes);
  {
    MutexLock lock(mu_);
    Class& blocks = classes_[place.index];
    if (!blocks.free.empty()) {
      void* block = blocks.free.back();
      blocks.free.pop_back();
      blocks.least_free = std::min(blocks.least_free, blocks.free.size());
      cached_ -= static_cast<int64_t>(place.block_bytes);
      return block;
    }
  }
  return AllocateOrFree(place.block_bytes);
}

void* BlockCache::AllocateOrFree(size_t bytes) {
  if (void* const block = Allocate(bytes)) return block;
  // What lies here may be what the system lacks.
  FreeAll();
  return Allocate(bytes);
}

void BlockCache::FreeAll() {
  std::vector<void*> all;  // freed after the lock
  {
    MutexLock lock(mu_);
    for (Class& blocks : classes_) {
      all.insert(all.end(), blocks.free.begin(), blocks.free.end());
      blocks.free.clear();
      blocks.least_free = 0;
    }
    cached_ = 0;
  }
  for (void* block : all) std::free(block);
}

void BlockCache::Give(void* block, size_t bytes) {
  if (IsSmall(bytes)) {
    SmallBlocks* const small = SmallBlocks::OfThread();
    if (small != nullptr && small->Give(block, SmallBlocks::ClassOf(bytes))) {
      return;
    }
  } else if (IsKept(bytes)) {
    const Place place = PlaceOf(bytes);
    const auto size = static_cast<int64_t>(place.block_bytes);
    MutexLock lock(mu_);
    if (cached_ + size <= max_bytes_) {
      cached_ += size;
      classes_[place.index].free.push_back(block);
      return;
    }
  }
  std::free(block);
}

void BlockCache::FreeIdle() {
  std::vector<void*> idle;  // freed after the lock
  {
    MutexLock lock(mu_);
    for (size_t i = 0; i < kClasses; ++i) {
      Class& blocks = classes_[i];
      const size_t count = std::min(blocks.least_free, blocks.free.size());
      const size_t bytes =
          (kLeastBytes << (i / kSteps)) / kSteps * (kSteps + i % kSteps);
      // The oldest stand in front.
      idle.insert(idle.end(), blocks.free.begin(),
                  blocks.free.begin() + static_cast<ptrdiff_t>(count));
      blocks.free.erase(blocks.free.begin(),
                        blocks.free.begin() + static_cast<ptrdiff_t>(count));
      cached_ -= static_cast<int64_t>(count * bytes);
      blocks.least_free = blocks.free.size();
    }
  }
  for (void* block : idle) std::free(block);
}

int64_t BlockCache::cached_bytes() const {
  MutexLock lock(mu_);
  return cached_;
}

void BlockCache::set_max_bytes(int64_t bytes) {
  MutexLock lock(mu_);
  max_bytes_ = std::min(bytes, kProcessBytes);
}

BlockCache& BlockCache::Process() {
  // Never destroyed: tensors may outlive all that is static.
  static auto* cache = new BlockCache(kProcessBytes);
  return *cache;
}

}  // namespace metagraph
