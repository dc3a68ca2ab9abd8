#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "core/base/clock.h"
#include "core/io/file_system.h"
#include "grpcpp/security/server_credentials.h"
#include "server/server_options.h"

namespace metagraph {

// How a listener speaks: TLS by the files, which are looked at once a second
// for new ones, or in the clear if there are none. Connections go on with what
// they began with. With `tls.client_ca` every call, of health and reflection,
// too, is UNAUTHENTICATED unless its connection's certificate is one of
// ClientCertificates; no other one reaches a service. `tokens`: callers may
// show a token in place of a certificate.
// Errors: a file cannot be read or is not what it should be, certificate and
// key do not belong together.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    FileSystem& files, Clock& clock, const TlsFiles& tls, bool tokens);

}  // namespace metagraph
