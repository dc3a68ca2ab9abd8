// The ops on TensorArrays (state/tensor_array.h) and on single elements, in
// each spelling. tensor_array_join.cc and tensor_array_cut.cc have those on
// many.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/kernels/array_inputs.h"

namespace metagraph {
namespace {

// Puts what stands for `array` into output 0.
absl::Status SetHandle(KernelContext& ctx,
                       const std::shared_ptr<TensorArray>& array) {
  if (ctx.output_type(0) == DT_RESOURCE) {
    ResourceHandle handle;
    handle.container = kTensorArrays;
    handle.name = array->name();
    handle.type_name = "N10tensorflow11TensorArrayE";
    handle.resource = array;
    ctx.SetOutput(0, Tensor::Scalar(std::move(handle)));
    return absl::OkStatus();
  }
  auto same = [&]() -> absl::StatusOr<std::shared_ptr<TensorArray>> {
    return array;
  };
  RETURN_IF_ERROR(
      ctx.step()
          .resources
          ->FindOrCreate<TensorArray>(kTensorArrays, array->name(), same)
          .status());
  const std::string parts[] = {kTensorArrays, array->name()};
  ctx.SetOutput(0, Tensor::Vector<std::string>(parts));
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ReadIndex(const Tensor& index) {
  if (index.rank() != 0) {
    return InvalidArgument("TensorArray index must be scalar, but had shape: ",
                           index.shape().ToString());
  }
  return index.scalar<int32_t>();
}

class CreateArray final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(construction.Bind(
        "dtype", &options_.dtype, "element_shape", &options_.element_shape,
        "dynamic_size", &options_.dynamic_size, "clear_after_read",
        &options_.clear_after_read, "tensor_array_name", &name_));
    if (construction.HasAttr("identical_element_shapes")) {
      RETURN_IF_ERROR(construction.Bind("identical_element_shapes",
                                        &options_.identical_element_shapes));
    }
    if (name_.empty()) name_ = construction.node_name();
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& size = ctx.input(0);
    if (size.rank() != 0) {
      return InvalidArgument("TensorArray size must be scalar, but had shape: ",
                             size.shape().ToString());
    }
    if (size.scalar<int32_t>() < 0) {
      return InvalidArgument("Size should be >= 0.");
    }
    auto array = std::make_shared<TensorArray>(
        absl::StrCat(name_, "_", ctx.step().counter->fetch_add(1)), options_);
    RETURN_IF_ERROR(array->Grow(size.scalar<int32_t>()));
    RETURN_IF_ERROR(SetHandle(ctx, array));
    if (ctx.num_outputs() > 1) SetFlow(ctx, 1);
    return absl::OkStatus();
  }

 private:
  TensorArray::Options options_;
  std::string name_;
};

class CreateGradient final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(source_, construction.Attr<std::string>("source"));
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> array, FindArray(ctx));
    std::vector<int64_t> prepend;
    if (ctx.num_inputs() > 2) {
      const Tensor& shape = ctx.input(2);
      if (shape.rank() > 1) {
        return InvalidArgument(
            "shape_to_prepend must be a vector, but had "
            "shape: ",
            shape.shape().ToString());
      }
      for (const int32_t size : shape.values<int32_t>()) {
        prepend.push_back(size);
      }
      RETURN_IF_ERROR(TensorShape::Build(prepend).status());
    }
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> gradient,
                     array->Gradient(source_, prepend));
    RETURN_IF_ERROR(SetHandle(ctx, gradient));
    if (ctx.num_outputs() > 1) SetFlow(ctx, 1);
    return absl::OkStatus();
  }

 private:
  std::string source_;
};

class WriteElement final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(int64_t index, ReadIndex(ctx.input(1)));
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> array, FindArray(ctx));
    RETURN_IF_ERROR(CheckWrites(*array, ctx.input(2)));
    RETURN_IF_ERROR(array->Write(index, ctx.input(2), Accumulate));
    SetFlow(ctx, 0);
    return absl::OkStatus();
  }
};

class ReadElement final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(int64_t index, ReadIndex(ctx.input(1)));
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> array, FindArray(ctx));
    RETURN_IF_ERROR(CheckReads(*array, ctx.output_type(0)));
    ASSIGN_OR_RETURN(Tensor value, array->Read(index));
    ctx.SetOutput(0, std::move(value));
    return absl::OkStatus();
  }
};

class ArraySize final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> array, FindArray(ctx));
    RETURN_IF_ERROR(array->CheckNotClosed());
    ASSIGN_OR_RETURN(Tensor * size, ctx.AllocateOutput(0, {}));
    *size->mutable_data<int32_t>() = static_cast<int32_t>(array->size());
    return absl::OkStatus();
  }
};

class CloseArray final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    ASSIGN_OR_RETURN(std::shared_ptr<TensorArray> array, FindArray(ctx));
    array->Close();
    return absl::OkStatus();
  }
};

// A handle of either kind, and the flow that some have.
absl::Status HandleRule(ShapeContext& ctx) {
  const bool words = ctx.num_outputs() == 1;
  ctx.SetOutput(0, words ? PartialShape({2}) : PartialShape({}));
  if (!words) ctx.SetOutput(1, PartialShape({}));
  return absl::OkStatus();
}

absl::Status CreateRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape element,
                   ctx.Attr<PartialShape>("element_shape"));
  ctx.SetOutputHandleShape(0, std::move(element));
  return HandleRule(ctx);
}

absl::Status GradientRule(ShapeContext& ctx) {
  ctx.SetOutputHandleShape(0, ctx.facts(0).handle_shape);
  return HandleRule(ctx);
}

absl::Status ReadRule(ShapeContext& ctx) {
  ctx.SetOutput(0, ctx.facts(0).handle_shape);
  return absl::OkStatus();
}

void DescribeCreate(OpBuilder& op, absl::string_view handle) {
  op.Input("size: int32").Output(absl::StrCat("handle: ", handle));
  if (handle == "resource") {
    op.Output("flow: float");
    op.Attr("identical_element_shapes: bool = false");
  }
  op.Attr("dtype: type").Attr("element_shape: shape = {}");
  op.Attr("dynamic_size: bool = false").Attr("clear_after_read: bool = true");
  op.Attr("tensor_array_name: string = ''").SetIsStateful();
  op.Shape(CreateRule);
  op.Kernel<CreateArray>();
}

void DescribeGradient(OpBuilder& op, absl::string_view handle) {
  DescribeArrayHandle(op, handle);
  op.Input("flow_in: float").Output(absl::StrCat("grad_handle: ", handle));
  if (handle == "resource") op.Output("flow_out: float");
  op.Attr("source: string").SetIsStateful();
  op.Shape(GradientRule);
  op.Kernel<CreateGradient>();
}

void DescribeWrite(OpBuilder& op, absl::string_view handle) {
  DescribeArrayHandle(op, handle);
  op.Input("index: int32").Input("value: T").Input("flow_in: float");
  op.Output("flow_out: float").Attr("T: type");
  op.Shape(ScalarRule);
  op.Kernel<WriteElement>();
}

void DescribeRead(OpBuilder& op, absl::string_view handle) {
  DescribeArrayHandle(op, handle);
  op.Input("index: int32").Input("flow_in: float");
  op.Output("value: dtype").Attr("dtype: type");
  op.Shape(ReadRule);
  op.Kernel<ReadElement>();
}

void DescribeSize(OpBuilder& op, absl::string_view handle) {
  DescribeArrayHandle(op, handle);
  op.Input("flow_in: float").Output("size: int32");
  op.Shape(ScalarRule);
  op.Kernel<ArraySize>();
}

void DescribeClose(OpBuilder& op, absl::string_view handle) {
  DescribeArrayHandle(op, handle);
  op.Shape(UnknownRule);
  op.Kernel<CloseArray>();
}

REGISTER_ARRAY_OPS("TensorArray", DescribeCreate);
REGISTER_ARRAY_OPS("TensorArrayGrad", DescribeGradient);
REGISTER_ARRAY_OPS("TensorArrayWrite", DescribeWrite);
REGISTER_ARRAY_OPS("TensorArrayRead", DescribeRead);
REGISTER_ARRAY_OPS("TensorArraySize", DescribeSize);
REGISTER_ARRAY_OPS("TensorArrayClose", DescribeClose);

REGISTER_OP("TensorArrayGradWithShape", [](OpBuilder& op) {
  DescribeArrayHandle(op, "resource");
  op.Input("flow_in: float").Input("shape_to_prepend: int32");
  op.Output("grad_handle: resource").Output("flow_out: float");
  op.Attr("source: string");
  op.Shape(HandleRule);
  op.Kernel<CreateGradient>();
});
}  // namespace
}  // namespace metagraph
