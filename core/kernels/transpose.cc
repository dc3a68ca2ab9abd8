// Transpose and ConjugateTranspose.

#include "absl/strings/str_join.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/strided_copy.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// Output dimension i is input dimension perm[i].
absl::Status CheckPermutation(const Ints& perm, int rank) {
  absl::InlinedVector<bool, 8> seen(rank, false);
  for (int64_t axis : perm) {
    if (axis < 0 || axis >= rank) {
      return InvalidArgument(axis, " is out of range [0 .. ", rank, ")");
    }
    seen[axis] = true;
  }
  for (int i = 0; i < rank; ++i) {
    if (!seen[i]) {
      return InvalidArgument(i, " is missing from {", absl::StrJoin(perm, ","),
                             "}.");
    }
  }
  return absl::OkStatus();
}

template <typename T>
void Conjugate(Tensor* tensor) {
  for (T& value : tensor->mutable_values<T>()) value = std::conj(value);
}

template <bool kConjugate>
class Transpose final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& x = ctx.input(0);
    const int rank = x.rank();
    const TensorShape& perm_shape = ctx.input(1).shape();
    if (!perm_shape.IsVector()) {
      return InvalidArgument("perm must be rank 1, got shape ",
                             perm_shape.ToString());
    }
    if (perm_shape.dim(0) != rank) {
      return InvalidArgument("transpose expects a vector of size ", rank,
                             ". But input(1) is a vector of size ",
                             perm_shape.dim(0));
    }
    ASSIGN_OR_RETURN(Ints perm, ReadInts(ctx.input(1)));
    for (int64_t& axis : perm) {
      if (axis < 0 && axis >= -rank) axis += rank;
    }
    RETURN_IF_ERROR(CheckPermutation(perm, rank));

    Ints sizes(rank);
    for (int i = 0; i < rank; ++i) sizes[i] = x.dim(perm[i]);
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(sizes));
    const bool conjugate = kConjugate && IsComplexType(x.dtype());
    if (!conjugate && KeepsOrder(x.shape(), perm)) {
      ctx.SetOutput(0, x.Reshaped(shape));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(Tensor * y, ctx.AllocateOutput(0, shape));
    if (y->num_elements() == 0) return absl::OkStatus();
    const Ints from_strides = ElementStrides(x.shape());
    const Ints to_strides = ElementStrides(shape);
    absl::InlinedVector<StridedDim, 8> dims(rank);
    for (int i = 0; i < rank; ++i) {
      dims[i] = {sizes[i], from_strides[perm[i]], to_strides[i]};
    }
    RETURN_IF_ERROR(CopyStrided(ctx, x.dtype(), dims, x.raw_data(), 0,
                                y->mutable_raw_data(), 0));
    if (conjugate) {
      if (x.dtype() == DT_COMPLEX64) {
        Conjugate<complex64>(y);
      } else {
        Conjugate<complex128>(y);
      }
    }
    return absl::OkStatus();
  }

 private:
  // Whether only dimensions of size one move.
  static bool KeepsOrder(const TensorShape& shape, const Ints& perm) {
    int64_t last = -1;
    for (int64_t axis : perm) {
      if (shape.dim(axis) == 1) continue;
      if (axis < last) return false;
      last = axis;
    }
    return true;
  }
};

absl::Status TransposeRule(ShapeContext& ctx) {
  PartialShape x = ctx.input(0);
  ASSIGN_OR_RETURN(const PartialShape perm_shape, WithRank(ctx.input(1), 1));
  const std::optional<KnownInts> perm = ctx.Ints(1);
  if (!x.known_rank()) {
    if (!perm.has_value()) return absl::OkStatus();
    x = UnknownDims(static_cast<int>(perm->size()));
  }
  const int rank = x.rank();
  if (perm_shape.dim(0) >= 0 && perm_shape.dim(0) != rank) {
    return InvalidArgument("Dimension must be ", rank, " but is ",
                           perm_shape.dim(0));
  }
  Ints dims(rank, kUnknownDim);
  for (int i = 0; perm.has_value() && i < rank; ++i) {
    if ((*perm)[i] == kUnknownInt) continue;
    const int64_t axis = CanonicalAxis((*perm)[i], rank);
    if (axis < 0) {
      return InvalidArgument("perm dim ", (*perm)[i],
                             " is out of range of input rank ", rank);
    }
    dims[i] = x.dim(axis);
  }
  ctx.SetOutput(0, PartialShape(dims));
  return absl::OkStatus();
}

REGISTER_OP("Transpose", [](OpBuilder& op) {
  op.Input("x: T").Input("perm: Tperm").Output("y: T");
  op.Attr("T: type").Attr("Tperm: type = DT_INT32");
  op.Shape(TransposeRule);
  op.Kernel<Transpose<false>>();
});
REGISTER_OP("ConjugateTranspose", [](OpBuilder& op) {
  op.Input("x: T").Input("perm: Tperm").Output("y: T");
  op.Attr("T: type").Attr("Tperm: type = DT_INT32");
  op.Shape(TransposeRule);
  op.Kernel<Transpose<true>>();
});

}  // namespace
}  // namespace metagraph
