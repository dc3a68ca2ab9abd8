// ArgMax and ArgMin: where the first largest or smallest element stands.
// NaN is neither; a run of nothing else gives 0.

#include <algorithm>
#include <limits>
#include <vector>

#include "core/base/status.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/kernel_types.h"
#include "core/kernels/rank_checks.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// Orders for Arg: Better(a, b) if a replaces b; Worst() loses to everything.
template <typename T>
struct Largest {
  static bool Better(T a, T b) { return a > b; }
  static T Worst() {
    if constexpr (kIsReal<T>) {
      return -std::numeric_limits<T>::infinity();
    } else {
      return std::numeric_limits<T>::lowest();
    }
  }
};

template <typename T>
struct Smallest {
  static bool Better(T a, T b) { return a < b; }
  static T Worst() {
    if constexpr (kIsReal<T>) {
      return std::numeric_limits<T>::infinity();
    } else {
      return std::numeric_limits<T>::max();
    }
  }
};

template <typename Order, typename T>
class Arg final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    const TensorShape& shape = input.shape();
    ASSIGN_OR_RETURN(const int dim, ReadDimension(ctx.input(1), shape.rank()));
    const int64_t size = shape.dim(dim);
    if (size == 0) {
      return InvalidArgument("Reduction axis ", dim, " is empty in shape ",
                             shape.ToString());
    }
    absl::InlinedVector<int64_t, 8> kept(shape.dims().begin(),
                                         shape.dims().end());
    kept.erase(kept.begin() + dim);
    ASSIGN_OR_RETURN(const TensorShape out_shape, TensorShape::Build(kept));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, out_shape));
    if (output->num_elements() == 0) return absl::OkStatus();
    // Places beyond the range of 16 bits wrap, as TensorFlow's do.
    return RunForType<Types<int32_t, int64_t, int16_t, uint16_t>>(
        "output_type", output->dtype(), [&]<typename Index>() {
          return Run(ctx, input, dim, output->mutable_data<Index>());
        });
  }

 private:
  static absl::StatusOr<int> ReadDimension(const Tensor& dimension,
                                           int64_t rank) {
    RETURN_IF_ERROR(RequireScalar(
        dimension, "dim must be a scalar, but received tensor of shape: "));
    ASSIGN_OR_RETURN(const int64_t dim, ReadInt(dimension, "dim"));
    if (dim < -rank || dim >= rank) {
      return InvalidArgument("Expected dimension in the range [", -rank, ", ",
                             rank, "), but got ", dim);
    }
    return static_cast<int>(dim < 0 ? dim + rank : dim);
  }

  template <typename Index>
  static absl::Status Run(KernelContext& ctx, const Tensor& input, int dim,
                          Index* out) {
    const T* in = input.data<T>();
    const TensorShape& shape = input.shape();
    const int64_t size = shape.dim(dim);
    int64_t inner = 1;
    for (int d = dim + 1; d < shape.rank(); ++d) inner *= shape.dim(d);
    const int64_t outer = input.num_elements() / size / inner;
    if (inner == 1) {
      return ctx.ParallelFor(outer, size, [=](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          out[i] = static_cast<Index>(FirstBest(in + i * size, size));
        }
      });
    }
    return ctx.ParallelFor(outer, size * inner * 2,
                           [=](int64_t begin, int64_t end) {
                             Scratch<T> best(inner);
                             for (int64_t i = begin; i < end; ++i) {
                               BestOfColumns(in + i * size * inner, size, inner,
                                             best, out + i * inner);
                             }
                           });
  }

  // The best value first, in a loop that is vectorised; then its place.
  static int64_t FirstBest(const T* in, int64_t n) {
    constexpr int64_t kLanes = 16;
    T best = Order::Worst();
    int64_t i = 0;
    if (n >= kLanes) {
      T lanes[kLanes];
      std::fill_n(lanes, kLanes, best);
      for (; i + kLanes <= n; i += kLanes) {
        for (int64_t k = 0; k < kLanes; ++k) {
          lanes[k] = Order::Better(in[i + k], lanes[k]) ? in[i + k] : lanes[k];
        }
      }
      for (const T lane : lanes) best = Order::Better(lane, best) ? lane : best;
    }
    for (; i < n; ++i) best = Order::Better(in[i], best) ? in[i] : best;
    const T* found = std::find(in, in + n, best);
    return found == in + n ? 0 : found - in;
  }

  template <typename Index>
  static void BestOfColumns(const T* in, int64_t rows, int64_t columns,
                            Scratch<T>& best, Index* out) {
    std::fill(best.begin(), best.end(), Order::Worst());
    std::fill_n(out, columns, Index{0});
    for (int64_t r = 0; r < rows; ++r) {
      const T* row = in + r * columns;
      for (int64_t c = 0; c < columns; ++c) {
        const bool better = Order::Better(row[c], best[c]);
        best[c] = better ? row[c] : best[c];
        out[c] = better ? static_cast<Index>(r) : out[c];
      }
    }
  }
};

template <typename T>
using ArgMax = Arg<Largest<T>, T>;
template <typename T>
using ArgMin = Arg<Smallest<T>, T>;

absl::Status ArgRule(ShapeContext& ctx) {
  const PartialShape& shape = ctx.input(0);
  ASSIGN_OR_RETURN(PartialShape dimension, WithRank(ctx.input(1), 0));
  if (!shape.known_rank()) return absl::OkStatus();
  const int rank = shape.rank();
  RETURN_IF_ERROR(CheckRankAtLeast(shape, 1));
  const std::optional<int64_t> dim = ctx.Int(1);
  if (!dim.has_value()) {
    ctx.SetOutput(0, UnknownDims(rank - 1));
    return absl::OkStatus();
  }
  if (*dim < -rank || *dim >= rank) {
    return InvalidArgument("Dimension (", *dim, ") must be in the range [",
                           -rank, ", ", rank, "), where ", rank,
                           " is the number of dimensions in the input.");
  }
  const int axis = static_cast<int>(*dim < 0 ? *dim + rank : *dim);
  ctx.SetOutput(
      0, Concatenated(Subshape(shape, 0, axis), Subshape(shape, axis + 1)));
  return absl::OkStatus();
}

template <template <typename> class K>
void Describe(OpBuilder& op) {
  op.Input("input: T").Input("dimension: Tidx").Output("output: output_type");
  op.Attr("T: type").Attr("Tidx: type = DT_INT32");
  op.Attr("output_type: type = DT_INT64");
  op.Shape(ArgRule);
  op.KernelForEach<K, RealTypes>("T");
  // std::vector<bool> is no array; bools compare as bytes.
  op.KernelWhere<K<uint8_t>>({{"T", DT_BOOL}});
}

REGISTER_OP("ArgMax", [](OpBuilder& op) { Describe<ArgMax>(op); });
REGISTER_OP("ArgMin", [](OpBuilder& op) { Describe<ArgMin>(op); });

}  // namespace
}  // namespace metagraph
