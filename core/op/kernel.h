#pragma once

#include "absl/status/status.h"

namespace metagraph {

class KernelContext;
class Tensor;

// The code of one node. Made once per plan (per session for stateful ops),
// then shared by all runs: Compute is const and may run on several threads.
//
// A kernel is default-constructed; if it has a method
//     absl::Status Init(KernelConstruction& construction);
// that reads its attributes, once. Errors need not name the node: the caller
// adds it.
class Kernel {
 public:
  virtual ~Kernel() = default;

  // Reads ctx.input(i), sets every output. An output left unset is dead
  // (Switch) or, for other ops, an error.
  virtual absl::Status Compute(KernelContext& ctx) const = 0;

  // The output of a kernel that has no input and always gives the same
  // tensor (Const): the plan then hands it to consumers without running it.
  virtual const Tensor* constant() const { return nullptr; }

  // The variable, by its slot, that a kernel without inputs (VariableV2) gives
  // a reference to; -1 if it does not.
  virtual int variable_slot() const { return -1; }
};

}  // namespace metagraph
