#include "core/checkpoint/file_names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "core/io/glob.h"

namespace metagraph {

std::string IndexPath(absl::string_view prefix) {
  return absl::StrCat(prefix, ".index");
}

std::string DataPath(absl::string_view prefix, int shard, int num_shards) {
  return absl::StrFormat("%s.data-%05d-of-%05d", prefix, shard, num_shards);
}

bool IsDataFileOf(absl::string_view base, absl::string_view name) {
  // Escaped: two bare question marks may begin a trigraph.
  return absl::ConsumePrefix(&name, base) &&
         GlobMatches(".data-\?\?\?\?\?-of-\?\?\?\?\?", name);
}

bool IsDataFile(absl::string_view name) {
  const size_t data = name.rfind(".data-");
  return data != absl::string_view::npos &&
         IsDataFileOf(name.substr(0, data), name);
}

bool IsTemporaryName(absl::string_view name) {
  // A checkpoint whose own name is empty.
  const bool unnamed =
      name == ".meta" || name == ".index" || IsDataFileOf("", name);
  if (absl::StartsWith(name, ".")) return !unnamed;
  if (absl::StrContains(name, ".tempstate")) return true;
  for (const char* suffix :
       {".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload",
        ".download", ".gstmp", "._COPYING_", ".swp", "~"}) {
    if (absl::EndsWith(name, suffix)) return true;
  }
  return false;
}

std::string MetaGraphPath(absl::string_view prefix) {
  return absl::StrCat(WithoutShards(prefix), ".meta");
}

absl::string_view WithoutShards(absl::string_view prefix) {
  constexpr absl::string_view kForm = "-xxxxx-of-ddddd";
  if (prefix.size() <= kForm.size()) return prefix;
  const size_t start = prefix.size() - kForm.size();
  for (size_t i = 0; i < kForm.size(); ++i) {
    const char c = prefix[start + i];
    const bool digit = absl::ascii_isdigit(static_cast<unsigned char>(c));
    const bool fits = kForm[i] == 'x'   ? digit || c == '?'
                      : kForm[i] == 'd' ? digit
                                        : c == kForm[i];
    if (!fits) return prefix;
  }
  return prefix.substr(0, start);
}

std::string V1PrefixOf(absl::string_view name) {
  std::string prefix(name);
  const absl::string_view stem = WithoutShards(name);
  if (stem != name) prefix.replace(stem.size() + 1, 5, "\?\?\?\?\?");
  return prefix;
}

bool IsV1Name(absl::string_view name) {
  for (const absl::string_view ending : {".meta", ".index", ".pb", ".pbtxt"}) {
    if (absl::EndsWith(name, ending)) return false;
  }
  return name != kCheckpointStateFile && !absl::StrContains(name, ".data-");
}

int64_t GlobalStepOf(absl::string_view prefix) {
  prefix = WithoutShards(prefix);
  const size_t dash = prefix.rfind('-');
  if (dash == absl::string_view::npos || dash + 1 == prefix.size()) return -1;
  const absl::string_view digits = prefix.substr(dash + 1);
  int64_t step = -1;
  if (!std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) ||
      !absl::SimpleAtoi(digits, &step)) {
    return -1;
  }
  return step;
}

absl::string_view WithoutGlobalStep(absl::string_view prefix) {
  prefix = WithoutShards(prefix);
  if (GlobalStepOf(prefix) < 0) return prefix;
  return prefix.substr(0, prefix.rfind('-'));
}

absl::string_view SeriesOf(absl::string_view prefix) {
  return WithoutGlobalStep(LastComponent(prefix));
}

absl::string_view LastComponent(absl::string_view path) {
  const size_t slash = path.find_last_of("/\\");
  if (slash != absl::string_view::npos) path.remove_prefix(slash + 1);
  return path == "." ? "" : path;
}

}  // namespace metagraph
