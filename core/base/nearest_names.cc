#include "core/base/nearest_names.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace metagraph {
namespace {

// Long names are cut: the table is quadratic and names come from callers.
constexpr size_t kMaxCompared = 96;

int EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<int> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    int diagonal = row[0];
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const int substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

absl::string_view LastComponent(absl::string_view name) {
  return name.substr(name.rfind('/') + 1);
}

}  // namespace

std::vector<std::string> NearestNames(absl::string_view wanted,
                                      absl::Span<const absl::string_view> names,
                                      size_t limit) {
  const std::string low = absl::AsciiStrToLower(wanted.substr(0, kMaxCompared));
  const int allowed = std::max<int>(1, static_cast<int>(low.size()) / 3);
  std::vector<std::pair<int, absl::string_view>> found;
  for (absl::string_view name : names) {
    const std::string candidate =
        absl::AsciiStrToLower(name.substr(0, kMaxCompared));
    if (LastComponent(candidate) == LastComponent(low)) {
      found.emplace_back(1, name);
      continue;
    }
    const size_t gap = candidate.size() > low.size()
                           ? candidate.size() - low.size()
                           : low.size() - candidate.size();
    if (gap > static_cast<size_t>(allowed)) continue;
    const int distance = EditDistance(low, candidate);
    if (distance <= allowed) found.emplace_back(distance, name);
  }
  std::stable_sort(
      found.begin(), found.end(),
      [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> out;
  for (const auto& [distance, name] : found) {
    if (out.size() == limit) break;
    out.emplace_back(name);
  }
  return out;
}

std::string DidYouMean(const std::vector<std::string>& candidates) {
  if (candidates.empty()) return "";
  std::string out = "; did you mean ";
  for (size_t i = 0; i < candidates.size(); ++i) {
    if (i > 0)
      absl::StrAppend(&out, i + 1 == candidates.size() ? " or " : ", ");
    absl::StrAppend(&out, "\"", candidates[i], "\"");
  }
  return absl::StrCat(out, "?");
}

}  // namespace metagraph
