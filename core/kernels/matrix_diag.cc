// Diagonals: MatrixDiag, MatrixDiagPart, MatrixSetDiag, MatrixBandPart for
// batches of matrices; Diag and DiagPart for tensors.

#include <algorithm>

#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/kernel_types.h"
#include "core/kernels/rank_checks.h"
#include "core/kernels/strided_copy.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// A batch of matrices: all but the last two dimensions are the batch.
struct Matrices {
  int64_t batch;
  int64_t rows;
  int64_t columns;

  int64_t diagonal() const { return std::min(rows, columns); }
};

absl::StatusOr<Matrices> AsMatrices(const TensorShape& shape) {
  if (shape.rank() < 2) {
    return InvalidArgument("input must be at least 2-dim, received shape: ",
                           shape.ToString());
  }
  const int rank = shape.rank();
  return Matrices{ProductOf(shape, 0, rank - 2), shape.dim(rank - 2),
                  shape.dim(rank - 1)};
}

// Copies between the diagonals of matrices and vectors of diagonal() elements.
absl::Status CopyDiagonals(const KernelContext& ctx, const Matrices& size,
                           bool to_matrices, const Tensor& from, Tensor* to) {
  const int64_t area = size.rows * size.columns;
  const int64_t n = size.diagonal();
  StridedDim dims[] = {{size.batch, area, n}, {n, size.columns + 1, 1}};
  if (to_matrices) {
    for (StridedDim& dim : dims) std::swap(dim.from_stride, dim.to_stride);
  }
  return CopyStrided(ctx, from.dtype(), dims, from.raw_data(), 0,
                     to->mutable_raw_data(), 0);
}

class MatrixDiag final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& diagonal = ctx.input(0);
    RETURN_IF_ERROR(RequireNotScalar(
        diagonal, "input must be at least 1-dim, received shape: "));
    Ints dims(diagonal.shape().dims().begin(), diagonal.shape().dims().end());
    dims.push_back(dims.back());
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(Matrices size, AsMatrices(shape));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    ZeroTensor(output);
    return CopyDiagonals(ctx, size, true, diagonal, output);
  }
};

class MatrixDiagPart final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(Matrices size, AsMatrices(input.shape()));
    TensorShape shape = input.shape();
    shape.RemoveDim(shape.rank() - 1);
    shape.SetDim(shape.rank() - 1, size.diagonal());
    ASSIGN_OR_RETURN(Tensor * diagonal, ctx.AllocateOutput(0, shape));
    return CopyDiagonals(ctx, size, false, input, diagonal);
  }
};

// Output 0 with the elements of input 0: its buffer, if nobody else needs it.
absl::StatusOr<Tensor*> CopyInput(KernelContext& ctx) {
  const Tensor& input = ctx.input(0);
  ASSIGN_OR_RETURN(Tensor * output,
                   ctx.ForwardOrAllocateOutput({0}, 0, input.shape()));
  if (!output->SharesBufferWith(input)) {
    ElementCopier(input.dtype())
        .Copy(input.raw_data(), 0, output->mutable_raw_data(), 0,
              input.num_elements());
  }
  return output;
}

class MatrixSetDiag final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    const Tensor& diagonal = ctx.input(1);
    ASSIGN_OR_RETURN(Matrices size, AsMatrices(input.shape()));
    TensorShape expected = input.shape();
    expected.RemoveDim(expected.rank() - 1);
    expected.SetDim(expected.rank() - 1, size.diagonal());
    if (!(diagonal.shape() == expected)) {
      return InvalidArgument(
          "must have diagonal.shape == input.shape[:-2] + "
          "min(input.shape[-2:]), but received input shape: ",
          input.shape().ToString(),
          " and diagonal shape: ", diagonal.shape().ToString());
    }
    ASSIGN_OR_RETURN(Tensor * output, CopyInput(ctx));
    return CopyDiagonals(ctx, size, true, diagonal, output);
  }
};

// Keeps `num_lower` subdiagonals and `num_upper` superdiagonals (all, if
// negative) and zeroes the rest.
class MatrixBandPart final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(Matrices size, AsMatrices(input.shape()));
    constexpr const char* kNames[] = {"", "num_lower", "num_upper"};
    for (int i = 1; i < 3; ++i) {
      if (ctx.input(i).rank() == 0) continue;
      return InvalidArgument(kNames[i], " must be scalar, got shape ",
                             ctx.input(i).shape().ToString());
    }
    ASSIGN_OR_RETURN(int64_t lower, ReadInt(ctx.input(1), kNames[1]));
    ASSIGN_OR_RETURN(int64_t upper, ReadInt(ctx.input(2), kNames[2]));
    if (lower > size.rows) {
      return InvalidArgument(
          "num_lower must be negative or less or equal to number of rows (",
          size.rows, ") got: ", lower);
    }
    if (upper > size.columns) {
      return InvalidArgument(
          "num_upper must be negative or less or equal to number of columns (",
          size.columns, ") got: ", upper);
    }
    if (!IsPlainData(input.dtype())) {
      return Unimplemented("band of ", DataTypeName(input.dtype()));
    }
    if (lower < 0) lower = size.rows;
    if (upper < 0) upper = size.columns;
    ASSIGN_OR_RETURN(Tensor * band, CopyInput(ctx));
    if (band->num_elements() == 0) return absl::OkStatus();
    const int64_t element = DataTypeSize(band->dtype());
    char* data = static_cast<char*>(band->mutable_raw_data());
    return ctx.ParallelFor(
        size.batch * size.rows, 2 + size.columns * element / 16,
        [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t row = i % size.rows;
            char* line = data + i * size.columns * element;
            const int64_t first =
                std::min(std::max<int64_t>(row - lower, 0), size.columns);
            const int64_t last = std::min(row + upper + 1, size.columns);
            std::memset(line, 0, first * element);
            std::memset(line + last * element, 0,
                        (size.columns - last) * element);
          }
        });
  }
};

// A tensor of shape s + s with the input, of shape s, on its diagonal.
class Diag final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& diagonal = ctx.input(0);
    if (diagonal.rank() < 1) {
      return InvalidArgument("Input must be at least rank 1, got 0");
    }
    Ints dims(diagonal.shape().dims().begin(), diagonal.shape().dims().end());
    for (int64_t dim : diagonal.shape().dims()) dims.push_back(dim);
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    ZeroTensor(output);
    const int64_t n = diagonal.num_elements();
    return CopyDiagonals(ctx, {1, n, n}, true, diagonal, output);
  }
};

class DiagPart final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    const int rank = input.rank();
    // A scalar is its own diagonal, whatever the words say.
    if (rank % 2 != 0) {
      return InvalidArgument(
          "The rank of the tensor should be even and positive, got shape ",
          input.shape().ToString());
    }
    TensorShape shape;
    for (int i = 0; i < rank / 2; ++i) {
      if (input.dim(i) != input.dim(i + rank / 2)) {
        return InvalidArgument("Invalid shape ", input.shape().ToString(),
                               ": dimensions ", i, " and ", i + rank / 2,
                               " do not match.");
      }
      shape.AddDim(input.dim(i));
    }
    ASSIGN_OR_RETURN(Tensor * diagonal, ctx.AllocateOutput(0, shape));
    const int64_t n = shape.num_elements();
    return CopyDiagonals(ctx, {1, n, n}, false, input, diagonal);
  }
};

template <typename K>
void AddDiagKernels(OpBuilder& op) {
  op.KernelForEach<Always<K>::template For, Joined<FractionTypes, IndexTypes>>(
      "T");
}

absl::Status MatrixRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckRankAtLeast(ctx.input(0), 2));
  return UnchangedRule(ctx);
}

absl::Status MatrixDiagRule(ShapeContext& ctx) {
  const PartialShape& diagonal = ctx.input(0);
  RETURN_IF_ERROR(CheckRankAtLeast(diagonal, 1));
  if (!diagonal.known_rank()) return absl::OkStatus();
  ctx.SetOutput(0, Concatenated(diagonal, Subshape(diagonal, -1)));
  return absl::OkStatus();
}

absl::Status MatrixDiagPartRule(ShapeContext& ctx) {
  const PartialShape& input = ctx.input(0);
  RETURN_IF_ERROR(CheckRankAtLeast(input, 2));
  if (!input.known_rank()) return absl::OkStatus();
  const int64_t size = std::min(DimOf(input, -2), DimOf(input, -1));
  ctx.SetOutput(0, Concatenated(Subshape(input, 0, -2), {size}));
  return absl::OkStatus();
}

absl::Status DiagRule(ShapeContext& ctx) {
  const PartialShape& diagonal = ctx.input(0);
  RETURN_IF_ERROR(CheckRankAtLeast(diagonal, 1));
  ctx.SetOutput(0, Concatenated(diagonal, diagonal));
  return absl::OkStatus();
}

absl::Status DiagPartRule(ShapeContext& ctx) {
  const PartialShape& input = ctx.input(0);
  if (!input.known_rank()) return absl::OkStatus();
  if (input.rank() % 2 != 0) {
    return InvalidArgument(
        "Input must have even and non-zero rank, input rank is ", input.rank());
  }
  const int half_rank = input.rank() / 2;
  ASSIGN_OR_RETURN(
      PartialShape shape,
      MergeShapes(Subshape(input, 0, half_rank), Subshape(input, half_rank)));
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

REGISTER_OP("MatrixDiag", [](OpBuilder& op) {
  op.Input("diagonal: T").Output("output: T").Attr("T: type");
  op.Shape(MatrixDiagRule);
  op.Kernel<MatrixDiag>();
});
REGISTER_OP("MatrixDiagPart", [](OpBuilder& op) {
  op.Input("input: T").Output("diagonal: T").Attr("T: type");
  op.Shape(MatrixDiagPartRule);
  op.Kernel<MatrixDiagPart>();
});
REGISTER_OP("MatrixSetDiag", [](OpBuilder& op) {
  op.Input("input: T").Input("diagonal: T").Output("output: T");
  op.Attr("T: type");
  op.Shape(MatrixRule);
  op.Kernel<MatrixSetDiag>();
});
REGISTER_OP("MatrixBandPart", [](OpBuilder& op) {
  op.Input("input: T").Input("num_lower: Tindex").Input("num_upper: Tindex");
  op.Output("band: T").Attr("T: type").Attr("Tindex: type = DT_INT64");
  op.Shape(MatrixRule);
  op.Kernel<MatrixBandPart>();
});
REGISTER_OP("Diag", [](OpBuilder& op) {
  op.Input("diagonal: T").Output("output: T").Attr("T: type");
  AddDiagKernels<Diag>(op);
  op.Shape(DiagRule);
});
REGISTER_OP("DiagPart", [](OpBuilder& op) {
  op.Input("input: T").Output("diagonal: T").Attr("T: type");
  AddDiagKernels<DiagPart>(op);
  op.Shape(DiagPartRule);
});

}  // namespace
}  // namespace metagraph
