#pragma once

// What callers may be allowed to do, and what each call asks for.

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metagraph {

// A set of roles.
enum Roles : unsigned {
  kNoRole = 0,
  kInfer = 1,    // runs that change nothing
  kInspect = 2,  // looks at models, values and graphs
  kAdmin = 4,    // changes state
  kAllRoles = kInfer | kInspect | kAdmin,
};

inline Roles operator|(Roles a, Roles b) {
  return static_cast<Roles>(static_cast<unsigned>(a) |
                            static_cast<unsigned>(b));
}
inline bool Contains(Roles roles, Roles role) {
  return (static_cast<unsigned>(roles) & role) == role;
}

// "infer,inspect": names separated by commas; admin contains the others.
// INVALID_ARGUMENT for any other word.
absl::StatusOr<Roles> ParseRoles(absl::string_view text);

// The role that a call needs. `method`: "metagraph.v1.Inspect/GetModel", with
// or without a slash before it. nullopt: a method of no service of ours, which
// nobody may call.
std::optional<Roles> RoleFor(absl::string_view method);

}  // namespace metagraph
