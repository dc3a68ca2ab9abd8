// FFT, IFFT, RFFT, IRFFT: discrete Fourier transforms of the last dimension.

#include "unsupported/Eigen/FFT"

#include <algorithm>
#include <complex>
#include <cstring>
#include <optional>

#include "core/kernels/int_inputs.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// How many of the last dimension's elements the kernel reads and writes.
struct FftSizes {
  int64_t in = 0;
  int64_t out = 0;
};

// Checks the input and makes the output, of `sizes.out` in place of the last
// dimension.
absl::StatusOr<Tensor*> PrepareFft(KernelContext& ctx, const FftSizes& sizes) {
  const Tensor& input = ctx.input(0);
  const int last = input.rank() - 1;
  if (input.num_elements() > 0 && input.dim(last) < sizes.in) {
    return InvalidArgument("Input dimension ", last,
                           " must have length of at least ", sizes.in,
                           " but got: ", input.dim(last));
  }
  Ints dims(input.shape().dims().begin(), input.shape().dims().end());
  dims[last] = sizes.out;
  ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
  ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
  std::memset(output->mutable_raw_data(), 0, output->size_bytes());
  return output;
}

absl::Status CheckFftRank(const Tensor& input) {
  if (input.rank() >= 1) return absl::OkStatus();
  return InvalidArgument("Input must have rank of at least 1 but got: ",
                         input.shape().ToString());
}

absl::StatusOr<int64_t> ReadFftLength(const Tensor& length) {
  if (!length.shape().IsVector() || length.dim(0) != 1) {
    return InvalidArgument("fft_length must have shape [1]");
  }
  const int64_t value = length.scalar<int32_t>();
  if (value < 0) {
    return InvalidArgument("fft_length[0] must >= 0, but got: ", value);
  }
  return value;
}

// One transform after the other, all of n. Eigen's falls over n = 1.
template <typename Real>
class Transformer {
 public:
  using Complex = std::complex<Real>;

  explicit Transformer(int64_t n)
      : n_(n), charge_(int64_t{4} * sizeof(Complex) * n) {}

  void Run(bool inverse, const Complex* in, Complex* out) {
    if (n_ == 1) {
      *out = *in;
    } else if (inverse) {
      fft_.inv(out, in, n_);
    } else {
      fft_.fwd(out, in, n_);
    }
  }

 private:
  const int64_t n_;
  const ScratchCharge charge_;  // of what Eigen keeps
  Eigen::FFT<Real> fft_;
};

// About what a transform of n takes, in nanoseconds.
int64_t FftCost(int64_t n) { return 50 + 20 * n; }

// Real: float, double.
template <typename Real, bool kInverse>
class Fft final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    using Complex = std::complex<Real>;
    const Tensor& input = ctx.input(0);
    RETURN_IF_ERROR(CheckFftRank(input));
    const int64_t n = input.dim(input.rank() - 1);
    ASSIGN_OR_RETURN(Tensor * output, PrepareFft(ctx, {n, n}));
    if (output->num_elements() == 0) return absl::OkStatus();
    const Complex* in = input.data<Complex>();
    Complex* out = output->mutable_data<Complex>();
    return ctx.ParallelFor(output->num_elements() / n, FftCost(n),
                           [&](int64_t begin, int64_t end) {
                             Transformer<Real> fft(n);
                             for (int64_t i = begin; i < end; ++i) {
                               fft.Run(kInverse, in + i * n, out + i * n);
                             }
                           });
  }
};

// input, fft_length: of the first fft_length reals the first half of a
// spectrum that is symmetric.
template <typename Real>
class RealFft final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    using Complex = std::complex<Real>;
    const Tensor& input = ctx.input(0);
    RETURN_IF_ERROR(CheckFftRank(input));
    ASSIGN_OR_RETURN(const int64_t n, ReadFftLength(ctx.input(1)));
    const int64_t half = n == 0 ? 0 : n / 2 + 1;
    ASSIGN_OR_RETURN(Tensor * output, PrepareFft(ctx, {n, half}));
    if (output->num_elements() == 0 || input.num_elements() == 0) {
      return absl::OkStatus();
    }
    const int64_t row = input.dim(input.rank() - 1);
    const Real* in = input.data<Real>();
    Complex* out = output->mutable_data<Complex>();
    return ctx.ParallelFor(output->num_elements() / half, FftCost(n),
                           [&](int64_t begin, int64_t end) {
                             Scratch<Complex> from(n), to(n);
                             Transformer<Real> fft(n);
                             for (int64_t i = begin; i < end; ++i) {
                               std::copy_n(in + i * row, n, from.begin());
                               fft.Run(false, from.data(), to.data());
                               std::copy_n(to.begin(), half, out + i * half);
                             }
                           });
  }
};

// The way back: of half a spectrum fft_length reals.
template <typename Real>
class InverseRealFft final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    using Complex = std::complex<Real>;
    const Tensor& input = ctx.input(0);
    RETURN_IF_ERROR(CheckFftRank(input));
    ASSIGN_OR_RETURN(const int64_t n, ReadFftLength(ctx.input(1)));
    const int64_t half = n == 0 ? 0 : n / 2 + 1;
    ASSIGN_OR_RETURN(Tensor * output, PrepareFft(ctx, {half, n}));
    if (output->num_elements() == 0 || input.num_elements() == 0) {
      return absl::OkStatus();
    }
    const int64_t row = input.dim(input.rank() - 1);
    const Complex* in = input.data<Complex>();
    Real* out = output->mutable_data<Real>();
    return ctx.ParallelFor(
        output->num_elements() / n, FftCost(n),
        [&](int64_t begin, int64_t end) {
          Scratch<Complex> from(n), to(n);
          Transformer<Real> fft(n);
          for (int64_t i = begin; i < end; ++i) {
            std::copy_n(in + i * row, half, from.begin());
            for (int64_t k = half; k < n; ++k) {
              from[k] = std::conj(from[n - k]);
            }
            fft.Run(true, from.data(), to.data());
            std::transform(to.begin(), to.end(), out + i * n,
                           [](const Complex& value) { return value.real(); });
          }
        });
  }
};

template <bool kIsReal>
absl::Status RealFftRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckRankAtLeast(ctx.input(0), 1));
  ASSIGN_OR_RETURN(const PartialShape length, WithRank(ctx.input(1), 1));
  RETURN_IF_ERROR(WithValue(DimOf(length, 0), 1).status());
  if (!ctx.input(0).known_rank()) return absl::OkStatus();
  const std::optional<int64_t> n = ctx.Int(1);
  int64_t size = kUnknownDim;
  if (n.has_value() && *n >= 0) {
    size = !kIsReal ? *n : *n == 0 ? 0 : *n / 2 + 1;
  }
  ctx.SetOutput(0, ReplaceDim(ctx.input(0), -1, size));
  return absl::OkStatus();
}

absl::Status FftRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckRankAtLeast(ctx.input(0), 1));
  ctx.SetOutput(0, ctx.input(0));
  return absl::OkStatus();
}

template <bool kInverse>
void ComplexFftOp(OpBuilder& op) {
  op.Input("input: Tcomplex").Output("output: Tcomplex");
  op.Attr("Tcomplex: type = DT_COMPLEX64");
  op.Shape(FftRule);
  op.KernelWhere<Fft<float, kInverse>>({{"Tcomplex", DT_COMPLEX64}});
  op.KernelWhere<Fft<double, kInverse>>({{"Tcomplex", DT_COMPLEX128}});
}

template <template <typename> class K, bool kIsReal>
void RealFftOp(OpBuilder& op) {
  op.Input(kIsReal ? "input: Treal" : "input: Tcomplex");
  op.Input("fft_length: int32");
  op.Output(kIsReal ? "output: Tcomplex" : "output: Treal");
  op.Attr("Treal: type = DT_FLOAT").Attr("Tcomplex: type = DT_COMPLEX64");
  op.Shape(RealFftRule<kIsReal>);
  op.KernelWhere<K<float>>({{"Treal", DT_FLOAT}, {"Tcomplex", DT_COMPLEX64}});
  op.KernelWhere<K<double>>(
      {{"Treal", DT_DOUBLE}, {"Tcomplex", DT_COMPLEX128}});
}

REGISTER_OP("FFT", ComplexFftOp<false>);
REGISTER_OP("IFFT", ComplexFftOp<true>);
REGISTER_OP("RFFT", [](OpBuilder& op) { RealFftOp<RealFft, true>(op); });
REGISTER_OP("IRFFT",
            [](OpBuilder& op) { RealFftOp<InverseRealFft, false>(op); });

}  // namespace
}  // namespace metagraph
