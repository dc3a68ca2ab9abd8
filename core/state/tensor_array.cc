#include "core/state/tensor_array.h"

#include <utility>

#include "core/base/status.h"
#include "core/tensor/zeros.h"

namespace metagraph {
namespace {

// Beyond, the bookkeeping alone would be a burden.
constexpr int64_t kMaxSize = int64_t{1} << 26;

}  // namespace

int64_t TensorArray::joined_size() const {
  MutexLock lock(mu_);
  return is_gradient_ && marked_size_ >= 0
             ? marked_size_
             : static_cast<int64_t>(slots_.size());
}

void TensorArray::Close() {
  MutexLock lock(mu_);
  slots_.clear();
  closed_ = true;
}

absl::Status TensorArray::Write(int64_t index, const Tensor& value,
                                AddInto add) {
  MutexLock lock(mu_);
  RETURN_IF_ERROR(CheckOpen());
  const int64_t size = static_cast<int64_t>(slots_.size());
  if (index < 0 || (index >= size && !options_.dynamic_size)) {
    return InvalidArgument("TensorArray ", name_, ": Tried to write to index ",
                           index,
                           " but array is not resizeable and size is: ", size);
  }
  RETURN_IF_ERROR(GrowLocked(index + 1));
  Slot& slot = slots_[index];
  if (!element_shape_.IsCompatibleWith(value.shape())) {
    return CannotWrite(
        index,
        absl::StrCat(
            "the value shape is ", value.shape().ToString(),
            " which is incompatible with the TensorArray's inferred element "
            "shape: ",
            element_shape_.ToString(),
            " (consider setting infer_shape=False)."));
  }
  if (options_.identical_element_shapes && !element_shape_.IsFullyDefined()) {
    element_shape_ = PartialShape(value.shape());
  }
  if (slot.read) return CannotWrite(index, "it has already been read.");
  if (slot.written) {
    if (!is_gradient_) {
      return CannotWrite(index, "it has already been written to.");
    }
    return Aggregate(index, slot, value, add);
  }
  slot.value = value;
  slot.shape = value.shape();
  slot.written = true;
  return absl::OkStatus();
}

absl::StatusOr<Tensor> TensorArray::Read(int64_t index) {
  MutexLock lock(mu_);
  RETURN_IF_ERROR(CheckOpen());
  const int64_t size = static_cast<int64_t>(slots_.size());
  // A gradient array has elements wherever somebody asks for one.
  if (index < 0 || (index >= size && !is_gradient_)) {
    return InvalidArgument("Tried to read from index ", index,
                           " but array size is: ", size);
  }
  RETURN_IF_ERROR(GrowLocked(index + 1));
  Slot& slot = slots_[index];
  if (!slot.written) {
    // Nobody wrote: zeros, if it is known how many.
    auto shape = element_shape_.AsTensorShape();
    if (!shape.ok()) {
      return InvalidArgument(
          "TensorArray ", name_, ": Could not read from TensorArray index ",
          index, ".  Furthermore, the element shape is not fully defined: ",
          element_shape_.ToString(),
          ".  It is possible you are working with a resizeable TensorArray "
          "and stop_gradients is not allowing the gradients to be written.  "
          "If you set the full element_shape property on the forward "
          "TensorArray, the proper all-zeros tensor will be returned "
          "instead of incurring this error.");
    }
    slot.shape = *shape;
    slot.written = true;
  }
  if (slot.cleared) {
    return InvalidArgument("TensorArray ", name_, ": Could not read index ",
                           index,
                           " twice because it was cleared after a previous "
                           "read (perhaps try setting clear_after_read = "
                           "false?).");
  }
  if (!slot.value.initialized()) {
    ASSIGN_OR_RETURN(slot.value, Zeros(options_.dtype, slot.shape));
  }
  slot.read = true;
  if (!options_.clear_after_read) return slot.value;
  slot.cleared = true;
  return std::exchange(slot.value, Tensor());
}

absl::StatusOr<PartialShape> TensorArray::MergeElementShape(
    const PartialShape& shape) {
  MutexLock lock(mu_);
  ASSIGN_OR_RETURN(element_shape_, element_shape_.MergeWith(shape));
  return element_shape_;
}

absl::StatusOr<std::shared_ptr<TensorArray>> TensorArray::Gradient(
    const std::string& source, absl::Span<const int64_t> prepend) {
  MutexLock lock(mu_);
  RETURN_IF_ERROR(CheckOpen());
  std::shared_ptr<TensorArray>& gradient = gradients_[source];
  if (gradient != nullptr) return gradient;
  Options options;
  options.dtype = options_.dtype;
  options.identical_element_shapes = options_.identical_element_shapes;
  if (element_shape_.known_rank()) {
    std::vector<int64_t> dims(prepend.begin(), prepend.end());
    dims.insert(dims.end(), element_shape_.dims().begin(),
                element_shape_.dims().end());
    options.element_shape = PartialShape(dims);
  }
  std::shared_ptr<TensorArray> made(
      new TensorArray(absl::StrCat(name_, "@", source), std::move(options),
                      /*is_gradient=*/true));
  RETURN_IF_ERROR(made->CopyShapes(slots_, prepend));
  made->InheritMark(marked_size_);
  gradient = made;
  return made;
}

absl::Status TensorArray::CheckOpen() const {
  if (!closed_) return absl::OkStatus();
  return InvalidArgument("TensorArray ", name_, " has already been closed.");
}

absl::Status TensorArray::CannotWrite(int64_t index,
                                      absl::string_view reason) const {
  return InvalidArgument("TensorArray ", name_,
                         ": Could not write to TensorArray index ", index,
                         " because ", reason);
}

absl::Status TensorArray::GrowLocked(int64_t size) {
  const int64_t before = static_cast<int64_t>(slots_.size());
  if (size <= before) return absl::OkStatus();
  const int64_t bytes = (size - before) * static_cast<int64_t>(sizeof(Slot));
  if (size > kMaxSize || !MemoryBudget::Process().Take(bytes)) {
    return ResourceExhausted("TensorArray ", name_, ": no memory for ", size,
                             " elements");
  }
  charged_ += bytes;
  slots_.resize(size);
  return absl::OkStatus();
}

absl::Status TensorArray::Aggregate(int64_t index, Slot& slot,
                                    const Tensor& value, AddInto add) {
  if (!(slot.shape == value.shape())) {
    return InvalidArgument(
        "TensorArray ", name_, ": Could not aggregate to TensorArray index ",
        index, " because the existing shape is ", slot.shape.ToString(),
        " but the new input shape is ", value.shape().ToString(), ".");
  }
  if (!slot.value.initialized()) {
    slot.value = value;
    return absl::OkStatus();
  }
  if (!slot.value.OwnsBufferAlone()) {
    ASSIGN_OR_RETURN(slot.value, slot.value.Clone());
  }
  return add(slot.value, value);
}

absl::Status TensorArray::CopyShapes(const std::vector<Slot>& from,
                                     absl::Span<const int64_t> prepend) {
  MutexLock lock(mu_);
  RETURN_IF_ERROR(GrowLocked(static_cast<int64_t>(from.size())));
  for (size_t i = 0; i < from.size(); ++i) {
    if (!from[i].written) continue;
    std::vector<int64_t> dims(prepend.begin(), prepend.end());
    const auto own = from[i].shape.dims();
    dims.insert(dims.end(), own.begin(), own.end());
    ASSIGN_OR_RETURN(slots_[i].shape, TensorShape::Build(dims));
    slots_[i].written = true;
  }
  return absl::OkStatus();
}

}  // namespace metagraph
