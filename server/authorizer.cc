#include "server/authorizer.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "grpc/grpc_security_constants.h"
#include "grpcpp/security/auth_context.h"

namespace metagraph {
namespace {

constexpr absl::string_view kScheme = "bearer ";

// More than one is none: proxies and servers might take different ones.
std::string AuthorizationOf(const grpc::ServerContextBase& context) {
  const auto [begin, end] =
      context.client_metadata().equal_range("authorization");
  if (begin == end) return "";
  if (std::next(begin) != end) return "several";
  return std::string(begin->second.data(), begin->second.size());
}

std::vector<std::string> NamesOf(const grpc::ServerContextBase& context) {
  const auto auth = context.auth_context();
  std::vector<std::string> out;
  if (auth == nullptr) return out;
  for (const grpc::string_ref& name :
       auth->FindPropertyValues(GRPC_X509_SAN_PROPERTY_NAME)) {
    out.emplace_back(name.data(), name.size());
  }
  return out;
}

Authorizer::Decision Unauthenticated(std::string reason) {
  return {NeedsCredentials(), kNoRole, std::move(reason)};
}

}  // namespace

absl::Status NeedsCredentials() {
  return absl::UnauthenticatedError("the call needs valid credentials");
}

absl::Status MayNotChangeState() {
  return absl::PermissionDeniedError(
      "the run changes variables, tables or files, for which the role admin "
      "or another address is needed; see --tokens and --admin_listen");
}

Authorizer::Decision Authorizer::RolesOf(
    absl::string_view authorization,
    const std::vector<std::string>& names) const {
  if (rules_.credentials == nullptr) return {{}, kAllRoles, ""};
  const auto credentials = rules_.credentials->current();
  Roles roles = kNoRole;
  if (!authorization.empty()) {
    if (!absl::StartsWithIgnoreCase(authorization, kScheme)) {
      return Unauthenticated("no bearer token in the authorization");
    }
    roles = credentials->OfToken(
        absl::StripAsciiWhitespace(authorization.substr(kScheme.size())));
    if (roles == kNoRole) return Unauthenticated("the token is not known");
  }
  for (const std::string& name : names) {
    roles = roles | credentials->OfName(name);
  }
  if (roles != kNoRole) return {{}, roles, ""};
  return Unauthenticated(
      names.empty() ? "neither token nor certificate"
                    : absl::StrCat("no name of the certificate is known: ",
                                   absl::StrJoin(names, ", ")));
}

Authorizer::Decision Authorizer::Decide(
    absl::string_view method, absl::string_view authorization,
    const std::vector<std::string>& names) const {
  Decision out = RolesOf(authorization, names);
  if (!out.status.ok()) return out;
  const std::optional<Roles> needed = RoleFor(method);
  if (needed == kAdmin && !rules_.serves_admin) {
    out.status = absl::PermissionDeniedError(
        "calls that change state are not served on this address; see "
        "--admin_listen");
    return out;
  }
  if (!needed.has_value() || !Contains(out.roles, *needed)) {
    out.status =
        absl::PermissionDeniedError("the credentials do not allow this call");
    out.reason = needed.has_value() ? "the role is not given" : "no such role";
    return out;
  }
  if (!rules_.serves_admin) {
    out.roles = static_cast<Roles>(out.roles & ~unsigned{kAdmin});
  }
  return out;
}

Authorizer::Decision Authorizer::Decide(
    absl::string_view method, const grpc::ServerContextBase& context) const {
  if (rules_.credentials == nullptr) return Decide(method, "", {});
  return Decide(method, AuthorizationOf(context), NamesOf(context));
}

}  // namespace metagraph
