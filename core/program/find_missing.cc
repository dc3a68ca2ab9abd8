#include "core/program/find_missing.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "core/base/status.h"
#include "core/program/attributes.h"
#include "core/program/passes/trim_calls.h"

namespace metagraph {

using tensorflow::NameAttrList;

namespace {

// Functions with their attributes that one program may reach.
constexpr size_t kMaxFunctions = 1 << 16;

}  // namespace

void NoteNeeds(Function& function) {
  std::set<absl::string_view> names;
  function.callees.clear();
  for (const Op& op : function.body.ops) {
    names.insert(op.name);
    for (NameAttrList& callee : FunctionsOf(*op.node)) {
      function.callees.push_back(std::move(callee));
    }
  }
  std::erase_if(function.missing,
                [&](const MissingOp& op) { return names.count(op.node) == 0; });
}

absl::Status FindMissingOps(const Library& library,
                            std::vector<NameAttrList> functions,
                            const CallContext* call,
                            absl::FunctionRef<Callees(const Function&)> callees,
                            std::vector<MissingOp>* missing) {
  std::set<std::string> seen;
  while (!functions.empty()) {
    if (call != nullptr) RETURN_IF_ERROR(call->Check());
    const NameAttrList function = std::move(functions.back());
    functions.pop_back();
    if (!seen.insert(KeyOf(function)).second) continue;
    if (seen.size() > kMaxFunctions) {
      return ResourceExhausted("the program calls more than ", kMaxFunctions,
                               " functions");
    }
    ASSIGN_OR_RETURN(const auto made, library.Find(function));
    missing->insert(missing->end(), made->missing.begin(), made->missing.end());
    ASSIGN_OR_RETURN(std::vector<NameAttrList> called, callees(*made));
    std::move(called.begin(), called.end(), std::back_inserter(functions));
  }
  return absl::OkStatus();
}

absl::Status FindMissingOfRun(const Library& library, const Body& body,
                              const CallContext* call,
                              std::vector<MissingOp>* missing) {
  const CompileEnv env{library, call};
  const auto needed = [&](const Body& caller) -> Callees {
    Function trimmed{caller, {}, {}};
    RETURN_IF_ERROR(TrimCalls(trimmed.body, env));
    NoteNeeds(trimmed);
    return std::move(trimmed.callees);
  };
  ASSIGN_OR_RETURN(std::vector<NameAttrList> functions, needed(body));
  return FindMissingOps(
      library, std::move(functions), call,
      [&](const Function& function) { return needed(function.body); }, missing);
}

}  // namespace metagraph
