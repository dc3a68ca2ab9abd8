#pragma once

#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace metagraph {

// What is wrong with a command line, for a person, on one line: with the flag
// that may have been meant, and with the environment variable where that, not
// the flag, has the wrong value. `arguments` as they were typed.
std::string UsageText(const CLI::App& app, const CLI::ParseError& error,
                      const std::vector<std::string>& arguments);

}  // namespace metagraph
