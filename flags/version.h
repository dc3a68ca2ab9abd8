#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace metagraph {

// What --version prints: the release, the commit, how it was built, and the
// versions of the libraries that answer. Lines, the first "NAME VERSION".
std::string VersionText(absl::string_view program);

// The release and the commit alone.
std::string ReleaseVersion();
std::string CommitName();

}  // namespace metagraph
