#include "core/program/passes/inline_calls.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

// A function of more ops stays a call, and so does what would make the body
// grow beyond the second figure.
constexpr size_t kMaxFunctionOps = 2000;
constexpr size_t kMaxBodyOps = 100'000;
// Of the names that inlined ops get: each has that of its call before it.
constexpr size_t kMaxNameBytes = 16 << 20;
// Functions that call themselves without any condition would never end.
constexpr int kMaxDepth = 100;

bool IsCall(const Op& op) {
  return op.type() == "PartitionedCall" ||
         op.type() == "StatefulPartitionedCall";
}

size_t NameBytes(const Op& call, const Body& function) {
  size_t bytes = 0;
  for (const Op& op : function.ops) {
    bytes += call.name.size() + 1 + op.name.size();
  }
  return bytes;
}

bool HasRefs(const Body& body) {
  for (const Op& op : body.ops) {
    for (DataType dtype : op.signature.outputs) {
      if (IsRefType(dtype)) return true;
    }
  }
  return false;
}

// An op that only waits.
Op Wait(std::string name, const OpInfo* no_op, std::vector<int> controls) {
  auto node = std::make_shared<tensorflow::NodeDef>();
  node->set_op("NoOp");
  Op op;
  op.name = std::move(name);
  op.info = no_op;
  op.node = std::move(node);
  op.controls = std::move(controls);
  return op;
}

// Puts the function's ops behind the others and gives the call's readers its
// results. The call itself becomes a wait for all that the call did.
void Inline(Body& body, int call_place, const Body& function,
            const OpInfo* no_op, std::vector<std::vector<ValueRef>>& instead) {
  const int base = static_cast<int>(body.ops.size());
  Op call = std::move(body.ops[call_place]);
  const auto translate = [&](const ValueRef& value) {
    return value.is_argument() ? call.inputs[value.output]
                               : ValueRef{base + value.op, value.output};
  };
  for (const Op& inner : function.ops) {
    Op op = inner;
    op.name = absl::StrCat(call.name, "/", inner.name);
    for (ValueRef& input : op.inputs) input = translate(input);
    for (int& control : op.controls) control += base;
    // What has effects must not begin before the call may.
    if (op.stateful()) {
      op.controls.insert(op.controls.end(), call.controls.begin(),
                         call.controls.end());
      Unique(op.controls);
    }
    body.ops.push_back(std::move(op));
  }
  std::vector<int> done = call.controls;
  for (int target : function.targets) done.push_back(base + target);
  for (const ValueRef& input : call.inputs) {
    if (!input.is_argument()) done.push_back(input.op);
  }
  std::vector<ValueRef>& results = instead[call_place];
  for (const Result& result : function.results) {
    results.push_back(translate(result.value));
    if (!results.back().is_argument()) done.push_back(results.back().op);
  }
  Unique(done);
  body.ops[call_place] = Wait(call.name, no_op, std::move(done));
}

}  // namespace

absl::Status InlineCalls(Body& body, const CompileEnv& env) {
  if (std::none_of(body.ops.begin(), body.ops.end(), IsCall)) {
    return absl::OkStatus();
  }
  // The ops of a function know nothing of dead values: where there are any, a
  // call runs or does not run as a whole.
  if (body.has_control_flow()) return absl::OkStatus();
  const OpInfo* no_op = env.library.ops().Find("NoOp");
  // By op: of an inlined call, its results.
  std::vector<std::vector<ValueRef>> instead(body.ops.size());
  std::vector<int> depth(body.ops.size(), 0);
  size_t name_bytes = 0;
  // A call's result may be the result of another call.
  const auto resolve = [&](ValueRef& value) {
    while (!value.is_argument() && !instead[value.op].empty()) {
      value = instead[value.op][value.output];
    }
  };
  for (size_t i = 0; i < body.ops.size(); ++i) {
    if (!IsCall(body.ops[i]) || depth[i] >= kMaxDepth) continue;
    if (env.call != nullptr) RETURN_IF_ERROR(env.call->Check());
    const auto called = FunctionsOf(*body.ops[i].node);
    if (called.size() != 1) continue;
    ASSIGN_OR_RETURN(const auto function, env.library.Find(called[0]));
    const Body& inner = function->body;
    if (!function->missing.empty() || inner.ops.size() > kMaxFunctionOps ||
        body.ops.size() + inner.ops.size() > kMaxBodyOps ||
        inner.has_control_flow() || HasRefs(inner) ||
        inner.args.size() != body.ops[i].inputs.size() ||
        inner.results.size() != body.ops[i].signature.outputs.size()) {
      continue;
    }
    const size_t added = NameBytes(body.ops[i], inner);
    if (name_bytes + added > kMaxNameBytes) continue;
    for (ValueRef& input : body.ops[i].inputs) resolve(input);
    bool takes_refs = false;
    for (size_t k = 0; k < inner.args.size(); ++k) {
      const DataType given = body.TypeOf(body.ops[i].inputs[k]);
      takes_refs |= given != inner.args[k].dtype;
    }
    bool fits = !takes_refs;
    for (size_t k = 0; k < inner.results.size(); ++k) {
      fits &= inner.TypeOf(inner.results[k].value) ==
              body.ops[i].signature.outputs[k];
    }
    if (!fits) continue;
    name_bytes += added;
    const int inner_depth = depth[i] + 1;
    instead.resize(body.ops.size());
    Inline(body, static_cast<int>(i), inner, no_op, instead);
    instead.resize(body.ops.size());
    depth.resize(body.ops.size(), inner_depth);
  }
  for (Op& op : body.ops) {
    for (ValueRef& input : op.inputs) resolve(input);
  }
  for (Result& result : body.results) resolve(result.value);
  return absl::OkStatus();
}

}  // namespace metagraph
