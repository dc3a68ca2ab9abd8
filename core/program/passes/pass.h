#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "core/base/call_context.h"
#include "core/program/body.h"
#include "core/program/library.h"

namespace metagraph {

// How far a program is improved before it is lowered.
enum class CompileLevel : uint8_t {
  kOff,   // ops as they stand in the graph, as far as they are needed
  kSafe,  // the passes that leave every bit of the answers
  kFull,  // all passes; there is none yet that changes a bit
};

// What passes may look at.
struct CompileEnv {
  const Library& library;
  const CallContext* call = nullptr;  // whose limits end it; null: nobody's
};

// A pass leaves a Body that computes the same. Errors: what the program itself
// has wrong, CANCELLED and DEADLINE_EXCEEDED.
using Pass = absl::Status (*)(Body&, const CompileEnv&);

}  // namespace metagraph
