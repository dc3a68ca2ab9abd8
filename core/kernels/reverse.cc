// Reverse, ReverseV2, ReverseSequence, Roll.

#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/strided_copy.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

using Flags = absl::InlinedVector<bool, 8>;

// A scalar, or nothing, is its own reverse, whatever dimensions are named.
absl::Status ReturnInput(KernelContext& ctx) {
  ctx.SetOutput(0, ctx.input(0));
  return absl::OkStatus();
}

absl::Status ReverseDims(KernelContext& ctx, const Tensor& tensor,
                         const Flags& reversed) {
  ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, tensor.shape()));
  if (output->num_elements() == 0) return absl::OkStatus();
  const Ints strides = ElementStrides(tensor.shape());
  absl::InlinedVector<StridedDim, 8> dims(tensor.rank());
  int64_t offset = 0;
  for (int i = 0; i < tensor.rank(); ++i) {
    dims[i] = {tensor.dim(i), strides[i], strides[i]};
    if (reversed[i]) {
      dims[i].from_stride = -strides[i];
      offset += (tensor.dim(i) - 1) * strides[i];
    }
  }
  return CopyStrided(ctx, tensor.dtype(), dims, tensor.raw_data(), offset,
                     output->mutable_raw_data(), 0);
}

// Dimensions by a bool for each.
class Reverse final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& tensor = ctx.input(0);
    const Tensor& dims = ctx.input(1);
    if (tensor.rank() == 0) return ReturnInput(ctx);
    if (!dims.shape().IsVector()) {
      return InvalidArgument("'dims' must be 1-dimension, not ", dims.rank());
    }
    if (dims.dim(0) != tensor.rank()) {
      return InvalidArgument(
          "'dims' must have the same number of values as 'input' has "
          "dimensions. 'input' has ",
          tensor.rank(), "'dims' has ", dims.dim(0), " values");
    }
    const bool* flags = dims.data<bool>();
    return ReverseDims(ctx, tensor, Flags(flags, flags + tensor.rank()));
  }
};

// Dimensions by number.
class ReverseV2 final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& tensor = ctx.input(0);
    if (tensor.rank() == 0 || tensor.num_elements() == 0) {
      return ReturnInput(ctx);
    }
    if (ctx.input(1).rank() != 1) {
      return InvalidArgument("'dims' must be 1-dimension, not ",
                             ctx.input(1).rank());
    }
    ASSIGN_OR_RETURN(Ints axes, ReadInts(ctx.input(1)));
    Flags reversed(tensor.rank(), false);
    for (size_t i = 0; i < axes.size(); ++i) {
      const int64_t axis = CanonicalAxis(axes[i], tensor.rank());
      if (axis < 0) {
        return InvalidArgument("'axis'[", i, "] = ", axes[i],
                               " is out of valid range [", 0, ", ",
                               tensor.rank() - 1);
      }
      if (reversed[axis]) {
        return InvalidArgument("axis ", axis, " specified more than once.");
      }
      reversed[axis] = true;
    }
    return ReverseDims(ctx, tensor, reversed);
  }
};

// The first seq_lengths[b] elements of each batch element b, reversed.
class ReverseSequence final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("seq_dim", &seq_dim_, "batch_dim", &batch_dim_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(Ints lengths, Lengths(input, ctx.input(1)));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, input.shape()));
    if (output->num_elements() == 0) return absl::OkStatus();

    // The input as [outer, first, middle, second, inner].
    const int first = static_cast<int>(std::min(seq_dim_, batch_dim_));
    const int second = static_cast<int>(std::max(seq_dim_, batch_dim_));
    const TensorShape& shape = input.shape();
    const int64_t middle = ProductOf(shape, first + 1, second);
    const int64_t inner = ProductOf(shape, second + 1, shape.rank());
    const bool batch_first = batch_dim_ < seq_dim_;
    const ElementCopier copier(input.dtype());
    void* to = output->mutable_raw_data();
    return ctx.ParallelFor(
        shape.num_elements() / inner, copier.Cost(inner) + 8,
        [&](int64_t begin, int64_t end) {
          for (int64_t run = begin; run < end; ++run) {
            const int64_t at_second = run % shape.dim(second);
            const int64_t at_first =
                run / shape.dim(second) / middle % shape.dim(first);
            const int64_t length = lengths[batch_first ? at_first : at_second];
            const int64_t t = batch_first ? at_second : at_first;
            int64_t from = run;
            if (t < length) {
              const int64_t step = batch_first ? 1 : middle * shape.dim(second);
              from += (length - 1 - 2 * t) * step;
            }
            copier.Copy(input.raw_data(), from * inner, to, run * inner, inner);
          }
        });
  }

 private:
  absl::StatusOr<Ints> Lengths(const Tensor& input,
                               const Tensor& lengths) const {
    if (!lengths.shape().IsVector()) {
      return InvalidArgument("seq_lens input must be 1-dim, not ",
                             lengths.rank());
    }
    const int64_t rank = input.rank();
    if (batch_dim_ == seq_dim_) {
      return InvalidArgument("batch_dim == seq_dim == ", seq_dim_);
    }
    if (seq_dim_ < 0 || seq_dim_ >= rank) {
      return InvalidArgument("seq_dim must be < input rank ( ", seq_dim_,
                             " vs. ", rank, ")");
    }
    if (batch_dim_ < 0 || batch_dim_ >= rank) {
      return InvalidArgument("batch_dim must be < input rank ( ", batch_dim_,
                             " vs. ", rank, ")");
    }
    if (lengths.dim(0) != input.dim(batch_dim_)) {
      return InvalidArgument("Length of seq_lengths != input.dims(", batch_dim_,
                             "), (", lengths.dim(0), " vs. ",
                             input.dim(batch_dim_), ")");
    }
    ASSIGN_OR_RETURN(Ints values, ReadInts(lengths));
    for (size_t i = 0; i < values.size(); ++i) {
      if (values[i] < 0) return InvalidArgument("seq_lens(", i, ") < 0");
      if (values[i] > input.dim(seq_dim_)) {
        return InvalidArgument("seq_lens(", i, ") > input.dims(", seq_dim_,
                               ")");
      }
    }
    return values;
  }

  int64_t seq_dim_ = 0;
  int64_t batch_dim_ = 0;
};

// Elements move by `shift` along `axis` and come in again at the other end.
class Roll final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    const TensorShape& shift_shape = ctx.input(1).shape();
    const TensorShape& axis_shape = ctx.input(2).shape();
    if (input.rank() < 1) {
      return InvalidArgument("input must be 1-D or higher");
    }
    if (shift_shape.rank() > 1) {
      return InvalidArgument("shift must be a scalar or a 1-D vector. Found: ",
                             shift_shape.ToString());
    }
    if (axis_shape.rank() > 1) {
      return InvalidArgument("axis must be a scalar or a 1-D vector. Found: ",
                             axis_shape.ToString());
    }
    if (!(shift_shape == axis_shape)) {
      return InvalidArgument("shift and axis must have the same size");
    }
    ASSIGN_OR_RETURN(const Ints shifts, ReadInts(ctx.input(1)));
    ASSIGN_OR_RETURN(const Ints axes, ReadInts(ctx.input(2)));
    Ints shift(input.rank(), 0);
    for (size_t i = 0; i < axes.size(); ++i) {
      const int64_t axis = CanonicalAxis(axes[i], input.rank());
      if (axis < 0)
        return InvalidArgument("axis ", axes[i], " is out of range");
      const int64_t size = std::max<int64_t>(input.dim(axis), 1);
      // Both terms lie within (-size, size).
      shift[axis] = ((shift[axis] + shifts[i] % size) % size + size) % size;
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, input.shape()));
    if (output->num_elements() == 0) return absl::OkStatus();
    const Ints strides = ElementStrides(input.shape());
    // Each rolled dimension falls into two pieces: copy all combinations.
    absl::InlinedVector<int, 8> rolled;
    for (int i = 0; i < input.rank(); ++i) {
      if (shift[i] != 0) rolled.push_back(i);
    }
    if (rolled.size() > 20) {
      return InvalidArgument("cannot roll ", rolled.size(), " dimensions");
    }
    for (int64_t piece = 0; piece < int64_t{1} << rolled.size(); ++piece) {
      absl::InlinedVector<StridedDim, 8> dims(input.rank());
      for (int i = 0; i < input.rank(); ++i) {
        dims[i] = {input.dim(i), strides[i], strides[i]};
      }
      int64_t from = 0;
      int64_t to = 0;
      for (size_t r = 0; r < rolled.size(); ++r) {
        const int axis = rolled[r];
        const int64_t head = input.dim(axis) - shift[axis];
        if ((piece >> r & 1) == 0) {
          dims[axis].size = head;
          to += shift[axis] * strides[axis];
        } else {
          dims[axis].size = shift[axis];
          from += head * strides[axis];
        }
      }
      RETURN_IF_ERROR(CopyStrided(ctx, input.dtype(), dims, input.raw_data(),
                                  from, output->mutable_raw_data(), to));
    }
    return absl::OkStatus();
  }
};

REGISTER_OP("Reverse", [](OpBuilder& op) {
  op.Input("tensor: T").Input("dims: bool").Output("output: T");
  op.Attr("T: type");
  op.Shape(UnchangedRule);
  op.Kernel<Reverse>();
});
REGISTER_OP("ReverseV2", [](OpBuilder& op) {
  op.Input("tensor: T").Input("axis: Tidx").Output("output: T");
  op.Attr("Tidx: type = DT_INT32").Attr("T: type");
  op.Shape(UnchangedRule);
  op.Kernel<ReverseV2>();
});
REGISTER_OP("ReverseSequence", [](OpBuilder& op) {
  op.Input("input: T").Input("seq_lengths: Tlen").Output("output: T");
  op.Attr("seq_dim: int").Attr("batch_dim: int = 0");
  op.Attr("T: type").Attr("Tlen: type = DT_INT64");
  op.Shape(UnchangedRule);
  op.Kernel<ReverseSequence>();
});
REGISTER_OP("Roll", [](OpBuilder& op) {
  op.Input("input: T").Input("shift: Tshift").Input("axis: Taxis");
  op.Output("output: T");
  op.Attr("T: type").Attr("Tshift: type").Attr("Taxis: type");
  op.Shape(UnchangedRule);
  op.Kernel<Roll>();
});

}  // namespace
}  // namespace metagraph
