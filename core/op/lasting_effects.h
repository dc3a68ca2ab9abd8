#pragma once

#include "absl/strings/string_view.h"

namespace metagraph {

// Whether the op changes what outlives a run besides variables: files and
// tables. OpInfo::writes_variables tells of variables.
bool ChangesFilesOrTables(absl::string_view op);

}  // namespace metagraph
