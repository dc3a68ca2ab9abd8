#pragma once

#include <algorithm>
#include <cstdint>

namespace metagraph {

// How long a stream waits for its reader: a minute at first. Waiting uses it
// up, and each MiB taken gives four seconds back, never more than a minute in
// store. So whoever reads 256 KiB/s is never given up, whoever reads less is
// after a minute or a little more, and nobody holds a place for long by taking
// a little now and then. Times are nanoseconds. Not thread-safe.
class ReaderPatience {
 public:
  static constexpr int64_t kStore = 60'000'000'000;
  static constexpr int64_t kPerMiB = 4'000'000'000;
  // What whoever is given up is told.
  static constexpr char kUsedUp[] =
      "the caller read less than 256 KiB/s for more than a minute";

  // A message of so many bytes is on its way from now on. When the stream is
  // given up unless it is taken before: a large one has longer.
  int64_t StartWaiting(int64_t now, int64_t bytes) {
    since_ = now;
    left_ += bytes * (kPerMiB >> 10) >> 10;
    return now + left_;
  }
  // It was taken.
  void StopWaiting(int64_t now) {
    left_ = std::min(left_ - (now - since_), kStore);
  }

 private:
  int64_t left_ = kStore;
  int64_t since_ = 0;
};

}  // namespace metagraph
