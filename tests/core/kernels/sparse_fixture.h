#pragma once

// Sparse tensors in tests: three inputs of an op.

#include <string>
#include <vector>

#include "tests/support/op_tester.h"

namespace metagraph {

struct SparseParts {
  TensorShape indices_shape;
  std::vector<int64_t> indices;
  std::vector<float> values;
  std::vector<int64_t> shape;
};

// indices, values of T, shape.
template <typename T = float>
OpTester& AddSparse(OpTester& op, const SparseParts& parts) {
  op.Input<int64_t>(parts.indices_shape, parts.indices);
  std::vector<T> values;
  for (float value : parts.values) values.push_back(static_cast<T>(value));
  op.Input<T>({static_cast<int64_t>(values.size())}, values);
  return op.Input<int64_t>({static_cast<int64_t>(parts.shape.size())},
                           parts.shape);
}

}  // namespace metagraph
