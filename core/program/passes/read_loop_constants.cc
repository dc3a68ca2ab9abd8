#include "core/program/passes/read_loop_constants.h"

#include <algorithm>
#include <vector>

namespace metagraph {
namespace {

bool IsLoopInvariant(const Op& op) {
  if (op.kind != OpKind::kEnter) return false;
  const auto it = op.node->attr().find("is_constant");
  return it != op.node->attr().end() && it->second.b();
}

// By op: the constant that it is, or carries into a loop, as its place; -1.
// Ops on cycles have no place in the order, and carry nothing.
std::vector<int> FindOrigins(const Body& body) {
  std::vector<int> origins(body.ops.size(), -1);
  for (const int i : TopologicalOrder(body)) {
    const Op& op = body.ops[i];
    if (!op.controls.empty()) continue;
    if (op.constant != nullptr) {
      origins[i] = i;
    } else if (IsLoopInvariant(op) && !op.inputs[0].is_argument()) {
      origins[i] = origins[op.inputs[0].op];
    }
  }
  return origins;
}

}  // namespace

absl::Status ReadLoopConstants(Body& body, const CompileEnv&) {
  const std::vector<int> origins = FindOrigins(body);
  const auto origin = [&](const ValueRef& value) {
    return value.is_argument() ? -1 : origins[value.op];
  };
  for (Op& op : body.ops) {
    if (op.kind != OpKind::kPlain) continue;
    // An op of constants alone has to wait for the turn.
    if (std::none_of(
            op.inputs.begin(), op.inputs.end(),
            [&](const ValueRef& input) { return origin(input) < 0; })) {
      continue;
    }
    for (ValueRef& input : op.inputs) {
      if (origin(input) >= 0) input = {origin(input), 0};
    }
  }
  return absl::OkStatus();
}

}  // namespace metagraph
