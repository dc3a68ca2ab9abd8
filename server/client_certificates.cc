#include "server/client_certificates.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "server/openssl_types.h"

namespace metagraph {
namespace {

constexpr uint64_t kMaxFile = 1 << 20;
constexpr size_t kMaxSent = 1 << 17;  // OpenSSL takes less in a handshake
constexpr int kMaxBetween = 10;       // certificates
// As TLS has it on Debian: keys as strong as 112 bits, no SHA-1.
constexpr int kSecurityLevel = 2;

// gRPC reads the errors of OpenSSL on the threads on which we are called.
struct NoErrorsLeft {
  ~NoErrorsLeft() { ERR_clear_error(); }
};

// nullopt: something in it cannot be read.
std::optional<std::vector<Certificate>> ParseAll(absl::string_view pem) {
  std::vector<Certificate> out;
  const Bio bio = BioOf(pem);
  while (true) {
    Certificate next(
        PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr));
    if (next == nullptr) break;
    out.push_back(std::move(next));
  }
  const unsigned long error = ERR_peek_last_error();
  const bool is_end = ERR_GET_LIB(error) == ERR_LIB_PEM &&
                      ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (!is_end) return std::nullopt;
  return out;
}

std::string TextOf(const X509_NAME* name) {
  const Bio bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &text);
  return size > 0 ? std::string(text, static_cast<size_t>(size)) : "";
}

// Whose certificate it says it is.
std::string Describe(X509* certificate) {
  return absl::StrCat(
      "the certificate \"", TextOf(X509_get_subject_name(certificate)),
      "\" signed by \"", TextOf(X509_get_issuer_name(certificate)), "\"");
}

absl::Time TimeOf(const ASN1_TIME* time) {
  std::tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return absl::InfinitePast();
  return absl::FromTimeT(timegm(&parts));
}

absl::Status Unbelievable(absl::string_view why) {
  return absl::UnauthenticatedError(why);
}

}  // namespace

// The certificates of one state of the file. Immutable.
class ClientCertificates::Roots {
 public:
  static absl::StatusOr<std::shared_ptr<const Roots>> Parse(
      absl::string_view pem) {
    const NoErrorsLeft clean;
    const auto found = ParseAll(pem);
    if (!found || found->empty()) {
      return InvalidArgument("expected certificates in the form of PEM, found ",
                             found ? "none" : "what cannot be read");
    }
    auto out = std::make_shared<Roots>();
    out->size_ = found->size();
    out->store_.reset(X509_STORE_new());
    for (const Certificate& root : *found) {
      if (X509_STORE_add_cert(out->store_.get(), root.get()) != 1) {
        return absl::InternalError("OpenSSL refuses a certificate");
      }
    }
    return out;
  }

  size_t size() const { return size_; }

  // What is to be said of a certificate at a time, and how long.
  Answer Verify(absl::string_view certificate, absl::string_view others,
                absl::Time now) const {
    const NoErrorsLeft clean;
    Answer out;
    out.from = now;
    out.until = now + kRefusalHolds;
    const auto own = ParseAll(certificate);
    const auto sent = ParseAll(others);
    if (!own || own->size() != 1 || !sent) {
      out.status = Unbelievable("the certificate cannot be read");
      return out;
    }
    X509* const leaf = own->front().get();
    const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> between(
        sk_X509_new_null(),
        [](STACK_OF(X509) * stack) { sk_X509_free(stack); });
    for (const Certificate& one : *sent) {
      sk_X509_push(between.get(), one.get());
    }
    const ChainCheck check(X509_STORE_CTX_new());
    if (X509_STORE_CTX_init(check.get(), store_.get(), leaf, between.get()) !=
            1 ||
        X509_STORE_CTX_set_default(check.get(), "ssl_client") != 1) {
      out.status = Unbelievable("OpenSSL cannot check the certificate");
      return out;
    }
    X509_VERIFY_PARAM* const how = X509_STORE_CTX_get0_param(check.get());
    X509_VERIFY_PARAM_set_auth_level(how, kSecurityLevel);
    X509_VERIFY_PARAM_set_depth(how, kMaxBetween);
    X509_VERIFY_PARAM_set_time(how, absl::ToTimeT(now));
    const bool good = X509_verify_cert(check.get()) == 1 &&
                      X509_STORE_CTX_get_error(check.get()) == X509_V_OK;
    if (!good) {
      out.status = Unbelievable(absl::StrCat(
          Describe(leaf), ": ",
          X509_verify_cert_error_string(X509_STORE_CTX_get_error(check.get())),
          X509_STORE_CTX_get_error_depth(check.get()) > 0
              ? ", of a certificate between it and the root"
              : ""));
      return out;
    }
    out.from = absl::InfinitePast();
    out.until = absl::InfiniteFuture();
    const STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(check.get());
    for (int i = 0; i < sk_X509_num(chain); ++i) {
      const X509* one = sk_X509_value(chain, i);
      out.from = std::max(out.from, TimeOf(X509_get0_notBefore(one)));
      // To the end of the second that it names.
      out.until = std::min(out.until,
                           TimeOf(X509_get0_notAfter(one)) + absl::Seconds(1));
    }
    return out;
  }

 private:
  CertificateStore store_;  // thread-safe
  size_t size_ = 0;
};

absl::StatusOr<std::unique_ptr<ClientCertificates>> ClientCertificates::Open(
    FileSystem& files, Clock& clock, const std::string& path) {
  std::unique_ptr<ClientCertificates> out(new ClientCertificates(clock));
  WatchedFile::Use use;
  use.flag = "--tls_client_ca";
  use.max_bytes = kMaxFile;
  use.take =
      [to = out.get()](absl::string_view pem) -> absl::StatusOr<std::string> {
    ASSIGN_OR_RETURN(auto roots, Roots::Parse(pem));
    std::string told = absl::StrCat(roots->size(), " certificates");
    to->Use(std::move(roots));
    return told;
  };
  use.lose = [to = out.get()] { to->Use(nullptr); };
  ASSIGN_OR_RETURN(out->file_, WatchedFile::Open(files, path, std::move(use)));
  return out;
}

void ClientCertificates::Use(std::shared_ptr<const Roots> roots) {
  MutexLock lock(mu_);
  roots_ = std::move(roots);
  believed_.clear();
  refused_.clear();
}

absl::Status ClientCertificates::Check(absl::string_view certificate,
                                       absl::string_view others) {
  if (certificate.size() > kMaxSent || others.size() > kMaxSent) {
    return Unbelievable("the certificates are too large");
  }
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(certificate.data()),
         certificate.size(), digest.data());
  // With other certificates between it and the root it may be believed.
  const std::string all = absl::StrCat(certificate, "\n", others);
  Digest with_others;
  SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(),
         with_others.data());
  const absl::Time now = clock_.Now();
  std::shared_ptr<const Roots> roots;
  {
    MutexLock lock(mu_);
    if (roots_ == nullptr) return Unbelievable("--tls_client_ca is not usable");
    const std::pair<const Answers&, const Digest&> places[] = {
        {believed_, digest}, {refused_, with_others}};
    for (const auto& [known, key] : places) {
      const auto found = known.find(key);
      if (found == known.end()) continue;
      const Answer& answer = found->second;
      if (answer.from <= now && now < answer.until) return answer.status;
    }
    roots = roots_;
    ++num_verified_;
  }
  const Answer answer = roots->Verify(certificate, others, now);
  MutexLock lock(mu_);
  if (roots == roots_) {  // else it is an answer of roots that are gone
    Answers& known = answer.status.ok() ? believed_ : refused_;
    if (known.size() >= kMaxKnown) known.clear();
    known.insert_or_assign(answer.status.ok() ? digest : with_others, answer);
  }
  return answer.status;
}

int64_t ClientCertificates::num_verified() const {
  MutexLock lock(mu_);
  return num_verified_;
}

}  // namespace metagraph
