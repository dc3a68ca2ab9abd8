#include "server/run_queue.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "server/retry_after.h"

namespace metagraph {
namespace {

// Lines without work that are remembered, for hosts that come once.
constexpr size_t kMaxIdleLines = 256;

int64_t MustBegin(const RunQueue::Job& job) {
  return job.deadline - job.expected_nanos;
}

bool HasDeadline(const RunQueue::Job& job) {
  return job.deadline != std::numeric_limits<int64_t>::max();
}

}  // namespace

RunQueue::Line& RunQueue::LineOf(const Job& job) {
  Line& line = lines_[{job.model, job.host}];
  if (line.model == nullptr) {
    line.model = &models_[job.model];
    line.host = &hosts_[job.host];
    ++line.model->lines;
    ++line.host->lines;
  }
  if (line.model->idle()) {
    line.model->served = std::max(line.model->served, least_served_);
  }
  if (line.idle()) {
    line.served = std::max(line.served, line.model->least_served_line);
  }
  return line;
}

void RunQueue::Push(Job job, int64_t now, std::vector<Refused>& refused) {
  RefuseLate(now, refused);
  Line& line = LineOf(job);
  MakeRoom(line, now, refused);
  const int64_t number = next_number_++;
  if (HasDeadline(job)) must_begin_.emplace(MustBegin(job), number, &line);
  job.queued_at = now;
  line.jobs.emplace(number, std::move(job));
  ++line.model->waiting;
  ++line.host->waiting;
  ++waiting_;
}

RunQueue::Job RunQueue::TakeOut(Line& line,
                                std::map<int64_t, Job>::iterator job) {
  if (HasDeadline(job->second)) {
    must_begin_.erase({MustBegin(job->second), job->first, &line});
  }
  Job out = std::move(job->second);
  line.jobs.erase(job);
  --line.model->waiting;
  --line.host->waiting;
  --waiting_;
  return out;
}

void RunQueue::MakeRoom(const Line& line, int64_t now,
                        std::vector<Refused>& refused) {
  if (line.model->waiting >= limits_.waiting) {
    RefuseOldest([&](const Line& other) { return other.model == line.model; },
                 absl::StrCat(limits_.waiting, " runs of one model"), now,
                 refused);
  }
  if (line.host->waiting >= limits_.waiting) {
    RefuseOldest([&](const Line& other) { return other.host == line.host; },
                 absl::StrCat(limits_.waiting, " runs of one host's callers"),
                 now, refused);
  }
  if (waiting_ < limits_.waiting_in_all) return;
  const Count* most = line.host;
  for (const auto& [name, host] : hosts_) {
    if (host.waiting > most->waiting) most = &host;
  }
  RefuseOldest([most](const Line& other) { return other.host == most; },
               absl::StrCat(limits_.waiting_in_all, " runs"), now, refused);
}

// Of the longest of these lines.
template <typename Predicate>
void RunQueue::RefuseOldest(const Predicate& is_of, const std::string& bound,
                            int64_t now, std::vector<Refused>& refused) {
  Line* longest = nullptr;
  for (auto& [names, line] : lines_) {
    if (is_of(line) && !line.jobs.empty() &&
        (longest == nullptr || line.jobs.size() > longest->jobs.size())) {
      longest = &line;
    }
  }
  if (longest == nullptr) return;
  Job oldest = TakeOut(*longest, longest->jobs.begin());
  const absl::Status full =
      WithRetryAfter(absl::ResourceExhaustedError(absl::StrCat(
                         "overloaded: more than ", bound, " wait")),
                     absl::Nanoseconds(now - oldest.queued_at));
  refused.push_back({std::move(oldest), full});
}

void RunQueue::RefuseLate(int64_t now, std::vector<Refused>& refused) {
  while (!must_begin_.empty()) {
    const auto [latest, number, line] = *must_begin_.begin();
    if (latest > now) return;
    Job late = TakeOut(*line, line->jobs.find(number));
    const int64_t waited = now - late.queued_at;
    const absl::Status status =
        WithRetryAfter(absl::DeadlineExceededError(absl::StrCat(
                           "the run has waited ", waited / 1'000'000,
                           " ms and cannot be done in the time that is left")),
                       absl::Nanoseconds(waited));
    refused.push_back({std::move(late), status});
  }
}

bool RunQueue::MayBegin(const Line& line) const {
  return !line.jobs.empty() && line.running < limits_.threads_of_both &&
         line.model->running < limits_.threads &&
         line.host->running < limits_.threads;
}

// Whether it would begin again as it is, or nearly so.
bool RunQueue::IsForgotten(const Line& line) const {
  if (!line.idle()) return false;
  return line.served <= line.model->least_served_line ||
         (line.model->idle() && line.model->served <= least_served_) ||
         lines_.size() > kMaxIdleLines + waiting_;
}

RunQueue::Lines::iterator RunQueue::Forget(Lines::iterator line) {
  const Model& model = *line->second.model;
  if (--line->second.host->lines == 0) hosts_.erase(line->first.second);
  if (--line->second.model->lines == 0 && model.served <= least_served_) {
    models_.erase(line->first.first);
  }
  return lines_.erase(line);
}

std::optional<RunQueue::Job> RunQueue::Pop(int64_t now,
                                           std::vector<Refused>& refused) {
  RefuseLate(now, refused);
  Line* next = nullptr;
  for (auto entry = lines_.begin(); entry != lines_.end();) {
    Line& line = entry->second;
    if (IsForgotten(line)) {
      entry = Forget(entry);
      continue;
    }
    ++entry;
    if (!MayBegin(line)) continue;
    if (next == nullptr || std::tie(line.model->served, line.served) <
                               std::tie(next->model->served, next->served)) {
      next = &line;
    }
  }
  if (next == nullptr) {
    // With nothing at work there is nobody to be fair to.
    if (running_ == 0) {
      lines_.clear();
      hosts_.clear();
      models_.clear();
    }
    return std::nullopt;
  }
  const auto oldest = next->jobs.begin();
  const bool newest_first =
      now - oldest->second.queued_at > limits_.patience_nanos;
  Job job = TakeOut(*next, newest_first ? std::prev(next->jobs.end()) : oldest);
  ++next->running;
  ++next->model->running;
  ++next->host->running;
  ++running_;
  Model& model = *next->model;
  least_served_ = std::max(least_served_, model.served);
  model.least_served_line = std::max(model.least_served_line, next->served);
  return job;
}

void RunQueue::Done(const Job& job, int64_t nanos) {
  const auto entry = lines_.find({job.model, job.host});
  if (entry == lines_.end()) return;
  Line& line = entry->second;
  --line.running;
  --line.model->running;
  --line.host->running;
  --running_;
  line.served += static_cast<double>(nanos);
  line.model->served += static_cast<double>(nanos);
}

}  // namespace metagraph
