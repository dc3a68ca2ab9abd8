#include "server/machine.h"

#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/fake_file_system.h"

namespace metagraph {
namespace {

// Files of a machine's control groups, and what they hold.
using Groups = std::vector<std::pair<std::string, std::string>>;

void Fill(FakeFileSystem& fs, const Groups& groups) {
  for (const auto& [name, text] : groups) {
    fs.Put("/sys/fs/cgroup/" + name, text);
  }
}

int64_t MemoryWith(const Groups& groups) {
  FakeFileSystem fs{"/sys/fs/cgroup", "/sys/fs/cgroup/memory"};
  Fill(fs, groups);
  return UsableMemory(fs);
}

int CpusWith(const Groups& groups) {
  FakeFileSystem fs{"/sys/fs/cgroup", "/sys/fs/cgroup/cpu"};
  Fill(fs, groups);
  return UsableCpus(fs);
}

TEST(MachineTest, UsesTheMemoryThatTheContainerGives) {
  const int64_t all = MemoryWith({});
  ASSERT_GT(all, 64 << 20);
  EXPECT_EQ(MemoryWith({{"memory.max", "67108864\n"}}), 64 << 20);
  EXPECT_EQ(MemoryWith({{"memory/memory.limit_in_bytes", "67108864\n"}}),
            64 << 20);
  // What both say when there is no limit.
  EXPECT_EQ(
      MemoryWith({{"memory.max", "max\n"},
                  {"memory/memory.limit_in_bytes", "9223372036854771712\n"}}),
      all);
}

// The limits of all groups that stand one in another count.
TEST(MachineTest, FindsTheGroupThatItIsIn) {
  FakeFileSystem fs{"/proc/self", "/sys/fs/cgroup/a/b",
                    "/sys/fs/cgroup/memory/c/d", "/sys/fs/cgroup/cpu/e"};
  fs.Put("/proc/self/cgroup", "4:cpu,cpuacct:/e\n3:memory:/c/d\n0::/a/b\n");
  fs.Put("/sys/fs/cgroup/a/memory.max", "900000000\n");
  EXPECT_EQ(UsableMemory(fs), 900'000'000);
  fs.Put("/sys/fs/cgroup/a/b/memory.max", "800000000\n");
  EXPECT_EQ(UsableMemory(fs), 800'000'000);
  fs.Put("/sys/fs/cgroup/memory/c/memory.limit_in_bytes", "700000000\n");
  EXPECT_EQ(UsableMemory(fs), 700'000'000);
  fs.Put("/sys/fs/cgroup/memory/c/d/memory.limit_in_bytes", "600000000\n");
  EXPECT_EQ(UsableMemory(fs), 600'000'000);
  fs.Put("/sys/fs/cgroup/cpu/e/cpu.cfs_quota_us", "100000\n");
  fs.Put("/sys/fs/cgroup/cpu/e/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(UsableCpus(fs), 1);
}

TEST(MachineTest, RoundsPartsOfCpusUp) {
  EXPECT_EQ(CpusWith({{"cpu.max", "50000 100000\n"}}), 1);
  EXPECT_EQ(CpusWith({{"cpu/cpu.cfs_quota_us", "50000\n"},
                      {"cpu/cpu.cfs_period_us", "100000\n"}}),
            1);
  EXPECT_EQ(CpusWith({{"cpu.max", "max 100000\n"},
                      {"cpu/cpu.cfs_quota_us", "-1\n"},
                      {"cpu/cpu.cfs_period_us", "100000\n"}}),
            CpusWith({}));
}

}  // namespace
}  // namespace metagraph
