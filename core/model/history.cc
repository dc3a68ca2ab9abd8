#include "core/model/history.h"

#include <algorithm>
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
  retained_.push_back(std::move(replaced));
  if (retained_.size() > max_retained_) {
    dead = std::move(retained_.front());
    retained_.pop_front();
  }
}

std::vector<std::shared_ptr<const Generation>> History::Retained() const {
  MutexLock lock(mu_);
  return {retained_.begin(), retained_.end()};
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
  const auto retained = Retained();
  const std::vector<Origin> origins = Origins();
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
  for (const Origin& origin : origins) {
    if (origin.generation == out.generation) out.origin = origin;
  }
  return out;
}

void History::RecordRestore(Outcome outcome,
                            std::shared_ptr<const CheckpointReport> report) {
  MutexLock lock(mu_);
  last_restore_ = std::move(outcome);
  if (report != nullptr) last_report_ = std::move(report);
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
  return last_report_;
}

std::optional<Outcome> History::last_save() const {
  MutexLock lock(mu_);
  return last_save_;
}

}  // namespace metagraph
