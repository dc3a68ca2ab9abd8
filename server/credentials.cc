#include "server/credentials.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"
#include "glog/logging.h"

namespace metagraph {
namespace {

void WarnIfOthersMayRead(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return;
  if ((info.st_mode & (S_IROTH | S_IWOTH)) == 0) return;
  LOG(WARNING) << "--tokens " << path
               << " can be read or written by every user of this machine; "
                  "chmod o-rwx it";
}

}  // namespace

Credentials::Digest Credentials::DigestOf(absl::string_view text) {
  Digest out;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         out.data());
  return out;
}

absl::StatusOr<Credentials> Credentials::Parse(absl::string_view text) {
  Credentials out;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    if (line.empty() || line.front() == '#') continue;
    if (absl::Status status = out.AddLine(line); !status.ok()) {
      return Annotate(status, "line ", number, ": ");
    }
  }
  return out;
}

absl::Status Credentials::AddLine(absl::string_view line) {
  const size_t end = line.find_first_of(" \t");
  if (end == absl::string_view::npos) {
    return InvalidArgument(
        "expected ROLE[,ROLE] and a token, sha256:HEX or san:NAME");
  }
  ASSIGN_OR_RETURN(const Roles roles, ParseRoles(line.substr(0, end)));
  absl::string_view value = absl::StripAsciiWhitespace(line.substr(end));
  if (!absl::c_all_of(value, absl::ascii_isgraph)) {
    return InvalidArgument(
        "expected nothing behind the token or name, and no characters but "
        "those of ASCII that can be seen");
  }
  if (absl::ConsumePrefix(&value, "san:")) {
    if (value.empty()) return InvalidArgument("expected a name behind san:");
    if (!names_.emplace(value, roles).second) {
      return InvalidArgument("the name \"", value, "\" is there twice");
    }
    return absl::OkStatus();
  }
  if (absl::ConsumePrefix(&value, "sha256:")) {
    Digest digest;
    if (value.size() != 2 * digest.size() ||
        !absl::c_all_of(value, absl::ascii_isxdigit)) {
      return InvalidArgument("expected 64 hexadecimal digits behind sha256:");
    }
    for (size_t i = 0; i < digest.size(); ++i) {
      uint32_t byte = 0;
      // Digits, as has been looked at.
      (void)absl::SimpleHexAtoi(value.substr(2 * i, 2), &byte);
      digest[i] = static_cast<uint8_t>(byte);
    }
    return AddToken(digest, roles);
  }
  if (value.size() < kMinToken || value.size() > kMaxToken) {
    return InvalidArgument("the token has ", value.size(),
                           " characters, expected ", kMinToken, " to ",
                           kMaxToken);
  }
  return AddToken(DigestOf(value), roles);
}

absl::Status Credentials::AddToken(const Digest& digest, Roles roles) {
  if (tokens_.size() == kMaxTokens) {
    return InvalidArgument("there are more than ", kMaxTokens, " tokens");
  }
  for (const Token& other : tokens_) {
    if (other.digest == digest) {
      return InvalidArgument("the token is there twice");
    }
  }
  tokens_.push_back({digest, roles});
  return absl::OkStatus();
}

Roles Credentials::OfToken(absl::string_view token) const {
  if (token.size() > kMaxToken) return kNoRole;
  const Digest digest = DigestOf(token);
  Roles out = kNoRole;
  for (const Token& known : tokens_) {  // all of them, whichever is right
    const bool same =
        CRYPTO_memcmp(known.digest.data(), digest.data(), digest.size()) == 0;
    out = out | static_cast<Roles>(known.roles * unsigned{same});
  }
  return out;
}

Roles Credentials::OfName(absl::string_view subject_alternative_name) const {
  const auto found = names_.find(subject_alternative_name);
  return found == names_.end() ? kNoRole : found->second;
}

absl::StatusOr<std::unique_ptr<CredentialFile>> CredentialFile::Open(
    FileSystem& files, const std::string& path) {
  std::unique_ptr<CredentialFile> out(new CredentialFile);
  WatchedFile::Use use;
  use.flag = "--tokens";
  use.max_bytes = Credentials::kMaxFile;
  use.take = [file = out.get(), path](absl::string_view text) {
    auto told = file->Take(text);
    if (told.ok()) WarnIfOthersMayRead(path);
    return told;
  };
  ASSIGN_OR_RETURN(out->file_, WatchedFile::Open(files, path, std::move(use)));
  return out;
}

absl::StatusOr<std::string> CredentialFile::Take(absl::string_view text) {
  ASSIGN_OR_RETURN(Credentials parsed, Credentials::Parse(text));
  std::string told = absl::StrCat(parsed.num_tokens(), " tokens, ",
                                  parsed.num_names(), " names of certificates");
  auto made = std::make_shared<const Credentials>(std::move(parsed));
  MutexLock lock(mu_);
  current_ = std::move(made);
  return told;
}

std::shared_ptr<const Credentials> CredentialFile::current() const {
  MutexLock lock(mu_);
  return current_;
}

}  // namespace metagraph
