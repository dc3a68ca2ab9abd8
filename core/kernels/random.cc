// Random numbers, bit for bit those of TensorFlow for the same seeds. Each op
// has one stream, from which the turns of a loop draw one after the other. So
// they do in TensorFlow with parallel_iterations = 1; with more, the threads
// that it happens to have settle there which turn draws first.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/base/status.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/elements.h"
#include "core/kernels/philox.h"
#include "core/kernels/rank_checks.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// Every output element reserves so many blocks, whatever it uses.
constexpr uint64_t kBlocksPerOutput = 256;

absl::StatusOr<TensorShape> OutputShape(const Tensor& shape) {
  RETURN_IF_ERROR(RequireVector(
      shape, "shape must be a vector of {int32,int64}, got shape "));
  absl::InlinedVector<int64_t, 8> dims;
  for (int64_t i = 0; i < shape.num_elements(); ++i) {
    dims.push_back(shape.dtype() == DT_INT64 ? shape.data<int64_t>()[i]
                                             : shape.data<int32_t>()[i]);
    if (dims.back() < 0) {
      return InvalidArgument("Dimension ", dims.back(), " must be >= 0");
    }
  }
  return TensorShape::Build(dims);
}

// Numbers that one block gives, in order: 4, or 2 of 64 bits.
template <typename T>
inline constexpr int kGroup = sizeof(T) == 8 ? 2 : 4;

struct Uniform {
  static void Fill(const Philox::Block& x, float* out) {
    for (int i = 0; i < 4; ++i) out[i] = UniformFloat(x[i]);
  }
  static void Fill(const Philox::Block& x, half* out) {
    for (int i = 0; i < 4; ++i) out[i] = UniformHalf(x[i]);
  }
  static void Fill(const Philox::Block& x, bfloat16* out) {
    for (int i = 0; i < 4; ++i) out[i] = UniformBfloat16(x[i]);
  }
  static void Fill(const Philox::Block& x, double* out) {
    out[0] = UniformDouble(x[0], x[1]);
    out[1] = UniformDouble(x[2], x[3]);
  }
};

struct Normal {
  static void Fill(const Philox::Block& x, float* out) {
    NormalFloats(x[0], x[1], out);
    NormalFloats(x[2], x[3], out + 2);
  }
  template <typename T>
  static void Fill(const Philox::Block& x, T* out) {
    float wide[4];
    Fill(x, wide);
    for (int i = 0; i < 4; ++i) out[i] = static_cast<T>(wide[i]);
  }
  static void Fill(const Philox::Block& x, double* out) {
    NormalDoubles(x.data(), out);
  }
};

// fill(block, out) for each group of elements; the last may be partial.
template <typename T, typename FillFn>
absl::Status FillGroups(KernelContext& ctx, Philox start, int64_t n, T* out,
                        FillFn fill) {
  constexpr int64_t kSize = kGroup<T>;
  return ctx.ParallelFor((n + kSize - 1) / kSize, 30,
                         [&](int64_t begin, int64_t end) {
                           Philox philox = start;
                           philox.Skip(static_cast<uint64_t>(begin));
                           for (int64_t at = begin * kSize;
                                at < std::min(n, end * kSize); at += kSize) {
                             const Philox::Block block = philox.Next();
                             if (at + kSize <= n) {
                               fill(block, out + at);
                               continue;
                             }
                             T group[kSize];
                             fill(block, group);
                             std::copy(group, group + (n - at), out + at);
                           }
                         });
}

template <typename Distribution, typename T>
class RandomNumbers final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return stream_.Init(construction);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const TensorShape shape, OutputShape(ctx.input(0)));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    const int64_t n = shape.num_elements();
    const Philox start =
        stream_.Reserve(static_cast<uint64_t>(n) * kBlocksPerOutput);
    return FillGroups(ctx, start, n, output->mutable_data<T>(),
                      [](const Philox::Block& block, T* out) {
                        Distribution::Fill(block, out);
                      });
  }

 private:
  RandomStream stream_;
};

template <typename T>
using RandomUniform = RandomNumbers<Uniform, T>;
template <typename T>
using RandomStandardNormal = RandomNumbers<Normal, T>;

template <typename T>
class RandomUniformInt final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return stream_.Init(construction);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const TensorShape shape, OutputShape(ctx.input(0)));
    const Tensor& minval = ctx.input(1);
    const Tensor& maxval = ctx.input(2);
    RETURN_IF_ERROR(RequireScalar(minval, "minval must be 0-D, got shape "));
    RETURN_IF_ERROR(RequireScalar(maxval, "maxval must be 0-D, got shape "));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    const int64_t n = shape.num_elements();
    if (n == 0) return absl::OkStatus();
    const T low = minval.scalar<T>();
    const T high = maxval.scalar<T>();
    if (low >= high) {
      return InvalidArgument("Need minval < maxval, got ", low, " >= ", high);
    }
    using U = std::make_unsigned_t<T>;
    const U range = static_cast<U>(high) - static_cast<U>(low);
    const Philox start =
        stream_.Reserve(static_cast<uint64_t>(n) * kBlocksPerOutput);
    return FillGroups(
        ctx, start, n, output->mutable_data<T>(),
        [low, range](const Philox::Block& x, T* out) {
          for (int i = 0; i < kGroup<T>; ++i) {
            U word = x[i];
            if constexpr (sizeof(T) == 8) {
              word = x[2 * i] | uint64_t{x[2 * i + 1]} << 32;
            }
            out[i] = static_cast<T>(static_cast<U>(low) + word % range);
          }
        });
  }

 private:
  RandomStream stream_;
};

// Normal numbers, drawn again beyond two standard deviations. How many words
// a group needs is open, so each starts at a place of its own.
template <typename T>
class TruncatedNormal final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return stream_.Init(construction);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const TensorShape shape, OutputShape(ctx.input(0)));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    const int64_t n = shape.num_elements();
    const Philox start =
        stream_.Reserve(static_cast<uint64_t>(n) * kBlocksPerOutput);
    T* out = output->mutable_data<T>();
    constexpr int64_t kSize = kGroup<T>;
    return ctx.ParallelFor(
        (n + kSize - 1) / kSize, 60, [=](int64_t begin, int64_t end) {
          for (int64_t group = begin; group < end; ++group) {
            Philox philox = start;
            philox.Skip(static_cast<uint64_t>(group) * kSize *
                        (kBlocksPerOutput / 4));
            FillGroup(philox, std::min(kSize, n - group * kSize),
                      out + group * kSize);
          }
        });
  }

 private:
  static void FillGroup(Philox philox, int64_t count, T* out) {
    constexpr double kLimit = 2;
    for (int64_t filled = 0; filled < count;) {
      const Philox::Block x = philox.Next();
      using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;
      Wide numbers[kGroup<Wide>];
      Normal::Fill(x, numbers);
      for (const Wide number : numbers) {
        if (std::abs(number) < kLimit && filled < count) {
          out[filled++] = static_cast<T>(number);
        }
      }
    }
  }

  RandomStream stream_;
};

// After so many elements a loop asks whether the call is still wanted.
constexpr int64_t kNumbersPerCheck = 65536;

// Rows of the input in random order.
class RandomShuffle final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return stream_.Init(construction);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& value = ctx.input(0);
    const int64_t rows = value.rank() == 0 ? 1 : value.dim(0);
    if (rows <= 1 || value.num_elements() == 0) {
      ctx.SetOutput(0, value);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, value.shape()));
    const int64_t row = value.num_elements() / rows;
    const ElementCopier copier(value.dtype());
    if (row == 1) {  // moves where it stands
      copier.Copy(value.raw_data(), 0, output->mutable_raw_data(), 0, rows);
      return WithElementType(value.dtype(), [&]<typename T>() {
        return Shuffle(ctx, static_cast<T*>(output->mutable_raw_data()), rows);
      });
    }
    Scratch<int64_t> order(rows);
    std::iota(order.begin(), order.end(), int64_t{0});
    RETURN_IF_ERROR(Shuffle(ctx, order.data(), rows));
    for (int64_t i = 0; i < rows; ++i) {
      if (i % kNumbersPerCheck == 0) RETURN_IF_ERROR(ctx.CheckCancelled());
      copier.Copy(value.raw_data(), order[i] * row, output->mutable_raw_data(),
                  i * row, row);
    }
    return absl::OkStatus();
  }

 private:
  template <typename T>
  absl::Status Shuffle(const KernelContext& ctx, T* items,
                       int64_t count) const {
    PhiloxWords words(stream_.Reserve((static_cast<uint64_t>(count) + 2) / 4));
    for (int64_t i = 0; i + 1 < count; ++i) {
      if (i % kNumbersPerCheck == 0) RETURN_IF_ERROR(ctx.CheckCancelled());
      std::swap(items[i], items[i + words.Next() % (count - i)]);
    }
    return absl::OkStatus();
  }

  RandomStream stream_;
};

// Samples of classes by their logits, row by row.
template <typename T>
class Multinomial final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return stream_.Init(construction);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& logits = ctx.input(0);
    const Tensor& num_samples = ctx.input(1);
    RETURN_IF_ERROR(
        RequireRank(logits, 2, "logits should be a matrix, got shape "));
    RETURN_IF_ERROR(RequireScalar(
        num_samples, "num_samples should be a scalar, got shape "));
    const int64_t samples = num_samples.scalar<int32_t>();
    if (samples < 0) {
      return InvalidArgument("num_samples should be non-negative, got ",
                             samples);
    }
    const int64_t batch = logits.dim(0);
    const int64_t classes = logits.dim(1);
    if (classes <= 0) {
      return InvalidArgument("num_classes should be positive, got ", classes);
    }
    ASSIGN_OR_RETURN(const TensorShape shape,
                     TensorShape::Build({batch, samples}));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    if (output->num_elements() == 0) return absl::OkStatus();
    // A sample is a double: two words, counted in fours.
    const uint64_t reserved = static_cast<uint64_t>(samples + 3) / 4 * 4 * 2;
    PhiloxWords words(stream_.Reserve(static_cast<uint64_t>(batch) * reserved *
                                      kBlocksPerOutput));
    Scratch<double> cumulated(classes);
    for (int64_t row = 0; row < batch; ++row) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      Cumulate(logits.data<T>() + row * classes, cumulated);
      for (int64_t i = row * samples; i < (row + 1) * samples; ++i) {
        // One row may be all of a large output.
        if (i % kNumbersPerCheck == 0) RETURN_IF_ERROR(ctx.CheckCancelled());
        const uint32_t x0 = words.Next();
        const double wanted =
            UniformDouble(x0, words.Next()) * cumulated.back();
        const int64_t found =
            std::upper_bound(cumulated.begin(), cumulated.end(), wanted) -
            cumulated.begin();
        if (output->dtype() == DT_INT32) {
          output->mutable_data<int32_t>()[i] = static_cast<int32_t>(found);
        } else {
          output->mutable_data<int64_t>()[i] = found;
        }
      }
    }
    return absl::OkStatus();
  }

 private:
  // Running sums of exp(logit - largest); what is not finite has no weight.
  static void Cumulate(const T* logits, Scratch<double>& out) {
    double largest = static_cast<double>(std::numeric_limits<T>::lowest());
    for (size_t i = 0; i < out.size(); ++i) {
      const double logit = static_cast<double>(logits[i]);
      if (std::isfinite(logit)) largest = std::max(largest, logit);
    }
    double total = 0;
    for (size_t i = 0; i < out.size(); ++i) {
      const double logit = static_cast<double>(logits[i]);
      if (std::isfinite(logit)) total += std::exp(logit - largest);
      out[i] = total;
    }
  }

  RandomStream stream_;
};

absl::Status MultinomialRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape logits, WithRank(ctx.input(0), 2));
  RETURN_IF_ERROR(WithRank(ctx.input(1), 0).status());
  const int64_t samples = ctx.Int(1).value_or(kUnknownDim);
  ctx.SetOutput(
      0, PartialShape({logits.dim(0), samples < 0 ? kUnknownDim : samples}));
  return absl::OkStatus();
}

void Seeds(OpBuilder& op) {
  op.Attr("seed: int = 0").Attr("seed2: int = 0").SetIsStateful();
}

template <template <typename> class K>
void DescribeNumbers(OpBuilder& op) {
  op.Input("shape: T").Output("output: dtype");
  Seeds(op);
  op.Attr("dtype: type").Attr("T: type");
  op.Shape(ShapeInputRule<0>);
  op.KernelForEach<K, FloatTypes>("dtype");
}

REGISTER_OP("RandomUniform",
            [](OpBuilder& op) { DescribeNumbers<RandomUniform>(op); });
REGISTER_OP("RandomStandardNormal",
            [](OpBuilder& op) { DescribeNumbers<RandomStandardNormal>(op); });
REGISTER_OP("TruncatedNormal",
            [](OpBuilder& op) { DescribeNumbers<TruncatedNormal>(op); });

REGISTER_OP("RandomUniformInt", [](OpBuilder& op) {
  op.Input("shape: T").Input("minval: Tout").Input("maxval: Tout");
  op.Output("output: Tout");
  Seeds(op);
  op.Attr("Tout: type").Attr("T: type");
  op.Shape(ShapeInputRule<0>);
  op.KernelForEach<RandomUniformInt, IndexTypes>("Tout");
});

REGISTER_OP("Multinomial", [](OpBuilder& op) {
  op.Input("logits: T").Input("num_samples: int32");
  op.Output("output: output_dtype");
  Seeds(op);
  op.Attr("T: type").Attr("output_dtype: type = DT_INT64");
  op.Shape(MultinomialRule);
  op.KernelForEach<Multinomial, Joined<FloatTypes, IndexTypes>>("T");
});

REGISTER_OP("RandomShuffle", [](OpBuilder& op) {
  op.Input("value: T").Output("output: T");
  Seeds(op);
  op.Attr("T: type");
  op.Shape(UnchangedRule);
  op.Kernel<RandomShuffle>();
});

}  // namespace
}  // namespace metagraph
