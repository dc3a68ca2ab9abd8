#include "server/run_queue.h"

#include <utility>

#include "gmock/gmock.h"
#include "server/retry_after.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

constexpr int64_t kMilli = 1'000'000;

class RunQueueTest : public testing::Test {
 protected:
  void Push(const std::string& model, const std::string& name,
            int64_t expected = 0,
            int64_t deadline = std::numeric_limits<int64_t>::max()) {
    RunQueue::Job job;
    job.model = model;
    job.expected_nanos = expected;
    job.deadline = deadline;
    job.run = [this, name](const absl::Status& turn) {
      (turn.ok() ? begun_ : refused_names_).push_back(name);
    };
    queue_.Push(std::move(job), now_, refused_);
  }
  // Begins the next; its model, or "" if there is none.
  std::string Begin() {
    auto job = queue_.Pop(now_, refused_);
    if (!job) return "";
    job->run(absl::OkStatus());
    return job->model;
  }
  // The names of those begun in turn, each of `nanos`.
  std::vector<std::string> BeginAll(int64_t nanos) {
    begun_.clear();
    for (std::string model = Begin(); !model.empty(); model = Begin()) {
      queue_.Done(model, nanos);
    }
    return begun_;
  }

  RunQueue queue_{{.threads_per_model = 2,
                   .waiting_per_model = 3,
                   .patience_nanos = 100 * kMilli}};
  int64_t now_ = 1000 * kMilli;
  std::vector<RunQueue::Refused> refused_;
  std::vector<std::string> begun_;
  std::vector<std::string> refused_names_;
};

TEST_F(RunQueueTest, OfOneModelTheOldestGoesFirst) {
  for (const char* name : {"1", "2", "3"}) Push("m", name);
  EXPECT_THAT(BeginAll(kMilli), testing::ElementsAre("1", "2", "3"));
  EXPECT_EQ(queue_.waiting(), 0);
}

TEST_F(RunQueueTest, ASlowModelTakesNoFastOneAlong) {
  for (const char* name : {"slow1", "slow2", "slow3"}) Push("slow", name);
  EXPECT_EQ(Begin(), "slow");
  queue_.Done("slow", 500 * kMilli);
  for (const char* name : {"fast1", "fast2", "fast3"}) Push("fast", name);
  EXPECT_THAT(BeginAll(kMilli), testing::ElementsAre("fast1", "fast2", "fast3",
                                                     "slow2", "slow3"));
}

TEST_F(RunQueueTest, OneModelLeavesAThreadToOthers) {
  for (const char* name : {"1", "2", "3"}) Push("m", name);
  EXPECT_EQ(Begin(), "m");
  EXPECT_EQ(Begin(), "m");
  EXPECT_EQ(Begin(), "");
  Push("other", "o");
  EXPECT_EQ(Begin(), "other");
  queue_.Done("m", kMilli);
  EXPECT_EQ(Begin(), "m");
}

TEST_F(RunQueueTest, WhatIsTooLateIsRefused) {
  Push("m", "hopeless", 50 * kMilli, now_ + 20 * kMilli);
  Push("m", "early", 50 * kMilli, now_ + 70 * kMilli);
  EXPECT_EQ(Begin(), "m");
  ASSERT_EQ(refused_.size(), 1u);
  EXPECT_THAT(refused_[0].status,
              HasCode(absl::StatusCode::kDeadlineExceeded, "waited"));
  EXPECT_THAT(begun_, testing::ElementsAre("early"));
  EXPECT_EQ(queue_.waiting(), 0);
}

TEST_F(RunQueueTest, ALateOneBehindOthersIsRefused) {
  Push("m", "patient");
  Push("m", "hopeless", 50 * kMilli, now_ + 20 * kMilli);
  Push("m", "last");
  EXPECT_THAT(BeginAll(kMilli), testing::ElementsAre("patient", "last"));
  EXPECT_EQ(refused_.size(), 1u);
}

TEST_F(RunQueueTest, ForgetsModelsWithoutWork) {
  for (int i = 0; i < 100; ++i) {
    Push("model " + std::to_string(i), "run");
    BeginAll(kMilli);
  }
  EXPECT_EQ(queue_.models(), 0u);
}

TEST_F(RunQueueTest, UnderOverloadTheNewestGoesFirst) {
  Push("m", "old");
  now_ += 101 * kMilli;
  Push("m", "middle");
  Push("m", "new");
  EXPECT_THAT(BeginAll(kMilli), testing::ElementsAre("new", "middle", "old"));
}

TEST_F(RunQueueTest, TheOldestMakesRoom) {
  for (const char* name : {"1", "2", "3", "4"}) Push("m", name);
  ASSERT_EQ(refused_.size(), 1u);
  EXPECT_THAT(refused_[0].status,
              HasCode(absl::StatusCode::kResourceExhausted, "overloaded"));
  EXPECT_GT(RetryAfter(refused_[0].status), absl::ZeroDuration());
  EXPECT_THAT(BeginAll(kMilli), testing::ElementsAre("2", "3", "4"));
}

// A model that was away has saved up nothing.
TEST_F(RunQueueTest, AwayIsNotCredit) {
  Push("busy", "b");
  BeginAll(1000 * kMilli);
  Push("busy", "b1");
  Push("busy", "b2");
  EXPECT_EQ(Begin(), "busy");
  queue_.Done("busy", kMilli);
  for (const char* name : {"n1", "n2", "n3"}) Push("new", name);
  BeginAll(10 * kMilli);
  EXPECT_EQ(begun_.front(), "n1");
  EXPECT_EQ(begun_[1], "b2") << "it has had as much as n1 by then";
}

}  // namespace
}  // namespace metagraph
