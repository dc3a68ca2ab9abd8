#pragma once

#include <vector>

#include "absl/types/span.h"
#include "core/op/op_builder.h"
#include "core/op/shape_context.h"
#include "core/op/value.h"

namespace metagraph {

// Holds the shape rule of an op to what its kernel does: it refuses nothing
// that runs, and what it says of an output is true, be everything known of the
// inputs, some of it or nothing.
class ShapeCheck {
 public:
  // Asks the rule, before the kernel runs: it may overwrite its inputs.
  // nullptr among `inputs`: a reference, of which nothing is known.
  ShapeCheck(const OpInfo& op, const tensorflow::NodeDef& node,
             absl::Span<const Tensor* const> inputs, size_t num_outputs);

  // Reports what the rule got wrong, as failures of the test.
  void Expect(const absl::Status& ran, absl::Span<const Value> outputs) const;

 private:
  struct Answer {
    const char* known;
    std::vector<ValueFacts> inputs;
    absl::Status status;
    std::vector<ValueFacts> outputs;
  };

  const tensorflow::NodeDef& node_;
  std::vector<Answer> answers_;
};

// "" if `tensor` is as `facts` say, else what is not.
std::string Contradiction(const ValueFacts& facts, const Tensor& tensor);

}  // namespace metagraph
