#pragma once

#include <memory>
#include <string>
#include <vector>

namespace metagraph {

class Tensor;

// Base of the immutable values that DT_VARIANT elements hold (TensorList …).
class VariantValue {
 public:
  virtual ~VariantValue() = default;
  // TensorFlow's type name on the wire, e.g. "tensorflow::TensorList".
  virtual std::string TypeName() const = 0;
  // For TensorProto: opaque metadata and the tensors held.
  virtual void Encode(std::string* metadata,
                      std::vector<Tensor>* tensors) const = 0;
};

// The element of a DT_VARIANT tensor; empty by default.
struct Variant {
  std::shared_ptr<const VariantValue> value;
};

}  // namespace metagraph
