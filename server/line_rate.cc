#include "server/line_rate.h"

#include <utility>

#include "core/base/clock.h"

namespace metagraph {

int64_t LineRate::Take() {
  const int64_t second = SteadyNanos() / 1'000'000'000;
  MutexLock lock(mu_);
  if (second != second_) {
    second_ = second;
    written_ = 0;
  }
  if (written_ >= lines_) {
    ++left_out_;
    return -1;
  }
  ++written_;
  return std::exchange(left_out_, 0);
}

}  // namespace metagraph
