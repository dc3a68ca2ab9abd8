// The rows of a tensor become elements of a TensorArray, in each spelling:
// Scatter, Unpack, Split.

#include <algorithm>
#include <vector>

#include "core/kernels/array_inputs.h"

namespace metagraph {
namespace {

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
    absl::Span<const int32_t> indices;
    int64_t largest = count - 1;
    if constexpr (!kAll) {
      indices = ctx.input(1).values<int32_t>();
      if (static_cast<int64_t>(indices.size()) != count) {
        return InvalidArgument(
            "Expected len(indices) == values.shape[0], but "
            "saw: ",
            indices.size(), " vs. ", count);
      }
      largest = -1;
      for (const int64_t index : indices) largest = std::max(largest, index);
    }
    if (largest >= array->size() && !array->dynamic_size()) {
      return InvalidArgument("Max scatter index must be < array size (",
                             largest, " vs. ", array->size(), ")");
    }
    TensorShape shape = value.shape();
    shape.RemoveDim(0);
    // At once: rows without elements cost nothing to send, so there may be more
    // of them than can be kept.
    RETURN_IF_ERROR(array->Grow(largest + 1));
    if (kAll) array->MarkSize(count);
    for (int64_t i = 0; i < count; ++i) {
      RETURN_IF_ERROR(array->Write(kAll ? i : indices[i],
                                   value.Rows(i, i + 1).Reshaped(shape),
                                   Accumulate));
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
      RETURN_IF_ERROR(array->Write(i, value.Rows(begin, end), Accumulate));
      begin = end;
    }
    SetFlow(ctx, 0);
    return absl::OkStatus();
  }
};

void DescribeScatter(OpBuilder& op, absl::string_view handle) {
  DescribeArrayHandle(op, handle);
  op.Input("indices: int32").Input("value: T").Input("flow_in: float");
  op.Output("flow_out: float").Attr("T: type");
  op.Shape(ScalarRule);
  op.Kernel<ScatterElements<false>>();
}

void DescribeSplit(OpBuilder& op, absl::string_view handle) {
  DescribeArrayHandle(op, handle);
  op.Input("value: T").Input("lengths: int64").Input("flow_in: float");
  op.Output("flow_out: float").Attr("T: type");
  op.Shape(ScalarRule);
  op.Kernel<SplitElements>();
}

REGISTER_ARRAY_OPS("TensorArrayScatter", DescribeScatter);
REGISTER_ARRAY_OPS("TensorArraySplit", DescribeSplit);
REGISTER_OP("TensorArrayUnpack", [](OpBuilder& op) {
  DescribeArrayHandle(op, "string");
  op.Input("value: T").Input("flow_in: float");
  op.Output("flow_out: float").Attr("T: type");
  op.Shape(ScalarRule);
  op.Kernel<ScatterElements<true>>();
});

}  // namespace
}  // namespace metagraph
