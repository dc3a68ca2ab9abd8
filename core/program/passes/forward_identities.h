#pragma once

#include "core/program/passes/pass.h"

namespace metagraph {

// Lets readers of an Identity read what it reads. Those that read a variable,
// wait for something, or stand where values may be dead, stay.
absl::Status ForwardIdentities(Body& body, const CompileEnv& env);

}  // namespace metagraph
