// FFT, IFFT, RFFT, IRFFT: discrete Fourier transforms of the last dimension.
// Between two of them it is looked whether the call is still wanted; one alone,
// of the longest, takes some seconds.

#include "unsupported/Eigen/FFT"

#include <algorithm>
#include <bit>
#include <complex>
#include <cstring>
#include <optional>
#include <type_traits>

#include "core/kernels/int_inputs.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// Eigen counts in int, and up to 4 n.
constexpr int64_t kMostElements = int64_t{1} << 27;

// How many of the last dimension's elements the kernel reads and writes.
struct FftSizes {
  int64_t in = 0;
  int64_t out = 0;
};

// Checks the input and makes the output, of `sizes.out` in place of the last
// dimension, for transforms of n.
absl::StatusOr<Tensor*> PrepareFft(KernelContext& ctx, int64_t n,
                                   const FftSizes& sizes) {
  const Tensor& input = ctx.input(0);
  const int last = input.rank() - 1;
  if (input.num_elements() > 0 && input.dim(last) < sizes.in) {
    return InvalidArgument("Input dimension ", last,
                           " must have length of at least ", sizes.in,
                           " but got: ", input.dim(last));
  }
  if (n > kMostElements) {
    return InvalidArgument("Expected at most ", kMostElements,
                           " elements in one transform, got ", n);
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

// Eigen takes p * n steps for a prime factor p of n.
constexpr int64_t kLargestFactor = 64;

bool HasLargeFactor(int64_t n) {
  for (int64_t p = 2; p <= kLargestFactor; ++p) {
    while (n > 1 && n % p == 0) n /= p;
  }
  return n > 1;
}

// The transform of any n as a convolution, which is made by transforms of a
// power of two (Bluestein).
class ChirpTransform {
 public:
  using Complex = std::complex<double>;

  explicit ChirpTransform(int64_t n)
      : n_(n),
        size_(SizeFor(n)),
        chirp_(n),
        filter_(size_),
        work_(size_),
        spectrum_(size_),
        charge_(int64_t{2} * sizeof(Complex) * size_) {
    constexpr double kPi = 3.14159265358979323846;
    for (int64_t k = 0; k < n; ++k) {
      // The square without its whole turns, so that no digit of it is lost.
      const int64_t turn = k * k % (2 * n);
      chirp_[k] = std::polar(
          1.0, -kPi * static_cast<double>(turn) / static_cast<double>(n));
      work_[k] = std::conj(chirp_[k]);
      if (k > 0) work_[size_ - k] = work_[k];
    }
    fft_.fwd(filter_.data(), work_.data(), size_);
  }

  static int64_t SizeFor(int64_t n) {
    return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(2 * n)));
  }

  template <typename Real>
  void Run(bool inverse, const std::complex<Real>* in,
           std::complex<Real>* out) {
    // The way back is the way there of the conjugates.
    const auto turned = [&](Complex x) { return inverse ? std::conj(x) : x; };
    for (int64_t k = 0; k < n_; ++k) {
      work_[k] = turned(Complex(in[k])) * chirp_[k];
    }
    std::fill(work_.begin() + n_, work_.end(), Complex(0));
    fft_.fwd(spectrum_.data(), work_.data(), size_);
    for (int64_t k = 0; k < size_; ++k) spectrum_[k] *= filter_[k];
    fft_.inv(work_.data(), spectrum_.data(), size_);
    const double scale = inverse ? 1.0 / static_cast<double>(n_) : 1.0;
    for (int64_t k = 0; k < n_; ++k) {
      out[k] = std::complex<Real>(turned(work_[k] * chirp_[k]) * scale);
    }
  }

 private:
  const int64_t n_;
  const int64_t size_;
  Scratch<Complex> chirp_;
  Scratch<Complex> filter_;
  Scratch<Complex> work_;
  Scratch<Complex> spectrum_;
  const ScratchCharge charge_;  // of what Eigen keeps
  Eigen::FFT<double> fft_;
};

// One transform after the other, all of n. Eigen's falls over n = 1.
template <typename Real>
class Transformer {
 public:
  using Complex = std::complex<Real>;

  explicit Transformer(int64_t n)
      : n_(n), charge_(int64_t{4} * sizeof(Complex) * n) {
    if (HasLargeFactor(n)) chirp_.emplace(n);
  }

  void Run(bool inverse, const Complex* in, Complex* out) {
    if (n_ == 1) {
      *out = *in;
    } else if (chirp_.has_value()) {
      chirp_->Run(inverse, in, out);
    } else if (inverse) {
      fft_.inv(out, in, n_);
    } else {
      fft_.fwd(out, in, n_);
    }
  }

 private:
  const int64_t n_;
  const ScratchCharge charge_;  // of what Eigen keeps
  std::optional<ChirpTransform> chirp_;
  Eigen::FFT<Real> fft_;
};

// About what a transform of n takes, in nanoseconds.
int64_t FftCost(int64_t n) {
  return 50 + 20 * (HasLargeFactor(n) ? 3 * ChirpTransform::SizeFor(n) : n);
}

// Real: float, double.
template <typename Real, bool kInverse>
class Fft final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    using Complex = std::complex<Real>;
    const Tensor& input = ctx.input(0);
    RETURN_IF_ERROR(CheckFftRank(input));
    const int64_t n = input.dim(input.rank() - 1);
    ASSIGN_OR_RETURN(Tensor * output, PrepareFft(ctx, n, {n, n}));
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
// spectrum that is symmetric. The way back: of half a spectrum fft_length
// reals.
template <typename Real, bool kInverse>
class HalfFft final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    using Complex = std::complex<Real>;
    using From = std::conditional_t<kInverse, Complex, Real>;
    using To = std::conditional_t<kInverse, Real, Complex>;
    const Tensor& input = ctx.input(0);
    RETURN_IF_ERROR(CheckFftRank(input));
    ASSIGN_OR_RETURN(const int64_t n, ReadFftLength(ctx.input(1)));
    const int64_t half = n == 0 ? 0 : n / 2 + 1;
    const FftSizes sizes = {kInverse ? half : n, kInverse ? n : half};
    ASSIGN_OR_RETURN(Tensor * output, PrepareFft(ctx, n, sizes));
    if (output->num_elements() == 0 || input.num_elements() == 0) {
      return absl::OkStatus();
    }
    const int64_t row = input.dim(input.rank() - 1);
    const From* in = input.data<From>();
    To* out = output->mutable_data<To>();
    return ctx.ParallelFor(
        output->num_elements() / sizes.out, FftCost(n),
        [&](int64_t begin, int64_t end) {
          Scratch<Complex> from(n), to(n);
          Transformer<Real> fft(n);
          for (int64_t i = begin; i < end; ++i) {
            std::copy_n(in + i * row, sizes.in, from.begin());
            for (int64_t k = sizes.in; k < n; ++k) {
              from[k] = std::conj(from[n - k]);
            }
            fft.Run(kInverse, from.data(), to.data());
            std::transform(to.begin(), to.begin() + sizes.out,
                           out + i * sizes.out, [](const Complex& value) {
                             if constexpr (kInverse) {
                               return value.real();
                             } else {
                               return value;
                             }
                           });
          }
        });
  }
};
template <typename Real>
using RealFft = HalfFft<Real, false>;
template <typename Real>
using InverseRealFft = HalfFft<Real, true>;

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
