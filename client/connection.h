#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/channel.h"

namespace metagraph {

// How to reach a daemon. Files are PEM, but for the token's.
struct ConnectionOptions {
  std::string server;  // `host:port` or `unix:PATH`
  bool tls = false;    // also wanted by any of the next four
  std::string
      tls_ca;  // roots of the server's certificate; empty: the machine's
  std::string tls_cert;
  std::string tls_key;
  std::string tls_name;    // in the server's certificate, in place of its host
  std::string token_file;  // empty: METAGRAPHCTL_TOKEN, if it is set

  bool wants_tls() const {
    return tls || !tls_ca.empty() || !tls_cert.empty() || !tls_key.empty() ||
           !tls_name.empty();
  }
};

struct Connection {
  std::shared_ptr<grpc::Channel> channel;
  std::string token;  // shown at every call unless empty
};

// Reads the files; connects at the first call.
// Errors: a file cannot be read, a certificate without its key, a token that
// cannot be sent, or that others could read on its way.
absl::StatusOr<Connection> Connect(const ConnectionOptions& options);

}  // namespace metagraph
