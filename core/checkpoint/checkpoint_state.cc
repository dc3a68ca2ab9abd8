#include "core/checkpoint/checkpoint_state.h"

#include "core/base/status.h"
#include "core/checkpoint/file_names.h"
#include "core/io/foreign_file.h"
#include "core/io/text_proto.h"
#include "google/protobuf/text_format.h"

namespace metagraph {
namespace {

using tensorflow::CheckpointState;

constexpr uint64_t kMaxStateSize = uint64_t{16} << 20;

}  // namespace

absl::StatusOr<CheckpointState> ReadCheckpointState(FileSystem& fs,
                                                    const std::string& folder) {
  const std::string path = JoinPath(folder, kCheckpointStateFile);
  ASSIGN_OR_RETURN(const std::string text, ReadFile(fs, path, kMaxStateSize));
  CheckpointState state;
  if (const absl::Status parsed =
          ParseTextProto(text, UnknownFields::kSkip, &state);
      !parsed.ok()) {
    const std::string what =
        DescribeForeignFile(absl::string_view(text).substr(0, kFileHead));
    if (!what.empty()) return InvalidArgument("\"", path, "\" is ", what);
    return InvalidArgument(path, " cannot be parsed: ", parsed.message());
  }
  if (state.model_checkpoint_path().empty()) {
    return InvalidArgument(path, " has no model_checkpoint_path");
  }
  ASSIGN_OR_RETURN(*state.mutable_model_checkpoint_path(),
                   LocalPath(state.model_checkpoint_path()));
  for (std::string& other : *state.mutable_all_model_checkpoint_paths()) {
    // One that lies elsewhere is no concern of this folder's.
    if (auto local = LocalPath(other); local.ok()) other = *std::move(local);
  }
  return state;
}

absl::Status WriteCheckpointState(FileSystem& fs, const std::string& folder,
                                  const CheckpointState& state) {
  std::string text;
  if (!google::protobuf::TextFormat::PrintToString(state, &text)) {
    return Internal("cannot print the checkpoint state");
  }
  return WriteFileAtomically(fs, JoinPath(folder, kCheckpointStateFile), text);
}

}  // namespace metagraph
