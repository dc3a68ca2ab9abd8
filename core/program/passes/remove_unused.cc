#include "core/program/passes/remove_unused.h"

#include <vector>

namespace metagraph {

void RemoveUnused(Body& body) {
  std::vector<bool> needed(body.ops.size(), false);
  std::vector<int> todo;
  const auto need = [&](int op) {
    if (op < 0 || needed[op]) return;
    needed[op] = true;
    todo.push_back(op);
  };
  for (const Result& result : body.results) need(result.value.op);
  for (int target : body.targets) need(target);
  while (!todo.empty()) {
    const Op& op = body.ops[todo.back()];
    todo.pop_back();
    for (const ValueRef& input : op.inputs) need(input.op);
    for (int control : op.controls) need(control);
  }
  KeepOps(body, needed);
}

}  // namespace metagraph
