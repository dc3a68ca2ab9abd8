#pragma once

#include <cstdint>

#include "core/base/mutex.h"

namespace metagraph {

// So many lines of the log a second. Thread-safe.
class LineRate {
 public:
  explicit LineRate(int lines) : lines_(lines) {}

  // -1: no line; else how many like it were left out since the last.
  int64_t Take() EXCLUDES(mu_);

 private:
  const int lines_;
  Mutex mu_;
  int64_t second_ GUARDED_BY(mu_) = 0;
  int written_ GUARDED_BY(mu_) = 0;
  int64_t left_out_ GUARDED_BY(mu_) = 0;
};

}  // namespace metagraph
