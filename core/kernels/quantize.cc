// Floats to quantised integers and back, and floats as they would come back.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

#include "core/kernels/optional_attrs.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

enum class Mode { kMinCombined, kMinFirst, kScaled };

absl::StatusOr<Mode> ParseMode(KernelConstruction& construction) {
  ASSIGN_OR_RETURN(auto mode, construction.Attr<std::string>("mode"));
  // Scales per slice came with later versions.
  int64_t axis = -1;
  RETURN_IF_ERROR(BindOptional(construction, "axis", &axis));
  if (axis != -1) {
    return Unimplemented("quantisation along axis ", axis, " is not supported");
  }
  if (mode == "MIN_COMBINED") return Mode::kMinCombined;
  if (mode == "MIN_FIRST") return Mode::kMinFirst;
  if (mode == "SCALED") return Mode::kScaled;
  return InvalidArgument(
      "Mode string must be 'MIN_COMBINED', 'MIN_FIRST', or "
      "'SCALED', is '",
      mode, "'");
}

// The integer inside a quantised type, and its limits as floats.
template <typename Q>
struct Limits {
  using Int = decltype(Q::value);
  static constexpr double kLowest = std::numeric_limits<Int>::lowest();
  static constexpr double kHighest = std::numeric_limits<Int>::max();
  static constexpr double kSteps = kHighest - kLowest + 1;
};

// What an x86 machine makes of a float that may be too large for the integer.
template <typename Int>
Int Truncate(float value) {
  if (!(value >= -2147483648.0f && value < 2147483648.0f)) {
    return static_cast<Int>(std::numeric_limits<int32_t>::min());
  }
  return static_cast<Int>(static_cast<int32_t>(value));
}

absl::StatusOr<float> OneFloat(const Tensor& tensor, absl::string_view name) {
  if (tensor.num_elements() != 1) {
    return InvalidArgument("`", name, "` must be a scalar, not ",
                           tensor.shape().ToString());
  }
  return tensor.scalar<float>();
}

template <typename Q>
class QuantizeV2 final : public Kernel {
  using L = Limits<Q>;

 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(mode_, ParseMode(construction));
    ASSIGN_OR_RETURN(auto round, construction.Attr<std::string>("round_mode"));
    if (round != "HALF_AWAY_FROM_ZERO" && round != "HALF_TO_EVEN") {
      return InvalidArgument(
          "Round mode string must be 'HALF_AWAY_FROM_ZERO' "
          "or 'HALF_TO_EVEN', is '",
          round, "'");
    }
    to_even_ = round == "HALF_TO_EVEN";
    if (to_even_ && mode_ != Mode::kScaled) {
      return InvalidArgument(
          "Round mode 'HALF_TO_EVEN' only supported for "
          "mode 'SCALED'");
    }
    return BindOptional(construction, "ensure_minimum_range", &minimum_range_,
                        "narrow_range", &narrow_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(const float given_min,
                     OneFloat(ctx.input(1), "min_range"));
    ASSIGN_OR_RETURN(const float given_max,
                     OneFloat(ctx.input(2), "max_range"));
    if (!(given_min <= given_max)) {
      return InvalidArgument(
          "input_max_range must be larger than input_min_range.");
    }
    // Zero must be a value, and the range not too small.
    const float least =
        std::max(1.0f, std::max(std::abs(given_min), std::abs(given_max))) *
        minimum_range_;
    float min_range = std::min(0.0f, given_min);
    float max_range = std::max(0.0f, std::max(given_max, min_range + least));
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, input.shape()));
    const float* in = input.data<float>();
    auto* to = reinterpret_cast<typename L::Int*>(out->mutable_data<Q>());
    const int64_t count = input.num_elements();
    switch (mode_) {
      case Mode::kMinCombined: {
        const float scale = static_cast<float>((L::kHighest - L::kLowest) /
                                               (max_range - min_range));
        const float half_range =
            L::kLowest < 0 ? static_cast<float>(L::kSteps / 2) : 0.0f;
        for (int64_t i = 0; i < count; ++i) {
          const float x = std::clamp(in[i], min_range, max_range);
          to[i] = Truncate<typename L::Int>(
              std::round((x - min_range) * scale - half_range));
        }
        break;
      }
      case Mode::kMinFirst: {
        const double adjust = L::kSteps / (L::kSteps - 1);
        const float scale = static_cast<float>(
            L::kSteps / ((double(max_range) - min_range) * adjust));
        const float zero =
            std::round(min_range * scale) - static_cast<float>(L::kLowest);
        // The largest float that is not above the limit.
        const float lowest = static_cast<float>(L::kLowest);
        float highest = static_cast<float>(L::kHighest);
        if (highest > L::kHighest) highest = std::nextafter(highest, 0.0f);
        for (int64_t i = 0; i < count; ++i) {
          to[i] = Truncate<typename L::Int>(
              std::clamp(std::round(in[i] * scale) - zero, lowest, highest));
        }
        break;
      }
      case Mode::kScaled: {
        const float lowest =
            static_cast<float>(L::kLowest) + (narrow_ ? 1.0f : 0.0f);
        const float highest = static_cast<float>(L::kHighest);
        constexpr float kNone = std::numeric_limits<float>::max();
        const float scale =
            std::min(lowest * min_range > 0 ? lowest / min_range : kNone,
                     highest * max_range > 0 ? highest / max_range : kNone);
        min_range = lowest / scale;
        max_range = highest / scale;
        for (int64_t i = 0; i < count; ++i) {
          const float x = std::clamp(in[i], min_range, max_range) * scale;
          to[i] = Truncate<typename L::Int>(to_even_ ? std::nearbyint(x)
                                                     : std::round(x));
        }
        break;
      }
    }
    ctx.SetOutput(1, Tensor::Scalar(min_range));
    ctx.SetOutput(2, Tensor::Scalar(max_range));
    return absl::OkStatus();
  }

 private:
  Mode mode_ = Mode::kMinCombined;
  bool to_even_ = false;
  bool narrow_ = false;
  float minimum_range_ = 0.01f;
};

template <typename Q>
class Dequantize final : public Kernel {
  using L = Limits<Q>;

 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(mode_, ParseMode(construction));
    RETURN_IF_ERROR(BindOptional(construction, "narrow_range", &narrow_));
    const DataType dtype = construction.output_type(0);
    if (dtype != DT_FLOAT && dtype != DT_BFLOAT16) {
      return InvalidArgument("Output type must be bfloat16 or float, is '",
                             DataTypeName(dtype), "'");
    }
    // Some builds of TensorFlow know bytes with a scale, none the others.
    const bool is_scaled_byte = mode_ == Mode::kScaled && sizeof(Q) == 1;
    if (dtype == DT_BFLOAT16 && mode_ != Mode::kMinCombined &&
        !is_scaled_byte) {
      return InvalidArgument(
          "When output type is bfloat16, Mode string must be 'MIN_COMBINED', "
          "is '",
          mode_ == Mode::kScaled ? "SCALED" : "MIN_FIRST", "'");
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(const float min_range,
                     OneFloat(ctx.input(1), "min_range"));
    ASSIGN_OR_RETURN(const float max_range,
                     OneFloat(ctx.input(2), "max_range"));
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, input.shape()));
    float shift = 0;  // of the integer, before the scale
    float scale = 1;
    float offset = 0;
    switch (mode_) {
      case Mode::kMinCombined:
        shift = L::kLowest < 0 ? static_cast<float>(L::kSteps / 2) : 0.0f;
        scale = (max_range - min_range) /
                static_cast<float>(L::kHighest - L::kLowest);
        offset = min_range;
        break;
      case Mode::kMinFirst: {
        scale = static_cast<float>((max_range - min_range) / (L::kSteps - 1));
        offset = max_range == min_range ? min_range
                                        : std::round(min_range / scale) * scale;
        // Rounded once for all, as TensorFlow does.
        offset -= static_cast<float>(L::kLowest) * scale;
        break;
      }
      case Mode::kScaled: {
        const float lowest =
            static_cast<float>(L::kLowest) + (narrow_ ? 1.0f : 0.0f);
        const float highest = static_cast<float>(L::kHighest);
        scale = L::kLowest < 0
                    ? std::max(min_range / lowest, max_range / highest)
                    : max_range / highest;
        break;
      }
    }
    const Q* in = input.data<Q>();
    const auto fill = [&](auto* to) {
      return ctx.ParallelFor(
          input.num_elements(), 1, [=](int64_t begin, int64_t end) {
            for (int64_t i = begin; i < end; ++i) {
              to[i] = static_cast<std::remove_pointer_t<decltype(to)>>(
                  (static_cast<float>(in[i].value) + shift) * scale + offset);
            }
          });
    };
    return out->dtype() == DT_FLOAT ? fill(out->mutable_data<float>())
                                    : fill(out->mutable_data<bfloat16>());
  }

 private:
  Mode mode_ = Mode::kMinCombined;
  bool narrow_ = false;
};

// The range of a fake quantisation, moved so that zero is one of its values.
struct FakeRange {
  float min = 0, max = 0, scale = 0, inverse = 0, steps_to_zero = 0;
  bool is_zero = false;
  bool divides = false;

  // TensorFlow's op with scalar inputs divides by the rounded scale, the others
  // multiply by the rounded inverse: it decides which way halves go.
  FakeRange(float min_value, float max_value, int bits, bool narrow,
            bool divides_by_scale)
      : divides(divides_by_scale) {
    is_zero = min_value == 0 && max_value == 0;
    if (is_zero) return;  // and so is everything; another empty range is NaN
    const float lowest = narrow ? 1 : 0;
    const float highest = static_cast<float>((1 << bits) - 1);
    scale = (max_value - min_value) / (highest - lowest);
    const float from_min = lowest - min_value / scale;
    const float zero = from_min < lowest    ? lowest
                       : from_min > highest ? highest
                                            : std::round(from_min);
    min = (lowest - zero) * scale;
    max = (highest - zero) * scale;
    inverse = (highest - lowest) / (max_value - min_value);
    steps_to_zero = zero - lowest;
  }

  float Apply(float x) const {
    if (is_zero) return 0;
    const float inside = std::max(std::min(x, max), min);
    // In TensorFlow's order: it decides which way halves go.
    const float from_min = inside - min;
    const float steps = divides ? from_min / scale : from_min * inverse;
    return std::floor(steps - steps_to_zero + 0.5f) * scale;
  }
};

// kVars: the range comes as inputs, per channel if they are vectors.
enum class RangeFrom { kAttributes, kScalars, kVectors };

template <RangeFrom kFrom>
class FakeQuant final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(
        construction.Bind("num_bits", &bits_, "narrow_range", &narrow_));
    if (bits_ < 2 || bits_ > 16) {
      return InvalidArgument("num_bits must be between 2 and 16, inclusive");
    }
    if (kFrom == RangeFrom::kAttributes) {
      RETURN_IF_ERROR(construction.Bind("min", &min_, "max", &max_));
      if (!(min_ < max_)) {
        return InvalidArgument("min has to be smaller than max, was: ", min_,
                               " >= ", max_);
      }
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    float min = min_, max = max_;
    const int64_t depth = input.rank() == 0 ? 1 : input.dim(input.rank() - 1);
    if (kFrom == RangeFrom::kVectors && input.rank() < 1) {
      return InvalidArgument("input must be at least 1-D");
    }
    if (kFrom != RangeFrom::kAttributes) {
      for (int i = 1; i < 3; ++i) {
        const TensorShape& shape = ctx.input(i).shape();
        if (kFrom == RangeFrom::kScalars
                ? !shape.IsScalar()
                : !shape.IsVector() || shape.dim(0) != depth) {
          return InvalidArgument(
              i == 1 ? "`min`" : "`max`",
              kFrom == RangeFrom::kScalars
                  ? " must be rank 0 but is "
                  : " must have one element per channel but is ",
              shape.ToString());
        }
      }
      if (kFrom == RangeFrom::kScalars) {
        min = ctx.input(1).scalar<float>();
        max = ctx.input(2).scalar<float>();
      }
    }
    ASSIGN_OR_RETURN(Tensor * output,
                     ctx.ForwardOrAllocateOutput({0}, 0, input.shape()));
    const float* in = input.data<float>();
    float* out = output->mutable_data<float>();
    if (kFrom == RangeFrom::kVectors) {
      for (int64_t c = 0; c < depth; ++c) {
        const FakeRange range(ctx.input(1).data<float>()[c],
                              ctx.input(2).data<float>()[c], bits_, narrow_,
                              /*divides_by_scale=*/false);
        for (int64_t i = c; i < input.num_elements(); i += depth) {
          out[i] = range.Apply(in[i]);
        }
      }
      return absl::OkStatus();
    }
    const FakeRange range(min, max, bits_, narrow_,
                          kFrom == RangeFrom::kScalars);
    return ctx.ParallelFor(input.num_elements(), 1,
                           [&](int64_t begin, int64_t end) {
                             for (int64_t i = begin; i < end; ++i) {
                               out[i] = range.Apply(in[i]);
                             }
                           });
  }

 private:
  int32_t bits_ = 8;
  bool narrow_ = false;
  float min_ = 0, max_ = 0;
};

absl::Status QuantizeRule(ShapeContext& ctx) {
  ctx.SetOutput(0, ctx.input(0));
  ctx.SetOutput(1, PartialShape({}));
  ctx.SetOutput(2, PartialShape({}));
  return absl::OkStatus();
}

REGISTER_OP("QuantizeV2", [](OpBuilder& op) {
  op.Input("input: float").Input("min_range: float").Input("max_range: float");
  op.Output("output: T").Output("output_min: float");
  op.Output("output_max: float").Attr("T: type");
  op.Attr("mode: string = 'MIN_COMBINED'");
  op.Attr("round_mode: string = 'HALF_AWAY_FROM_ZERO'");
  op.Shape(QuantizeRule);
  op.KernelForEach<QuantizeV2, QuantizedTypes>("T");
});

REGISTER_OP("Dequantize", [](OpBuilder& op) {
  op.Input("input: T").Input("min_range: float").Input("max_range: float");
  op.Output("output: dtype").Attr("T: type").Attr("dtype: type = DT_FLOAT");
  op.Attr("mode: string = 'MIN_COMBINED'");
  op.Shape(UnchangedRule);
  op.KernelForEach<Dequantize, QuantizedTypes>("T");
});

REGISTER_OP("FakeQuantWithMinMaxArgs", [](OpBuilder& op) {
  op.Input("inputs: float").Output("outputs: float");
  op.Attr("min: float = -6").Attr("max: float = 6");
  op.Attr("num_bits: int = 8").Attr("narrow_range: bool = false");
  op.Shape(UnchangedRule);
  op.Kernel<FakeQuant<RangeFrom::kAttributes>>();
});

REGISTER_OP("FakeQuantWithMinMaxVars", [](OpBuilder& op) {
  op.Input("inputs: float").Input("min: float").Input("max: float");
  op.Output("outputs: float");
  op.Attr("num_bits: int = 8").Attr("narrow_range: bool = false");
  op.Shape(UnchangedRule);
  op.Kernel<FakeQuant<RangeFrom::kScalars>>();
});

REGISTER_OP("FakeQuantWithMinMaxVarsPerChannel", [](OpBuilder& op) {
  op.Input("inputs: float").Input("min: float").Input("max: float");
  op.Output("outputs: float");
  op.Attr("num_bits: int = 8").Attr("narrow_range: bool = false");
  op.Shape(UnchangedRule);
  op.Kernel<FakeQuant<RangeFrom::kVectors>>();
});

}  // namespace
}  // namespace metagraph
