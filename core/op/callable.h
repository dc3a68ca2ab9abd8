#pragma once

// How kernels call functions. The kernel of an If is made knowing its branches
// as Callables; whoever compiles the program makes them.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "core/tensor/tensor.h"
#include "tensorflow/graph.pb.h"

namespace metagraph {

struct StepContext;

// A function with its attributes, ready to run. Lives as long as the kernels
// of its program.
class Callable {
 public:
  virtual ~Callable() = default;

  virtual absl::Span<const DataType> arg_types() const = 0;
  virtual absl::Span<const DataType> result_types() const = 0;

  // Runs it on the caller's thread. `values` holds the arguments, whose buffers
  // it may take, and then the results; undefined after an error. Errors: as
  // the kernels of its ops, with their names; RESOURCE_EXHAUSTED if calls are
  // nested too deep.
  virtual absl::Status Call(std::vector<Tensor>& values,
                            const StepContext& step) const = 0;
};

// What a kernel asks while it is made.
class FunctionResolver {
 public:
  virtual ~FunctionResolver() = default;

  // The function that the op `caller` names in an attribute. Ready to run when
  // the whole program is. NOT_FOUND: there is none; INVALID_ARGUMENT: its
  // attributes do not fit.
  virtual absl::StatusOr<const Callable*> Find(
      const tensorflow::NameAttrList& function, absl::string_view caller) = 0;
};

}  // namespace metagraph
