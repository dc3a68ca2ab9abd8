// ParseTensor, SerializeTensor: tensors from and to serialized TensorProtos.

#include <limits>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "core/kernels/kernel_types.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"
#include "core/tensor/tensor_proto.h"

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
    // A message may take several times the bytes that it is read from.
    const ScratchCharge charge(static_cast<int64_t>(bytes.size()) * 4);
    tensorflow::TensorProto proto;
    if (bytes.size() > static_cast<size_t>(std::numeric_limits<int>::max()) ||
        !proto.ParseFromString(bytes)) {
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
    int64_t bytes = tensor.size_bytes();
    if (tensor.dtype() == DT_STRING) {
      for (const std::string& text : tensor.values<std::string>()) {
        bytes += static_cast<int64_t>(text.size());
      }
    }
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
