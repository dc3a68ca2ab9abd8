#include "core/model/history.h"

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/checkpoint/checkpoint_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tensors.h"

namespace metagraph {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::shared_ptr<const Generation> MakeGeneration(int64_t number) {
  auto out = std::make_shared<Generation>();
  out->number = number;
  out->values = {FloatVector({1})};
  return out;
}

class HistoryTest : public testing::Test {
 protected:
  // Makes the checkpoint's files, so that `origin` is as they are.
  History::Origin WriteOrigin(int64_t generation, const std::string& prefix) {
    fs_.Put(prefix + ".index", "x");
    return {generation, prefix, FindFiles(fs_, prefix).stamp};
  }
  std::vector<int64_t> Numbers() const {
    std::vector<int64_t> out;
    for (const auto& generation : history_.Retained()) {
      out.push_back(generation->number);
    }
    return out;
  }

  FakeFileSystem fs_{"/d"};
  History history_{fs_, /*max_retained=*/2};
};

TEST_F(HistoryTest, RetainsTheNewestThatHaveValues) {
  history_.Retain(std::make_shared<Generation>());
  EXPECT_THAT(Numbers(), IsEmpty());
  for (int64_t number : {1, 2, 3}) history_.Retain(MakeGeneration(number));
  EXPECT_THAT(Numbers(), ElementsAre(2, 3));
}

// A change may end before another one and tell of it after.
TEST_F(HistoryTest, RetainsTheNewestInAnyOrder) {
  for (int64_t number : {2, 4, 3}) history_.Retain(MakeGeneration(number));
  EXPECT_THAT(Numbers(), ElementsAre(3, 4));
  EXPECT_EQ(history_.FindRollbackTarget({}, 9).generation, 4);
  history_.Retain(MakeGeneration(1));
  EXPECT_THAT(Numbers(), ElementsAre(3, 4));
}

TEST_F(HistoryTest, RemembersTheNewestOrigins) {
  for (int i = 0; i < 100; ++i) {
    history_.AddOrigin({i, absl::StrCat("/d/m-", i), {}});
  }
  const auto origins = history_.Origins();
  ASSERT_EQ(origins.size(), 64u);
  EXPECT_EQ(origins.front().generation, 36);
  EXPECT_EQ(origins.back().checkpoint, "/d/m-99");
  WriteOrigin(99, "/d/m-99");
  EXPECT_FALSE(history_.IsUnchanged(origins.back()));
}

TEST_F(HistoryTest, RollsBackToTheLastThatCanBeHad) {
  EXPECT_EQ(history_.FindRollbackTarget({}, 9).generation, -1);
  history_.Retain(MakeGeneration(3));
  history_.AddOrigin(WriteOrigin(3, "/d/m-3"));
  history_.AddOrigin(WriteOrigin(5, "/d/m-5"));
  history_.AddOrigin(WriteOrigin(9, "/d/m-9"));  // the newest itself
  history_.AddOrigin({7, "/d/gone", {}});
  fs_.Put("/d/gone.index", "other");
  const auto last = history_.FindRollbackTarget({}, 9);
  EXPECT_EQ(last.generation, 5);
  EXPECT_EQ(last.values, nullptr);
  ASSERT_TRUE(last.origin.has_value());
  EXPECT_EQ(last.origin->checkpoint, "/d/m-5");
  const auto wanted = history_.FindRollbackTarget(3, 9);
  ASSERT_NE(wanted.values, nullptr);
  EXPECT_EQ(wanted.values->number, 3);
  EXPECT_EQ(wanted.origin->checkpoint, "/d/m-3");
  EXPECT_FALSE(history_.FindRollbackTarget(4, 9).origin.has_value());
}

TEST_F(HistoryTest, AnyCheckpointOfAGenerationWillDo) {
  for (const char* prefix : {"/d/m-1", "/d/m-2", "/d/m-3"}) {
    history_.AddOrigin(WriteOrigin(1, prefix));
  }
  const auto origin = [&] {
    return history_.FindRollbackTarget(1, 9).origin->checkpoint;
  };
  EXPECT_EQ(origin(), "/d/m-3");
  ASSERT_OK(fs_.Remove("/d/m-3.index"));
  EXPECT_EQ(origin(), "/d/m-2");
  ASSERT_OK(fs_.Remove("/d/m-2.index"));
  EXPECT_EQ(origin(), "/d/m-1");
  // None is as it was: an error names the last one.
  ASSERT_OK(fs_.Remove("/d/m-1.index"));
  EXPECT_EQ(origin(), "/d/m-3");
}

TEST_F(HistoryTest, ARestoreThatWasOvertakenIsNotTheLast) {
  const auto record = [&](int64_t generation) {
    auto report = std::make_shared<const CheckpointReport>();
    history_.RecordRestore({"/d/m", absl::Time(), absl::OkStatus(), generation},
                           report);
    return report;
  };
  const auto report = record(6);
  record(5);
  EXPECT_EQ(history_.last_restore()->generation, 6);
  EXPECT_EQ(history_.last_report(), report);
  // One that failed made no generation: it comes when it is recorded.
  history_.RecordRestore(
      {"/d/m-2", absl::Time(), absl::NotFoundError("gone"), 0}, nullptr);
  record(5);
  EXPECT_EQ(history_.last_restore()->checkpoint, "/d/m-2");
  EXPECT_EQ(history_.last_report(), report);
  const auto newest = record(7);
  EXPECT_EQ(history_.last_restore()->generation, 7);
  EXPECT_EQ(history_.last_report(), newest);
}

TEST_F(HistoryTest, AFailedRestoreKeepsTheReportOfTheLastGoodOne) {
  history_.RecordRestore({"/d/m-1", absl::Time(), absl::OkStatus(), 1},
                         std::make_shared<const CheckpointReport>());
  history_.RecordRestore(
      {"/d/m-2", absl::Time(), absl::NotFoundError("gone"), 0}, nullptr);
  EXPECT_EQ(history_.last_restore()->checkpoint, "/d/m-2");
  EXPECT_NE(history_.last_report(), nullptr);
  EXPECT_FALSE(history_.last_save().has_value());
}

}  // namespace
}  // namespace metagraph
