#include "core/program/passes/forward_identities.h"

#include <vector>

namespace metagraph {
namespace {

bool MayBeForwarded(const Body& body, const Op& op) {
  if ((op.type() != "Identity" && op.type() != "StopGradient" &&
       op.type() != "PreventGradient") ||
      op.constant != nullptr || !op.controls.empty()) {
    return false;
  }
  const ValueRef& input = op.inputs[0];
  // Where a reference is read is when it is read.
  if (IsRefType(body.TypeOf(input))) return false;
  // A control edge from this op tells more than one from its Switch would.
  return input.is_argument() || body.ops[input.op].kind == OpKind::kPlain;
}

}  // namespace

absl::Status ForwardIdentities(Body& body, const CompileEnv&) {
  // By op: what its readers read in its place.
  std::vector<ValueRef> instead(body.ops.size());
  std::vector<bool> forwarded(body.ops.size(), false);
  const auto forward = [&](ValueRef& value) {
    if (!value.is_argument() && forwarded[value.op]) value = instead[value.op];
  };
  const auto forward_controls = [&](std::vector<int>& controls) {
    std::vector<int> out;
    for (int control : controls) {
      if (!forwarded[control]) {
        out.push_back(control);
      } else if (!instead[control].is_argument()) {
        out.push_back(instead[control].op);
      }
    }
    Unique(out);
    controls = std::move(out);
  };
  for (int i : TopologicalOrder(body)) {
    Op& op = body.ops[i];
    for (ValueRef& input : op.inputs) forward(input);
    if (MayBeForwarded(body, op)) {
      forwarded[i] = true;
      instead[i] = op.inputs[0];
    }
  }
  for (Op& op : body.ops) {
    for (ValueRef& input : op.inputs) forward(input);
    forward_controls(op.controls);
  }
  for (Result& result : body.results) forward(result.value);
  forward_controls(body.targets);
  return absl::OkStatus();
}

}  // namespace metagraph
