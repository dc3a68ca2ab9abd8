// One tensor of many elements of a TensorList: Stack, Gather, Concat.

#include <utility>
#include <vector>

#include "core/base/checked_math.h"
#include "core/kernels/joiner.h"
#include "core/kernels/list_inputs.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// `first` before the sizes of `rest`, which is fully defined.
absl::StatusOr<TensorShape> Under(int64_t first, const PartialShape& rest) {
  std::vector<int64_t> dims = {first};
  dims.insert(dims.end(), rest.dims().begin(), rest.dims().end());
  return TensorShape::Build(dims);
}

// Row i of output 0 becomes element index(i) of the list. REQUIRES: elements
// that are initialized have the shape `element`.
template <typename IndexOf>
absl::Status SetRows(KernelContext& ctx, const TensorList& list, int64_t rows,
                     IndexOf index, const PartialShape& element) {
  ASSIGN_OR_RETURN(const TensorShape row, element.AsTensorShape());
  ASSIGN_OR_RETURN(const TensorShape shape, Under(rows, element));
  if (rows == 1 && list[index(0)].initialized()) {
    ctx.SetOutput(0, list[index(0)].Reshaped(shape));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
  Joiner joiner(out);
  for (int64_t i = 0; i < rows; ++i) {
    const Tensor& value = list[index(i)];
    if (value.initialized()) {
      RETURN_IF_ERROR(joiner.Append(value));
    } else {
      joiner.AppendZeros(row.num_elements());
    }
  }
  return absl::OkStatus();
}

class StackList final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("num_elements", &size_);
  }
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const TensorList* list,
                     InputList(ctx, 0, ctx.output_type(0)));
    if (size_ != -1 && size_ != list->size()) {
      return InvalidArgument("Operation expected a list with ", size_,
                             " elements but got a list with ", list->size(),
                             " elements.");
    }
    ASSIGN_OR_RETURN(PartialShape shape, InputShape(ctx, 1, *list));
    if (list->size() == 0 && !shape.IsFullyDefined()) {
      return InvalidArgument(
          "Tried to stack elements of an empty list with non-fully-defined "
          "element_shape: ",
          shape.ToString());
    }
    for (const Tensor& element : list->elements()) {
      RETURN_IF_ERROR(MergeElement(element, &shape));
    }
    if (!shape.IsFullyDefined()) {
      return InvalidArgument(
          "Tried to stack list which only contains uninitialized tensors and "
          "has a non-fully-defined element_shape: ",
          shape.ToString());
    }
    return SetRows(
        ctx, *list, list->size(), [](int64_t i) { return i; }, shape);
  }

 private:
  int64_t size_ = -1;
};

class GatherFromList final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const TensorList* list,
                     InputList(ctx, 0, ctx.output_type(0)));
    const auto indices = ctx.input(1).values<int32_t>();
    ASSIGN_OR_RETURN(PartialShape shape, InputShape(ctx, 2, *list));
    if (indices.empty() && !shape.IsFullyDefined()) {
      return InvalidArgument(
          "Tried to gather 0-elements from a list with non-fully-defined "
          "shape: ",
          shape.ToString());
    }
    for (const int32_t index : indices) {
      if (index < 0 || index >= list->size()) {
        // TensorFlow looks at indices in one of two places.
        if (list->element_shape().IsFullyDefined()) {
          return InvalidArgument("Index ", index,
                                 " out o range; list only has ", list->size(),
                                 " elements.");
        }
        return InvalidArgument("Trying to gather element ", index,
                               " in a list with ", list->size(), " elements.");
      }
      RETURN_IF_ERROR(MergeElement((*list)[index], &shape));
    }
    if (!shape.IsFullyDefined()) {
      return InvalidArgument(
          "Tried to gather uninitialized tensors from a list with "
          "non-fully-defined element_shape: ",
          shape.ToString());
    }
    return SetRows(
        ctx, *list, ctx.input(1).num_elements(),
        [&](int64_t i) { return int64_t{indices[i]}; }, shape);
  }
};

// Joins the elements along their first dimension. How long those are that are
// not initialized is told by leading_dims; else by the element shape; else they
// are as long as the others, where these agree. The first version knows neither
// input; its attribute tells the other dimensions.
template <bool kFirstVersion>
class ConcatElementsOfList final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    if (!kFirstVersion) return absl::OkStatus();
    RETURN_IF_ERROR(construction.Bind("element_shape", &shape_));
    if (shape_.rank() == 0) {
      return InvalidArgument("element_shape must not be empty");
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(const TensorList* list,
                     InputList(ctx, 0, ctx.output_type(0)));
    PartialShape shape = shape_;
    if (!kFirstVersion) {
      ASSIGN_OR_RETURN(shape, InputShape(ctx, 1, *list));
      if (shape.rank() == 0) {
        return InvalidArgument(
            "Concat requires elements to be at least vectors, found scalars "
            "instead.");
      }
    }
    PartialShape rest = WithoutFirstDim(shape);
    int64_t length = -1;
    if (!kFirstVersion && shape.known_rank()) length = shape.dim(0);
    if (list->size() == 0 && !rest.IsFullyDefined()) {
      return InvalidArgument(
          "All except the first dimension must be fully defined when concating "
          "an empty tensor list. element_shape: ",
          rest.ToString());
    }
    const PartialShape told = rest;
    RETURN_IF_ERROR(LookAtElements(*list, &rest, &length));
    if (kFirstVersion && list->element_shape().IsFullyDefined()) {
      // TensorFlow does not look at such a list's elements.
      rest = told;
      length = -1;
    }
    if (!rest.IsFullyDefined()) {
      return InvalidArgument(
          "Trying to concat list with only uninitialized tensors but "
          "element_shape_except_first_dim is not fully defined: ",
          rest.ToString());
    }
    ASSIGN_OR_RETURN(Tensor * lengths, ctx.AllocateOutput(1, {list->size()}));
    ASSIGN_OR_RETURN(
        const int64_t sum,
        SetLengths(ctx, *list, length, lengths->mutable_values<int64_t>()));
    ASSIGN_OR_RETURN(const TensorShape row, rest.AsTensorShape());
    ASSIGN_OR_RETURN(const TensorShape joined, Under(sum, rest));
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, joined));
    Joiner joiner(out);
    for (int64_t i = 0; i < list->size(); ++i) {
      const Tensor& element = (*list)[i];
      if (element.initialized()) {
        RETURN_IF_ERROR(joiner.Append(element));
      } else {
        joiner.AppendZeros(lengths->data<int64_t>()[i] * row.num_elements());
      }
    }
    return absl::OkStatus();
  }

 private:
  // Merges the elements' shapes into `rest`; `length`, where it is -1, becomes
  // the length of all elements, if they agree.
  static absl::Status LookAtElements(const TensorList& list, PartialShape* rest,
                                     int64_t* length) {
    int64_t common = -1;
    bool agree = true;
    for (int64_t i = 0; i < list.size(); ++i) {
      const Tensor& element = list[i];
      if (!element.initialized()) continue;
      if (element.rank() == 0) {
        return InvalidArgument("Concat saw a scalar shape at index ", i,
                               " but requires at least vectors.");
      }
      const PartialShape own(element.shape().dims().subspan(1));
      ASSIGN_OR_RETURN(*rest, rest->MergeWith(own));
      if (*length != -1 && element.dim(0) != *length) {
        return InvalidArgument(
            "First entry of element_shape input does not match the first dim "
            "of list element at index: ",
            i, " Expected: ", *length, " Actual: ", element.dim(0));
      }
      agree = agree && (common == -1 || common == element.dim(0));
      common = element.dim(0);
    }
    if (*length == -1 && agree) *length = common;
    return absl::OkStatus();
  }

  // The length of each element; returns their sum. `length` is that of elements
  // of which nothing else is known.
  static absl::StatusOr<int64_t> SetLengths(const KernelContext& ctx,
                                            const TensorList& list,
                                            int64_t length,
                                            absl::Span<int64_t> lengths) {
    absl::Span<const int64_t> told;
    if (!kFirstVersion) told = ctx.input(2).values<int64_t>();
    int64_t sum = 0;
    for (size_t i = 0; i < lengths.size(); ++i) {
      const Tensor& element = list[static_cast<int64_t>(i)];
      if (element.initialized()) {
        lengths[i] = element.dim(0);
      } else if (i < told.size()) {
        lengths[i] = told[i];
      } else if (length != -1) {
        lengths[i] = length;
      } else if (kFirstVersion) {
        return InvalidArgument(
            "Concating lists with uninitialized tensors is not supported in "
            "this version of TensorListConcat. Consider updating your GraphDef "
            "to run the newer version.");
      } else {
        return InvalidArgument("List contains uninitialized tensor at index ",
                               i, " but leading_dims has only ", told.size(),
                               " elements.");
      }
      const auto next = CheckedAdd(sum, lengths[i]);
      if (!next) {
        return InvalidArgument("leading_dims has ", lengths[i], " at index ", i,
                               ", which is negative or too large");
      }
      sum = *next;
    }
    return sum;
  }

  PartialShape shape_;  // the first version's attribute
};

// What input i describes: the elements that are joined have that shape.
absl::StatusOr<PartialShape> ElementShapeOf(const ShapeContext& ctx, int i) {
  if (ctx.input(i).rank() != 1) return PartialShape();  // the scalar -1
  return ctx.InputAsShape(i);
}

absl::Status StackRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape element, ElementShapeOf(ctx, 1));
  ASSIGN_OR_RETURN(const int64_t size, ctx.Attr<int64_t>("num_elements"));
  ctx.SetOutput(0, Concatenated({size < 0 ? kUnknownDim : size}, element));
  return absl::OkStatus();
}

absl::Status GatherRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape element, ElementShapeOf(ctx, 2));
  ctx.SetOutput(0, Concatenated({ElementsOf(ctx.input(1))}, element));
  return absl::OkStatus();
}

// Rows of elements of that shape, and the lengths of these.
void SetConcat(ShapeContext& ctx, const PartialShape& element) {
  if (element.rank() != 0) {
    ctx.SetOutput(0, Concatenated({kUnknownDim}, WithoutFirstDim(element)));
  }
  ctx.SetOutput(1, UnknownDims(1));
}
absl::Status ConcatV1Rule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const auto element, ctx.Attr<PartialShape>("element_shape"));
  SetConcat(ctx, element);
  return absl::OkStatus();
}
absl::Status ConcatRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape element, ElementShapeOf(ctx, 1));
  SetConcat(ctx, element);
  return absl::OkStatus();
}

REGISTER_OP("TensorListStack", [](OpBuilder& op) {
  op.Input("input_handle: variant").Input("element_shape: int32");
  op.Output("tensor: element_dtype").Attr("element_dtype: type");
  op.Attr("num_elements: int = -1");
  op.Shape(StackRule);
  op.Kernel<StackList>();
});
REGISTER_OP("TensorListGather", [](OpBuilder& op) {
  op.Input("input_handle: variant").Input("indices: int32");
  op.Input("element_shape: int32").Output("values: element_dtype");
  op.Attr("element_dtype: type");
  op.Shape(GatherRule);
  op.Kernel<GatherFromList>();
});
REGISTER_OP("TensorListConcat", [](OpBuilder& op) {
  op.Input("input_handle: variant");
  op.Output("tensor: element_dtype").Output("lengths: int64");
  op.Attr("element_dtype: type").Attr("element_shape: shape = {}");
  op.Shape(ConcatV1Rule);
  op.Kernel<ConcatElementsOfList<true>>();
});
REGISTER_OP("TensorListConcatV2", [](OpBuilder& op) {
  op.Input("input_handle: variant").Input("element_shape: shape_type");
  op.Input("leading_dims: int64");
  op.Output("tensor: element_dtype").Output("lengths: int64");
  op.Attr("element_dtype: type").Attr("shape_type: type");
  op.Shape(ConcatRule);
  op.Kernel<ConcatElementsOfList<false>>();
});

}  // namespace
}  // namespace metagraph
