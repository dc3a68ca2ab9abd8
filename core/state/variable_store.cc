#include "core/state/variable_store.h"

#include <algorithm>
#include <bitset>
#include <chrono>

#include "absl/container/inlined_vector.h"
#include "core/base/error_details.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

std::pair<std::string, std::string> SlotKey(absl::string_view container,
                                            absl::string_view name) {
  if (container == "localhost") container = "";
  return {std::string(container), std::string(name)};
}

}  // namespace

const Tensor& Generation::value(int slot) const {
  static const Tensor kUninitialized;
  return slot < static_cast<int>(values.size()) ? values[slot] : kUninitialized;
}

VariableView::~VariableView() {
  if (store_ != nullptr) store_->EndWrite();
}

const Tensor& VariableView::Read(int slot, Tensor* scratch) const {
  if (store_ == nullptr) return generation_->value(slot);
  if (slot >= static_cast<int>(live_.size())) return generation_->value(slot);
  MutexLock lock(store_->SlotLock(slot));
  live_[slot].PrepareRead();
  *scratch = live_[slot].value();
  return *scratch;
}

absl::Status VariableView::Update(
    int slot, absl::FunctionRef<absl::Status(LiveVariable& variable)> update) {
  if (store_ == nullptr || slot >= static_cast<int>(live_.size())) {
    return Internal("a run that only reads tried to write a variable");
  }
  MutexLock lock(store_->SlotLock(slot));
  store_->wrote_ = true;
  return update(live_[slot]);
}

absl::Status VariableView::Update(
    absl::Span<const int> slots,
    absl::FunctionRef<absl::Status(absl::Span<LiveVariable* const> variables)>
        update) {
  absl::InlinedVector<LiveVariable*, 8> variables;
  std::bitset<VariableStore::kSlotLocks> locks;
  for (const int slot : slots) {
    if (store_ == nullptr || slot >= static_cast<int>(live_.size())) {
      return Internal("a run that only reads tried to write a variable");
    }
    variables.push_back(&live_[slot]);
    locks.set(slot % VariableStore::kSlotLocks);
  }
  // Always in the same order, so that two nodes cannot wait for each other.
  for (size_t i = 0; i < locks.size(); ++i) {
    if (locks[i]) store_->slot_locks_[i].Lock();
  }
  store_->wrote_ = true;
  absl::Status status = update(variables);
  for (size_t i = 0; i < locks.size(); ++i) {
    if (locks[i]) store_->slot_locks_[i].Unlock();
  }
  return status;
}

absl::StatusOr<Tensor*> LiveVariable::MakeWritable() {
  if (!writable()) {
    ASSIGN_OR_RETURN(*value_, value_->Clone());
  }
  PrepareRead();
  return value_;
}

void LiveVariable::PrepareRead() {
  // Strings would be moved while others read them.
  if (in_place_ || !written_by_reference_ || !value_->initialized() ||
      !IsPlainData(value_->dtype())) {
    return;
  }
  if (!value_->OwnsBufferAlone()) {
    absl::StatusOr<Tensor> copy = value_->Clone();
    if (!copy.ok()) return;  // no memory: the writer will say so
    *value_ = *std::move(copy);
  }
  in_place_ = true;
}

VariableStore::VariableStore(Reclaimer reclaim)
    : published_(std::make_shared<Generation>()),
      reclaim_(std::move(reclaim)) {}
VariableStore::~VariableStore() = default;

absl::StatusOr<VariableInfo> VariableStore::FindOrCreate(
    absl::string_view container, absl::string_view name, DataType dtype,
    const PartialShape& shape) {
  MutexLock lock(mu_);
  const auto [it, added] =
      slots_.try_emplace(SlotKey(container, name), variables_.size());
  if (added) {
    VariableInfo info;
    info.slot = it->second;
    info.container = it->first.first;
    info.name = it->first.second;
    info.dtype = dtype;
    info.shape = shape;
    variables_.push_back(std::move(info));
    live_.emplace_back();
  }
  const VariableInfo& info = variables_[it->second];
  if (info.dtype != dtype) {
    return InvalidArgument("variable \"", name, "\" has dtype ",
                           DataTypeName(info.dtype), ", not ",
                           DataTypeName(dtype));
  }
  return info;
}

absl::StatusOr<VariableInfo> VariableStore::Find(absl::string_view container,
                                                 absl::string_view name) const {
  MutexLock lock(mu_);
  const auto it = slots_.find(SlotKey(container, name));
  if (it == slots_.end()) {
    return NotFound("Resource ", container, "/", name, " does not exist.");
  }
  return variables_[it->second];
}

VariableInfo VariableStore::Get(int slot) const {
  MutexLock lock(mu_);
  return variables_[slot];
}

std::vector<VariableInfo> VariableStore::List() const {
  MutexLock lock(mu_);
  return variables_;
}

absl::Status VariableStore::WaitForNoWriter(CallContext& call) {
  // Wakes now and then for the caller's deadline; a cancelled caller is
  // noticed at the same beat.
  while (writing_) {
    RETURN_IF_ERROR(call.Check());
    writer_done_.WaitFor(mu_, std::chrono::milliseconds(5));
  }
  return absl::OkStatus();
}

std::shared_ptr<const Generation> VariableStore::Snapshot() {
  auto next = std::make_unique<Generation>();
  next->number = number_;
  next->checkpoint = checkpoint_;
  next->as_restored = as_restored_;
  next->values.assign(live_.begin(), live_.end());
  if (reclaim_ == nullptr) {
    published_ = std::move(next);
  } else {
    published_ = std::shared_ptr<const Generation>(
        next.release(), [reclaim = reclaim_](const Generation* dead) {
          reclaim(std::unique_ptr<const Generation>(dead));
        });
  }
  return published_;
}

absl::StatusOr<std::shared_ptr<const Generation>> VariableStore::Read(
    CallContext& call) {
  MutexLock lock(mu_);
  read_since_publish_ = true;
  if (published_ != nullptr) return published_;
  RETURN_IF_ERROR(WaitForNoWriter(call));
  return published_ != nullptr ? published_ : Snapshot();
}

absl::StatusOr<std::unique_ptr<VariableView>> VariableStore::BeginWrite(
    CallContext& call, absl::Span<const int> by_reference) {
  MutexLock lock(mu_);
  RETURN_IF_ERROR(WaitForNoWriter(call));
  writing_ = true;
  wrote_ = false;
  auto before = published_;
  if (before == nullptr) {
    // Nobody read since the last step: values are not needed, and holding
    // them would make this step copy.
    auto stub = std::make_shared<Generation>();
    stub->number = number_;
    stub->checkpoint = checkpoint_;
    stub->as_restored = as_restored_;
    before = std::move(stub);
  }
  std::vector<LiveVariable> live;
  live.reserve(live_.size());
  for (Tensor& value : live_) live.emplace_back(&value, false);
  for (const int slot : by_reference) live[slot].written_by_reference_ = true;
  return std::unique_ptr<VariableView>(
      new VariableView(*this, std::move(before), std::move(live)));
}

void VariableStore::EndWrite() {
  std::shared_ptr<const Generation> dead;  // freed after the lock
  MutexLock lock(mu_);
  writing_ = false;
  if (wrote_) {
    ++number_;
    as_restored_ = false;
    dead = std::exchange(published_, nullptr);
    if (read_since_publish_) {
      read_since_publish_ = false;
      Snapshot();
    }
  }
  writer_done_.NotifyAll();
}

absl::StatusOr<std::shared_ptr<const Generation>> VariableStore::Publish(
    std::vector<std::pair<int, Tensor>> values, std::string checkpoint,
    int64_t expected, CallContext& call) {
  return Replace(std::move(values), std::move(checkpoint),
                 /*as_restored=*/true, expected, call);
}

absl::StatusOr<std::shared_ptr<const Generation>> VariableStore::Replace(
    std::vector<std::pair<int, Tensor>> values, std::string checkpoint,
    bool as_restored, int64_t expected, CallContext& call) {
  std::shared_ptr<const Generation> dead;  // freed after the lock
  MutexLock lock(mu_);
  RETURN_IF_ERROR(WaitForNoWriter(call));
  if (expected >= 0 && expected != number_) {
    return WrongGeneration(number_, expected);
  }
  for (const auto& [slot, value] : values) {
    if (slot < 0 || slot >= static_cast<int>(variables_.size())) {
      return Internal("there is no variable with slot ", slot);
    }
    if (value.initialized() && value.dtype() != variables_[slot].dtype) {
      return Internal("variable \"", variables_[slot].name, "\" is ",
                      DataTypeName(variables_[slot].dtype), ", not ",
                      value.Describe());
    }
  }
  // The old values are freed with `values`, after the lock.
  for (auto& entry : values) std::swap(live_[entry.first], entry.second);
  ++number_;
  checkpoint_ = std::move(checkpoint);
  as_restored_ = as_restored;
  dead = std::exchange(published_, nullptr);
  return Snapshot();
}

absl::StatusOr<std::shared_ptr<const Generation>> VariableStore::Rollback(
    const Generation& to, int64_t expected, CallContext& call) {
  std::vector<std::pair<int, Tensor>> values;
  const int count = static_cast<int>(List().size());
  values.reserve(count);
  for (int slot = 0; slot < count; ++slot) {
    values.emplace_back(slot, to.value(slot));
  }
  return Replace(std::move(values), to.checkpoint, to.as_restored, expected,
                 call);
}

int64_t VariableStore::generation_number() const {
  MutexLock lock(mu_);
  return number_;
}

}  // namespace metagraph
