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

// The constant that the value is, perhaps carried into loops, or an argument.
ValueRef Origin(const Body& body, ValueRef value) {
  while (!value.is_argument()) {
    const Op& op = body.ops[value.op];
    if (op.constant != nullptr && op.controls.empty()) return value;
    if (!IsLoopInvariant(op) || !op.controls.empty()) break;
    value = op.inputs[0];
  }
  return {};
}

}  // namespace

absl::Status ReadLoopConstants(Body& body, const CompileEnv&) {
  for (Op& op : body.ops) {
    if (op.kind != OpKind::kPlain || op.inputs.size() < 2) continue;
    std::vector<ValueRef> origins;
    for (const ValueRef& input : op.inputs) {
      origins.push_back(Origin(body, input));
    }
    // An op of constants alone has to wait for the turn.
    if (std::none_of(
            origins.begin(), origins.end(),
            [](const ValueRef& origin) { return origin.is_argument(); })) {
      continue;
    }
    for (size_t i = 0; i < origins.size(); ++i) {
      if (!origins[i].is_argument()) op.inputs[i] = origins[i];
    }
  }
  return absl::OkStatus();
}

}  // namespace metagraph
