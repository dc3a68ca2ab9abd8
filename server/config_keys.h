#pragma once

#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "server/config_file.h"
#include "server/config_key.h"

namespace metagraph {

std::vector<ConfigKey> KeysOf(const CLI::App& app);

// Gives values of the file to the flags that neither the command line nor the
// environment gives. REQUIRES: both have been read. INVALID_ARGUMENT with the
// line: no such key, or what the flag says of the value.
absl::Status ApplyKeys(const ConfigNode& root, CLI::App& app);

}  // namespace metagraph
