#include "server/run_queue.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/retry_after.h"

namespace metagraph {

void RunQueue::Refuse(Job job, absl::Status status,
                      std::vector<Refused>& refused) {
  --waiting_;
  refused.push_back({std::move(job), std::move(status)});
}

void RunQueue::Push(Job job, int64_t now, std::vector<Refused>& refused) {
  job.queued_at = now;
  Model& model = models_[job.model];
  if (model.waiting.empty() && model.running == 0) {
    // Time without work is not saved up.
    model.served = std::max(model.served, least_served_);
  }
  if (model.waiting.size() >= limits_.waiting_per_model) {
    RefuseLate(model, now, refused);
  }
  if (model.waiting.size() >= limits_.waiting_per_model) {
    Job oldest = std::move(model.waiting.front());
    model.waiting.pop_front();
    const absl::Status full = WithRetryAfter(
        absl::ResourceExhaustedError(absl::StrCat(
            "model \"", oldest.model, "\" is overloaded: more than ",
            limits_.waiting_per_model, " of its runs wait")),
        absl::Nanoseconds(now - oldest.queued_at));
    Refuse(std::move(oldest), full, refused);
  }
  model.waiting.push_back(std::move(job));
  ++waiting_;
}

void RunQueue::RefuseLate(Model& model, int64_t now,
                          std::vector<Refused>& refused) {
  const auto in_time = [now](const Job& job) {
    return job.deadline - now > job.expected_nanos;
  };
  // Deadlines are the callers' own: one behind may be nearer.
  const auto late = std::stable_partition(model.waiting.begin(),
                                          model.waiting.end(), in_time);
  for (auto job = late; job != model.waiting.end(); ++job) {
    const int64_t waited = now - job->queued_at;
    Refuse(
        std::move(*job),
        WithRetryAfter(absl::DeadlineExceededError(absl::StrCat(
                           "the run has waited ", waited / 1'000'000,
                           " ms and cannot be done in the time that is left")),
                       absl::Nanoseconds(waited)),
        refused);
  }
  model.waiting.erase(late, model.waiting.end());
}

std::optional<RunQueue::Job> RunQueue::Pop(int64_t now,
                                           std::vector<Refused>& refused) {
  Model* next = nullptr;
  for (auto entry = models_.begin(); entry != models_.end();) {
    Model& model = entry->second;
    RefuseLate(model, now, refused);
    if (model.waiting.empty() && model.running == 0 &&
        model.served <= least_served_) {
      entry = models_.erase(entry);  // it would begin again as it is
      continue;
    }
    if (!model.waiting.empty() && model.running < limits_.threads_per_model &&
        (next == nullptr || model.served < next->served)) {
      next = &model;
    }
    ++entry;
  }
  if (next == nullptr) {
    // With nothing at work there is nobody to be fair to.
    if (running_ == 0) models_.clear();
    return std::nullopt;
  }
  const bool newest_first =
      now - next->waiting.front().queued_at > limits_.patience_nanos;
  std::deque<Job>& jobs = next->waiting;
  Job job = std::move(newest_first ? jobs.back() : jobs.front());
  newest_first ? jobs.pop_back() : jobs.pop_front();
  --waiting_;
  ++next->running;
  ++running_;
  least_served_ = std::max(least_served_, next->served);
  return job;
}

void RunQueue::Done(const std::string& model, int64_t nanos) {
  const auto entry = models_.find(model);
  if (entry == models_.end()) return;
  --entry->second.running;
  --running_;
  entry->second.served += static_cast<double>(nanos);
}

}  // namespace metagraph
