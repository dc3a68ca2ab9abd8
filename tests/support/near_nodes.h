#pragma once

#include <vector>

#include "core/op/op_registry.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// Runs nodes that are a little wrong: `node`, which runs well with `inputs`,
// with a number, a size, a dtype or a shape of it changed. Each must end in
// tensors or a status; what they are does not matter. Enough of them are
// tried by every test of a kernel to see where it trusts what it should check;
// MG_NEAR_NODES=1000 in the environment tries as many.
void RunNearNodes(const OpRegistry& ops, const tensorflow::NodeDef& node,
                  const std::vector<Tensor>& inputs);

}  // namespace metagraph
