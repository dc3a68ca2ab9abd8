// Gather, GatherV2, GatherNd: rows of a tensor by index.

#include <atomic>
#include <limits>

#include "absl/strings/str_join.h"
#include "core/base/checked_math.h"
#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"

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

// Fills `output`; checks all indices, also where there is nothing to copy.
absl::Status RunGather(const KernelContext& ctx, GatherSizes sizes,
                       const Tensor& params, const Tensor& indices,
                       Tensor* output) {
  const auto with_index = [&]<typename Index>() -> absl::StatusOr<int64_t> {
    const Index* index = indices.data<Index>();
    if (output->num_elements() == 0) {
      for (int64_t i = 0; i < indices.num_elements(); ++i) {
        if (index[i] < 0 || index[i] >= sizes.limit) return i;
      }
      return kNone;
    }
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

class Gather final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    if (construction.HasAttr("batch_dims")) {
      ASSIGN_OR_RETURN(batch_dims_, construction.Attr<int64_t>("batch_dims"));
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& params = ctx.input(0);
    const Tensor& indices = ctx.input(1);
    const int rank = params.rank();
    if (rank == 0) {
      return InvalidArgument("params must be at least 1 dimensional");
    }
    int64_t axis = 0;
    if (ctx.num_inputs() == 3) {
      if (ctx.input(2).rank() != 0) {
        return InvalidArgument("axis must be scalar");
      }
      ASSIGN_OR_RETURN(int64_t asked, ReadInt(ctx.input(2), "axis"));
      axis = CanonicalAxis(asked, rank);
      if (axis < 0) {
        // Unsigned, since the least int64 has no opposite.
        const auto bits = static_cast<uint64_t>(asked);
        return InvalidArgument("Shape must be at least rank ",
                               asked < 0 ? 0 - bits : bits + 1, " but is rank ",
                               rank);
      }
    }
    ASSIGN_OR_RETURN(int64_t batch_dims, BatchDims(params, indices, axis));

    const auto& shape = params.shape();
    Ints dims;
    for (int i = 0; i < axis; ++i) dims.push_back(shape.dim(i));
    for (int i = batch_dims; i < indices.rank(); ++i) {
      dims.push_back(indices.dim(i));
    }
    for (int i = axis + 1; i < rank; ++i) dims.push_back(shape.dim(i));
    ASSIGN_OR_RETURN(TensorShape result, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, result));
    RETURN_IF_ERROR(ChargeLongest(params, result.num_elements(), output));

    GatherSizes sizes;
    sizes.batch = ProductOf(shape, 0, batch_dims);
    sizes.outer = ProductOf(shape, batch_dims, axis);
    sizes.limit = shape.dim(axis);
    sizes.inner = ProductOf(shape, axis + 1, rank);
    sizes.count = ProductOf(indices.shape(), batch_dims, indices.rank());
    return RunGather(ctx, sizes, params, indices, output);
  }

 private:
  absl::StatusOr<int64_t> BatchDims(const Tensor& params, const Tensor& indices,
                                    int64_t axis) const {
    if (batch_dims_ == 0) return 0;
    const int64_t rank = indices.rank();
    if (batch_dims_ < -rank || batch_dims_ > rank) {
      return InvalidArgument("Expected batch_dims in the range [", -rank, ", ",
                             rank, "], but got ", batch_dims_);
    }
    const int64_t batch_dims =
        batch_dims_ < 0 ? batch_dims_ + rank : batch_dims_;
    if (batch_dims >= params.rank()) {
      return InvalidArgument("batch_dims (", batch_dims,
                             ") must be less than rank(params) (",
                             params.rank(), ").");
    }
    if (batch_dims > axis) {
      return InvalidArgument("batch_dims (", batch_dims,
                             ") must be less than or equal to axis (", axis,
                             ").");
    }
    for (int i = 0; i < batch_dims; ++i) {
      if (params.dim(i) == indices.dim(i)) continue;
      return InvalidArgument("params.shape[", i, "]: ", params.dim(i),
                             " should be equal to indices.shape[", i,
                             "]: ", indices.dim(i));
    }
    return batch_dims;
  }

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
    switch (indices.dtype()) {
      case DT_INT64:
        return Run<int64_t>(ctx, params, indices, output);
      case DT_INT32:
        return Run<int32_t>(ctx, params, indices, output);
      default:
        return Run<int16_t>(ctx, params, indices, output);
    }
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
});
REGISTER_OP("GatherV2", [](OpBuilder& op) {
  op.Input("params: Tparams").Input("indices: Tindices").Input("axis: Taxis");
  op.Output("output: Tparams").Attr("batch_dims: int = 0");
  op.Attr("Tparams: type").Attr("Tindices: type").Attr("Taxis: type");
  AddIndexKernels<Gather>(op);
  op.KernelWhere<Gather>({{"Tindices", DT_INT16}});
});
REGISTER_OP("GatherNd", [](OpBuilder& op) {
  op.Input("params: Tparams").Input("indices: Tindices");
  op.Output("output: Tparams");
  op.Attr("Tparams: type").Attr("Tindices: type");
  AddIndexKernels<GatherNd>(op);
  op.KernelWhere<GatherNd>({{"Tindices", DT_INT16}});
});

}  // namespace
}  // namespace metagraph
