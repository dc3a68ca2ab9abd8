#include "server/run_pool.h"

#include <atomic>
#include <utility>

#include "gtest/gtest.h"

namespace metagraph {
namespace {

RunQueue::Job Job(const std::string& model,
                  absl::AnyInvocable<void(absl::Status)> run) {
  RunQueue::Job out;
  out.model = model;
  out.run = std::move(run);
  return out;
}

TEST(RunPoolTest, DoesAllThatWaitsBeforeItEnds) {
  std::atomic<int> done{0};
  {
    RunPool pool(2, 1000);
    for (int i = 0; i < 100; ++i) {
      pool.Schedule(Job(i % 2 == 0 ? "a" : "b",
                        [&](const absl::Status& turn) { done += turn.ok(); }));
    }
  }
  EXPECT_EQ(done, 100);
}

// Runs of one model that do not end leave a thread to those of others.
TEST(RunPoolTest, AnotherModelIsServedBesideEndlessRuns) {
  Mutex mu;
  CondVar changed;
  bool end = false;
  int others = 0;
  RunPool pool(3, 1000);
  for (int i = 0; i < 5; ++i) {
    pool.Schedule(Job("endless", [&](const absl::Status&) {
      MutexLock lock(mu);
      while (!end) changed.Wait(mu);
    }));
  }
  for (int i = 0; i < 5; ++i) {
    pool.Schedule(Job("other", [&](const absl::Status&) {
      MutexLock lock(mu);
      ++others;
      changed.NotifyAll();
    }));
  }
  MutexLock lock(mu);
  while (others < 5) changed.Wait(mu);
  end = true;
  changed.NotifyAll();
}

// Nor do endless runs of one host take the model from another.
TEST(RunPoolTest, AnotherHostIsServedBesideEndlessRunsOfTheSameModel) {
  Mutex mu;
  CondVar changed;
  bool end = false;
  int others = 0;
  RunPool pool(4, 1000);
  for (int i = 0; i < 5; ++i) {
    RunQueue::Job endless = Job("m", [&](const absl::Status&) {
      MutexLock lock(mu);
      while (!end) changed.Wait(mu);
    });
    endless.host = "a";
    pool.Schedule(std::move(endless));
  }
  for (int i = 0; i < 5; ++i) {
    RunQueue::Job other = Job("m", [&](const absl::Status&) {
      MutexLock lock(mu);
      ++others;
      changed.NotifyAll();
    });
    other.host = "b";
    pool.Schedule(std::move(other));
  }
  MutexLock lock(mu);
  while (others < 5) changed.Wait(mu);
  end = true;
  changed.NotifyAll();
}

TEST(RunPoolTest, WhatIsTooLateIsAnswered) {
  Mutex mu;
  CondVar changed;
  absl::Status answered;
  RunPool pool(2, 1000);
  RunQueue::Job late = Job("m", [&](const absl::Status& turn) {
    MutexLock lock(mu);
    answered = turn;
    changed.NotifyAll();
  });
  late.deadline = 1;
  pool.Schedule(std::move(late));
  MutexLock lock(mu);
  while (answered.ok()) changed.Wait(mu);
  EXPECT_EQ(answered.code(), absl::StatusCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace metagraph
