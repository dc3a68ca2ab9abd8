#include "client/error_text.h"

#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/types/optional.h"
#include "google/rpc/error_details.pb.h"

namespace metagraph {
namespace {

constexpr absl::string_view kUsageUrl = "metagraph/usage";

}  // namespace

std::string ErrorText(const absl::Status& status) {
  std::string text = absl::StrCat(absl::StatusCodeToString(status.code()), ": ",
                                  status.message());
  const absl::optional<absl::Cord> payload = status.GetPayload(kErrorInfoUrl);
  google::rpc::ErrorInfo info;
  if (!payload.has_value() || !info.ParseFromString(std::string(*payload))) {
    return text;
  }
  for (absl::string_view key : {"expected", "found", "nearest"}) {
    const auto it = info.metadata().find(std::string(key));
    if (it == info.metadata().end() || it->second.empty()) continue;
    // The message often says it already.
    bool said = true;
    for (absl::string_view part : absl::StrSplit(it->second, ',')) {
      said = said && absl::StrContains(status.message(), part);
    }
    if (said) continue;
    const std::vector<absl::string_view> parts =
        absl::StrSplit(it->second, ',', absl::SkipWhitespace());
    absl::StrAppend(&text, "\n  ", key, ": ", absl::StrJoin(parts, ", "));
  }
  return text;
}

absl::Status UsageError(absl::string_view message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kUsageUrl, absl::Cord());
  return status;
}

bool IsUsageError(const absl::Status& status) {
  return status.GetPayload(kUsageUrl).has_value();
}

}  // namespace metagraph
