#pragma once

// Who may do what: bearer tokens and names of client certificates with their
// roles, from a file that may change while the daemon serves.
//
// A line gives roles and whom they are for:
//   infer            NmFkODg0YzYxZDA0      a token, 16 to 4096 characters
//   infer,inspect    sha256:0263829989b6…  a token by the SHA-256 of its bytes
//   admin            san:ops.example.org   a name that a client certificate has
// Empty lines and lines that begin with # say nothing.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/mutex.h"
#include "core/io/file_system.h"
#include "server/role.h"
#include "server/watched_file.h"

namespace metagraph {

// What one state of the file says. Immutable. Tokens are kept as digests only.
class Credentials {
 public:
  static constexpr size_t kMinToken = 16;
  static constexpr size_t kMaxToken = 4096;
  static constexpr size_t kMaxTokens = 1000;  // each is compared
  static constexpr size_t kMaxFile = 1 << 20;

  // INVALID_ARGUMENT gives the line and what was expected, but nothing of what
  // the line holds.
  static absl::StatusOr<Credentials> Parse(absl::string_view text);

  // kNoRole: not known. Takes the same time for all tokens of one length.
  Roles OfToken(absl::string_view token) const;
  Roles OfName(absl::string_view subject_alternative_name) const;

  size_t num_tokens() const { return tokens_.size(); }
  size_t num_names() const { return names_.size(); }

 private:
  using Digest = std::array<unsigned char, 32>;
  struct Token {
    Digest digest;
    Roles roles;
  };

  static Digest DigestOf(absl::string_view text);
  absl::Status AddLine(absl::string_view line);
  absl::Status AddToken(const Digest& digest, Roles roles);

  std::vector<Token> tokens_;
  absl::flat_hash_map<std::string, Roles> names_;
};

// The file, looked at once a second. While what is there cannot be read, the
// last state that could be holds. Thread-safe.
class CredentialFile {
 public:
  // Errors: the file cannot be read, or a line is wrong.
  static absl::StatusOr<std::unique_ptr<CredentialFile>> Open(
      FileSystem& files, const std::string& path);

  // As of the last look.
  std::shared_ptr<const Credentials> current() const EXCLUDES(mu_);

  void Look() { file_->Look(); }

 private:
  CredentialFile() = default;

  absl::StatusOr<std::string> Take(absl::string_view text) EXCLUDES(mu_);

  mutable Mutex mu_;
  std::shared_ptr<const Credentials> current_ GUARDED_BY(mu_);
  std::unique_ptr<WatchedFile> file_;  // ends first: it calls Take
};

}  // namespace metagraph
