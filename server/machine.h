#pragma once

#include <cstdint>

#include "core/io/file_system.h"

namespace metagraph {

// What this process may use of the machine: its container's limits, or else
// all there is.
int UsableCpus(FileSystem& fs);
int64_t UsableMemory(FileSystem& fs);

}  // namespace metagraph
