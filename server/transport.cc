#include "server/transport.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "core/base/status.h"
#include "glog/logging.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"

namespace metagraph {
namespace {

constexpr uint64_t kMaxPem = 1 << 20;
constexpr unsigned kSecondsBetweenLooks = 1;

template <typename T, void (*kFree)(T*)>
struct Freed {
  void operator()(T* object) const { kFree(object); }
};
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO, BIO_free_all>>;

absl::StatusOr<Bio> OpenPem(FileSystem& files, const char* flag,
                            const std::string& path) {
  auto text = ReadFile(files, path, kMaxPem);
  if (!text.ok()) return Annotate(text.status(), flag, ": ");
  Bio out(BIO_new(BIO_s_mem()));
  BIO_write(out.get(), text->data(), static_cast<int>(text->size()));
  return out;
}

absl::StatusOr<Certificate> ReadCertificate(FileSystem& files, const char* flag,
                                            const std::string& path) {
  ASSIGN_OR_RETURN(const Bio bio, OpenPem(files, flag, path));
  Certificate out(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
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

// An encrypted key would ask for its password at the terminal.
int NoPassword(char*, int, int, void*) { return -1; }

absl::Status CheckPair(FileSystem& files, const TlsFiles& tls) {
  ASSIGN_OR_RETURN(const Certificate certificate,
                   ReadCertificate(files, "--tls_cert", tls.cert));
  ASSIGN_OR_RETURN(const Bio bio, OpenPem(files, "--tls_key", tls.key));
  const Key key(
      PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, nullptr));
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

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    FileSystem& files, const TlsFiles& tls, bool tokens) {
  if (tls.cert.empty()) return grpc::InsecureServerCredentials();
  RETURN_IF_ERROR(CheckPair(files, tls));
  grpc::experimental::TlsServerCredentialsOptions options(
      std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
          tls.key, tls.cert, tls.client_ca, kSecondsBetweenLooks));
  options.watch_identity_key_cert_pairs();
  if (!tls.client_ca.empty()) {
    RETURN_IF_ERROR(
        ReadCertificate(files, "--tls_client_ca", tls.client_ca).status());
    options.watch_root_certs();
    options.set_cert_request_type(
        tokens ? GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY
               : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace metagraph
