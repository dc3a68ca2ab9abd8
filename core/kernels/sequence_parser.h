#pragma once

// Serialized tf.SequenceExamples into tensors: what ParseSequenceExample,
// ParseSequenceExampleV2 and ParseSingleSequenceExample share.

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/op/kernel_context.h"

namespace metagraph {

// A feature of the context, or a list of features, that is asked for.
struct SequenceFeature {
  enum class Kind { kDense, kSparse, kRagged };

  bool is_list = false;
  Kind kind = Kind::kDense;
  DataType dtype = DT_INVALID;  // float, int64 or string
  absl::string_view key;
  // Outputs: dense: values, and for a list lengths, if there is such an output;
  // sparse: indices, values, shape; ragged: values, row splits, and for a list
  // the inner row splits.
  int outputs[3] = {-1, -1, -1};
  // Of dense ones; of a list the shape of one row.
  TensorShape shape;
  // Of a dense one of the context; without elements it has to be there.
  const Tensor* default_value = nullptr;
  // Whether a dense list may be missing and is empty then.
  bool may_be_missing = false;
};

// Parses the vector or scalar `serialized`; names, for errors, are as many or
// none. Of a scalar no output has a dimension for the batch.
absl::Status ParseSequences(KernelContext& ctx, const Tensor& serialized,
                            absl::Span<const std::string> names,
                            absl::Span<const SequenceFeature> features);

}  // namespace metagraph
