#include "server/unsent_answers.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "glog/logging.h"
#include "server/log_text.h"
#include "server/retry_after.h"

namespace metagraph {
namespace {

// A caller that reads takes something in this time.
constexpr int64_t kStalledNanos = 2'000'000'000;

}  // namespace

absl::Status UnsentAnswers::Room::Take(int64_t bytes, const std::string& peer,
                                       int64_t now) {
  const int64_t all = owner_->bytes_.fetch_add(bytes) + bytes;
  const bool fits =
      all <= owner_->max_ || (all == bytes && bytes <= owner_->max_alone_);
  if (!fits && bytes >= kLarge) {
    owner_->bytes_.fetch_sub(bytes);
    owner_->EndStalled(now - kStalledNanos);
    return WithRetryAfter(
        absl::ResourceExhaustedError(absl::StrCat(
            "no room for an answer of ", bytes,
            " bytes: those that callers "
            "have not taken yet hold ",
            all - bytes, " of ", owner_->max_, ", see --max_message_memory")),
        absl::Milliseconds(100));
  }
  bytes_ = bytes;
  if (bytes >= kLarge) {
    peer_ = peer;
    since_ = now;
    MutexLock lock(owner_->mu_);
    owner_->large_.insert(this);
  }
  return absl::OkStatus();
}

UnsentAnswers::Room::~Room() {
  if (bytes_ == 0) return;
  if (bytes_ >= kLarge) {
    MutexLock lock(owner_->mu_);
    owner_->large_.erase(this);
  }
  owner_->bytes_.fetch_sub(bytes_);
}

void UnsentAnswers::EndStalled(int64_t then) {
  std::set<std::string> peers;
  {
    MutexLock lock(mu_);
    for (const Room* room : large_) {
      if (room->since_ < then) peers.insert(room->peer_);
    }
  }
  for (const std::string& peer : peers) {
    LOG_EVERY_T(WARNING, 1) << "a connection is closed, since its caller takes "
                               "no answers while there is no room for others: "
                            << ForLog(peer);
    end_connection_(peer);
  }
}

}  // namespace metagraph
