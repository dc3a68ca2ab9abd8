#include "client/local/local_backend.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <thread>
#include <utility>

#include "core/base/call_context.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/base/thread_pool.h"
#include "core/checkpoint/named_checkpoint.h"
#include "core/io/file_system.h"
#include "core/model/model_manager.h"
#include "core/op/op_registry.h"
#include "server/handlers/inference_handler.h"
#include "server/handlers/inspect_handler.h"

namespace metagraph {
namespace {

std::string AbsolutePath(const std::string& path) {
  return std::filesystem::absolute(path).lexically_normal().string();
}

enum class Needs { kNothing, kGraph, kValues };

class LocalBackend final : public Backend {
 public:
  LocalBackend(LocalOptions options, std::unique_ptr<const OpRegistry> ops)
      : options_(std::move(options)),
        ops_(std::move(ops)),
        compute_("compute", std::max(1u, std::thread::hardware_concurrency())),
        graph_(Environment(/*graph_only=*/true)),
        values_(Environment(/*graph_only=*/false)) {}

  absl::StatusOr<v1::ListModelsResponse> ListModels(
      const v1::ListModelsRequest& request) override {
    return Inspect(Needs::kValues, &InspectHandler::ListModels, request);
  }
  absl::StatusOr<v1::GetModelResponse> GetModel(
      const v1::GetModelRequest& request) override {
    return Inspect(Needs::kValues, &InspectHandler::GetModel, request);
  }
  absl::StatusOr<v1::ListTensorsResponse> ListTensors(
      const v1::ListTensorsRequest& request) override {
    return Inspect(Needs::kGraph, &InspectHandler::ListTensors, request);
  }
  absl::StatusOr<v1::ListCollectionsResponse> ListCollections(
      const v1::ListCollectionsRequest& request) override {
    return Inspect(Needs::kGraph, &InspectHandler::ListCollections, request);
  }
  absl::StatusOr<v1::GetCollectionResponse> GetCollection(
      const v1::GetCollectionRequest& request) override {
    return Inspect(Needs::kGraph, &InspectHandler::GetCollection, request);
  }
  absl::StatusOr<v1::ListVariablesResponse> ListVariables(
      const v1::ListVariablesRequest& request) override {
    return Inspect(NeedsOfVariables(), &InspectHandler::ListVariables, request);
  }
  absl::Status ReadVariables(const v1::ReadVariablesRequest& request,
                             Sink<v1::ReadVariablesResponse> sink) override {
    return Stream(NeedsOfVariables(), &InspectHandler::ReadVariables, request,
                  sink);
  }
  absl::Status GetGraph(const v1::GetGraphRequest& request,
                        Sink<v1::GetGraphResponse> sink) override {
    return Stream(Needs::kGraph, &InspectHandler::GetGraph, request, sink);
  }
  absl::StatusOr<v1::ExplainResponse> Explain(
      const v1::ExplainRequest& request) override {
    return Inspect(Needs::kValues, &InspectHandler::Explain, request);
  }
  absl::StatusOr<v1::ListOpsResponse> ListOps(
      const v1::ListOpsRequest& request) override {
    return Inspect(Needs::kNothing, &InspectHandler::ListOps, request);
  }
  absl::StatusOr<v1::ListCheckpointsResponse> ListCheckpoints(
      const v1::ListCheckpointsRequest& request) override {
    return Inspect(Needs::kGraph, &InspectHandler::ListCheckpoints, request);
  }
  absl::StatusOr<v1::VerifyCheckpointResponse> VerifyCheckpoint(
      const v1::VerifyCheckpointRequest& request) override {
    auto verified =
        Inspect(Needs::kGraph, &InspectHandler::VerifyCheckpoint, request);
    // Who types a path in a shell means it from the current folder.
    if (request.checkpoint().empty() || !absl::IsNotFound(verified.status())) {
      return verified;
    }
    v1::VerifyCheckpointRequest from_here = request;
    from_here.set_checkpoint(AbsolutePath(request.checkpoint()));
    if (!CheckpointOfPath(FileSystem::Posix(), from_here.checkpoint()).ok()) {
      return verified;
    }
    return Inspect(Needs::kGraph, &InspectHandler::VerifyCheckpoint, from_here);
  }

  absl::StatusOr<v1::RunResponse> Run(const v1::RunRequest& request) override {
    CallContext call(Deadline());
    ASSIGN_OR_RETURN(ModelManager* const models, Open(Needs::kValues, call));
    v1::RunResponse response;
    RETURN_IF_ERROR(InferenceHandler(*models).Run(request, call, &response));
    return response;
  }

  absl::Status Watch(const v1::WatchRequest&,
                     Sink<v1::WatchResponse>) override {
    return NeedsServer();
  }
  absl::StatusOr<v1::LoadModelResponse> LoadModel(
      const v1::LoadModelRequest&) override {
    return NeedsServer();
  }
  absl::StatusOr<v1::UnloadModelResponse> UnloadModel(
      const v1::UnloadModelRequest&) override {
    return NeedsServer();
  }
  absl::Status Restore(const v1::RestoreRequest&,
                       Sink<v1::RestoreResponse>) override {
    return NeedsServer();
  }
  absl::StatusOr<v1::RollbackResponse> Rollback(
      const v1::RollbackRequest&) override {
    return NeedsServer();
  }
  absl::Status Save(const v1::SaveRequest&, Sink<v1::SaveResponse>) override {
    return NeedsServer();
  }
  absl::StatusOr<v1::InitializeVariablesResponse> InitializeVariables(
      const v1::InitializeVariablesRequest&) override {
    return NeedsServer();
  }
  absl::StatusOr<v1::AssignVariablesResponse> AssignVariables(
      const v1::AssignVariablesRequest&) override {
    return NeedsServer();
  }
  absl::StatusOr<v1::ExtendGraphResponse> ExtendGraph(
      const v1::ExtendGraphRequest&) override {
    return NeedsServer();
  }
  absl::StatusOr<v1::SetLogLevelResponse> SetLogLevel(
      const v1::SetLogLevelRequest&) override {
    return NeedsServer();
  }

 private:
  ModelEnvironment Environment(bool graph_only) {
    ModelEnvironment out;
    out.ops = ops_.get();
    out.files = &FileSystem::Posix();
    out.clock = &Clock::Real();
    out.compute_pool = &compute_;
    out.graph_only = graph_only;
    out.checkpoint_alone = true;
    return out;
  }

  // A checkpoint without a graph, which may be large, is not read whole for
  // what its index tells, or for one of its tensors.
  Needs NeedsOfVariables() {
    CallContext call(Deadline());
    const auto models = Open(Needs::kGraph, call);
    if (!models.ok()) return Needs::kValues;
    const auto model = (*models)->Find(options_.name);
    return model.ok() && (*model)->folder().graph_path.empty() ? Needs::kGraph
                                                               : Needs::kValues;
  }

  static absl::Status NeedsServer() {
    return Unimplemented("this call needs a server");
  }
  absl::Time Deadline() const { return absl::Now() + options_.timeout; }

  // The models, loaded as far as is needed. Those with values will do for
  // calls that need the graph only. Others wait while one loads: they want
  // the same.
  absl::StatusOr<ModelManager*> Open(Needs needs, CallContext& call)
      EXCLUDES(mu_) {
    if (needs == Needs::kNothing) return &graph_;
    MutexLock lock(mu_);
    if (needs == Needs::kGraph && values_loaded_) return &values_;
    const bool with_values = needs == Needs::kValues;
    ModelManager& models = with_values ? values_ : graph_;
    bool& loaded = with_values ? values_loaded_ : graph_loaded_;
    if (!loaded) {
      ModelOptions own;
      own.mapping = options_.mapping;
      own.command =
          absl::StrCat("metagraphctl --local ", ShellWord(options_.path));
      ASSIGN_OR_RETURN(const int64_t version,
                       models.Load(options_.name,
                                   std::filesystem::absolute(options_.path)
                                       .lexically_normal()
                                       .string(),
                                   {}, std::move(own)));
      RETURN_IF_ERROR(models.WaitUntilLoaded(options_.name, version, call));
      loaded = true;
    }
    return &models;
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Inspect(Needs needs,
                                   absl::Status (InspectHandler::*method)(
                                       const Request&, CallContext&, Response*)
                                       const,
                                   const Request& request) {
    CallContext call(Deadline());
    ASSIGN_OR_RETURN(ModelManager* const models, Open(needs, call));
    const InspectHandler handler(*models);
    Response response;
    RETURN_IF_ERROR((handler.*method)(request, call, &response));
    return response;
  }

  template <typename Request, typename Response>
  absl::Status Stream(Needs needs,
                      absl::Status (InspectHandler::*method)(
                          const Request&, CallContext&,
                          const MessageSink<Response>&) const,
                      const Request& request, Sink<Response> sink) {
    CallContext call(Deadline());
    ASSIGN_OR_RETURN(ModelManager* const models, Open(needs, call));
    const InspectHandler handler(*models);
    absl::Status stopped;
    const absl::Status status =
        (handler.*method)(request, call, [&](const Response& response) {
          stopped = sink(response);
          return stopped.ok();
        });
    return stopped.ok() ? status : stopped;
  }

  const LocalOptions options_;
  const std::unique_ptr<const OpRegistry> ops_;
  ThreadPool compute_;
  ModelManager graph_;
  ModelManager values_;
  Mutex mu_;
  bool graph_loaded_ GUARDED_BY(mu_) = false;
  bool values_loaded_ GUARDED_BY(mu_) = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> MakeLocalBackend(
    const LocalOptions& options) {
  ASSIGN_OR_RETURN(auto ops, OpRegistry::Create());
  return std::make_unique<LocalBackend>(options, std::move(ops));
}

}  // namespace metagraph
