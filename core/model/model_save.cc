// Model::Save: snapshot, write, name in the state file.

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"
#include "core/checkpoint/checkpoint_state.h"
#include "core/checkpoint/file_names.h"
#include "core/model/model.h"
#include "core/model/save.h"

namespace metagraph {
namespace {

// What TensorFlow's Saver keeps if nobody says otherwise.
constexpr int kDefaultKeep = 5;

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
    if (name.empty()) name = Basename(folder.graph_path);
    absl::ConsumeSuffix(&name, ".meta");
    return std::string(WithoutGlobalStep(name));
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
    return FailedPrecondition("without a value: ",
                              absl::StrJoin(without, ", "));
  }
  return out;
}

// The files of the checkpoint, for the report.
std::vector<std::string> FilesOf(FileSystem& fs, const std::string& prefix,
                                 int format, bool state_file) {
  std::vector<std::string> out;
  const std::string folder(Dirname(prefix));
  const auto names = fs.List(folder);
  if (!names.ok()) return out;
  const std::string base(Basename(prefix));
  for (const std::string& name : *names) {
    absl::string_view rest = name;
    const bool ours = absl::ConsumePrefix(&rest, base) &&
                      ((format == 1 && rest.empty()) || rest == ".index" ||
                       rest == ".meta" || absl::StartsWith(rest, ".data-"));
    if (ours || (state_file && name == kCheckpointStateFile)) {
      out.push_back(JoinPath(folder, name));
    }
  }
  return out;
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

absl::StatusOr<SaveResult> Model::DoSave(const SaveOptions& options,
                                         const ProgressCallback& progress,
                                         CallContext& call) {
  MutexLock one_at_a_time(save_mu_);
  RETURN_IF_ERROR(CheckExpected(options.expected_generation));
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
  ASSIGN_OR_RETURN(std::shared_ptr<const Generation> generation, Read(call));
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
  ASSIGN_OR_RETURN(result.checkpoint,
                   ChoosePrefix(options, *generation, result.global_step));
  const std::string& prefix = result.checkpoint;

  Progress so_far;
  so_far.tensors_total = result.tensors;
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
  const auto set_saving = [this](const std::string& name) {
    MutexLock lock(mu_);
    saving_ = name;
  };
  set_saving(prefix);
  const absl::StatusOr<int64_t> bytes =
      plan.format == 1 ? WriteTensorsV1(files(), prefix, tensors, written, call)
                       : WriteTensors(files(), prefix, tensors, options.shards,
                                      written, call);
  if (bytes.ok()) {
    Remember(generation->number, prefix, StampOf(files(), prefix));
  }
  set_saving("");
  RETURN_IF_ERROR(bytes.status());
  result.bytes = *bytes;

  if (options.meta_graph) {
    std::string meta;
    if (!graph->meta().ToProto().SerializeToString(&meta)) {
      return ResourceExhausted("the meta graph is too large to be written");
    }
    RETURN_IF_ERROR(WriteFileAtomically(files(), MetaGraphPath(prefix), meta));
  }
  if (options.state_file) {
    RETURN_IF_ERROR(ApplyRetention(options, plan.saver, result));
  }
  // Another process may be saving here too: only what is surely abandoned goes.
  RemoveStaleTempFiles(files(), std::string(Dirname(prefix)),
                       environment_.clock->Now() - absl::Hours(1));
  result.files = FilesOf(files(), prefix, plan.format, options.state_file);
  return result;
}

absl::StatusOr<std::string> Model::ChoosePrefix(
    const SaveOptions& options, const Generation& generation,
    std::optional<int64_t> global_step) const {
  std::string prefix = absl::StartsWith(options.prefix, "/")
                           ? options.prefix
                           : JoinPath(folder_.directory, options.prefix);
  if (options.prefix.empty() || absl::EndsWith(options.prefix, "/")) {
    prefix = JoinPath(prefix, BaseName(folder_, generation.checkpoint));
  }
  if (global_step) absl::StrAppend(&prefix, "-", *global_step);
  if (WithoutShards(prefix) != prefix) {
    return InvalidArgument("\"", prefix,
                           "\" is the name of one file of a checkpoint in "
                           "format V1, not that of a checkpoint");
  }
  return prefix;
}

absl::Status Model::ApplyRetention(const SaveOptions& options,
                                   const tensorflow::SaverDef& saver,
                                   SaveResult& result) const {
  const std::string folder(Dirname(result.checkpoint));
  ASSIGN_OR_RETURN(const std::vector<std::string> dropped,
                   UpdateCheckpointState(files(), folder, result.checkpoint,
                                         RetentionOf(saver, options.keep)));
  // What the next start needs.
  const std::string spare[] = {folder_.graph_path,
                               MetaGraphPath(result.checkpoint)};
  for (const std::string& old : dropped) {
    // What another folder holds is not this one's to delete.
    if (Dirname(old) != folder || old == result.checkpoint) continue;
    const absl::Status removed = RemoveCheckpoint(files(), old, spare);
    if (removed.ok()) {
      result.deleted.push_back(old);
    } else {  // the save itself is complete
      absl::StrAppend(&result.note, result.note.empty() ? "" : "; ",
                      "not removed: ", removed.message());
    }
  }
  return absl::OkStatus();
}

}  // namespace metagraph
