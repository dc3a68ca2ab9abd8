#pragma once

// The variables of a model and their generations.
//
// Variables are live: one step at a time may write them, in place where the
// buffer is not shared. A generation is a table of references to the buffers,
// taken at a step boundary; whoever holds one sees its values unchanged, since
// writers copy a shared buffer first.

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

  const Tensor& value(int slot) const;
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

 private:
  friend class VariableStore;
  friend class VariableView;
  // To be called before the value is read.
  void PrepareRead();

  Tensor* value_;
  bool written_by_reference_;
  bool in_place_ = false;
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
  ~VariableView();
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

  // The generation read from; for a writing step the one before it.
  const Generation& generation() const { return *generation_; }

 private:
  friend class VariableStore;
  VariableView(VariableStore& store,
               std::shared_ptr<const Generation> generation,
               std::vector<LiveVariable> live)
      : store_(&store),
        generation_(std::move(generation)),
        live_(std::move(live)) {}

  VariableStore* const store_ = nullptr;  // null: reads only
  const std::shared_ptr<const Generation> generation_;
  mutable std::vector<LiveVariable> live_;  // guarded by the slots' locks
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

  // The newest generation. Only if a writing step runs and nobody has asked
  // since the step before it does this wait for that step's end.
  // CANCELLED or DEADLINE_EXCEEDED as `call` says.
  absl::StatusOr<std::shared_ptr<const Generation>> Read(CallContext& call)
      EXCLUDES(mu_);

  // A view for a step that writes, those of `by_reference` through references;
  // waits until no other step does.
  absl::StatusOr<std::unique_ptr<VariableView>> BeginWrite(
      CallContext& call, absl::Span<const int> by_reference = {}) EXCLUDES(mu_);

  // Replaces the given values in one step, others stay; waits until no step
  // writes. `checkpoint` is where they came from. Returns the new generation.
  // ABORTED if `expected` >= 0 and another generation is the newest. INTERNAL
  // for a slot that does not exist, or a value of another dtype; then nothing
  // has changed.
  absl::StatusOr<std::shared_ptr<const Generation>> Publish(
      std::vector<std::pair<int, Tensor>> values, std::string checkpoint,
      int64_t expected, CallContext& call) EXCLUDES(mu_);

  // Makes the values of an older generation the newest ones, under a new
  // number. Variables made since become uninitialised.
  absl::StatusOr<std::shared_ptr<const Generation>> Rollback(
      const Generation& to, int64_t expected, CallContext& call) EXCLUDES(mu_);

  // The number that Read would answer with now.
  int64_t generation_number() const EXCLUDES(mu_);

 private:
  friend class VariableView;

  absl::Status WaitForNoWriter(CallContext& call) REQUIRES(mu_);
  absl::StatusOr<std::shared_ptr<const Generation>> Replace(
      std::vector<std::pair<int, Tensor>> values, std::string checkpoint,
      bool as_restored, int64_t expected, CallContext& call) EXCLUDES(mu_);
  std::shared_ptr<const Generation> Snapshot() REQUIRES(mu_);
  void EndWrite() EXCLUDES(mu_);

  mutable Mutex mu_;
  CondVar writer_done_;
  bool writing_ GUARDED_BY(mu_) = false;
  // Whether anybody read the last generation: then the writing step publishes
  // the next one at its end, so that readers need not wait.
  bool read_since_publish_ GUARDED_BY(mu_) = false;
  int64_t number_ GUARDED_BY(mu_) = 0;
  std::string checkpoint_ GUARDED_BY(mu_);
  bool as_restored_ GUARDED_BY(mu_) = false;
  std::shared_ptr<const Generation> published_ GUARDED_BY(mu_);
  std::vector<VariableInfo> variables_ GUARDED_BY(mu_);
  absl::flat_hash_map<std::pair<std::string, std::string>, int> slots_
      GUARDED_BY(mu_);

  // Written by the writing step, under the slot's lock: its nodes may run in
  // parallel. Read by others only while no step writes, under mu_. A deque,
  // so that growing moves nothing.
  static constexpr int kSlotLocks = 16;
  Mutex& SlotLock(int slot) { return slot_locks_[slot % kSlotLocks]; }
  std::array<Mutex, kSlotLocks> slot_locks_;
  std::deque<Tensor> live_;
  std::atomic<bool> wrote_{false};

  const Reclaimer reclaim_;
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
