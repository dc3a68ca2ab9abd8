#pragma once

#include <string>

namespace metagraph {

// A key of the configuration file that is also a flag: every flag is one, but
// those that tell where the file is, or of models, which have a part of their
// own. So a new flag is a new key.
struct ConfigKey {
  std::string name;
  std::string kind;
  std::string help;
  std::string default_value;
  bool repeated = false;
};

}  // namespace metagraph
