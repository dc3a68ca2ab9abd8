#include "core/model/checkpointer.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "core/base/clock.h"
#include "core/base/error_details.h"
#include "core/base/status.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/checkpoint_state.h"
#include "core/checkpoint/file_names.h"
#include "core/checkpoint/name_map.h"
#include "core/checkpoint/retention.h"
#include "core/model/notes.h"
#include "core/model/save_name.h"
#include "core/tensor/out_of_memory.h"

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
  for (const SaverPlan::Constant& constant : plan.constants) {
    out.push_back({constant.checkpoint_key, "", constant.value});
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

// How to let a saver's own op write.
std::string BySaveOp(const tensorflow::SaverDef& saver,
                     const std::string& model) {
  if (saver.save_tensor_name().empty()) return "";
  return absl::StrCat(
      "; the graph's own op writes a checkpoint into the model's folder: "
      "metagraphctl run ",
      ShellWord(model), " --feed ",
      ShellWord(saver.filename_tensor_name() + "=\"NAME\""), " --fetch ",
      ShellWord(saver.save_tensor_name()));
}

}  // namespace

absl::StatusOr<SaveResult> Checkpointer::Save(const SaveOptions& given,
                                              const ProgressCallback& progress,
                                              CallContext& call) {
  const int64_t start = SteadyNanos();
  const auto save = [&]() -> absl::StatusOr<SaveResult> {
    SaveOptions options = given;
    ASSIGN_OR_RETURN(options.prefix, LocalPath(given.prefix));
    const std::string folder =
        FolderOfSave(context_.files(), options.prefix, context_.folder);
    ASSIGN_OR_RETURN(const auto held,
                     context_.environment.folder_locks->Acquire(
                         FolderKey(context_.files(), folder), call));
    return SaveInto(folder, options, progress, call);
  };
  absl::StatusOr<SaveResult> result = CatchOutOfMemory(save);
  Outcome outcome;
  outcome.checkpoint = result.ok() ? result->checkpoint : given.prefix;
  outcome.time = context_.Now();
  outcome.status = result.status();
  outcome.generation = result.ok() ? result->generation : 0;
  history_.RecordSave(outcome);
  ModelEvent event;
  event.kind = ModelEvent::Kind::kSave;
  event.checkpoint = outcome.checkpoint;
  event.status = result.status();
  event.duration = absl::Nanoseconds(SteadyNanos() - start);
  if (result.ok()) {
    event.variables = result->tensors;
    event.bytes = result->bytes;
  }
  events_.Publish(std::move(event));
  return result;
}

absl::StatusOr<SaveResult> Checkpointer::SaveInto(
    const std::string& folder, const SaveOptions& options,
    const ProgressCallback& progress, CallContext& call) {
  FileSystem& files = context_.files();
  const auto graph = graph_.newest();
  const SaverPlan& plan = graph->saver_plan();
  RETURN_IF_ERROR(CheckPlan(plan, folder, options));
  ASSIGN_OR_RETURN(std::shared_ptr<const Generation> generation,
                   graph_.variables().Read(call));
  RETURN_IF_ERROR(
      CheckGeneration(options.expected_generation, generation->number));
  ASSIGN_OR_RETURN(const std::vector<TensorToSave> tensors,
                   Collect(plan, graph->variables(), *generation));

  SaveResult result;
  result.generation = generation->number;
  result.tensors = static_cast<int64_t>(tensors.size());
  if (!options.no_global_step) {
    result.global_step = options.global_step;
    if (!result.global_step && graph->global_step_slot() >= 0) {
      result.global_step = graph->GlobalStep(*generation);
    }
  }
  ASSIGN_OR_RETURN(result.checkpoint,
                   PrefixOfSave(options.prefix, folder, context_.folder,
                                generation->checkpoint, result.global_step));
  const std::string& prefix = result.checkpoint;
  if (const std::string left = NotKept(plan, graph->variables(), *generation);
      !left.empty()) {
    AddNote(absl::StrCat("the graph's saver does not keep ", left),
            &result.note);
  }
  const bool had_meta = files.Stat(MetaGraphPath(prefix)).ok();
  const bool replaces = FindOwnFiles(files, prefix).format != 0;
  if (replaces) {
    AddNote("the checkpoint that had this name is replaced", &result.note);
  }
  const auto bytes = WriteTensors(tensors, plan.format, options.shards, result,
                                  progress, call);
  if (!bytes.ok()) return AboutFolder(bytes.status(), folder);
  result.bytes = *bytes;
  result.files = FindFiles(files, prefix).paths;

  if (const absl::Status status = MakeNewest(options, *graph, &result);
      !status.ok()) {
    if (replaces || NamedByStateFile(files, prefix)) {
      return Annotate(status, "checkpoint \"", prefix,
                      "\" is written and whole, but this failed: ");
    }
    // Nothing is left of it, and what was there stays.
    const std::string spare[] = {had_meta ? MetaGraphPath(prefix) : ""};
    RemoveCheckpoint(files, prefix, spare).IgnoreError();
    return status;
  }
  // Another process may be saving here too: only what is surely abandoned goes.
  RemoveStaleTempFiles(files, folder, context_.Now() - absl::Hours(1));
  return result;
}

absl::Status Checkpointer::CheckPlan(const SaverPlan& plan,
                                     const std::string& folder,
                                     const SaveOptions& options) const {
  if (!plan.complete()) {
    return Unimplemented("the saver also keeps what is no variable: \"",
                         plan.unmapped[0].node, "\": ", plan.unmapped[0].reason,
                         BySaveOp(plan.saver, context_.name));
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
  if (folder != context_.folder.directory) return absl::OkStatus();
  return CheckReadsBack(plan, context_.options.mapping);
}

absl::StatusOr<int64_t> Checkpointer::WriteTensors(
    const std::vector<TensorToSave>& tensors, int format, int shards,
    const SaveResult& result, const ProgressCallback& progress,
    CallContext& call) {
  FileSystem& files = context_.files();
  const std::string& prefix = result.checkpoint;
  int64_t total = 0;
  for (const TensorToSave& tensor : tensors) {
    total += tensor.value.size_bytes();
  }
  ProgressMeter meter(progress, static_cast<int64_t>(tensors.size()), total);
  const auto written = [&](int64_t bytes) { meter.Add(bytes); };
  // Whoever watches the folder must not restore it over what comes after.
  const auto busy = seen_.Begin(prefix);
  const CheckpointStamp before = FindFiles(files, prefix).stamp;
  absl::StatusOr<int64_t> bytes =
      format == 1
          ? WriteCheckpointV1(files, prefix, tensors, written, call)
          : WriteCheckpointV2(files, prefix, tensors, shards, written, call);
  // If only the last sync failed the new checkpoint is there all the same.
  const CheckpointStamp after = FindFiles(files, prefix).stamp;
  if (after != before) seen_.Note(prefix, after);
  if (bytes.ok()) history_.AddOrigin({result.generation, prefix, after});
  return bytes;
}

absl::Status Checkpointer::MakeNewest(const SaveOptions& options,
                                      const ModelGraph& graph,
                                      SaveResult* result) {
  if (options.meta_graph) {
    std::string meta;
    if (!graph.meta().ToProto().SerializeToString(&meta)) {
      return ResourceExhausted("the meta graph is too large to be written");
    }
    std::string path = MetaGraphPath(result->checkpoint);
    RETURN_IF_ERROR(WriteFileAtomically(context_.files(), path, meta));
    result->files.push_back(std::move(path));
  }
  if (options.state_file) {
    RETURN_IF_ERROR(UpdateStateFile(options, graph.saver_plan().saver, result));
    result->files.push_back(
        JoinPath(Dirname(result->checkpoint), kCheckpointStateFile));
  }
  return absl::OkStatus();
}

absl::Status Checkpointer::UpdateStateFile(const SaveOptions& options,
                                           const tensorflow::SaverDef& saver,
                                           SaveResult* result) {
  FileSystem& files = context_.files();
  std::vector<std::string> own;
  {
    MutexLock lock(mu_);
    own = saved_;
  }
  ASSIGN_OR_RETURN(
      const std::vector<std::string> expired,
      UpdateCheckpointState(files, std::string(Dirname(result->checkpoint)),
                            result->checkpoint,
                            RetentionOf(saver, options.keep), own));
  // What the next start needs.
  const std::string spare[] = {context_.folder.graph_path,
                               MetaGraphPath(result->checkpoint)};
  for (const std::string& old : expired) {
    const absl::Status removed = RemoveCheckpoint(files, old, spare);
    if (removed.ok()) {
      result->deleted.push_back(old);
    } else {  // the save itself is complete
      AddNote(absl::StrCat("not removed: ", removed.message()), &result->note);
    }
  }
  MutexLock lock(mu_);
  std::erase_if(saved_, [&](const std::string& prefix) {
    return prefix == result->checkpoint ||
           absl::c_linear_search(result->deleted, prefix);
  });
  saved_.push_back(result->checkpoint);
  if (saved_.size() > kMaxSaved) saved_.erase(saved_.begin());
  return absl::OkStatus();
}

}  // namespace metagraph
