#include "core/tensor/optional_value.h"

#include <utility>

#include "absl/strings/str_join.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

const VariantDecoder kOptionalDecoder(OptionalValue::kTypeName,
                                      &OptionalValue::Decode);

}  // namespace

// The metadata: whether there is a value, as one byte.
void OptionalValue::Encode(std::string* metadata,
                           std::vector<Tensor>* tensors) const {
  metadata->assign(1, has_value_ ? '\1' : '\0');
  *tensors = components_;
}

absl::StatusOr<Variant> OptionalValue::Decode(const std::string& metadata,
                                              std::vector<Tensor> tensors) {
  if (metadata.size() != 1) {
    return InvalidArgument("the metadata of an optional has ", metadata.size(),
                           " bytes, expected 1");
  }
  if (metadata[0] == '\0') return Variant::Make<OptionalValue>();
  return Variant::Make<OptionalValue>(std::move(tensors));
}

std::string OptionalValue::DebugString() const {
  if (!has_value_) return "OptionalVariant<None>";
  const auto describe = [](std::string* out, const Tensor& component) {
    absl::StrAppend(out, "Tensor<", component.Describe(), ">");
  };
  return absl::StrCat("OptionalVariant<values: (",
                      absl::StrJoin(components_, ", ", describe), ")>");
}

}  // namespace metagraph
