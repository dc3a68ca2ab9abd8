// LSTM cells as one op, for one time step and for a whole sequence.

#include <algorithm>
#include <cmath>
#include <vector>

#include "Eigen/Core"
#include "core/base/checked_math.h"
#include "core/kernels/gemm.h"
#include "core/kernels/rank_checks.h"
#include "core/kernels/sigmoid_tanh.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// The seven outputs, in the op's order.
template <typename T>
struct CellOutputs {
  T *i, *cs, *f, *o, *ci, *co, *h;
};

struct CellSizes {
  int64_t batch, input, cell;
};

// Weights of both ops: w is [input + cell, 4 * cell] with the gates in the
// order i, ci, f, o.
template <typename T>
struct CellWeights {
  const T *w, *wci, *wcf, *wco, *b;
};

float SigmoidOf(float x) { return Sigmoid(x); }
float TanhOf(float x) { return Tanh(x); }
half SigmoidOf(half x) { return SigmoidOfSmall(x); }
half TanhOf(half x) { return half(Tanh(static_cast<float>(x))); }

// gates = xh * w. [batch, inner] * [inner, n].
absl::Status Product(const KernelContext& ctx, int64_t batch, int64_t n,
                     int64_t inner, const float* xh, const float* w,
                     float* gates) {
  return Gemm(ctx, false, false, batch, n, inner, xh, w, gates);
}

// Of half, TensorFlow keeps each sum in half: its rounding is much of what
// comes out where terms cancel, so it is done alike. Whether the product is
// rounded before it is added depends on how Eigen comes to the element: for a
// matrix in whole vectors of 8 yes, in what is left over no; for a vector the
// other way round, and there long sums are made of parts.
absl::Status Product(const KernelContext& ctx, int64_t batch, int64_t n,
                     int64_t inner, const half* xh, const half* w,
                     half* gates) {
  using Row = Eigen::Array<half, 1, Eigen::Dynamic>;
  const int64_t whole = n / 8 * 8;
  const int64_t rounded_begin = batch == 1 ? whole : 0;
  const int64_t rounded = batch == 1 ? n - whole : whole;
  const int64_t fused_begin = batch == 1 ? 0 : whole;
  const int64_t fused = n - rounded;
  const int64_t part = batch > 1 || inner < 128 ? inner : n < 16000 ? 16 : 4;
  return ctx.ParallelFor(batch, inner * n, [&](int64_t begin, int64_t end) {
    Row sum(n);
    for (int64_t b = begin; b < end; ++b) {
      Eigen::Map<Row> out(gates + b * n, n);
      out.setZero();
      for (int64_t first = 0; first < inner; first += part) {
        sum.setZero();
        for (int64_t k = first; k < std::min(inner, first + part); ++k) {
          const half x = xh[b * inner + k];
          const Eigen::Map<const Row> row(w + k * n, n);
          sum.segment(rounded_begin, rounded) +=
              row.segment(rounded_begin, rounded) * x;
          auto rest = sum.segment(fused_begin, fused);
          rest = (rest.cast<float>() +
                  row.segment(fused_begin, fused).cast<float>() *
                      static_cast<float>(x))
                     .cast<half>();
        }
        out += sum;
      }
    }
  });
}

// What both ops share. `kFirst` is the index of input x: inputs after it are
// cs_prev, h_prev, w, wci, wcf, wco and b.
template <int kFirst>
class LstmBase : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("forget_bias", &forget_bias_, "cell_clip",
                             &cell_clip_, "use_peephole", &peephole_);
  }

 protected:
  // Checks all inputs; x has `x_rank` dimensions, the last two [batch, input].
  absl::StatusOr<CellSizes> Check(const KernelContext& ctx, int x_rank) const {
    const TensorShape& x = ctx.input(kFirst).shape();
    if (x.rank() != x_rank) {
      return InvalidArgument("x must be ", x_rank, "D, got ", x.ToString());
    }
    const TensorShape& cs_prev = ctx.input(kFirst + 1).shape();
    if (cs_prev.rank() != 2) {
      return InvalidArgument("cs_prev must be 2D, got ", cs_prev.ToString());
    }
    CellSizes s{x.dim(x_rank - 2), x.dim(x_rank - 1), cs_prev.dim(1)};
    const auto inner = CheckedAdd(s.input, s.cell);
    const auto gates = CheckedMul(s.cell, 4);
    if (!inner || !gates) return InvalidArgument("x or cs_prev is too large");
    ASSIGN_OR_RETURN(TensorShape w, TensorShape::Build({{*inner, *gates}}));
    ASSIGN_OR_RETURN(TensorShape state,
                     TensorShape::Build({{s.batch, s.cell}}));
    const struct {
      int input;
      const char* name;
      TensorShape shape;
    } wanted[] = {{1, "cs_prev", state},
                  {2, "h_prev", state},
                  {3, "w", w},
                  {7, "b", TensorShape({*gates})},
                  {4, "wci", TensorShape({s.cell})},
                  {5, "wcf", TensorShape({s.cell})},
                  {6, "wco", TensorShape({s.cell})}};
    for (const auto& [input, name, shape] : wanted) {
      if (input >= 4 && input <= 6 && !peephole_) continue;
      if (!(ctx.input(kFirst + input).shape() == shape)) {
        return InvalidArgument(name, " has shape ",
                               ctx.input(kFirst + input).shape().ToString(),
                               ", expected ", shape.ToString());
      }
    }
    return s;
  }

  // One time step. half rounds after each operation.
  template <typename T>
  absl::Status Step(const KernelContext& ctx, const CellSizes& s,
                    const CellWeights<T>& weights, const T* x, const T* cs_prev,
                    const T* h_prev, T* gates, T* xh,
                    const CellOutputs<T>& out) const {
    const int64_t inner = s.input + s.cell;
    for (int64_t n = 0; n < s.batch; ++n) {
      T* row = std::copy_n(x + n * s.input, s.input, xh + n * inner);
      std::copy_n(h_prev + n * s.cell, s.cell, row);
    }
    RETURN_IF_ERROR(
        Product(ctx, s.batch, 4 * s.cell, inner, xh, weights.w, gates));
    const T forget_bias(forget_bias_), clip(cell_clip_);
    for (int64_t n = 0; n < s.batch; ++n) {
      const T* gate = gates + n * 4 * s.cell;
      for (int64_t c = 0; c < s.cell; ++c) {
        const int64_t at = n * s.cell + c;
        const T previous = cs_prev[at];
        T i = gate[c] + weights.b[c];
        const T ci = gate[s.cell + c] + weights.b[s.cell + c];
        T f = gate[2 * s.cell + c] + weights.b[2 * s.cell + c];
        T o = gate[3 * s.cell + c] + weights.b[3 * s.cell + c];
        f = f + forget_bias;
        if (peephole_) {
          i = i + previous * weights.wci[c];
          f = f + previous * weights.wcf[c];
        }
        out.i[at] = SigmoidOf(i);
        out.ci[at] = TanhOf(ci);
        out.f[at] = SigmoidOf(f);
        T cs = out.ci[at] * out.i[at] + previous * out.f[at];
        if (cell_clip_ > 0) cs = std::clamp(cs, -clip, clip);
        out.cs[at] = cs;
        if (peephole_) o = o + cs * weights.wco[c];
        out.o[at] = SigmoidOf(o);
        out.co[at] = TanhOf(cs);
        out.h[at] = out.co[at] * out.o[at];
      }
    }
    return absl::OkStatus();
  }

  float forget_bias_ = 1;
  float cell_clip_ = 3;
  bool peephole_ = false;
};

template <typename T, bool kSequence>
class LstmOp : public LstmBase<kSequence ? 1 : 0> {
  static constexpr int kFirst = kSequence ? 1 : 0;

 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const CellSizes s, this->Check(ctx, kSequence ? 3 : 2));
    int64_t steps = 1, live = 1;
    if (kSequence) {
      const Tensor& length = ctx.input(0);
      RETURN_IF_ERROR(
          RequireScalar(length, "seq_len_max must be a scalar, not "));
      steps = ctx.input(1).dim(0);
      live = length.scalar<int64_t>();
      if (live < 0 || live > steps) {
        return InvalidArgument("seq_len_max is ", live, ", x has ", steps,
                               " steps");
      }
    }
    TensorShape shape({s.batch, s.cell});
    if (kSequence) {
      ASSIGN_OR_RETURN(shape, TensorShape::Build({{steps, s.batch, s.cell}}));
    }
    T* results[7];
    for (int i = 0; i < 7; ++i) {
      ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(i, shape));
      results[i] = out->mutable_data<T>();
      // Steps beyond the length are zero.
      std::fill_n(results[i], out->num_elements(), T(0));
    }
    ASSIGN_OR_RETURN(Tensor gates,
                     Tensor::Allocate(kDataType<T>, {s.batch, 4 * s.cell}));
    ASSIGN_OR_RETURN(
        Tensor xh, Tensor::Allocate(kDataType<T>, {s.batch, s.input + s.cell}));
    const auto in = [&ctx](int i) {
      return ctx.input(kFirst + i).template data<T>();
    };
    const CellWeights<T> weights{in(3), in(4), in(5), in(6), in(7)};
    const T* cs_prev = in(1);
    const T* h_prev = in(2);
    for (int64_t t = 0; t < live; ++t) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      const auto at = [&](int i) { return results[i] + t * s.batch * s.cell; };
      const CellOutputs<T> out{at(0), at(1), at(2), at(3), at(4), at(5), at(6)};
      RETURN_IF_ERROR(this->Step(ctx, s, weights, in(0) + t * s.batch * s.input,
                                 cs_prev, h_prev,
                                 gates.template mutable_data<T>(),
                                 xh.template mutable_data<T>(), out));
      cs_prev = out.cs;
      h_prev = out.h;
    }
    return absl::OkStatus();
  }
};

template <typename T>
class LSTMBlockCell final : public LstmOp<T, false> {};
template <typename T>
class BlockLSTM final : public LstmOp<T, true> {};

// All outputs: [batch, cells], the batch of x and the cells of cs_prev.
absl::Status CellRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape x, WithRank(ctx.input(0), 2));
  ASSIGN_OR_RETURN(const PartialShape cs_prev, WithRank(ctx.input(1), 2));
  for (int i = 0; i < ctx.num_outputs(); ++i) {
    ctx.SetOutput(i, PartialShape({x.dim(0), cs_prev.dim(1)}));
  }
  return absl::OkStatus();
}

// The same for each step of time.
absl::Status BlockRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape x, WithRank(ctx.input(1), 3));
  ASSIGN_OR_RETURN(const PartialShape cs_prev, WithRank(ctx.input(2), 2));
  for (int i = 0; i < ctx.num_outputs(); ++i) {
    ctx.SetOutput(i, PartialShape({x.dim(0), x.dim(1), cs_prev.dim(1)}));
  }
  return absl::OkStatus();
}

void Describe(OpBuilder& op) {
  for (const char* name :
       {"x", "cs_prev", "h_prev", "w", "wci", "wcf", "wco", "b"}) {
    op.Input(absl::StrCat(name, ": T"));
  }
  for (const char* name : {"i", "cs", "f", "o", "ci", "co", "h"}) {
    op.Output(absl::StrCat(name, ": T"));
  }
  op.Attr("forget_bias: float = 1").Attr("cell_clip: float = 3");
  op.Attr("use_peephole: bool = false").Attr("T: type");
}

REGISTER_OP("LSTMBlockCell", [](OpBuilder& op) {
  Describe(op);
  op.Shape(CellRule);
  op.KernelFor<LSTMBlockCell, float, half>("T");
});

REGISTER_OP("BlockLSTM", [](OpBuilder& op) {
  op.Input("seq_len_max: int64");
  Describe(op);
  op.Shape(BlockRule);
  op.KernelFor<BlockLSTM, float, half>("T");
});

}  // namespace
}  // namespace metagraph
