#include "core/model/save_name.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/file_names.h"

namespace metagraph {
namespace {

// The name of the model's checkpoints, without folder and step.
std::string BaseName(const ModelFolder& folder, const std::string& serving) {
  absl::string_view name = WithoutShards(Basename(serving));
  if (folder.kind == ModelFolder::Kind::kCheckpoints) {
    if (!serving.empty()) return std::string(WithoutGlobalStep(name));
    name = Basename(folder.graph_path);
    if (absl::ConsumeSuffix(&name, ".meta")) {
      return std::string(WithoutGlobalStep(name));
    }
    return "model.ckpt";
  }
  // The variables of a SavedModel are part of it and stay as they are.
  if (name.empty() || name == "variables") return "model.ckpt";
  return std::string(WithoutGlobalStep(name));
}

// What others of a checkpoint's files end with cannot end its own name; and it
// must be found again, as itself and nothing else.
absl::Status CheckName(const std::string& name) {
  if (const size_t at = name.find_first_of("*?[\\"); at != std::string::npos) {
    return InvalidArgument("\"", name, "\" has a '", name.substr(at, 1),
                           "', by which a restore means several files");
  }
  if (IsTemporaryName(name)) {
    return InvalidArgument("\"", name,
                           "\" looks like a file that is being copied, and "
                           "would be passed over: expected no dot in front, "
                           "and no ending such as .tmp or .part");
  }
  if (WithoutShards(name) != name) {
    return InvalidArgument("\"", name,
                           "\" is the name of one file of a checkpoint in "
                           "format V1, not that of a checkpoint");
  }
  for (const char* ending : {".index", ".meta"}) {
    if (!absl::EndsWith(name, ending)) continue;
    return InvalidArgument("\"", name,
                           "\" ends as another file of a "
                           "checkpoint does: leave ",
                           ending, " away");
  }
  return absl::OkStatus();
}

}  // namespace

std::string FolderOfSave(FileSystem& fs, const std::string& wanted,
                         const ModelFolder& folder) {
  const std::string path = absl::StartsWith(wanted, "/")
                               ? wanted
                               : JoinPath(folder.directory, wanted);
  const bool is_folder = wanted.empty() || absl::EndsWith(wanted, "/");
  const std::string out(is_folder ? path : Dirname(path));
  return FolderKey(fs, out) == FolderKey(fs, folder.directory)
             ? folder.directory
             : out;
}

absl::StatusOr<std::string> PrefixOfSave(const std::string& wanted,
                                         const std::string& save_folder,
                                         const ModelFolder& folder,
                                         const std::string& serving,
                                         std::optional<int64_t> global_step) {
  std::string name(Basename(wanted));
  if (name.empty()) name = BaseName(folder, serving);
  if (global_step) absl::StrAppend(&name, "-", *global_step);
  RETURN_IF_ERROR(CheckName(name));
  return JoinPath(save_folder, name);
}

}  // namespace metagraph
