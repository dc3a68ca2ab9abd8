#pragma once

#include "absl/status/status.h"

namespace metagraph {

class Plan;

// Orders the nodes of a plan without control flow so that they can run one
// after the other, and gives every value a slot, reusing slots whose last
// reader has run. Fills `slot`, `last_use`, `first_slot`, `width` ….
// INVALID_ARGUMENT if the graph has a cycle.
absl::Status Schedule(Plan& plan);

}  // namespace metagraph
