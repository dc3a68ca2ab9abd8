#pragma once

// What the kernels of TensorLists read and write in the same way.

#include "absl/status/statusor.h"
#include "core/op/kernel_context.h"
#include "core/tensor/tensor_list.h"
#include "core/tensor/tensor_shape.h"

namespace metagraph {

// The list in input i, a scalar variant. INVALID_ARGUMENT: it is none.
absl::StatusOr<const TensorList*> InputList(const KernelContext& ctx, int i);
// The same, of tensors of `dtype`.
absl::StatusOr<const TensorList*> InputList(const KernelContext& ctx, int i,
                                            DataType dtype);

// Output 0 with the elements of input 0: its buffer, if this kernel is its last
// reader. Lists in it are changed after TakeList only.
absl::StatusOr<Variant*> TakeLists(KernelContext& ctx);
// The list in an element of TakeLists, to be changed: a copy, if anybody else
// holds it. REQUIRES: it is a list.
absl::StatusOr<TensorList*> TakeList(Variant* element);
// The list of input 0 as output 0, to be changed. REQUIRES: InputList(ctx, 0)
// is OK.
absl::StatusOr<TensorList*> TakeList(KernelContext& ctx);
// A new empty list as output 0.
absl::StatusOr<TensorList*> NewList(KernelContext& ctx, DataType dtype,
                                    PartialShape element_shape,
                                    int64_t max_size = TensorList::kUnbounded);

// The shape that input i describes: an int32 or int64 vector with -1 for what
// is unknown, or the scalar -1.
absl::StatusOr<PartialShape> InputShape(const KernelContext& ctx, int i);
// The same, merged with the list's element shape.
absl::StatusOr<PartialShape> InputShape(const KernelContext& ctx, int i,
                                        const TensorList& list);
// Merges what is known of the elements into `shape`.
absl::Status MergeElement(const Tensor& element, PartialShape* shape);
// Without its first dimension; of unknown rank stays so. REQUIRES: rank != 0.
PartialShape WithoutFirstDim(const PartialShape& shape);

// The one element of input i, an int32.
absl::StatusOr<int64_t> InputIndex(const KernelContext& ctx, int i,
                                   absl::string_view name);

}  // namespace metagraph
