// Normalisation: by batch statistics and across neighbouring channels.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

#include "core/kernels/conv.h"
#include "core/kernels/looks.h"
#include "core/kernels/optional_attrs.h"
#include "core/kernels/rank_checks.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// Images of four or five dimensions: the number of spatial ones from the data
// format, or, as TensorFlow has it, from the input.
absl::StatusOr<ImageLayout> NormLayout(absl::string_view format, int rank) {
  if (rank != 4 && rank != 5) {
    return InvalidArgument("input must be 4 or 5-dimensional, not ", rank,
                           "-dimensional");
  }
  ImageLayout layout;
  layout.spatial = rank - 2;
  layout.channels_first = format == "NCHW" || format == "NCDHW";
  if (!layout.channels_first && format != "NHWC" && format != "NDHWC") {
    return InvalidArgument("Invalid data format \"", format, "\"");
  }
  return layout;
}

// V1, V2 and V3 differ in types and in the number of reserved outputs only.
template <typename T>
class FusedBatchNorm final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(construction.Bind("epsilon", &epsilon_, "data_format",
                                      &format_, "is_training", &training_));
    // How much of the new statistics goes to the running ones; only newer
    // graphs have it.
    return BindOptional(construction, "exponential_avg_factor", &factor_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& x = ctx.input(0);
    ASSIGN_OR_RETURN(ImageLayout layout, NormLayout(format_, x.rank()));
    const int64_t channels = x.dim(layout.channel_dim());
    RETURN_IF_ERROR(CheckStatistics(ctx, channels));
    // mean, variance, and two or three for the gradient.
    float* stats[6] = {};
    for (int i = 1; i < ctx.num_outputs(); ++i) {
      ASSIGN_OR_RETURN(Tensor * out,
                       ctx.AllocateOutput(i, i == 5 ? TensorShape()
                                                    : TensorShape({channels})));
      stats[i] = out->mutable_data<float>();
      std::fill_n(stats[i], out->num_elements(), 0.0f);
    }
    // Statistics first: the output may take the place of x.
    Scratch<float> mean(channels), variance(channels);
    if (training_) {
      FindStatistics(ctx, x, layout, channels, mean, variance);
      UpdateRunning(ctx, x.num_elements(), mean, variance, stats);
    } else {
      std::copy_n(ctx.input(3).data<float>(), channels, mean.data());
      std::copy_n(ctx.input(4).data<float>(), channels, variance.data());
      std::copy_n(mean.data(), channels, stats[1]);
      std::copy_n(variance.data(), channels, stats[2]);
    }
    Scratch<float> factor(channels);
    for (int64_t c = 0; c < channels; ++c) {
      factor[c] =
          ctx.input(1).data<float>()[c] / std::sqrt(variance[c] + epsilon_);
    }

    ASSIGN_OR_RETURN(Tensor * y,
                     ctx.ForwardOrAllocateOutput({0}, 0, x.shape()));
    if (x.num_elements() == 0) {
      // Of nothing there is no mean, says TensorFlow, trained or not.
      for (int i = 1; i < 3; ++i)
        std::fill_n(stats[i], channels, std::nanf(""));
      return absl::OkStatus();
    }
    return layout.channels_first ? NormalizePlanes(ctx, x, mean, factor, *y)
                                 : NormalizePixels(ctx, x, mean, factor, *y);
  }

 private:
  // Scale, offset, mean and variance have one element for each channel.
  absl::Status CheckStatistics(const KernelContext& ctx,
                               int64_t channels) const {
    static constexpr const char* kNames[] = {"x", "scale", "offset", "mean",
                                             "variance"};
    for (int i = 1; i < 5; ++i) {
      const Tensor& input = ctx.input(i);
      if (input.rank() != 1) {
        return InvalidArgument(kNames[i], " must be 1-dimensional, not ",
                               input.shape().ToString());
      }
      // Training without running statistics gets none.
      if (i >= 3 && training_ && factor_ == 1) continue;
      if (input.dim(0) != channels) {
        return InvalidArgument(kNames[i],
                               " must have the same number of elements as the "
                               "channels of x, got ",
                               input.dim(0), " and ", channels);
      }
    }
    return absl::OkStatus();
  }

  // Writes the running statistics to outputs 1 and 2, those of this batch to 3
  // and 4.
  void UpdateRunning(const KernelContext& ctx, int64_t elements,
                     const Scratch<float>& mean, const Scratch<float>& variance,
                     float* const* stats) const {
    const int64_t channels = static_cast<int64_t>(mean.size());
    const int64_t count = channels == 0 ? 0 : elements / channels;
    const float unbiased = static_cast<float>(count) /
                           static_cast<float>(std::max<int64_t>(1, count - 1));
    const bool running = factor_ != 1;
    for (int64_t c = 0; c < channels; ++c) {
      float new_mean = mean[c];
      float new_variance = variance[c] * unbiased;
      if (count == 0) {
        new_mean = new_variance = std::numeric_limits<float>::quiet_NaN();
      } else {
        stats[3][c] = mean[c];
        stats[4][c] = variance[c];
      }
      if (running) {
        const float old_mean = ctx.input(3).data<float>()[c];
        const float old_variance = ctx.input(4).data<float>()[c];
        new_mean = (1 - factor_) * old_mean + factor_ * new_mean;
        new_variance = (1 - factor_) * old_variance + factor_ * new_variance;
      }
      stats[1][c] = new_mean;
      stats[2][c] = new_variance;
    }
  }

  // NCHW: one channel after the other.
  static absl::Status NormalizePlanes(const KernelContext& ctx, const Tensor& x,
                                      const Scratch<float>& mean,
                                      const Scratch<float>& factor, Tensor& y) {
    const T* in = x.data<T>();
    T* out = y.mutable_data<T>();
    const float* offset = ctx.input(2).data<float>();
    const int64_t channels = static_cast<int64_t>(mean.size());
    const int64_t pixels = x.num_elements() / x.dim(0) / channels;
    return ctx.ParallelFor(
        x.dim(0) * channels, 1 + pixels / 4, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t c = i % channels;
            for (int64_t p = i * pixels; p < (i + 1) * pixels; ++p) {
              out[p] = static_cast<T>((static_cast<float>(in[p]) - mean[c]) *
                                          factor[c] +
                                      offset[c]);
            }
          }
        });
  }

  // NHWC: all channels of a pixel, then the next pixel.
  static absl::Status NormalizePixels(const KernelContext& ctx, const Tensor& x,
                                      const Scratch<float>& mean,
                                      const Scratch<float>& factor, Tensor& y) {
    const T* in = x.data<T>();
    T* out = y.mutable_data<T>();
    const float* offset = ctx.input(2).data<float>();
    const int64_t channels = static_cast<int64_t>(mean.size());
    return ctx.ParallelFor(
        x.num_elements() / channels, 1 + channels / 4,
        [&](int64_t begin, int64_t end) {
          const float* __restrict m = mean.data();
          const float* __restrict f = factor.data();
          for (int64_t p = begin; p < end; ++p) {
            const T* from = in + p * channels;
            T* to = out + p * channels;
            for (int64_t c = 0; c < channels; ++c) {
              to[c] = static_cast<T>(
                  (static_cast<float>(from[c]) - m[c]) * f[c] + offset[c]);
            }
          }
        });
  }

  // Mean and (population) variance of each channel, summed in double.
  static void FindStatistics(const KernelContext& ctx, const Tensor& x,
                             const ImageLayout& layout, int64_t channels,
                             Scratch<float>& mean, Scratch<float>& variance) {
    if (x.num_elements() == 0) return;
    const T* in = x.data<T>();
    const int64_t count = x.num_elements() / channels;
    const int64_t pixels = count / x.dim(0);
    Scratch<double> center(channels), sum(channels);
    // Twice: the mean, then the squares of the distances from it.
    for (int round = 0; round < 2; ++round) {
      std::fill(sum.begin(), sum.end(), 0.0);
      if (layout.channels_first) {
        for (int64_t i = 0; i < x.dim(0) * channels; ++i) {
          const int64_t c = i % channels;
          double total = 0;
          for (int64_t p = i * pixels; p < (i + 1) * pixels; ++p) {
            const double d = static_cast<float>(in[p]) - center[c];
            total += round == 0 ? d : d * d;
          }
          sum[c] += total;
        }
      } else {
        const T* from = in;
        for (int64_t i = 0; i < count; ++i, from += channels) {
          for (int64_t c = 0; c < channels; ++c) {
            const double d = static_cast<float>(from[c]) - center[c];
            sum[c] += round == 0 ? d : d * d;
          }
        }
      }
      for (int64_t c = 0; c < channels; ++c) {
        (round == 0 ? mean : variance)[c] = static_cast<float>(sum[c] / count);
        center[c] = mean[c];
      }
    }
  }

  float epsilon_ = 0;
  std::string format_;
  bool training_ = true;
  float factor_ = 1;
};

// The gradient of FusedBatchNorm: inputs y_backprop, x, scale, mean and
// variance (as found in training, or the running ones).
template <typename T>
class FusedBatchNormGrad final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("epsilon", &epsilon_, "data_format", &format_,
                             "is_training", &training_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& dy = ctx.input(0);
    const Tensor& x = ctx.input(1);
    ASSIGN_OR_RETURN(ImageLayout layout, NormLayout(format_, x.rank()));
    const int64_t channels = x.dim(layout.channel_dim());
    if (!(dy.shape() == x.shape())) {
      return InvalidArgument(
          "x and y_backprop must have same shape, but x "
          "has shape ",
          x.shape().ToString(), " and y_backprop has shape ",
          dy.shape().ToString());
    }
    for (int i = 2; i < 5; ++i) {
      const TensorShape& shape = ctx.input(i).shape();
      if (!shape.IsVector() || shape.dim(0) != channels) {
        return InvalidArgument("input ", i, " must be a vector of ", channels,
                               " elements, not ", shape.ToString());
      }
    }
    ASSIGN_OR_RETURN(Tensor * dx, ctx.AllocateOutput(0, x.shape()));
    float* sums[2];  // scale_backprop, offset_backprop
    for (int i = 1; i < 3; ++i) {
      ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(i, {channels}));
      sums[i - 1] = out->mutable_data<float>();
    }
    for (int i = 3; i < 5; ++i) {  // only keep their places
      ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(i, {0}));
      (void)out;
    }
    const int64_t total = x.num_elements();
    // Element i belongs to channel i / inner % channels.
    const int64_t inner =
        layout.channels_first && total > 0 ? total / x.dim(0) / channels : 1;
    const float* scale = ctx.input(2).data<float>();
    const float* mean = ctx.input(3).data<float>();
    const float* variance = ctx.input(4).data<float>();
    Scratch<float> factor(channels);
    for (int64_t c = 0; c < channels; ++c) {
      factor[c] = 1 / std::sqrt(variance[c] + epsilon_);
    }
    Scratch<double> sum(channels), dot(channels);
    const T* in = x.data<T>();
    const T* change = dy.data<T>();
    for (int64_t i = 0; i < total; ++i) {
      const int64_t c = i / inner % channels;
      const double d = static_cast<float>(change[i]);
      sum[c] += d;
      dot[c] += d * (static_cast<float>(in[i]) - mean[c]);
    }
    for (int64_t c = 0; c < channels; ++c) {
      sums[0][c] = static_cast<float>(dot[c] * factor[c]);
      sums[1][c] = static_cast<float>(sum[c]);
    }
    if (total == 0) return absl::OkStatus();
    const int64_t rows = total / channels;
    const float count = static_cast<float>(rows);
    T* out = dx->mutable_data<T>();
    return ctx.ParallelFor(total, 4, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t c = i / inner % channels;
        float d = static_cast<float>(change[i]);
        if (training_) {
          const float centered = static_cast<float>(in[i]) - mean[c];
          d -= sums[1][c] / count + centered * factor[c] * sums[0][c] / count;
        }
        out[i] = static_cast<T>(d * scale[c] * factor[c]);
      }
    });
  }

 private:
  float epsilon_ = 0;
  std::string format_;
  bool training_ = true;
};

template <typename T>
class BatchNormWithGlobalNormalization final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("variance_epsilon", &epsilon_,
                             "scale_after_normalization", &scale_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    using U = ConvCompute<T>;
    const Tensor& input = ctx.input(0);
    RETURN_IF_ERROR(RequireRank(input, 4, "input must be 4-dimensional"));
    const int64_t channels = input.dim(3);
    static constexpr const char* kNames[] = {"input", "mean", "var", "beta",
                                             "gamma"};
    for (int i = 1; i < 5; ++i) {
      if (ctx.input(i).rank() != 1) {
        return InvalidArgument(kNames[i], " must be 1-dimensional",
                               ctx.input(i).shape().ToString());
      }
      if ((i < 4 || scale_) && ctx.input(i).dim(0) != channels) {
        return InvalidArgument(kNames[i], " has ", ctx.input(i).dim(0),
                               " elements for ", channels, " channels");
      }
    }
    Scratch<U> mean(channels), factor(channels), beta(channels);
    for (int64_t c = 0; c < channels; ++c) {
      mean[c] = static_cast<U>(ctx.input(1).data<T>()[c]);
      factor[c] = U(1) / std::sqrt(static_cast<U>(ctx.input(2).data<T>()[c]) +
                                   static_cast<U>(epsilon_));
      if (scale_) factor[c] *= static_cast<U>(ctx.input(4).data<T>()[c]);
      beta[c] = static_cast<U>(ctx.input(3).data<T>()[c]);
    }
    ASSIGN_OR_RETURN(Tensor * result,
                     ctx.ForwardOrAllocateOutput({0}, 0, input.shape()));
    if (input.num_elements() == 0) return absl::OkStatus();
    const T* in = input.data<T>();
    T* out = result->mutable_data<T>();
    return ctx.ParallelFor(
        input.num_elements() / channels, 1 + channels / 4,
        [&](int64_t begin, int64_t end) {
          for (int64_t p = begin; p < end; ++p) {
            for (int64_t c = 0; c < channels; ++c) {
              const int64_t i = p * channels + c;
              out[i] = static_cast<T>(
                  (static_cast<U>(in[i]) - mean[c]) * factor[c] + beta[c]);
            }
          }
        });
  }

 private:
  float epsilon_ = 0;
  bool scale_ = false;
};

// TensorFlow multiplies all squares of a row with a matrix of ones and zeros:
// one that is not finite makes NaN of the sums to which it does not belong.
void SpoilOutside(absl::Span<const float> squares, int64_t radius,
                  absl::Span<float> sums) {
  const auto wild = [](float x) { return !std::isfinite(x); };
  const int64_t all = std::count_if(squares.begin(), squares.end(), wild);
  if (all == 0) return;
  for (size_t c = 0; c < sums.size(); ++c) {
    const auto band = squares.subspan(c, 2 * radius + 1);
    if (std::count_if(band.begin(), band.end(), wild) < all) {
      sums[c] = std::numeric_limits<float>::quiet_NaN();
    }
  }
}

class LrnBase : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(construction.Bind("depth_radius", &radius_, "bias", &bias_,
                                      "alpha", &alpha_, "beta", &beta_));
    if (radius_ < 0) {
      return InvalidArgument("depth_radius = ", radius_, " is negative");
    }
    return absl::OkStatus();
  }

 protected:
  int32_t radius_ = 0;
  float bias_ = 0, alpha_ = 0, beta_ = 0;
};

// Each element over a power of the squares around it along the channels.
template <typename T>
class Lrn final : public LrnBase {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    if (input.rank() != 4) return InvalidArgument("in must be 4-dimensional");
    const int64_t channels = input.dim(3);
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, input.shape()));
    if (input.num_elements() == 0) return absl::OkStatus();
    const T* in = input.data<T>();
    T* out = output->mutable_data<T>();
    const int64_t radius = std::min<int64_t>(radius_, channels);
    RETURN_IF_ERROR(ctx.ParallelFor(
        input.num_elements() / channels, 10 * channels,
        [&](int64_t begin, int64_t end) {
          Looks looks(ctx);  // a radius may be as large as a row
          // Squares with `radius` zeros on both sides.
          Scratch<float> squares(channels + 2 * radius + 1), sums(channels);
          for (int64_t p = begin; p < end; ++p) {
            const T* from = in + p * channels;
            T* to = out + p * channels;
            for (int64_t c = 0; c < channels; ++c) {
              const float value = static_cast<float>(from[c]);
              squares[radius + c] = value * value;
            }
            std::fill(sums.begin(), sums.end(), 0.0f);
            for (int64_t k = 0; k <= 2 * radius; ++k) {
              if (!looks.After(channels).ok()) return;
              for (int64_t c = 0; c < channels; ++c) sums[c] += squares[c + k];
            }
            SpoilOutside(squares, radius, absl::MakeSpan(sums));
            for (int64_t c = 0; c < channels; ++c) {
              const float norm = bias_ + alpha_ * sums[c];
              const float value = static_cast<float>(from[c]);
              float result;
              if (beta_ == 1) {
                result = value / norm;
              } else if (beta_ == 0.5f) {
                result = value / std::sqrt(norm);
              } else {
                result = value * std::exp(-beta_ * std::log(norm));
              }
              to[c] = static_cast<T>(result);
            }
          }
        }));
    return ctx.CheckCancelled();
  }
};

// The gradient of the above.
template <typename T>
class LrnGrad final : public LrnBase {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const TensorShape& shape = ctx.input(0).shape();
    if (shape.rank() != 4) {
      return InvalidArgument("inputs must be 4-dimensional");
    }
    for (int i = 1; i < 3; ++i) {
      if (!(ctx.input(i).shape() == shape)) {
        return InvalidArgument(
            "input_grads, input_image, and out_image should have the same "
            "shape");
      }
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    if (output->num_elements() == 0) return absl::OkStatus();
    const int64_t channels = shape.dim(3);
    const int64_t radius = std::min<int64_t>(radius_, channels);
    RETURN_IF_ERROR(ctx.ParallelFor(
        output->num_elements() / channels, 40 * channels,
        [&](int64_t begin, int64_t end) {
          Looks looks(ctx);  // a radius may be as large as a row
          Scratch<float> result(channels);
          for (int64_t p = begin * channels; p < end * channels;
               p += channels) {
            const T* grads = ctx.input(0).data<T>() + p;
            const T* in = ctx.input(1).data<T>() + p;
            const T* out = ctx.input(2).data<T>() + p;
            std::fill(result.begin(), result.end(), 0.0f);
            for (int64_t j = 0; j < channels; ++j) {
              const int64_t first = std::max<int64_t>(0, j - radius);
              const int64_t last = std::min(channels, j + radius + 1);
              if (!looks.After(last - first).ok()) return;
              float norm = 0;
              for (int64_t k = first; k < last; ++k) {
                const float value = static_cast<float>(in[k]);
                norm += value * value;
              }
              norm = bias_ + alpha_ * norm;
              const float grad = static_cast<float>(grads[j]);
              const float shared = -2 * alpha_ * beta_ *
                                   static_cast<float>(out[j]) / norm * grad;
              for (int64_t k = first; k < last; ++k) {
                result[k] += static_cast<float>(in[k]) * shared;
              }
              result[j] += std::pow(norm, -beta_) * grad;
            }
            T* to = output->mutable_data<T>() + p;
            for (int64_t c = 0; c < channels; ++c) to[c] = T(result[c]);
          }
        }));
    return ctx.CheckCancelled();
  }
};

// The sizes of the channels of x, as all that is per channel has them.
absl::StatusOr<int> FusedChannelDim(const ShapeContext& ctx,
                                    const PartialShape& x) {
  ASSIGN_OR_RETURN(const auto format, ctx.Attr<std::string>("data_format"));
  if (x.known_rank() && x.rank() != 4 && x.rank() != 5) {
    return InvalidArgument("Shape must be rank 4 but is rank ", x.rank());
  }
  return format == "NCHW" || format == "NCDHW" ? 1 : -1;
}

absl::Status FusedRule(ShapeContext& ctx) {
  PartialShape x = ctx.input(0);
  ASSIGN_OR_RETURN(const int channel, FusedChannelDim(ctx, x));
  ASSIGN_OR_RETURN(const bool training, ctx.Attr<bool>("is_training"));
  int64_t channels = DimOf(x, channel);
  // What training replaces may be empty.
  for (int i = 1; i < (training ? 3 : 5); ++i) {
    ASSIGN_OR_RETURN(const PartialShape vector, WithRank(ctx.input(i), 1));
    ASSIGN_OR_RETURN(channels, MergeDims(channels, vector.dim(0)));
  }
  ctx.SetOutput(0, ReplaceDim(x, channel, channels));
  for (int i = 1; i < ctx.num_outputs(); ++i) {
    ctx.SetOutput(i, i == 5 ? PartialShape({}) : PartialShape({channels}));
  }
  return absl::OkStatus();
}

absl::Status FusedGradRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape x,
                   MergeShapes(ctx.input(0), ctx.input(1)));
  ASSIGN_OR_RETURN(const int channel, FusedChannelDim(ctx, x));
  int64_t channels = DimOf(x, channel);
  for (int i = 2; i < 5; ++i) {
    ASSIGN_OR_RETURN(const PartialShape vector, WithRank(ctx.input(i), 1));
    ASSIGN_OR_RETURN(channels, MergeDims(channels, vector.dim(0)));
  }
  ctx.SetOutput(0, ReplaceDim(x, channel, channels));
  ctx.SetOutput(1, PartialShape({channels}));
  ctx.SetOutput(2, PartialShape({channels}));
  ctx.SetOutput(3, PartialShape({0}));
  ctx.SetOutput(4, PartialShape({0}));
  return absl::OkStatus();
}

absl::Status GlobalNormalizationRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const bool scale,
                   ctx.Attr<bool>("scale_after_normalization"));
  ASSIGN_OR_RETURN(const PartialShape input, WithRank(ctx.input(0), 4));
  int64_t channels = input.dim(3);
  for (int i = 1; i < (scale ? 5 : 4); ++i) {
    ASSIGN_OR_RETURN(const PartialShape vector, WithRank(ctx.input(i), 1));
    ASSIGN_OR_RETURN(channels, MergeDims(channels, vector.dim(0)));
  }
  ctx.SetOutput(0, ReplaceDim(input, 3, channels));
  return absl::OkStatus();
}

// LRN and its gradient: all images are of one shape.
absl::Status LrnRule(ShapeContext& ctx) {
  PartialShape shape = UnknownDims(4);
  for (int i = 0; i < ctx.num_inputs(); ++i) {
    ASSIGN_OR_RETURN(const PartialShape input, WithRank(ctx.input(i), 4));
    ASSIGN_OR_RETURN(shape, MergeShapes(shape, input));
  }
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

// "FusedBatchNorm" has one type for all, the later ones T and U.
void DescribeFused(OpBuilder& op, const char* x, const char* stats,
                   int reserved) {
  const auto arg = [](const char* name, const char* type) {
    return absl::StrCat(name, ": ", type);
  };
  op.Shape(FusedRule);
  op.Input(arg("x", x));
  for (const char* name : {"scale", "offset", "mean", "variance"}) {
    op.Input(arg(name, stats));
  }
  op.Output(arg("y", x));
  op.Output(arg("batch_mean", stats)).Output(arg("batch_variance", stats));
  for (int i = 1; i <= reserved; ++i) {
    op.Output(arg(absl::StrCat("reserve_space_", i).c_str(), stats));
  }
  op.Attr("T: type").Attr("epsilon: float = 0.0001");
  op.Attr("data_format: string = 'NHWC'").Attr("is_training: bool = true");
}

void AddFusedKernels(OpBuilder& op) {
  op.Attr("U: type");
  op.KernelWhere<FusedBatchNorm<float>>({{"T", DT_FLOAT}, {"U", DT_FLOAT}});
  op.KernelWhere<FusedBatchNorm<half>>({{"T", DT_HALF}, {"U", DT_FLOAT}});
  op.KernelWhere<FusedBatchNorm<bfloat16>>(
      {{"T", DT_BFLOAT16}, {"U", DT_FLOAT}});
}

REGISTER_OP("FusedBatchNorm", [](OpBuilder& op) {
  DescribeFused(op, "T", "T", 2);
  op.KernelFor<FusedBatchNorm, float>("T");
});

REGISTER_OP("FusedBatchNormV2", [](OpBuilder& op) {
  DescribeFused(op, "T", "U", 2);
  AddFusedKernels(op);
});

REGISTER_OP("FusedBatchNormV3", [](OpBuilder& op) {
  DescribeFused(op, "T", "U", 3);
  AddFusedKernels(op);
});

void DescribeFusedGrad(OpBuilder& op, const char* scale, const char* stats,
                       int reserved) {
  const auto arg = [](const std::string& name, const char* type) {
    return absl::StrCat(name, ": ", type);
  };
  op.Input("y_backprop: T").Input("x: T").Input(arg("scale", scale));
  op.Shape(FusedGradRule);
  for (int i = 1; i <= reserved; ++i) {
    op.Input(arg(absl::StrCat("reserve_space_", i), stats));
  }
  op.Output("x_backprop: T").Output(arg("scale_backprop", stats));
  op.Output(arg("offset_backprop", stats));
  op.Output(arg(absl::StrCat("reserve_space_", reserved + 1), stats));
  op.Output(arg(absl::StrCat("reserve_space_", reserved + 2), stats));
  op.Attr("T: type").Attr("epsilon: float = 0.0001");
  op.Attr("data_format: string = 'NHWC'").Attr("is_training: bool = true");
}

void AddFusedGradKernels(OpBuilder& op) {
  op.Attr("U: type");
  op.KernelWhere<FusedBatchNormGrad<float>>({{"T", DT_FLOAT}, {"U", DT_FLOAT}});
  op.KernelWhere<FusedBatchNormGrad<half>>({{"T", DT_HALF}, {"U", DT_FLOAT}});
  op.KernelWhere<FusedBatchNormGrad<bfloat16>>(
      {{"T", DT_BFLOAT16}, {"U", DT_FLOAT}});
}

REGISTER_OP("FusedBatchNormGrad", [](OpBuilder& op) {
  DescribeFusedGrad(op, "T", "T", 2);
  op.KernelFor<FusedBatchNormGrad, float>("T");
});

REGISTER_OP("FusedBatchNormGradV2", [](OpBuilder& op) {
  DescribeFusedGrad(op, "float", "U", 2);
  AddFusedGradKernels(op);
});

REGISTER_OP("FusedBatchNormGradV3", [](OpBuilder& op) {
  DescribeFusedGrad(op, "float", "U", 3);
  AddFusedGradKernels(op);
});

REGISTER_OP("BatchNormWithGlobalNormalization", [](OpBuilder& op) {
  op.Input("t: T").Input("m: T").Input("v: T").Input("beta: T");
  op.Input("gamma: T").Output("result: T").Attr("T: type");
  op.Attr("variance_epsilon: float").Attr("scale_after_normalization: bool");
  op.Shape(GlobalNormalizationRule);
  op.KernelFor<BatchNormWithGlobalNormalization, float, double, half>("T");
});

REGISTER_OP("LRN", [](OpBuilder& op) {
  op.Input("input: T").Output("output: T").Attr("depth_radius: int = 5");
  op.Attr("bias: float = 1").Attr("alpha: float = 1").Attr("beta: float = 0.5");
  op.Attr("T: type = DT_FLOAT");
  op.Shape(LrnRule);
  op.KernelFor<Lrn, float, half, bfloat16>("T");
});

REGISTER_OP("LRNGrad", [](OpBuilder& op) {
  op.Input("input_grads: T").Input("input_image: T").Input("output_image: T");
  op.Output("output: T").Attr("depth_radius: int = 5");
  op.Attr("bias: float = 1").Attr("alpha: float = 1").Attr("beta: float = 0.5");
  op.Attr("T: type = DT_FLOAT");
  op.Shape(LrnRule);
  op.KernelFor<LrnGrad, float, half, bfloat16>("T");
});

}  // namespace
}  // namespace metagraph
