#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/program/library.h"

namespace metagraph {

// What a function does to variables, itself or through what it calls.
struct FunctionEffects {
  // The arguments, by number, through which variables are read and written.
  std::set<int> reads;
  std::set<int> writes;
  // Those that its own ops name (VarHandleOp, VariableV2), by name.
  std::set<std::string> named_reads;
  std::set<std::string> named_writes;

  bool operator==(const FunctionEffects&) const = default;
};

// Of functions of a library, for Explain. Not thread-safe.
class Effects {
 public:
  // `call`: whose limits end it; null: nobody's.
  Effects(const Library& library, const CallContext* call)
      : library_(library), call_(call) {}

  // NOT_FOUND and INVALID_ARGUMENT as Library::Find; CANCELLED and
  // DEADLINE_EXCEEDED. What ops do that nobody knows is left out.
  absl::StatusOr<FunctionEffects> Of(const tensorflow::NameAttrList& function);

 private:
  FunctionEffects Look(const Function& function) const;

  const Library& library_;
  const CallContext* const call_;
  absl::flat_hash_map<std::string, FunctionEffects> known_;  // by KeyOf
};

// Input i of the node is argument i - FirstArgument(op) of the functions that
// it calls; those before it are no arguments.
int FirstArgument(absl::string_view op);

}  // namespace metagraph
