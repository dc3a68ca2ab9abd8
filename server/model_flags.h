#pragma once

#include <string>
#include <vector>

#include "server/daemon_flags.h"
#include "server/server_options.h"

namespace metagraph {

// The texts of the flags that say how names of checkpoints are read.
struct MappingTexts {
  std::vector<std::string> prefixes;
  std::vector<std::string> rules;
  std::vector<std::string> skip_missing;
  std::vector<std::string> partial;
};

// What cannot be understood before all flags are known.
struct ModelTexts {
  std::vector<std::string> models;
  MappingTexts mapping;
};

void AddModelFlags(DaemonFlags& flags, ModelTexts& texts);

// Sets options.models, which holds the file's: one of the same name as one of
// the flags gives way. Answers what is wrong; empty if nothing.
std::string SetModels(const ModelTexts& texts, const DaemonFlags& flags,
                      ServerOptions& options);

}  // namespace metagraph
