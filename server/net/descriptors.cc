#include "server/net/descriptors.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace metagraph {
namespace {

// What a daemon needs at least beside its connections: its own files, the
// shards of a checkpoint, and what gRPC polls with.
constexpr int64_t kReserve = 128;
// Each costs memory, too, even if it is idle.
constexpr int64_t kMostConnections = 4096;

}  // namespace

void Descriptor::Close() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

int64_t RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  return static_cast<int64_t>(
      std::min<rlim_t>(limit.rlim_cur, rlim_t{1} << 30));
}

int64_t DescriptorsForConnections(int64_t limit) {
  const int64_t reserve = std::max(kReserve, limit / 4);
  return std::clamp<int64_t>(limit - reserve, 8, kMostConnections);
}

}  // namespace metagraph
