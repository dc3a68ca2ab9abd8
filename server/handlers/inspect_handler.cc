// Models, tensors, collections and ops.

#include "server/handlers/inspect_handler.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/base/wildcard.h"
#include "core/graph/collections.h"
#include "core/model/explain.h"
#include "server/handlers/describe.h"
#include "server/handlers/fetches.h"

namespace metagraph {
namespace {

using tensorflow::CollectionDef;

v1::CollectionKind KindOf(CollectionDef::KindCase kind) {
  switch (kind) {
    case CollectionDef::kNodeList:
      return v1::COLLECTION_KIND_NODE_LIST;
    case CollectionDef::kBytesList:
      return v1::COLLECTION_KIND_BYTES_LIST;
    case CollectionDef::kInt64List:
      return v1::COLLECTION_KIND_INT64_LIST;
    case CollectionDef::kFloatList:
      return v1::COLLECTION_KIND_FLOAT_LIST;
    case CollectionDef::kAnyList:
      return v1::COLLECTION_KIND_ANY_LIST;
    case CollectionDef::KIND_NOT_SET:
      return v1::COLLECTION_KIND_UNSPECIFIED;
  }
  return v1::COLLECTION_KIND_UNSPECIFIED;
}

bool HasRole(const TensorDetails& tensor, v1::TensorRole role) {
  switch (role) {
    case v1::TENSOR_ROLE_PLACEHOLDER:
      return tensor.placeholder;
    case v1::TENSOR_ROLE_VARIABLE:
      return tensor.variable;
    case v1::TENSOR_ROLE_LEAF:
      return tensor.leaf;
    case v1::TENSOR_ROLE_CONSTANT:
      return tensor.constant;
    default:
      return true;
  }
}

// The tensors that a collection names; operations count with their output 0.
absl::StatusOr<std::set<std::pair<int, int>>> EndpointsIn(
    const Model& model, const std::string& name) {
  ASSIGN_OR_RETURN(const Collection collection,
                   GetCollection(model.graph()->meta(), name));
  std::set<std::pair<int, int>> out;
  for (const CollectionEntry& entry : collection.entries) {
    if (entry.refers.kind == NamedThing::Kind::kNothing) continue;
    out.emplace(entry.refers.endpoint.node, entry.refers.endpoint.index);
  }
  return out;
}

// "MatMul(a: T, b: T) -> (product: T)".
std::string SignatureText(const tensorflow::OpDef& op) {
  const auto list = [](const auto& args) {
    std::vector<std::string> out;
    for (const tensorflow::OpDef::ArgDef& arg : args) {
      std::string type = arg.type_attr();
      if (type.empty()) type = arg.type_list_attr();
      if (type.empty()) type = std::string(DataTypeName(arg.type()));
      if (!arg.number_attr().empty()) {
        type = absl::StrCat(arg.number_attr(), " * ", type);
      }
      if (arg.is_ref()) type = absl::StrCat("Ref(", type, ")");
      out.push_back(absl::StrCat(arg.name(), ": ", type));
    }
    return absl::StrJoin(out, ", ");
  };
  return absl::StrCat(op.name(), "(", list(op.input_arg()), ") -> (",
                      list(op.output_arg()), ")");
}

}  // namespace

absl::Status InspectHandler::ListModels(
    const v1::ListModelsRequest& request, CallContext& call,
    v1::ListModelsResponse* response) const {
  for (const ManagedModel& model : models_.List()) {
    ToProto(model, /*detailed=*/false, response->add_models());
  }
  return absl::OkStatus();
}

absl::Status InspectHandler::GetModel(const v1::GetModelRequest& request,
                                      CallContext& call,
                                      v1::GetModelResponse* response) const {
  // Whatever its state: of several versions the one that serves, or the last.
  std::optional<ManagedModel> best;
  std::string name = request.model();
  std::optional<int64_t> version;
  if (request.has_version()) {
    version = request.version();
  } else {
    models_.ResolveLabel(&name, &version);
  }
  for (ManagedModel& model : models_.List()) {
    if (model.name != name) continue;
    if (version) {
      if (model.version == *version) best = std::move(model);
    } else if (!best || model.state == ModelState::kAvailable ||
               best->state != ModelState::kAvailable) {
      best = std::move(model);
    }
  }
  if (!best) return FindModelOf(models_, request).status();
  ToProto(*best, /*detailed=*/true, response->mutable_model());
  return absl::OkStatus();
}

absl::Status InspectHandler::ListTensors(
    const v1::ListTensorsRequest& request, CallContext& call,
    v1::ListTensorsResponse* response) const {
  ASSIGN_OR_RETURN(const auto model, FindModelOf(models_, request));
  const auto catalog = model->catalog();
  const Graph& graph = catalog->graph();
  std::set<std::pair<int, int>> in_collection;
  if (!request.collection().empty()) {
    ASSIGN_OR_RETURN(in_collection, EndpointsIn(*model, request.collection()));
  }
  std::vector<TensorDetails> found;
  const auto consider = [&](const Endpoint& endpoint) {
    const Node& node = graph.node(endpoint.node);
    if (!request.op().empty() && node.op() != request.op()) return;
    if (!request.prefix().empty() &&
        !absl::StartsWith(node.name(), request.prefix())) {
      return;
    }
    if (!request.collection().empty() &&
        in_collection.count({endpoint.node, endpoint.index}) == 0) {
      return;
    }
    TensorDetails tensor = catalog->Describe(endpoint);
    if (!request.glob().empty() &&
        !WildcardMatches(request.glob(), tensor.name) &&
        !WildcardMatches(request.glob(), node.name())) {
      return;
    }
    if (HasRole(tensor, request.role())) found.push_back(std::move(tensor));
  };
  if (request.names_size() > 0) {
    for (const std::string& name : request.names()) {
      ASSIGN_OR_RETURN(const Endpoint endpoint, catalog->Find(name));
      consider(endpoint);
    }
  } else {
    for (const Node& node : graph.nodes()) {
      RETURN_IF_ERROR(call.Check());
      for (const int output : catalog->OutputsOf(node.id)) {
        consider({node.id, output});
      }
    }
  }
  const int64_t total = static_cast<int64_t>(found.size());
  ASSIGN_OR_RETURN(Page page,
                   PageOf(request.page_token(), request.page_size(), total));
  int64_t bytes = 0;
  for (int64_t i = page.begin; i < page.end; ++i) {
    v1::TensorDescription* tensor = response->add_tensors();
    ToProto(found[i], graph, tensor);
    bytes += static_cast<int64_t>(tensor->ByteSizeLong());
    if (IsFull(bytes) && i + 1 < total) {
      page.next_token = absl::StrCat(i + 1);
      break;
    }
  }
  response->set_next_page_token(page.next_token);
  response->set_total_size(total);
  return absl::OkStatus();
}

absl::Status InspectHandler::ListCollections(
    const v1::ListCollectionsRequest& request, CallContext& call,
    v1::ListCollectionsResponse* response) const {
  ASSIGN_OR_RETURN(const auto model, FindModelOf(models_, request));
  const auto graph = model->graph();
  const auto& all = graph->meta().def.collection_def();
  for (const std::string& name : CollectionNames(graph->meta())) {
    const CollectionDef& collection = all.at(name);
    v1::CollectionSummary* summary = response->add_collections();
    summary->set_name(name);
    summary->set_kind(KindOf(collection.kind_case()));
    summary->set_size(CollectionSize(collection));
  }
  return absl::OkStatus();
}

absl::Status InspectHandler::GetCollection(
    const v1::GetCollectionRequest& request, CallContext& call,
    v1::GetCollectionResponse* response) const {
  ASSIGN_OR_RETURN(const auto model, FindModelOf(models_, request));
  const auto model_graph = model->graph();
  ASSIGN_OR_RETURN(
      Collection collection,
      metagraph::GetCollection(model_graph->meta(), request.collection()));
  const Graph& graph = *model_graph->meta().graph;
  response->set_name(collection.name);
  response->set_kind(KindOf(collection.kind));
  for (CollectionEntry& entry : collection.entries) {
    v1::CollectionEntry* out = response->add_entries();
    switch (collection.kind) {
      case CollectionDef::kNodeList:
        out->set_node_value(entry.text);
        break;
      case CollectionDef::kBytesList:
        out->set_bytes_value(entry.text);
        break;
      case CollectionDef::kInt64List:
        out->set_int64_value(entry.int64_value);
        break;
      case CollectionDef::kFloatList:
        out->set_float_value(entry.float_value);
        break;
      default:
        *out->mutable_any_value() = std::move(entry.any_value);
        break;
    }
    if (entry.variable) *out->mutable_variable() = *entry.variable;
    const NamedThing& thing = entry.refers;
    if (thing.kind == NamedThing::Kind::kTensor) {
      ToProto(model_graph->catalog().Describe(thing.endpoint), graph,
              out->mutable_tensor());
    } else if (thing.kind == NamedThing::Kind::kOperation) {
      out->set_operation(graph.node(thing.endpoint.node).name());
    }
  }
  return absl::OkStatus();
}

absl::Status InspectHandler::Explain(const v1::ExplainRequest& request,
                                     CallContext& call,
                                     v1::ExplainResponse* response) const {
  ASSIGN_OR_RETURN(const auto model, FindModelOf(models_, request));
  PlanRequest plan;
  plan.feeds = {request.feed().begin(), request.feed().end()};
  plan.targets = {request.target().begin(), request.target().end()};
  for (const std::string& fetch : request.fetch()) {
    RETURN_IF_ERROR(ResolveFetch(*model, fetch, &plan.fetches, &plan.targets));
  }
  ASSIGN_OR_RETURN(const Explanation found, ExplainRun(*model, plan, call));
  const auto catalog = model->catalog();
  const Graph& graph = catalog->graph();
  const auto describe = [&](const std::vector<TensorDetails>& from, auto* to) {
    for (const TensorDetails& tensor : from) ToProto(tensor, graph, to->Add());
  };
  response->set_runnable(found.status.ok());
  response->set_code(static_cast<int>(found.status.code()));
  response->set_error(ErrorTextOf(found.status));
  describe(found.missing_feeds, response->mutable_missing_feeds());
  describe(found.feeds, response->mutable_feeds());
  describe(found.fetches, response->mutable_fetches());
  for (const UnsupportedOp& op : found.unsupported_ops) {
    ToProto(op, response->add_unsupported_ops());
  }
  const auto copy = [](const std::vector<std::string>& from, auto* to) {
    *to = {from.begin(), from.end()};
  };
  copy(found.variables_read, response->mutable_variables_read());
  copy(found.variables_written, response->mutable_variables_written());
  copy(found.variables_uninitialized,
       response->mutable_variables_uninitialized());
  copy(found.nodes, response->mutable_nodes());
  response->set_planned_node_count(found.planned_nodes);
  for (const auto& [op, count] : found.op_counts) {
    (*response->mutable_op_counts())[op] = count;
  }
  if (request.program()) {
    auto program = model->session().PrintProgram(plan, call);
    if (program.ok()) response->set_program(ToUtf8(*program));
  }
  response->set_estimated_flops(found.flops);
  response->set_estimated_memory_bytes(found.memory);
  return absl::OkStatus();
}

absl::Status InspectHandler::ListOps(const v1::ListOpsRequest& request,
                                     CallContext& call,
                                     v1::ListOpsResponse* response) const {
  const OpRegistry& ops = *models_.environment().ops;
  for (const std::string& name : ops.Names()) {
    if (!absl::StartsWith(name, request.prefix())) continue;
    const OpInfo& info = *ops.Find(name);
    v1::Op* out = response->add_ops();
    out->set_name(name);
    out->set_signature(SignatureText(info.def));
    out->set_stateful(info.def.is_stateful());
    std::map<std::string, std::set<DataType>> types;
    std::set<std::string> labels;
    bool unlabelled = false;
    for (const KernelEntry& kernel : info.kernels) {
      for (const auto& [attr, type] : kernel.types) types[attr].insert(type);
      if (kernel.label.empty()) unlabelled = true;
      if (!kernel.label.empty()) labels.insert(kernel.label);
    }
    for (const auto& [attr, values] : types) {
      std::vector<absl::string_view> type_names;
      for (DataType type : values) type_names.push_back(DataTypeName(type));
      out->add_types(absl::StrCat(attr, ": ", absl::StrJoin(type_names, ", ")));
    }
    for (const std::string& label : labels) out->add_implementations(label);
    if (unlabelled) out->add_implementations("default");
  }
  return absl::OkStatus();
}

}  // namespace metagraph
