// Images out of bytes: DecodeJpeg, DecodeAndCropJpeg, DecodePng, DecodeGif,
// DecodeBmp, DecodeImage, ExtractJpegShape. All of the decoders take what they
// find, as TensorFlow's do; only BMP has to be asked for.

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>
#include <type_traits>

#include "absl/container/inlined_vector.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "core/base/checked_math.h"
#include "core/kernels/gif_decoder.h"
#include "core/kernels/jpeg_decoder.h"
#include "core/kernels/looks.h"
#include "core/kernels/optional_attrs.h"
#include "core/kernels/png_decoder.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

enum class ImageFormat { kUnknown, kJpeg, kPng, kGif, kBmp };

ImageFormat FormatOf(absl::string_view bytes) {
  if (absl::StartsWith(bytes, "\xff\xd8\xff")) return ImageFormat::kJpeg;
  if (absl::StartsWith(bytes, "\x89PNG\r\n\x1a\n")) return ImageFormat::kPng;
  if (absl::StartsWith(bytes, "GIF8")) return ImageFormat::kGif;
  if (absl::StartsWith(bytes, "BM")) return ImageFormat::kBmp;
  return ImageFormat::kUnknown;
}

absl::string_view FormatName(ImageFormat format) {
  return format == ImageFormat::kJpeg  ? "JPEG"
         : format == ImageFormat::kPng ? "PNG"
         : format == ImageFormat::kGif ? "GIF"
                                       : "BMP";
}

// The head of a BMP, of which the fields that TensorFlow looks at.
struct BmpHead {
  static constexpr size_t kSize = 32;  // what they need
  static constexpr int64_t kTooMuch = int64_t{1} << 62;
  int64_t start = 0, width = 0, height = 0;
  int bits = 0;
  bool top_down = false;

  int channels() const { return bits / 8; }
  int64_t row() const { return (bits * width + 31) / 32 * 4; }

  absl::Status Read(absl::string_view bytes) {
    if (bytes.size() < kSize) {
      return InvalidArgument(
          "Incomplete bmp content, requires at least 32 bytes to find the "
          "header size, width, height, and bpp, got ",
          bytes.size(), " bytes");
    }
    const auto read = [&]<typename T>(size_t at, T) {
      T value;
      std::memcpy(&value, bytes.data() + at, sizeof(value));
      return value;
    };
    start = read(10, int32_t{});
    width = read(18, int32_t{});
    height = read(22, int32_t{});
    bits = read(28, int16_t{});
    top_down = height < 0;
    height = std::abs(height);
    if (bits != 8 && bits != 24 && bits != 32) {
      return InvalidArgument("Number of channels inferred from bits per pixel ",
                             bits, " must be 1, 3 or 4");
    }
    if (width <= 0 || height == 0 || start < 0) {
      return InvalidArgument("bad width, height or header size of a BMP: ",
                             width, ", ", height, ", ", start);
    }
    // A product of two sizes of 32 bits and 4 may be too much for int64.
    const int64_t expected = CheckedMul(row(), height).value_or(kTooMuch);
    const auto size = static_cast<int64_t>(bytes.size()) - start;
    if (size != expected) {
      return InvalidArgument(
          "Input size should match (header_size + row_size "
          "* abs_height) but they differ by ",
          size - expected);
    }
    return absl::OkStatus();
  }

  // BGR turns round; gray spreads; what is not there of alpha is full.
  absl::Status Decode(const KernelContext& ctx, absl::string_view bytes,
                      int out_channels, uint8_t* out) const {
    Looks looks(ctx);
    for (int64_t y = 0; y < height; ++y) {
      RETURN_IF_ERROR(looks.After(width));
      const auto* from = reinterpret_cast<const uint8_t*>(bytes.data()) +
                         start + (top_down ? y : height - 1 - y) * row();
      for (int64_t x = 0; x < width; ++x, from += channels()) {
        if (channels() == 1) {
          for (int c = 0; c < std::min(out_channels, 3); ++c) *out++ = from[0];
        } else {
          for (int c = 2; c >= 0; --c) *out++ = from[c];
        }
        if (out_channels == 4) *out++ = channels() == 4 ? from[3] : 255;
      }
    }
    return absl::OkStatus();
  }
};

class DecodeImage final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    op_ = construction.op();
    dtype_ = construction.output_type(0);
    int32_t channels = op_ == "DecodeGif" ? 3 : 0;
    int32_t ratio = 1;
    std::string dct_method;
    RETURN_IF_ERROR(
        BindOptional(construction, "channels", &channels, "expand_animations",
                     &expand_animations_, "ratio", &ratio, "fancy_upscaling",
                     &jpeg_.fancy_upscaling, "try_recover_truncated",
                     &jpeg_.try_recover_truncated, "acceptable_fraction",
                     &jpeg_.acceptable_fraction, "dct_method", &dct_method));
    if (channels != 0 && channels != 1 && channels != 3 && channels != 4) {
      return InvalidArgument("`channels` must be 0, 1, 3 or 4 but got ",
                             channels);
    }
    if (ratio != 1 && ratio != 2 && ratio != 4 && ratio != 8) {
      return InvalidArgument("ratio must be 1, 2, 4, or 8, got ", ratio);
    }
    if (!dct_method.empty() && dct_method != "INTEGER_FAST" &&
        dct_method != "INTEGER_ACCURATE") {
      return InvalidArgument(
          "dct_method must be one of {'', 'INTEGER_FAST', "
          "'INTEGER_ACCURATE'}");
    }
    jpeg_.accurate_dct = dct_method == "INTEGER_ACCURATE";
    jpeg_.channels = channels;
    jpeg_.ratio = ratio;
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& contents = ctx.input(0);
    if (!contents.shape().IsScalar()) {
      return InvalidArgument("`contents` must be scalar but got shape",
                             contents.shape().ToString());
    }
    const absl::string_view bytes = contents.scalar<std::string>();
    if (bytes.empty()) return InvalidArgument("Input is empty.");
    const ImageFormat format = FormatOf(bytes);
    if (format == ImageFormat::kUnknown) {
      return InvalidArgument(
          "Unknown image file format. One of JPEG, PNG, "
          "GIF, BMP required.");
    }
    if (op_ == "DecodeAndCropJpeg" && format != ImageFormat::kJpeg) {
      return InvalidArgument(
          "DecodeAndCropJpeg operation can run on JPEG "
          "only, but detected ",
          FormatName(format), ".");
    }
    RETURN_IF_ERROR(CheckChannels(format));
    if (op_ == "DecodeBmp" && format != ImageFormat::kBmp) {
      std::string name(FormatName(format));
      std::string lower = absl::AsciiStrToLower(name);
      return InvalidArgument("Trying to decode ", name,
                             " format using DecodeBmp op. Use `decode_", lower,
                             "` or `decode_image` instead.");
    }
    switch (format) {
      case ImageFormat::kJpeg:
        return DecodeJpeg(ctx, bytes);
      case ImageFormat::kPng:
        return DecodePng(ctx, bytes);
      case ImageFormat::kGif:
        return DecodeGif(ctx, bytes);
      default:
        return DecodeBmp(ctx, bytes);
    }
  }

 private:
  int channels() const { return jpeg_.channels; }

  absl::Status CheckChannels(ImageFormat format) const {
    if (format == ImageFormat::kJpeg && channels() == 4) {
      return InvalidArgument("JPEG does not support 4 channels");
    }
    if (format == ImageFormat::kGif && channels() != 0 && channels() != 3) {
      return InvalidArgument("channels must be 0 or 3 for GIF, got ",
                             channels());
    }
    if (format == ImageFormat::kBmp && channels() == 1) {
      return InvalidArgument("`channels` must be 0, 3 or 4 for BMP, but got ",
                             channels());
    }
    return absl::OkStatus();
  }

  // [height, width, channels], behind the number of frames if that is not
  // negative.
  static absl::StatusOr<Tensor*> AllocateImage(KernelContext& ctx,
                                               int64_t frames, int64_t height,
                                               int64_t width, int64_t depth) {
    absl::InlinedVector<int64_t, 4> dims = {height, width, depth};
    if (frames >= 0) dims.insert(dims.begin(), frames);
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
    return ctx.AllocateOutput(0, shape);
  }

  // Calls decode(uint8_t*), a status, and makes of its pixels those of the
  // output, of whatever dtype.
  template <typename Decode>
  static absl::Status FillImage(Tensor* output, Decode&& decode) {
    if (output->dtype() == DT_UINT8) {
      return decode(output->mutable_data<uint8_t>());
    }
    Scratch<uint8_t> pixels(output->num_elements());
    RETURN_IF_ERROR(decode(pixels.data()));
    if (output->dtype() == DT_UINT16) {
      std::transform(
          pixels.begin(), pixels.end(), output->mutable_data<uint16_t>(),
          [](uint8_t value) { return static_cast<uint16_t>(value * 256); });
    } else {
      constexpr float kScale = 1.0f / 255;
      std::transform(pixels.begin(), pixels.end(),
                     output->mutable_data<float>(),
                     [](uint8_t value) { return value * kScale; });
    }
    return absl::OkStatus();
  }

  absl::Status DecodeJpeg(KernelContext& ctx, absl::string_view bytes) const {
    constexpr char kFailed[] =
        "jpeg::Uncompress failed. Invalid JPEG data or crop window.";
    JpegOptions options = jpeg_;
    if (op_ == "DecodeAndCropJpeg") {
      const Tensor& window = ctx.input(1);
      if (!window.shape().IsVector()) {
        return InvalidArgument("crop_window must be 1-D, got shape ",
                               window.shape().ToString());
      }
      if (window.dim(0) != 4) {
        return InvalidArgument("crop_size must have four elements ",
                               window.shape().ToString());
      }
      const int32_t* sizes = window.data<int32_t>();
      options.crop = true;
      options.crop_y = sizes[0];
      options.crop_x = sizes[1];
      options.crop_height = sizes[2];
      options.crop_width = sizes[3];
    }
    JpegDecoder jpeg(bytes, options);
    const auto go_on = [&] { return ctx.CheckCancelled().ok(); };
    if (!jpeg.ReadHead(go_on)) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      return InvalidArgument(kFailed);
    }
    const bool frames = op_ == "DecodeGif";
    ASSIGN_OR_RETURN(Tensor * output,
                     AllocateImage(ctx, frames ? 1 : -1, jpeg.height(),
                                   jpeg.width(), jpeg.channels()));
    return FillImage(output, [&](uint8_t* out) -> absl::Status {
      if (jpeg.Decode(out, go_on)) return absl::OkStatus();
      RETURN_IF_ERROR(ctx.CheckCancelled());
      return InvalidArgument(kFailed);
    });
  }

  absl::Status DecodePng(KernelContext& ctx, absl::string_view bytes) const {
    const bool wide = dtype_ == DT_UINT16;
    PngDecoder png(bytes, channels(), wide || dtype_ == DT_FLOAT);
    const auto go_on = [&] { return ctx.CheckCancelled().ok(); };
    if (!png.ReadHead(go_on)) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      return InvalidArgument("Invalid PNG. Failed to initialize decoder.");
    }
    if (png.width() <= 0 || png.height() <= 0 ||
        png.width() * png.height() >= kMostPixels) {
      return InvalidArgument("PNG size too large for int: ", png.width(),
                             " by ", png.height());
    }
    const bool frames = op_ == "DecodeGif";
    ASSIGN_OR_RETURN(Tensor * output,
                     AllocateImage(ctx, frames ? 1 : -1, png.height(),
                                   png.width(), png.channels()));
    const auto decode = [&](void* out) -> absl::Status {
      if (png.Decode(out, go_on)) return absl::OkStatus();
      RETURN_IF_ERROR(ctx.CheckCancelled());
      return InvalidArgument("Invalid PNG data, size ", bytes.size());
    };
    if (dtype_ != DT_FLOAT) return decode(output->mutable_raw_data());
    Scratch<uint16_t> pixels(output->num_elements());
    RETURN_IF_ERROR(decode(pixels.data()));
    constexpr float kScale = 1.0f / 65535;
    std::transform(pixels.begin(), pixels.end(), output->mutable_data<float>(),
                   [](uint16_t value) { return value * kScale; });
    return absl::OkStatus();
  }

  absl::Status DecodeGif(KernelContext& ctx, absl::string_view bytes) const {
    GifDecoder gif(bytes);
    const auto go_on = [&] { return ctx.CheckCancelled().ok(); };
    const absl::Status head = gif.ReadHead(go_on);
    RETURN_IF_ERROR(ctx.CheckCancelled());
    RETURN_IF_ERROR(head);
    const bool all =
        op_ == "DecodeGif" || (op_ == "DecodeImage" && expand_animations_);
    if (!all && op_ != "DecodeImage" && gif.frames() > 1) {
      return InvalidArgument("Got ", gif.frames(),
                             " frames, but animated gifs can only be decoded "
                             "by tf.io.decode_gif or tf.io.decode_image");
    }
    const int64_t frames = all ? gif.frames() : 1;
    ASSIGN_OR_RETURN(
        Tensor * output,
        AllocateImage(ctx, all ? frames : -1, gif.height(), gif.width(), 3));
    return FillImage(output, [&](uint8_t* out) -> absl::Status {
      absl::Status decoded = gif.Decode(frames, out, go_on);
      // What gave up may look damaged.
      RETURN_IF_ERROR(ctx.CheckCancelled());
      return decoded;
    });
  }

  absl::Status DecodeBmp(KernelContext& ctx, absl::string_view bytes) const {
    if (op_ != "DecodeBmp" && op_ != "DecodeImage") {
      return InvalidArgument(
          "Trying to decode BMP format using a wrong op. "
          "Use `decode_bmp` or `decode_image` instead. Op "
          "used: ",
          op_);
    }
    BmpHead bmp;
    RETURN_IF_ERROR(bmp.Read(bytes));
    const int depth = channels() == 0 ? bmp.channels() : channels();
    ASSIGN_OR_RETURN(Tensor * output,
                     AllocateImage(ctx, -1, bmp.height, bmp.width, depth));
    return FillImage(output, [&](uint8_t* out) {
      return bmp.Decode(ctx, bytes, depth, out);
    });
  }

  static constexpr int64_t kMostPixels = int64_t{1} << 27;

  std::string op_;
  DataType dtype_ = DT_UINT8;
  bool expand_animations_ = true;
  JpegOptions jpeg_;
};

class ExtractJpegShape final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& contents = ctx.input(0);
    if (!contents.shape().IsScalar()) {
      return InvalidArgument("contents must be scalar, got shape ",
                             contents.shape().ToString());
    }
    const std::string& bytes = contents.scalar<std::string>();
    JpegDecoder jpeg(bytes, JpegOptions());
    if (!jpeg.ReadHead([&] { return ctx.CheckCancelled().ok(); })) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      return InvalidArgument("Invalid JPEG data, size ", bytes.size());
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {3}));
    const int64_t sizes[] = {jpeg.height(), jpeg.width(), jpeg.channels()};
    if (output->dtype() == DT_INT32) {
      std::copy_n(sizes, 3, output->mutable_data<int32_t>());
    } else {
      std::copy_n(sizes, 3, output->mutable_data<int64_t>());
    }
    return absl::OkStatus();
  }
};

absl::Status DecodeImageRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(WithRank(ctx.input(0), 0).status());
  int32_t channels = 0;
  RETURN_IF_ERROR(BindOptional(ctx, "channels", &channels));
  const int64_t depth = channels == 0 ? kUnknownDim : channels;
  if (ctx.op() == "DecodeGif") {
    ctx.SetOutput(
        0, PartialShape({kUnknownDim, kUnknownDim, kUnknownDim, kUnknownDim}));
  } else if (ctx.op() != "DecodeImage") {
    ctx.SetOutput(0, PartialShape({kUnknownDim, kUnknownDim, depth}));
  }
  return absl::OkStatus();
}

absl::Status ExtractJpegShapeRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(WithRank(ctx.input(0), 0).status());
  ctx.SetOutput(0, PartialShape({3}));
  return absl::OkStatus();
}

void JpegAttrs(OpBuilder& op) {
  op.Output("image: uint8").Attr("channels: int = 0").Attr("ratio: int = 1");
  op.Attr("fancy_upscaling: bool = true");
  op.Attr("try_recover_truncated: bool = false");
  op.Attr("acceptable_fraction: float = 1.0");
  op.Attr("dct_method: string = ''");
  op.Shape(DecodeImageRule);
  op.Kernel<DecodeImage>();
}

REGISTER_OP("DecodeJpeg", [](OpBuilder& op) {
  op.Input("contents: string");
  JpegAttrs(op);
});
REGISTER_OP("DecodeAndCropJpeg", [](OpBuilder& op) {
  op.Input("contents: string").Input("crop_window: int32");
  JpegAttrs(op);
});
REGISTER_OP("DecodePng", [](OpBuilder& op) {
  op.Input("contents: string").Output("image: dtype");
  op.Attr("channels: int = 0").Attr("dtype: type = DT_UINT8");
  op.Shape(DecodeImageRule);
  op.Kernel<DecodeImage>();
});
REGISTER_OP("DecodeGif", [](OpBuilder& op) {
  op.Input("contents: string").Output("image: uint8");
  op.Shape(DecodeImageRule);
  op.Kernel<DecodeImage>();
});
REGISTER_OP("DecodeBmp", [](OpBuilder& op) {
  op.Input("contents: string").Output("image: uint8");
  op.Attr("channels: int = 0");
  op.Shape(DecodeImageRule);
  op.Kernel<DecodeImage>();
});
REGISTER_OP("DecodeImage", [](OpBuilder& op) {
  op.Input("contents: string").Output("image: dtype");
  op.Attr("channels: int = 0").Attr("dtype: type = DT_UINT8");
  op.Attr("expand_animations: bool = true");
  op.Shape(DecodeImageRule);
  op.Kernel<DecodeImage>();
});
REGISTER_OP("ExtractJpegShape", [](OpBuilder& op) {
  op.Input("contents: string").Output("image_shape: output_type");
  op.Attr("output_type: type = DT_INT32");
  op.Shape(ExtractJpegShapeRule);
  op.Kernel<ExtractJpegShape>();
});

}  // namespace
}  // namespace metagraph
