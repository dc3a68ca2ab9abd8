// DecodePaddedRaw: the bytes of strings as numbers, each string cut or padded
// with zeros to one length.

#include <algorithm>
#include <string>

#include "core/kernels/int_inputs.h"
#include "core/kernels/kernel_types.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

class DecodePaddedRaw final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("little_endian", &little_endian_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    if (!ctx.input(1).shape().IsScalar()) {
      return InvalidArgument("k must be scalar, got shape ",
                             ctx.input(1).shape().ToString());
    }
    const int64_t length = ctx.input(1).scalar<int32_t>();
    if (length <= 0) {
      return InvalidArgument("fixed_length (", length,
                             ") must be greater than zero.");
    }
    const auto element = static_cast<int64_t>(DataTypeSize(ctx.output_type(0)));
    if (length % element != 0) {
      return InvalidArgument("fixed_length (", length,
                             ") must be a multiple of the size of out_type (",
                             element, ")");
    }
    Ints dims(input.shape().dims().begin(), input.shape().dims().end());
    dims.push_back(length / element);
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    char* out = static_cast<char*>(output->mutable_raw_data());
    for (const std::string& text : input.values<std::string>()) {
      const auto size = std::min<int64_t>(length, text.size());
      std::copy_n(text.data(), size, out);
      std::fill_n(out + size, length - size, '\0');
      if (!little_endian_) {
        for (int64_t i = 0; i < length; i += element) {
          std::reverse(out + i, out + i + element);
        }
      }
      out += length;
    }
    return absl::OkStatus();
  }

 private:
  bool little_endian_ = true;
};

absl::Status DecodePaddedRawRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(WithRank(ctx.input(1), 0).status());
  ASSIGN_OR_RETURN(const DataType dtype, ctx.Attr<DataType>("out_type"));
  const auto element = static_cast<int64_t>(DataTypeSize(dtype));
  const std::optional<int64_t> length = ctx.Int(1);
  int64_t width = kUnknownDim;
  if (length.has_value()) {
    if (*length <= 0 || element == 0 || *length % element != 0) {
      return InvalidArgument("fixed_length (", *length,
                             ") must be a positive multiple of the size of "
                             "out_type (",
                             element, ")");
    }
    width = *length / element;
  }
  ctx.SetOutput(0, Concatenated(ctx.input(0), {width}));
  return absl::OkStatus();
}

REGISTER_OP("DecodePaddedRaw", [](OpBuilder& op) {
  op.Input("input_bytes: string").Input("fixed_length: int32");
  op.Output("output: out_type").Attr("out_type: type");
  op.Attr("little_endian: bool = true");
  op.Shape(DecodePaddedRawRule);
  op.KernelForEach<Always<DecodePaddedRaw>::For, ImageTypes>("out_type");
});

}  // namespace
}  // namespace metagraph
