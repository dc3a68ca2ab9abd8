// Where.

#include "core/kernels/elements.h"
#include "core/kernels/looks.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// Elements of one look whether the call is still wanted.
constexpr int64_t kLookedAt = 65536;

// Returns fn.operator()<T>(): floating types as themselves, because -0 is zero;
// others as integers of their size.
template <typename Fn>
absl::Status WithNumbersOf(DataType dtype, Fn fn) {
  switch (dtype) {
    case DT_FLOAT:
      return fn.template operator()<float>();
    case DT_DOUBLE:
      return fn.template operator()<double>();
    case DT_HALF:
      return fn.template operator()<half>();
    case DT_BFLOAT16:
      return fn.template operator()<bfloat16>();
    case DT_COMPLEX64:
      return fn.template operator()<complex64>();
    case DT_COMPLEX128:
      return fn.template operator()<complex128>();
    default:
      break;
  }
  switch (DataTypeSize(dtype)) {
    case 1:
      return fn.template operator()<uint8_t>();
    case 2:
      return fn.template operator()<uint16_t>();
    case 4:
      return fn.template operator()<uint32_t>();
    default:
      return fn.template operator()<uint64_t>();
  }
}

// The coordinates of all elements that are not zero.
class Where final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    if (!IsPlainData(construction.input_type(0))) {
      return Unimplemented("where of ",
                           DataTypeName(construction.input_type(0)));
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    const int rank = input.rank();
    if (rank == 0) {
      return InvalidArgument("WhereOp : Unhandled input dimensions: 0");
    }
    // First counted, then found, so that the budget knows all that is made.
    return WithNumbersOf(input.dtype(), [&]<typename T>() -> absl::Status {
      const T* const values = static_cast<const T*>(input.raw_data());
      ASSIGN_OR_RETURN(const int64_t found,
                       CountNonZeros(ctx, values, input.num_elements()));
      ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {found, rank}));
      if (found == 0) return absl::OkStatus();
      return Find(ctx, values, input.shape(), output->mutable_data<int64_t>());
    });
  }

 private:
  template <typename T>
  static absl::StatusOr<int64_t> CountNonZeros(const KernelContext& ctx,
                                               const T* values, int64_t size) {
    int64_t count = 0;
    for (int64_t begin = 0; begin < size; begin += kLookedAt) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      const int64_t end = std::min(size, begin + kLookedAt);
      for (int64_t i = begin; i < end; ++i) count += values[i] != T(0);
    }
    return count;
  }

  // Writes the coordinates of each one that is not zero, row by row.
  template <typename T>
  static absl::Status Find(const KernelContext& ctx, const T* values,
                           const TensorShape& shape, int64_t* out) {
    const int rank = shape.rank();
    const int64_t columns = shape.dim(rank - 1);
    const int64_t rows = shape.num_elements() / columns;
    Looks looks(ctx);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t begin = 0; begin < columns; begin += kLookedAt) {
        const int64_t end = std::min(columns, begin + kLookedAt);
        RETURN_IF_ERROR(looks.After(end - begin));
        for (int64_t column = begin; column < end; ++column) {
          if (values[row * columns + column] == T(0)) continue;
          out[rank - 1] = column;
          int64_t rest = row;
          for (int d = rank - 2; d >= 0; --d) {
            out[d] = rest % shape.dim(d);
            rest /= shape.dim(d);
          }
          out += rank;
        }
      }
    }
    return absl::OkStatus();
  }
};

absl::Status WhereRule(ShapeContext& ctx) {
  ctx.SetOutput(0, PartialShape({kUnknownDim, ctx.input(0).rank()}));
  return absl::OkStatus();
}

REGISTER_OP("Where", [](OpBuilder& op) {
  op.Input("input: T").Output("index: int64").Attr("T: type = DT_BOOL");
  op.Shape(WhereRule);
  op.Kernel<Where>();
});

}  // namespace
}  // namespace metagraph
