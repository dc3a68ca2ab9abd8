// Ops that look at an image through windows without being convolutions:
// patches and morphological dilation.

#include <algorithm>
#include <string>
#include <vector>

#include "core/kernels/kernel_types.h"
#include "core/kernels/looks.h"
#include "core/kernels/rank_checks.h"
#include "core/kernels/window.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// Attributes that these ops share; strides and rates are over NHWC.
struct PatchAttrs {
  int64_t size[2] = {1, 1};
  int64_t stride[2] = {1, 1};
  int64_t rate[2] = {1, 1};
  Padding padding = Padding::kValid;

  // From a KernelConstruction or a ShapeContext.
  template <typename Source>
  absl::Status Parse(const Source& source) {
    RETURN_IF_ERROR(ParseList(source, "strides", stride));
    RETURN_IF_ERROR(ParseList(source, "rates", rate));
    std::string name;
    RETURN_IF_ERROR(source.Bind("padding", &name));
    ASSIGN_OR_RETURN(padding, ParsePadding(name));
    if (padding == Padding::kExplicit) {
      return InvalidArgument("padding must be SAME or VALID");
    }
    return absl::OkStatus();
  }

  template <typename Source>
  static absl::Status ParseList(const Source& source, absl::string_view name,
                                int64_t out[2]) {
    std::vector<int64_t> list;
    RETURN_IF_ERROR(source.Bind(name, &list));
    if (list.size() != 4) {
      return InvalidArgument(name, " field must specify 4 dimensions");
    }
    if (list[0] != 1 || list[3] != 1) {
      return Unimplemented("Only support ", name,
                           " across spatial dimensions.");
    }
    if (list[1] < 1 || list[2] < 1) {
      return OutOfRange(name, " is out of range");
    }
    out[0] = list[1];
    out[1] = list[2];
    return absl::OkStatus();
  }

  absl::StatusOr<WindowAxis> Axis(int i, int64_t input, int64_t length) const {
    return MakeWindowAxis(input, length, rate[i], stride[i], padding);
  }
  // The output size alone; -1 where what it follows from is.
  absl::StatusOr<int64_t> OutputSize(int i, int64_t input,
                                     int64_t length) const {
    if (input < 0 || length < 0) return -1;
    ASSIGN_OR_RETURN(const WindowAxis axis, Axis(i, input, length));
    return axis.output;
  }
};

// Only moves elements, so for their size.
template <typename Element>
class MovePatches final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(PatchAttrs::ParseList(construction, "ksizes", attrs_.size));
    return attrs_.Parse(construction);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& images = ctx.input(0);
    RETURN_IF_ERROR(RequireRank(images, 4, "input must be 4-dimensional"));
    const int64_t depth = images.dim(3);
    ASSIGN_OR_RETURN(const WindowAxis rows,
                     attrs_.Axis(0, images.dim(1), attrs_.size[0]));
    ASSIGN_OR_RETURN(const WindowAxis cols,
                     attrs_.Axis(1, images.dim(2), attrs_.size[1]));
    ASSIGN_OR_RETURN(
        TensorShape patch,
        TensorShape::Build({{attrs_.size[0], attrs_.size[1], depth}}));
    ASSIGN_OR_RETURN(TensorShape shape,
                     TensorShape::Build({{images.dim(0), rows.output,
                                          cols.output, patch.num_elements()}}));
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
    if (out->num_elements() == 0) return absl::OkStatus();
    const Element* in = static_cast<const Element*>(images.raw_data());
    Element* to = static_cast<Element*>(out->mutable_raw_data());
    const int64_t line = cols.output * patch.num_elements();
    RETURN_IF_ERROR(ctx.ParallelFor(
        images.dim(0) * rows.output, 1 + line / 4,
        [&](int64_t begin, int64_t end) {
          BlockLooks looks(ctx);
          Element* next = to + begin * line;
          for (int64_t r = begin; r < end; ++r) {
            const int64_t n = r / rows.output;
            for (int64_t x = 0; x < cols.output; ++x) {
              if (!looks.GoOn(patch.num_elements())) return;
              for (int64_t i = 0; i < rows.size; ++i) {
                const int64_t at_y = rows.At(r % rows.output, i);
                for (int64_t j = 0; j < cols.size; ++j) {
                  const int64_t at_x = cols.At(x, j);
                  if (at_y < 0 || at_y >= rows.input || at_x < 0 ||
                      at_x >= cols.input) {
                    next = std::fill_n(next, depth, Element(0));
                  } else {
                    next = std::copy_n(
                        in + ((n * rows.input + at_y) * cols.input + at_x) *
                                 depth,
                        depth, next);
                  }
                }
              }
            }
          }
        }));
    return ctx.CheckCancelled();
  }

 private:
  PatchAttrs attrs_;
};

template <typename T>
using ExtractImagePatches = MovePatches<MovedAs<T>>;

// The maximum over the window of input plus filter, per channel.
template <typename T>
class Dilation2D final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return attrs_.Parse(construction);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    const Tensor& filter = ctx.input(1);
    RETURN_IF_ERROR(RequireRank(input, 4, "input must be 4-dimensional"));
    RETURN_IF_ERROR(RequireRank(filter, 3, "filter must be 3-dimensional: "));
    const int64_t depth = input.dim(3);
    if (filter.dim(2) != depth) {
      return InvalidArgument("input and filter must have the same depth: ",
                             depth, " vs ", filter.dim(2));
    }
    ASSIGN_OR_RETURN(const WindowAxis rows,
                     attrs_.Axis(0, input.dim(1), filter.dim(0)));
    ASSIGN_OR_RETURN(const WindowAxis cols,
                     attrs_.Axis(1, input.dim(2), filter.dim(1)));
    ASSIGN_OR_RETURN(
        TensorShape shape,
        TensorShape::Build({{input.dim(0), rows.output, cols.output, depth}}));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    if (output->num_elements() == 0) return absl::OkStatus();
    const T* in = input.data<T>();
    const T* weights = filter.data<T>();
    T* out = output->mutable_data<T>();
    RETURN_IF_ERROR(ctx.ParallelFor(
        input.dim(0) * rows.output, LineCost(cols.output, filter),
        [&](int64_t begin, int64_t end) {
          BlockLooks looks(ctx);
          T* to = out + begin * cols.output * depth;
          for (int64_t r = begin; r < end; ++r) {
            const int64_t n = r / rows.output;
            for (int64_t x = 0; x < cols.output; ++x, to += depth) {
              std::fill_n(to, depth, Eigen::NumTraits<T>::lowest());
              for (int64_t i = 0; i < rows.size; ++i) {
                const int64_t at_y = rows.At(r % rows.output, i);
                if (at_y < 0 || at_y >= rows.input) continue;
                if (!looks.GoOn(cols.size * depth)) return;
                for (int64_t j = 0; j < cols.size; ++j) {
                  const int64_t at_x = cols.At(x, j);
                  if (at_x < 0 || at_x >= cols.input) continue;
                  const T* from =
                      in +
                      ((n * rows.input + at_y) * cols.input + at_x) * depth;
                  const T* w = weights + (i * cols.size + j) * depth;
                  for (int64_t c = 0; c < depth; ++c) {
                    const T value = Sum(from[c], w[c]);
                    if (value > to[c]) to[c] = value;
                  }
                }
              }
            }
          }
        }));
    return ctx.CheckCancelled();
  }

 private:
  // In nanoseconds, roughly. Both sizes may be absurd, so not in integers.
  static int64_t LineCost(int64_t outputs, const Tensor& filter) {
    const double cost = double(outputs) * double(1 + filter.num_elements());
    return static_cast<int64_t>(std::min(cost, 1e9));
  }

  // Integers wrap around.
  static T Sum(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(static_cast<uint64_t>(a) +
                            static_cast<uint64_t>(b));
    } else {
      return static_cast<T>(a + b);
    }
  }

  PatchAttrs attrs_;
};

absl::Status PatchesRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape images, WithRank(ctx.input(0), 4));
  PatchAttrs attrs;
  // What the kernel refuses is the kernel's to explain.
  if (!PatchAttrs::ParseList(ctx, "ksizes", attrs.size).ok() ||
      !attrs.Parse(ctx).ok()) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const int64_t rows,
                   attrs.OutputSize(0, images.dim(1), attrs.size[0]));
  ASSIGN_OR_RETURN(const int64_t cols,
                   attrs.OutputSize(1, images.dim(2), attrs.size[1]));
  const int64_t depth =
      MultiplyDims(images.dim(3), MultiplyDims(attrs.size[0], attrs.size[1]));
  ctx.SetOutput(0, PartialShape({images.dim(0), rows, cols, depth}));
  return absl::OkStatus();
}

absl::Status DilationRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape input, WithRank(ctx.input(0), 4));
  ASSIGN_OR_RETURN(const PartialShape filter, WithRank(ctx.input(1), 3));
  PatchAttrs attrs;
  // What the kernel refuses is the kernel's to explain.
  if (!attrs.Parse(ctx).ok()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t depth, MergeDims(input.dim(3), filter.dim(2)));
  ASSIGN_OR_RETURN(const int64_t rows,
                   attrs.OutputSize(0, input.dim(1), filter.dim(0)));
  ASSIGN_OR_RETURN(const int64_t cols,
                   attrs.OutputSize(1, input.dim(2), filter.dim(1)));
  ctx.SetOutput(0, PartialShape({input.dim(0), rows, cols, depth}));
  return absl::OkStatus();
}

REGISTER_OP("ExtractImagePatches", [](OpBuilder& op) {
  op.Input("images: T").Output("patches: T");
  op.Attr("ksizes: list(int)").Attr("strides: list(int)");
  op.Attr("rates: list(int)").Attr("T: type").Attr("padding: string");
  op.Shape(PatchesRule);
  op.KernelForEach<ExtractImagePatches, PlainTypes>("T");
});

REGISTER_OP("Dilation2D", [](OpBuilder& op) {
  op.Input("input: T").Input("filter: T").Output("output: T").Attr("T: type");
  op.Attr("strides: list(int)").Attr("rates: list(int)");
  op.Attr("padding: string");
  op.Shape(DilationRule);
  op.KernelForEach<Dilation2D, RealTypes>("T");
});

}  // namespace
}  // namespace metagraph
