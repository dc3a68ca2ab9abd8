#include "core/state/variable_store.h"

#include <algorithm>
#include <bitset>

#include "absl/container/inlined_vector.h"
#include "core/base/call_wait.h"
#include "core/base/clock.h"
#include "core/base/error_details.h"
#include "core/base/status.h"
#include "core/tensor/out_of_memory.h"

namespace metagraph {
namespace {

// Copying this much is never worth a thought.
constexpr int64_t kCostlyBytes = 16 << 20;
// Values of this size are kept whatever they cost.
constexpr int64_t kSmallBytes = 64 << 10;
// What a thread copies into fresh memory, roughly.
constexpr int64_t kBytesPerNano = 4;

// Set while a writing step frees the generation that it replaced.
thread_local bool on_writing_thread = false;

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

bool Generation::has_value(int slot) const {
  return value(slot).initialized() ||
         std::find(missing.begin(), missing.end(), slot) != missing.end();
}

VariableView::VariableView(VariableStore& store,
                           std::shared_ptr<const Generation> generation,
                           std::vector<LiveVariable> live)
    : store_(&store),
      generation_(std::move(generation)),
      live_(std::move(live)),
      checkpoint_(generation_->checkpoint),
      start_nanos_(SteadyNanos()) {}

void VariableView::WriteByReference(absl::Span<const int> slots) {
  for (const int slot : slots) {
    // One that was made since is not written at all.
    if (slot < static_cast<int>(live_.size())) {
      live_[slot].written_by_reference_ = true;
    }
  }
}

absl::Status VariableView::Replace(std::vector<std::pair<int, Tensor>> values) {
  for (const auto& [slot, value] : values) {
    if (store_ == nullptr || slot < 0 ||
        slot >= static_cast<int>(live_.size())) {
      return Internal("there is no variable with slot ", slot);
    }
    const VariableInfo info = store_->Get(slot);
    if (value.initialized() && value.dtype() != info.dtype) {
      return Internal("variable \"", info.name, "\" is ",
                      DataTypeName(info.dtype), ", not ", value.Describe());
    }
  }
  for (std::pair<int, Tensor>& value : values) {
    live_[value.first].Set(std::move(value.second));
  }
  store_->wrote_ = true;
  return absl::OkStatus();
}

void VariableView::SetCheckpoint(std::string checkpoint, bool as_restored) {
  checkpoint_ = std::move(checkpoint);
  as_restored_ = as_restored;
  store_->wrote_ = true;
}

void VariableView::Undo() {
  for (size_t slot = 0; slot < live_.size(); ++slot) {
    live_[slot].Set(generation_->value(static_cast<int>(slot)));
  }
  checkpoint_ = generation_->checkpoint;
  as_restored_ = false;
  store_->wrote_ = false;
}

int64_t VariableView::End() {
  if (store_ == nullptr) return generation_->number;
  const int64_t number = store_->EndWrite(*this);
  store_ = nullptr;
  return number;
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
  RETURN_IF_ERROR(live_[slot].no_memory_);
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
  absl::Status status;
  for (const LiveVariable* variable : variables) {
    status.Update(variable->no_memory_);
  }
  if (status.ok()) {
    store_->wrote_ = true;
    status = CatchOutOfMemory([&] { return update(variables); });
  }
  for (size_t i = 0; i < locks.size(); ++i) {
    if (locks[i]) store_->slot_locks_[i].Unlock();
  }
  return status;
}

absl::StatusOr<Tensor*> LiveVariable::MakeWritable() {
  was_written_ = true;
  if (!writable()) RETURN_IF_ERROR(Copy());
  PrepareRead();
  return value_;
}

absl::Status LiveVariable::Copy() {
  const int64_t start = SteadyNanos();
  ASSIGN_OR_RETURN(*value_, value_->Clone());
  copy_nanos_ += SteadyNanos() - start;
  return absl::OkStatus();
}

absl::StatusOr<Tensor*> LiveVariable::MakeOverwritable(Tensor* old) {
  was_written_ = true;
  if (writable()) {
    PrepareRead();
    *old = *value_;
    return value_;
  }
  ASSIGN_OR_RETURN(Tensor fresh,
                   Tensor::Allocate(value_->dtype(), value_->shape()));
  *old = std::exchange(*value_, std::move(fresh));
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
    no_memory_ = Copy();  // for who writes
    if (!no_memory_.ok()) return;
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

std::shared_ptr<const Generation> VariableStore::Own(
    std::unique_ptr<const Generation> generation) const {
  if (reclaim_ == nullptr) return generation;
  return std::shared_ptr<const Generation>(
      generation.release(), [reclaim = reclaim_](const Generation* dead) {
        std::unique_ptr<const Generation> owned(dead);
        if (!on_writing_thread) reclaim(std::move(owned));
      });
}

absl::StatusOr<std::shared_ptr<const Generation>> VariableStore::Read(
    CallContext& call) {
  if (auto generation = TryRead()) return generation;
  CallWait wait(call, mu_, step_ended_);
  MutexLock lock(mu_);
  while (!published_->complete()) {
    was_read_ = true;  // the next step lets readers go first
    RETURN_IF_ERROR(wait.Wait(mu_));
  }
  was_read_ = true;
  return published_;
}

std::shared_ptr<const Generation> VariableStore::TryRead() {
  MutexLock lock(mu_);
  was_read_ = true;
  return published_->complete() ? published_ : nullptr;
}

std::shared_ptr<const Generation> VariableStore::Peek() const {
  MutexLock lock(mu_);
  return published_;
}

absl::StatusOr<std::unique_ptr<VariableView>> VariableStore::BeginWrite(
    CallContext& call, absl::Span<const int> by_reference, int64_t expected,
    bool keep_replaced) {
  CallWait wait(call, mu_, step_ended_);
  MutexLock lock(mu_);
  while (writing_) RETURN_IF_ERROR(wait.Wait(mu_));
  if (expected >= 0 && expected != published_->number) {
    return WrongGeneration(published_->number, expected);
  }
  writing_ = true;
  wrote_ = false;
  if (copies_are_costly_ && !was_read_ && !keep_replaced) {
    auto hollow = std::make_unique<Generation>(*published_);
    for (size_t slot = 0; slot < hollow->values.size(); ++slot) {
      Tensor& value = hollow->values[slot];
      if (!value.initialized() || value.size_bytes() <= kSmallBytes) continue;
      hollow->missing.push_back(static_cast<int>(slot));
      hollow->missing_bytes += value.size_bytes();
      value = Tensor();
    }
    // The values stay alive in live_, so this frees next to nothing; later it
    // would be in the way of who writes in place.
    on_writing_thread = true;
    published_ = Own(std::move(hollow));
    on_writing_thread = false;
  }
  std::vector<LiveVariable> live;
  live.reserve(live_.size());
  for (Tensor& value : live_) live.emplace_back(&value, false);
  std::unique_ptr<VariableView> view(
      new VariableView(*this, published_, std::move(live)));
  view->WriteByReference(by_reference);
  return view;
}

int64_t VariableStore::EndWrite(VariableView& view) {
  const Generation& before = *view.generation_;
  const int64_t nanos = SteadyNanos() - view.start_nanos_;
  const bool wrote = wrote_;
  std::shared_ptr<const Generation> next;
  if (wrote || !before.complete()) {
    // Outside of the lock, since nobody else touches live values.
    auto made = std::make_unique<Generation>();
    made->number = before.number + (wrote ? 1 : 0);
    made->checkpoint = std::move(view.checkpoint_);
    made->as_restored = wrote ? view.as_restored_ : before.as_restored;
    made->values.reserve(view.live_.size());
    for (const LiveVariable& variable : view.live_) {
      made->values.push_back(variable.value());
    }
    next = Own(std::move(made));
  }
  if (wrote && next->as_restored && listener_.restored != nullptr) {
    listener_.restored(next);
  }
  int64_t number = before.number;
  std::shared_ptr<const Generation> dead = std::move(view.generation_);
  {
    MutexLock lock(mu_);
    writing_ = false;
    if (wrote) {
      copies_are_costly_ = CopiesWereCostly(view.live_, nanos);
      was_read_ = was_read_ && !dead->complete();
    }
    if (next != nullptr) {
      number = next->number;
      published_ = next;
    }
    step_ended_.NotifyAll();
  }
  view.generation_ = next != nullptr ? std::move(next) : dead;
  // What was replaced dies here, unless somebody reads it: steps that follow
  // each other must not make garbage faster than it is collected.
  on_writing_thread = true;
  dead.reset();
  on_writing_thread = false;
  if (wrote && listener_.published != nullptr) listener_.published(number);
  return number;
}

bool VariableStore::CopiesWereCostly(const std::vector<LiveVariable>& live,
                                     int64_t nanos) {
  int64_t bytes = 0;
  int64_t copying = 0;
  for (const LiveVariable& variable : live) {
    if (!variable.was_written_ || !variable.value().initialized()) continue;
    const int64_t size = variable.value().size_bytes();
    if (size > kSmallBytes) bytes += size;
    copying += variable.copy_nanos_;
  }
  return bytes >= kCostlyBytes &&
         std::max(copying, bytes / kBytesPerNano) > nanos - copying;
}

absl::StatusOr<VariableStore::Published> VariableStore::Publish(
    std::vector<std::pair<int, Tensor>> values, std::string checkpoint,
    int64_t expected, CallContext& call) {
  ASSIGN_OR_RETURN(std::unique_ptr<VariableView> step,
                   BeginWrite(call, {}, expected, /*keep_replaced=*/true));
  Published out;
  out.replaced = step->shared_generation();
  RETURN_IF_ERROR(step->Replace(std::move(values)));
  step->SetCheckpoint(std::move(checkpoint), /*as_restored=*/true);
  step->End();
  out.now = step->shared_generation();
  return out;
}

absl::StatusOr<VariableStore::Published> VariableStore::Rollback(
    const Generation& to, int64_t expected, CallContext& call) {
  ASSIGN_OR_RETURN(std::unique_ptr<VariableView> step,
                   BeginWrite(call, {}, expected, /*keep_replaced=*/true));
  Published out;
  out.replaced = step->shared_generation();
  std::vector<std::pair<int, Tensor>> values;
  const int count = step->num_variables();
  values.reserve(count);
  for (int slot = 0; slot < count; ++slot) {
    values.emplace_back(slot, to.value(slot));
  }
  RETURN_IF_ERROR(step->Replace(std::move(values)));
  step->SetCheckpoint(to.checkpoint, to.as_restored);
  step->End();
  out.now = step->shared_generation();
  return out;
}

int64_t VariableStore::generation_number() const {
  MutexLock lock(mu_);
  return published_->number;
}

void VariableStore::Reclaim(std::vector<Tensor> dead) {
  if (reclaim_ == nullptr) return;
  auto husk = std::make_unique<Generation>();
  husk->values = std::move(dead);
  reclaim_(std::move(husk));
}

}  // namespace metagraph
