// DynamicStitch and DynamicPartition: one tensor from many and back.

#include <algorithm>

#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

bool StartsWith(const TensorShape& shape, const TensorShape& prefix) {
  return shape.rank() >= prefix.rank() &&
         shape.dims().first(prefix.rank()) == prefix.dims();
}

// merged[indices[n][i]] = data[n][i]; the last writer wins.
class DynamicStitch final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const int count = ctx.num_inputs() / 2;
    const Tensor& indices0 = ctx.input(0);
    const Tensor& data0 = ctx.input(count);
    int64_t rows = 0;
    for (int n = 0; n < count; ++n) {
      const Tensor& indices = ctx.input(n);
      const Tensor& data = ctx.input(count + n);
      if (!StartsWith(data.shape(), indices.shape())) {
        return InvalidArgument("data[", n,
                               "].shape = ", data.shape().ToString(),
                               " does not start with indices[", n,
                               "].shape = ", indices.shape().ToString());
      }
      // All agree on the shape of a row.
      if (n > 0 && data0.shape().dims().subspan(indices0.rank()) !=
                       data.shape().dims().subspan(indices.rank())) {
        return InvalidArgument(
            "Need data[0].shape[", indices0.rank(), ":] = data[", n, "].shape[",
            indices.rank(),
            ":], got data[0].shape = ", data0.shape().ToString(), ", data[", n,
            "].shape = ", data.shape().ToString(),
            ", indices[0].shape = ", indices0.shape().ToString(), ", indices[",
            n, "].shape = ", indices.shape().ToString());
      }
      for (int32_t index : indices.values<int32_t>()) {
        if (index < 0) {
          return InvalidArgument("indices[", n, "] is out of range");
        }
        rows = std::max<int64_t>(rows, int64_t{index} + 1);
      }
    }
    Ints dims = {rows};
    for (int i = indices0.rank(); i < data0.rank(); ++i) {
      dims.push_back(data0.dim(i));
    }
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(Tensor * merged, ctx.AllocateOutput(0, shape));
    // Rows that nobody names must not show old memory.
    ZeroTensor(merged);
    if (merged->num_elements() == 0) return absl::OkStatus();
    const int64_t inner = merged->num_elements() / rows;
    const ElementCopier copier(merged->dtype());
    void* to = merged->mutable_raw_data();
    for (int n = 0; n < count; ++n) {
      const Tensor& data = ctx.input(count + n);
      RETURN_IF_ERROR(ctx.CheckCancelled());
      RETURN_IF_ERROR(ChargeStrings(data, 1, merged));
      int64_t from = 0;
      for (int32_t index : ctx.input(n).values<int32_t>()) {
        copier.Copy(data.raw_data(), from, to, index * inner, inner);
        from += inner;
      }
    }
    return absl::OkStatus();
  }
};

class DynamicPartition final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& data = ctx.input(0);
    const Tensor& partitions = ctx.input(1);
    const int count = ctx.num_outputs();
    if (!StartsWith(data.shape(), partitions.shape())) {
      return InvalidArgument(
          "data.shape must start with partitions.shape, got data.shape = ",
          data.shape().ToString(),
          ", partitions.shape = ", partitions.shape().ToString());
    }
    absl::InlinedVector<int64_t, 8> rows(count, 0);
    const auto targets = partitions.values<int32_t>();
    for (size_t i = 0; i < targets.size(); ++i) {
      if (targets[i] < 0 || targets[i] >= count) {
        return InvalidArgument("partitions",
                               PositionString(partitions.shape(), i), " = ",
                               targets[i], " is not in [0, ", count, ")");
      }
      ++rows[targets[i]];
    }
    absl::InlinedVector<void*, 8> to(count);
    for (int p = 0; p < count; ++p) {
      Ints dims = {rows[p]};
      for (int i = partitions.rank(); i < data.rank(); ++i) {
        dims.push_back(data.dim(i));
      }
      ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
      ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(p, shape));
      to[p] = output->mutable_raw_data();
    }
    const int64_t inner =
        ProductOf(data.shape(), partitions.rank(), data.rank());
    const ElementCopier copier(data.dtype());
    std::fill(rows.begin(), rows.end(), 0);
    for (size_t i = 0; i < targets.size(); ++i) {
      if (i % 65536 == 0) RETURN_IF_ERROR(ctx.CheckCancelled());
      const int32_t p = targets[i];
      copier.Copy(data.raw_data(), i * inner, to[p], rows[p]++ * inner, inner);
    }
    return absl::OkStatus();
  }
};

// What follows the dimensions of `indices` in `data`, which begins with them.
absl::StatusOr<PartialShape> RowShape(const PartialShape& data,
                                      const PartialShape& indices) {
  if (!data.known_rank() || !indices.known_rank()) return PartialShape();
  RETURN_IF_ERROR(CheckRankAtLeast(data, indices.rank()));
  RETURN_IF_ERROR(
      MergeShapes(Subshape(data, 0, indices.rank()), indices).status());
  return Subshape(data, indices.rank());
}

absl::Status StitchRule(ShapeContext& ctx) {
  const int count = ctx.num_inputs() / 2;
  PartialShape row;
  int64_t rows = 0;
  for (int n = 0; n < count; ++n) {
    ASSIGN_OR_RETURN(const PartialShape mine,
                     RowShape(ctx.input(count + n), ctx.input(n)));
    ASSIGN_OR_RETURN(row, MergeShapes(row, mine));
    const std::optional<KnownInts> indices = ctx.Ints(n);
    if (!indices.has_value()) rows = kUnknownDim;
    for (int i = 0; rows >= 0 && i < static_cast<int>(indices->size()); ++i) {
      const int64_t index = (*indices)[i];
      rows = index == kUnknownInt ? kUnknownDim : std::max(rows, index + 1);
    }
  }
  ctx.SetOutput(0, Concatenated({rows}, row));
  // Sizes put together.
  if (rows < 0 || rows > ShapeContext::kMaxInts || row.rank() != 0) {
    return absl::OkStatus();
  }
  KnownInts merged(rows, kUnknownInt);
  for (int n = 0; n < count; ++n) {
    const std::optional<KnownInts> indices = ctx.Ints(n);
    const std::optional<KnownInts> data = ctx.Ints(count + n);
    for (size_t i = 0; i < indices->size(); ++i) {
      // Rows that nobody names are zeros, and no sizes.
      const bool known = data.has_value() && i < data->size();
      if ((*indices)[i] < 0) return absl::OkStatus();
      merged[(*indices)[i]] = known ? (*data)[i] : kUnknownInt;
    }
  }
  ctx.SetOutputInts(0, std::move(merged));
  return absl::OkStatus();
}

absl::Status PartitionRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape row,
                   RowShape(ctx.input(0), ctx.input(1)));
  for (int i = 0; i < ctx.num_outputs(); ++i) {
    ctx.SetOutput(i, Concatenated({kUnknownDim}, row));
  }
  return absl::OkStatus();
}

void DescribeStitch(OpBuilder& op) {
  op.Input("indices: N * int32").Input("data: N * T").Output("merged: T");
  op.Attr("N: int >= 1").Attr("T: type");
  op.Shape(StitchRule);
  op.Kernel<DynamicStitch>();
}

REGISTER_OP("DynamicStitch", DescribeStitch);
REGISTER_OP("ParallelDynamicStitch", DescribeStitch);
REGISTER_OP("DynamicPartition", [](OpBuilder& op) {
  op.Input("data: T").Input("partitions: int32");
  op.Output("outputs: num_partitions * T");
  op.Attr("num_partitions: int >= 1").Attr("T: type");
  op.Shape(PartitionRule);
  op.Kernel<DynamicPartition>();
});

}  // namespace
}  // namespace metagraph
