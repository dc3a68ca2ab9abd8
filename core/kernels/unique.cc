// Unique and its relatives, ListDiff.

#include <string>
#include <type_traits>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/looks.h"
#include "core/kernels/strided_copy.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// Calls fn.operator()<T>(): a floating type as itself, because NaN differs
// from NaN and -0 equals 0 (not in the small ones: TensorFlow's hash of them is
// of their bits); other plain types as integers of their size.
template <typename Fn>
decltype(auto) WithComparable(DataType dtype, Fn&& fn) {
  switch (dtype) {
    case DT_FLOAT:
      return fn.template operator()<float>();
    case DT_DOUBLE:
      return fn.template operator()<double>();
    case DT_HALF:
      return fn.template operator()<half>();
    case DT_BFLOAT16:
      return fn.template operator()<bfloat16>();
    case DT_STRING:
      return fn.template operator()<std::string>();
    default:
      break;
  }
  switch (DataTypeSize(dtype)) {
    case 1:
      return fn.template operator()<uint8_t>();
    case 2:
      return fn.template operator()<uint16_t>();
    case 4:
      return fn.template operator()<uint32_t>();
    default:
      return fn.template operator()<uint64_t>();
  }
}

bool IsComparable(DataType dtype) {
  return dtype != DT_RESOURCE && dtype != DT_VARIANT && !IsComplexType(dtype);
}

// What stands for a T in a hash table.
template <typename T>
struct KeyOf {
  using type = const T&;
  using stored = T;
};
template <>
struct KeyOf<half> {
  using type = uint16_t;
  using stored = uint16_t;
};
template <>
struct KeyOf<bfloat16> : KeyOf<half> {};
template <>
struct KeyOf<std::string> {
  using type = absl::string_view;
  using stored = absl::string_view;
};

template <typename T>
typename KeyOf<T>::type Key(const T& value) {
  if constexpr (std::is_same_v<T, half> || std::is_same_v<T, bfloat16>) {
    return Eigen::numext::bit_cast<uint16_t>(value);
  } else {
    return value;
  }
}

// A NaN equals nothing, itself neither: it has no place in a hash table.
template <typename T>
bool EqualsItself(const T& value) {
  return value == value;
}

// Elements between two looks whether the call is still wanted, and between two
// charges of a table that grows.
constexpr int64_t kCheckedAt = 65536;

// Groups equal elements: `group[i]` is the number of element i's group,
// `first[g]` the first element of group g.
struct Groups {
  Tensor storage;  // of `group`, so that the budget counts it
  absl::Span<int64_t> group;
  std::vector<int64_t> first;
};

template <typename T>
absl::StatusOr<Groups> GroupEqual(const KernelContext& ctx, const T* values,
                                  int64_t count) {
  using Table = absl::flat_hash_map<typename KeyOf<T>::stored, int64_t>;
  // What a group takes: its place in `first`, and in a table half full.
  constexpr int64_t kGroupBytes =
      sizeof(int64_t) + 2 * (sizeof(typename Table::value_type) + 1);
  Groups out;
  ASSIGN_OR_RETURN(out.storage, ctx.AllocateTemp(DT_INT64, {count}));
  out.group = absl::MakeSpan(out.storage.mutable_data<int64_t>(), count);
  Table seen;
  int64_t charged = 0;  // groups
  seen.reserve(std::min<int64_t>(count, kCheckedAt));
  for (int64_t i = 0; i < count; ++i) {
    const auto next = static_cast<int64_t>(out.first.size());
    if (i % kCheckedAt == 0) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      RETURN_IF_ERROR(out.storage.ChargeBudget((next - charged) * kGroupBytes));
      charged = next;
    }
    out.group[i] = EqualsItself(values[i])
                       ? seen.try_emplace(Key(values[i]), next).first->second
                       : next;
    if (out.group[i] == next) out.first.push_back(i);
  }
  return out;
}

// Sets output `o` to int32 or int64 `values`.
absl::Status SetInts(KernelContext& ctx, int o,
                     absl::Span<const int64_t> values) {
  ASSIGN_OR_RETURN(
      Tensor * output,
      ctx.AllocateOutput(o, {static_cast<int64_t>(values.size())}));
  if (output->dtype() == DT_INT64) {
    std::copy(values.begin(), values.end(), output->mutable_data<int64_t>());
  } else {
    std::copy(values.begin(), values.end(), output->mutable_data<int32_t>());
  }
  return absl::OkStatus();
}

// Outputs: the different elements in order of appearance, the place of each
// input element among them, and how often each appears (WithCounts).
class Unique final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    const DataType idx = construction.output_type(1);
    if (idx != DT_INT32 && idx != DT_INT64) {
      return InvalidArgument("attr 'out_idx' is ", DataTypeName(idx),
                             ", expected int32 or int64");
    }
    if (!IsComparable(construction.input_type(0))) {
      return Unimplemented("unique of ",
                           DataTypeName(construction.input_type(0)));
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& x = ctx.input(0);
    int axis = 0;
    if (ctx.num_inputs() == 1) {
      if (!x.shape().IsVector()) {
        return InvalidArgument("unique expects a 1D vector.");
      }
    } else {
      ASSIGN_OR_RETURN(axis, Axis(x, ctx.input(1)));
    }
    if (x.rank() == 1) return OfElements(ctx, x);
    return OfSlices(ctx, x, axis);
  }

 private:
  static absl::StatusOr<int> Axis(const Tensor& x, const Tensor& axis) {
    if (!axis.shape().IsVector()) {
      return InvalidArgument("axis expects a 1D vector.");
    }
    if (axis.dim(0) == 0) {
      if (!x.shape().IsVector()) {
        return InvalidArgument("unique expects a 1D vector.");
      }
      return 0;
    }
    if (axis.dim(0) != 1) {
      return InvalidArgument(
          "axis does not support input tensors larger than 1 elements");
    }
    ASSIGN_OR_RETURN(int64_t asked, ReadInt(axis, "axis"));
    const int64_t canonical = CanonicalAxis(asked, x.rank());
    if (canonical < 0) {
      return InvalidArgument("axis has to be between [0, ", x.rank(), ")");
    }
    return static_cast<int>(canonical);
  }

  static absl::Status OfElements(KernelContext& ctx, const Tensor& x) {
    ASSIGN_OR_RETURN(
        const Groups groups, WithComparable(x.dtype(), [&]<typename T>() {
          return GroupEqual(ctx, static_cast<const T*>(x.raw_data()), x.dim(0));
        }));
    ASSIGN_OR_RETURN(
        Tensor * y,
        ctx.AllocateOutput(0, {static_cast<int64_t>(groups.first.size())}));
    const ElementCopier copier(x.dtype());
    Looks looks(ctx);
    for (size_t g = 0; g < groups.first.size(); ++g) {
      RETURN_IF_ERROR(looks.After());
      copier.Copy(x.raw_data(), groups.first[g], y->mutable_raw_data(), g, 1);
    }
    return SetRest(ctx, groups);
  }

  // What stands for slice `number` among others: equal ones have the same key.
  template <typename T>
  static std::string SliceKey(const T* slice, int64_t size, int64_t number) {
    std::vector<T> values(slice, slice + size);
    bool equals_itself = true;
    for (T& value : values) {
      if constexpr (std::is_floating_point_v<T>) {
        if (value == 0) value = 0;  // -0 equals 0
      }
      equals_itself = equals_itself && EqualsItself(value);
    }
    std::string key(reinterpret_cast<const char*>(values.data()),
                    size * sizeof(T));
    // One with a NaN equals no other; longer than all, its key does not.
    if (!equals_itself) absl::StrAppend(&key, number);
    return key;
  }

  // Slices along `axis`.
  static absl::Status OfSlices(KernelContext& ctx, const Tensor& x, int axis) {
    if (!IsPlainData(x.dtype())) {
      return Unimplemented("unique slices of strings");
    }
    const TensorShape& shape = x.shape();
    const int64_t outer = ProductOf(shape, 0, axis);
    const int64_t inner = ProductOf(shape, axis + 1, shape.rank());
    const int64_t count = shape.dim(axis);
    const int64_t slice = outer * inner;
    ASSIGN_OR_RETURN(Tensor slices,
                     ctx.AllocateTemp(x.dtype(), {count, slice}));
    const StridedDim to_slices[] = {
        {count, inner, slice}, {outer, count * inner, inner}, {inner, 1, 1}};
    RETURN_IF_ERROR(CopyStrided(ctx, x.dtype(), to_slices, x.raw_data(), 0,
                                slices.mutable_raw_data(), 0));
    // A tensor, so that the budget says no: slices without elements cost
    // nothing to send.
    ASSIGN_OR_RETURN(Tensor key_tensor, ctx.AllocateTemp(DT_STRING, {count}));
    RETURN_IF_ERROR(key_tensor.ChargeBudget(slices.num_elements() *
                                            DataTypeSize(x.dtype())));
    std::string* keys = key_tensor.mutable_data<std::string>();
    RETURN_IF_ERROR(
        WithComparable(x.dtype(), [&]<typename T>() -> absl::Status {
          if constexpr (!std::is_same_v<T, std::string>) {
            const T* const in = static_cast<const T*>(slices.raw_data());
            Looks looks(ctx);
            for (int64_t i = 0; i < count; ++i) {
              RETURN_IF_ERROR(looks.After(1 + slice));
              keys[i] = SliceKey(in + i * slice, slice, i);
            }
          }
          return absl::OkStatus();
        }));
    ASSIGN_OR_RETURN(const Groups groups,
                     GroupEqual<std::string>(ctx, keys, count));

    const int64_t kept = static_cast<int64_t>(groups.first.size());
    TensorShape result = shape;
    result.SetDim(axis, kept);
    ASSIGN_OR_RETURN(Tensor * y, ctx.AllocateOutput(0, result));
    const StridedDim one_slice[] = {{outer, inner, kept * inner},
                                    {inner, 1, 1}};
    Looks looks(ctx);
    for (int64_t g = 0; g < kept; ++g) {
      RETURN_IF_ERROR(looks.After());
      RETURN_IF_ERROR(CopyStrided(ctx, x.dtype(), one_slice, slices.raw_data(),
                                  groups.first[g] * slice,
                                  y->mutable_raw_data(), g * inner));
    }
    return SetRest(ctx, groups);
  }

  static absl::Status SetRest(KernelContext& ctx, const Groups& groups) {
    RETURN_IF_ERROR(SetInts(ctx, 1, groups.group));
    if (ctx.num_outputs() < 3) return absl::OkStatus();
    Scratch<int64_t> counts(groups.first.size());
    for (int64_t g : groups.group) ++counts[g];
    return SetInts(ctx, 2, counts);
  }
};

// The elements of x that are not in y, and where they stood.
class ListDiff final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    const DataType idx = construction.output_type(1);
    if (idx != DT_INT32 && idx != DT_INT64) {
      return InvalidArgument("attr 'out_idx' is ", DataTypeName(idx),
                             ", expected int32 or int64");
    }
    if (!IsComparable(construction.input_type(0))) {
      return Unimplemented("list difference of ",
                           DataTypeName(construction.input_type(0)));
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& x = ctx.input(0);
    const Tensor& y = ctx.input(1);
    if (!x.shape().IsVector()) {
      return InvalidArgument("x should be a 1D vector.");
    }
    if (!y.shape().IsVector()) {
      return InvalidArgument("y should be a 1D vector.");
    }
    // What is kept is marked first, and then counted, so that the outputs are
    // made in their size: the budget knows all of it.
    ASSIGN_OR_RETURN(Tensor marks, ctx.AllocateTemp(DT_BOOL, {x.dim(0)}));
    ASSIGN_OR_RETURN(
        const int64_t kept, WithComparable(x.dtype(), [&]<typename T>() {
          return MarkMissing(ctx, static_cast<const T*>(x.raw_data()),
                             static_cast<const T*>(y.raw_data()), y.dim(0),
                             &marks);
        }));
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, {kept}));
    ASSIGN_OR_RETURN(Tensor * indices, ctx.AllocateOutput(1, {kept}));
    RETURN_IF_ERROR(ChargeStrings(x, 1, out));
    return indices->dtype() == DT_INT64
               ? Keep(ctx, x, marks, out, indices->mutable_data<int64_t>())
               : Keep(ctx, x, marks, out, indices->mutable_data<int32_t>());
  }

 private:
  // Marks the elements of x that are not in y and counts them.
  template <typename T>
  static absl::StatusOr<int64_t> MarkMissing(const KernelContext& ctx,
                                             const T* x, const T* y,
                                             int64_t y_size, Tensor* marks) {
    using Table = absl::flat_hash_set<typename KeyOf<T>::stored>;
    // What one takes in a table half full.
    constexpr int64_t kExcludedBytes =
        2 * (sizeof(typename Table::value_type) + 1);
    Table excluded;
    int64_t charged = 0;  // of `excluded`
    for (int64_t i = 0; i < y_size; ++i) {
      if (i % kCheckedAt == 0) {
        RETURN_IF_ERROR(ctx.CheckCancelled());
        const auto now = static_cast<int64_t>(excluded.size());
        RETURN_IF_ERROR(marks->ChargeBudget((now - charged) * kExcludedBytes));
        charged = now;
      }
      if (EqualsItself(y[i])) excluded.insert(Key(y[i]));
    }
    bool* const mark = marks->mutable_data<bool>();
    int64_t kept = 0;
    for (int64_t i = 0; i < marks->num_elements(); ++i) {
      if (i % kCheckedAt == 0) RETURN_IF_ERROR(ctx.CheckCancelled());
      mark[i] = !EqualsItself(x[i]) || !excluded.contains(Key(x[i]));
      kept += mark[i];
    }
    return kept;
  }

  template <typename Index>
  static absl::Status Keep(const KernelContext& ctx, const Tensor& x,
                           const Tensor& marks, Tensor* out, Index* indices) {
    const ElementCopier copier(x.dtype());
    const bool* const mark = marks.data<bool>();
    int64_t at = 0;
    for (int64_t i = 0; i < marks.num_elements(); ++i) {
      if (i % kCheckedAt == 0) RETURN_IF_ERROR(ctx.CheckCancelled());
      if (!mark[i]) continue;
      copier.Copy(x.raw_data(), i, out->mutable_raw_data(), at, 1);
      indices[at++] = static_cast<Index>(i);
    }
    return absl::OkStatus();
  }
};

absl::Status UniqueRule(ShapeContext& ctx) {
  const PartialShape& x = ctx.input(0);
  for (int i = 1; i < ctx.num_outputs(); ++i) ctx.SetOutput(i, UnknownDims(1));
  // Without an axis, or with an empty list of them, x is a vector.
  const bool has_axis = ctx.num_inputs() == 2 && ctx.input(1).rank() != 0 &&
                        DimOf(ctx.input(1), 0) != 0;
  if (!has_axis) {
    ctx.SetOutput(0, UnknownDims(1));
    if (x.rank() == 1) ctx.SetOutput(1, x);
    return absl::OkStatus();
  }
  if (!x.known_rank()) return absl::OkStatus();
  const std::optional<int64_t> axis = ctx.Int(1);
  if (!axis.has_value() || *axis < -x.rank() || *axis >= x.rank()) {
    ctx.SetOutput(0, UnknownDims(x.rank()));
    return absl::OkStatus();
  }
  const int at = static_cast<int>(*axis);
  ctx.SetOutput(0, ReplaceDim(x, at, kUnknownDim));
  ctx.SetOutput(1, PartialShape({DimOf(x, at)}));
  return absl::OkStatus();
}

absl::Status ListDiffRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(VectorsRule(ctx));
  const std::optional<KnownInts> x = ctx.Ints(0);
  const std::optional<KnownInts> y = ctx.Ints(1);
  if (!x.has_value() || !y.has_value() ||
      absl::c_linear_search(*x, kUnknownInt) ||
      absl::c_linear_search(*y, kUnknownInt)) {
    return absl::OkStatus();
  }
  KnownInts kept, places;
  for (size_t i = 0; i < x->size(); ++i) {
    if (absl::c_linear_search(*y, (*x)[i])) continue;
    kept.push_back((*x)[i]);
    places.push_back(static_cast<int64_t>(i));
  }
  const PartialShape shape({static_cast<int64_t>(kept.size())});
  for (int i = 0; i < 2; ++i) ctx.SetOutput(i, shape);
  ctx.SetOutputInts(0, std::move(kept));
  ctx.SetOutputInts(1, std::move(places));
  return absl::OkStatus();
}

void DescribeUnique(OpBuilder& op, bool with_axis, bool with_counts) {
  op.Input("x: T");
  if (with_axis) op.Input("axis: Taxis").Attr("Taxis: type = DT_INT64");
  op.Output("y: T").Output("idx: out_idx");
  if (with_counts) op.Output("count: out_idx");
  op.Attr("T: type").Attr("out_idx: type = DT_INT32");
  op.Shape(UniqueRule);
  op.Kernel<Unique>();
}

REGISTER_OP("Unique", [](OpBuilder& op) { DescribeUnique(op, false, false); });
REGISTER_OP("UniqueV2", [](OpBuilder& op) { DescribeUnique(op, true, false); });
REGISTER_OP("UniqueWithCounts",
            [](OpBuilder& op) { DescribeUnique(op, false, true); });
REGISTER_OP("UniqueWithCountsV2",
            [](OpBuilder& op) { DescribeUnique(op, true, true); });
REGISTER_OP("ListDiff", [](OpBuilder& op) {
  op.Input("x: T").Input("y: T").Output("out: T").Output("idx: out_idx");
  op.Attr("T: type").Attr("out_idx: type = DT_INT32");
  op.Shape(ListDiffRule);
  op.Kernel<ListDiff>();
});

}  // namespace
}  // namespace metagraph
