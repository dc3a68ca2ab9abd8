#include "core/tensor/variant.h"

#include "absl/strings/str_cat.h"

namespace metagraph {
namespace {

// The decoders of this binary; filled before main, then only read.
constinit const VariantDecoder* first_decoder = nullptr;

}  // namespace

std::string Variant::DebugString() const {
  if (value_ == nullptr) return "Variant<type:  value: [empty]>";
  return absl::StrCat("Variant<type: ", value_->TypeName(),
                      " value: ", value_->DebugString(), ">");
}

VariantDecoder::VariantDecoder(const char* type_name, Decode decode)
    : type_name_(type_name), decode_(decode), next_(first_decoder) {
  first_decoder = this;
}

VariantDecoder::Decode VariantDecoder::Find(absl::string_view type_name) {
  for (const auto* it = first_decoder; it != nullptr; it = it->next_) {
    if (it->type_name_ == type_name) return it->decode_;
  }
  return nullptr;
}

}  // namespace metagraph
