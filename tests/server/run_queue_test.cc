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
  // From a host that calls this model only.
  void Push(const std::string& model, const std::string& name,
            int64_t expected = 0,
            int64_t deadline = std::numeric_limits<int64_t>::max()) {
    PushFrom(model, model, name, expected, deadline);
  }
  void PushFrom(const std::string& host, const std::string& model,
                const std::string& name, int64_t expected = 0,
                int64_t deadline = std::numeric_limits<int64_t>::max()) {
    RunQueue::Job job;
    job.model = model;
    job.host = host;
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
  // One has ended, of the model's own host unless told.
  void Done(const std::string& model, int64_t nanos,
            const std::string& host = "") {
    RunQueue::Job job;
    job.model = model;
    job.host = host.empty() ? model : host;
    queue_.Done(job, nanos);
  }
  // The names of those begun in turn, each of `nanos`.
  std::vector<std::string> BeginAll(int64_t nanos) {
    begun_.clear();
    while (auto job = queue_.Pop(now_, refused_)) {
      job->run(absl::OkStatus());
      queue_.Done(*job, nanos);
    }
    return begun_;
  }
  // The names of those that were refused.
  std::vector<std::string> RefusedNames() {
    refused_names_.clear();
    for (RunQueue::Refused& one : refused_) one.job.run(one.status);
    refused_.clear();
    return refused_names_;
  }

  RunQueue queue_{{.threads = 2,
                   .threads_of_both = 2,
                   .waiting = 3,
                   .waiting_in_all = 100,
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
  Done("slow", 500 * kMilli);
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
  Done("m", kMilli);
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
  Done("busy", kMilli);
  for (const char* name : {"n1", "n2", "n3"}) Push("new", name);
  BeginAll(10 * kMilli);
  EXPECT_EQ(begun_.front(), "n1");
  EXPECT_EQ(begun_[1], "b2") << "it has had as much as n1 by then";
}

TEST_F(RunQueueTest, OfOneModelHostsTakeTurns) {
  for (const char* name : {"a1", "a2", "a3"}) PushFrom("a", "m", name);
  EXPECT_EQ(Begin(), "m");
  PushFrom("b", "m", "b1");
  Done("m", 100 * kMilli, "a");
  EXPECT_EQ(Begin(), "m");
  PushFrom("b", "m", "b2");
  Done("m", kMilli, "b");
  EXPECT_THAT(BeginAll(kMilli), testing::ElementsAre("b2", "a2", "a3"));
}

// A host that was away has saved up nothing.
TEST_F(RunQueueTest, AHostThatWasAwayHasNoCredit) {
  PushFrom("a", "m", "a0");
  PushFrom("a", "m", "a1");
  EXPECT_EQ(Begin(), "m");
  Done("m", 1000 * kMilli, "a");
  EXPECT_EQ(Begin(), "m");  // a1 moves the turn to what a has had
  PushFrom("b", "m", "b1");
  PushFrom("b", "m", "b2");
  PushFrom("a", "m", "a2");
  Done("m", 5 * kMilli, "a");
  EXPECT_THAT(BeginAll(10 * kMilli), testing::ElementsAre("b1", "a2", "b2"));
}

TEST_F(RunQueueTest, TheHostWithTheMostMakesRoom) {
  for (const char* name : {"a1", "a2"}) PushFrom("a", "m", name);
  PushFrom("b", "m", "b1");
  PushFrom("c", "m", "c1");
  EXPECT_THAT(RefusedNames(), testing::ElementsAre("a1"));
  PushFrom("a", "m", "a3");
  EXPECT_THAT(BeginAll(kMilli), testing::UnorderedElementsAre("b1", "c1", "a3"))
      << "equals: the first of them";
}

TEST_F(RunQueueTest, AHostIsBoundedOverAllModels) {
  for (const char* name : {"a1", "a2"}) PushFrom("a", "m", name);
  PushFrom("a", "n", "a3");
  PushFrom("a", "o", "a4");
  ASSERT_EQ(refused_.size(), 1u);
  EXPECT_THAT(refused_[0].status,
              HasCode(absl::StatusCode::kResourceExhausted, "one host"));
  EXPECT_THAT(RefusedNames(), testing::ElementsAre("a1"));
  EXPECT_EQ(queue_.waiting(), 3u);
}

TEST_F(RunQueueTest, InAllTheHostWithTheMostMakesRoom) {
  RunQueue queue{{.waiting = 4, .waiting_in_all = 6}};
  const auto push = [&](const std::string& host, const std::string& model) {
    RunQueue::Job job;
    job.model = model;
    job.host = host;
    queue.Push(std::move(job), now_, refused_);
  };
  for (const char* model : {"m", "n", "n", "o"}) push("a", model);
  for (const char* model : {"m", "m"}) push("b", model);
  EXPECT_TRUE(refused_.empty());
  push("c", "p");
  ASSERT_EQ(refused_.size(), 1u);
  EXPECT_EQ(refused_[0].job.host, "a");
  EXPECT_EQ(refused_[0].job.model, "n") << "its longest";
  EXPECT_EQ(queue.waiting(), 6u);
}

TEST_F(RunQueueTest, OneHostLeavesAThreadToOthers) {
  PushFrom("a", "m", "a1");
  PushFrom("a", "n", "a2");
  PushFrom("a", "o", "a3");
  EXPECT_EQ(Begin(), "m");
  EXPECT_EQ(Begin(), "n");
  EXPECT_EQ(Begin(), "");
  PushFrom("b", "o", "b1");
  EXPECT_EQ(Begin(), "o");
  EXPECT_EQ(begun_.back(), "b1");
  Done("m", kMilli, "a");
  EXPECT_EQ(Begin(), "o");
  EXPECT_EQ(begun_.back(), "a3");
}

TEST_F(RunQueueTest, OfOneModelAHostLeavesAThreadToOthers) {
  RunQueue queue{{.threads = 2, .threads_of_both = 1}};
  const auto push = [&](const std::string& host) {
    RunQueue::Job job;
    job.model = "m";
    job.host = host;
    queue.Push(std::move(job), now_, refused_);
  };
  for (const char* host : {"a", "a", "b", "b"}) push(host);
  auto first = queue.Pop(now_, refused_);
  auto second = queue.Pop(now_, refused_);
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->host, second->host);
  EXPECT_FALSE(queue.Pop(now_, refused_));
}

TEST_F(RunQueueTest, AmongManyTheLateOneIsRefused) {
  PushFrom("a", "m", "a1", 0, now_ + 30 * kMilli);
  PushFrom("a", "n", "a2", 20 * kMilli, now_ + 30 * kMilli);
  PushFrom("b", "m", "b1", 0, now_ + 10 * kMilli);
  PushFrom("b", "m", "b2", 0, now_ + 11 * kMilli);
  now_ += 10 * kMilli;
  PushFrom("b", "m", "b3");
  EXPECT_THAT(RefusedNames(), testing::ElementsAre("a2", "b1"));
  EXPECT_THAT(BeginAll(0), testing::UnorderedElementsAre("a1", "b2", "b3"));
}

// Hosts that come once while others keep it at work.
TEST_F(RunQueueTest, ForgetsHostsWithoutWork) {
  PushFrom("busy", "m", "first");
  EXPECT_EQ(Begin(), "m");
  for (int i = 0; i < 1000; ++i) {
    PushFrom("host " + std::to_string(i), "m", "run");
    auto job = queue_.Pop(now_, refused_);
    ASSERT_TRUE(job);
    queue_.Done(*job, kMilli);
  }
  EXPECT_LE(queue_.lines(), 300u);
  Done("m", kMilli, "busy");
  EXPECT_EQ(Begin(), "");
  EXPECT_EQ(queue_.lines(), 0u);
}

}  // namespace
}  // namespace metagraph
