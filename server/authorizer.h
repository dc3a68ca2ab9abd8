#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "grpcpp/server_context.h"
#include "server/credentials.h"
#include "server/role.h"

namespace metagraph {

// Decides what the callers of one listener may do. Thread-safe.
class Authorizer {
 public:
  struct Rules {
    // Whether calls that change state are served there at all.
    bool serves_admin = true;
    // nullptr: callers are not asked who they are.
    const CredentialFile* credentials = nullptr;
  };
  struct Decision {
    // OK; UNAUTHENTICATED: no valid credentials; PERMISSION_DENIED: they do not
    // suffice. Tells the caller nothing that helps to guess.
    absl::Status status;
    Roles roles = kNoRole;
    std::string reason;  // for the log, if not OK
  };

  explicit Authorizer(const Rules& rules) : rules_(rules) {}

  // `method` as in RoleFor.
  Decision Decide(absl::string_view method,
                  const grpc::ServerContextBase& context) const;
  // The same by what the caller presents: the value of its "authorization"
  // metadata and the names of its certificate, which transport.h believes.
  Decision Decide(absl::string_view method, absl::string_view authorization,
                  const std::vector<std::string>& names) const;

 private:
  Decision RolesOf(absl::string_view authorization,
                   const std::vector<std::string>& names) const;

  const Rules rules_;
};

// UNAUTHENTICATED, whatever is wrong with what the caller shows.
absl::Status NeedsCredentials();
// PERMISSION_DENIED for a run that changes variables, tables or files.
absl::Status MayNotChangeState();

}  // namespace metagraph
