#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/tensor/tensor.h"
#include "core/tensor/variant.h"

namespace metagraph {

// What the Optional ops work on: some tensors, or none ("no value").
class OptionalValue final : public VariantValue {
 public:
  static constexpr char kTypeName[] = "tensorflow::data::Optional";

  OptionalValue() = default;  // no value
  explicit OptionalValue(std::vector<Tensor> components)
      : has_value_(true), components_(std::move(components)) {}

  // The decoder of kTypeName.
  static absl::StatusOr<Variant> Decode(const std::string& metadata,
                                        std::vector<Tensor> tensors);
  std::string TypeName() const override { return kTypeName; }
  void Encode(std::string* metadata,
              std::vector<Tensor>* tensors) const override;
  std::string DebugString() const override;

  bool has_value() const { return has_value_; }
  absl::Span<const Tensor> components() const { return components_; }

 private:
  const bool has_value_ = false;
  const std::vector<Tensor> components_{};
};

}  // namespace metagraph
