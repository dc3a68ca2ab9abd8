// TensorLists: values, not resources. An op that changes a list gives a new
// one, which is the old object where nobody else holds it: a loop that pushes n
// elements takes n steps. These ops look at single elements; whole lists are
// joined in tensor_list_join.cc and cut from tensors in tensor_list_cut.cc.

#include <utility>

#include "core/kernels/list_inputs.h"
#include "core/kernels/tensor_summary.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/zeros.h"

namespace metagraph {
namespace {

class EmptyList final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("element_dtype", &dtype_);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& max_size = ctx.input(1);
    if (max_size.rank() != 0) {
      return InvalidArgument(
          "max_num_elements expected to be a scalar but got shape: ",
          max_size.shape().ToString());
    }
    ASSIGN_OR_RETURN(PartialShape shape, InputShape(ctx, 0));
    return NewList(ctx, dtype_, std::move(shape), max_size.scalar<int32_t>())
        .status();
  }

 private:
  DataType dtype_ = DT_INVALID;
};

class ReserveList final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("element_dtype", &dtype_);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(PartialShape shape, InputShape(ctx, 0));
    const Tensor& size = ctx.input(1);
    if (size.rank() != 0) {
      return InvalidArgument(
          "The num_elements to reserve must be a tensor size 1, but got ",
          size.shape().ToString());
    }
    if (size.scalar<int32_t>() < 0) {
      return InvalidArgument(
          "The num_elements to reserve must be a non negative number, but "
          "got ",
          size.scalar<int32_t>());
    }
    ASSIGN_OR_RETURN(TensorList * list, NewList(ctx, dtype_, std::move(shape)));
    return list->Resize(size.scalar<int32_t>());
  }

 private:
  DataType dtype_ = DT_INVALID;
};

class ListLength final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const TensorList* list, InputList(ctx, 0));
    ctx.SetOutput(0,
                  Tensor::Scalar<int32_t>(static_cast<int32_t>(list->size())));
    return absl::OkStatus();
  }
};

class ListElementShape final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const TensorList* list, InputList(ctx, 0));
    return ctx.output_type(0) == DT_INT32
               ? Describe<int32_t>(ctx, list->element_shape())
               : Describe<int64_t>(ctx, list->element_shape());
  }

 private:
  template <typename T>
  static absl::Status Describe(KernelContext& ctx, const PartialShape& shape) {
    TensorShape scalar;
    ASSIGN_OR_RETURN(
        Tensor * out,
        ctx.AllocateOutput(
            0, shape.known_rank() ? TensorShape{shape.rank()} : scalar));
    T* dims = out->mutable_data<T>();
    if (!shape.known_rank()) *dims = -1;
    for (int i = 0; i < shape.rank(); ++i) {
      dims[i] = static_cast<T>(shape.dim(i));
    }
    return absl::OkStatus();
  }
};

class ResizeList final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    RETURN_IF_ERROR(InputList(ctx, 0).status());
    const Tensor& size = ctx.input(1);
    if (size.rank() != 0) return InvalidArgument("size must be a scalar");
    if (size.scalar<int32_t>() < 0) {
      return InvalidArgument(
          "TensorListSlice expects size to be non-negative. Got: ",
          size.scalar<int32_t>());
    }
    ASSIGN_OR_RETURN(TensorList * list, TakeList(ctx));
    return list->Resize(size.scalar<int32_t>());
  }
};

class GetListItem final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const TensorList* list,
                     InputList(ctx, 0, ctx.output_type(0)));
    ASSIGN_OR_RETURN(const int64_t index, InputIndex(ctx, 1, "index"));
    if (index < 0 || index >= list->size()) {
      return InvalidArgument("Trying to access element ", index,
                             " in a list with ", list->size(), " elements.");
    }
    const Tensor& element = (*list)[index];
    if (element.initialized()) {
      ctx.SetOutput(0, element);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(PartialShape shape, InputShape(ctx, 2, *list));
    if (!shape.IsFullyDefined()) {
      for (const Tensor& other : list->elements()) {
        RETURN_IF_ERROR(MergeElement(other, &shape));
      }
    }
    if (!shape.IsFullyDefined()) {
      return InvalidArgument(
          "Trying to read an uninitialized tensor but element_shape is not "
          "fully defined: ",
          shape.ToString(), " and no list element is set.");
    }
    ASSIGN_OR_RETURN(const TensorShape full, shape.AsTensorShape());
    ASSIGN_OR_RETURN(Tensor zeros, Zeros(list->dtype(), full));
    ctx.SetOutput(0, std::move(zeros));
    return absl::OkStatus();
  }
};

class SetListItem final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(grows_,
                     construction.Attr<bool>("resize_if_index_out_of_bounds"));
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& item = ctx.input(2);
    ASSIGN_OR_RETURN(const TensorList* list, InputList(ctx, 0, item.dtype()));
    if (!list->element_shape().IsCompatibleWith(item.shape())) {
      return InvalidArgument(
          "Tried to set a tensor with incompatible shape at a list index. Item "
          "element shape: ",
          item.shape().ToString(),
          " list shape: ", list->element_shape().ToString());
    }
    const Tensor& index_tensor = ctx.input(1);
    if (index_tensor.rank() != 0) {
      return InvalidArgument(
          "Expected argument 1 to be a scalar. ReceivedTensor<type: int32 "
          "shape: ",
          index_tensor.shape().ToString(),
          " values: ", SummarizeTensor(index_tensor, 3), ">");
    }
    const int64_t index = index_tensor.scalar<int32_t>();
    if (index < 0 || (index >= list->size() && !grows_)) {
      return InvalidArgument("Trying to modify element ", index,
                             " in a list with ", list->size(), " elements.");
    }
    ASSIGN_OR_RETURN(TensorList * taken, TakeList(ctx));
    if (index >= taken->size()) RETURN_IF_ERROR(taken->Resize(index + 1));
    taken->Set(index, item);
    return absl::OkStatus();
  }

 private:
  bool grows_ = false;
};

class PushOntoList final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& item = ctx.input(1);
    ASSIGN_OR_RETURN(const TensorList* list, InputList(ctx, 0, item.dtype()));
    if (!list->element_shape().IsCompatibleWith(item.shape())) {
      return InvalidArgument(
          "Tried to append a tensor with incompatible shape to a list. Op "
          "element shape: ",
          item.shape().ToString(),
          " list shape: ", list->element_shape().ToString());
    }
    if (list->max_size() >= 0 && list->size() >= list->max_size()) {
      return InvalidArgument("Tried to push item into a full list",
                             " list size: ", list->size(),
                             " max_num_elements: ", list->max_size());
    }
    ASSIGN_OR_RETURN(TensorList * taken, TakeList(ctx));
    return taken->PushBack(item);
  }
};

class PopFromList final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const TensorList* list,
                     InputList(ctx, 0, ctx.output_type(1)));
    if (list->size() == 0) {
      return InvalidArgument("Trying to pop from an empty list.");
    }
    Tensor zeros;
    if (!(*list)[list->size() - 1].initialized()) {
      ASSIGN_OR_RETURN(const PartialShape shape, InputShape(ctx, 1, *list));
      if (!shape.IsFullyDefined()) {
        return InvalidArgument(
            "Trying to read an uninitialized tensor but element_shape is not "
            "fully defined.",
            shape.ToString());
      }
      ASSIGN_OR_RETURN(const TensorShape full, shape.AsTensorShape());
      ASSIGN_OR_RETURN(zeros, Zeros(list->dtype(), full));
    }
    ASSIGN_OR_RETURN(TensorList * taken, TakeList(ctx));
    Tensor last = taken->PopBack();
    ctx.SetOutput(1, last.initialized() ? std::move(last) : std::move(zeros));
    return absl::OkStatus();
  }
};

// Row i of the tensor is pushed onto list i.
class PushOntoLists final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& handles = ctx.input(0);
    const Tensor& rows = ctx.input(1);
    if (rows.rank() == 0) {
      return InvalidArgument(
          "Expected tensor to be at least a vector, but saw shape: []");
    }
    if (handles.rank() != 1) {
      return InvalidArgument(
          "Expected input_handles to be a vector, but saw shape: ",
          handles.shape().ToString());
    }
    if (rows.dim(0) != handles.num_elements()) {
      return InvalidArgument(
          "Expected tensor.shape[0] == input_handles.size, but saw ",
          rows.dim(0), " vs. ", handles.num_elements());
    }
    TensorShape shape = rows.shape();
    shape.RemoveDim(0);
    for (int64_t i = 0; i < handles.num_elements(); ++i) {
      RETURN_IF_ERROR(
          Check(handles.data<Variant>()[i], rows.dtype(), shape, i));
    }
    ASSIGN_OR_RETURN(Variant * elements, TakeLists(ctx));
    for (int64_t i = 0; i < handles.num_elements(); ++i) {
      ASSIGN_OR_RETURN(TensorList * list, TakeList(&elements[i]));
      RETURN_IF_ERROR(list->PushBack(rows.Rows(i, i + 1).Reshaped(shape)));
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status Check(const Variant& handle, DataType dtype,
                            const TensorShape& shape, int64_t i) {
    const auto* list = handle.As<TensorList>();
    if (list == nullptr) {
      return InvalidArgument("Input handle at index ", i,
                             " is not a list. Saw: '", handle.DebugString(),
                             "'");
    }
    if (list->dtype() != dtype) {
      return InvalidArgument("Invalid data type at index ", i, "; op elements ",
                             DataTypeName(dtype), " but list elements ",
                             DataTypeName(list->dtype()));
    }
    if (!list->element_shape().IsCompatibleWith(shape)) {
      return InvalidArgument(
          "Tried to append a tensor with incompatible shape to a list at "
          "index ",
          i, ". Op element shape: ", shape.ToString(),
          " list shape: ", list->element_shape().ToString());
    }
    return absl::OkStatus();
  }
};

// The elements of list i of the second input go behind those of the first's.
class ConcatLists final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("element_dtype", &dtype_);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& a = ctx.input(0);
    const Tensor& b = ctx.input(1);
    if (!(a.shape() == b.shape())) {
      return InvalidArgument(
          "Incompatible input TensorList tensor shapes: ", a.shape().ToString(),
          " vs. ", b.shape().ToString());
    }
    for (int64_t i = 0; i < a.num_elements(); ++i) {
      const Variant& first = a.data<Variant>()[i];
      const Variant& second = b.data<Variant>()[i];
      RETURN_IF_ERROR(CheckIsList("input_a", i, first));
      RETURN_IF_ERROR(CheckIsList("input_b", i, second));
      RETURN_IF_ERROR(CheckDtype("input_a", i, first));
      RETURN_IF_ERROR(CheckDtype("input_b", i, second));
      const PartialShape& one = first.As<TensorList>()->element_shape();
      const PartialShape& other = second.As<TensorList>()->element_shape();
      if (one.known_rank() != other.known_rank() ||
          one.dims() != other.dims()) {
        return InvalidArgument(
            "input_a and input_b TensorList element shapes are not identical "
            "at index ",
            i, ".  Saw ", one.ToString(), " vs. ", other.ToString());
      }
    }
    ASSIGN_OR_RETURN(Variant * elements, TakeLists(ctx));
    for (int64_t i = 0; i < a.num_elements(); ++i) {
      const auto* more = b.data<Variant>()[i].As<TensorList>();
      ASSIGN_OR_RETURN(TensorList * list, TakeList(&elements[i]));
      for (const Tensor& element : more->elements()) {
        RETURN_IF_ERROR(list->PushBack(element));
      }
    }
    return absl::OkStatus();
  }

 private:
  static absl::Status CheckIsList(absl::string_view input, int64_t i,
                                  const Variant& element) {
    if (element.As<TensorList>() != nullptr) return absl::OkStatus();
    return InvalidArgument(input, " is not a TensorList at index ", i,
                           ".  Saw: '", element.DebugString(), "'");
  }
  absl::Status CheckDtype(absl::string_view input, int64_t i,
                          const Variant& element) const {
    const DataType dtype = element.As<TensorList>()->dtype();
    if (dtype == dtype_) return absl::OkStatus();
    return InvalidArgument(input, "[", i, "].dtype != element_dtype.  Saw: ",
                           DataTypeName(dtype), " vs. ", DataTypeName(dtype_));
  }

  DataType dtype_ = DT_INVALID;
};

// Of the element that was popped nothing is known: it need not have the list's
// element shape.
absl::Status PopRule(ShapeContext& ctx) {
  ctx.SetOutput(0, PartialShape(TensorShape()));
  return absl::OkStatus();
}

REGISTER_OP("EmptyTensorList", [](OpBuilder& op) {
  op.Input("element_shape: shape_type").Input("max_num_elements: int32");
  op.Output("handle: variant");
  op.Attr("element_dtype: type").Attr("shape_type: type");
  op.Shape(ScalarRule);
  op.Kernel<EmptyList>();
});
REGISTER_OP("TensorListReserve", [](OpBuilder& op) {
  op.Input("element_shape: shape_type").Input("num_elements: int32");
  op.Output("handle: variant");
  op.Attr("element_dtype: type").Attr("shape_type: type");
  op.Shape(ScalarRule);
  op.Kernel<ReserveList>();
});
REGISTER_OP("TensorListLength", [](OpBuilder& op) {
  op.Input("input_handle: variant").Output("length: int32");
  op.Shape(ScalarRule);
  op.Kernel<ListLength>();
});
REGISTER_OP("TensorListElementShape", [](OpBuilder& op) {
  op.Input("input_handle: variant").Output("element_shape: shape_type");
  op.Attr("shape_type: type");
  op.Shape(UnknownRule);
  op.Kernel<ListElementShape>();
});
REGISTER_OP("TensorListResize", [](OpBuilder& op) {
  op.Input("input_handle: variant").Input("size: int32");
  op.Output("output_handle: variant");
  op.Shape(ScalarRule);
  op.Kernel<ResizeList>();
});
REGISTER_OP("TensorListGetItem", [](OpBuilder& op) {
  op.Input("input_handle: variant").Input("index: int32");
  op.Input("element_shape: Tshape").Output("item: element_dtype");
  op.Attr("element_dtype: type").Attr("Tshape: type = DT_INT32");
  op.Shape(UnknownRule);
  op.Kernel<GetListItem>();
});
REGISTER_OP("TensorListSetItem", [](OpBuilder& op) {
  op.Input("input_handle: variant").Input("index: int32");
  op.Input("item: element_dtype").Output("output_handle: variant");
  op.Attr("element_dtype: type");
  op.Attr("resize_if_index_out_of_bounds: bool = false");
  op.Shape(ScalarRule);
  op.Kernel<SetListItem>();
});
REGISTER_OP("TensorListPushBack", [](OpBuilder& op) {
  op.Input("input_handle: variant").Input("tensor: element_dtype");
  op.Output("output_handle: variant").Attr("element_dtype: type");
  op.Shape(ScalarRule);
  op.Kernel<PushOntoList>();
});
REGISTER_OP("TensorListPopBack", [](OpBuilder& op) {
  op.Input("input_handle: variant").Input("element_shape: int32");
  op.Output("output_handle: variant").Output("tensor: element_dtype");
  op.Attr("element_dtype: type");
  op.Shape(PopRule);
  op.Kernel<PopFromList>();
});
REGISTER_OP("TensorListPushBackBatch", [](OpBuilder& op) {
  op.Input("input_handles: variant").Input("tensor: element_dtype");
  op.Output("output_handles: variant").Attr("element_dtype: type");
  op.Shape(UnchangedRule);
  op.Kernel<PushOntoLists>();
});
REGISTER_OP("TensorListConcatLists", [](OpBuilder& op) {
  op.Input("input_a: variant").Input("input_b: variant");
  op.Output("output: variant").Attr("element_dtype: type");
  op.Shape(MergedRule);
  op.Kernel<ConcatLists>();
});

}  // namespace
}  // namespace metagraph
