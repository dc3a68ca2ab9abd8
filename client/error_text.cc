#include "client/error_text.h"

#include <map>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/base/error_details.h"

namespace metagraph {
namespace {

constexpr absl::string_view kUsageUrl = "metagraph/usage";

}  // namespace

std::string ErrorText(const absl::Status& status) {
  std::string text = absl::StrCat(absl::StatusCodeToString(status.code()), ": ",
                                  status.message());
  const std::map<std::string, std::string> details = DetailsOf(status);
  for (const char* key : {"expected", "found", "nearest"}) {
    const auto it = details.find(key);
    if (it == details.end()) continue;
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
