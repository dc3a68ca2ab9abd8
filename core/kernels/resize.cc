// Images made larger and smaller.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/kernels/kernel_types.h"
#include "core/kernels/optional_attrs.h"
#include "core/kernels/rank_checks.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// Input and output sizes of one resize, and how coordinates map.
struct ResizeShape {
  int64_t batch, channels;
  int64_t in_height, in_width;
  int64_t out_height, out_width;
  float y_scale, x_scale;
};

class ResizeBase : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(align_corners_, construction.Attr<bool>("align_corners"));
    RETURN_IF_ERROR(
        BindOptional(construction, "half_pixel_centers", &half_pixel_));
    if (half_pixel_ && align_corners_) {
      return InvalidArgument(
          "If half_pixel_centers is True, align_corners must be False.");
    }
    return absl::OkStatus();
  }

 protected:
  float Scale(int64_t in, int64_t out) const {
    return align_corners_ && out > 1 ? (in - 1) / static_cast<float>(out - 1)
                                     : in / static_cast<float>(out);
  }

  // Checks the inputs and allocates the output.
  absl::StatusOr<ResizeShape> Prepare(KernelContext& ctx, Tensor** out) const {
    const Tensor& images = ctx.input(0);
    const Tensor& size = ctx.input(1);
    RETURN_IF_ERROR(RequireRank(images, 4, "input must be 4-dimensional"));
    RETURN_IF_ERROR(RequireVector(size, "shape_t must be 1-dimensional"));
    if (size.num_elements() != 2) {
      return InvalidArgument("shape_t must have two elements",
                             size.shape().ToString());
    }
    ResizeShape s;
    s.batch = images.dim(0);
    s.in_height = images.dim(1);
    s.in_width = images.dim(2);
    s.channels = images.dim(3);
    s.out_height = size.data<int32_t>()[0];
    s.out_width = size.data<int32_t>()[1];
    if (s.out_height <= 0 || s.out_width <= 0) {
      return InvalidArgument("output dimensions must be positive");
    }
    constexpr int64_t kLimit = std::numeric_limits<int32_t>::max();
    if (s.in_height > kLimit || s.in_width > kLimit) {
      return InvalidArgument("input sizes must be between 0 and max int32");
    }
    if (s.in_height == 0 || s.in_width == 0 || s.channels == 0) {
      return InvalidArgument("input image must be of non-zero size");
    }
    s.y_scale = Scale(s.in_height, s.out_height);
    s.x_scale = Scale(s.in_width, s.out_width);
    ASSIGN_OR_RETURN(
        TensorShape shape,
        TensorShape::Build({{s.batch, s.out_height, s.out_width, s.channels}}));
    ASSIGN_OR_RETURN(*out, ctx.AllocateOutput(0, shape));
    return s;
  }

  // Where the middle of output `i` lies in the input.
  float Source(int64_t i, float scale) const {
    return half_pixel_ ? (static_cast<float>(i) + 0.5f) * scale - 0.5f
                       : static_cast<float>(i) * scale;
  }

  // at(x) for each column of the output, which all lines read.
  template <typename At>
  static auto OfColumns(const KernelContext& ctx, const ResizeShape& s, At at)
      -> absl::StatusOr<Scratch<decltype(at(0))>> {
    Scratch<decltype(at(0))> out(s.out_width);
    RETURN_IF_ERROR(
        ctx.ParallelFor(s.out_width, 20, [&](int64_t begin, int64_t end) {
          for (int64_t x = begin; x < end; ++x) out[x] = at(x);
        }));
    return out;
  }

  bool align_corners_ = false;
  bool half_pixel_ = false;
};

template <typename T>
class ResizeBilinear final : public ResizeBase {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    Tensor* out;
    ASSIGN_OR_RETURN(const ResizeShape s, Prepare(ctx, &out));
    if (out->num_elements() == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(const Scratch<Sample> xs,
                     OfColumns(ctx, s, [&](int64_t x) {
                       return SampleAt(x, s.in_width, s.x_scale);
                     }));
    const T* in = ctx.input(0).data<T>();
    float* to = out->mutable_data<float>();
    const int64_t c_count = s.channels;
    if (s.in_height == s.out_height && s.in_width == s.out_width) {
      // As they are: between equal infinities there is no number.
      return ctx.ParallelFor((*out).num_elements(), 1,
                             [&](int64_t begin, int64_t end) {
                               for (int64_t i = begin; i < end; ++i) {
                                 to[i] = static_cast<float>(in[i]);
                               }
                             });
    }
    return ctx.ParallelFor(
        s.batch * s.out_height, 3 * s.out_width * c_count,
        [&](int64_t begin, int64_t end) {
          for (int64_t line = begin; line < end; ++line) {
            const Sample y =
                SampleAt(line % s.out_height, s.in_height, s.y_scale);
            const T* image =
                in + line / s.out_height * s.in_height * s.in_width * c_count;
            const T* top = image + y.lower * s.in_width * c_count;
            const T* bottom = image + y.upper * s.in_width * c_count;
            float* row = to + line * s.out_width * c_count;
            for (int64_t x = 0; x < s.out_width; ++x, row += c_count) {
              const int64_t l = xs[x].lower * c_count;
              const int64_t u = xs[x].upper * c_count;
              const float across = xs[x].fraction;
              for (int64_t c = 0; c < c_count; ++c) {
                const float tl = static_cast<float>(top[l + c]);
                const float tr = static_cast<float>(top[u + c]);
                const float bl = static_cast<float>(bottom[l + c]);
                const float br = static_cast<float>(bottom[u + c]);
                const float t = tl + (tr - tl) * across;
                const float b = bl + (br - bl) * across;
                row[c] = t + (b - t) * y.fraction;
              }
            }
          }
        });
  }

 private:
  struct Sample {
    int64_t lower, upper;
    float fraction;
  };

  Sample SampleAt(int64_t i, int64_t in, float scale) const {
    const float at = Source(i, scale);
    const float floor = std::floor(at);
    return {std::clamp<int64_t>(floor, 0, in - 1),
            std::clamp<int64_t>(std::ceil(at), 0, in - 1), at - floor};
  }
};

// Only moves elements, so for their size.
template <typename Element>
class MoveNearest final : public ResizeBase {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    Tensor* out;
    ASSIGN_OR_RETURN(const ResizeShape s, Prepare(ctx, &out));
    if (out->num_elements() == 0) return absl::OkStatus();
    const auto source = [&](int64_t i, int64_t size, float scale) {
      const float at = half_pixel_ ? (static_cast<float>(i) + 0.5f) * scale
                                   : static_cast<float>(i) * scale;
      return std::clamp<int64_t>(
          align_corners_ ? std::round(at) : std::floor(at), 0, size - 1);
    };
    ASSIGN_OR_RETURN(const Scratch<int64_t> xs,
                     OfColumns(ctx, s, [&](int64_t x) {
                       return source(x, s.in_width, s.x_scale);
                     }));
    const Element* in = static_cast<const Element*>(ctx.input(0).raw_data());
    Element* to = static_cast<Element*>(out->mutable_raw_data());
    return ctx.ParallelFor(
        s.batch * s.out_height, 5 + s.out_width * (2 + s.channels / 4),
        [&](int64_t begin, int64_t end) {
          for (int64_t line = begin; line < end; ++line) {
            const int64_t y =
                source(line % s.out_height, s.in_height, s.y_scale);
            const Element* from = in + (line / s.out_height * s.in_height + y) *
                                           s.in_width * s.channels;
            Element* row = to + line * s.out_width * s.channels;
            for (int64_t x = 0; x < s.out_width; ++x) {
              row = std::copy_n(from + xs[x] * s.channels, s.channels, row);
            }
          }
        });
  }
};
template <typename T>
using ResizeNearestNeighbor = MoveNearest<MovedAs<T>>;

template <typename T>
class ResizeBicubic final : public ResizeBase {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    Tensor* out;
    ASSIGN_OR_RETURN(const ResizeShape s, Prepare(ctx, &out));
    if (out->num_elements() == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(const Scratch<Sample> xs,
                     OfColumns(ctx, s, [&](int64_t x) {
                       return SampleAt(x, s.in_width, s.x_scale);
                     }));
    const T* in = ctx.input(0).data<T>();
    float* to = out->mutable_data<float>();
    return ctx.ParallelFor(
        s.batch * s.out_height, 20 * s.out_width * s.channels,
        [&](int64_t begin, int64_t end) {
          for (int64_t line = begin; line < end; ++line) {
            const Sample y =
                SampleAt(line % s.out_height, s.in_height, s.y_scale);
            const T* image = in + line / s.out_height * s.in_height *
                                      s.in_width * s.channels;
            float* row = to + line * s.out_width * s.channels;
            for (const Sample& x : xs) {
              for (int64_t c = 0; c < s.channels; ++c) {
                // Down the columns first: TensorFlow's order of rounding.
                float value = 0;
                for (int j = 0; j < 4; ++j) {
                  const T* from = image + x.index[j] * s.channels + c;
                  float down = 0;
                  for (int i = 0; i < 4; ++i) {
                    down += static_cast<float>(
                                from[y.index[i] * s.in_width * s.channels]) *
                            y.weight[i];
                  }
                  value += down * x.weight[j];
                }
                *row++ = value;
              }
            }
          }
        });
  }

 private:
  struct Sample {
    std::array<int64_t, 4> index;
    std::array<float, 4> weight;
  };

  // The cubic's weights at distances 1 + f, f, 1 - f, 2 - f, where f is
  // rounded to a 1024th, as TensorFlow's table has it.
  Sample SampleAt(int64_t i, int64_t in, float scale) const {
    // Legacy coordinates came with Keys' other constant.
    const double a = half_pixel_ ? -0.5 : -0.75;
    const auto near = [a](double x) {
      return static_cast<float>(((a + 2) * x - (a + 3)) * x * x + 1);
    };
    const auto far = [a](double x) {
      return static_cast<float>(((a * x - 5 * a) * x + 8 * a) * x - 4 * a);
    };
    Sample sample;
    const float at = Source(i, scale);
    const int64_t floor = static_cast<int64_t>(std::floor(at));
    const double f =
        std::nearbyint((at - static_cast<float>(floor)) * 1024.0f) / 1024;
    sample.weight = {far(1 + f), near(f), near(1 - f), far(2 - f)};
    float sum = 0;
    for (int k = 0; k < 4; ++k) {
      const int64_t wanted = floor - 1 + k;
      sample.index[k] = std::clamp<int64_t>(wanted, 0, in - 1);
      // Half-pixel centres: nothing counts twice at the border.
      if (half_pixel_ && sample.index[k] != wanted) sample.weight[k] = 0;
      sum += sample.weight[k];
    }
    if (half_pixel_ &&
        std::abs(sum) >= 1000 * std::numeric_limits<float>::min()) {
      // By the reciprocal, as TensorFlow rounds.
      const float inverse = 1.0f / sum;
      for (float& weight : sample.weight) weight *= inverse;
    }
    return sample;
  }
};

// Each output pixel is the mean of the area it covers.
template <typename T>
class ResizeArea final : public ResizeBase {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    Tensor* out;
    ASSIGN_OR_RETURN(ResizeShape s, Prepare(ctx, &out));
    if (out->num_elements() == 0) return absl::OkStatus();
    // One pixel with aligned corners: a scale of 0 would cover nothing.
    if (s.y_scale == 0) s.y_scale = 1.0f / static_cast<float>(s.out_height);
    if (s.x_scale == 0) s.x_scale = 1.0f / static_cast<float>(s.out_width);
    ASSIGN_OR_RETURN(const Scratch<Cover> xs, OfColumns(ctx, s, [&](int64_t x) {
                       return CoverAt(x, s.x_scale);
                     }));
    const float scale = 1.0f / (s.y_scale * s.x_scale);
    const T* in = ctx.input(0).data<T>();
    float* to = out->mutable_data<float>();
    const double area = double(s.y_scale + 1) * (s.x_scale + 1);
    return ctx.ParallelFor(
        s.batch * s.out_height,
        static_cast<int64_t>(
            std::min(1e9, 2 * area * double(s.out_width) * s.channels)),
        [&](int64_t begin, int64_t end) {
          for (int64_t line = begin; line < end; ++line) {
            const Cover y = CoverAt(line % s.out_height, s.y_scale);
            const T* image = in + line / s.out_height * s.in_height *
                                      s.in_width * s.channels;
            float* row = to + line * s.out_width * s.channels;
            for (const Cover& x : xs) {
              for (int64_t c = 0; c < s.channels; ++c) {
                float sum = 0;
                for (int64_t i = y.begin; i < y.end; ++i) {
                  const T* from =
                      image + Bound(i, s.in_height) * s.in_width * s.channels +
                      c;
                  float across = 0;
                  for (int64_t j = x.begin; j < x.end; ++j) {
                    across += static_cast<float>(
                                  from[Bound(j, s.in_width) * s.channels]) *
                              x.Weight(j);
                  }
                  sum += across * y.Weight(i);
                }
                *row++ = sum * scale;
              }
            }
          }
        });
  }

 private:
  // Pixels [begin, end) are touched by the interval [from, to).
  struct Cover {
    float from, to;
    float length;  // to - from before rounding
    int64_t begin, end;

    float Weight(int64_t i) const {
      const float left = static_cast<float>(i);
      const float right = static_cast<float>(i + 1);
      if (left < from) return right > to ? length : right - from;
      return right > to ? to - left : 1.0f;
    }
  };

  static int64_t Bound(int64_t i, int64_t size) {
    return std::clamp<int64_t>(i, 0, size - 1);
  }
  static Cover CoverAt(int64_t i, float scale) {
    Cover cover;
    cover.from = static_cast<float>(i) * scale;
    cover.to = static_cast<float>(i + 1) * scale;
    cover.length = scale;
    cover.begin = static_cast<int64_t>(std::floor(cover.from));
    cover.end = static_cast<int64_t>(std::ceil(cover.to));
    return cover;
  }
};

// The pieces of images inside boxes, each resized to the same size.
template <typename T>
class CropAndResize final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(std::string method,
                     construction.Attr<std::string>("method"));
    if (method != "bilinear" && method != "nearest") {
      return InvalidArgument("method must be 'bilinear' or 'nearest', not ",
                             method);
    }
    nearest_ = method == "nearest";
    return construction.Bind("extrapolation_value", &extrapolation_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& image = ctx.input(0);
    const Tensor& boxes = ctx.input(1);
    const Tensor& indices = ctx.input(2);
    const Tensor& crop_size = ctx.input(3);
    RETURN_IF_ERROR(RequireRank(image, 4, "input image must be 4-D"));
    const int64_t height = image.dim(1), width = image.dim(2);
    const int64_t depth = image.dim(3);
    if (height == 0 || width == 0) {
      return InvalidArgument("image dimensions must be positive");
    }
    const bool no_boxes =
        boxes.num_elements() == 0 && indices.num_elements() == 0;
    if (!no_boxes && (boxes.rank() != 2 || boxes.dim(1) != 4)) {
      return InvalidArgument("boxes must be 2-D with 4 columns, not ",
                             boxes.shape().ToString());
    }
    const int64_t num_boxes = no_boxes ? 0 : boxes.dim(0);
    if (indices.rank() != 1 || indices.dim(0) != num_boxes) {
      return InvalidArgument("box_index has incompatible shape ",
                             indices.shape().ToString());
    }
    if (crop_size.rank() != 1 || crop_size.dim(0) != 2) {
      return InvalidArgument("crop_size must have two elements, not ",
                             crop_size.shape().ToString());
    }
    const int64_t crop_height = crop_size.data<int32_t>()[0];
    const int64_t crop_width = crop_size.data<int32_t>()[1];
    if (crop_height <= 0 || crop_width <= 0) {
      return InvalidArgument("crop dimensions must be positive");
    }
    const int32_t* index = indices.data<int32_t>();
    for (int64_t b = 0; b < num_boxes; ++b) {
      if (index[b] < 0 || index[b] >= image.dim(0)) {
        return OutOfRange("box_index has values outside [0, batch_size)");
      }
    }
    ASSIGN_OR_RETURN(
        TensorShape shape,
        TensorShape::Build({{num_boxes, crop_height, crop_width, depth}}));
    ASSIGN_OR_RETURN(Tensor * crops, ctx.AllocateOutput(0, shape));
    if (crops->num_elements() == 0) return absl::OkStatus();
    const T* in = image.data<T>();
    const float* box = boxes.data<float>();
    float* out = crops->mutable_data<float>();
    return ctx.ParallelFor(
        num_boxes * crop_height, 5 * crop_width * depth,
        [&](int64_t begin, int64_t end) {
          for (int64_t line = begin; line < end; ++line) {
            const int64_t b = line / crop_height;
            const int64_t y = line % crop_height;
            const float y1 = box[b * 4], x1 = box[b * 4 + 1];
            const float y2 = box[b * 4 + 2], x2 = box[b * 4 + 3];
            const float in_y = Source(y, crop_height, y1, y2, height);
            const T* source = in + index[b] * height * width * depth;
            float* to = out + line * crop_width * depth;
            for (int64_t x = 0; x < crop_width; ++x, to += depth) {
              const float in_x = Source(x, crop_width, x1, x2, width);
              // Written so that NaN is outside.
              const bool inside = in_y >= 0 && in_y <= height - 1 &&
                                  in_x >= 0 && in_x <= width - 1;
              if (!inside) {
                std::fill_n(to, depth, extrapolation_);
              } else if (nearest_) {
                const T* from =
                    source +
                    (std::lround(in_y) * width + std::lround(in_x)) * depth;
                for (int64_t c = 0; c < depth; ++c) {
                  to[c] = static_cast<float>(from[c]);
                }
              } else {
                const int64_t top = static_cast<int64_t>(std::floor(in_y));
                const int64_t bottom = static_cast<int64_t>(std::ceil(in_y));
                const int64_t left = static_cast<int64_t>(std::floor(in_x));
                const int64_t right = static_cast<int64_t>(std::ceil(in_x));
                const float fy = in_y - top, fx = in_x - left;
                const T* tl = source + (top * width + left) * depth;
                const T* tr = source + (top * width + right) * depth;
                const T* bl = source + (bottom * width + left) * depth;
                const T* br = source + (bottom * width + right) * depth;
                for (int64_t c = 0; c < depth; ++c) {
                  const float a = static_cast<float>(tl[c]);
                  const float d = static_cast<float>(bl[c]);
                  const float t = a + (static_cast<float>(tr[c]) - a) * fx;
                  const float u = d + (static_cast<float>(br[c]) - d) * fx;
                  to[c] = t + (u - t) * fy;
                }
              }
            }
          }
        });
  }

 private:
  static float Source(int64_t i, int64_t crop, float from, float to,
                      int64_t size) {
    if (crop == 1) return 0.5f * (from + to) * (size - 1);
    const float scale = (to - from) * (size - 1) / (crop - 1);
    return from * (size - 1) + i * scale;
  }

  bool nearest_ = false;
  float extrapolation_ = 0;
};

absl::Status ResizeRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape images, WithRank(ctx.input(0), 4));
  ASSIGN_OR_RETURN(PartialShape size, ctx.InputAsShape(1));
  ASSIGN_OR_RETURN(size, WithRank(size, 2));
  ctx.SetOutput(0, PartialShape({images.dim(0), size.dim(0), size.dim(1),
                                 images.dim(3)}));
  return absl::OkStatus();
}

absl::Status CropRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape image, WithRank(ctx.input(0), 4));
  ASSIGN_OR_RETURN(const PartialShape indices, WithRank(ctx.input(2), 1));
  ASSIGN_OR_RETURN(PartialShape size, ctx.InputAsShape(3));
  ASSIGN_OR_RETURN(size, WithRank(size, 2));
  ctx.SetOutput(0, PartialShape({indices.dim(0), size.dim(0), size.dim(1),
                                 image.dim(3)}));
  return absl::OkStatus();
}

REGISTER_OP("ResizeBilinear", [](OpBuilder& op) {
  op.Input("images: T").Input("size: int32").Output("resized_images: float");
  op.Attr("T: type").Attr("align_corners: bool = false");
  op.Attr("half_pixel_centers: bool = false");
  op.KernelForEach<ResizeBilinear, ImageTypes>("T");
  op.Shape(ResizeRule);
});

REGISTER_OP("ResizeBicubic", [](OpBuilder& op) {
  op.Input("images: T").Input("size: int32").Output("resized_images: float");
  op.Attr("T: type").Attr("align_corners: bool = false");
  op.Attr("half_pixel_centers: bool = false");
  op.KernelForEach<ResizeBicubic, ImageTypes>("T");
  op.Shape(ResizeRule);
});

REGISTER_OP("ResizeArea", [](OpBuilder& op) {
  op.Input("images: T").Input("size: int32").Output("resized_images: float");
  op.Attr("T: type").Attr("align_corners: bool = false");
  op.KernelForEach<ResizeArea, ImageTypes>("T");
  op.Shape(ResizeRule);
});

REGISTER_OP("ResizeNearestNeighbor", [](OpBuilder& op) {
  op.Input("images: T").Input("size: int32").Output("resized_images: T");
  op.Attr("T: type").Attr("align_corners: bool = false");
  op.Attr("half_pixel_centers: bool = false");
  op.Shape(ResizeRule);
  op.KernelForEach<ResizeNearestNeighbor, ImageTypes>("T");
});

REGISTER_OP("CropAndResize", [](OpBuilder& op) {
  op.Input("image: T").Input("boxes: float").Input("box_ind: int32");
  op.Input("crop_size: int32").Output("crops: float").Attr("T: type");
  op.Attr("method: string = 'bilinear'");
  op.Attr("extrapolation_value: float = 0");
  op.Shape(CropRule);
  op.KernelFor<CropAndResize, float, double, half, int8_t, uint8_t, int16_t,
               uint16_t, int32_t, int64_t>("T");
});

}  // namespace
}  // namespace metagraph
