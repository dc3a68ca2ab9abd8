// TensorArrays: lists of tensors that live for one step, written and read by
// index. Loops keep their per-turn values in them.
//
// Three spellings of each op came one after another. They differ in what
// stands for the array: a resource (V3), or the key under which the step
// keeps it (V2 and the oldest).

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/kernels/arithmetic.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/variant.h"

namespace metagraph {
namespace {

constexpr char kContainer[] = "_tensor_arrays";

template <typename T>
void AddInto(Tensor& sum, const Tensor& value) {
  T* const out = sum.mutable_data<T>();
  const T* const in = value.data<T>();
  for (int64_t i = 0; i < value.num_elements(); ++i) {
    out[i] = Add(out[i], in[i]);
  }
}

// sum += value. REQUIRES: equal dtypes and shapes, `sum` not shared.
absl::Status Accumulate(Tensor& sum, const Tensor& value) {
  switch (sum.dtype()) {
    case DT_FLOAT:
      AddInto<float>(sum, value);
      break;
    case DT_DOUBLE:
      AddInto<double>(sum, value);
      break;
    case DT_HALF:
      AddInto<half>(sum, value);
      break;
    case DT_BFLOAT16:
      AddInto<bfloat16>(sum, value);
      break;
    case DT_INT32:
      AddInto<int32_t>(sum, value);
      break;
    case DT_INT64:
      AddInto<int64_t>(sum, value);
      break;
    case DT_INT16:
      AddInto<int16_t>(sum, value);
      break;
    case DT_INT8:
      AddInto<int8_t>(sum, value);
      break;
    case DT_UINT8:
      AddInto<uint8_t>(sum, value);
      break;
    case DT_UINT16:
      AddInto<uint16_t>(sum, value);
      break;
    case DT_UINT32:
      AddInto<uint32_t>(sum, value);
      break;
    case DT_UINT64:
      AddInto<uint64_t>(sum, value);
      break;
    case DT_COMPLEX64:
      AddInto<complex64>(sum, value);
      break;
    case DT_COMPLEX128:
      AddInto<complex128>(sum, value);
      break;
    default:
      return InvalidArgument("tensor_array::AddToTensor type not supported: ",
                             DataTypeName(sum.dtype()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Tensor> Zeros(DataType dtype, const TensorShape& shape) {
  ASSIGN_OR_RETURN(Tensor out, Tensor::Allocate(dtype, shape));
  // Strings and other objects are born empty.
  if (IsPlainData(dtype) && out.size_bytes() > 0) {
    std::memset(out.mutable_raw_data(), 0, out.size_bytes());
  }
  return out;
}

// What TensorArrayV3's attributes say.
struct ArrayOptions {
  DataType dtype = DT_INVALID;
  PartialShape element_shape;
  bool dynamic_size = false;
  bool clear_after_read = true;
  bool identical_element_shapes = false;
};

// Thread-safe: the ops of one step may run in parallel.
class TensorArray final : public Resource {
 public:
  TensorArray(std::string name, ArrayOptions options, bool is_gradient)
      : name_(std::move(name)),
        options_(std::move(options)),
        is_gradient_(is_gradient),
        element_shape_(options_.element_shape) {}
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
  int64_t joined_size() const EXCLUDES(mu_) {
    MutexLock lock(mu_);
    return is_gradient_ && marked_size_ >= 0
               ? marked_size_
               : static_cast<int64_t>(slots_.size());
  }
  // Unpack and Split tell how many elements they write. A gradient keeps the
  // mark of its array, whatever is written to it.
  void MarkSize(int64_t size) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    if (!is_gradient_) marked_size_ = size;
  }
  void InheritMark(int64_t size) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    marked_size_ = size;
  }

  absl::Status CheckNotClosed() const EXCLUDES(mu_) {
    MutexLock lock(mu_);
    return CheckOpen();
  }

  // Grows to `size` elements, never shrinks. RESOURCE_EXHAUSTED.
  absl::Status Grow(int64_t size) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    return GrowLocked(size);
  }

  // Writes, or in a gradient array adds to, element `index`.
  absl::Status Write(int64_t index, const Tensor& value) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    RETURN_IF_ERROR(CheckOpen());
    const int64_t size = static_cast<int64_t>(slots_.size());
    if (index < 0 || (index >= size && !options_.dynamic_size)) {
      return InvalidArgument(
          "TensorArray ", name_, ": Tried to write to index ", index,
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
      return Aggregate(index, slot, value);
    }
    slot.value = value;
    slot.shape = value.shape();
    slot.written = true;
    return absl::OkStatus();
  }

  absl::StatusOr<Tensor> Read(int64_t index) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    RETURN_IF_ERROR(CheckOpen());
    if (index < 0 || index >= static_cast<int64_t>(slots_.size())) {
      return InvalidArgument("Tried to read from index ", index,
                             " but array size is: ", slots_.size());
    }
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

  // Merges `shape`, which an op declares, into that of the elements.
  absl::StatusOr<PartialShape> MergeElementShape(const PartialShape& shape)
      EXCLUDES(mu_) {
    MutexLock lock(mu_);
    ASSIGN_OR_RETURN(element_shape_, element_shape_.MergeWith(shape));
    return element_shape_;
  }

  void Close() EXCLUDES(mu_) {
    MutexLock lock(mu_);
    slots_.clear();
    closed_ = true;
  }

  // The array in which gradients of `source` to this array's elements add up,
  // made at the first call: as long as this one, each element a zero of the
  // shape it has here, with `prepend` before it.
  absl::StatusOr<std::shared_ptr<TensorArray>> Gradient(
      const std::string& source, absl::Span<const int64_t> prepend)
      EXCLUDES(mu_) {
    MutexLock lock(mu_);
    RETURN_IF_ERROR(CheckOpen());
    std::shared_ptr<TensorArray>& gradient = gradients_[source];
    if (gradient != nullptr) return gradient;
    ArrayOptions options;
    options.dtype = options_.dtype;
    options.identical_element_shapes = options_.identical_element_shapes;
    if (element_shape_.known_rank()) {
      std::vector<int64_t> dims(prepend.begin(), prepend.end());
      dims.insert(dims.end(), element_shape_.dims().begin(),
                  element_shape_.dims().end());
      options.element_shape = PartialShape(dims);
    }
    auto made = std::make_shared<TensorArray>(absl::StrCat(name_, "@", source),
                                              std::move(options),
                                              /*is_gradient=*/true);
    RETURN_IF_ERROR(made->CopyShapes(slots_, prepend));
    made->InheritMark(marked_size_);
    gradient = made;
    return made;
  }

 private:
  struct Slot {
    Tensor value;       // not initialized(): zeros of `shape`, if written
    TensorShape shape;  // if written
    bool written = false;
    bool read = false;
    bool cleared = false;
  };
  // Beyond, the bookkeeping alone would be a burden.
  static constexpr int64_t kMaxSize = int64_t{1} << 26;

  absl::Status CheckOpen() const REQUIRES(mu_) {
    if (!closed_) return absl::OkStatus();
    return InvalidArgument("TensorArray ", name_, " has already been closed.");
  }

  absl::Status CannotWrite(int64_t index, absl::string_view reason) const {
    return InvalidArgument("TensorArray ", name_,
                           ": Could not write to TensorArray index ", index,
                           " because ", reason);
  }

  absl::Status GrowLocked(int64_t size) REQUIRES(mu_) {
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

  absl::Status Aggregate(int64_t index, Slot& slot, const Tensor& value)
      REQUIRES(mu_) {
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
    return Accumulate(slot.value, value);
  }

  absl::Status CopyShapes(const std::vector<Slot>& from,
                          absl::Span<const int64_t> prepend) EXCLUDES(mu_) {
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

  const std::string name_;
  const ArrayOptions options_;
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

// The array that input 0 stands for.
absl::StatusOr<std::shared_ptr<TensorArray>> FindArray(
    const KernelContext& ctx) {
  const Tensor& handle = ctx.input(0);
  if (handle.dtype() == DT_RESOURCE) return ctx.InputResource<TensorArray>(0);
  if (handle.dtype() != DT_STRING || handle.num_elements() != 2) {
    return InvalidArgument(
        "Tensor array handle must be 2-element vector, but "
        "had shape: ",
        handle.shape().ToString());
  }
  const auto parts = handle.values<std::string>();
  return ctx.step().resources->Find<TensorArray>(parts[0], parts[1]);
}

// Puts what stands for `array` into output 0.
absl::Status SetHandle(KernelContext& ctx,
                       const std::shared_ptr<TensorArray>& array) {
  if (ctx.output_type(0) == DT_RESOURCE) {
    ResourceHandle handle;
    handle.container = kContainer;
    handle.name = array->name();
    handle.type_name = "N10tensorflow11TensorArrayE";
    handle.resource = array;
    ctx.SetOutput(0, Tensor::Scalar(std::move(handle)));
    return absl::OkStatus();
  }
  auto same = [&]() -> absl::StatusOr<std::shared_ptr<TensorArray>> {
    return array;
  };
  RETURN_IF_ERROR(
      ctx.step()
          .resources->FindOrCreate<TensorArray>(kContainer, array->name(), same)
          .status());
  const std::string parts[] = {kContainer, array->name()};
  ctx.SetOutput(0, Tensor::Vector<std::string>(parts));
  return absl::OkStatus();
}

// The flow output carries nothing: it only puts ops in order.
void SetFlow(KernelContext& ctx, int output) {
  ctx.SetOutput(output, Tensor::Scalar<float>(0));
}

absl::StatusOr<int64_t> ReadIndex(const Tensor& index) {
  if (index.rank() != 0) {
    return InvalidArgument("TensorArray index must be scalar, but had shape: ",
                           index.shape().ToString());
  }
  return index.scalar<int32_t>();
}

absl::Status CheckWrites(const TensorArray& array, const Tensor& value) {
  if (array.dtype() == value.dtype()) return absl::OkStatus();
  return InvalidArgument("TensorArray dtype is ", DataTypeName(array.dtype()),
                         " but Op is trying to write dtype ",
                         DataTypeName(value.dtype()), ".");
}
absl::Status CheckReads(const TensorArray& array, DataType wanted) {
  if (array.dtype() == wanted) return absl::OkStatus();
  return InvalidArgument("TensorArray dtype is ", DataTypeName(array.dtype()),
                         " but Op requested dtype ", DataTypeName(wanted), ".");
}

class CreateArray final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(options_.dtype, construction.Attr<DataType>("dtype"));
    ASSIGN_OR_RETURN(options_.element_shape,
                     construction.Attr<PartialShape>("element_shape"));
    ASSIGN_OR_RETURN(options_.dynamic_size,
                     construction.Attr<bool>("dynamic_size"));
    ASSIGN_OR_RETURN(options_.clear_after_read,
                     construction.Attr<bool>("clear_after_read"));
    if (construction.HasAttr("identical_element_shapes")) {
      ASSIGN_OR_RETURN(options_.identical_element_shapes,
                       construction.Attr<bool>("identical_element_shapes"));
    }
    ASSIGN_OR_RETURN(name_,
                     construction.Attr<std::string>("tensor_array_name"));
    if (name_.empty()) name_ = construction.node_name();
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& size = ctx.input(0);
    if (size.rank() != 0) {
      return InvalidArgument("TensorArray size must be scalar, but had shape: ",
                             size.shape().ToString());
    }
    if (size.scalar<int32_t>() < 0) {
      return InvalidArgument("Size should be >= 0.");
    }
    auto array = std::make_shared<TensorArray>(
        absl::StrCat(name_, "_", ctx.step().counter->fetch_add(1)), options_,
        /*is_gradient=*/false);
    RETURN_IF_ERROR(array->Grow(size.scalar<int32_t>()));
    RETURN_IF_ERROR(SetHandle(ctx, array));
    if (ctx.num_outputs() > 1) SetFlow(ctx, 1);
    return absl::OkStatus();
  }

 private:
  ArrayOptions options_;
  std::string name_;
};

class CreateGradient final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(source_, construction.Attr<std::string>("source"));
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> array, FindArray(ctx));
    std::vector<int64_t> prepend;
    if (ctx.num_inputs() > 2) {
      const Tensor& shape = ctx.input(2);
      if (shape.rank() > 1) {
        return InvalidArgument(
            "shape_to_prepend must be a vector, but had "
            "shape: ",
            shape.shape().ToString());
      }
      for (const int32_t size : shape.values<int32_t>()) {
        prepend.push_back(size);
      }
      RETURN_IF_ERROR(TensorShape::Build(prepend).status());
    }
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> gradient,
                     array->Gradient(source_, prepend));
    RETURN_IF_ERROR(SetHandle(ctx, gradient));
    if (ctx.num_outputs() > 1) SetFlow(ctx, 1);
    return absl::OkStatus();
  }

 private:
  std::string source_;
};

class WriteElement final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(int64_t index, ReadIndex(ctx.input(1)));
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> array, FindArray(ctx));
    RETURN_IF_ERROR(CheckWrites(*array, ctx.input(2)));
    RETURN_IF_ERROR(array->Write(index, ctx.input(2)));
    SetFlow(ctx, 0);
    return absl::OkStatus();
  }
};

class ReadElement final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(int64_t index, ReadIndex(ctx.input(1)));
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> array, FindArray(ctx));
    RETURN_IF_ERROR(CheckReads(*array, ctx.output_type(0)));
    ASSIGN_OR_RETURN(Tensor value, array->Read(index));
    ctx.SetOutput(0, std::move(value));
    return absl::OkStatus();
  }
};

class ArraySize final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> array, FindArray(ctx));
    RETURN_IF_ERROR(array->CheckNotClosed());
    ASSIGN_OR_RETURN(Tensor * size, ctx.AllocateOutput(0, {}));
    *size->mutable_data<int32_t>() = static_cast<int32_t>(array->size());
    return absl::OkStatus();
  }
};

class CloseArray final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> array, FindArray(ctx));
    array->Close();
    return absl::OkStatus();
  }
};

// Copies the elements of `values` one after another into `out`, which is as
// large as all of them.
template <typename T>
void JoinObjects(const std::vector<Tensor>& values, Tensor* out) {
  T* to = out->mutable_data<T>();
  for (const Tensor& value : values) {
    to = std::copy_n(value.data<T>(), value.num_elements(), to);
  }
}
void Join(const std::vector<Tensor>& values, Tensor* out) {
  switch (out->dtype()) {
    case DT_STRING:
      return JoinObjects<std::string>(values, out);
    case DT_RESOURCE:
      return JoinObjects<ResourceHandle>(values, out);
    case DT_VARIANT:
      return JoinObjects<Variant>(values, out);
    default:
      break;
  }
  char* to = static_cast<char*>(out->mutable_raw_data());
  for (const Tensor& value : values) {
    if (value.size_bytes() == 0) continue;
    std::memcpy(to, value.raw_data(), value.size_bytes());
    to += value.size_bytes();
  }
}

// Stacks elements along a new first dimension: those that input 1 names, or,
// in the oldest spelling, all.
template <bool kAll>
class GatherElements final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(element_shape_,
                     construction.Attr<PartialShape>("element_shape"));
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> array, FindArray(ctx));
    RETURN_IF_ERROR(CheckReads(*array, ctx.output_type(0)));
    ASSIGN_OR_RETURN(PartialShape element_shape,
                     array->MergeElementShape(element_shape_));
    std::vector<int64_t> indices;
    if constexpr (kAll) {
      const int64_t count = array->joined_size();
      for (int64_t i = 0; i < count; ++i) indices.push_back(i);
    } else {
      if (ctx.input(1).rank() != 1) {
        return InvalidArgument(
            "Expected indices to be a vector, but received "
            "shape: ",
            ctx.input(1).shape().ToString());
      }
      const auto given = ctx.input(1).values<int32_t>();
      indices.assign(given.begin(), given.end());
    }
    std::vector<int64_t> dims = {static_cast<int64_t>(indices.size())};
    if (indices.empty()) {
      if (!element_shape.IsFullyDefined()) {
        return Unimplemented(
            "TensorArray has size zero, but element shape ",
            element_shape.ToString(),
            " is not fully defined. Currently only static shapes are "
            "supported when packing zero-size TensorArrays.");
      }
      dims.insert(dims.end(), element_shape.dims().begin(),
                  element_shape.dims().end());
      ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
      return ctx.AllocateOutput(0, shape).status();
    }
    std::vector<Tensor> values(indices.size());
    for (size_t i = 0; i < indices.size(); ++i) {
      ASSIGN_OR_RETURN(values[i], array->Read(indices[i]));
      // Where the first has no elements, TensorFlow looks at no other.
      if (values[0].num_elements() > 0 &&
          !(values[i].shape() == values[0].shape())) {
        return InvalidArgument(
            "TensorArray has inconsistent shapes.  Index 0 has shape: ",
            values[0].shape().ToString(), " but index ", i,
            " has shape: ", values[i].shape().ToString());
      }
    }
    const auto own = values[0].shape().dims();
    dims.insert(dims.end(), own.begin(), own.end());
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
    if (values.size() == 1) {
      ctx.SetOutput(0, std::move(values[0]).Reshaped(shape));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
    if (out->num_elements() > 0) Join(values, out);
    return absl::OkStatus();
  }

 private:
  PartialShape element_shape_;
};

// Joins all elements along their first dimension.
class ConcatElements final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(rest_,
                     construction.Attr<PartialShape>("element_shape_except0"));
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> array, FindArray(ctx));
    RETURN_IF_ERROR(CheckReads(*array, ctx.output_type(0)));
    const int64_t count = array->joined_size();
    ASSIGN_OR_RETURN(Tensor * lengths, ctx.AllocateOutput(1, {count}));
    std::vector<int64_t> dims = {0};
    if (count == 0) {
      if (!rest_.IsFullyDefined()) {
        return Unimplemented(
            "TensorArray has size zero, but element_shape_except0 ",
            rest_.ToString(),
            " is not fully defined. Currently only static shapes are "
            "supported when concatenating zero-size TensorArrays.");
      }
      dims.insert(dims.end(), rest_.dims().begin(), rest_.dims().end());
      ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
      return ctx.AllocateOutput(0, shape).status();
    }
    std::vector<Tensor> values(count);
    for (int64_t i = 0; i < count; ++i) {
      ASSIGN_OR_RETURN(values[i], array->Read(i));
      RETURN_IF_ERROR(CheckShape(values, i));
      lengths->mutable_data<int64_t>()[i] = values[i].dim(0);
      dims[0] += values[i].dim(0);
    }
    const auto own = values[0].shape().dims();
    dims.insert(dims.end(), own.begin() + 1, own.end());
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
    Join(values, out);
    return absl::OkStatus();
  }

 private:
  absl::Status CheckShape(const std::vector<Tensor>& values, int64_t i) const {
    TensorShape shape = values[i].shape();
    if (shape.rank() == 0) {
      return InvalidArgument("Concat saw a scalar shape at index ", i,
                             " but requires at least vectors.  Did you mean "
                             "to call pack?");
    }
    shape.RemoveDim(0);
    TensorShape first = values[0].shape();
    first.RemoveDim(0);
    if (!(shape == first)) {
      return InvalidArgument(
          "TensorArray has inconsistent shapes.  Index 0 "
          "has (excepting dimension 0) shape: ",
          first.ToString(), " but index ", i,
          " has (excepting dimension 0) shape: ", shape.ToString());
    }
    if (!rest_.IsCompatibleWith(shape)) {
      return InvalidArgument(
          "TensorArray was passed element_shape_except0 ", rest_.ToString(),
          " but index ", i,
          " has (excepting dimension 0) shape: ", shape.ToString());
    }
    return absl::OkStatus();
  }

  PartialShape rest_;
};

// Writes row i of the value into the i-th element that the indices name, or,
// in the oldest spelling, into element i. The elements share the value's
// buffer.
template <bool kAll>
class ScatterElements final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> array, FindArray(ctx));
    const Tensor& value = ctx.input(kAll ? 1 : 2);
    RETURN_IF_ERROR(CheckWrites(*array, value));
    if (!kAll && ctx.input(1).rank() != 1) {
      return InvalidArgument(
          "Expected indices to be a vector, but received "
          "shape: ",
          ctx.input(1).shape().ToString());
    }
    if (value.rank() == 0) {
      return InvalidArgument(
          "Input value for unpack must be at least a vector "
          "but received shape: []");
    }
    const int64_t count = value.dim(0);
    std::vector<int64_t> indices;
    if constexpr (kAll) {
      for (int64_t i = 0; i < count; ++i) indices.push_back(i);
    } else {
      const auto given = ctx.input(1).values<int32_t>();
      indices.assign(given.begin(), given.end());
    }
    if (static_cast<int64_t>(indices.size()) != count) {
      return InvalidArgument(
          "Expected len(indices) == values.shape[0], but "
          "saw: ",
          indices.size(), " vs. ", count);
    }
    int64_t largest = -1;
    for (const int64_t index : indices) largest = std::max(largest, index);
    if (largest >= array->size() && !array->dynamic_size()) {
      return InvalidArgument("Max scatter index must be < array size (",
                             largest, " vs. ", array->size(), ")");
    }
    TensorShape shape = value.shape();
    shape.RemoveDim(0);
    if (kAll) array->MarkSize(count);
    for (int64_t i = 0; i < count; ++i) {
      RETURN_IF_ERROR(
          array->Write(indices[i], value.Rows(i, i + 1).Reshaped(shape)));
    }
    SetFlow(ctx, 0);
    return absl::OkStatus();
  }
};

// Cuts the value into pieces of the given lengths: the elements.
class SplitElements final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> array, FindArray(ctx));
    const Tensor& value = ctx.input(1);
    const Tensor& lengths = ctx.input(2);
    RETURN_IF_ERROR(CheckWrites(*array, value));
    if (lengths.rank() != 1) {
      return InvalidArgument(
          "Expected lengths to be a vector, received "
          "shape: ",
          lengths.shape().ToString());
    }
    if (value.rank() == 0) {
      return InvalidArgument(
          "Expected value to be at least a vector, but "
          "received shape: []");
    }
    int64_t sum = 0;
    for (const int64_t length : lengths.values<int64_t>()) {
      if (length < 0 || length > value.dim(0)) {
        return InvalidArgument("Expected lengths between 0 and ", value.dim(0),
                               ", but saw ", length);
      }
      // No overflow: stops at the first length too many.
      sum += length;
      if (sum > value.dim(0)) break;
    }
    if (sum != value.dim(0)) {
      return InvalidArgument(
          "Expected sum of lengths to be equal to "
          "values.shape[0], but sum of lengths is ",
          sum, " and value's shape is: ", value.shape().ToString());
    }
    const int64_t count = lengths.num_elements();
    const int64_t size = array->size();
    if (size > count || (size < count && !array->dynamic_size())) {
      return InvalidArgument(
          "TensorArray's size is not equal to the size of lengths (", size,
          " vs. ", count,
          "), and the TensorArray is not marked as dynamically resizeable");
    }
    array->MarkSize(count);
    int64_t begin = 0;
    for (int64_t i = 0; i < count; ++i) {
      const int64_t end = begin + lengths.data<int64_t>()[i];
      RETURN_IF_ERROR(array->Write(i, value.Rows(begin, end)));
      begin = end;
    }
    SetFlow(ctx, 0);
    return absl::OkStatus();
  }
};

// Declares one op in each spelling that `kHandles` names. The oldest one's
// handle is a reference to a string in TensorFlow; nothing ever writes it, so
// here it is a string.
constexpr char kString[] = "string";
constexpr char kResource[] = "resource";

// A handle of either kind, and the flow that some have.
absl::Status HandleRule(ShapeContext& ctx) {
  const bool words = ctx.num_outputs() == 1;
  ctx.SetOutput(0, words ? PartialShape({2}) : PartialShape({}));
  if (!words) ctx.SetOutput(1, PartialShape({}));
  return absl::OkStatus();
}

absl::Status CreateRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape element,
                   ctx.Attr<PartialShape>("element_shape"));
  ctx.SetOutputHandleShape(0, std::move(element));
  return HandleRule(ctx);
}

absl::Status GradientRule(ShapeContext& ctx) {
  ctx.SetOutputHandleShape(0, ctx.facts(0).handle_shape);
  return HandleRule(ctx);
}

absl::Status ReadRule(ShapeContext& ctx) {
  ctx.SetOutput(0, ctx.facts(0).handle_shape);
  return absl::OkStatus();
}

// So many elements, one upon the other.
absl::Status StackElements(ShapeContext& ctx, int64_t count) {
  ASSIGN_OR_RETURN(const PartialShape said,
                   ctx.Attr<PartialShape>("element_shape"));
  auto element = MergeShapes(said, ctx.facts(0).handle_shape);
  if (!element.ok()) return absl::OkStatus();
  ctx.SetOutput(0, Concatenated({count}, *element));
  return absl::OkStatus();
}

absl::Status GatherRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape indices, WithRank(ctx.input(1), 1));
  return StackElements(ctx, indices.dim(0));
}

absl::Status PackRule(ShapeContext& ctx) {
  return StackElements(ctx, kUnknownDim);
}

absl::Status ConcatRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape rest,
                   ctx.Attr<PartialShape>("element_shape_except0"));
  ctx.SetOutput(0, Concatenated({kUnknownDim}, rest));
  ctx.SetOutput(1, UnknownDims(1));
  return absl::OkStatus();
}

void DescribeCreate(OpBuilder& op, absl::string_view handle) {
  op.Input("size: int32").Output(absl::StrCat("handle: ", handle));
  if (handle == kResource) {
    op.Output("flow: float");
    op.Attr("identical_element_shapes: bool = false");
  }
  op.Attr("dtype: type").Attr("element_shape: shape = {}");
  op.Attr("dynamic_size: bool = false").Attr("clear_after_read: bool = true");
  op.Attr("tensor_array_name: string = ''").SetIsStateful();
  op.Shape(CreateRule);
  op.Kernel<CreateArray>();
}

// The input that stands for the array. Ops on a resource are stateful.
void DescribeHandle(OpBuilder& op, absl::string_view handle) {
  op.Input(absl::StrCat("handle: ", handle));
  if (handle == kResource) op.SetIsStateful();
}

void DescribeGradient(OpBuilder& op, absl::string_view handle) {
  DescribeHandle(op, handle);
  op.Input("flow_in: float").Output(absl::StrCat("grad_handle: ", handle));
  if (handle == kResource) op.Output("flow_out: float");
  op.Attr("source: string").SetIsStateful();
  op.Shape(GradientRule);
  op.Kernel<CreateGradient>();
}

void DescribeWrite(OpBuilder& op, absl::string_view handle) {
  DescribeHandle(op, handle);
  op.Input("index: int32").Input("value: T").Input("flow_in: float");
  op.Output("flow_out: float").Attr("T: type");
  op.Shape(ScalarRule);
  op.Kernel<WriteElement>();
}

void DescribeRead(OpBuilder& op, absl::string_view handle) {
  DescribeHandle(op, handle);
  op.Input("index: int32").Input("flow_in: float");
  op.Output("value: dtype").Attr("dtype: type");
  op.Shape(ReadRule);
  op.Kernel<ReadElement>();
}

void DescribeGather(OpBuilder& op, absl::string_view handle) {
  DescribeHandle(op, handle);
  op.Input("indices: int32").Input("flow_in: float");
  op.Output("value: dtype").Attr("dtype: type");
  op.Attr("element_shape: shape = {}");
  op.Shape(GatherRule);
  op.Kernel<GatherElements<false>>();
}

void DescribeScatter(OpBuilder& op, absl::string_view handle) {
  DescribeHandle(op, handle);
  op.Input("indices: int32").Input("value: T").Input("flow_in: float");
  op.Output("flow_out: float").Attr("T: type");
  op.Shape(ScalarRule);
  op.Kernel<ScatterElements<false>>();
}

void DescribeConcat(OpBuilder& op, absl::string_view handle) {
  DescribeHandle(op, handle);
  op.Input("flow_in: float").Output("value: dtype").Output("lengths: int64");
  op.Attr("dtype: type").Attr("element_shape_except0: shape = {}");
  op.Shape(ConcatRule);
  op.Kernel<ConcatElements>();
}

void DescribeSplit(OpBuilder& op, absl::string_view handle) {
  DescribeHandle(op, handle);
  op.Input("value: T").Input("lengths: int64").Input("flow_in: float");
  op.Output("flow_out: float").Attr("T: type");
  op.Shape(ScalarRule);
  op.Kernel<SplitElements>();
}

void DescribeSize(OpBuilder& op, absl::string_view handle) {
  DescribeHandle(op, handle);
  op.Input("flow_in: float").Output("size: int32");
  op.Shape(ScalarRule);
  op.Kernel<ArraySize>();
}

void DescribeClose(OpBuilder& op, absl::string_view handle) {
  DescribeHandle(op, handle);
  op.Shape(UnknownRule);
  op.Kernel<CloseArray>();
}

#define REGISTER_SPELLINGS(name, describe)                              \
  REGISTER_OP(name, [](OpBuilder& op) { describe(op, kString); });      \
  REGISTER_OP(name "V2", [](OpBuilder& op) { describe(op, kString); }); \
  REGISTER_OP(name "V3", [](OpBuilder& op) { describe(op, kResource); })
REGISTER_SPELLINGS("TensorArray", DescribeCreate);
REGISTER_SPELLINGS("TensorArrayGrad", DescribeGradient);
REGISTER_SPELLINGS("TensorArrayWrite", DescribeWrite);
REGISTER_SPELLINGS("TensorArrayRead", DescribeRead);
REGISTER_SPELLINGS("TensorArrayGather", DescribeGather);
REGISTER_SPELLINGS("TensorArrayScatter", DescribeScatter);
REGISTER_SPELLINGS("TensorArrayConcat", DescribeConcat);
REGISTER_SPELLINGS("TensorArraySplit", DescribeSplit);
REGISTER_SPELLINGS("TensorArraySize", DescribeSize);
REGISTER_SPELLINGS("TensorArrayClose", DescribeClose);
#undef REGISTER_SPELLINGS

REGISTER_OP("TensorArrayGradWithShape", [](OpBuilder& op) {
  DescribeHandle(op, kResource);
  op.Input("flow_in: float").Input("shape_to_prepend: int32");
  op.Output("grad_handle: resource").Output("flow_out: float");
  op.Attr("source: string");
  op.Shape(HandleRule);
  op.Kernel<CreateGradient>();
});
REGISTER_OP("TensorArrayPack", [](OpBuilder& op) {
  DescribeHandle(op, kString);
  op.Input("flow_in: float").Output("value: dtype").Attr("dtype: type");
  op.Attr("element_shape: shape = {}");
  op.Shape(PackRule);
  op.Kernel<GatherElements<true>>();
});
REGISTER_OP("TensorArrayUnpack", [](OpBuilder& op) {
  DescribeHandle(op, kString);
  op.Input("value: T").Input("flow_in: float");
  op.Output("flow_out: float").Attr("T: type");
  op.Shape(ScalarRule);
  op.Kernel<ScatterElements<true>>();
});

}  // namespace
}  // namespace metagraph
