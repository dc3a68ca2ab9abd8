#include "server/handlers/admin_handler.h"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error_details.h"
#include "core/base/status.h"
#include "core/model/restore_advice.h"
#include "core/tensor/tensor_proto.h"
#include "server/handlers/describe.h"

namespace metagraph {
namespace {

template <typename Request>
int64_t ExpectedGeneration(const Request& request) {
  return request.has_expected_generation() ? request.expected_generation() : -1;
}

absl::StatusOr<RestoreMode> ModeOf(v1::RestoreMode mode) {
  switch (mode) {
    case v1::RESTORE_MODE_UNSPECIFIED:
    case v1::RESTORE_MODE_STRICT:
      return RestoreMode::kStrict;
    case v1::RESTORE_MODE_PARTIAL:
      return RestoreMode::kPartial;
    case v1::RESTORE_MODE_DRY_RUN:
      return RestoreMode::kDryRun;
    default:
      return InvalidArgument("unknown restore mode ", static_cast<int>(mode));
  }
}

// The longest path that Linux takes, and a name that still fits a line.
constexpr size_t kLongestPath = 4096;
constexpr size_t kLongestNewName = 256;

absl::Status CheckPath(const char* what, const std::string& path) {
  if (path.size() >= kLongestPath) {
    return InvalidArgument(what, " has ", path.size(),
                           " bytes, expected fewer than ", kLongestPath);
  }
  if (path.find('\0') != std::string::npos) {
    return InvalidArgument(what, " has a zero byte in it");
  }
  return absl::OkStatus();
}

// Sends progress on, and ends the call when nobody listens any more.
template <typename Response>
ProgressCallback SendProgress(const MessageSink<Response>& sink,
                              CallContext& call) {
  return [&sink, &call](const Progress& progress) {
    Response message;
    ToProto(progress, message.mutable_progress());
    if (!sink(message)) call.Cancel();
  };
}

// With which of the missing ones only training uses.
void ToProto(const CheckpointReport& report, const Model& model,
             v1::CheckpointReport* out) {
  ToProto(report, out);
  for (const std::string& key :
       TrainingOnlyKeys(*model.graph(), report.missing)) {
    out->add_training_only(key);
  }
}

}  // namespace

absl::Status AdminHandler::LoadModel(const v1::LoadModelRequest& request,
                                     CallContext& call,
                                     v1::LoadModelResponse* response) const {
  if (request.directory().empty()) {
    return InvalidArgument("the request names no directory");
  }
  RETURN_IF_ERROR(CheckPath("directory", request.directory()));
  if (request.model().size() > kLongestNewName) {
    return InvalidArgument("model has ", request.model().size(),
                           " bytes, expected at most ", kLongestNewName);
  }
  if (request.has_expected_generation() && request.expected_generation() != 0) {
    return Annotate(WrongGeneration(0, request.expected_generation()),
                    "the model is not loaded, so its ");
  }
  std::optional<int64_t> version;
  if (request.has_version()) version = request.version();
  // Relative to where the daemon was started.
  std::error_code error;
  const std::filesystem::path directory =
      std::filesystem::absolute(request.directory(), error);
  if (error) return InvalidArgument(request.directory(), ": ", error.message());
  ModelOptions options;
  options.mapping = MappingFrom(request.mapping());
  options.command =
      absl::StrCat("metagraphctl load ", ShellWord(request.model()), " ",
                   ShellWord(directory.string()));
  ASSIGN_OR_RETURN(
      const int64_t loading,
      models_.Load(request.model(), directory.string(), version,
                   std::move(options),
                   request.wait() ? ModelManager::Patience::kWaitForMemory
                                  : ModelManager::Patience::kNone));
  response->set_version(loading);
  response->set_state(v1::MODEL_STATE_LOADING);
  if (!request.wait()) return absl::OkStatus();
  RETURN_IF_ERROR(models_.WaitUntilLoaded(request.model(), loading, call));
  ASSIGN_OR_RETURN(const auto model, models_.Find(request.model(), loading));
  response->set_state(v1::MODEL_STATE_AVAILABLE);
  response->set_generation(model->generation_number());
  if (const auto report = model->history().last_report()) {
    ToProto(*report, *model, response->mutable_report());
  }
  response->set_note(ToUtf8(model->note()));
  return absl::OkStatus();
}

absl::Status AdminHandler::UnloadModel(
    const v1::UnloadModelRequest& request, CallContext& call,
    v1::UnloadModelResponse* response) const {
  std::optional<int64_t> version;
  if (request.has_version()) version = request.version();
  ASSIGN_OR_RETURN(
      const int64_t generation,
      models_.Unload(request.model(), version, ExpectedGeneration(request)));
  response->set_generation(generation);
  return absl::OkStatus();
}

absl::Status AdminHandler::Restore(
    const v1::RestoreRequest& request, CallContext& call,
    const MessageSink<v1::RestoreResponse>& sink) const {
  ASSIGN_OR_RETURN(const auto model, FindModelOf(models_, request));
  RETURN_IF_ERROR(CheckPath("checkpoint", request.checkpoint()));
  RestoreOptions options;
  options.checkpoint = request.checkpoint();
  ASSIGN_OR_RETURN(options.mode, ModeOf(request.mode()));
  if (request.has_mapping()) options.mapping = MappingFrom(request.mapping());
  options.expected_generation = ExpectedGeneration(request);
  ASSIGN_OR_RETURN(const RestoreResult restored,
                   model->Restore(options, SendProgress(sink, call), call));
  v1::RestoreResponse message;
  v1::RestoreResult* result = message.mutable_result();
  result->set_generation(restored.generation);
  result->set_checkpoint(ToUtf8(restored.checkpoint));
  if (restored.global_step) result->set_global_step(*restored.global_step);
  ToProto(restored.report, *model, result->mutable_report());
  result->set_would_restore(restored.report.Allowed(restored.mapping));
  result->set_previous_generation(restored.previous_generation);
  sink(message);
  return absl::OkStatus();
}

absl::Status AdminHandler::Rollback(const v1::RollbackRequest& request,
                                    CallContext& call,
                                    v1::RollbackResponse* response) const {
  ASSIGN_OR_RETURN(const auto model, FindModelOf(models_, request));
  std::optional<int64_t> to;
  if (request.has_to_generation()) to = request.to_generation();
  ASSIGN_OR_RETURN(const RollbackResult result,
                   model->Rollback(to, ExpectedGeneration(request), call));
  response->set_generation(result.generation);
  response->set_checkpoint(ToUtf8(result.checkpoint));
  if (result.global_step) response->set_global_step(*result.global_step);
  response->set_from_checkpoint(result.from_checkpoint);
  response->set_restored_generation(result.restored_generation);
  response->set_written_since(!result.as_restored);
  return absl::OkStatus();
}

absl::Status AdminHandler::Save(
    const v1::SaveRequest& request, CallContext& call,
    const MessageSink<v1::SaveResponse>& sink) const {
  ASSIGN_OR_RETURN(const auto model, FindModelOf(models_, request));
  if (request.shards() < 0 || request.shards() > 99999) {
    return InvalidArgument("shards is ", request.shards(),
                           ", expected 0 to 99999");
  }
  if (request.keep() < -1) {
    return InvalidArgument("keep is ", request.keep(), ", expected -1 or more");
  }
  RETURN_IF_ERROR(CheckPath("prefix", request.prefix()));
  SaveOptions options;
  options.prefix = request.prefix();
  if (request.has_global_step()) {
    if (request.global_step() < 0) {
      return InvalidArgument("global_step is ", request.global_step(),
                             ", expected at least 0");
    }
    options.global_step = request.global_step();
  }
  options.no_global_step = request.no_global_step();
  options.keep = request.keep();
  options.shards = request.shards();
  options.meta_graph = !request.skip_meta_graph();
  options.state_file = !request.skip_state_file();
  options.expected_generation = ExpectedGeneration(request);
  ASSIGN_OR_RETURN(const SaveResult saved,
                   model->Save(options, SendProgress(sink, call), call));
  v1::SaveResponse message;
  v1::SaveResult* result = message.mutable_result();
  result->set_generation(saved.generation);
  result->set_checkpoint(ToUtf8(saved.checkpoint));
  if (saved.global_step) result->set_global_step(*saved.global_step);
  for (const std::string& path : saved.files) result->add_files(ToUtf8(path));
  result->set_bytes(saved.bytes);
  result->set_tensor_count(saved.tensors);
  for (const std::string& prefix : saved.deleted) {
    result->add_deleted(ToUtf8(prefix));
  }
  result->set_note(ToUtf8(saved.note));
  sink(message);
  return absl::OkStatus();
}

absl::Status AdminHandler::InitializeVariables(
    const v1::InitializeVariablesRequest& request, CallContext& call,
    v1::InitializeVariablesResponse* response) const {
  ASSIGN_OR_RETURN(const auto model, FindModelOf(models_, request));
  InitializeScope scope = InitializeScope::kUninitialized;
  switch (request.scope()) {
    case v1::INITIALIZE_SCOPE_UNSPECIFIED:
      if (request.names_size() > 0) scope = InitializeScope::kListed;
      break;
    case v1::INITIALIZE_SCOPE_ALL:
      scope = InitializeScope::kAll;
      break;
    case v1::INITIALIZE_SCOPE_UNINITIALIZED:
      break;
    case v1::INITIALIZE_SCOPE_LISTED:
      scope = InitializeScope::kListed;
      break;
    default:
      return InvalidArgument("unknown scope ",
                             static_cast<int>(request.scope()));
  }
  if (scope != InitializeScope::kListed && request.names_size() > 0) {
    return InvalidArgument("names are given, but the scope is not LISTED");
  }
  ASSIGN_OR_RETURN(const InitializeResult result,
                   model->InitializeVariables(
                       scope, {request.names().begin(), request.names().end()},
                       request.dry_run(), ExpectedGeneration(request), call));
  response->set_generation(result.generation);
  *response->mutable_initialized() = {result.initialized.begin(),
                                      result.initialized.end()};
  *response->mutable_overwritten() = {result.overwritten.begin(),
                                      result.overwritten.end()};
  *response->mutable_tables() = {result.tables.begin(), result.tables.end()};
  response->set_note(ToUtf8(result.note));
  return absl::OkStatus();
}

absl::Status AdminHandler::AssignVariables(
    const v1::AssignVariablesRequest& request, CallContext& call,
    v1::AssignVariablesResponse* response) const {
  ASSIGN_OR_RETURN(const auto model, FindModelOf(models_, request));
  std::vector<std::pair<std::string, Tensor>> values;
  values.reserve(request.values_size());
  for (const tensorflow::NamedTensorProto& value : request.values()) {
    auto tensor = TensorFromProto(value.tensor());
    if (!tensor.ok()) {
      return WithDetails(
          Annotate(tensor.status(), "value of \"", value.name(), "\": "),
          {{"name", value.name()}});
    }
    values.emplace_back(value.name(), *std::move(tensor));
  }
  ASSIGN_OR_RETURN(const int64_t generation,
                   model->AssignVariables(std::move(values),
                                          ExpectedGeneration(request), call));
  response->set_generation(generation);
  return absl::OkStatus();
}

absl::Status AdminHandler::ExtendGraph(
    const v1::ExtendGraphRequest& request, CallContext& call,
    v1::ExtendGraphResponse* response) const {
  ASSIGN_OR_RETURN(const auto model, FindModelOf(models_, request));
  tensorflow::MetaGraphDef more;
  switch (request.extension_case()) {
    case v1::ExtendGraphRequest::kGraph:
      *more.mutable_graph_def() = request.graph();
      break;
    case v1::ExtendGraphRequest::kMetaGraph:
      more = request.meta_graph();
      break;
    default:
      return InvalidArgument("the request holds neither graph nor meta_graph");
  }
  ExtendOptions options;
  options.import_prefix = request.import_prefix();
  if (request.has_expected_graph_version()) {
    options.expected_graph_version = request.expected_graph_version();
  }
  options.expected_generation = ExpectedGeneration(request);
  ASSIGN_OR_RETURN(const ExtendResult result,
                   model->ExtendGraph(options, std::move(more), call));
  response->set_graph_version(result.graph_version);
  response->set_generation(result.generation);
  response->set_added_nodes(result.added_nodes);
  *response->mutable_added_variables() = {result.added_variables.begin(),
                                          result.added_variables.end()};
  response->set_note(ToUtf8(result.note));
  return absl::OkStatus();
}

absl::Status AdminHandler::SetLogLevel(
    const v1::SetLogLevelRequest& request, CallContext& call,
    v1::SetLogLevelResponse* response) const {
  if (!log_.level) return Unimplemented("this process keeps no log");
  if (request.level() != v1::LOG_LEVEL_UNSPECIFIED) {
    if (!v1::LogLevel_IsValid(request.level())) {
      return InvalidArgument("unknown log level ",
                             static_cast<int>(request.level()));
    }
    log_.set_level(request.level());
  }
  if (request.has_verbosity()) {
    if (request.verbosity() < 0 || request.verbosity() > 9) {
      return InvalidArgument("verbosity is ", request.verbosity(),
                             ", expected 0 to 9");
    }
    log_.set_verbosity(request.verbosity());
  }
  response->set_level(log_.level());
  response->set_verbosity(log_.verbosity());
  return absl::OkStatus();
}

}  // namespace metagraph
