#pragma once

#include "absl/status/statusor.h"
#include "core/tensor/tensor.h"
#include "tensorflow/tensor.pb.h"

namespace metagraph {

// The tensor that a TensorProto describes: from tensor_content, or from the
// typed list of its dtype, whose last value repeats (none: zeros, ""); surplus
// values of a list are ignored, as TensorFlow does. Variants come back as
// OpaqueVariant. INVALID_ARGUMENT: no or reference dtype, bad shape, content of
// another size. RESOURCE_EXHAUSTED: over the memory budget.
absl::StatusOr<Tensor> TensorFromProto(const tensorflow::TensorProto& proto);

// Plain dtypes go to tensor_content, strings to string_val, resource handles
// and variants to their own lists.
void TensorToProto(const Tensor& tensor, tensorflow::TensorProto* proto);

}  // namespace metagraph
