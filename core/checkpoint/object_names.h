#pragma once

#include <set>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/checkpoint/checkpoint_reader.h"

namespace metagraph {

// The tensor that makes a checkpoint an object-based one.
inline constexpr char kObjectGraphKey[] = "_CHECKPOINTABLE_OBJECT_GRAPH";

// The names that variables had when an object-based checkpoint was written
// (tf.train.Checkpoint, Keras save_weights). Its tensors are named by the way
// through the objects; where a graph's own names are not found TensorFlow's
// Saver takes these.
struct ObjectNames {
  absl::flat_hash_map<std::string, std::string> keys;  // by a variable's name
  // Names that several variables had: which is meant nobody can tell.
  std::set<std::string> ambiguous;
};

// Empty for a checkpoint by names. DATA_LOSS: the object graph is damaged;
// otherwise as CheckpointReader::Read.
absl::StatusOr<ObjectNames> ReadObjectNames(const CheckpointReader& reader);

}  // namespace metagraph
