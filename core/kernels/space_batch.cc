// Blocks of space moved into the batch or the depth, and back.

#include "core/base/checked_math.h"
#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/strided_copy.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// What both directions read: the block, and [before, after] for each of the
// spatial dimensions 1..n.
struct Blocks {
  Ints block;
  Ints edges;  // paddings or crops
  int64_t product = 1;

  int count() const { return static_cast<int>(block.size()); }
  int64_t before(int i) const { return edges[2 * i]; }
  int64_t after(int i) const { return edges[2 * i + 1]; }
};

// `block_size` stands for the block_shape input that the old 4-D ops lack (0:
// there is one). The last input holds the edges.
absl::StatusOr<Blocks> ReadBlocks(const KernelContext& ctx, int64_t block_size,
                                  absl::string_view edges_name) {
  const Tensor& input = ctx.input(0);
  Blocks out;
  if (block_size > 0) {
    if (input.rank() != 4) {
      return InvalidArgument("input rank should be 4 instead of ",
                             input.rank());
    }
    out.block = {block_size, block_size};
  } else {
    if (!ctx.input(1).shape().IsVector()) {
      return InvalidArgument("block_shape must be one-dimensional instead of ",
                             ctx.input(1).shape().ToString());
    }
    ASSIGN_OR_RETURN(out.block, ReadInts(ctx.input(1)));
  }
  const Tensor& edges = ctx.input(ctx.num_inputs() - 1);
  if (input.rank() < 1 + out.count()) {
    return InvalidArgument("input rank should be >= ", 1 + out.count(),
                           " instead of ", input.rank());
  }
  if (!edges.shape().IsMatrix() || edges.dim(0) != out.count() ||
      edges.dim(1) != 2) {
    return InvalidArgument(edges_name, " should have shape [", out.count(),
                           ", 2] instead of ", edges.shape().ToString());
  }
  ASSIGN_OR_RETURN(out.edges, ReadInts(edges));
  for (int i = 0; i < out.count(); ++i) {
    if (out.block[i] < 1) {
      return InvalidArgument(
          "All values in block_shape must be positive, got value, ",
          out.block[i], " at index ", i, ".");
    }
    if (out.before(i) < 0 || out.after(i) < 0) {
      return InvalidArgument(edges_name, " must be non-negative");
    }
    const auto product = CheckedMul(out.product, out.block[i]);
    if (!product) {
      return InvalidArgument("Product of block sizes must not exceed int64");
    }
    out.product = *product;
  }
  return out;
}

absl::Status ReadBlockSize(KernelConstruction& construction,
                           int64_t* block_size) {
  if (!construction.HasAttr("block_size")) return absl::OkStatus();
  ASSIGN_OR_RETURN(*block_size, construction.Attr<int64_t>("block_size"));
  if (*block_size < 2) {
    return InvalidArgument("Block size should be > 1, but was: ", *block_size);
  }
  return absl::OkStatus();
}

// One dimension of space that blocks cut: index s of the batch side with
// offset b in the block is index s * block + b - before of the space side.
struct CutDim {
  int64_t space_size;
  int64_t batch_size;
  int64_t block;
  int64_t before;
};

// Copies between [batch, space…, inner] and [block offsets…, batch, space /
// block…, inner], leaving out what the edges cut off.
class BlockMover {
 public:
  BlockMover(const KernelContext& ctx, DataType dtype, bool to_batch,
             int64_t batch, std::vector<CutDim> dims, int64_t inner,
             const void* from, void* to)
      : ctx_(ctx),
        dtype_(dtype),
        to_batch_(to_batch),
        batch_(batch),
        dims_(std::move(dims)),
        inner_(inner),
        from_(from),
        to_(to) {}

  absl::Status Run() {
    space_strides_.resize(dims_.size());
    batch_strides_.resize(dims_.size());
    int64_t space_stride = inner_;
    int64_t batch_stride = inner_;
    for (int i = static_cast<int>(dims_.size()) - 1; i >= 0; --i) {
      space_strides_[i] = space_stride;
      batch_strides_[i] = batch_stride;
      space_stride *= dims_[i].space_size;
      batch_stride *= dims_[i].batch_size;
    }
    space_item_ = space_stride;
    batch_item_ = batch_stride;
    Ints offsets(dims_.size(), 0);
    int64_t number = 0;
    while (true) {
      // Hostile block sizes make this loop long.
      if (number % 1024 == 1023) RETURN_IF_ERROR(ctx_.CheckCancelled());
      RETURN_IF_ERROR(CopyOffsets(offsets, number++));
      int i = static_cast<int>(dims_.size()) - 1;
      while (i >= 0 && ++offsets[i] == dims_[i].block) offsets[i--] = 0;
      if (i < 0) return absl::OkStatus();
    }
  }

 private:
  // All elements at the given offsets in their blocks: the `number`-th group
  // of batches.
  absl::Status CopyOffsets(const Ints& offsets, int64_t number) const {
    absl::InlinedVector<StridedDim, 8> dims;
    int64_t space_at = 0;
    int64_t batch_at = number * batch_ * batch_item_;
    Add(dims, batch_, space_item_, batch_item_);
    for (size_t i = 0; i < dims_.size(); ++i) {
      const CutDim& dim = dims_[i];
      // The first s with s * block + offset >= before.
      const int64_t missing = dim.before - offsets[i];
      const int64_t first =
          missing > 0 ? (missing + dim.block - 1) / dim.block : 0;
      const int64_t start = first * dim.block + offsets[i] - dim.before;
      if (start >= dim.space_size || first >= dim.batch_size) {
        return absl::OkStatus();
      }
      const int64_t size =
          std::min((dim.space_size - start + dim.block - 1) / dim.block,
                   dim.batch_size - first);
      space_at += start * space_strides_[i];
      batch_at += first * batch_strides_[i];
      Add(dims, size, dim.block * space_strides_[i], batch_strides_[i]);
    }
    Add(dims, inner_, 1, 1);
    return to_batch_
               ? CopyStrided(ctx_, dtype_, dims, from_, space_at, to_, batch_at)
               : CopyStrided(ctx_, dtype_, dims, from_, batch_at, to_,
                             space_at);
  }

  void Add(absl::InlinedVector<StridedDim, 8>& dims, int64_t size,
           int64_t space_stride, int64_t batch_stride) const {
    if (to_batch_) {
      dims.push_back({size, space_stride, batch_stride});
    } else {
      dims.push_back({size, batch_stride, space_stride});
    }
  }

  const KernelContext& ctx_;
  const DataType dtype_;
  const bool to_batch_;
  const int64_t batch_;
  const std::vector<CutDim> dims_;
  const int64_t inner_;
  const void* const from_;
  void* const to_;
  Ints space_strides_;
  Ints batch_strides_;
  int64_t space_item_ = 0;
  int64_t batch_item_ = 0;
};

class SpaceToBatch final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return ReadBlockSize(construction, &block_size_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(Blocks blocks, ReadBlocks(ctx, block_size_, "Paddings"));
    const int count = blocks.count();
    Ints sizes(input.shape().dims().begin(), input.shape().dims().end());
    std::vector<CutDim> cuts(count);
    for (int i = 0; i < count; ++i) {
      auto padded = CheckedAdd(input.dim(1 + i), blocks.before(i));
      if (padded) padded = CheckedAdd(*padded, blocks.after(i));
      if (!padded) return InvalidArgument("padded_shape[", i, "] is too large");
      if (*padded % blocks.block[i] != 0) {
        return InvalidArgument("padded_shape[", i, "]=", *padded,
                               " is not divisible by block_shape[", i,
                               "]=", blocks.block[i]);
      }
      sizes[1 + i] = *padded / blocks.block[i];
      cuts[i] = {input.dim(1 + i), sizes[1 + i], blocks.block[i],
                 blocks.before(i)};
    }
    const auto batch = CheckedMul(sizes[0], blocks.product);
    if (!batch) return InvalidArgument("output batch is too large");
    sizes[0] = *batch;
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(sizes));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    if (output->num_elements() == 0) return absl::OkStatus();
    // Only the padding needs the zeros, but it may be anywhere.
    if (shape.num_elements() != input.num_elements()) ZeroTensor(output);
    const int64_t inner = ProductOf(input.shape(), 1 + count, input.rank());
    return BlockMover(ctx, input.dtype(), true, input.dim(0), std::move(cuts),
                      inner, input.raw_data(), output->mutable_raw_data())
        .Run();
  }

 private:
  int64_t block_size_ = 0;
};

class BatchToSpace final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return ReadBlockSize(construction, &block_size_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(Blocks blocks, ReadBlocks(ctx, block_size_, "Crops"));
    const int count = blocks.count();
    if (input.dim(0) % blocks.product != 0) {
      return InvalidArgument("Input batch dimension (", input.dim(0),
                             ") is not divisible by product of block sizes (",
                             blocks.product, ")");
    }
    Ints sizes(input.shape().dims().begin(), input.shape().dims().end());
    sizes[0] = input.dim(0) / blocks.product;
    std::vector<CutDim> cuts(count);
    for (int i = 0; i < count; ++i) {
      const auto full = CheckedMul(input.dim(1 + i), blocks.block[i]);
      const auto cut = CheckedAdd(blocks.before(i), blocks.after(i));
      if (!full || !cut) {
        return InvalidArgument("cropped_shape[", i, "] is too large");
      }
      if (*full < *cut) {
        return InvalidArgument("cropped_shape[", i, "]=", *full - *cut,
                               " must be non-negative");
      }
      sizes[1 + i] = *full - *cut;
      cuts[i] = {sizes[1 + i], input.dim(1 + i), blocks.block[i],
                 blocks.before(i)};
    }
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(sizes));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    if (output->num_elements() == 0) return absl::OkStatus();
    const int64_t inner = ProductOf(input.shape(), 1 + count, input.rank());
    return BlockMover(ctx, input.dtype(), false, sizes[0], std::move(cuts),
                      inner, input.raw_data(), output->mutable_raw_data())
        .Run();
  }

 private:
  int64_t block_size_ = 0;
};

// The layout of an image: where its dimensions stand.
struct ImageDims {
  int height;
  int width;
  int depth;
};

absl::StatusOr<ImageDims> ReadImageDims(KernelConstruction& construction) {
  ASSIGN_OR_RETURN(std::string format,
                   construction.Attr<std::string>("data_format"));
  if (format == "NHWC") return ImageDims{1, 2, 3};
  if (format == "NCHW") return ImageDims{2, 3, 1};
  return InvalidArgument("data_format ", format, " is not supported");
}

// kToDepth: SpaceToDepth, else DepthToSpace. Channel (i * block + j) * depth
// + c of the deep side is channel c at (h * block + i, w * block + j) of the
// wide side.
template <bool kToDepth>
class SpaceDepth final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(at_, ReadImageDims(construction));
    return ReadBlockSize(construction, &block_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    if (input.rank() != 4) {
      return InvalidArgument("Input rank should be: 4 instead of: ",
                             input.rank());
    }
    ASSIGN_OR_RETURN(TensorShape shape, OutputShape(input));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    if (output->num_elements() == 0) return absl::OkStatus();
    const TensorShape& wide = kToDepth ? input.shape() : shape;
    const TensorShape& deep = kToDepth ? shape : input.shape();
    const Ints wide_strides = ElementStrides(wide);
    const Ints deep_strides = ElementStrides(deep);
    const auto dim = [&](int64_t size, int64_t wide_stride,
                         int64_t deep_stride) {
      return kToDepth ? StridedDim{size, wide_stride, deep_stride}
                      : StridedDim{size, deep_stride, wide_stride};
    };
    const int64_t depth = wide.dim(at_.depth);
    const StridedDim batch = dim(wide.dim(0), wide_strides[0], deep_strides[0]);
    const StridedDim height =
        dim(deep.dim(at_.height), block_ * wide_strides[at_.height],
            deep_strides[at_.height]);
    const StridedDim width =
        dim(deep.dim(at_.width), block_ * wide_strides[at_.width],
            deep_strides[at_.width]);
    const int64_t channel = deep_strides[at_.depth];
    const StridedDim row =
        dim(block_, wide_strides[at_.height], block_ * depth * channel);
    const StridedDim column =
        dim(block_, wide_strides[at_.width], depth * channel);
    const StridedDim depths = dim(depth, wide_strides[at_.depth], channel);
    // The order only matters for speed: the last is the innermost loop.
    const bool depth_last = at_.depth == 3;
    const StridedDim dims[] = {batch,  height,
                               row,    depth_last ? width : depths,
                               column, depth_last ? depths : width};
    return CopyStrided(ctx, input.dtype(), dims, input.raw_data(), 0,
                       output->mutable_raw_data(), 0);
  }

 private:
  absl::StatusOr<TensorShape> OutputShape(const Tensor& input) const {
    Ints sizes(input.shape().dims().begin(), input.shape().dims().end());
    const auto area = CheckedMul(block_, block_);
    if (!area) return InvalidArgument("block_size ", block_, " is too large");
    if (kToDepth) {
      if (input.dim(at_.height) % block_ != 0 ||
          input.dim(at_.width) % block_ != 0) {
        return InvalidArgument("Image width ", input.dim(at_.width),
                               " and height ", input.dim(at_.height),
                               " should be divisible by block_size: ", block_);
      }
      sizes[at_.height] /= block_;
      sizes[at_.width] /= block_;
      const auto depth = CheckedMul(sizes[at_.depth], *area);
      if (!depth) return InvalidArgument("output depth is too large");
      sizes[at_.depth] = *depth;
    } else {
      if (input.dim(at_.depth) % *area != 0) {
        return InvalidArgument("Input depth dimension ", input.dim(at_.depth),
                               " should be divisible by: ", *area);
      }
      const auto height = CheckedMul(sizes[at_.height], block_);
      const auto width = CheckedMul(sizes[at_.width], block_);
      if (!height || !width) {
        return InvalidArgument("output image is too large");
      }
      sizes[at_.height] = *height;
      sizes[at_.width] = *width;
      sizes[at_.depth] /= *area;
    }
    return TensorShape::Build(sizes);
  }

  ImageDims at_ = {};
  int64_t block_ = 0;
};

// The blocks, as far as they are known: from the attribute or from input 1.
std::optional<KnownInts> KnownBlocks(const ShapeContext& ctx) {
  if (!ctx.HasAttr("block_size")) return ctx.Ints(1);
  const auto size = ctx.Attr<int64_t>("block_size");
  return KnownInts(2, size.ok() ? *size : kUnknownInt);
}

template <bool kToBatch>
absl::Status SpaceBatchRule(ShapeContext& ctx) {
  const std::optional<KnownInts> blocks = KnownBlocks(ctx);
  const PartialShape& input = ctx.input(0);
  if (!blocks.has_value() || !input.known_rank()) return absl::OkStatus();
  const int count = static_cast<int>(blocks->size());
  RETURN_IF_ERROR(CheckRankAtLeast(input, 1 + count));
  const std::optional<KnownInts> edges = ctx.Ints(ctx.num_inputs() - 1);
  Ints dims(input.dims().begin(), input.dims().end());
  int64_t product = 1;
  for (int i = 0; i < count; ++i) {
    const int64_t block = (*blocks)[i];
    int64_t& size = dims[1 + i];
    product = block < 1 ? kUnknownDim : MultiplyDims(product, block);
    int64_t edge = kUnknownDim;
    if (edges.has_value() && static_cast<int>(edges->size()) == 2 * count) {
      edge = AddDims((*edges)[2 * i], (*edges)[2 * i + 1]);
    }
    if (block < 1 || edge < 0) {
      size = kUnknownDim;
    } else if (!kToBatch) {
      size = SubtractDims(MultiplyDims(size, block), edge);
    } else {
      size = AddDims(size, edge);
      if (size >= 0 && size % block != 0) {
        return InvalidArgument("Dimension size must be evenly divisible by ",
                               block, " but is ", size);
      }
      if (size > 0) size /= block;
    }
  }
  if (kToBatch) {
    dims[0] = MultiplyDims(dims[0], product);
  } else if (dims[0] >= 0 && product > 0) {
    if (dims[0] % product != 0) {
      return InvalidArgument("Dimension size must be evenly divisible by ",
                             product, " but is ", dims[0]);
    }
    dims[0] /= product;
  } else {
    dims[0] = kUnknownDim;
  }
  ctx.SetOutput(0, PartialShape(dims));
  return absl::OkStatus();
}

// `size` of so many parts, which must be whole.
absl::StatusOr<int64_t> DividedDim(int64_t size, int64_t parts) {
  if (size < 0 || parts < 1) return kUnknownDim;
  if (size % parts == 0) return size / parts;
  return InvalidArgument("Dimension size must be evenly divisible by ", parts,
                         " but is ", size);
}

template <bool kToDepth>
absl::Status SpaceDepthRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape input, WithRank(ctx.input(0), 4));
  int64_t block;
  std::string format;
  RETURN_IF_ERROR(ctx.Bind("block_size", &block, "data_format", &format));
  if (format != "NHWC" && format != "NCHW") return absl::OkStatus();
  const int depth = format == "NHWC" ? 3 : 1;
  const int height = format == "NHWC" ? 1 : 2;
  const int64_t area = MultiplyDims(block, block);
  Ints dims(input.dims().begin(), input.dims().end());
  for (int i = height; i < height + 2; ++i) {
    if (!kToDepth) {
      dims[i] = MultiplyDims(dims[i], block);
      continue;
    }
    ASSIGN_OR_RETURN(dims[i], DividedDim(dims[i], block));
  }
  if (kToDepth) {
    dims[depth] = MultiplyDims(dims[depth], area);
  } else {
    ASSIGN_OR_RETURN(dims[depth], DividedDim(dims[depth], area));
  }
  ctx.SetOutput(0, PartialShape(dims));
  return absl::OkStatus();
}

REGISTER_OP("SpaceToBatchND", [](OpBuilder& op) {
  op.Input("input: T").Input("block_shape: Tblock_shape");
  op.Input("paddings: Tpaddings").Output("output: T").Attr("T: type");
  op.Attr("Tblock_shape: type = DT_INT32").Attr("Tpaddings: type = DT_INT32");
  op.Shape(SpaceBatchRule<true>);
  op.Kernel<SpaceToBatch>();
});
REGISTER_OP("BatchToSpaceND", [](OpBuilder& op) {
  op.Input("input: T").Input("block_shape: Tblock_shape");
  op.Input("crops: Tcrops").Output("output: T").Attr("T: type");
  op.Attr("Tblock_shape: type = DT_INT32").Attr("Tcrops: type = DT_INT32");
  op.Shape(SpaceBatchRule<false>);
  op.Kernel<BatchToSpace>();
});
REGISTER_OP("SpaceToBatch", [](OpBuilder& op) {
  op.Input("input: T").Input("paddings: Tpaddings").Output("output: T");
  op.Attr("T: type").Attr("Tpaddings: type = DT_INT32");
  op.Attr("block_size: int >= 2");
  op.Shape(SpaceBatchRule<true>);
  op.Kernel<SpaceToBatch>();
});
REGISTER_OP("BatchToSpace", [](OpBuilder& op) {
  op.Input("input: T").Input("crops: Tidx").Output("output: T");
  op.Attr("T: type").Attr("block_size: int >= 2");
  op.Attr("Tidx: type = DT_INT32");
  op.Shape(SpaceBatchRule<false>);
  op.Kernel<BatchToSpace>();
});
REGISTER_OP("SpaceToDepth", [](OpBuilder& op) {
  op.Input("input: T").Output("output: T").Attr("T: type");
  op.Attr("block_size: int >= 2").Attr("data_format: string = 'NHWC'");
  op.Shape(SpaceDepthRule<true>);
  op.Kernel<SpaceDepth<true>>();
});
REGISTER_OP("DepthToSpace", [](OpBuilder& op) {
  op.Input("input: T").Output("output: T").Attr("T: type");
  op.Attr("block_size: int >= 2").Attr("data_format: string = 'NHWC'");
  op.Shape(SpaceDepthRule<false>);
  op.Kernel<SpaceDepth<false>>();
});

}  // namespace
}  // namespace metagraph
