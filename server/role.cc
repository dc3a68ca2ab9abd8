#include "server/role.h"

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

// By service, so that a new call of one needs no line here.
constexpr struct {
  absl::string_view service;
  Roles role;
} kServiceRoles[] = {
    {"metagraph.v1.Inference", kInfer},
    {"tensorflow.serving.SessionService", kInfer},
    {"metagraph.v1.Inspect", kInspect},
    {"metagraph.v1.Admin", kAdmin},
};

}  // namespace

absl::StatusOr<Roles> ParseRoles(absl::string_view text) {
  Roles out = kNoRole;
  for (absl::string_view word : absl::StrSplit(text, ',')) {
    if (word == "infer") {
      out = out | kInfer;
    } else if (word == "inspect") {
      out = out | kInspect;
    } else if (word == "admin") {
      out = kAllRoles;
    } else {
      // What stands in place of a role may be a token: it is not told.
      return InvalidArgument(
          "expected roles: infer, inspect or admin, "
          "separated by commas");
    }
  }
  return out;
}

std::optional<Roles> RoleFor(absl::string_view method) {
  absl::ConsumePrefix(&method, "/");
  const absl::string_view service = method.substr(0, method.find('/'));
  for (const auto& known : kServiceRoles) {
    if (known.service == service) return known.role;
  }
  return std::nullopt;
}

}  // namespace metagraph
