#include "core/kernels/list_inputs.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/rank_checks.h"

namespace metagraph {

absl::StatusOr<const TensorList*> InputList(const KernelContext& ctx, int i) {
  const Tensor& handle = ctx.input(i);
  RETURN_IF_ERROR(RequireScalar(handle, "Input list must be a scalar saw: "));
  const auto& variant = handle.scalar<Variant>();
  const auto* list = variant.As<TensorList>();
  if (list == nullptr) {
    return InvalidArgument("Input handle is not a list. Saw: '",
                           variant.DebugString(), "'");
  }
  return list;
}

absl::StatusOr<const TensorList*> InputList(const KernelContext& ctx, int i,
                                            DataType dtype) {
  ASSIGN_OR_RETURN(const TensorList* list, InputList(ctx, i));
  if (list->dtype() != dtype) {
    return InvalidArgument("Invalid data types; op elements ",
                           DataTypeName(dtype), " but list elements ",
                           DataTypeName(list->dtype()));
  }
  return list;
}

absl::StatusOr<Variant*> TakeLists(KernelContext& ctx) {
  const Tensor& lists = ctx.input(0);
  // A list that was put into itself would never be freed.
  bool shared = false;
  for (int i = 1; i < ctx.num_inputs(); ++i) {
    shared = shared || ctx.input(i).SharesBufferWith(lists);
  }
  ASSIGN_OR_RETURN(Tensor * out,
                   shared ? ctx.AllocateOutput(0, lists.shape())
                          : ctx.ForwardOrAllocateOutput({0}, 0, lists.shape()));
  auto* elements = out->mutable_data<Variant>();
  if (elements != lists.data<Variant>()) {
    std::copy_n(lists.data<Variant>(), lists.num_elements(), elements);
  }
  return elements;
}

absl::StatusOr<TensorList*> TakeList(KernelContext& ctx) {
  ASSIGN_OR_RETURN(Variant * element, TakeLists(ctx));
  return TakeList(element);
}

absl::StatusOr<TensorList*> TakeList(Variant* element) {
  auto* list = element->Mutable<TensorList>();
  if (list != nullptr) return list;
  ASSIGN_OR_RETURN(*element, element->As<TensorList>()->Copy());
  return element->Mutable<TensorList>();
}

absl::StatusOr<TensorList*> NewList(KernelContext& ctx, DataType dtype,
                                    PartialShape element_shape,
                                    int64_t max_size) {
  ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, TensorShape()));
  auto* element = out->mutable_data<Variant>();
  *element =
      Variant::Make<TensorList>(dtype, std::move(element_shape), max_size);
  return element->Mutable<TensorList>();
}

absl::StatusOr<PartialShape> InputShape(const KernelContext& ctx, int i) {
  const Tensor& tensor = ctx.input(i);
  ASSIGN_OR_RETURN(const Ints dims, ReadInts(tensor));
  if (tensor.rank() == 0) {
    if (dims[0] == -1) return PartialShape();
    return InvalidArgument(
        "The only valid scalar shape tensor is the fully unknown shape "
        "specified as -1.");
  }
  if (tensor.rank() > 1) {
    return InvalidArgument("Shape must be at most rank 1 but is rank ",
                           tensor.rank());
  }
  if (dims.size() > TensorShape::kMaxRank) {
    return InvalidArgument("Shape has ", dims.size(), " dimensions, at most ",
                           TensorShape::kMaxRank, " are possible");
  }
  for (const int64_t dim : dims) {
    if (dim < -1) return InvalidArgument("Dimension ", dim, " must be >= -1");
  }
  PartialShape shape(dims);
  if (shape.IsFullyDefined() && !shape.AsTensorShape().ok()) {
    return InvalidArgument("Shape ", shape.ToString(),
                           " would have more than 2**63 - 1 elements");
  }
  return shape;
}

absl::StatusOr<PartialShape> InputShape(const KernelContext& ctx, int i,
                                        const TensorList& list) {
  ASSIGN_OR_RETURN(const PartialShape shape, InputShape(ctx, i));
  return shape.MergeWith(list.element_shape());
}

absl::Status MergeElement(const Tensor& element, PartialShape* shape) {
  if (!element.initialized()) return absl::OkStatus();
  if (shape->IsFullyDefined() && shape->IsCompatibleWith(element.shape())) {
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(*shape, shape->MergeWith(PartialShape(element.shape())));
  return absl::OkStatus();
}

PartialShape WithoutFirstDim(const PartialShape& shape) {
  if (!shape.known_rank()) return shape;
  return PartialShape(shape.dims().subspan(1));
}

absl::StatusOr<int64_t> InputIndex(const KernelContext& ctx, int i,
                                   absl::string_view name) {
  const Tensor& index = ctx.input(i);
  if (index.num_elements() != 1) {
    return InvalidArgument(
        name, " must be a scalar, but had shape: ", index.shape().ToString());
  }
  return index.data<int32_t>()[0];
}

}  // namespace metagraph
