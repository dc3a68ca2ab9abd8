// Gather, GatherV2, GatherNd: rows of a tensor by index.

#include <atomic>
#include <limits>

#include "absl/strings/str_join.h"
#include "core/base/checked_math.h"
#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/kernel_types.h"
#include "core/kernels/optional_attrs.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

constexpr int64_t kNone = std::numeric_limits<int64_t>::max();

// Keeps the least of the positions reported by several threads.
void ReportBad(std::atomic<int64_t>& bad, int64_t position) {
  int64_t seen = bad.load(std::memory_order_relaxed);
  while (position < seen && !bad.compare_exchange_weak(seen, position)) {
  }
}

// The sizes of a gather: params is [batch, outer, limit, inner], indices
// [batch, count], the result [batch, outer, count, inner].
struct GatherSizes {
  int64_t batch;
  int64_t outer;
  int64_t limit;
  int64_t count;
  int64_t inner;
};

// Returns the first position in indices that is out of range, or kNone.
template <typename T, typename Index>
absl::StatusOr<int64_t> GatherRows(const KernelContext& ctx,
                                   const GatherSizes& sizes, const T* params,
                                   const Index* indices, T* out) {
  std::atomic<int64_t> bad = kNone;
  const int64_t rows = sizes.batch * sizes.outer * sizes.count;
  const int64_t cost =
      5 + sizes.inner * (std::is_trivially_copyable_v<T> ? sizeof(T) : 256) / 8;
  RETURN_IF_ERROR(ctx.ParallelFor(rows, cost, [&](int64_t begin, int64_t end) {
    int64_t position = begin % sizes.count;
    int64_t slab = begin / sizes.count;
    int64_t batch = slab / sizes.outer;
    for (int64_t row = begin; row < end; ++row) {
      const int64_t at = batch * sizes.count + position;
      const Index index = indices[at];
      if (index < 0 || index >= sizes.limit) {
        return ReportBad(bad, at);
      }
      const T* from = params + (slab * sizes.limit + index) * sizes.inner;
      T* to = out + row * sizes.inner;
      if (sizes.inner == 1) {
        *to = *from;
      } else {
        std::copy_n(from, sizes.inner, to);
      }
      if (++position == sizes.count) {
        position = 0;
        batch = ++slab / sizes.outer;
      }
    }
  }));
  return bad.load();
}

// Fills `output`. Where there is nothing to fill, TensorFlow does not look at
// the indices.
absl::Status RunGather(const KernelContext& ctx, GatherSizes sizes,
                       const Tensor& params, const Tensor& indices,
                       Tensor* output) {
  if (output->num_elements() == 0) return absl::OkStatus();
  const auto with_index = [&]<typename Index>() -> absl::StatusOr<int64_t> {
    const Index* index = indices.data<Index>();
    return WithElementType(params.dtype(), [&]<typename T>() {
      return GatherRows(ctx, sizes, static_cast<const T*>(params.raw_data()),
                        index, static_cast<T*>(output->mutable_raw_data()));
    });
  };
  absl::StatusOr<int64_t> bad =
      indices.dtype() == DT_INT64   ? with_index.operator()<int64_t>()
      : indices.dtype() == DT_INT32 ? with_index.operator()<int32_t>()
                                    : with_index.operator()<int16_t>();
  RETURN_IF_ERROR(bad.status());
  if (*bad == kNone) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Ints values, ReadInts(indices));
  return InvalidArgument("indices", PositionString(indices.shape(), *bad),
                         " = ", values[*bad], " is not in [0, ", sizes.limit,
                         ")");
}

// What a Gather takes and gives.
struct GatherDims {
  int axis = 0;
  int batch_dims = 0;
  PartialShape shape;  // of the result
};

// For kernel and shape rule. REQUIRES: both ranks are known.
absl::StatusOr<GatherDims> GatheredDims(const PartialShape& params,
                                        const PartialShape& indices,
                                        int64_t axis, int64_t batch_dims) {
  const int rank = params.rank();
  const int indices_rank = indices.rank();
  if (rank == 0) {
    return InvalidArgument("params must be at least 1 dimensional");
  }
  const int64_t at = CanonicalAxis(axis, rank);
  if (at < 0) {
    // Unsigned, since the least int64 has no opposite.
    const auto bits = static_cast<uint64_t>(axis);
    return InvalidArgument("Shape must be at least rank ",
                           axis < 0 ? 0 - bits : bits + 1, " but is rank ",
                           rank);
  }
  if (batch_dims < -indices_rank || batch_dims > indices_rank) {
    return InvalidArgument("Expected batch_dims in the range [", -indices_rank,
                           ", ", indices_rank, "], but got ", batch_dims);
  }
  if (batch_dims < 0) batch_dims += indices_rank;
  if (batch_dims >= rank) {
    return InvalidArgument("batch_dims (", batch_dims,
                           ") must be less than rank(params) (", rank, ").");
  }
  if (batch_dims > at) {
    return InvalidArgument("batch_dims (", batch_dims,
                           ") must be less than or equal to axis (", at, ").");
  }
  GatherDims out;
  out.axis = static_cast<int>(at);
  out.batch_dims = static_cast<int>(batch_dims);
  Ints dims;
  for (int i = 0; i < out.axis; ++i) {
    dims.push_back(params.dim(i));
    if (i >= batch_dims || indices.dim(i) < 0) continue;
    if (dims[i] >= 0 && dims[i] != indices.dim(i)) {
      return InvalidArgument("params.shape[", i, "]: ", dims[i],
                             " should be equal to indices.shape[", i,
                             "]: ", indices.dim(i));
    }
    dims[i] = indices.dim(i);
  }
  for (int i = out.batch_dims; i < indices_rank; ++i) {
    dims.push_back(indices.dim(i));
  }
  for (int i = out.axis + 1; i < rank; ++i) dims.push_back(params.dim(i));
  out.shape = PartialShape(dims);
  return out;
}

class Gather final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return BindOptional(construction, "batch_dims", &batch_dims_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& params = ctx.input(0);
    const Tensor& indices = ctx.input(1);
    int64_t asked = 0;
    if (ctx.num_inputs() == 3) {
      if (ctx.input(2).rank() != 0) {
        return InvalidArgument("axis must be scalar");
      }
      ASSIGN_OR_RETURN(asked, ReadInt(ctx.input(2), "axis"));
    }
    ASSIGN_OR_RETURN(
        const GatherDims dims,
        GatheredDims(PartialShape(params.shape()),
                     PartialShape(indices.shape()), asked, batch_dims_));
    ASSIGN_OR_RETURN(TensorShape result, dims.shape.AsTensorShape());
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, result));
    RETURN_IF_ERROR(ChargeLongest(params, result.num_elements(), output));

    const auto& shape = params.shape();
    GatherSizes sizes;
    sizes.batch = ProductOf(shape, 0, dims.batch_dims);
    sizes.outer = ProductOf(shape, dims.batch_dims, dims.axis);
    sizes.limit = shape.dim(dims.axis);
    sizes.inner = ProductOf(shape, dims.axis + 1, shape.rank());
    sizes.count = ProductOf(indices.shape(), dims.batch_dims, indices.rank());
    return RunGather(ctx, sizes, params, indices, output);
  }

 private:
  int64_t batch_dims_ = 0;
};

class GatherNd final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    node_name_ = construction.node_name();
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& params = ctx.input(0);
    const Tensor& indices = ctx.input(1);
    if (params.rank() < 1) {
      return InvalidArgument("params must be at least a vector");
    }
    if (indices.rank() < 1) {
      return InvalidArgument("indices must be at least a vector");
    }
    const int depth_axis = indices.rank() - 1;
    const int64_t depth = indices.dim(depth_axis);
    if (depth > params.rank()) {
      return InvalidArgument(
          "index innermost dimension length must be <= params rank; saw: ",
          depth, " vs. ", params.rank());
    }
    Ints dims(indices.shape().dims().begin(), indices.shape().dims().end());
    dims.pop_back();
    for (int i = depth; i < params.rank(); ++i) dims.push_back(params.dim(i));
    ASSIGN_OR_RETURN(TensorShape result, TensorShape::Build(dims));
    bool asks = true;  // for an entry, were it of nothing
    for (int i = 0; i < depth_axis; ++i) asks = asks && indices.dim(i) > 0;
    if (params.num_elements() == 0 && asks) {
      return InvalidArgument(
          "Requested more than 0 entries, but params is empty.  Params "
          "shape: ",
          params.shape().ToString());
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, result));
    RETURN_IF_ERROR(ChargeLongest(params, result.num_elements(), output));
    // However many empty indices there are.
    if (output->num_elements() == 0 && indices.num_elements() == 0) {
      return absl::OkStatus();
    }
    return RunForType<Types<int32_t, int64_t, int16_t>>(
        "Tindices", indices.dtype(), [&]<typename Index>() {
          return Run<Index>(ctx, params, indices, output);
        });
  }

 private:
  template <typename Index>
  absl::Status Run(const KernelContext& ctx, const Tensor& params,
                   const Tensor& indices, Tensor* output) const {
    const int depth_axis = indices.rank() - 1;
    const int64_t depth = indices.dim(depth_axis);
    const int64_t count = ProductOf(indices.shape(), 0, depth_axis);
    const int64_t inner = ProductOf(params.shape(), depth, params.rank());
    const ElementCopier copier(params.dtype());
    const Index* index = indices.data<Index>();
    void* to = output->mutable_raw_data();
    std::atomic<int64_t> bad = kNone;
    RETURN_IF_ERROR(ctx.ParallelFor(
        count, copier.Cost(inner) + depth, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            int64_t row = 0;
            for (int64_t d = 0; d < depth; ++d) {
              const Index at = index[i * depth + d];
              if (at < 0 || at >= params.dim(d)) return ReportBad(bad, i);
              row = row * params.dim(d) + at;
            }
            copier.Copy(params.raw_data(), row * inner, to, i * inner, inner);
          }
        }));
    if (bad == kNone) return absl::OkStatus();
    TensorShape outer = indices.shape();
    outer.RemoveDim(depth_axis);
    return InvalidArgument(
        "indices", PositionString(outer, bad), " = [",
        absl::StrJoin(absl::MakeSpan(index + bad * depth, depth), ", "),
        "] does not index into param shape ", params.shape().ToString(),
        ", node name: ", node_name_);
  }

  std::string node_name_;
};

absl::Status GatherRule(ShapeContext& ctx) {
  const PartialShape& params = ctx.input(0);
  const PartialShape& indices = ctx.input(1);
  int64_t batch_dims = 0;
  RETURN_IF_ERROR(BindOptional(ctx, "batch_dims", &batch_dims));
  RETURN_IF_ERROR(CheckRankAtLeast(params, 1));
  const bool has_axis = ctx.num_inputs() == 3;
  if (has_axis) RETURN_IF_ERROR(WithRank(ctx.input(2), 0).status());
  if (!params.known_rank() || !indices.known_rank()) return absl::OkStatus();
  const std::optional<int64_t> axis = has_axis ? ctx.Int(2) : 0;
  if (!axis.has_value()) {
    if (batch_dims < 0) batch_dims += indices.rank();
    // Whatever the axis, this will not run.
    if (batch_dims < 0 || batch_dims > indices.rank()) return absl::OkStatus();
    const int64_t rank = params.rank() - 1 + indices.rank() - batch_dims;
    if (rank >= 0 && rank <= TensorShape::kMaxRank) {
      ctx.SetOutput(0, UnknownDims(static_cast<int>(rank)));
    }
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const GatherDims dims,
                   GatheredDims(params, indices, *axis, batch_dims));
  ctx.SetOutput(0, dims.shape);
  // Sizes picked out of a shape.
  const auto ints = ctx.Ints(0);
  const auto at = ctx.Ints(1);
  if (params.rank() != 1 || !ints.has_value() || !at.has_value()) {
    return absl::OkStatus();
  }
  KnownInts taken;
  for (const int64_t i : *at) {
    const bool inside = i >= 0 && i < static_cast<int64_t>(ints->size());
    taken.push_back(inside ? (*ints)[i] : kUnknownInt);
  }
  ctx.SetOutputInts(0, std::move(taken));
  return absl::OkStatus();
}

absl::Status GatherNdRule(ShapeContext& ctx) {
  const PartialShape& params = ctx.input(0);
  const PartialShape& indices = ctx.input(1);
  RETURN_IF_ERROR(CheckRankAtLeast(params, 1));
  RETURN_IF_ERROR(CheckRankAtLeast(indices, 1));
  if (!indices.known_rank()) return absl::OkStatus();
  const int64_t depth = DimOf(indices, -1);
  if (!params.known_rank() || depth < 0) return absl::OkStatus();
  if (depth > params.rank()) {
    return InvalidArgument(
        "indices.shape[-1] must be <= params.rank, saw indices shape: ",
        indices.ToString(), " and params shape: ", params.ToString());
  }
  ctx.SetOutput(0, Concatenated(Subshape(indices, 0, -1),
                                Subshape(params, static_cast<int>(depth))));
  return absl::OkStatus();
}

template <typename K>
void AddIndexKernels(OpBuilder& op) {
  op.KernelWhere<K>({{"Tindices", DT_INT32}});
  op.KernelWhere<K>({{"Tindices", DT_INT64}});
}

REGISTER_OP("Gather", [](OpBuilder& op) {
  op.Input("params: Tparams").Input("indices: Tindices");
  op.Output("output: Tparams").Attr("validate_indices: bool = true");
  op.Attr("Tparams: type").Attr("Tindices: type");
  AddIndexKernels<Gather>(op);
  op.Shape(GatherRule);
});
REGISTER_OP("GatherV2", [](OpBuilder& op) {
  op.Input("params: Tparams").Input("indices: Tindices").Input("axis: Taxis");
  op.Output("output: Tparams").Attr("batch_dims: int = 0");
  op.Attr("Tparams: type").Attr("Tindices: type").Attr("Taxis: type");
  AddIndexKernels<Gather>(op);
  op.Shape(GatherRule);
  op.KernelWhere<Gather>({{"Tindices", DT_INT16}});
});
REGISTER_OP("GatherNd", [](OpBuilder& op) {
  op.Input("params: Tparams").Input("indices: Tindices");
  op.Output("output: Tparams");
  op.Attr("Tparams: type").Attr("Tindices: type");
  AddIndexKernels<GatherNd>(op);
  op.Shape(GatherNdRule);
  op.KernelWhere<GatherNd>({{"Tindices", DT_INT16}});
});

}  // namespace
}  // namespace metagraph
