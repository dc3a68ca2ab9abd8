#include "core/program/find_missing.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "core/base/status.h"
#include "core/program/attributes.h"
#include "core/program/passes/trim_calls.h"

namespace metagraph {

using tensorflow::NameAttrList;

namespace {

// Functions with their attributes that one program may reach.
constexpr size_t kMaxFunctions = 1 << 16;

// The functions that a function calls, or why they cannot be told.
using Callees = absl::StatusOr<std::vector<NameAttrList>>;

// Adds the ops without kernel of `functions` and of all they call, where
// `callees` tells what a function calls.
absl::Status AddMissing(const Library& library,
                        std::vector<NameAttrList> functions, CallContext* call,
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

}  // namespace

absl::Status FindMissing(const Library& library,
                         std::vector<NameAttrList> functions, CallContext* call,
                         std::vector<MissingOp>* missing) {
  return AddMissing(
      library, std::move(functions), call,
      [](const Function& function) { return function.callees; }, missing);
}

absl::Status FindMissingOfRun(const Library& library, const Body& body,
                              CallContext* call,
                              std::vector<MissingOp>* missing) {
  const CompileEnv env{library, call};
  const auto needed = [&](const Body& caller) -> Callees {
    Function trimmed{caller, {}, {}};
    RETURN_IF_ERROR(TrimCalls(trimmed.body, env));
    trimmed.UpdateNeeds();
    return std::move(trimmed.callees);
  };
  ASSIGN_OR_RETURN(std::vector<NameAttrList> functions, needed(body));
  return AddMissing(
      library, std::move(functions), call,
      [&](const Function& function) { return needed(function.body); }, missing);
}

}  // namespace metagraph
