#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

namespace metagraph {

// The order of runs that wait for a thread. It keeps three promises:
//   - models are served in turns, by the time that their runs have taken, so
//     that a slow one does not take a fast one along;
//   - work that cannot be done in time any more is not begun;
//   - where more comes than can be done, the newest goes first: those before it
//     would be too late soon, and with them all that follow.
// Times are SteadyNanos. Not thread-safe; see RunPool.
class RunQueue {
 public:
  struct Job {
    std::string model;
    int64_t expected_nanos = 0;  // 0: not known
    int64_t deadline = std::numeric_limits<int64_t>::max();
    // Called once: with OK to do the work, else with what to answer.
    absl::AnyInvocable<void(absl::Status)> run;
    int64_t queued_at = 0;  // set by the queue
  };
  struct Limits {
    // Threads that the runs of one model may have.
    int threads_per_model = 1;
    // Runs of one model that wait; the oldest makes room for one more.
    size_t waiting_per_model = 768;
    // Once the oldest has waited for so long, the newest goes first.
    int64_t patience_nanos = 100'000'000;
  };
  struct Refused {
    Job job;
    absl::Status status;
  };

  explicit RunQueue(const Limits& limits) : limits_(limits) {}

  // Those that need not wait any more are moved to `refused`.
  void Push(Job job, int64_t now, std::vector<Refused>& refused);
  // The next to begin, or none of those that wait may.
  std::optional<Job> Pop(int64_t now, std::vector<Refused>& refused);
  // A run of the model that Pop gave has ended.
  void Done(const std::string& model, int64_t nanos);

  size_t waiting() const { return waiting_; }
  size_t models() const { return models_.size(); }

 private:
  struct Model {
    std::deque<Job> waiting;  // the oldest first
    int running = 0;
    double served = 0;  // nanoseconds of work, made even when it comes back
  };

  void RefuseLate(Model& model, int64_t now, std::vector<Refused>& refused);
  void Refuse(Job job, absl::Status status, std::vector<Refused>& refused);

  const Limits limits_;
  std::map<std::string, Model> models_;  // with work, or at work
  size_t waiting_ = 0;
  int running_ = 0;
  double least_served_ = 0;  // of the model that had the last turn
};

}  // namespace metagraph
