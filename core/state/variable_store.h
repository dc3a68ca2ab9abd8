#pragma once

// The variables of a model and their generations.
//
// Variables are live: one step at a time may write them, in place where the
// buffer is not shared. A generation is a table of references to the buffers,
// taken at the end of each step that wrote; whoever holds one sees its values
// unchanged, since writers copy a shared buffer first. So a reader takes what
// the last step left and waits for none that is under way.
//
// The price is one copy of what a step writes, in time and in memory. Where
// that would cost more than the step itself, a few rows of a large table say,
// and nobody reads, steps write in place and a reader waits for the end of one
// of them, which is sooner than a copy would be made.

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/call_context.h"
#include "core/base/mutex.h"
#include "core/tensor/resource_handle.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// A variable's place in the tables below and what its op declares.
struct VariableInfo {
  int slot = -1;
  std::string container;
  std::string name;
  DataType dtype = DT_INVALID;
  PartialShape shape;
};

// An immutable set of variable values. `values[slot]` is not initialized()
// where the variable is not; slots made later lie beyond the end.
struct Generation {
  int64_t number = 0;
  // The prefix that the last restore read, "" before the first.
  std::string checkpoint;
  // True if nothing was written since that restore.
  bool as_restored = false;
  std::vector<Tensor> values;
  // Slots whose values are given up to a step that writes them in place; empty
  // but for what Peek gives.
  std::vector<int> missing;
  int64_t missing_bytes = 0;

  const Tensor& value(int slot) const;
  bool complete() const { return missing.empty(); }
  // Whether the variable has a value, be it missing here.
  bool has_value(int slot) const;
};

// A variable of a writing step.
//
// What a step reads of a resource variable stays as it was read: writers copy
// a buffer that others hold. What it reads through a reference is the buffer
// itself: where the same step also writes through a reference, that shows in
// what was read before, as in TensorFlow (moving averages updated after a
// training step count on it). Such variables therefore leave the buffer of the
// generation before their first reading, and are then written in place.
class LiveVariable {
 public:
  LiveVariable(Tensor* value, bool written_by_reference)
      : value_(value), written_by_reference_(written_by_reference) {}

  // Not initialized() if the variable is not.
  const Tensor& value() const { return *value_; }
  // True if writing into the buffer as it is shows where it should and
  // nowhere else.
  bool writable() const { return in_place_ || value_->OwnsBufferAlone(); }
  // True if tensors that were read before have to see what is written.
  bool in_place() const { return in_place_; }

  // The value, to write into; copied before if it is not writable().
  // REQUIRES: value().initialized(). RESOURCE_EXHAUSTED.
  absl::StatusOr<Tensor*> MakeWritable();
  // Replaces the value; what was read before keeps the old one.
  void Set(Tensor value) {
    *value_ = std::move(value);
    in_place_ = false;
  }
  // The value to write into, for who writes every element and wants no pass
  // over all of them before: what was its value is put into `old`. If that is
  // another buffer, elements are undefined until copied from there.
  // REQUIRES: value().initialized(). RESOURCE_EXHAUSTED.
  absl::StatusOr<Tensor*> MakeOverwritable(Tensor* old);

 private:
  friend class VariableStore;
  friend class VariableView;
  // To be called before the value is read.
  void PrepareRead();
  // Leaves the buffer to those who share it. RESOURCE_EXHAUSTED.
  absl::Status Copy();

  Tensor* value_;
  bool written_by_reference_;
  bool in_place_ = false;
  bool was_written_ = false;  // other than by Set
  int64_t copy_nanos_ = 0;
  absl::Status no_memory_;  // to leave the generation's buffer in time
};

class VariableStore;

// What one run sees of the variables: a generation, or, for a run that
// writes, the live values, which no other run writes meanwhile.
class VariableView {
 public:
  // A view that reads. `generation` is never null.
  explicit VariableView(std::shared_ptr<const Generation> generation)
      : generation_(std::move(generation)) {}
  // Ends the writing step: others see what it wrote, also after a failure.
  ~VariableView() { End(); }
  VariableView(const VariableView&) = delete;
  VariableView& operator=(const VariableView&) = delete;

  bool writable() const { return store_ != nullptr; }

  // The value; not initialized() if the variable is not. `scratch` keeps it
  // alive where the view is writable; otherwise the view itself does.
  const Tensor& Read(int slot, Tensor* scratch) const;

  // Calls `update` with the variable under its lock.
  // INTERNAL if the view only reads: the op did not declare that it writes.
  absl::Status Update(
      int slot, absl::FunctionRef<absl::Status(LiveVariable& variable)> update);
  // The same for several variables at once: `variables[i]` is that of slots[i].
  // Updates must not nest, so an op on many variables needs this.
  // (Which locks it takes depends on the slots: no static analysis.)
  absl::Status Update(
      absl::Span<const int> slots,
      absl::FunctionRef<absl::Status(absl::Span<LiveVariable* const> variables)>
          update) NO_THREAD_SAFETY_ANALYSIS;

  // The generation read from; for a writing step the one that it replaces.
  const Generation& generation() const { return *generation_; }
  const std::shared_ptr<const Generation>& shared_generation() const {
    return generation_;
  }

  // The rest is for whoever began a writing step, while none of its nodes run.

  int num_variables() const { return static_cast<int>(live_.size()); }
  // These variables, by slot, are written through references.
  void WriteByReference(absl::Span<const int> slots);
  // Replaces values. INTERNAL for a slot that does not exist, or a value of
  // another dtype; then nothing has changed.
  absl::Status Replace(std::vector<std::pair<int, Tensor>> values);
  // What the step leaves is what `checkpoint` holds.
  void SetCheckpoint(std::string checkpoint, bool as_restored);
  // Undoes what the step has written so far.
  // REQUIRES: generation().complete().
  void Undo();
  // Ends the step and returns the number of the newest generation, which is
  // its own if it wrote. Others see what it wrote from now on.
  int64_t End();

 private:
  friend class VariableStore;
  VariableView(VariableStore& store,
               std::shared_ptr<const Generation> generation,
               std::vector<LiveVariable> live);

  VariableStore* store_ = nullptr;  // null: reads only, or has ended
  std::shared_ptr<const Generation> generation_;
  mutable std::vector<LiveVariable> live_;  // guarded by the slots' locks
  std::string checkpoint_;
  bool as_restored_ = false;
  int64_t start_nanos_ = 0;
};

// Thread-safe.
class VariableStore {
 public:
  // `reclaim` takes generations that nobody holds any more, to free their
  // memory away from serving threads; by default they are freed in place.
  using Reclaimer = std::function<void(std::unique_ptr<const Generation>)>;
  explicit VariableStore(Reclaimer reclaim = nullptr);
  ~VariableStore();
  VariableStore(const VariableStore&) = delete;
  VariableStore& operator=(const VariableStore&) = delete;

  // Who hears of generations that writing steps leave. Called by the step's
  // thread, without locks.
  struct Listener {
    // Of one that a restore has read, before others see it.
    std::function<void(const std::shared_ptr<const Generation>&)> restored;
    // Of each, once others see it.
    std::function<void(int64_t number)> published;
  };
  // REQUIRES: no step has begun.
  void SetListener(Listener listener) { listener_ = std::move(listener); }

  // The variable of that name, made uninitialised at its first use. The
  // container "localhost" is the default one, "".
  // INVALID_ARGUMENT if it exists with another dtype.
  absl::StatusOr<VariableInfo> FindOrCreate(absl::string_view container,
                                            absl::string_view name,
                                            DataType dtype,
                                            const PartialShape& shape)
      EXCLUDES(mu_);
  // NOT_FOUND if there is none.
  absl::StatusOr<VariableInfo> Find(absl::string_view container,
                                    absl::string_view name) const EXCLUDES(mu_);
  // REQUIRES: a slot that FindOrCreate gave.
  VariableInfo Get(int slot) const EXCLUDES(mu_);
  std::vector<VariableInfo> List() const EXCLUDES(mu_);

  // The newest generation: what the last step that has ended left, whatever
  // step is under way. Waits only while that step is one that nothing is
  // copied for, see above. CANCELLED or DEADLINE_EXCEEDED as `call` says.
  absl::StatusOr<std::shared_ptr<const Generation>> Read(CallContext& call)
      EXCLUDES(mu_);
  // The same, but nullptr where Read would wait.
  std::shared_ptr<const Generation> TryRead() EXCLUDES(mu_);
  // For looking: the newest generation, perhaps not complete(). Never waits,
  // and costs the next step nothing.
  std::shared_ptr<const Generation> Peek() const EXCLUDES(mu_);

  static constexpr int64_t kAnyGeneration = -1;

  // A view for a step that writes, those of `by_reference` through references;
  // waits until no other step does. With `keep_replaced` its generation() is
  // complete, to go back to. ABORTED if `expected` is not kAnyGeneration and
  // another generation is the newest; it stays the newest while the step runs.
  absl::StatusOr<std::unique_ptr<VariableView>> BeginWrite(
      CallContext& call, absl::Span<const int> by_reference = {},
      int64_t expected = kAnyGeneration, bool keep_replaced = false)
      EXCLUDES(mu_);

  // A generation, and the one that it replaced.
  struct Published {
    std::shared_ptr<const Generation> now;
    std::shared_ptr<const Generation> replaced;
  };

  // Replaces the given values in one step, others stay; waits until no step
  // writes. `checkpoint` is where they came from. Errors: as BeginWrite, and
  // as VariableView::Replace.
  absl::StatusOr<Published> Publish(std::vector<std::pair<int, Tensor>> values,
                                    std::string checkpoint, int64_t expected,
                                    CallContext& call) EXCLUDES(mu_);

  // Makes the values of an older generation the newest ones, under a new
  // number. Variables made since become uninitialised.
  absl::StatusOr<Published> Rollback(const Generation& to, int64_t expected,
                                     CallContext& call) EXCLUDES(mu_);

  // The number that Read would answer with now.
  int64_t generation_number() const EXCLUDES(mu_);

  // Frees tensors that nobody needs any more, away from serving threads if
  // there is a reclaimer.
  void Reclaim(std::vector<Tensor> dead);

 private:
  friend class VariableView;

  std::shared_ptr<const Generation> Own(
      std::unique_ptr<const Generation> generation) const;
  int64_t EndWrite(VariableView& view) EXCLUDES(mu_);
  // Whether a step that took `nanos` would have been over before the values
  // that it wrote could be copied.
  static bool CopiesWereCostly(const std::vector<LiveVariable>& live,
                               int64_t nanos);

  mutable Mutex mu_;
  CondVar step_ended_;
  bool writing_ GUARDED_BY(mu_) = false;
  // Whether anybody has read the generation that is published, which is only
  // asked where copies are costly.
  bool was_read_ GUARDED_BY(mu_) = false;
  bool copies_are_costly_ GUARDED_BY(mu_) = false;
  std::shared_ptr<const Generation> published_ GUARDED_BY(mu_);  // never null
  std::vector<VariableInfo> variables_ GUARDED_BY(mu_);
  absl::flat_hash_map<std::pair<std::string, std::string>, int> slots_
      GUARDED_BY(mu_);

  // Written by the writing step, under the slot's lock: its nodes may run in
  // parallel. Others do not look at it. A deque, so that growing moves nothing.
  static constexpr int kSlotLocks = 16;
  Mutex& SlotLock(int slot) { return slot_locks_[slot % kSlotLocks]; }
  std::array<Mutex, kSlotLocks> slot_locks_;
  std::deque<Tensor> live_;
  std::atomic<bool> wrote_{false};

  const Reclaimer reclaim_;
  Listener listener_;
};

// What the handle of a resource variable holds.
class VariableResource final : public Resource {
 public:
  explicit VariableResource(VariableInfo info) : info_(std::move(info)) {}
  std::string DebugString() const override { return "Variable " + info_.name; }
  const VariableInfo& info() const { return info_; }

 private:
  const VariableInfo info_;
};

}  // namespace metagraph
