#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"

namespace metagraph {

// The order of runs that wait for a thread. It keeps three promises:
//   - models are served in turns, by the time that their runs have taken, and
//     so are the hosts that call each: neither does a slow model take a fast
//     one along, nor a host that asks for much the others;
//   - work that cannot be done in time any more is not begun;
//   - where more comes than can be done, the newest goes first: those before it
//     would be too late soon, and with them all that follow.
// Times are SteadyNanos. Not thread-safe; see RunPool.
class RunQueue {
 public:
  struct Job {
    std::string model;
    std::string host;            // of the caller
    int64_t expected_nanos = 0;  // 0: not known
    int64_t deadline = std::numeric_limits<int64_t>::max();
    // Called once: with OK to do the work, else with what to answer.
    absl::AnyInvocable<void(absl::Status)> run;
    int64_t queued_at = 0;  // set by the queue
  };
  struct Limits {
    // Threads that the runs of one model may have, and those of one host.
    int threads = 1;
    // The same for the runs of one model that one host asks for.
    int threads_of_both = 1;
    // Runs that wait of one model, and of one host, and in all. The oldest of
    // the host that has the most makes room for one more.
    size_t waiting = 768;
    size_t waiting_in_all = 896;
    // Once the oldest of a host has waited for so long, its newest goes first.
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
  // A run that Pop gave has ended.
  void Done(const Job& job, int64_t nanos);

  size_t waiting() const { return waiting_; }
  size_t models() const { return models_.size(); }
  size_t lines() const { return lines_.size(); }

 private:
  struct Count {
    size_t lines = 0;
    size_t waiting = 0;
    int running = 0;

    bool idle() const { return waiting == 0 && running == 0; }
  };
  // Nanoseconds of work are made even when somebody comes back: time without
  // work is not saved up.
  struct Model : Count {
    double served = 0;
    double least_served_line = 0;  // of the line that had the last turn
  };
  // What one host asks for of one model.
  struct Line {
    Model* model = nullptr;
    Count* host = nullptr;
    std::map<int64_t, Job> jobs;  // by their numbers: the oldest first
    int running = 0;
    double served = 0;

    bool idle() const { return jobs.empty() && running == 0; }
  };
  using Lines = std::map<std::pair<std::string, std::string>, Line>;

  Line& LineOf(const Job& job);
  void MakeRoom(const Line& line, int64_t now, std::vector<Refused>& refused);
  template <typename Predicate>
  void RefuseOldest(const Predicate& is_of, const std::string& bound,
                    int64_t now, std::vector<Refused>& refused);
  void RefuseLate(int64_t now, std::vector<Refused>& refused);
  Job TakeOut(Line& line, std::map<int64_t, Job>::iterator job);
  bool MayBegin(const Line& line) const;
  bool IsForgotten(const Line& line) const;
  Lines::iterator Forget(Lines::iterator line);

  const Limits limits_;
  // With work, or at work, or still ahead of others.
  std::map<std::string, Model> models_;
  std::map<std::string, Count> hosts_;
  Lines lines_;
  // Of jobs with a deadline: when each must have begun, its number and line.
  std::set<std::tuple<int64_t, int64_t, Line*>> must_begin_;
  int64_t next_number_ = 0;
  size_t waiting_ = 0;
  int running_ = 0;
  double least_served_ = 0;  // of the model that had the last turn
};

}  // namespace metagraph
