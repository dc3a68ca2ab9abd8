#include "core/base/error_details.h"

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace metagraph {
namespace {

// Each detail is a payload of the status, which others hand on as they are.
constexpr absl::string_view kPrefix = "metagraph.detail/";

// No answer could carry more.
constexpr size_t kLongest = 2048;

}  // namespace

absl::Status WithDetails(
    absl::Status status,
    const std::vector<std::pair<std::string, std::string>>& details) {
  for (const auto& [key, value] : details) {
    const std::string url = absl::StrCat(kPrefix, key);
    if (value.empty() || value.size() > kLongest ||
        status.GetPayload(url).has_value()) {
      continue;
    }
    status.SetPayload(url, absl::Cord(value));
  }
  return status;
}

std::map<std::string, std::string> DetailsOf(const absl::Status& status) {
  std::map<std::string, std::string> out;
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& value) {
    if (absl::ConsumePrefix(&url, kPrefix)) {
      out.emplace(std::string(url), std::string(value));
    }
  });
  return out;
}

std::string JoinNames(const std::vector<std::string>& names) {
  return absl::StrJoin(names, ",");
}

absl::Status WrongGeneration(int64_t found, int64_t expected) {
  return WithDetails(
      absl::AbortedError(
          absl::StrCat("generation is ", found, ", expected ", expected)),
      {{"expected", absl::StrCat(expected)}, {"found", absl::StrCat(found)}});
}

}  // namespace metagraph
