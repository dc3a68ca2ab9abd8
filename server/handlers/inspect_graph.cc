// The graph as a whole, in pieces.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/base/status.h"
#include "core/program/prune.h"
#include "google/protobuf/text_format.h"
#include "server/handlers/describe.h"
#include "server/handlers/fetches.h"
#include "server/handlers/inspect_handler.h"

namespace metagraph {
namespace {

constexpr size_t kChunk = 1 << 20;

// Only the nodes that the fetches need, in the order of the graph; a fed node
// stays, without what lies behind it.
absl::StatusOr<tensorflow::GraphDef> Part(const Model& model,
                                          const Graph& graph,
                                          const v1::GetGraphRequest& request) {
  PlanRequest plan;
  plan.feeds = {request.feed().begin(), request.feed().end()};
  plan.targets = {request.target().begin(), request.target().end()};
  for (const std::string& fetch : request.fetch()) {
    RETURN_IF_ERROR(ResolveFetch(model, fetch, &plan.fetches, &plan.targets));
  }
  ASSIGN_OR_RETURN(const PrunedGraph pruned, Prune(graph, plan));
  std::vector<bool> fed(graph.nodes().size());
  for (const Endpoint& feed : pruned.feed_endpoints) fed[feed.node] = true;
  tensorflow::GraphDef out;
  *out.mutable_versions() = graph.versions();
  for (const Node& node : graph.nodes()) {
    const bool runs = pruned.needed[node.id];
    if (!runs && !fed[node.id]) continue;
    *out.add_node() = *node.def;
    if (!runs) out.mutable_node()->rbegin()->clear_input();
  }
  return out;
}

std::string Quoted(absl::string_view text) {
  return absl::StrCat(
      "\"", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"\"", "\\\""}}), "\"");
}

// For Graphviz: data edges solid, control edges dashed.
std::string ToDot(const tensorflow::GraphDef& def) {
  std::string out = "digraph {\n  rankdir = BT\n  node [shape = box]\n";
  for (const tensorflow::NodeDef& node : def.node()) {
    absl::StrAppend(&out, "  ", Quoted(node.name()), " [label = ",
                    Quoted(absl::StrCat(node.name(), "\n", node.op())), "]\n");
    for (absl::string_view input : node.input()) {
      const bool control = !input.empty() && input[0] == '^';
      if (control) input.remove_prefix(1);
      const size_t colon = input.rfind(':');
      const absl::string_view from = input.substr(0, colon);
      absl::StrAppend(&out, "  ", Quoted(from), " -> ", Quoted(node.name()));
      if (control) {
        absl::StrAppend(&out, " [style = dashed]");
      } else if (colon != absl::string_view::npos) {
        absl::StrAppend(&out, " [label = ", Quoted(input.substr(colon + 1)),
                        "]");
      }
      absl::StrAppend(&out, "\n");
    }
  }
  absl::StrAppend(&out, "}\n");
  return out;
}

}  // namespace

absl::Status InspectHandler::GetGraph(
    const v1::GetGraphRequest& request, CallContext& call,
    const MessageSink<v1::GetGraphResponse>& sink) const {
  ASSIGN_OR_RETURN(const auto model, FindModelOf(models_, request));
  const auto model_graph = model->graph();
  const MetaGraph& meta = model_graph->meta();
  tensorflow::MetaGraphDef def;
  if (request.fetch_size() + request.target_size() > 0) {
    def = meta.def;
    ASSIGN_OR_RETURN(*def.mutable_graph_def(),
                     Part(*model, *meta.graph, request));
  } else {
    def = meta.ToProto();
  }
  std::string bytes;
  switch (request.format()) {
    case v1::GRAPH_FORMAT_TEXT:
      if (!google::protobuf::TextFormat::PrintToString(def, &bytes)) {
        return Internal("the graph cannot be written as text");
      }
      break;
    case v1::GRAPH_FORMAT_DOT:
      bytes = ToDot(def.graph_def());
      break;
    case v1::GRAPH_FORMAT_UNSPECIFIED:
    case v1::GRAPH_FORMAT_BINARY:
      if (!def.SerializeToString(&bytes)) {
        return ResourceExhausted("the graph is larger than 2 GB");
      }
      break;
    default:
      return InvalidArgument("unknown format ",
                             static_cast<int>(request.format()));
  }
  const bool binary = request.format() == v1::GRAPH_FORMAT_UNSPECIFIED ||
                      request.format() == v1::GRAPH_FORMAT_BINARY;
  size_t begin = 0;
  do {
    RETURN_IF_ERROR(call.Check());
    size_t end = std::min(bytes.size(), begin + kChunk);
    // Text fields must be valid UTF-8: no character is cut in two.
    while (!binary && end < bytes.size() && end > begin + 1 &&
           (bytes[end] & 0xc0) == 0x80) {
      --end;
    }
    v1::GetGraphResponse piece;
    *(binary ? piece.mutable_data() : piece.mutable_text()) =
        bytes.substr(begin, end - begin);
    piece.set_total_bytes(static_cast<int64_t>(bytes.size()));
    piece.set_graph_version(meta.graph->version());
    if (!sink(piece)) return absl::CancelledError("the caller went away");
    begin = end;
  } while (begin < bytes.size());
  return absl::OkStatus();
}

}  // namespace metagraph
