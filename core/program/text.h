#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/op/op_registry.h"
#include "core/program/body.h"

namespace metagraph {

// A Body as text, for people and for tests; one line for each argument, op,
// result and target:
//
//   arg x float
//   c = Const() dtype=float value={tensor { … }}
//   sum = Add(x, c) T=float
//   halves = Split(axis, sum) T=float num_split=2
//   log = NoOp(^sum)
//   return sum, halves:1
//   run log
//
// Attributes that are no dtype, number, bool, string or function are AttrValues
// in protobuf's text format, in braces; those whose name begins with '_' are
// left out. A constant found by folding is a Const. Where shapes were found
// they stand at the end of the line: "# [2,?]".
std::string PrintBody(const Body& body);

// The reverse. Comments begin with '#'. INVALID_ARGUMENT with the line's number
// for what is no Body.
absl::StatusOr<Body> ParseBody(absl::string_view text, const OpRegistry& ops);

}  // namespace metagraph
