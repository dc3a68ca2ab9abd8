#pragma once

#include "core/tensor/buffer.h"

namespace metagraph {

// Lets a test allocate at most `more` bytes of tensors while it lives.
class MemoryLimit {
 public:
  explicit MemoryLimit(int64_t more) {
    MemoryBudget::Process().set_limit(MemoryBudget::Process().used() + more);
  }
  ~MemoryLimit() { MemoryBudget::Process().set_limit(before_); }
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

 private:
  const int64_t before_ = MemoryBudget::Process().limit();
};

}  // namespace metagraph
