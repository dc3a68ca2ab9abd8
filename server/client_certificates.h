#pragma once

#include <array>
#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/io/file_system.h"
#include "server/watched_file.h"

namespace metagraph {

// Which certificates of clients are to be believed: those for TLS clients that
// come from a root in a file, while all from them to the root are within their
// time. The handshake has shown that the client has the key. While the file
// cannot be used, none is believed. Thread-safe.
class ClientCertificates {
 public:
  // Of answers, each good and bad ones, that are remembered: good ones by the
  // digest of the client's own certificate, bad ones by that of all that it
  // sent. A check of signatures takes 0.1 ms and more.
  static constexpr size_t kMaxKnown = 1000;
  // After a refusal it is checked again: the client may have got what it needs.
  static constexpr absl::Duration kRefusalHolds = absl::Seconds(10);

  // `path`: a PEM file with roots.
  // Errors: it cannot be read, or holds no certificate.
  static absl::StatusOr<std::unique_ptr<ClientCertificates>> Open(
      FileSystem& files, Clock& clock, const std::string& path);

  // Whether to believe a certificate, in the form of PEM. `others`: what the
  // client sent with it, certificates between it and the root; may be empty.
  // UNAUTHENTICATED says for our log what is wrong.
  absl::Status Check(absl::string_view certificate, absl::string_view others)
      EXCLUDES(mu_);

  // How many checks of signatures were made, for tests.
  int64_t num_verified() const EXCLUDES(mu_);

  // A look at the file.
  void Look() { file_->Look(); }

 private:
  class Roots;
  using Digest = std::array<unsigned char, 32>;
  struct Answer {
    absl::Status status;
    absl::Time from, until;  // when it holds; `until` is after that
  };
  using Answers = absl::flat_hash_map<Digest, Answer>;

  explicit ClientCertificates(Clock& clock) : clock_(clock) {}

  void Use(std::shared_ptr<const Roots> roots) EXCLUDES(mu_);

  Clock& clock_;
  mutable Mutex mu_;
  std::shared_ptr<const Roots> roots_ GUARDED_BY(mu_);  // nullptr: none
  Answers believed_ GUARDED_BY(mu_);
  Answers refused_ GUARDED_BY(mu_);  // apart, so that others cannot fill it
  int64_t num_verified_ GUARDED_BY(mu_) = 0;
  std::unique_ptr<WatchedFile> file_;  // ends first: it calls Use
};

}  // namespace metagraph
