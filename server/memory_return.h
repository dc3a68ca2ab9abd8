#pragma once

#include <cstdint>
#include <functional>
#include <thread>

#include "core/base/mutex.h"
#include "core/io/file_system.h"

namespace metagraph {

// When a burst is over and its memory may go back to the system.
class BurstEnd {
 public:
  // Told now and then what is resident, in bytes, and how many calls are under
  // way. True: memory that is not needed any more is worth giving back.
  bool Look(int64_t resident, int64_t in_flight);
  // It was given back, and so much is resident now.
  void Given(int64_t resident);

 private:
  int64_t settled_ = 0;  // resident when it was given back last
  int64_t most_in_flight_ = 0;
};

// malloc and tensors keep what bursts of calls have had; a thread of this looks
// each second and gives back what runs have not needed since, and all that is
// free when a burst is over.
class MemoryReturn {
 public:
  // `files` outlives this, as what `calls_in_flight` refers to does.
  MemoryReturn(FileSystem& files, std::function<int64_t()> calls_in_flight);
  ~MemoryReturn();
  MemoryReturn(const MemoryReturn&) = delete;
  MemoryReturn& operator=(const MemoryReturn&) = delete;

 private:
  void Watch() EXCLUDES(mu_);

  FileSystem& files_;
  const std::function<int64_t()> calls_in_flight_;
  Mutex mu_;
  CondVar ended_changed_;
  bool ended_ GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace metagraph
