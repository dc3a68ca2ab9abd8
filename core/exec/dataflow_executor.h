#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "core/op/kernel_context.h"
#include "core/plan/plan.h"

namespace metagraph {

// TensorFlow's dataflow machine: a node runs when its inputs have arrived,
// Switch kills one of its branches, Merge takes what arrives first, while
// loops run in frames whose iterations overlap. With `parallel`, ready nodes
// also run on the compute pool. Otherwise as Executor::Run.
//
// Source of the semantics: TensorFlow 1.15's executor, see the rules of dead
// values, frames and iterations in the comments of the implementation.
absl::Status RunDataflow(const Plan& plan, absl::Span<Tensor> feeds,
                         const StepContext& step, bool parallel,
                         std::vector<Tensor>* fetches);

}  // namespace metagraph
