#include "server/handlers/describe.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/error_details.h"
#include "core/base/status.h"
#include "core/base/utf8.h"
#include "core/graph/collections.h"

namespace metagraph {
namespace {

constexpr int64_t kDefaultPage = 1000;
constexpr int64_t kLargestPage = 100000;
constexpr int64_t kPageBytes = int64_t{64} << 20;

}  // namespace

absl::StatusOr<std::shared_ptr<Model>> FindServed(
    const ModelManager& models, const std::string& name,
    std::optional<int64_t> version) {
  if (name.empty()) return InvalidArgument("the request names no model");
  // Before such a name is copied into texts.
  constexpr size_t kLongestName = 4096;
  if (name.size() > kLongestName) {
    return InvalidArgument("model has ", name.size(),
                           " bytes, expected at most ", kLongestName);
  }
  auto found = models.Find(name, version);
  if (found.ok()) return found;
  return WithDetails(found.status(), {{"name", name}});
}

void ToProto(absl::Time time, google::protobuf::Timestamp* out) {
  const timespec spec = absl::ToTimespec(time);
  out->set_seconds(spec.tv_sec);
  out->set_nanos(static_cast<int32_t>(spec.tv_nsec));
}

void ToProto(const TensorDetails& tensor, const Graph& graph,
             v1::TensorDescription* out) {
  const Node& node = graph.node(tensor.endpoint.node);
  out->set_name(tensor.name);
  out->set_dtype(tensor.dtype);
  tensor.shape.ToProto(out->mutable_shape());
  out->set_op(node.op());
  out->set_device(node.def->device());
  out->set_runnable(tensor.why_not.empty());
  out->set_why_not(tensor.why_not);
  if (tensor.placeholder) out->add_roles(v1::TENSOR_ROLE_PLACEHOLDER);
  if (tensor.variable) out->add_roles(v1::TENSOR_ROLE_VARIABLE);
  if (tensor.leaf) out->add_roles(v1::TENSOR_ROLE_LEAF);
  if (tensor.constant) out->add_roles(v1::TENSOR_ROLE_CONSTANT);
}

std::string ErrorTextOf(const absl::Status& status) {
  constexpr size_t kMost = 8192;
  const absl::string_view message = status.message();
  if (message.size() <= kMost) return ToUtf8(std::string(message));
  size_t end = kMost;
  while ((message[end] & 0xc0) == 0x80 && end > 0) --end;
  return absl::StrCat(ToUtf8(std::string(message.substr(0, end))), "... and ",
                      message.size() - end, " bytes more");
}

std::string ToUtf8(const std::string& bytes) {
  return IsUtf8(bytes) ? bytes : absl::CHexEscape(bytes);
}

void ToProto(const CheckpointReport& report, v1::CheckpointReport* out) {
  const auto type = [](const CheckpointReport::Type& from, v1::TensorType* to) {
    to->set_dtype(from.dtype);
    from.shape.ToProto(to->mutable_shape());
  };
  *out->mutable_restored() = {report.restored.begin(), report.restored.end()};
  *out->mutable_missing() = {report.missing.begin(), report.missing.end()};
  // These the checkpoint alone chose: any bytes.
  for (const std::string& name : report.extra) out->add_extra(ToUtf8(name));
  for (const CheckpointReport::Mismatch& mismatch : report.mismatched) {
    auto* to = out->add_mismatched();
    to->set_name(mismatch.name);
    type(mismatch.expected, to->mutable_expected());
    type(mismatch.found, to->mutable_found());
  }
  for (const CheckpointReport::Renamed& renamed : report.renamed) {
    auto* to = out->add_renamed();
    to->set_name(renamed.name);
    to->set_found(ToUtf8(renamed.found));
  }
}

void ToProto(const RestoreMapping& mapping, v1::RestoreMapping* out) {
  out->set_prefix(mapping.prefix);
  *out->mutable_map() = {mapping.rules.begin(), mapping.rules.end()};
  out->set_skip_missing(mapping.skip_missing);
  out->set_skip_mismatched(mapping.skip_mismatched);
}

RestoreMapping MappingFrom(const v1::RestoreMapping& mapping) {
  RestoreMapping out;
  out.prefix = mapping.prefix();
  out.rules.assign(mapping.map().begin(), mapping.map().end());
  out.skip_missing = mapping.skip_missing();
  out.skip_mismatched = mapping.skip_mismatched();
  return out;
}

void ToProto(const UnsupportedOp& op, v1::UnsupportedOp* out) {
  out->set_op(op.op);
  out->set_nodes(op.nodes);
  *out->mutable_examples() = {op.examples.begin(), op.examples.end()};
}

void ToProto(const Outcome& outcome, v1::OperationOutcome* out) {
  out->set_checkpoint(ToUtf8(outcome.checkpoint));
  ToProto(outcome.time, out->mutable_end_time());
  out->set_code(static_cast<int>(outcome.status.code()));
  out->set_error(ErrorTextOf(outcome.status));
  out->set_generation(outcome.generation);
}

void ToProto(const Progress& progress, v1::Progress* out) {
  out->set_bytes_done(progress.bytes_done);
  out->set_bytes_total(progress.bytes_total);
  out->set_tensors_done(progress.tensors_done);
  out->set_tensors_total(progress.tensors_total);
}

v1::ModelState ToProto(ModelState state, bool failed) {
  switch (state) {
    case ModelState::kStart:
    case ModelState::kLoading:
      return v1::MODEL_STATE_LOADING;
    case ModelState::kAvailable:
      return v1::MODEL_STATE_AVAILABLE;
    case ModelState::kUnloading:
      return v1::MODEL_STATE_UNLOADING;
    case ModelState::kEnd:
      return failed ? v1::MODEL_STATE_FAILED : v1::MODEL_STATE_UNLOADED;
  }
  return v1::MODEL_STATE_UNSPECIFIED;
}

void ToProto(const ManagedModel& managed, bool detailed, v1::Model* out) {
  out->set_name(managed.name);
  out->set_version(managed.version);
  out->set_state(ToProto(managed.state, !managed.error.ok()));
  out->set_error(ErrorTextOf(managed.error));
  out->set_directory(ToUtf8(managed.path));
  out->set_awaited(ToUtf8(managed.awaited));
  *out->mutable_labels() = {managed.labels.begin(), managed.labels.end()};
  if (managed.model == nullptr) return;
  const Model& model = *managed.model;
  const auto model_graph = model.graph();
  const MetaGraph& meta = model_graph->meta();
  const auto& variables = model_graph->variables();
  out->set_graph_version(meta.graph->version());
  const auto generation = model.Peek();
  out->set_generation(generation->number);
  out->set_checkpoint(ToUtf8(generation->checkpoint));
  if (const auto step = model.GlobalStep(*generation)) {
    out->set_global_step(*step);
  }
  out->set_variable_bytes(model.VariableBytes());
  out->set_graph_bytes(static_cast<int64_t>(meta.graph->def().ByteSizeLong()));
  if (!detailed) return;

  out->set_note(ToUtf8(model.note(*generation)));
  if (!model.mapping().empty()) {
    ToProto(model.mapping(), out->mutable_mapping());
  }
  for (int64_t number : model.GenerationsInMemory()) {
    out->add_generations_in_memory(number);
  }
  for (const UnsupportedOp& op : model_graph->catalog().unsupported_ops()) {
    ToProto(op, out->add_unsupported_ops());
  }
  if (const auto last = model.history().last_restore()) {
    ToProto(*last, out->mutable_last_restore());
  }
  if (const auto last = model.history().last_save()) {
    ToProto(*last, out->mutable_last_save());
  }
  out->set_node_count(static_cast<int64_t>(meta.graph->nodes().size()));
  out->set_variable_count(static_cast<int64_t>(variables.size()));
  int64_t initialized = 0;
  for (const ModelVariable& variable : variables) {
    if (variable.slot >= 0 && generation->has_value(variable.slot)) {
      ++initialized;
    }
  }
  out->set_initialized_variable_count(initialized);
  for (std::string& name : CollectionNames(meta)) {
    out->add_collections(std::move(name));
  }
  const tensorflow::MetaGraphDef& def = meta.def;
  *out->mutable_signatures() = def.signature_def();
  *out->mutable_tags() = def.meta_info_def().tags();
  out->set_tensorflow_version(def.meta_info_def().tensorflow_version());
  ToProto(model.load_time(), out->mutable_load_time());
}

bool IsFull(int64_t bytes) { return bytes >= kPageBytes; }

absl::StatusOr<Page> PageOf(const std::string& token, int32_t page_size,
                            int64_t total) {
  Page out;
  if (!token.empty() &&
      (!absl::SimpleAtoi(token, &out.begin) || out.begin < 0)) {
    return InvalidArgument("page_token \"", token,
                           "\" is none that was answered");
  }
  const int64_t size = page_size <= 0
                           ? kDefaultPage
                           : std::min<int64_t>(page_size, kLargestPage);
  out.begin = std::min(out.begin, total);
  out.end = std::min(out.begin + size, total);
  if (out.end < total) out.next_token = absl::StrCat(out.end);
  return out;
}

}  // namespace metagraph
