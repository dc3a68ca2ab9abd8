// ParseTensor, SerializeTensor: tensors from and to serialized TensorProtos.

#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "core/kernels/kernel_types.h"
#include "core/kernels/serialized_tensor.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

class ParseTensor final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& serialized = ctx.input(0);
    if (!serialized.shape().IsScalar()) {
      return InvalidArgument(
          "Expected `serialized` to be a scalar, got shape: ",
          serialized.shape().ToString());
    }
    const std::string& bytes = serialized.scalar<std::string>();
    const ScratchCharge charge(ParsedBytes(bytes));
    tensorflow::TensorProto proto;
    if (!ParseTensorProto(bytes, &proto)) {
      return InvalidArgument(
          "Could not parse `serialized` as TensorProto, base64: ",
          absl::Base64Escape(bytes.substr(0, kShownBytes)));
    }
    absl::StatusOr<Tensor> tensor = TensorFromProto(proto);
    if (!tensor.ok()) {
      return Annotate(tensor.status(), "Cannot parse tensor from proto: ");
    }
    if (tensor->dtype() != ctx.output_type(0)) {
      return InvalidArgument("Type mismatch between parsed tensor (",
                             DataTypeName(tensor->dtype()), ") and dtype (",
                             DataTypeName(ctx.output_type(0)), ")");
    }
    ctx.SetOutput(0, *std::move(tensor));
    return absl::OkStatus();
  }

 private:
  static constexpr size_t kShownBytes = 256;
};

class SerializeTensor final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& tensor = ctx.input(0);
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, {}));
    const int64_t bytes = SerializedBytes(tensor);
    // The message and what it is written to.
    const ScratchCharge charge(bytes);
    RETURN_IF_ERROR(output->ChargeBudget(bytes));
    tensorflow::TensorProto proto;
    TensorToProto(tensor, &proto);
    if (!proto.SerializeToString(output->mutable_data<std::string>())) {
      return InvalidArgument("a tensor of ", bytes,
                             " bytes is too large for one message");
    }
    return absl::OkStatus();
  }
};

absl::Status ParseTensorRule(ShapeContext& ctx) {
  return WithRank(ctx.input(0), 0).status();
}

REGISTER_OP("ParseTensor", [](OpBuilder& op) {
  op.Input("serialized: string").Output("output: out_type");
  op.Attr("out_type: type");
  op.Shape(ParseTensorRule);
  op.Kernel<ParseTensor>();
});
REGISTER_OP("SerializeTensor", [](OpBuilder& op) {
  op.Input("tensor: T").Output("serialized: string").Attr("T: type");
  op.Shape(ScalarRule);
  op.KernelForEach<Always<SerializeTensor>::For,
                   Joined<PlainAndStringTypes, QuantizedTypes>>("T");
});

}  // namespace
}  // namespace metagraph
