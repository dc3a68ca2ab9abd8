// TensorLists of the rows of a tensor: FromTensor, Scatter, Split. The elements
// share the tensor's buffer.

#include <utility>
#include <vector>

#include "core/kernels/list_inputs.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

absl::Status CheckHasRows(const Tensor& tensor) {
  if (tensor.rank() > 0) return absl::OkStatus();
  return InvalidArgument("Tensor must be at least a vector, but saw shape: []");
}

Tensor RowOf(const Tensor& tensor, int64_t i) {
  TensorShape shape = tensor.shape();
  shape.RemoveDim(0);
  return tensor.Rows(i, i + 1).Reshaped(shape);
}

// Whether the rows of the tensor may be elements of a list of that shape.
absl::Status CheckRows(const Tensor& tensor, const PartialShape& element) {
  RETURN_IF_ERROR(CheckHasRows(tensor));
  TensorShape shape = tensor.shape();
  shape.RemoveDim(0);
  if (element.IsCompatibleWith(shape)) return absl::OkStatus();
  return InvalidArgument("Specified a list with shape ", element.ToString(),
                         " from a tensor with shape ", shape.ToString());
}

class ListFromTensor final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& tensor = ctx.input(0);
    const Tensor& described = ctx.input(1);
    if (described.rank() > 1) {
      return InvalidArgument(
          "TensorListFromTensor: element_shape must be at most rank 1 but has "
          "the shape of ",
          described.shape().ToString());
    }
    ASSIGN_OR_RETURN(PartialShape element, InputShape(ctx, 1));
    RETURN_IF_ERROR(CheckRows(tensor, element));
    ASSIGN_OR_RETURN(TensorList * list,
                     NewList(ctx, tensor.dtype(), std::move(element)));
    RETURN_IF_ERROR(list->Resize(tensor.dim(0)));
    for (int64_t i = 0; i < list->size(); ++i) list->Set(i, RowOf(tensor, i));
    return absl::OkStatus();
  }
};

// Row i of the tensor becomes element indices[i] of the list, which grows if it
// `may_grow`.
absl::Status ScatterRows(const Tensor& tensor,
                         absl::Span<const int32_t> indices, bool may_grow,
                         TensorList* list) {
  int64_t size = list->size();
  for (const int32_t index : indices) {
    if (index < 0) {
      return InvalidArgument(
          "Indices in TensorListScatter must all be non-negative.");
    }
    if (index < size) continue;
    if (!may_grow) {
      return InvalidArgument("TensorListScatter: Trying to scatter at index ",
                             index, " in list with size ", size);
    }
    size = int64_t{index} + 1;
  }
  RETURN_IF_ERROR(list->Resize(size));
  for (size_t i = 0; i < indices.size(); ++i) {
    list->Set(indices[i], RowOf(tensor, static_cast<int64_t>(i)));
  }
  return absl::OkStatus();
}

// A new list: as long as the largest index wants, or, if the second version
// says so, as long as it says.
class ScatterIntoNewList final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& tensor = ctx.input(0);
    const auto indices = ctx.input(1).values<int32_t>();
    int64_t size = -1;
    if (ctx.num_inputs() > 3) {
      if (ctx.input(3).rank() != 0) {
        return InvalidArgument("num_elements must be a scalar");
      }
      size = ctx.input(3).scalar<int32_t>();
      if (size < -1) {
        return InvalidArgument(
            "TensorListScatter expects num_elements >= -1, found: ", size);
      }
    }
    ASSIGN_OR_RETURN(PartialShape element, InputShape(ctx, 2));
    RETURN_IF_ERROR(CheckRows(tensor, element));
    if (static_cast<int64_t>(indices.size()) != tensor.dim(0)) {
      return InvalidArgument(
          "Invalid number of rows in input tensor. Expected: ", indices.size(),
          " Actual: ", tensor.dim(0));
    }
    ASSIGN_OR_RETURN(TensorList * list,
                     NewList(ctx, tensor.dtype(), std::move(element)));
    if (size > 0) RETURN_IF_ERROR(list->Resize(size));
    return ScatterRows(tensor, indices, /*may_grow=*/size == -1, list);
  }
};

// TensorFlow does not hold the rows to the list's element shape.
class ScatterIntoList final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& tensor = ctx.input(1);
    const Tensor& indices = ctx.input(2);
    ASSIGN_OR_RETURN(const TensorList* list, InputList(ctx, 0));
    if (list->dtype() != tensor.dtype()) {
      return InvalidArgument(
          "Invalid data types; input tensor type: ",
          DataTypeName(tensor.dtype()),
          " list element_type: ", DataTypeName(list->dtype()));
    }
    RETURN_IF_ERROR(CheckHasRows(tensor));
    if (indices.rank() != 1) {
      return InvalidArgument(
          "Expected indices to be a vector, but received shape: ",
          indices.shape().ToString());
    }
    if (indices.num_elements() != tensor.dim(0)) {
      return InvalidArgument(
          "Expected len(indices) == tensor.shape[0], but saw: ",
          indices.num_elements(), " vs. ", tensor.dim(0));
    }
    ASSIGN_OR_RETURN(TensorList * taken, TakeList(ctx));
    return ScatterRows(tensor, indices.values<int32_t>(), /*may_grow=*/true,
                       taken);
  }
};

class SplitIntoList final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& tensor = ctx.input(0);
    const Tensor& lengths = ctx.input(2);
    ASSIGN_OR_RETURN(PartialShape element, InputShape(ctx, 1));
    if (element.rank() == 0) {
      return InvalidArgument(
          "TensorListSplit requires element_shape to be at least of rank 1, "
          "but saw: []");
    }
    RETURN_IF_ERROR(CheckHasRows(tensor));
    if (lengths.rank() != 1) {
      return InvalidArgument(
          "Expected lengths to be a vector, received shape: ",
          lengths.shape().ToString());
    }
    if (element.known_rank()) {
      // As long as any.
      std::vector<int64_t> dims(element.dims().begin(), element.dims().end());
      dims[0] = -1;
      const PartialShape any(dims);
      if (!any.IsCompatibleWith(tensor.shape())) {
        return InvalidArgument("tensor shape ", tensor.shape().ToString(),
                               " is not compatible with element_shape ",
                               any.ToString());
      }
    }
    ASSIGN_OR_RETURN(TensorList * list,
                     NewList(ctx, tensor.dtype(), std::move(element)));
    RETURN_IF_ERROR(list->Resize(lengths.num_elements()));
    const int64_t rows = tensor.dim(0);
    int64_t begin = 0;
    for (int64_t i = 0; i < list->size(); ++i) {
      const int64_t length = lengths.data<int64_t>()[i];
      if (length < 0) {
        return InvalidArgument("Invalid value in lengths: ", length);
      }
      if (length > rows - begin) {
        return InvalidArgument("Attempting to slice [", begin, ", ",
                               begin + static_cast<uint64_t>(length),
                               "] from tensor with length ", rows);
      }
      list->Set(i, tensor.Rows(begin, begin + length));
      begin += length;
    }
    if (begin != rows) {
      return InvalidArgument("Unused values in tensor. Length of tensor: ",
                             rows, " Values used: ", begin);
    }
    return absl::OkStatus();
  }
};

// The tensor that becomes a list, of elements of a shape that is given.
void DescribeCut(OpBuilder& op) {
  op.Output("output_handle: variant");
  op.Attr("element_dtype: type").Attr("shape_type: type");
  op.Shape(ScalarRule);
}

REGISTER_OP("TensorListFromTensor", [](OpBuilder& op) {
  op.Input("tensor: element_dtype").Input("element_shape: shape_type");
  DescribeCut(op);
  op.Kernel<ListFromTensor>();
});
REGISTER_OP("TensorListScatter", [](OpBuilder& op) {
  op.Input("tensor: element_dtype").Input("indices: int32");
  op.Input("element_shape: shape_type");
  DescribeCut(op);
  op.Kernel<ScatterIntoNewList>();
});
REGISTER_OP("TensorListScatterV2", [](OpBuilder& op) {
  op.Input("tensor: element_dtype").Input("indices: int32");
  op.Input("element_shape: shape_type").Input("num_elements: int32");
  DescribeCut(op);
  op.Kernel<ScatterIntoNewList>();
});
REGISTER_OP("TensorListSplit", [](OpBuilder& op) {
  op.Input("tensor: element_dtype").Input("element_shape: shape_type");
  op.Input("lengths: int64");
  DescribeCut(op);
  op.Kernel<SplitIntoList>();
});
REGISTER_OP("TensorListScatterIntoExistingList", [](OpBuilder& op) {
  op.Input("input_handle: variant").Input("tensor: element_dtype");
  op.Input("indices: int32").Output("output_handle: variant");
  op.Attr("element_dtype: type");
  op.Shape(ScalarRule);
  op.Kernel<ScatterIntoList>();
});

}  // namespace
}  // namespace metagraph
