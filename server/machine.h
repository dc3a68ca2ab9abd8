#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/io/file_system.h"

namespace metagraph {

// The text of a small file of the kernel, at most `max` bytes; empty if it
// cannot be read. Their sizes are 0, so that they are read to the end.
std::string ReadKernelFile(FileSystem& fs, const std::string& path, size_t max);

// What this process may use of the machine: its container's limits, or else
// all there is.
int UsableCpus(FileSystem& fs);
int64_t UsableMemory(FileSystem& fs);

// What this process has of it now, in bytes; 0 if that cannot be read.
int64_t ResidentMemory(FileSystem& fs);

}  // namespace metagraph
