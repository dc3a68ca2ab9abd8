#include "core/io/glob.h"

#include <utility>

#include "core/base/status.h"

namespace metagraph {

bool GlobMatches(absl::string_view pattern, absl::string_view name) {
  // On a mismatch the last '*' takes one byte more: linear in the pattern for
  // each byte of the name, without recursion.
  size_t p = 0, n = 0;
  size_t star = absl::string_view::npos, star_name = 0;
  while (n < name.size()) {
    bool fits = false;
    size_t next = p + 1;
    if (p < pattern.size()) {
      if (pattern[p] == '*') {
        star = p++;
        star_name = n;
        continue;
      }
      if (pattern[p] == '?') {
        fits = name[n] != '/';
      } else {
        const bool escaped = pattern[p] == '\\' && p + 1 < pattern.size();
        fits = pattern[p + (escaped ? 1 : 0)] == name[n];
        if (escaped) ++next;
      }
    }
    if (fits) {
      p = next;
      ++n;
    } else if (star != absl::string_view::npos && name[star_name] != '/') {
      p = star + 1;
      n = ++star_name;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

absl::StatusOr<std::vector<std::string>> Glob(FileSystem& fs,
                                              absl::string_view pattern) {
  const absl::string_view folder = Dirname(pattern);
  const absl::string_view name_pattern = Basename(pattern);
  // A rooted pattern has the folder "/", a bare one the current folder.
  absl::StatusOr<std::vector<std::string>> names =
      fs.List(folder.empty() ? "." : std::string(folder));
  if (absl::IsNotFound(names.status())) return std::vector<std::string>();
  RETURN_IF_ERROR(names.status());
  std::vector<std::string> paths;
  for (const std::string& name : *names) {
    if (GlobMatches(name_pattern, name))
      paths.push_back(JoinPath(folder, name));
  }
  return paths;
}

}  // namespace metagraph
