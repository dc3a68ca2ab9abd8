#include "server/transport.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "glog/logging.h"
#include "grpc/grpc_security_constants.h"
#include "grpcpp/security/auth_context.h"
#include "grpcpp/security/auth_metadata_processor.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"
#include "server/authorizer.h"
#include "server/call_support.h"
#include "server/client_certificates.h"
#include "server/line_rate.h"
#include "server/log_text.h"
#include "server/openssl_types.h"

namespace metagraph {
namespace {

constexpr uint64_t kMaxPem = 1 << 20;
constexpr unsigned kSecondsBetweenLooks = 1;

absl::StatusOr<std::string> ReadPem(FileSystem& files, const char* flag,
                                    const std::string& path) {
  auto text = ReadFile(files, path, kMaxPem);
  if (!text.ok()) return Annotate(text.status(), flag, ": ");
  return text;
}

absl::StatusOr<Certificate> ReadCertificate(FileSystem& files, const char* flag,
                                            const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadPem(files, flag, path));
  Certificate out(
      PEM_read_bio_X509(BioOf(text).get(), nullptr, NoPassword, nullptr));
  ERR_clear_error();
  if (out == nullptr) {
    return InvalidArgument(flag, " ", path,
                           " holds no certificate in the form of PEM");
  }
  if (X509_cmp_current_time(X509_get0_notAfter(out.get())) < 0) {
    LOG(WARNING) << flag << " " << path << ": the certificate has expired";
  }
  return out;
}

absl::Status CheckPair(FileSystem& files, const TlsFiles& tls) {
  ASSIGN_OR_RETURN(const Certificate certificate,
                   ReadCertificate(files, "--tls_cert", tls.cert));
  ASSIGN_OR_RETURN(const std::string text,
                   ReadPem(files, "--tls_key", tls.key));
  const Key key(
      PEM_read_bio_PrivateKey(BioOf(text).get(), nullptr, NoPassword, nullptr));
  ERR_clear_error();
  if (key == nullptr) {
    return InvalidArgument("--tls_key ", tls.key,
                           " holds no private key in the form of PEM that "
                           "needs no password");
  }
  const bool pair = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (pair) return absl::OkStatus();
  return InvalidArgument("--tls_key ", tls.key,
                         " is not the key of the certificate in --tls_cert ",
                         tls.cert);
}

// Stands before all services of an address, gRPC's own as well: turns calls
// away whose connection has not shown a certificate to be believed. Not in the
// handshake, where clients take a refusal for trouble of the network, and try
// again for ever.
class CallerCheck final : public grpc::AuthMetadataProcessor {
 public:
  CallerCheck(std::unique_ptr<ClientCertificates> certificates, bool required)
      : certificates_(std::move(certificates)), required_(required) {}

  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata& metadata,
                       grpc::AuthContext* connection, OutputMetadata*,
                       OutputMetadata*) override {
    const absl::Status status = Check(*connection);
    if (status.ok()) return grpc::Status::OK;
    const int64_t left_out = lines_.Take();
    if (left_out >= 0) {
      LOG(WARNING) << TextOf(metadata, ":path")
                   << " was refused: " << ForLog(status.message())
                   << "; client " << TextOf(metadata, "user-agent")
                   << (left_out > 0
                           ? absl::StrCat("; ", left_out, " more like it")
                           : "");
    }
    return ToGrpcStatus(NeedsCredentials());
  }

 private:
  // Of the one value; else fails.
  static absl::StatusOr<absl::string_view> OnlyOne(
      const grpc::AuthContext& connection, const char* name) {
    const auto found = connection.FindPropertyValues(name);
    if (found.size() > 1) {
      return absl::UnauthenticatedError("there is more than one certificate");
    }
    if (found.empty()) return "";
    return absl::string_view(found[0].data(), found[0].size());
  }

  static std::string TextOf(const InputMetadata& metadata, const char* key) {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return "?";
    return ForLog({found->second.data(), found->second.size()});
  }

  absl::Status Check(const grpc::AuthContext& connection) {
    ASSIGN_OR_RETURN(const absl::string_view own,
                     OnlyOne(connection, GRPC_X509_PEM_CERT_PROPERTY_NAME));
    ASSIGN_OR_RETURN(
        const absl::string_view others,
        OnlyOne(connection, GRPC_X509_PEM_CERT_CHAIN_PROPERTY_NAME));
    if (!own.empty()) return certificates_->Check(own, others);
    // Whatever else the connection says of a certificate, it has none.
    const bool has_name =
        !connection.FindPropertyValues(GRPC_X509_SAN_PROPERTY_NAME).empty();
    if (required_ || has_name || !others.empty()) {
      return absl::UnauthenticatedError("no certificate was shown");
    }
    return absl::OkStatus();
  }

  const std::unique_ptr<ClientCertificates> certificates_;
  const bool required_;
  LineRate lines_{1};
};

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    FileSystem& files, Clock& clock, const TlsFiles& tls, bool tokens) {
  if (tls.cert.empty()) return grpc::InsecureServerCredentials();
  RETURN_IF_ERROR(CheckPair(files, tls));
  grpc::experimental::TlsServerCredentialsOptions options(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          tls.key, tls.cert, tls.client_ca, kSecondsBetweenLooks));
  options.watch_identity_key_cert_pairs();
  if (tls.client_ca.empty()) {
    return grpc::experimental::TlsServerCredentials(options);
  }
  ASSIGN_OR_RETURN(auto certificates,
                   ClientCertificates::Open(files, clock, tls.client_ca));
  // Tells clients which roots their certificate should come from.
  options.watch_root_certs();
  // CallerCheck does. That the client has the key is shown all the same.
  options.set_cert_request_type(
      GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);
  auto out = grpc::experimental::TlsServerCredentials(options);
  out->SetAuthMetadataProcessor(std::make_shared<CallerCheck>(
      std::move(certificates), /*required=*/!tokens));
  return out;
}

}  // namespace metagraph
