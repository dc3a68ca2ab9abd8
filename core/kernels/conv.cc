// What a convolution is, and its forward product; see conv_tasks.h for how it
// is run, conv_gradient.cc for its gradients.

#include "core/kernels/conv.h"

#include <algorithm>

#include "core/kernels/conv_tasks.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// Whether some window reaches outside of the image.
bool ReachesOutside(const WindowAxis& axis) {
  return axis.output > 0 &&
         (axis.pad_before > 0 ||
          axis.At(axis.output - 1, axis.size - 1) >= axis.input);
}

// The image with its padding, so that windows need no test of bounds.
template <typename T>
absl::StatusOr<Tensor> PadImage(const ConvShape& s, const T* in,
                                const Spatial& padded) {
  ASSIGN_OR_RETURN(TensorShape shape,
                   TensorShape::Build({{s.batch, padded[0], padded[1],
                                        padded[2], s.in_channels}}));
  ASSIGN_OR_RETURN(Tensor out, Tensor::Allocate(kDataType<T>, shape));
  T* to = out.mutable_data<T>();
  std::fill_n(to, out.num_elements(), T(0));
  const int64_t row = s.axes[2].input * s.in_channels;
  for (int64_t n = 0; n < s.batch; ++n) {
    for (int64_t d = 0; d < s.axes[0].input; ++d) {
      for (int64_t y = 0; y < s.axes[1].input; ++y, in += row) {
        std::copy_n(
            in, row,
            to + (((n * padded[0] + d + s.axes[0].pad_before) * padded[1] + y +
                   s.axes[1].pad_before) *
                      padded[2] +
                  s.axes[2].pad_before) *
                     s.in_channels);
      }
    }
  }
  return out;
}

// The image that a convolution reads, and how.
template <typename T>
struct ConvImage {
  ConvShape shape;
  const T* data = nullptr;
  // Taps that are neighbours in memory count as one deep tap, which keeps the
  // inner loop long where there are few channels.
  int64_t merged_taps = 1;
  Tensor padded;  // holds `data` if that is a copy
};

// Merged taps need windows inside the image, so a shallow image is copied with
// its padding.
template <typename T>
absl::StatusOr<ConvImage<T>> MergeTaps(const ConvShape& s, const T* in) {
  ConvImage<T> image;
  image.shape = s;
  image.data = in;
  if (s.groups != 1 || s.axes[2].dilation != 1) return image;
  if (std::any_of(s.axes.begin(), s.axes.end(), ReachesOutside)) {
    Spatial padded;
    double bytes = s.in_channels * sizeof(T) * double(s.batch);
    for (int i = 0; i < kMaxSpatial; ++i) {
      const WindowAxis& axis = s.axes[i];
      padded[i] = std::max(
          axis.input + axis.pad_before,
          axis.At(axis.output - 1, axis.size - 1) + axis.pad_before + 1);
      bytes *= padded[i];
    }
    if (s.in_channels >= 16 || s.axes[2].size <= 1 || bytes >= (1 << 28)) {
      return image;
    }
    ASSIGN_OR_RETURN(image.padded, PadImage(s, in, padded));
    image.data = image.padded.template data<T>();
    for (int i = 0; i < kMaxSpatial; ++i) {
      image.shape.axes[i].input = padded[i];
      image.shape.axes[i].pad_before = 0;
    }
  }
  image.merged_taps = s.axes[2].size;
  return image;
}

// Sets the pointers of the window of one output: to the pixel under each tap,
// or to `zeros` outside of the image.
template <typename T>
inline void FindPixels(const ConvShape& s, const T* image, int64_t x_taps,
                       const T* zeros, int64_t n, int64_t d, int64_t y,
                       int64_t x, const T** pointer) {
  for (int64_t i = 0; i < s.axes[0].size; ++i) {
    const int64_t at_d = s.axes[0].At(d, i);
    for (int64_t j = 0; j < s.axes[1].size; ++j) {
      const int64_t at_y = s.axes[1].At(y, j);
      const bool row_inside = at_d >= 0 && at_d < s.axes[0].input &&
                              at_y >= 0 && at_y < s.axes[1].input;
      const int64_t line =
          ((n * s.axes[0].input + at_d) * s.axes[1].input + at_y) *
          s.axes[2].input;
      for (int64_t k = 0; k < x_taps; ++k, pointer += kTileRows) {
        const int64_t at_x = s.axes[2].At(x, k);
        *pointer = row_inside && at_x >= 0 && at_x < s.axes[2].input
                       ? image + (line + at_x) * s.in_channels
                       : zeros;
      }
    }
  }
}

}  // namespace

absl::StatusOr<ConvShape> MakeConvShape(const WindowAttrs& attrs,
                                        const TensorShape& input,
                                        const TensorShape& filter,
                                        bool filter_may_be_empty) {
  const int spatial = attrs.layout.spatial;
  const int rank = attrs.layout.rank();
  if (input.rank() != rank) {
    return InvalidArgument("convolution input must be ", rank,
                           "-dimensional: ", input.ToString());
  }
  if (filter.rank() != rank) {
    return InvalidArgument("convolution filter must be ", rank,
                           "-dimensional: ", filter.ToString());
  }
  ConvShape shape;
  shape.batch = input.dim(0);
  shape.in_channels = input.dim(attrs.layout.channel_dim());
  shape.out_channels = filter.dim(spatial + 1);
  const int64_t filter_channels = filter.dim(spatial);
  if (filter_channels <= 0) {
    return InvalidArgument("filter depth must be stricly positive, got ",
                           filter_channels);
  }
  // In two dimensions TensorFlow answers first where there is nothing to
  // answer.
  const bool answers_nothing =
      spatial == 2 && (shape.batch == 0 || shape.out_channels == 0);
  if (filter.num_elements() == 0 && !answers_nothing && !filter_may_be_empty) {
    return InvalidArgument(
        "filter must not have zero elements (i.e. all "
        "dimensions must be non-zero)");
  }
  if (shape.in_channels % filter_channels != 0) {
    return InvalidArgument(
        "input depth must be evenly divisible by filter depth: ",
        shape.in_channels, " vs ", filter_channels);
  }
  shape.groups = std::max<int64_t>(1, shape.in_channels / filter_channels);
  if (shape.in_channels == 0) {
    return InvalidArgument("input depth must be positive, got 0");
  }
  if (shape.out_channels % shape.groups != 0) {
    return InvalidArgument(
        "output depth must be evenly divisible by number of groups: ",
        shape.out_channels, " vs ", shape.groups);
  }
  for (int i = 0; i < spatial; ++i) {
    ASSIGN_OR_RETURN(
        shape.axes[kMaxSpatial - spatial + i],
        attrs.Axis(i, input.dim(attrs.layout.spatial_dim(i)), filter.dim(i)));
  }
  return shape;
}

absl::StatusOr<TensorShape> ConvOutputShape(const WindowAttrs& attrs,
                                            const ConvShape& shape) {
  const int spatial = attrs.layout.spatial;
  absl::InlinedVector<int64_t, 5> dims(attrs.layout.rank());
  dims[0] = shape.batch;
  dims[attrs.layout.channel_dim()] = shape.out_channels;
  for (int i = 0; i < spatial; ++i) {
    dims[attrs.layout.spatial_dim(i)] =
        shape.axes[kMaxSpatial - spatial + i].output;
  }
  return TensorShape::Build(dims);
}

template <typename T>
absl::Status ConvForward(const KernelContext& ctx, const ConvShape& shape,
                         const T* in, const T* filter, T* out) {
  if (shape.batch == 0 || shape.out_pixels() == 0) return absl::OkStatus();
  ASSIGN_OR_RETURN(const ConvImage<T> image, MergeTaps(shape, in));
  const ConvShape& s = image.shape;
  const int64_t x_taps = s.axes[2].size / image.merged_taps;
  ConvProduct product;
  product.groups = s.groups;
  product.rows = s.batch * s.out_pixels();
  product.cols = s.out_group();
  product.taps = s.taps() / image.merged_taps;
  product.depth = s.in_group() * image.merged_taps;
  const Scratch<T> zeros(product.depth);
  return RunTasks<T>(ctx, product, [&](const ConvTask<T>& task) {
    const T* pixels = image.data + task.group * s.in_group();
    FillTable(
        s, product.taps, task,
        [&](int64_t n, int64_t d, int64_t y, int64_t x, const T** pointer) {
          FindPixels(s, pixels, x_taps, zeros.data(), n, d, y, x, pointer);
        });
    const int64_t out_channel = task.group * product.cols + task.col;
    MultiplyRows(task.table, task.rows, product.taps, product.depth,
                 filter + out_channel, s.out_channels, task.cols,
                 out + task.row * s.out_channels + out_channel, s.out_channels,
                 false, task.scratch);
  });
}

template absl::Status ConvForward(const KernelContext&, const ConvShape&,
                                  const float*, const float*, float*);
template absl::Status ConvForward(const KernelContext&, const ConvShape&,
                                  const double*, const double*, double*);

}  // namespace metagraph
