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

}  // namespace metagraph
