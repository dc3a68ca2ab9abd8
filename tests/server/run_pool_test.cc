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

// Runs of one model and one host that do not end before End; it outlives the
// pool.
class EndlessRuns {
 public:
  void Schedule(RunPool& pool, int count) {
    for (int i = 0; i < count; ++i) {
      pool.Schedule(Job("endless", [this](const absl::Status& turn) {
        MutexLock lock(mu_);
        ++(turn.ok() ? running_ : refused_);
        changed_.NotifyAll();
        while (turn.ok() && !end_) changed_.Wait(mu_);
      }));
    }
  }
  void WaitForRunning(int count) {
    MutexLock lock(mu_);
    while (running_ != count) changed_.Wait(mu_);
  }
  int refused() {
    MutexLock lock(mu_);
    return refused_;
  }
  void End() {
    MutexLock lock(mu_);
    end_ = true;
    changed_.NotifyAll();
  }

 private:
  Mutex mu_;
  CondVar changed_;
  int running_ GUARDED_BY(mu_) = 0;
  int refused_ GUARDED_BY(mu_) = 0;
  bool end_ GUARDED_BY(mu_) = false;
};

// Of 12 runs that are admitted 4 may be at work and 8 wait. Where one model has
// 9 that wait, none of others are admitted.
TEST(RunPoolTest, RunsOfAModelThatWaitLeavePlacesBesideThoseAtWork) {
  EndlessRuns runs;
  RunPool pool(4, 12);
  runs.Schedule(pool, 2);
  runs.WaitForRunning(2);
  runs.Schedule(pool, 6);
  EXPECT_EQ(runs.refused(), 0);
  runs.Schedule(pool, 1);
  EXPECT_EQ(runs.refused(), 1);
  runs.End();
}

// With fewer runs than threads one may wait.
TEST(RunPoolTest, AFewRunsMayWaitForManyThreads) {
  EndlessRuns runs;
  RunPool pool(6, 2);
  for (int running = 1; running <= 4; ++running) {
    runs.Schedule(pool, 1);
    runs.WaitForRunning(running);
  }
  runs.Schedule(pool, 1);
  EXPECT_EQ(runs.refused(), 0);
  runs.Schedule(pool, 1);
  EXPECT_EQ(runs.refused(), 1);
  runs.End();
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
