#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/base/mutex.h"
#include "core/tensor/resource_handle.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// A list of tensors that lives for one step, written and read by index: loops
// keep their per-turn values in it. Each element is written once and, unless
// told otherwise, read once. Errors are INVALID_ARGUMENT in TensorFlow's words.
// Thread-safe: the ops of one step may run in parallel.
class TensorArray final : public Resource {
 public:
  // What TensorArrayV3's attributes say.
  struct Options {
    DataType dtype = DT_INVALID;
    PartialShape element_shape;
    bool dynamic_size = false;
    bool clear_after_read = true;
    bool identical_element_shapes = false;
  };
  // sum += value, of equal dtypes and shapes; `sum` is not shared.
  using AddInto =
      absl::FunctionRef<absl::Status(Tensor& sum, const Tensor& value)>;

  TensorArray(std::string name, Options options)
      : TensorArray(std::move(name), std::move(options),
                    /*is_gradient=*/false) {}
  ~TensorArray() override { MemoryBudget::Process().Give(charged_); }

  std::string DebugString() const override { return "TensorArray"; }
  const std::string& name() const { return name_; }
  DataType dtype() const { return options_.dtype; }
  bool dynamic_size() const { return options_.dynamic_size; }

  int64_t size() const EXCLUDES(mu_) {
    MutexLock lock(mu_);
    return static_cast<int64_t>(slots_.size());
  }
  // How many elements Pack and Concat join: all, but in a gradient array as
  // many as Unpack or Split had cut the forward array's value into.
  int64_t joined_size() const EXCLUDES(mu_);
  // Unpack and Split tell how many elements they write. A gradient keeps the
  // mark of its array, whatever is written to it.
  void MarkSize(int64_t size) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    if (!is_gradient_) marked_size_ = size;
  }

  absl::Status CheckNotClosed() const EXCLUDES(mu_) {
    MutexLock lock(mu_);
    return CheckOpen();
  }
  void Close() EXCLUDES(mu_);

  // Grows to `size` elements, never shrinks. RESOURCE_EXHAUSTED.
  absl::Status Grow(int64_t size) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    return GrowLocked(size);
  }
  // Writes, or in a gradient array adds to, element `index`.
  absl::Status Write(int64_t index, const Tensor& value, AddInto add)
      EXCLUDES(mu_);
  // Zeros, where nobody wrote and it is known how many.
  absl::StatusOr<Tensor> Read(int64_t index) EXCLUDES(mu_);
  // Merges `shape`, which an op declares, into that of the elements.
  absl::StatusOr<PartialShape> MergeElementShape(const PartialShape& shape)
      EXCLUDES(mu_);

  // The array in which gradients of `source` to this array's elements add up,
  // made at the first call: as long as this one, each element a zero of the
  // shape it has here, with `prepend` before it.
  absl::StatusOr<std::shared_ptr<TensorArray>> Gradient(
      const std::string& source, absl::Span<const int64_t> prepend)
      EXCLUDES(mu_);

 private:
  struct Slot {
    Tensor value;       // not initialized(): zeros of `shape`, if written
    TensorShape shape;  // if written
    bool written = false;
    bool read = false;
    bool cleared = false;
  };

  TensorArray(std::string name, Options options, bool is_gradient)
      : name_(std::move(name)),
        options_(std::move(options)),
        is_gradient_(is_gradient),
        element_shape_(options_.element_shape) {}

  absl::Status CheckOpen() const REQUIRES(mu_);
  absl::Status CannotWrite(int64_t index, absl::string_view reason) const;
  absl::Status GrowLocked(int64_t size) REQUIRES(mu_);
  absl::Status Aggregate(int64_t index, Slot& slot, const Tensor& value,
                         AddInto add) REQUIRES(mu_);
  absl::Status CopyShapes(const std::vector<Slot>& from,
                          absl::Span<const int64_t> prepend) EXCLUDES(mu_);
  void InheritMark(int64_t size) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    marked_size_ = size;
  }

  const std::string name_;
  const Options options_;
  const bool is_gradient_;

  mutable Mutex mu_;
  PartialShape element_shape_ GUARDED_BY(mu_);
  std::vector<Slot> slots_ GUARDED_BY(mu_);
  bool closed_ GUARDED_BY(mu_) = false;
  int64_t marked_size_ GUARDED_BY(mu_) = -1;  // not marked
  std::map<std::string, std::shared_ptr<TensorArray>> gradients_
      GUARDED_BY(mu_);
  int64_t charged_ = 0;  // to the memory budget
};

}  // namespace metagraph
