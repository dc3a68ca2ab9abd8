#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/tensor/tensor.h"
#include "core/tensor/variant.h"

namespace metagraph {

// A variant read from a TensorProto whose type name no decoder knows, as it
// stood there.
class OpaqueVariant final : public VariantValue {
 public:
  OpaqueVariant(std::string type_name, std::string metadata,
                std::vector<Tensor> tensors)
      : type_name_(std::move(type_name)),
        metadata_(std::move(metadata)),
        tensors_(std::move(tensors)) {}

  std::string TypeName() const override { return type_name_; }
  void Encode(std::string* metadata,
              std::vector<Tensor>* tensors) const override {
    *metadata = metadata_;
    *tensors = tensors_;
  }

  const std::string& metadata() const { return metadata_; }
  const std::vector<Tensor>& tensors() const { return tensors_; }

 private:
  const std::string type_name_;
  const std::string metadata_;
  const std::vector<Tensor> tensors_;
};

}  // namespace metagraph
