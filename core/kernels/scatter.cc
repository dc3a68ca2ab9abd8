// ScatterNd, TensorScatter*, SparseToDense: values put at indices.

#include <algorithm>
#include <string>
#include <type_traits>

#include "absl/strings/str_join.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/looks.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// How indices [..., depth] lead into a tensor: each names a slice of `inner`
// elements.
struct SliceIndex {
  int64_t depth;
  int64_t count;
  int64_t inner;
};

// `into_zeros`: of ScatterNd, whose messages have other words.
absl::StatusOr<SliceIndex> CheckScatter(const TensorShape& shape,
                                        const TensorShape& indices,
                                        const TensorShape& updates,
                                        bool into_zeros) {
  if (indices.rank() < 1) {
    return InvalidArgument("Indices shape must have rank at least one. Found:",
                           indices.ToString());
  }
  if (updates.rank() < 1) {
    return InvalidArgument("Updates shape must have rank at least one. Found:",
                           updates.ToString());
  }
  const int outer = indices.rank() - 1;
  SliceIndex out;
  out.depth = indices.dim(outer);
  if (out.depth > shape.rank()) {
    return InvalidArgument("The inner ", out.depth,
                           " dimensions of indices do not fit into shape ",
                           shape.ToString());
  }
  bool fits = updates.rank() >= outer;
  for (int i = 0; fits && i < outer; ++i) {
    fits = updates.dim(i) == indices.dim(i);
  }
  if (!fits && !into_zeros) {
    return InvalidArgument(
        "Outer dimensions of indices and update must match. Indices shape: ",
        indices.ToString(), ", updates shape:", updates.ToString());
  }
  if (!fits) {
    return InvalidArgument("Dimensions [0,", outer,
                           ") of indices[shape=", indices.ToString(),
                           "] must match dimensions [0,", outer,
                           ") of updates[shape=", updates.ToString(), "]");
  }
  const int depth = static_cast<int>(out.depth);
  fits = updates.rank() - outer == shape.rank() - depth;
  for (int i = depth; fits && i < shape.rank(); ++i) {
    fits = updates.dim(outer + i - depth) == shape.dim(i);
  }
  if (!fits) {
    return InvalidArgument("Dimensions [", depth, ",", shape.rank(),
                           ") of input[shape=", shape.ToString(),
                           "] must match dimensions [", outer, ",",
                           updates.rank(),
                           ") of updates[shape=", updates.ToString(), "]");
  }
  out.count = ProductOf(indices, 0, outer);
  out.inner = ProductOf(shape, depth, shape.rank());
  return out;
}

// For each index the offset of its slice in the target.
template <typename Index>
absl::StatusOr<Scratch<int64_t>> SliceOffsets(const TensorShape& shape,
                                              const Tensor& indices,
                                              const SliceIndex& slices) {
  Scratch<int64_t> out(slices.count);
  const Index* index = indices.data<Index>();
  for (int64_t i = 0; i < slices.count; ++i, index += slices.depth) {
    int64_t row = 0;
    for (int64_t d = 0; d < slices.depth; ++d) {
      if (index[d] < 0 || index[d] >= shape.dim(d)) {
        TensorShape outer = indices.shape();
        outer.RemoveDim(outer.rank() - 1);
        return InvalidArgument(
            "indices", PositionString(outer, i), " = [",
            absl::StrJoin(absl::MakeSpan(index, slices.depth), ", "),
            "] does not index into shape ", shape.ToString());
      }
      row = row * shape.dim(d) + index[d];
    }
    out[i] = row * slices.inner;
  }
  return out;
}

absl::StatusOr<Scratch<int64_t>> SliceOffsets(const TensorShape& shape,
                                              const Tensor& indices,
                                              const SliceIndex& slices) {
  // However many empty indices there are, nothing is to be moved.
  if (slices.depth == 0 && slices.inner == 0) return Scratch<int64_t>();
  return indices.dtype() == DT_INT64
             ? SliceOffsets<int64_t>(shape, indices, slices)
             : SliceOffsets<int32_t>(shape, indices, slices);
}

// The slices of `inner` elements at `offsets` of `to` meet those of `from`, one
// after the other. What is compiled per dtype is only this.
using ApplySlices = void (*)(const void* from,
                             absl::Span<const int64_t> offsets, int64_t inner,
                             void* to);

template <typename T, T (*kCombine)(T, T)>
void CombineSlices(const void* from, absl::Span<const int64_t> offsets,
                   int64_t inner, void* to) {
  const T* update = static_cast<const T*>(from);
  for (const int64_t offset : offsets) {
    T* const out = static_cast<T*>(to) + offset;
    for (int64_t i = 0; i < inner; ++i) out[i] = kCombine(out[i], update[i]);
    update += inner;
  }
}

absl::Status ScatterInto(ApplySlices apply, const Tensor& indices,
                         const Tensor& updates, const SliceIndex& slices,
                         Tensor* target) {
  ASSIGN_OR_RETURN(const Scratch<int64_t> offsets,
                   SliceOffsets(target->shape(), indices, slices));
  apply(updates.raw_data(), offsets, slices.inner, target->mutable_raw_data());
  return absl::OkStatus();
}

// Makes room for `more` bytes in a string of `owner`, counted as it grows.
absl::Status Grow(size_t more, std::string* text, Tensor* owner) {
  const size_t room = text->capacity();
  if (text->size() + more <= room) return absl::OkStatus();
  const size_t grown = std::max(text->size() + more, 2 * room);
  RETURN_IF_ERROR(owner->ChargeBudget(static_cast<int64_t>(grown - room)));
  text->reserve(grown);
  return absl::OkStatus();
}

// All strings may go into one, which then takes as much as all of them.
absl::Status AppendStrings(const KernelContext& ctx, const Tensor& indices,
                           const Tensor& updates, const SliceIndex& slices,
                           Tensor* target) {
  ASSIGN_OR_RETURN(const Scratch<int64_t> offsets,
                   SliceOffsets(target->shape(), indices, slices));
  Looks looks(ctx);
  const std::string* update = updates.data<std::string>();
  std::string* const texts = target->mutable_data<std::string>();
  for (const int64_t offset : offsets) {
    for (int64_t i = 0; i < slices.inner; ++i, ++update) {
      const auto size = static_cast<int64_t>(update->size());
      RETURN_IF_ERROR(looks.After(1 + size));
      RETURN_IF_ERROR(Grow(update->size(), &texts[offset + i], target));
      texts[offset + i] += *update;
    }
  }
  return absl::OkStatus();
}

// Zeros with the updates added at the indices.
class ScatterNdKernel : public Kernel {
 public:
  explicit ScatterNdKernel(ApplySlices apply) : apply_(apply) {}

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& indices = ctx.input(0);
    const Tensor& updates = ctx.input(1);
    if (!ctx.input(2).shape().IsVector()) {
      return InvalidArgument("Shape must be a vector");
    }
    ASSIGN_OR_RETURN(TensorShape shape, ReadShape(ctx.input(2)));
    if (shape.num_elements() == 0 &&
        (indices.num_elements() > 0 || updates.num_elements() > 0)) {
      return InvalidArgument(
          "Indices and updates specified for empty output.  indices shape: ",
          indices.shape().ToString());
    }
    ASSIGN_OR_RETURN(SliceIndex slices, CheckScatter(shape, indices.shape(),
                                                     updates.shape(), true));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    ZeroTensor(output);
    if (updates.dtype() == DT_STRING) {
      return AppendStrings(ctx, indices, updates, slices, output);
    }
    return ScatterInto(apply_, indices, updates, slices, output);
  }

 private:
  const ApplySlices apply_;  // null for strings
};

// As Add, but for all that ScatterNd takes.
template <typename T>
T Accumulate(T a, T b) {
  if constexpr (std::is_same_v<T, bool>) {
    return a || b;
  } else {
    return Add(a, b);
  }
}

template <typename T>
class ScatterNd final : public ScatterNdKernel {
 public:
  ScatterNd() : ScatterNdKernel(&CombineSlices<T, Accumulate<T>>) {}
};
template <>
class ScatterNd<std::string> final : public ScatterNdKernel {
 public:
  ScatterNd() : ScatterNdKernel(nullptr) {}
};

// A tensor of its own with the elements of input 0: that input's buffer if
// nobody else needs it.
absl::StatusOr<Tensor*> OwnCopy(KernelContext& ctx) {
  const Tensor& tensor = ctx.input(0);
  ASSIGN_OR_RETURN(Tensor * output,
                   ctx.ForwardOrAllocateOutput({0}, 0, tensor.shape()));
  if (!output->SharesBufferWith(tensor)) {
    RETURN_IF_ERROR(ChargeStrings(tensor, 1, output));
    ElementCopier(tensor.dtype())
        .Copy(tensor.raw_data(), 0, output->mutable_raw_data(), 0,
              tensor.num_elements());
  }
  return output;
}

absl::StatusOr<SliceIndex> CheckTensorScatter(const KernelContext& ctx) {
  const TensorShape& shape = ctx.input(0).shape();
  const TensorShape& indices = ctx.input(1).shape();
  const TensorShape& updates = ctx.input(2).shape();
  if (shape.num_elements() == 0 &&
      (indices.num_elements() > 0 || updates.num_elements() > 0)) {
    return InvalidArgument(
        "Indices and updates specified for empty output shape");
  }
  return CheckScatter(shape, indices, updates, false);
}

class TensorScatterUpdate final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& indices = ctx.input(1);
    const Tensor& updates = ctx.input(2);
    ASSIGN_OR_RETURN(SliceIndex slices, CheckTensorScatter(ctx));
    ASSIGN_OR_RETURN(Tensor * output, OwnCopy(ctx));
    ASSIGN_OR_RETURN(const Scratch<int64_t> offsets,
                     SliceOffsets(output->shape(), indices, slices));
    // A forwarded buffer, too, is nobody else's: both tensors are this call's.
    RETURN_IF_ERROR(ChargeStrings(updates, 1, output));
    const ElementCopier copier(updates.dtype());
    for (size_t i = 0; i < offsets.size(); ++i) {
      copier.Copy(updates.raw_data(), i * slices.inner,
                  output->mutable_raw_data(), offsets[i], slices.inner);
    }
    return absl::OkStatus();
  }
};

class TensorScatter : public Kernel {
 public:
  explicit TensorScatter(ApplySlices apply) : apply_(apply) {}

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(SliceIndex slices, CheckTensorScatter(ctx));
    ASSIGN_OR_RETURN(Tensor * output, OwnCopy(ctx));
    return ScatterInto(apply_, ctx.input(1), ctx.input(2), slices, output);
  }

 private:
  const ApplySlices apply_;
};

template <typename T, T (*kCombine)(T, T)>
class TensorScatterBy final : public TensorScatter {
 public:
  TensorScatterBy() : TensorScatter(&CombineSlices<T, kCombine>) {}
};
template <typename T>
using TensorScatterAdd = TensorScatterBy<T, Add<T>>;
template <typename T>
using TensorScatterSub = TensorScatterBy<T, Subtract<T>>;
template <typename T>
using TensorScatterMin = TensorScatterBy<T, Smaller<T>>;
template <typename T>
using TensorScatterMax = TensorScatterBy<T, Larger<T>>;

// A tensor of a default value with some elements set.
class SparseToDense final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("validate_indices", &validate_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& indices = ctx.input(0);
    const Tensor& values = ctx.input(2);
    if (indices.rank() > 2) {
      return InvalidArgument(
          "sparse_indices should be a scalar, vector, or matrix, got shape ",
          indices.shape().ToString());
    }
    const int64_t count = indices.rank() > 0 ? indices.dim(0) : 1;
    const int64_t depth = indices.rank() > 1 ? indices.dim(1) : 1;
    if (!ctx.input(1).shape().IsVector()) {
      return InvalidArgument("output_shape must be rank 1, got shape ",
                             ctx.input(1).shape().ToString());
    }
    if (ctx.input(1).dim(0) != depth) {
      return InvalidArgument("output_shape has incorrect number of elements: ",
                             ctx.input(1).dim(0), " should be: ", depth);
    }
    if (values.rank() > 1 || (values.rank() == 1 && values.dim(0) != count)) {
      return InvalidArgument("sparse_values has incorrect shape ",
                             values.shape().ToString(), ", should be [] or [",
                             count, "]");
    }
    if (ctx.input(3).rank() != 0) {
      return InvalidArgument("default_value should be a scalar.");
    }
    ASSIGN_OR_RETURN(TensorShape shape, ReadShape(ctx.input(1)));
    ASSIGN_OR_RETURN(const Ints index, ReadInts(indices));
    RETURN_IF_ERROR(Check(shape, index, count, depth));
    ASSIGN_OR_RETURN(Tensor * dense, ctx.AllocateOutput(0, shape));
    RETURN_IF_ERROR(ChargeStrings(ctx.input(3), dense->num_elements(), dense));
    RETURN_IF_ERROR(
        ChargeStrings(values, values.rank() == 0 ? count : 1, dense));
    RETURN_IF_ERROR(FillTensor(ctx, ctx.input(3).raw_data(), dense));
    const ElementCopier copier(dense->dtype());
    for (int64_t i = 0; i < count; ++i) {
      int64_t at = 0;
      for (int64_t d = 0; d < depth; ++d) {
        at = at * shape.dim(d) + index[i * depth + d];
      }
      copier.Copy(values.raw_data(), values.rank() == 0 ? 0 : i,
                  dense->mutable_raw_data(), at, 1);
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Check(const TensorShape& shape, const Ints& indices,
                     int64_t count, int64_t depth) const {
    for (int64_t i = 0; i < count; ++i) {
      const auto index = absl::MakeSpan(indices).subspan(i * depth, depth);
      const auto describe = [&] {
        return absl::StrCat("indices[", i, "] = [", absl::StrJoin(index, ","),
                            "]");
      };
      for (int64_t d = 0; d < depth; ++d) {
        if (index[d] < 0 || index[d] >= shape.dim(d)) {
          return InvalidArgument(describe(),
                                 " is out of bounds: need 0 <= index < ",
                                 shape.ToString());
        }
      }
      if (!validate_ || i == 0) continue;
      const auto before =
          absl::MakeSpan(indices).subspan((i - 1) * depth, depth);
      if (index == before) {
        return InvalidArgument(describe(), " is repeated");
      }
      if (std::lexicographical_compare(index.begin(), index.end(),
                                       before.begin(), before.end())) {
        return InvalidArgument(describe(),
                               " is out of order. Many sparse ops require "
                               "sorted indices.");
      }
    }
    return absl::OkStatus();
  }

  bool validate_ = true;
};

template <template <typename> class K, typename... Ts>
void AddKernels(OpBuilder& op) {
  for (DataType index : {DT_INT32, DT_INT64}) {
    (op.KernelWhere<K<Ts>>({{"T", kDataType<Ts>}, {"Tindices", index}}), ...);
  }
}

void DescribeTensorScatter(OpBuilder& op) {
  op.Input("tensor: T").Input("indices: Tindices").Input("updates: T");
  op.Output("output: T").Attr("T: type").Attr("Tindices: type");
  op.Shape(UnchangedRule);
}

REGISTER_OP("ScatterNd", [](OpBuilder& op) {
  op.Input("indices: Tindices").Input("updates: T").Input("shape: Tindices");
  op.Output("output: T").Attr("T: type").Attr("Tindices: type");
  AddKernels<ScatterNd, float, double, half, bfloat16, int8_t, int16_t, int32_t,
             int64_t, uint8_t, uint16_t, uint32_t, uint64_t, complex64,
             complex128, bool, std::string>(op);
  op.Shape(ShapeInputRule<2>);
});
REGISTER_OP("TensorScatterUpdate", [](OpBuilder& op) {
  DescribeTensorScatter(op);
  op.KernelWhere<TensorScatterUpdate>({{"Tindices", DT_INT32}});
  op.KernelWhere<TensorScatterUpdate>({{"Tindices", DT_INT64}});
});
REGISTER_OP("TensorScatterAdd", [](OpBuilder& op) {
  DescribeTensorScatter(op);
  AddKernels<TensorScatterAdd, float, double, half, bfloat16, int8_t, int16_t,
             int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, complex64,
             complex128>(op);
});
REGISTER_OP("TensorScatterSub", [](OpBuilder& op) {
  DescribeTensorScatter(op);
  AddKernels<TensorScatterSub, float, double, half, bfloat16, int8_t, int16_t,
             int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, complex64,
             complex128>(op);
});
REGISTER_OP("TensorScatterMin", [](OpBuilder& op) {
  DescribeTensorScatter(op);
  AddKernels<TensorScatterMin, float, double, half, bfloat16, int8_t, int16_t,
             int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>(op);
});
REGISTER_OP("TensorScatterMax", [](OpBuilder& op) {
  DescribeTensorScatter(op);
  AddKernels<TensorScatterMax, float, double, half, bfloat16, int8_t, int16_t,
             int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t>(op);
});
REGISTER_OP("SparseToDense", [](OpBuilder& op) {
  op.Input("sparse_indices: Tindices").Input("output_shape: Tindices");
  op.Input("sparse_values: T").Input("default_value: T").Output("dense: T");
  op.Attr("validate_indices: bool = true");
  op.Attr("T: type").Attr("Tindices: type");
  op.Shape(ShapeInputRule<1>);
  op.Kernel<SparseToDense>();
});

}  // namespace
}  // namespace metagraph
