#include "server/machine.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace metagraph {
namespace {

// The words of a small file; none if it cannot be read.
std::vector<std::string> Words(FileSystem& fs, const std::string& path) {
  return absl::StrSplit(ReadKernelFile(fs, path, 256), absl::ByAnyChar(" \n"),
                        absl::SkipEmpty());
}

// The number that a small file holds; 0 if it holds none.
int64_t Number(FileSystem& fs, const std::string& path) {
  const std::vector<std::string> words = Words(fs, path);
  int64_t number = 0;
  return words.size() == 1 && absl::SimpleAtoi(words[0], &number) ? number : 0;
}

}  // namespace

std::string ReadKernelFile(FileSystem& fs, const std::string& path,
                           size_t max) {
  std::string text;
  const auto file = fs.OpenForReading(path);
  if (!file.ok()) return text;
  char c;
  while (text.size() < max && (*file)->Read(text.size(), 1, &c).ok()) {
    text.push_back(c);
  }
  return text;
}

int UsableCpus(FileSystem& fs) {
  int cpus = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) cpus = CPU_COUNT(&set);
  // "max 100000" or "150000 100000": quota and period of the container.
  const std::vector<std::string> words = Words(fs, "/sys/fs/cgroup/cpu.max");
  double quota = 0;
  double period = 0;
  if (words.size() == 2 && absl::SimpleAtod(words[0], &quota) &&
      absl::SimpleAtod(words[1], &period) && period > 0) {
    cpus = std::min(cpus, static_cast<int>((quota + period - 1) / period));
  }
  // The same in cgroup v1; a quota of -1 is none.
  const int64_t micros = Number(fs, "/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  const int64_t of = Number(fs, "/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (micros > 0 && of > 0) {
    cpus = static_cast<int>(std::min<int64_t>(cpus, (micros + of - 1) / of));
  }
  return std::max(cpus, 1);
}

int64_t UsableMemory(FileSystem& fs) {
  int64_t bytes =
      static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  for (const char* file : {"/sys/fs/cgroup/memory.max",
                           "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    const int64_t limit = Number(fs, file);
    if (limit > 0) bytes = std::min(bytes, limit);
  }
  // ulimit -v, of which code, stacks and malloc's own need a good part.
  rlimit space{};
  if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY) {
    bytes = std::min(bytes, static_cast<int64_t>(space.rlim_cur / 2));
  }
  return bytes;
}

int64_t ResidentMemory(FileSystem& fs) {
  // All pages, then those that are resident.
  const std::vector<std::string> words = Words(fs, "/proc/self/statm");
  int64_t pages = 0;
  if (words.size() < 2 || !absl::SimpleAtoi(words[1], &pages)) return 0;
  return pages * sysconf(_SC_PAGESIZE);
}

}  // namespace metagraph
