#pragma once

// The names of the files that make up a checkpoint. Nothing here looks at a
// disk.

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace metagraph {

inline constexpr char kCheckpointStateFile[] = "checkpoint";

// The last component, also of a path that was written on Windows, as a state
// file may have it. Empty for ".": so it names a checkpoint whose own name is
// empty, whose files are `.index`, `.meta`, ….
absl::string_view LastComponent(absl::string_view path);

// Format V2.
std::string IndexPath(absl::string_view prefix);
std::string DataPath(absl::string_view prefix, int shard, int num_shards);
// Whether the file `name` is a data file of the checkpoint `base`, neither with
// a folder.
bool IsDataFileOf(absl::string_view base, absl::string_view name);
// Whether it is one of any checkpoint.
bool IsDataFile(absl::string_view name);

// Whether programs that copy files give them such names until they are whole:
// rsync, scp, browsers, object stores, Hadoop, editors, TensorFlow itself.
bool IsTemporaryName(absl::string_view name);

// Either format; of several files of V1, the one that all share.
std::string MetaGraphPath(absl::string_view prefix);

// Format V1 in several files "m-00000-of-00002", … has a pattern as its prefix,
// with '?' for the five digits of the file. Gives "m" for a file and for the
// pattern; any other name unchanged.
absl::string_view WithoutShards(absl::string_view prefix);
// Of several files of format V1 the pattern that stands for all of them; any
// other name unchanged.
std::string V1PrefixOf(absl::string_view name);
// Whether a checkpoint of format V1, which is one file without an ending of its
// own, may have this name: not the state file's, nor that of other files of a
// model.
bool IsV1Name(absl::string_view name);

// "model-20" → 20; -1 if the name has no such end. Not minding the shards of
// format V1.
int64_t GlobalStepOf(absl::string_view prefix);

// "model.ckpt-20" → "model.ckpt"; without the shards of format V1, too.
absl::string_view WithoutGlobalStep(absl::string_view prefix);
// What the checkpoints of one model have in common:
// "/d/model.ckpt-20" → "model.ckpt".
absl::string_view SeriesOf(absl::string_view prefix);

}  // namespace metagraph
