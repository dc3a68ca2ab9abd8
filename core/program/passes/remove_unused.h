#pragma once

#include "core/program/body.h"

namespace metagraph {

// Leaves out the ops that neither a result nor a target needs.
void RemoveUnused(Body& body);

}  // namespace metagraph
