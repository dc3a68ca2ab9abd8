#pragma once

#include <string>
#include <vector>

#include "core/model/model_manager.h"

namespace metagraph {

// For the log: a line for each version, with its state and what it serves.
std::string ModelTable(const std::vector<ManagedModel>& models);

}  // namespace metagraph
