#include "core/program/effects.h"

#include <utility>

#include "core/base/status.h"
#include "core/graph/node_attr.h"

namespace metagraph {
namespace {

// Variables go through these as they are.
bool PassesOn(const Op& op) {
  return op.type() == "Identity" || op.type() == "RefIdentity" ||
         op.type() == "Enter" || op.type() == "Switch";
}

bool IsVariable(const Op& op) {
  return op.info != nullptr && op.info->declares_variable;
}

// The name of the variable that the op declares.
std::string VariableName(const Body& body, const Op& op) {
  const auto* shared = FindNodeAttr(*op.node, "shared_name");
  if (shared != nullptr && !shared->s().empty()) return shared->s();
  return body.path + op.name;
}

ValueRef Origin(const Body& body, ValueRef value) {
  for (size_t steps = 0; steps < body.ops.size(); ++steps) {
    if (value.is_argument()) break;
    const Op& op = body.ops[value.op];
    if (!PassesOn(op) || op.inputs.empty()) break;
    value = op.inputs[0];
  }
  return value;
}

void Note(const Body& body, const ValueRef& input, std::set<int>* args,
          std::set<std::string>* names) {
  const ValueRef origin = Origin(body, input);
  if (origin.is_argument()) {
    if (body.args[origin.output].dtype == DT_RESOURCE) {
      args->insert(origin.output);
    }
  } else if (IsVariable(body.ops[origin.op])) {
    names->insert(VariableName(body, body.ops[origin.op]));
  }
}

}  // namespace

int FirstArgument(absl::string_view op) {
  if (op == "For") return 2;
  return op == "If" || op == "StatelessIf" || op == "Case" ||
                 op == "StatelessCase" || op == "RemoteCall"
             ? 1
             : 0;
}

FunctionEffects Effects::Look(const Function& function) const {
  const Body& body = function.body;
  FunctionEffects out;
  for (const Op& op : body.ops) {
    if (op.inputs.empty() || op.info == nullptr) continue;
    if (op.info->writes_variables) {
      Note(body, op.inputs[0], &out.writes, &out.named_writes);
    }
    if (op.info->reads_variables) {
      Note(body, op.inputs[0], &out.reads, &out.named_reads);
    }
    for (const auto& callee : FunctionsOf(*op.node)) {
      const auto known = known_.find(KeyOf(callee));
      if (known == known_.end()) continue;
      const FunctionEffects& effects = known->second;
      const int first = FirstArgument(op.type());
      const auto through = [&](const std::set<int>& args, std::set<int>* to,
                               std::set<std::string>* names) {
        for (int arg : args) {
          const size_t input = arg + first;
          if (input < op.inputs.size()) Note(body, op.inputs[input], to, names);
        }
      };
      through(effects.reads, &out.reads, &out.named_reads);
      through(effects.writes, &out.writes, &out.named_writes);
      out.named_reads.insert(effects.named_reads.begin(),
                             effects.named_reads.end());
      out.named_writes.insert(effects.named_writes.begin(),
                              effects.named_writes.end());
    }
  }
  return out;
}

absl::StatusOr<FunctionEffects> Effects::Of(
    const tensorflow::NameAttrList& function) {
  // All that it reaches, callers before callees as far as there is an order.
  std::vector<std::pair<std::string, std::shared_ptr<const Function>>> reached;
  std::set<std::string> seen;
  std::vector<tensorflow::NameAttrList> todo = {function};
  while (!todo.empty()) {
    const tensorflow::NameAttrList next = std::move(todo.back());
    todo.pop_back();
    const std::string key = KeyOf(next);
    if (!seen.insert(key).second || known_.contains(key)) continue;
    ASSIGN_OR_RETURN(auto found, library_.Find(next));
    todo.insert(todo.end(), found->callees.begin(), found->callees.end());
    reached.emplace_back(key, std::move(found));
  }
  // Again until nothing is added: functions may call each other in circles.
  for (bool changed = true; changed;) {
    changed = false;
    for (auto it = reached.rbegin(); it != reached.rend(); ++it) {
      if (call_ != nullptr) RETURN_IF_ERROR(call_->Check());
      FunctionEffects effects = Look(*it->second);
      FunctionEffects& known = known_[it->first];
      changed |= effects != known;
      known = std::move(effects);
    }
  }
  return known_[KeyOf(function)];
}

}  // namespace metagraph
