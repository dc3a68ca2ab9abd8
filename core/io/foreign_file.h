#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "core/io/file_system.h"

namespace metagraph {

// How much of a file's beginning tells what it is.
inline constexpr size_t kFileHead = 4096;

// The first bytes of a file, at most `size`; empty if it cannot be read.
std::string ReadHead(FileSystem& fs, const std::string& path,
                     size_t size = kFileHead);

// What a file is that lies where a graph or a checkpoint is expected, by its
// first bytes: a Git LFS pointer, a web page, an archive, a pickle, a model of
// another program, … Says what to do about it: "a Git LFS pointer, …". Empty if
// nothing is recognised; a graph or a checkpoint never is.
std::string DescribeForeignFile(absl::string_view head);

// `status`, which came from reading `path`, unless that is a file of another
// kind: then DATA_LOSS that names the kind.
absl::Status ExplainForeignFile(FileSystem& fs, const std::string& path,
                                const absl::Status& status);

}  // namespace metagraph
