// What the folder of a model holds.

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/checkpoint/bundle_reader.h"
#include "core/checkpoint/checkpoint_files.h"
#include "core/checkpoint/checkpoint_list.h"
#include "core/checkpoint/file_names.h"
#include "core/checkpoint/verify.h"
#include "core/io/call_file_system.h"
#include "core/model/confined_file_system.h"
#include "core/model/restore_advice.h"
#include "server/handlers/describe.h"
#include "server/handlers/inspect_handler.h"

namespace metagraph {
namespace {

using OpenedCheckpoint = absl::StatusOr<std::unique_ptr<CheckpointReader>>;

// What is missing of a checkpoint that is listed; empty if nothing.
std::string FindProblem(FileSystem& fs, const std::string& prefix,
                        const OpenedCheckpoint& reader) {
  if (!reader.ok()) return std::string(reader.status().message());
  if (const absl::Status lengths = (*reader)->CheckLengths(); !lengths.ok()) {
    return std::string(lengths.message());
  }
  return MissingShards(fs, prefix);
}

// What a checkpoint holds of the model's counter of steps; -1: nothing.
int64_t StoredStep(const ModelGraph& graph, const OpenedCheckpoint& reader) {
  for (const ModelVariable& variable : graph.variables()) {
    if (!reader.ok() || variable.slot < 0 ||
        variable.slot != graph.global_step_slot()) {
      continue;
    }
    const CheckpointTensor* stored = (*reader)->Find(variable.checkpoint_key);
    if (stored == nullptr || stored->shape.num_elements() != 1) return -1;
    const auto value = (*reader)->Read(variable.checkpoint_key);
    if (!value.ok()) return -1;
    if (value->dtype() == DT_INT64) return value->scalar<int64_t>();
    if (value->dtype() == DT_INT32) return value->scalar<int32_t>();
  }
  return -1;
}

v1::CheckpointFormat FormatOf(int format) {
  return format == 1 ? v1::CHECKPOINT_FORMAT_V1 : v1::CHECKPOINT_FORMAT_V2;
}

// What the model serves or began with. An operator may have put it anywhere,
// and its values are open to whoever may inspect.
bool IsOwn(const Model& model, const std::string& prefix) {
  return prefix == model.Peek()->checkpoint ||
         prefix == model.folder().checkpoint;
}

// The call is open to everybody: any other checkpoint lies in the folders that
// the model may use, also where a state file names it.
absl::StatusOr<std::string> CheckpointToVerify(const Model& model,
                                               const std::string& asked,
                                               ConfinedFileSystem& confined,
                                               const CallContext& call) {
  if (!asked.empty()) {
    ASSIGN_OR_RETURN(const std::string path, LocalPath(asked));
    RETURN_IF_ERROR(confined.Resolve(path).status());
  }
  CallFileSystem fs(
      asked.empty() ? model.files() : static_cast<FileSystem&>(confined), call);
  auto found = ResolveCheckpoint(fs, model.folder(), asked);
  RETURN_IF_ERROR(call.Check());
  ASSIGN_OR_RETURN(std::string prefix, std::move(found));
  if (!IsOwn(model, prefix)) {
    RETURN_IF_ERROR(confined.Resolve(prefix).status());
  }
  return prefix;
}

}  // namespace

absl::Status InspectHandler::ListCheckpoints(
    const v1::ListCheckpointsRequest& request, CallContext& call,
    v1::ListCheckpointsResponse* response) const {
  ASSIGN_OR_RETURN(const auto model, FindModelOf(models_, request));
  CallFileSystem fs(model->files(), call);
  const ModelFolder& folder = model->folder();
  ASSIGN_OR_RETURN(std::vector<CheckpointInfo> found,
                   metagraph::ListCheckpoints(fs, folder.directory));
  if (folder.kind == ModelFolder::Kind::kSavedModel) {
    const auto more =
        metagraph::ListCheckpoints(fs, JoinPath(folder.directory, "variables"));
    if (more.ok()) found.insert(found.begin(), more->begin(), more->end());
  }
  const auto generation = model->Peek();
  const auto graph = model->graph();
  std::reverse(found.begin(), found.end());
  for (const CheckpointInfo& info : found) {
    RETURN_IF_ERROR(call.Check());
    v1::Checkpoint* out = response->add_checkpoints();
    out->set_prefix(ToUtf8(info.prefix));
    out->set_format(FormatOf(info.format));
    const OpenedCheckpoint reader = CheckpointReader::Open(fs, info.prefix);
    const int64_t step =
        info.global_step >= 0 ? info.global_step : StoredStep(*graph, reader);
    if (step >= 0) out->set_global_step(step);
    ToProto(info.modified, out->mutable_time());
    out->set_size_bytes(static_cast<int64_t>(info.size));
    out->set_problem(ToUtf8(FindProblem(fs, info.prefix, reader)));
    RETURN_IF_ERROR(call.Check());
    out->set_complete(out->problem().empty());
    out->set_newest(info.latest);
    out->set_serving(info.prefix == generation->checkpoint &&
                     generation->as_restored);
    out->set_in_state_file(info.in_state_file);
    out->set_has_meta_graph(fs.Stat(MetaGraphPath(info.prefix)).ok());
  }
  response->set_state_file_problem(
      ToUtf8(StateFileProblem(fs, folder.directory)));
  return call.Check();
}

absl::Status InspectHandler::VerifyCheckpoint(
    const v1::VerifyCheckpointRequest& request, CallContext& call,
    v1::VerifyCheckpointResponse* response) const {
  ASSIGN_OR_RETURN(const auto model, FindModelOf(models_, request));
  ConfinedFileSystem confined = model->confined_files();
  ASSIGN_OR_RETURN(
      const std::string prefix,
      CheckpointToVerify(*model, request.checkpoint(), confined, call));
  CallFileSystem fs(IsOwn(*model, prefix) ? model->files()
                                          : static_cast<FileSystem&>(confined),
                    call);
  response->set_checkpoint(ToUtf8(prefix));
  const auto reader = CheckpointReader::Open(fs, prefix);
  RETURN_IF_ERROR(call.Check());
  if (!reader.ok()) {
    if (absl::IsNotFound(reader.status())) return reader.status();
    response->add_problems(ToUtf8(std::string(reader.status().message())));
    return absl::OkStatus();
  }
  response->set_format(FormatOf((*reader)->format()));
  response->set_tensor_count(static_cast<int64_t>((*reader)->tensors().size()));
  response->set_shard_count(
      static_cast<int>(FindFiles(fs, prefix).paths.size()));
  if (const std::string missing = MissingShards(fs, prefix); !missing.empty()) {
    response->add_problems(ToUtf8(missing));
  }
  if (const auto* bundle = dynamic_cast<const BundleReader*>(reader->get())) {
    response->set_shard_count(static_cast<int>(bundle->DataFiles().size()));
  }
  const absl::Status lengths = (*reader)->CheckLengths();
  if (request.skip_values() && !lengths.ok()) {
    response->add_problems(ToUtf8(std::string(lengths.message())));
  }
  uint64_t bytes = 0;
  for (const CheckpointTensor& tensor : (*reader)->tensors()) {
    bytes += tensor.stored_bytes;
  }
  response->set_bytes(static_cast<int64_t>(bytes));
  const auto graph = model->graph();
  const RestoreMapping mapping =
      request.has_mapping() ? MappingFrom(request.mapping()) : model->mapping();
  auto match = MatchCheckpoint(graph->saver_plan(), graph->variables(),
                               **reader, mapping);
  // What there was no time for is no problem of the files.
  RETURN_IF_ERROR(call.Check());
  if (absl::IsInvalidArgument(match.status())) return match.status();
  if (!match.ok()) {
    response->add_problems(ToUtf8(std::string(match.status().message())));
    return absl::OkStatus();
  }
  const CheckpointReport& report = match->report;
  ToProto(report, response->mutable_report());
  for (const std::string& key : TrainingOnlyKeys(*graph, report.missing)) {
    response->mutable_report()->add_training_only(key);
  }
  if (!report.Allowed(mapping)) {
    response->set_note(ToUtf8(std::string(
        DescribeMisfit(*graph, **reader, report, mapping, "").message())));
  } else {
    response->set_note(ToUtf8(DescribeRestored(*graph, report)));
  }
  if (!request.skip_values()) {
    for (const CheckpointTensor& tensor : (*reader)->tensors()) {
      RETURN_IF_ERROR(call.Check());
      const absl::Status status = (*reader)->Verify(tensor.name);
      RETURN_IF_ERROR(call.Check());
      if (status.ok()) continue;
      response->add_problems(
          ToUtf8(absl::StrCat("\"", tensor.name, "\": ", status.message())));
    }
  }
  response->set_ok(response->problems_size() == 0 && report.Allowed(mapping));
  return call.Check();
}

}  // namespace metagraph
