#pragma once

#include "core/program/passes/pass.h"

namespace metagraph {

// Makes one op of a convolution or matrix product of floats and what is done to
// its output alone: factors and offsets of each channel (batch norm, too), the
// addition of another tensor, an activation. Factors go into the filter, so it
// has to be known, as weights are in a program of one generation; answers
// change by roundings. Without env.weights: does nothing.
absl::Status FuseProducts(Body& body, const CompileEnv& env);

}  // namespace metagraph
