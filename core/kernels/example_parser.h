#pragma once

// Serialized tf.Examples into tensors: what ParseExample, ParseExampleV2 and
// ParseSingleExample share.

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/op/kernel_context.h"

namespace metagraph {

// A feature that is asked for, and where its tensors go.
struct ExampleFeature {
  enum class Kind { kDense, kVariableDense, kSparse, kRagged };

  Kind kind = Kind::kDense;
  DataType dtype = DT_INVALID;  // float, int64 or string
  absl::string_view key;
  // Outputs: dense: values; sparse: indices, values, shape; ragged: values,
  // row splits.
  int outputs[3] = {-1, -1, -1};
  // Of dense ones.
  const PartialShape* shape = nullptr;
  int64_t stride = 1;  // elements of one row; of all if the length is fixed
  const Tensor* default_value = nullptr;
};

// What an attribute dense_shapes says, checked.
class DenseShapes {
 public:
  // INVALID_ARGUMENT: a rank or a size other than the first is not known.
  absl::Status Init(std::vector<PartialShape> shapes);
  size_t size() const { return shapes_.size(); }
  bool is_variable(size_t i) const {
    return shapes_[i].rank() > 0 && shapes_[i].dim(0) < 0;
  }
  const PartialShape& shape(size_t i) const { return shapes_[i]; }
  int64_t stride(size_t i) const { return strides_[i]; }
  // Whether `value` may stand for a missing feature i. INVALID_ARGUMENT.
  absl::Status CheckDefault(size_t i, const Tensor& value,
                            DataType dtype) const;

 private:
  std::vector<PartialShape> shapes_;
  std::vector<int64_t> strides_;
};

// INVALID_ARGUMENT if a feature may not have the dtype.
absl::Status CheckFeatureTypes(absl::Span<const DataType> dtypes);

// Parses the vector or scalar `serialized`; names, for errors, are as many or
// none. Of a scalar no output has a dimension for the batch.
absl::Status ParseExamples(KernelContext& ctx, const Tensor& serialized,
                           absl::Span<const std::string> names,
                           absl::Span<const ExampleFeature> features);

}  // namespace metagraph
