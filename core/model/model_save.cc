// Model::Save: snapshot, write, name in the state file.

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/base/error_details.h"
#include "core/base/status.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/checkpoint_state.h"
#include "core/checkpoint/checkpoint_writer.h"
#include "core/checkpoint/file_names.h"
#include "core/checkpoint/retention.h"
#include "core/model/model.h"

namespace metagraph {
namespace {

// What TensorFlow's Saver keeps if nobody says otherwise.
constexpr int kDefaultKeep = 5;

// How many prefixes a model remembers that it wrote itself.
constexpr size_t kMaxSaved = 1000;

// What stays after a save: as many as the caller says, or as the saver does.
Retention RetentionOf(const tensorflow::SaverDef& saver, int keep) {
  Retention out;
  out.max_to_keep = keep;
  if (keep == 0) {
    out.max_to_keep =
        saver.restore_op_name().empty() ? kDefaultKeep : saver.max_to_keep();
  }
  out.max_to_keep = std::max(out.max_to_keep, 0);
  // TensorFlow's default stands for "never".
  constexpr float kNever = 10000;
  if (saver.keep_checkpoint_every_n_hours() < kNever) {
    out.keep_every_n_hours = saver.keep_checkpoint_every_n_hours();
  }
  return out;
}

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

// What is to be written, or which variables stand in the way.
absl::StatusOr<std::vector<TensorToSave>> Collect(
    const SaverPlan& plan, const std::vector<ModelVariable>& variables,
    const Generation& generation) {
  if (plan.variables.empty()) {
    return FailedPrecondition("there are no variables to save");
  }
  absl::flat_hash_map<int, int> slots;
  for (const ModelVariable& variable : variables) {
    slots.emplace(variable.node, variable.slot);
  }
  std::vector<TensorToSave> out;
  std::vector<std::string> without;
  for (const SavedVariable& saved : plan.variables) {
    const auto slot = slots.find(saved.node);
    if (slot == slots.end() || slot->second < 0 ||
        !generation.value(slot->second).initialized()) {
      without.push_back(absl::StrCat("\"", saved.variable, "\""));
      continue;
    }
    out.push_back({saved.checkpoint_key, saved.shape_and_slice,
                   generation.value(slot->second)});
  }
  if (!without.empty()) {
    return FailedPrecondition("without a value: ", absl::StrJoin(without, ", "),
                              "; initialise, assign or restore them first");
  }
  return out;
}

// Variables with a value that the saver leaves out though they are meant to be
// saved; empty if there are none.
std::string NotKept(const SaverPlan& plan,
                    const std::vector<ModelVariable>& variables,
                    const Generation& generation) {
  absl::flat_hash_set<int> kept;
  for (const SavedVariable& saved : plan.variables) kept.insert(saved.node);
  std::vector<std::string> left;
  for (const ModelVariable& variable : variables) {
    if (kept.contains(variable.node) || variable.slot < 0 ||
        !generation.value(variable.slot).initialized() ||
        !absl::c_linear_search(variable.collections, "variables")) {
      continue;
    }
    left.push_back(absl::StrCat("\"", variable.name, "\""));
  }
  constexpr size_t kShown = 3;
  if (left.size() <= kShown) return absl::StrJoin(left, ", ");
  const size_t more = left.size() - kShown;
  left.resize(kShown);
  return absl::StrCat(absl::StrJoin(left, ", "), " and ", more, " more");
}

// The folder that a save goes to.
std::string FolderOf(FileSystem& fs, const SaveOptions& options,
                     const ModelFolder& folder) {
  const std::string path = absl::StartsWith(options.prefix, "/")
                               ? options.prefix
                               : JoinPath(folder.directory, options.prefix);
  const bool is_folder =
      options.prefix.empty() || absl::EndsWith(options.prefix, "/");
  const std::string out(is_folder ? path : Dirname(path));
  // The model's own folder is known by one name only.
  return FolderKey(fs, out) == FolderKey(fs, folder.directory)
             ? folder.directory
             : out;
}

// What others of a checkpoint's files end with cannot end its own name.
absl::Status CheckName(const std::string& name) {
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

// Whether the name map, which will be applied to what is saved here, leaves it
// as it is.
absl::Status CheckReadsBack(const SaverPlan& plan,
                            const RestoreMapping& mapping) {
  if (!mapping.renames()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const NameMap map, NameMap::Parse(mapping));
  std::vector<absl::string_view> keys;
  for (const SavedVariable& saved : plan.variables) {
    keys.push_back(saved.checkpoint_key);
  }
  std::sort(keys.begin(), keys.end());
  ASSIGN_OR_RETURN(const NameMap::Names names, map.Resolve(keys, keys));
  for (absl::string_view key : keys) {
    const auto moved = names.by_key.find(key);
    if (moved == names.by_key.end() || moved->second == key) continue;
    return FailedPrecondition(
        "saves hold the graph's names, and the next start with this name map (",
        mapping.ToOptions(), ") would read \"", key, "\" from \"",
        moved->second, "\": save into another folder");
  }
  return absl::OkStatus();
}

// Whether a restart would take this checkpoint.
bool NamedByStateFile(FileSystem& fs, const std::string& prefix) {
  const auto state = ReadCheckpointState(fs, std::string(Dirname(prefix)));
  return state.ok() &&
         LastComponent(state->model_checkpoint_path()) == Basename(prefix);
}

// Why nothing can be written to the folder, and what to do.
absl::Status AboutFolder(const absl::Status& status,
                         const std::string& folder) {
  // As the file system has it: "path; reason".
  const absl::string_view message = status.message();
  const absl::string_view reason = message.substr(message.rfind("; ") + 2);
  const bool full = absl::IsResourceExhausted(status);
  const bool refused = absl::IsPermissionDenied(status) ||
                       absl::EndsWith(message, "Read-only file system");
  if (message.rfind("; ") == absl::string_view::npos || !(full || refused)) {
    return status;
  }
  absl::Status out(
      status.code(),
      absl::StrCat("cannot write to the folder \"", folder, "\": ", reason,
                   full ? "; free some space, or save elsewhere"
                        : "; let the user that metagraphd runs as write there, "
                          "or save elsewhere"));
  return WithDetails(std::move(out), {{"name", folder}});
}

void AddNote(absl::string_view more, SaveResult& result) {
  absl::StrAppend(&result.note, result.note.empty() ? "" : "; ", more);
}

}  // namespace

absl::StatusOr<SaveResult> Model::Save(const SaveOptions& options,
                                       const ProgressCallback& progress,
                                       CallContext& call) {
  absl::StatusOr<SaveResult> result = DoSave(options, progress, call);
  Outcome outcome;
  outcome.checkpoint = result.ok() ? result->checkpoint : options.prefix;
  outcome.time = environment_.clock->Now();
  outcome.status = result.status();
  outcome.generation = result.ok() ? result->generation : 0;
  {
    MutexLock lock(mu_);
    last_save_ = outcome;
  }
  Tell(ModelEvent::Kind::kSave, outcome.checkpoint, result.status());
  return result;
}

absl::StatusOr<SaveResult> Model::DoSave(const SaveOptions& given,
                                         const ProgressCallback& progress,
                                         CallContext& call) {
  SaveOptions options = given;
  ASSIGN_OR_RETURN(options.prefix, LocalPath(given.prefix));
  const std::string folder = FolderOf(files(), options, folder_);
  ASSIGN_OR_RETURN(const auto held, environment_.folder_locks->Acquire(
                                        FolderKey(files(), folder), call));
  const auto graph = this->graph();
  const SaverPlan& plan = graph->saver_plan();
  if (!plan.complete()) {
    return Unimplemented("the saver also keeps what is no variable: \"",
                         plan.unmapped[0].node,
                         "\": ", plan.unmapped[0].reason);
  }
  if (plan.format == 1 && options.shards > 1) {
    return Unimplemented("the graph's saver is one of format V1, which is ",
                         "written as one file here, not as ", options.shards);
  }
  if (const absl::Status keys = CheckKeys(plan); !keys.ok()) {
    return FailedPrecondition(keys.message(),
                              ": extend the graph with a saver that gives them "
                              "names of their own");
  }
  // A checkpoint holds the graph's names, as its `.meta` does, whatever names
  // the values came from.
  if (folder == folder_.directory) {
    RETURN_IF_ERROR(CheckReadsBack(plan, options_.mapping));
  }
  ASSIGN_OR_RETURN(std::shared_ptr<const Generation> generation, Read(call));
  RETURN_IF_ERROR(
      CheckExpected(options.expected_generation, generation->number));
  ASSIGN_OR_RETURN(const std::vector<TensorToSave> tensors,
                   Collect(plan, graph->variables(), *generation));

  SaveResult result;
  result.generation = generation->number;
  result.tensors = static_cast<int64_t>(tensors.size());
  if (!options.no_global_step) {
    result.global_step = options.global_step;
    if (!result.global_step && graph->global_step_slot() >= 0) {
      result.global_step = GlobalStep(*generation);
    }
  }
  ASSIGN_OR_RETURN(result.checkpoint, ChoosePrefix(options, folder, *generation,
                                                   result.global_step));
  const std::string& prefix = result.checkpoint;
  if (const std::string left = NotKept(plan, graph->variables(), *generation);
      !left.empty()) {
    AddNote(absl::StrCat("the graph's saver does not keep ", left), result);
  }
  const bool had_meta = files().Stat(MetaGraphPath(prefix)).ok();
  const bool replaces = FindOwnFiles(files(), prefix).format != 0;
  if (replaces) {
    AddNote("the checkpoint that had this name is replaced", result);
  }
  const auto bytes =
      WriteCheckpoint(tensors, plan.format, options.shards, prefix,
                      generation->number, progress, call);
  if (!bytes.ok()) return AboutFolder(bytes.status(), folder);
  result.bytes = *bytes;
  result.files = FindFiles(files(), prefix).paths;

  if (const absl::Status status = Finish(options, *graph, result);
      !status.ok()) {
    if (replaces || NamedByStateFile(files(), prefix)) {
      return Annotate(status, "checkpoint \"", prefix,
                      "\" is written and whole, but this failed: ");
    }
    // Nothing is left of it, and what was there stays.
    const std::string spare[] = {folder_.graph_path,
                                 had_meta ? MetaGraphPath(prefix) : ""};
    RemoveCheckpoint(files(), prefix, spare).IgnoreError();
    return status;
  }
  // Another process may be saving here too: only what is surely abandoned goes.
  RemoveStaleTempFiles(files(), folder,
                       environment_.clock->Now() - absl::Hours(1));
  return result;
}

absl::StatusOr<std::string> Model::ChoosePrefix(
    const SaveOptions& options, const std::string& folder,
    const Generation& generation, std::optional<int64_t> global_step) const {
  std::string name(Basename(options.prefix));
  if (name.empty()) name = BaseName(folder_, generation.checkpoint);
  if (global_step) absl::StrAppend(&name, "-", *global_step);
  RETURN_IF_ERROR(CheckName(name));
  return JoinPath(folder, name);
}

absl::StatusOr<int64_t> Model::WriteCheckpoint(
    const std::vector<TensorToSave>& tensors, int format, int shards,
    const std::string& prefix, int64_t generation,
    const ProgressCallback& progress, CallContext& call) {
  Progress so_far;
  so_far.tensors_total = static_cast<int64_t>(tensors.size());
  for (const TensorToSave& tensor : tensors) {
    so_far.bytes_total += tensor.value.size_bytes();
  }
  if (progress) progress(so_far);
  const auto written = [&](int64_t bytes) {
    so_far.bytes_done += bytes;
    ++so_far.tensors_done;
    if (progress) progress(so_far);
  };
  // Whoever watches the folder must not restore it over what comes after.
  const auto busy = seen_.Begin(prefix);
  const CheckpointStamp before = FindFiles(files(), prefix).stamp;
  absl::StatusOr<int64_t> bytes =
      format == 1
          ? WriteCheckpointV1(files(), prefix, tensors, written, call)
          : WriteCheckpointV2(files(), prefix, tensors, shards, written, call);
  // If only the last sync failed the new checkpoint is there all the same.
  const CheckpointStamp after = FindFiles(files(), prefix).stamp;
  if (after != before) seen_.Note(prefix, after);
  if (bytes.ok()) seen_.AddOrigin({generation, prefix, after});
  return bytes;
}

absl::Status Model::Finish(const SaveOptions& options, const ModelGraph& graph,
                           SaveResult& result) {
  if (options.meta_graph) {
    std::string meta;
    if (!graph.meta().ToProto().SerializeToString(&meta)) {
      return ResourceExhausted("the meta graph is too large to be written");
    }
    std::string path = MetaGraphPath(result.checkpoint);
    RETURN_IF_ERROR(WriteFileAtomically(files(), path, meta));
    result.files.push_back(std::move(path));
  }
  if (options.state_file) {
    RETURN_IF_ERROR(NameNewest(options, graph.saver_plan().saver, result));
    result.files.push_back(
        JoinPath(Dirname(result.checkpoint), kCheckpointStateFile));
  }
  return absl::OkStatus();
}

absl::Status Model::NameNewest(const SaveOptions& options,
                               const tensorflow::SaverDef& saver,
                               SaveResult& result) {
  std::vector<std::string> own;
  {
    MutexLock lock(mu_);
    own = saved_;
  }
  ASSIGN_OR_RETURN(
      const std::vector<std::string> fallen,
      UpdateCheckpointState(files(), std::string(Dirname(result.checkpoint)),
                            result.checkpoint, RetentionOf(saver, options.keep),
                            own));
  // What the next start needs.
  const std::string spare[] = {folder_.graph_path,
                               MetaGraphPath(result.checkpoint)};
  for (const std::string& old : fallen) {
    const absl::Status removed = RemoveCheckpoint(files(), old, spare);
    if (removed.ok()) {
      result.deleted.push_back(old);
    } else {  // the save itself is complete
      AddNote(absl::StrCat("not removed: ", removed.message()), result);
    }
  }
  MutexLock lock(mu_);
  std::erase_if(saved_, [&](const std::string& prefix) {
    return prefix == result.checkpoint ||
           absl::c_linear_search(result.deleted, prefix);
  });
  saved_.push_back(result.checkpoint);
  if (saved_.size() > kMaxSaved) saved_.erase(saved_.begin());
  return absl::OkStatus();
}

}  // namespace metagraph
