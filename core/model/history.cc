#include "core/model/history.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace metagraph {
namespace {

constexpr size_t kMaxOrigins = 64;

}  // namespace

void History::Retain(std::shared_ptr<const Generation> replaced) {
  std::shared_ptr<const Generation> dead;  // freed after the lock
  MutexLock lock(mu_);
  const bool empty =
      std::none_of(replaced->values.begin(), replaced->values.end(),
                   [](const Tensor& value) { return value.initialized(); });
  if (empty || max_retained_ == 0) {
    dead = std::move(replaced);
    return;
  }
  // Who replaced a later one may have been quicker to say so.
  const auto later = std::upper_bound(
      retained_.begin(), retained_.end(), replaced->number,
      [](int64_t number, const auto& kept) { return number < kept->number; });
  retained_.insert(later, std::move(replaced));
  if (retained_.size() > max_retained_) {
    dead = std::move(retained_.front());
    retained_.pop_front();
  }
}

std::vector<std::shared_ptr<const Generation>> History::Retained() const {
  MutexLock lock(mu_);
  return {retained_.begin(), retained_.end()};
}

std::vector<int64_t> History::GiveUpRetained() {
  std::deque<std::shared_ptr<const Generation>> dead;  // freed after the lock
  std::vector<int64_t> numbers;
  MutexLock lock(mu_);
  dead.swap(retained_);
  numbers.reserve(dead.size());
  for (const auto& generation : dead) numbers.push_back(generation->number);
  return numbers;
}

void History::AddOrigin(Origin origin) {
  MutexLock lock(mu_);
  origins_.push_back(std::move(origin));
  if (origins_.size() > kMaxOrigins) origins_.pop_front();
}

std::vector<History::Origin> History::Origins() const {
  MutexLock lock(mu_);
  return {origins_.begin(), origins_.end()};
}

bool History::IsUnchanged(const Origin& origin) const {
  return FindFiles(files_, origin.checkpoint).stamp == origin.stamp;
}

History::RollbackTarget History::FindRollbackTarget(
    std::optional<int64_t> generation, int64_t newest) const {
  std::vector<std::shared_ptr<const Generation>> retained;
  std::vector<Origin> origins;
  std::map<int64_t, std::shared_ptr<const CheckpointReport>> reports;
  {
    MutexLock lock(mu_);
    retained.assign(retained_.begin(), retained_.end());
    origins.assign(origins_.begin(), origins_.end());
    reports = reports_;
  }
  RollbackTarget out;
  if (generation) {
    out.generation = *generation;
  } else {
    // The newest one before, in memory or as a checkpoint that is still there.
    if (!retained.empty()) out.generation = retained.back()->number;
    for (const Origin& origin : origins) {
      if (origin.generation < newest && origin.generation > out.generation &&
          IsUnchanged(origin)) {
        out.generation = origin.generation;
      }
    }
  }
  for (const auto& values : retained) {
    if (values->number == out.generation) out.values = values;
  }
  // Of its checkpoints the last one that still is as it was; else the last.
  for (auto origin = origins.rbegin(); origin != origins.rend(); ++origin) {
    if (origin->generation != out.generation) continue;
    const bool unchanged = IsUnchanged(*origin);
    if (unchanged || !out.origin) out.origin = *origin;
    if (unchanged) break;
  }
  const auto later = reports.upper_bound(out.generation);
  if (later != reports.begin()) out.report = std::prev(later)->second;
  return out;
}

void History::RecordRestore(Outcome outcome,
                            std::shared_ptr<const CheckpointReport> report) {
  MutexLock lock(mu_);
  if (report != nullptr) {
    KeepReport(outcome.generation, std::move(report));
    if (outcome.generation < last_restored_) return;
    last_restored_ = outcome.generation;
  }
  last_restore_ = std::move(outcome);
}

void History::RecordRollback(int64_t generation, const RollbackTarget& target) {
  MutexLock lock(mu_);
  KeepReport(generation, target.report);
}

void History::KeepReport(int64_t generation,
                         std::shared_ptr<const CheckpointReport> report) {
  reports_[generation] = std::move(report);
  // Nobody goes back in memory to what lies before.
  const int64_t oldest =
      retained_.empty() ? reports_.rbegin()->first : retained_.front()->number;
  const auto first = std::prev(
      reports_.upper_bound(std::max(oldest, reports_.begin()->first)));
  reports_.erase(reports_.begin(), first);
}

void History::RecordSave(Outcome outcome) {
  MutexLock lock(mu_);
  last_save_ = std::move(outcome);
}

std::optional<Outcome> History::last_restore() const {
  MutexLock lock(mu_);
  return last_restore_;
}

std::shared_ptr<const CheckpointReport> History::last_report() const {
  MutexLock lock(mu_);
  return reports_.empty() ? nullptr : reports_.rbegin()->second;
}

std::optional<Outcome> History::last_save() const {
  MutexLock lock(mu_);
  return last_save_;
}

}  // namespace metagraph
