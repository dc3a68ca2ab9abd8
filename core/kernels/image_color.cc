// Colours of images.

#include <algorithm>

#include "core/kernels/conv.h"
#include "core/kernels/looks.h"
#include "core/kernels/rank_checks.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// red, green, blue to hue, saturation, value; all in [0, 1].
template <typename U>
void RgbToHsv(const U in[3], U out[3]) {
  const U value = std::max({in[0], in[1], in[2]});
  const U range = value - std::min({in[0], in[1], in[2]});
  U hue = 0;
  if (range > 0) {
    const U norm = U(1) / (U(6) * range);
    if (in[0] == value) {
      hue = norm * (in[1] - in[2]);
    } else if (in[1] == value) {
      hue = norm * (in[2] - in[0]) + U(2) / U(6);
    } else {
      hue = norm * (in[0] - in[1]) + U(4) / U(6);
    }
    if (hue < 0) hue += 1;
  }
  out[0] = hue;
  out[1] = value > 0 ? range / value : 0;
  out[2] = value;
}

template <typename U>
void HsvToRgb(const U in[3], U out[3]) {
  const U h = in[0] * 6, s = in[1], v = in[2];
  const auto clamp = [](U x) { return std::clamp<U>(x, 0, 1); };
  const U pure[3] = {clamp(std::abs(h - 3) - 1), clamp(2 - std::abs(h - 2)),
                     clamp(2 - std::abs(h - 4))};
  for (int i = 0; i < 3; ++i) out[i] = ((1 - s) + s * pure[i]) * v;
}

template <typename T, bool kToHsv>
class ColorSpace : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    using U = ConvCompute<T>;
    const Tensor& images = ctx.input(0);
    RETURN_IF_ERROR(RequireNotScalar(images, "input must be at least 1D"));
    const int64_t channels = images.dim(images.rank() - 1);
    if (channels != 3) {
      return FailedPrecondition(
          "input must have 3 channels but input only "
          "has ",
          channels, " channels.");
    }
    ASSIGN_OR_RETURN(Tensor * output,
                     ctx.ForwardOrAllocateOutput({0}, 0, images.shape()));
    const T* in = images.data<T>();
    T* to = output->mutable_data<T>();
    return ctx.ParallelFor(
        images.num_elements() / 3, 10, [=](int64_t begin, int64_t end) {
          for (int64_t p = 3 * begin; p < 3 * end; p += 3) {
            const U from[3] = {U(in[p]), U(in[p + 1]), U(in[p + 2])};
            U result[3];
            if constexpr (kToHsv) {
              RgbToHsv(from, result);
            } else {
              HsvToRgb(from, result);
            }
            for (int i = 0; i < 3; ++i) to[p + i] = T(result[i]);
          }
        });
  }
};

template <typename T>
class RgbToHsvOp final : public ColorSpace<T, true> {};
template <typename T>
class HsvToRgbOp final : public ColorSpace<T, false> {};

// Each channel of each image moves away from, or to, its mean.
template <typename T>
class AdjustContrastV2 final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& images = ctx.input(0);
    const Tensor& contrast = ctx.input(1);
    const int rank = images.rank();
    if (rank < 3) {
      return InvalidArgument("input must be at least 3-D, got shape",
                             images.shape().ToString());
    }
    RETURN_IF_ERROR(
        RequireScalar(contrast, "contrast_factor must be scalar: "));
    const float factor = contrast.scalar<float>();
    ASSIGN_OR_RETURN(Tensor * output,
                     ctx.ForwardOrAllocateOutput({0}, 0, images.shape()));
    if (output->num_elements() == 0) return absl::OkStatus();
    const int64_t channels = images.dim(rank - 1);
    const int64_t pixels = images.dim(rank - 2) * images.dim(rank - 3);
    const int64_t image = pixels * channels;
    const T* in = images.data<T>();
    T* to = output->mutable_data<T>();
    RETURN_IF_ERROR(ctx.ParallelFor(
        images.num_elements() / image, 2 * image,
        [&](int64_t begin, int64_t end) {
          BlockLooks looks(ctx);
          Scratch<double> mean(channels);
          for (int64_t n = begin; n < end; ++n) {
            std::fill(mean.begin(), mean.end(), 0.0);
            const T* from = in + n * image;
            for (int64_t i = 0; i < image; i += channels) {
              if (!looks.GoOn(channels)) return;
              for (int64_t c = 0; c < channels; ++c) {
                mean[c] += static_cast<float>(from[i + c]);
              }
            }
            for (double& m : mean) m /= static_cast<double>(pixels);
            for (int64_t i = 0; i < image; i += channels) {
              if (!looks.GoOn(channels)) return;
              for (int64_t c = 0; c < channels; ++c) {
                const float m = static_cast<float>(mean[c]);
                to[n * image + i + c] =
                    T((static_cast<float>(from[i + c]) - m) * factor + m);
              }
            }
          }
        }));
    return ctx.CheckCancelled();
  }
};

REGISTER_OP("RGBToHSV", [](OpBuilder& op) {
  op.Input("images: T").Output("output: T").Attr("T: type = DT_FLOAT");
  op.Shape(UnchangedRule);
  op.KernelForEach<RgbToHsvOp, FloatTypes>("T");
});

REGISTER_OP("HSVToRGB", [](OpBuilder& op) {
  op.Input("images: T").Output("output: T").Attr("T: type = DT_FLOAT");
  op.Shape(UnchangedRule);
  op.KernelForEach<HsvToRgbOp, FloatTypes>("T");
});

REGISTER_OP("AdjustContrastv2", [](OpBuilder& op) {
  op.Input("images: T").Input("contrast_factor: float").Output("output: T");
  op.Attr("T: type = DT_FLOAT");
  op.Shape(UnchangedRule);
  op.KernelFor<AdjustContrastV2, float, half>("T");
});

}  // namespace
}  // namespace metagraph
