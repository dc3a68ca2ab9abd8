#include "server/handlers/inference_handler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/error_details.h"
#include "core/base/nearest_names.h"
#include "core/base/status.h"
#include "core/graph/tensor_name.h"
#include "core/tensor/tensor_proto.h"
#include "server/handlers/describe.h"
#include "server/handlers/fetches.h"
#include "server/handlers/message_size.h"

namespace metagraph {
namespace {

using tensorflow::serving::ModelSpec;
using tensorflow::serving::SessionRunRequest;
using tensorflow::serving::SessionRunResponse;

// Sets `nanos` to how long it lived.
class Stopwatch {
 public:
  explicit Stopwatch(int64_t* nanos) : nanos_(nanos), start_(SteadyNanos()) {}
  ~Stopwatch() { *nanos_ = SteadyNanos() - start_; }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  int64_t* const nanos_;
  const int64_t start_;
};

// A call with a limit of its own besides the caller's.
class LimitedCall {
 public:
  LimitedCall(CallContext& outer, int64_t timeout_ms, Clock& clock)
      : outer_(outer),
        inner_(std::min(outer.deadline(),
                        clock.Now() + absl::Milliseconds(timeout_ms)),
               clock),
        token_(outer.OnCancel([this] { inner_.Cancel(); })) {}
  ~LimitedCall() { outer_.RemoveCallback(token_); }
  CallContext& call() { return inner_; }

 private:
  CallContext& outer_;
  CallContext inner_;
  const int64_t token_;
};

absl::StatusOr<RunResult> RunLimited(InferenceHandler::Prepared& what,
                                     int64_t timeout_ms, CallContext& call) {
  const Stopwatch stopwatch(&what.run_nanos);
  if (timeout_ms <= 0) return what.model->Run(*what.executor, what.run, call);
  LimitedCall limited(call, timeout_ms, what.model->clock());
  return what.model->Run(*what.executor, what.run, limited.call());
}

// How many examples are fed: by the first feed that has dimensions.
int64_t RowsOf(const RunRequest& run) {
  for (const auto& [name, value] : run.feeds) {
    if (value.shape().rank() > 0) return value.shape().dim(0);
  }
  return 1;
}

// A fed placeholder must be what the graph declares.
absl::Status CheckFeed(const Graph& graph, const std::string& name,
                       DataType dtype, const TensorShape& found,
                       DataType wanted) {
  const std::string text =
      absl::StrCat(DataTypeName(dtype), " ", found.ToString());
  if (wanted != DT_INVALID && dtype != wanted) {
    return WithDetails(InvalidArgument("feed \"", name, "\" is ", text,
                                       ", expected ", DataTypeName(wanted)),
                       {{"name", name},
                        {"expected", std::string(DataTypeName(wanted))},
                        {"found", std::string(DataTypeName(dtype))}});
  }
  const auto parsed = ParseTensorName(name);
  if (!parsed.ok() || parsed->index != 0) return absl::OkStatus();
  const Node* node = graph.FindNode(parsed->node);
  if (node == nullptr || !IsPlaceholderOp(node->op())) return absl::OkStatus();
  const PartialShape shape = DeclaredShape(graph, {node->id, 0});
  if (shape.IsCompatibleWith(found)) return absl::OkStatus();
  return WithDetails(InvalidArgument("feed \"", name, "\" is ", text,
                                     ", expected shape ", shape.ToString()),
                     {{"name", name},
                      {"expected", shape.ToString()},
                      {"found", found.ToString()}});
}

// `graph` is null where shapes are not checked, as in TensorFlow's sessions.
absl::Status AddFeeds(const google::protobuf::RepeatedPtrField<
                          tensorflow::NamedTensorProto>& feeds,
                      const Graph* graph, RunRequest* run) {
  run->feeds.reserve(feeds.size());
  for (const tensorflow::NamedTensorProto& feed : feeds) {
    // Before the values are made: a few bytes can stand for very many.
    const auto shape = TensorShape::Build(feed.tensor().tensor_shape());
    if (graph != nullptr && shape.ok()) {
      RETURN_IF_ERROR(CheckFeed(*graph, feed.name(), feed.tensor().dtype(),
                                *shape, DT_INVALID));
    }
    auto value = TensorFromProto(feed.tensor());
    if (!value.ok()) {
      return WithDetails(
          Annotate(value.status(), "feed \"", feed.name(), "\": "),
          {{"name", feed.name()}});
    }
    run->feeds.emplace_back(feed.name(), *std::move(value));
  }
  return absl::OkStatus();
}

// The run's own limit is one for compiling its program, too.
absl::Status FindPlan(InferenceHandler::Plans plans, int64_t timeout_ms,
                      CallContext& call, InferenceHandler::Prepared& out) {
  PlanRequest request;
  request.feeds.reserve(out.run.feeds.size());
  for (const auto& feed : out.run.feeds) request.feeds.push_back(feed.first);
  request.fetches = out.run.fetches;
  request.targets = out.run.targets;
  if (plans == InferenceHandler::Plans::kCachedOnly) {
    out.executor = out.model->FindPrepared(request);
    return absl::OkStatus();
  }
  if (timeout_ms <= 0) {
    ASSIGN_OR_RETURN(out.executor, out.model->Prepare(request, call));
    return absl::OkStatus();
  }
  LimitedCall limited(call, timeout_ms, out.model->clock());
  ASSIGN_OR_RETURN(out.executor, out.model->Prepare(request, limited.call()));
  return absl::OkStatus();
}

void RecordGeneration(const RunResult& result,
                      InferenceHandler::Prepared& out) {
  if (result.wrote_variables) {
    out.generation = result.generation_left;
  } else if (result.generation != nullptr) {
    out.generation = result.generation->number;
  }
}

// One output for each name that was asked for.
absl::Status CheckOutputs(const RunResult& result, int asked) {
  if (static_cast<int>(result.outputs.size()) == asked) return absl::OkStatus();
  return Internal("the run answered ", result.outputs.size(), " tensors, ",
                  asked, " were asked for");
}

// What a signature calls a tensor, as the tensor's name.
absl::Status ResolveAlias(
    const google::protobuf::Map<std::string, tensorflow::TensorInfo>& aliases,
    absl::string_view what, std::string* name) {
  const auto found = aliases.find(*name);
  if (found == aliases.end()) {
    std::vector<absl::string_view> known;
    for (const auto& [alias, info] : aliases) known.push_back(alias);
    const std::vector<std::string> nearest = NearestNames(*name, known);
    return WithDetails(
        InvalidArgument(what, " alias \"", *name, "\" is not in the signature",
                        DidYouMean(nearest)),
        {{"name", *name}, {"nearest", JoinNames(nearest)}});
  }
  *name = found->second.name();
  return absl::OkStatus();
}

absl::Status ResolveAliases(const Model& model, const ModelSpec& spec,
                            RunRequest* run) {
  const std::string key =
      spec.signature_name().empty() ? "serving_default" : spec.signature_name();
  const auto graph = model.graph();
  const auto& signatures = graph->meta().def.signature_def();
  const auto signature = signatures.find(key);
  if (signature == signatures.end()) {
    std::vector<absl::string_view> known;
    for (const auto& [name, info] : signatures) known.push_back(name);
    return WithDetails(
        FailedPrecondition("Serving signature key \"", key, "\" not found."),
        {{"name", key}, {"nearest", JoinNames(NearestNames(key, known))}});
  }
  for (auto& feed : run->feeds) {
    RETURN_IF_ERROR(
        ResolveAlias(signature->second.inputs(), "input", &feed.first));
  }
  for (std::string& fetch : run->fetches) {
    RETURN_IF_ERROR(
        ResolveAlias(signature->second.outputs(), "output", &fetch));
  }
  return absl::OkStatus();
}

// As TensorFlow Serving chooses, with its codes and texts; but where it says
// that a model is not found while it loads, UNAVAILABLE tells callers to try
// again.
absl::StatusOr<std::shared_ptr<Model>> FindBySpec(
    const ModelManager& models, const SessionRunRequest& request) {
  if (!request.has_model_spec()) return InvalidArgument("Missing ModelSpec");
  const ModelSpec& spec = request.model_spec();
  if (spec.name().empty()) {
    return InvalidArgument("ModelSpec has no name specified.");
  }
  std::optional<int64_t> version;
  if (spec.has_version()) version = spec.version().value();
  if (spec.version_choice_case() == ModelSpec::kVersionLabel) {
    auto labelled = models.FindLabelled(spec.name(), spec.version_label());
    if (!absl::IsNotFound(labelled.status())) return labelled;
    return InvalidArgument("Unrecognized servable version label: ",
                           spec.version_label());
  }
  auto model = models.Find(spec.name(), version);
  if (model.ok()) return model;
  // It is there, but not yet, or not any more, or could not be loaded.
  if (!absl::IsNotFound(model.status())) return model.status();
  absl::Status status = NotFound(
      "Servable not found for request: ",
      version ? absl::StrCat("Specific(", spec.name(), ", ", *version, ")")
              : absl::StrCat("Latest(", spec.name(), ")"));
  for (const auto& [key, value] : DetailsOf(model.status())) {
    status = WithDetails(std::move(status), {{key, value}});
  }
  return WithDetails(std::move(status), {{"name", spec.name()}});
}

}  // namespace

absl::Status InferenceHandler::FindModel(const v1::RunRequest& request) const {
  return FindModelOf(models_, request).status();
}

absl::Status InferenceHandler::FindModel(
    const SessionRunRequest& request) const {
  return FindBySpec(models_, request).status();
}

absl::StatusOr<InferenceHandler::Prepared> InferenceHandler::Prepare(
    const v1::RunRequest& request, CallContext& call, Plans plans) const {
  const int64_t start = SteadyNanos();
  Prepared out;
  ASSIGN_OR_RETURN(out.model, FindModelOf(models_, request));
  if (request.trace()) {
    return Unimplemented("this server does not trace runs");
  }
  if (request.timeout_ms() < 0) {
    return InvalidArgument("timeout_ms is ", request.timeout_ms(),
                           ", expected 0 or more");
  }
  const auto catalog = out.model->catalog();
  RETURN_IF_ERROR(AddFeeds(request.feed(), &catalog->graph(), &out.run));
  out.run.fetches.reserve(request.fetch_size());
  for (const std::string& fetch : request.fetch()) {
    RETURN_IF_ERROR(
        ResolveFetch(*out.model, fetch, &out.run.fetches, &out.run.targets));
  }
  for (const std::string& target : request.target()) {
    out.run.targets.push_back(target);
  }
  RETURN_IF_ERROR(FindPlan(plans, request.timeout_ms(), call, out));
  if (out.executor == nullptr) return out;
  const Plan& plan = out.executor->plan();
  for (size_t i = 0; i < out.run.feeds.size(); ++i) {
    const auto& [name, value] = out.run.feeds[i];
    RETURN_IF_ERROR(CheckFeed(catalog->graph(), name, value.dtype(),
                              value.shape(), plan.feed_types[i]));
  }
  if (request.has_generation()) {
    ASSIGN_OR_RETURN(out.run.generation,
                     out.model->FindGeneration(request.generation(), call));
  }
  out.rows = RowsOf(out.run);
  out.prepare_nanos = SteadyNanos() - start;
  return out;
}

absl::Status InferenceHandler::Run(Prepared& prepared,
                                   const v1::RunRequest& request,
                                   CallContext& call,
                                   v1::RunResponse* response) const {
  ASSIGN_OR_RETURN(RunResult result,
                   RunLimited(prepared, request.timeout_ms(), call));
  const int asked = static_cast<int>(prepared.run.fetches.size());
  RecordGeneration(result, prepared);
  const Stopwatch stopwatch(&prepared.encode_nanos);
  RETURN_IF_ERROR(CheckOutputs(result, asked));
  ASSIGN_OR_RETURN(const size_t bytes,
                   CheckTensorsFit(prepared.run.fetches, result.outputs));
  if (prepared.take_room) {
    RETURN_IF_ERROR(prepared.take_room(static_cast<int64_t>(bytes)));
  }
  response->mutable_tensor()->Reserve(asked);
  for (int i = 0; i < asked; ++i) {
    tensorflow::NamedTensorProto* tensor = response->add_tensor();
    tensor->set_name(prepared.run.fetches[i]);
    TensorToProto(result.outputs[i], tensor->mutable_tensor());
  }
  if (result.wrote_variables) {
    response->set_generation(result.generation_left);
    return absl::OkStatus();
  }
  if (result.generation == nullptr) {
    result.generation = prepared.model->Peek();
  }
  response->set_generation(result.generation->number);
  response->set_checkpoint(ToUtf8(result.generation->checkpoint));
  if (const auto step = prepared.model->GlobalStep(*result.generation)) {
    response->set_global_step(*step);
  }
  return absl::OkStatus();
}

absl::Status InferenceHandler::Run(const v1::RunRequest& request,
                                   CallContext& call,
                                   v1::RunResponse* response) const {
  ASSIGN_OR_RETURN(Prepared prepared, Prepare(request, call));
  return Run(prepared, request, call, response);
}

absl::StatusOr<InferenceHandler::Prepared> InferenceHandler::Prepare(
    const SessionRunRequest& request, CallContext& call, Plans plans) const {
  const int64_t start = SteadyNanos();
  Prepared out;
  ASSIGN_OR_RETURN(out.model, FindBySpec(models_, request));
  RETURN_IF_ERROR(AddFeeds(request.feed(), nullptr, &out.run));
  out.run.fetches = {request.fetch().begin(), request.fetch().end()};
  out.run.targets = {request.target().begin(), request.target().end()};
  if (request.tensor_name_is_alias()) {
    RETURN_IF_ERROR(ResolveAliases(*out.model, request.model_spec(), &out.run));
  }
  RETURN_IF_ERROR(
      FindPlan(plans, request.options().timeout_in_ms(), call, out));
  out.rows = RowsOf(out.run);
  out.prepare_nanos = SteadyNanos() - start;
  return out;
}

absl::Status InferenceHandler::Run(Prepared& prepared,
                                   const SessionRunRequest& request,
                                   CallContext& call,
                                   SessionRunResponse* response) const {
  ASSIGN_OR_RETURN(
      RunResult result,
      RunLimited(prepared, request.options().timeout_in_ms(), call));
  const int asked = request.fetch_size();
  RecordGeneration(result, prepared);
  const Stopwatch stopwatch(&prepared.encode_nanos);
  RETURN_IF_ERROR(CheckOutputs(result, asked));
  ASSIGN_OR_RETURN(const size_t bytes,
                   CheckTensorsFit(prepared.run.fetches, result.outputs));
  if (prepared.take_room) {
    RETURN_IF_ERROR(prepared.take_room(static_cast<int64_t>(bytes)));
  }
  response->mutable_tensor()->Reserve(asked);
  for (int i = 0; i < asked; ++i) {
    tensorflow::NamedTensorProto* tensor = response->add_tensor();
    tensor->set_name(request.fetch(i));
    TensorToProto(result.outputs[i], tensor->mutable_tensor());
  }
  ModelSpec* spec = response->mutable_model_spec();
  spec->set_name(prepared.model->name());
  spec->mutable_version()->set_value(prepared.model->version());
  if (request.tensor_name_is_alias()) {
    spec->set_signature_name(request.model_spec().signature_name());
  }
  return absl::OkStatus();
}

absl::Status InferenceHandler::SessionRun(const SessionRunRequest& request,
                                          CallContext& call,
                                          SessionRunResponse* response) const {
  ASSIGN_OR_RETURN(Prepared prepared, Prepare(request, call));
  return Run(prepared, request, call, response);
}

}  // namespace metagraph
