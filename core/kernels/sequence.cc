// Tensors made from a rule: Range, LinSpace, OneHot, InvertPermutation.

#include <cmath>
#include <limits>

#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/op/type_lists.h"

namespace metagraph {
namespace {

template <typename T>
std::string Print(T value) {
  if constexpr (std::is_integral_v<T>) return absl::StrCat(value);
  return absl::StrCat(static_cast<double>(value));
}

template <typename T>
class Range final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    constexpr const char* kNames[] = {"start", "limit", "delta"};
    for (int i = 0; i < 3; ++i) {
      if (ctx.input(i).num_elements() == 1 && ctx.input(i).rank() <= 1) {
        continue;
      }
      return InvalidArgument(kNames[i], " must be a scalar, not shape ",
                             ctx.input(i).shape().ToString());
    }
    const T start = ctx.input(0).scalar<T>();
    const T limit = ctx.input(1).scalar<T>();
    const T delta = ctx.input(2).scalar<T>();
    if (!(delta < T(0)) && !(delta > T(0))) {
      return InvalidArgument("Requires delta != 0: ", Print(delta));
    }
    if (delta > T(0) && !(start <= limit)) {
      return InvalidArgument("Requires start <= limit when delta > 0: ",
                             Print(start), "/", Print(limit));
    }
    if (delta < T(0) && !(start >= limit)) {
      return InvalidArgument("Requires start >= limit when delta < 0: ",
                             Print(start), "/", Print(limit));
    }
    ASSIGN_OR_RETURN(int64_t size, SizeOf(start, limit, delta));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {size}));
    T* out = output->mutable_data<T>();
    if constexpr (std::is_integral_v<T>) {
      // Unsigned: the value after the last may be beyond T.
      using U = std::make_unsigned_t<T>;
      for (int64_t i = 0; i < size; ++i) {
        out[i] = static_cast<T>(static_cast<U>(start) +
                                static_cast<U>(i) * static_cast<U>(delta));
      }
    } else {
      for (int64_t i = 0; i < size; ++i) {
        out[i] = start + delta * static_cast<T>(i);
      }
    }
    return absl::OkStatus();
  }

  // How many values there are. REQUIRES: delta leads from start to limit.
  static absl::StatusOr<int64_t> SizeOf(T start, T limit, T delta) {
    if constexpr (std::is_integral_v<T>) {
      // |limit - start| and |delta| fit uint64 whatever their signs.
      const uint64_t low = static_cast<uint64_t>(std::min(start, limit));
      const uint64_t high = static_cast<uint64_t>(std::max(start, limit));
      const uint64_t step = delta > 0 ? static_cast<uint64_t>(delta)
                                      : 0 - static_cast<uint64_t>(delta);
      const uint64_t distance = high - low;
      const uint64_t size = distance / step + (distance % step != 0 ? 1 : 0);
      if (size > std::numeric_limits<int64_t>::max()) {
        return InvalidArgument("Requires ((limit - start) / delta) <= ",
                               std::numeric_limits<int64_t>::max());
      }
      return static_cast<int64_t>(size);
    } else {
      // In double, but a small float rounds after each step.
      using Work = std::conditional_t<sizeof(T) == 2, T, double>;
      const Work steps = (static_cast<Work>(limit) - static_cast<Work>(start)) /
                         static_cast<Work>(delta);
      const double size = std::ceil(std::abs(static_cast<double>(steps)));
      // NaN and infinity fail this too.
      if (!(size < 9e18)) {
        return InvalidArgument("Requires ((limit - start) / delta) <= ",
                               std::numeric_limits<int64_t>::max());
      }
      return static_cast<int64_t>(size);
    }
  }
};

template <typename T>
class LinSpace final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    constexpr const char* kNames[] = {"start", "stop", "num"};
    for (int i = 0; i < 3; ++i) {
      if (ctx.input(i).rank() == 0) continue;
      return InvalidArgument(kNames[i], " must be a scalar, not shape ",
                             ctx.input(i).shape().ToString());
    }
    const T start = ctx.input(0).scalar<T>();
    const T stop = ctx.input(1).scalar<T>();
    ASSIGN_OR_RETURN(int64_t num, ReadInt(ctx.input(2), "num"));
    if (num <= 0) return InvalidArgument("Requires num > 0: ", num);
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {num}));
    T* out = output->mutable_data<T>();
    out[0] = start;
    if (num == 1) return absl::OkStatus();
    const T step = (stop - start) / static_cast<T>(num - 1);
    for (int64_t i = 1; i < num - 1; ++i) {
      out[i] = start + step * static_cast<T>(i);
    }
    // The last one exactly.
    out[num - 1] = stop;
    return absl::OkStatus();
  }
};

// The shape of indices with one dimension more, for kernel and shape rule.
// REQUIRES: the rank is known.
absl::StatusOr<PartialShape> OneHotShape(const PartialShape& indices,
                                         std::optional<int64_t> depth,
                                         int64_t axis) {
  const int rank = indices.rank();
  if (axis < -1 || axis > rank) {
    return InvalidArgument("Expected axis to be -1 or between [0, ", rank + 1,
                           ").  But received: ", axis);
  }
  if (depth.has_value() && *depth < 0) {
    return InvalidArgument("depth must be non-negative, got: ", *depth);
  }
  const int at = axis == -1 ? rank : static_cast<int>(axis);
  return Concatenated(
      Concatenated(Subshape(indices, 0, at), {depth.value_or(kUnknownDim)}),
      Subshape(indices, at));
}

class OneHot final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("axis", &axis_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& indices = ctx.input(0);
    constexpr const char* kNames[] = {"", "depth", "on_value", "off_value"};
    for (int i = 1; i < 4; ++i) {
      if (ctx.input(i).rank() == 0) continue;
      return InvalidArgument(kNames[i], " must be a scalar, but got: ",
                             ctx.input(i).shape().ToString());
    }
    ASSIGN_OR_RETURN(int64_t depth, ReadInt(ctx.input(1), "depth"));
    ASSIGN_OR_RETURN(const PartialShape result,
                     OneHotShape(PartialShape(indices.shape()), depth, axis_));
    ASSIGN_OR_RETURN(TensorShape shape, result.AsTensorShape());
    const int axis = static_cast<int>(axis_ == -1 ? indices.rank() : axis_);
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    if (output->num_elements() == 0) return absl::OkStatus();
    for (int i : {2, 3}) {
      RETURN_IF_ERROR(
          ChargeStrings(ctx.input(i), output->num_elements(), output));
    }
    RETURN_IF_ERROR(FillTensor(ctx, ctx.input(3).raw_data(), output));
    switch (indices.dtype()) {
      case DT_UINT8:
        return SetOnes<uint8_t>(ctx, axis, depth, output);
      case DT_INT8:
        return SetOnes<int8_t>(ctx, axis, depth, output);
      case DT_INT32:
        return SetOnes<int32_t>(ctx, axis, depth, output);
      default:
        return SetOnes<int64_t>(ctx, axis, depth, output);
    }
  }

 private:
  // indices is [prefix, suffix], the output [prefix, depth, suffix].
  template <typename Index>
  absl::Status SetOnes(const KernelContext& ctx, int axis, int64_t depth,
                       Tensor* output) const {
    const Tensor& indices = ctx.input(0);
    const Index* index = indices.data<Index>();
    const int64_t suffix = ProductOf(indices.shape(), axis, indices.rank());
    const ElementCopier copier(output->dtype());
    void* to = output->mutable_raw_data();
    const void* on_value = ctx.input(2).raw_data();
    return ctx.ParallelFor(
        indices.num_elements(), 5, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            // An index outside [0, depth) leaves its line off.
            if (index[i] < 0 || static_cast<int64_t>(index[i]) >= depth) {
              continue;
            }
            const int64_t at =
                (i / suffix * depth + index[i]) * suffix + i % suffix;
            copier.Copy(on_value, 0, to, at, 1);
          }
        });
  }

  int64_t axis_ = -1;
};

template <typename T>
class InvertPermutation final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& x = ctx.input(0);
    if (!x.shape().IsVector()) {
      return InvalidArgument("invert_permutation expects a 1D vector.");
    }
    const int64_t n = x.dim(0);
    ASSIGN_OR_RETURN(Tensor * y, ctx.AllocateOutput(0, x.shape()));
    const T* in = x.data<T>();
    T* out = y->mutable_data<T>();
    std::fill_n(out, n, T(-1));
    for (int64_t i = 0; i < n; ++i) {
      if (in[i] < 0 || in[i] >= n) {
        return InvalidArgument(in[i], " is not between 0 and ", n);
      }
      if (out[in[i]] != T(-1)) {
        return InvalidArgument(in[i], " is duplicated in the input.");
      }
      out[in[i]] = static_cast<T>(i);
    }
    return absl::OkStatus();
  }
};

template <typename T>
std::optional<int64_t> RangeSize(const Tensor& start, const Tensor& limit,
                                 const Tensor& delta) {
  const T from = start.scalar<T>();
  const T to = limit.scalar<T>();
  const T step = delta.scalar<T>();
  const bool leads = step > T(0) ? from <= to : step < T(0) && from >= to;
  if (!leads) return {};
  const auto size = Range<T>::SizeOf(from, to, step);
  return size.ok() ? std::optional<int64_t>(*size) : std::nullopt;
}

absl::Status RangeRule(ShapeContext& ctx) {
  ctx.SetOutput(0, UnknownDims(1));
  for (int i = 0; i < 3; ++i) {
    // One element is as good as a scalar.
    const int64_t elements = ElementsOf(ctx.input(i));
    if (elements < 0 || elements == 1) continue;
    RETURN_IF_ERROR(WithRank(ctx.input(i), 0).status());
  }
  DataType dtype;
  RETURN_IF_ERROR(ctx.Bind("Tidx", &dtype));
  if (const Tensor* start = ctx.constant(0), *limit = ctx.constant(1),
      *delta = ctx.constant(2);
      start != nullptr && limit != nullptr && delta != nullptr) {
    std::optional<int64_t> size;
    DispatchType(dtype, RealTypes(), [&]<typename T>() {
      size = RangeSize<T>(*start, *limit, *delta);
    });
    if (size.has_value()) ctx.SetOutput(0, PartialShape({*size}));
  }
  // Counted in sizes.
  const std::optional<int64_t> start = ctx.Int(0);
  const std::optional<int64_t> limit = ctx.Int(1);
  const std::optional<int64_t> delta = ctx.Int(2);
  if (!start.has_value() || !limit.has_value() || !delta.has_value() ||
      *delta < 1 || *start < 0 || *limit < *start) {
    return absl::OkStatus();
  }
  const int64_t distance = *limit - *start;
  const int64_t size = distance / *delta + (distance % *delta != 0 ? 1 : 0);
  ctx.SetOutput(0, PartialShape({size}));
  if (size > ShapeContext::kMaxInts) return absl::OkStatus();
  KnownInts ints(size);
  for (int64_t i = 0; i < size; ++i) ints[i] = *start + i * *delta;
  ctx.SetOutputInts(0, std::move(ints));
  return absl::OkStatus();
}

absl::Status LinSpaceRule(ShapeContext& ctx) {
  for (int i = 0; i < 3; ++i) {
    RETURN_IF_ERROR(WithRank(ctx.input(i), 0).status());
  }
  const int64_t num = ctx.Int(2).value_or(kUnknownDim);
  ctx.SetOutput(0, PartialShape({num < 0 ? kUnknownDim : num}));
  return absl::OkStatus();
}

absl::Status OneHotRule(ShapeContext& ctx) {
  int64_t axis;
  RETURN_IF_ERROR(ctx.Bind("axis", &axis));
  for (int i = 1; i < 4; ++i) {
    RETURN_IF_ERROR(WithRank(ctx.input(i), 0).status());
  }
  if (!ctx.input(0).known_rank()) return absl::OkStatus();
  ASSIGN_OR_RETURN(PartialShape shape,
                   OneHotShape(ctx.input(0), ctx.Int(1), axis));
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

absl::Status InvertPermutationRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape x, WithRank(ctx.input(0), 1));
  ctx.SetOutput(0, std::move(x));
  const std::optional<KnownInts> places = ctx.Ints(0);
  if (!places.has_value()) return absl::OkStatus();
  const auto size = static_cast<int64_t>(places->size());
  KnownInts inverse(size, kUnknownInt);
  for (int64_t i = 0; i < size; ++i) {
    const int64_t place = (*places)[i];
    if (place >= 0 && place < size) inverse[place] = i;
  }
  ctx.SetOutputInts(0, std::move(inverse));
  return absl::OkStatus();
}

REGISTER_OP("Range", [](OpBuilder& op) {
  op.Input("start: Tidx").Input("limit: Tidx").Input("delta: Tidx");
  op.Output("output: Tidx").Attr("Tidx: type = DT_INT32");
  op.Shape(RangeRule);
  op.KernelFor<Range, float, double, half, bfloat16, int8_t, int16_t, int32_t,
               int64_t, uint16_t, uint32_t>("Tidx");
});
REGISTER_OP("LinSpace", [](OpBuilder& op) {
  op.Input("start: T").Input("stop: T").Input("num: Tidx");
  op.Output("output: T").Attr("T: type").Attr("Tidx: type = DT_INT32");
  op.Shape(LinSpaceRule);
  op.KernelForEach<LinSpace, FloatTypes>("T");
});
REGISTER_OP("OneHot", [](OpBuilder& op) {
  op.Input("indices: TI").Input("depth: int32").Input("on_value: T");
  op.Input("off_value: T").Output("output: T").Attr("axis: int = -1");
  op.Attr("T: type").Attr("TI: type = DT_INT64");
  op.Shape(OneHotRule);
  for (DataType index : {DT_UINT8, DT_INT8, DT_INT32, DT_INT64}) {
    op.KernelWhere<OneHot>({{"TI", index}});
  }
});
REGISTER_OP("InvertPermutation", [](OpBuilder& op) {
  op.Input("x: T").Output("y: T").Attr("T: type = DT_INT32");
  op.Shape(InvertPermutationRule);
  op.KernelForEach<InvertPermutation, IndexTypes>("T");
});

}  // namespace
}  // namespace metagraph
