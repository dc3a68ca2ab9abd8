#include "core/io/glob.h"

#include <utility>

#include "core/base/status.h"
#include "core/base/wildcard.h"

namespace metagraph {

bool GlobMatches(absl::string_view pattern, absl::string_view name) {
  return WildcardMatches(pattern, name,
                         {.fit_slashes = false, .backslash_escapes = true});
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
