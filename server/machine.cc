#include "server/machine.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
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

// The folders of the control groups that this process is in, the innermost
// first, up to the outermost that can be seen: each has its limits. "cpu" or
// "memory" in cgroup v1, "" in v2.
std::vector<std::string> Groups(FileSystem& fs, const std::string& controller) {
  // Of one line for each controller: "4:memory:/a/b", "0::/a/b".
  std::string path;
  for (const absl::string_view line : absl::StrSplit(
           ReadKernelFile(fs, "/proc/self/cgroup", 16 << 10), '\n')) {
    const std::vector<absl::string_view> parts =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() != 3) continue;
    const std::vector<absl::string_view> names = absl::StrSplit(parts[1], ',');
    if (absl::c_linear_search(names, controller)) path = std::string(parts[2]);
  }
  std::string root = "/sys/fs/cgroup";
  if (!controller.empty()) absl::StrAppend(&root, "/", controller);
  std::vector<std::string> out;
  for (; path.size() > 1; path.resize(path.rfind('/'))) {
    out.push_back(absl::StrCat(root, path));
  }
  out.push_back(std::move(root));
  return out;
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
  const auto limit = [&cpus](int64_t quota, int64_t period) {
    if (quota <= 0 || period <= 0) return;  // "max", or -1
    cpus = static_cast<int>(
        std::min<int64_t>(cpus, (quota + period - 1) / period));
  };
  for (const std::string& group : Groups(fs, "")) {
    // "max 100000" or "150000 100000".
    const std::vector<std::string> words = Words(fs, group + "/cpu.max");
    int64_t quota = 0;
    int64_t period = 0;
    if (words.size() == 2 && absl::SimpleAtoi(words[0], &quota) &&
        absl::SimpleAtoi(words[1], &period)) {
      limit(quota, period);
    }
  }
  for (const std::string& group : Groups(fs, "cpu")) {
    limit(Number(fs, group + "/cpu.cfs_quota_us"),
          Number(fs, group + "/cpu.cfs_period_us"));
  }
  return std::max(cpus, 1);
}

int64_t UsableMemory(FileSystem& fs) {
  int64_t bytes =
      static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  const auto limit = [&](const std::string& file) {
    const int64_t most = Number(fs, file);
    if (most > 0) bytes = std::min(bytes, most);
  };
  for (const std::string& group : Groups(fs, "")) limit(group + "/memory.max");
  for (const std::string& group : Groups(fs, "memory")) {
    limit(group + "/memory.limit_in_bytes");
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
