#include "server/retry_after.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace metagraph {
namespace {

constexpr char kKey[] = "metagraph/retry_after_ms";
constexpr int64_t kLeast = 10;
constexpr int64_t kMost = 5000;

}  // namespace

absl::Status WithRetryAfter(absl::Status status, absl::Duration after) {
  status.SetPayload(
      kKey, absl::Cord(absl::StrCat(
                std::clamp(absl::ToInt64Milliseconds(after), kLeast, kMost))));
  return status;
}

absl::Duration RetryAfter(const absl::Status& status) {
  const auto text = status.GetPayload(kKey);
  int64_t milliseconds = 0;
  if (!text || !absl::SimpleAtoi(std::string(*text), &milliseconds)) return {};
  return absl::Milliseconds(milliseconds);
}

}  // namespace metagraph
