#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "core/base/call_context.h"
#include "core/program/body.h"
#include "core/program/library.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// How far a program is improved before it is lowered.
enum class CompileLevel : uint8_t {
  kOff,   // ops as they stand in the graph, as far as they are needed
  kSafe,  // the passes that leave every bit of the answers
  // All passes, of which some change last bits, and programs of their own for
  // generations that are used.
  kFull,
};

// The values that a program may count on.
class Weights {
 public:
  virtual ~Weights() = default;
  // Of a variable, by its names; nullptr if it has none.
  virtual const Tensor* Find(const std::string& container,
                             const std::string& name) const = 0;
};

// What passes may look at.
struct CompileEnv {
  const Library& library;
  CallContext* call = nullptr;  // whose limits end it; null: nobody's
  // Of the generation that the program is for; null: it is for all of them.
  const Weights* weights = nullptr;
};

// A pass leaves a Body that computes the same. Errors: what the program itself
// has wrong, CANCELLED and DEADLINE_EXCEEDED.
using Pass = absl::Status (*)(Body&, const CompileEnv&);

}  // namespace metagraph
