#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "server/access_line.h"
#include "server/log_format.h"

namespace metagraph {

// Writes access lines in batches, on a thread of its own, so that calls wait
// neither for text to be made nor for whoever takes it. A line is written at
// once if none was for kPause, else when that has passed. While more lie
// unwritten than kMaxUnwritten, lines are dropped; the log tells how many, once
// a second at most. What has been added is written before the end, but not if
// the process is killed. Thread-safe.
class AccessWriter {
 public:
  static constexpr size_t kMaxUnwritten = 8192;
  static constexpr std::chrono::milliseconds kPause{50};

  struct Output {
    LogFormat format = LogFormat::kText;
    Clock* clock = &Clock::Real();
    // Is given whole lines, by one thread at a time.
    std::function<void(absl::string_view)> write = WriteLogLines;
  };

  explicit AccessWriter(Output output);
  ~AccessWriter();
  AccessWriter(const AccessWriter&) = delete;
  AccessWriter& operator=(const AccessWriter&) = delete;

  // Waits for nothing.
  void Add(AccessLine line) EXCLUDES(mu_);
  // Returns when all is written that was added before.
  void Flush() EXCLUDES(mu_);
  int64_t dropped() const EXCLUDES(mu_);

 private:
  struct Batch {
    std::vector<AccessLine> lines;
    int64_t dropped = 0;  // ever
    bool is_last = false;
  };

  void Work() EXCLUDES(mu_);
  // Waits for lines, or for the time to tell of dropped ones.
  void Take(bool is_owing, Batch* batch) EXCLUDES(mu_);
  void Write(const Batch& batch, AccessText* text, std::string* buffer);
  // Ends early if there is reason not to wait.
  void Pause() EXCLUDES(mu_);

  const Output output_;
  // Of the thread: how many dropped lines the log has told of, and when.
  int64_t told_ = 0;
  absl::Time told_at_ = absl::InfinitePast();

  mutable Mutex mu_;
  CondVar wake_;     // the thread
  CondVar written_;  // who flushes
  std::vector<AccessLine> unwritten_ GUARDED_BY(mu_);
  int64_t added_count_ GUARDED_BY(mu_) = 0;
  int64_t written_count_ GUARDED_BY(mu_) = 0;
  int64_t dropped_ GUARDED_BY(mu_) = 0;
  int flushing_ GUARDED_BY(mu_) = 0;
  bool is_idle_ GUARDED_BY(mu_) = false;  // the thread must be woken
  bool is_ending_ GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace metagraph
