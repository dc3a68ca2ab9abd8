#pragma once

#include <cstdint>

#include "core/op/kernel_context.h"

namespace metagraph {

// For a loop that may be long: looks now and then whether the call is still
// wanted. Of one thread.
class Looks {
 public:
  // Between two looks, in elements.
  static constexpr int64_t kEvery = int64_t{1} << 14;

  explicit Looks(const KernelContext& ctx) : ctx_(ctx) {}

  // Once about as many elements are done. CANCELLED, DEADLINE_EXCEEDED.
  absl::Status After(int64_t elements = 1) {
    left_ -= elements;
    if (left_ > 0) [[likely]] {
      return absl::OkStatus();
    }
    left_ = kEvery;
    return ctx_.CheckCancelled();
  }

 private:
  const KernelContext& ctx_;
  int64_t left_ = kEvery;
};

// The same for a function that ParallelFor calls, one for each block: it can
// only return early, and CheckCancelled behind ParallelFor tells why.
class BlockLooks {
 public:
  explicit BlockLooks(const KernelContext& ctx) : looks_(ctx) {}

  // False for good once the call is not wanted.
  bool GoOn(int64_t elements = 1) {
    if (goes_on_) goes_on_ = looks_.After(elements).ok();
    return goes_on_;
  }

 private:
  Looks looks_;
  bool goes_on_ = true;
};

}  // namespace metagraph
