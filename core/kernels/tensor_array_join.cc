// One tensor of many elements of a TensorArray, in each spelling: Gather, Pack,
// Concat.

#include <utility>
#include <vector>

#include "core/kernels/array_inputs.h"
#include "core/kernels/joiner.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// Copies the elements of `values` one after another into `out`, which is as
// large as all of them.
absl::Status Join(const Scratch<Tensor>& values, Tensor* out) {
  Joiner joiner(out);
  for (const Tensor& value : values) RETURN_IF_ERROR(joiner.Append(value));
  return absl::OkStatus();
}

// Stacks elements along a new first dimension: those that input 1 names, or,
// in the oldest spelling, all.
template <bool kAll>
class GatherElements final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(element_shape_,
                     construction.Attr<PartialShape>("element_shape"));
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> array, FindArray(ctx));
    RETURN_IF_ERROR(CheckReads(*array, ctx.output_type(0)));
    ASSIGN_OR_RETURN(PartialShape element_shape,
                     array->MergeElementShape(element_shape_));
    Scratch<int64_t> indices;
    if constexpr (kAll) {
      const int64_t count = array->joined_size();
      for (int64_t i = 0; i < count; ++i) indices.push_back(i);
    } else {
      if (ctx.input(1).rank() != 1) {
        return InvalidArgument(
            "Expected indices to be a vector, but received "
            "shape: ",
            ctx.input(1).shape().ToString());
      }
      const auto given = ctx.input(1).values<int32_t>();
      indices.assign(given.begin(), given.end());
    }
    std::vector<int64_t> dims = {static_cast<int64_t>(indices.size())};
    if (indices.empty()) {
      if (!element_shape.IsFullyDefined()) {
        return Unimplemented(
            "TensorArray has size zero, but element shape ",
            element_shape.ToString(),
            " is not fully defined. Currently only static shapes are "
            "supported when packing zero-size TensorArrays.");
      }
      dims.insert(dims.end(), element_shape.dims().begin(),
                  element_shape.dims().end());
      ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
      return ctx.AllocateOutput(0, shape).status();
    }
    Scratch<Tensor> values(indices.size());
    for (size_t i = 0; i < indices.size(); ++i) {
      ASSIGN_OR_RETURN(values[i], array->Read(indices[i]));
      // Where the first has no elements, TensorFlow looks at no other.
      if (values[0].num_elements() > 0 &&
          !(values[i].shape() == values[0].shape())) {
        return InvalidArgument(
            "TensorArray has inconsistent shapes.  Index 0 has shape: ",
            values[0].shape().ToString(), " but index ", i,
            " has shape: ", values[i].shape().ToString());
      }
    }
    const auto own = values[0].shape().dims();
    dims.insert(dims.end(), own.begin(), own.end());
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
    if (values.size() == 1) {
      ctx.SetOutput(0, std::move(values[0]).Reshaped(shape));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
    // Where the first has no elements, the others were not looked at.
    if (out->num_elements() == 0) return absl::OkStatus();
    return Join(values, out);
  }

 private:
  PartialShape element_shape_;
};

// Joins all elements along their first dimension.
class ConcatElements final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(rest_,
                     construction.Attr<PartialShape>("element_shape_except0"));
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> array, FindArray(ctx));
    RETURN_IF_ERROR(CheckReads(*array, ctx.output_type(0)));
    const int64_t count = array->joined_size();
    ASSIGN_OR_RETURN(Tensor * lengths, ctx.AllocateOutput(1, {count}));
    std::vector<int64_t> dims = {0};
    if (count == 0) {
      if (!rest_.IsFullyDefined()) {
        return Unimplemented(
            "TensorArray has size zero, but element_shape_except0 ",
            rest_.ToString(),
            " is not fully defined. Currently only static shapes are "
            "supported when concatenating zero-size TensorArrays.");
      }
      dims.insert(dims.end(), rest_.dims().begin(), rest_.dims().end());
      ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
      return ctx.AllocateOutput(0, shape).status();
    }
    Scratch<Tensor> values(count);
    for (int64_t i = 0; i < count; ++i) {
      ASSIGN_OR_RETURN(values[i], array->Read(i));
      RETURN_IF_ERROR(CheckShape(values, i));
      lengths->mutable_data<int64_t>()[i] = values[i].dim(0);
      dims[0] += values[i].dim(0);
    }
    const auto own = values[0].shape().dims();
    dims.insert(dims.end(), own.begin() + 1, own.end());
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, shape));
    return Join(values, out);
  }

 private:
  absl::Status CheckShape(const Scratch<Tensor>& values, int64_t i) const {
    TensorShape shape = values[i].shape();
    if (shape.rank() == 0) {
      return InvalidArgument("Concat saw a scalar shape at index ", i,
                             " but requires at least vectors.  Did you mean "
                             "to call pack?");
    }
    shape.RemoveDim(0);
    TensorShape first = values[0].shape();
    first.RemoveDim(0);
    if (!(shape == first)) {
      return InvalidArgument(
          "TensorArray has inconsistent shapes.  Index 0 "
          "has (excepting dimension 0) shape: ",
          first.ToString(), " but index ", i,
          " has (excepting dimension 0) shape: ", shape.ToString());
    }
    if (!rest_.IsCompatibleWith(shape)) {
      return InvalidArgument(
          "TensorArray was passed element_shape_except0 ", rest_.ToString(),
          " but index ", i,
          " has (excepting dimension 0) shape: ", shape.ToString());
    }
    return absl::OkStatus();
  }

  PartialShape rest_;
};

// So many elements, one upon the other.
absl::Status StackElements(ShapeContext& ctx, int64_t count) {
  ASSIGN_OR_RETURN(const PartialShape said,
                   ctx.Attr<PartialShape>("element_shape"));
  auto element = MergeShapes(said, ctx.facts(0).handle_shape);
  if (!element.ok()) return absl::OkStatus();
  ctx.SetOutput(0, Concatenated({count}, *element));
  return absl::OkStatus();
}

absl::Status GatherRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape indices, WithRank(ctx.input(1), 1));
  return StackElements(ctx, indices.dim(0));
}

absl::Status PackRule(ShapeContext& ctx) {
  return StackElements(ctx, kUnknownDim);
}

absl::Status ConcatRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape rest,
                   ctx.Attr<PartialShape>("element_shape_except0"));
  ctx.SetOutput(0, Concatenated({kUnknownDim}, rest));
  ctx.SetOutput(1, UnknownDims(1));
  return absl::OkStatus();
}

void DescribeGather(OpBuilder& op, absl::string_view handle) {
  DescribeArrayHandle(op, handle);
  op.Input("indices: int32").Input("flow_in: float");
  op.Output("value: dtype").Attr("dtype: type");
  op.Attr("element_shape: shape = {}");
  op.Shape(GatherRule);
  op.Kernel<GatherElements<false>>();
}

void DescribeConcat(OpBuilder& op, absl::string_view handle) {
  DescribeArrayHandle(op, handle);
  op.Input("flow_in: float").Output("value: dtype").Output("lengths: int64");
  op.Attr("dtype: type").Attr("element_shape_except0: shape = {}");
  op.Shape(ConcatRule);
  op.Kernel<ConcatElements>();
}

REGISTER_ARRAY_OPS("TensorArrayGather", DescribeGather);
REGISTER_ARRAY_OPS("TensorArrayConcat", DescribeConcat);
REGISTER_OP("TensorArrayPack", [](OpBuilder& op) {
  DescribeArrayHandle(op, "string");
  op.Input("flow_in: float").Output("value: dtype").Attr("dtype: type");
  op.Attr("element_shape: shape = {}");
  op.Shape(PackRule);
  op.Kernel<GatherElements<true>>();
});

}  // namespace
}  // namespace metagraph
