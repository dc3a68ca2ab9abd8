#include "core/program/passes/trim_calls.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/status.h"
#include "core/program/effects.h"

namespace metagraph {
namespace {

using Functions = std::vector<std::shared_ptr<const Function>>;

bool IsWhile(const Op& op) {
  return op.type() == "While" || op.type() == "StatelessWhile";
}
bool IsTrimmed(const Op& op) {
  return IsWhile(op) || op.type() == "If" || op.type() == "StatelessIf" ||
         op.type() == "Case" || op.type() == "StatelessCase" ||
         op.type() == "PartitionedCall" ||
         op.type() == "StatefulPartitionedCall";
}

// A loop in which the need for one variable leads to another so many times is
// not trimmed.
constexpr int kMaxRounds = 64;

// Marks the arguments that the results, and what runs anyway, need.
void NeedArguments(const Body& body, const std::vector<bool>& results,
                   std::vector<bool>* args) {
  std::vector<bool> seen(body.ops.size(), false);
  std::vector<int> todo;
  const auto need = [&](const ValueRef& value) {
    if (value.is_argument()) {
      (*args)[value.output] = true;
    } else if (!seen[value.op]) {
      seen[value.op] = true;
      todo.push_back(value.op);
    }
  };
  for (size_t i = 0; i < body.results.size(); ++i) {
    if (results[i]) need(body.results[i].value);
  }
  for (int target : body.targets) need({target, 0});
  while (!todo.empty()) {
    const Op& op = body.ops[todo.back()];
    todo.pop_back();
    for (const ValueRef& input : op.inputs) need(input);
    for (int control : op.controls) need({control, 0});
  }
}

bool AllOf(const std::vector<bool>& flags) {
  return std::all_of(flags.begin(), flags.end(),
                     [](bool flag) { return flag; });
}

// Which arguments the functions of a call need for its `outputs`; of a loop,
// whose results are arguments of its next turn, also which outputs.
std::vector<bool> Needed(const Op& op, const Functions& functions,
                         std::vector<bool>* outputs) {
  std::vector<bool> args(functions[0]->body.args.size(), false);
  if (!IsWhile(op)) {
    for (const auto& function : functions) {
      NeedArguments(function->body, *outputs, &args);
    }
    return args;
  }
  const Body& cond = functions[1]->body;
  const Body& body = functions[0]->body;
  args = *outputs;
  NeedArguments(cond, {true}, &args);
  for (int round = 0;; ++round) {
    if (round == kMaxRounds) args.assign(args.size(), true);
    const std::vector<bool> before = args;
    NeedArguments(body, before, &args);
    if (args == before) break;
  }
  *outputs = args;
  return args;
}

void KeepTypes(const std::vector<bool>& keep, tensorflow::AttrValue* types) {
  const tensorflow::AttrValue old = *types;
  types->mutable_list()->clear_type();
  for (int i = 0; i < old.list().type_size(); ++i) {
    if (keep[i]) types->mutable_list()->add_type(old.list().type(i));
  }
}

void KeepOf(const std::vector<bool>& args, const std::vector<bool>& results,
            tensorflow::NameAttrList* function) {
  auto& attrs = *function->mutable_attr();
  const bool was_trimmed = attrs.contains(kKeptResults);
  const auto list = [&](const std::vector<bool>& keep,
                        tensorflow::AttrValue* out) {
    const tensorflow::AttrValue before = *out;
    out->mutable_list()->clear_i();
    for (size_t i = 0; i < keep.size(); ++i) {
      const auto place = static_cast<int>(i);
      if (keep[i]) {
        out->mutable_list()->add_i(was_trimmed ? before.list().i(place)
                                               : place);
      }
    }
  };
  list(args, &attrs[kKeptArguments]);
  list(results, &attrs[kKeptResults]);
}

// The call with the arguments and outputs that are kept.
absl::Status Trim(const std::vector<bool>& args,
                  const std::vector<bool>& outputs, Op* op) {
  auto node = std::make_shared<tensorflow::NodeDef>(*op->node);
  auto& attrs = *node->mutable_attr();
  attrs.erase("output_shapes");
  const std::vector<bool> one(1, true);
  for (auto& [name, value] : attrs) {
    if (value.has_func()) {
      const bool condition = IsWhile(*op) && name == "cond";
      KeepOf(args, condition ? one : outputs, value.mutable_func());
    } else if (name == "branches") {
      for (auto& branch : *value.mutable_list()->mutable_func()) {
        KeepOf(args, outputs, &branch);
      }
    } else if (name == "Tin" || name == "T") {
      KeepTypes(args, &value);
    } else if (name == "Tout") {
      KeepTypes(outputs, &value);
    }
  }
  const int first = FirstArgument(op->type());
  std::vector<ValueRef> inputs(op->inputs.begin(), op->inputs.begin() + first);
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i]) inputs.push_back(op->inputs[first + i]);
  }
  ASSIGN_OR_RETURN(op->signature, ResolveSignature(*node, op->info->def));
  op->node = std::move(node);
  op->inputs = std::move(inputs);
  return absl::OkStatus();
}

// The call's functions, if they are as its node says; else none.
absl::StatusOr<Functions> FunctionsThatFit(const Op& op,
                                           const Library& library) {
  Functions out;
  for (const auto& called : FunctionsOf(*op.node)) {
    ASSIGN_OR_RETURN(auto function, library.Find(called));
    const bool condition = IsWhile(op) && !out.empty();
    const size_t results = condition ? 1 : op.signature.outputs.size();
    if (function->body.results.size() != results ||
        function->body.args.size() + FirstArgument(op.type()) !=
            op.inputs.size()) {
      return Functions();
    }
    out.push_back(std::move(function));
  }
  return out;
}

}  // namespace

absl::Status TrimCalls(Body& body, const CompileEnv& env) {
  if (std::none_of(body.ops.begin(), body.ops.end(), IsTrimmed)) {
    return absl::OkStatus();
  }
  const std::vector<int> order = TopologicalOrder(body);
  // In loops of single ops a use may come later than what it uses.
  if (order.size() != body.ops.size()) return absl::OkStatus();

  std::vector<bool> live(body.ops.size(), false);
  std::vector<std::vector<bool>> used(body.ops.size());
  for (size_t i = 0; i < body.ops.size(); ++i) {
    used[i].assign(body.ops[i].signature.outputs.size(), false);
  }
  const auto use = [&](const ValueRef& value) {
    if (value.is_argument()) return;
    live[value.op] = true;
    used[value.op][value.output] = true;
  };
  for (const Result& result : body.results) use(result.value);
  for (int target : body.targets) live[target] = true;

  // By op: of a trimmed one, where its outputs are now.
  std::vector<std::vector<int>> moved(body.ops.size());
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    Op& op = body.ops[*it];
    if (!live[*it]) continue;
    if (IsTrimmed(op)) {
      ASSIGN_OR_RETURN(const Functions functions,
                       FunctionsThatFit(op, env.library));
      if (!functions.empty()) {
        std::vector<bool> outputs = used[*it];
        const std::vector<bool> args = Needed(op, functions, &outputs);
        if (!AllOf(args) || !AllOf(outputs)) {
          RETURN_IF_ERROR(Trim(args, outputs, &op));
          int place = 0;
          for (bool kept : outputs) moved[*it].push_back(kept ? place++ : -1);
        }
      }
    }
    for (const ValueRef& input : op.inputs) use(input);
    for (int control : op.controls) live[control] = true;
  }
  const auto move = [&](ValueRef& value) {
    if (!value.is_argument() && !moved[value.op].empty()) {
      value.output = moved[value.op][value.output];
    }
  };
  for (size_t i = 0; i < body.ops.size(); ++i) {
    if (!live[i]) continue;
    for (ValueRef& input : body.ops[i].inputs) move(input);
  }
  for (Result& result : body.results) move(result.value);
  KeepOps(body, live);
  return absl::OkStatus();
}

}  // namespace metagraph
