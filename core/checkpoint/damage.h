#pragma once

#include "absl/status/status.h"

namespace metagraph {

// The codes of a CheckpointReader are TensorFlow's, since clients of its ops
// know those; they say only in part whether the files are at fault. Where they
// do not, the place that finds the damage marks it.

// The same error, marked: files of the checkpoint are cut off, changed or
// missing.
absl::Status MarkDamage(absl::Status status);

// Of an error of a CheckpointReader: whether the files are at fault, rather
// than the request, the memory or the disk. Beside what is marked, DATA_LOSS
// and OUT_OF_RANGE (a file that is too short) mean that.
bool IsDamage(const absl::Status& status);

// Damage as DATA_LOSS, with the text and the details that it has; other errors
// as they are.
absl::Status AsDamage(const absl::Status& status);

}  // namespace metagraph
