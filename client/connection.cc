#include "client/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <climits>
#include <cstdlib>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"
#include "core/io/file_system.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"

namespace metagraph {
namespace {

constexpr uint64_t kMaxFile = 1 << 20;
// Where Debian and others keep the roots that the machine trusts.
constexpr char kMachineRoots[] = "/etc/ssl/certs/ca-certificates.crt";

absl::Status ReadInto(const char* flag, const std::string& path,
                      std::string* out) {
  if (path.empty()) return absl::OkStatus();
  auto text = ReadFile(FileSystem::Posix(), path, kMaxFile);
  if (!text.ok()) return Annotate(text.status(), flag, ": ");
  *out = *std::move(text);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsOf(
    const ConnectionOptions& options) {
  if (!options.wants_tls()) return grpc::InsecureChannelCredentials();
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    return InvalidArgument("--tls-cert and --tls-key go together");
  }
  grpc::SslCredentialsOptions ssl;
  RETURN_IF_ERROR(ReadInto("--tls-ca", options.tls_ca, &ssl.pem_root_certs));
  RETURN_IF_ERROR(
      ReadInto("--tls-cert", options.tls_cert, &ssl.pem_cert_chain));
  RETURN_IF_ERROR(ReadInto("--tls-key", options.tls_key, &ssl.pem_private_key));
  if (options.tls_ca.empty()) {
    // If there is no such file, gRPC looks where it knows.
    auto roots = ReadFile(FileSystem::Posix(), kMachineRoots, 16 * kMaxFile);
    if (roots.ok()) ssl.pem_root_certs = *std::move(roots);
  }
  return grpc::SslCredentials(ssl);
}

absl::StatusOr<std::string> TokenOf(const ConnectionOptions& options) {
  std::string text;
  if (!options.token_file.empty()) {
    RETURN_IF_ERROR(ReadInto("--token-file", options.token_file, &text));
  } else if (const char* value = std::getenv("METAGRAPHCTL_TOKEN")) {
    text = value;
  }
  text = std::string(absl::StripAsciiWhitespace(text));
  if (!absl::c_all_of(text, absl::ascii_isgraph)) {
    return InvalidArgument(
        "the token has spaces or characters that cannot be sent; expected one "
        "word of ASCII");
  }
  if (text.empty() && !options.token_file.empty()) {
    return InvalidArgument("--token-file ", options.token_file,
                           " is empty, expected a token");
  }
  return text;
}

// Whether calls to it do not leave the machine. False where that is not plain.
bool IsOnThisMachine(absl::string_view server) {
  if (absl::StartsWith(server, "unix:") ||
      absl::StartsWith(server, "unix-abstract:")) {
    return true;
  }
  for (const absl::string_view scheme : {"dns:///", "dns:", "ipv4:", "ipv6:"}) {
    if (absl::ConsumePrefix(&server, scheme)) break;
  }
  absl::string_view host = server.substr(0, server.rfind(':'));
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  // A name may begin as an address does: 127.0.0.1.example.org.
  const std::string name(host);
  in_addr v4 = {};
  if (inet_pton(AF_INET, name.c_str(), &v4) == 1) {
    return ntohl(v4.s_addr) >> 24 == 127;
  }
  in6_addr v6 = {};
  if (inet_pton(AF_INET6, name.c_str(), &v6) == 1) {
    return IN6_IS_ADDR_LOOPBACK(&v6);
  }
  return host == "localhost";
}

}  // namespace

absl::StatusOr<Connection> Connect(const ConnectionOptions& options) {
  Connection out;
  ASSIGN_OR_RETURN(out.token, TokenOf(options));
  if (!out.token.empty() && !options.wants_tls() &&
      !IsOnThisMachine(options.server)) {
    return InvalidArgument(
        "the token would go to ", options.server,
        " in the clear, for all on the way to read; give --tls-ca FILE, or "
        "--tls for the machine's roots, or show no token");
  }
  ASSIGN_OR_RETURN(const auto credentials, CredentialsOf(options));
  grpc::ChannelArguments arguments;
  // Tensors are large; the server has the limits.
  arguments.SetMaxReceiveMessageSize(INT_MAX);
  arguments.SetMaxSendMessageSize(INT_MAX);
  if (!options.tls_name.empty()) {
    arguments.SetSslTargetNameOverride(options.tls_name);
  }
  out.channel =
      grpc::CreateCustomChannel(options.server, credentials, arguments);
  return out;
}

}  // namespace metagraph
