#include "core/state/resource_manager.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using ::absl::StatusCode;

class Table final : public Resource {
 public:
  std::string DebugString() const override { return "Table"; }
};
class Queue final : public Resource {
 public:
  std::string DebugString() const override { return "Queue"; }
};

absl::StatusOr<std::shared_ptr<Table>> NewTable() {
  return std::make_shared<Table>();
}

TEST(ResourceManagerTest, GivesTheSameResourceToAllWhoNameIt) {
  ResourceManager manager;
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<Table> made,
                       manager.FindOrCreate<Table>("", "t", NewTable));
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<Table> again,
                       manager.FindOrCreate<Table>("", "t", NewTable));
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<Table> found,
                       manager.Find<Table>("", "t"));
  EXPECT_EQ(made, again);
  EXPECT_EQ(made, found);
}

TEST(ResourceManagerTest, ContainersKeepNamesApart) {
  ResourceManager manager;
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<Table> a,
                       manager.FindOrCreate<Table>("a", "t", NewTable));
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<Table> b,
                       manager.FindOrCreate<Table>("b", "t", NewTable));
  EXPECT_NE(a, b);
}

TEST(ResourceManagerTest, RefusesAResourceOfAnotherType) {
  ResourceManager manager;
  ASSERT_OK(manager.FindOrCreate<Table>("", "t", NewTable));
  EXPECT_THAT(manager.Find<Queue>("", "t"),
              HasCode(StatusCode::kInvalidArgument, "is a Table"));
  EXPECT_THAT(manager.FindOrCreate<Queue>(
                  "", "t", [] { return std::make_shared<Queue>(); }),
              HasCode(StatusCode::kInvalidArgument, "is a Table"));
}

TEST(ResourceManagerTest, AFailedCreationLeavesNothing) {
  ResourceManager manager;
  const auto fail = []() -> absl::StatusOr<std::shared_ptr<Table>> {
    return ResourceExhausted("no memory");
  };
  EXPECT_THAT(manager.FindOrCreate<Table>("", "t", fail),
              HasCode(StatusCode::kResourceExhausted, "no memory"));
  EXPECT_THAT(manager.Find<Table>("", "t"),
              HasCode(StatusCode::kNotFound, "Resource /t does not exist."));
}

TEST(ResourceManagerTest, HoldersKeepARemovedResource) {
  ResourceManager manager;
  ASSERT_OK_AND_ASSIGN(std::shared_ptr<Table> table,
                       manager.FindOrCreate<Table>("", "t", NewTable));
  ASSERT_OK(manager.Remove("", "t"));
  EXPECT_EQ(table.use_count(), 1);
  EXPECT_EQ(manager.Remove("", "t").code(), StatusCode::kNotFound);
  EXPECT_EQ(manager.Find<Table>("", "t").status().code(),
            StatusCode::kNotFound);
}

TEST(ResourceManagerTest, ThreadsThatRaceToCreateGetOneResource) {
  ResourceManager manager;
  std::atomic<int> made{0};
  std::vector<std::shared_ptr<Table>> got(8);
  std::vector<std::thread> threads;
  for (auto& slot : got) {
    threads.emplace_back([&] {
      auto table = manager.FindOrCreate<Table>("", "t", [&] {
        ++made;
        return NewTable();
      });
      if (table.ok()) slot = *table;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made, 1);
  for (const auto& table : got) EXPECT_EQ(table, got[0]);
}

}  // namespace
}  // namespace metagraph
