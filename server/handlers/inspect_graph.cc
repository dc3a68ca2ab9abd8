// The graph as a whole, in pieces.

#include <algorithm>
#include <utility>

#include "core/base/status.h"
#include "core/program/prune.h"
#include "server/handlers/describe.h"
#include "server/handlers/fetches.h"
#include "server/handlers/graph_pieces.h"
#include "server/handlers/inspect_handler.h"
#include "server/handlers/message_size.h"

namespace metagraph {
namespace {

constexpr size_t kChunk = 1 << 20;
// What is measured at once of a graph that is about to be sent.
constexpr size_t kMeasured = 4 << 20;

// Only the nodes that the fetches need, in the order of the graph; a fed node
// stays, without what lies behind it.
absl::StatusOr<std::unique_ptr<const GraphPart>> Part(
    const Model& model, const Graph& graph,
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
  auto out = std::make_unique<GraphPart>();
  for (const Node& node : graph.nodes()) {
    const bool runs = pruned.needed[node.id];
    if (!runs && !fed[node.id]) continue;
    out->nodes.push_back(node.id);
    out->inputless.push_back(!runs);
  }
  return out;
}

// Measures the whole, since each message tells its size, and then writes it
// once more, a message at a time.
class GraphSource final : public MessageSource<v1::GetGraphResponse> {
 public:
  GraphSource(std::unique_ptr<const GraphPieces> pieces, bool binary,
              int64_t version)
      : pieces_(std::move(pieces)), binary_(binary), version_(version) {}

  absl::StatusOr<Step> Next(CallContext& call,
                            v1::GetGraphResponse* message) override {
    if (is_done_) return Step::kEnd;
    RETURN_IF_ERROR(call.Check());
    if (measured_ < pieces_->count()) return Measure();
    // More than is sent shows where a character ends, and whether this is all.
    while (unsent_.size() - begin_ <= kChunk && next_ < pieces_->count()) {
      unsent_.erase(0, std::exchange(begin_, 0));
      pieces_->Append(next_++, &unsent_);
    }
    size_t end = std::min(unsent_.size(), begin_ + kChunk);
    // Text fields must be valid UTF-8: no character is cut in two.
    while (!binary_ && end < unsent_.size() && end > begin_ + 1 &&
           (unsent_[end] & 0xc0) == 0x80) {
      --end;
    }
    (binary_ ? message->mutable_data() : message->mutable_text())
        ->assign(unsent_, begin_, end - begin_);
    message->set_total_bytes(static_cast<int64_t>(total_));
    message->set_graph_version(version_);
    begin_ = end;
    is_done_ = begin_ == unsent_.size();
    return Step::kMessage;
  }

  int64_t bytes() const override {
    return static_cast<int64_t>(std::min(total_, kChunk) + largest_);
  }

 private:
  absl::StatusOr<Step> Measure() {
    std::string piece;
    size_t bytes = 0;
    while (bytes < kMeasured && measured_ < pieces_->count()) {
      piece.clear();
      pieces_->Append(measured_++, &piece);
      bytes += piece.size();
      largest_ = std::max(largest_, piece.size());
    }
    total_ += bytes;
    if (binary_ && total_ > kMaxMessageBytes) {
      return ResourceExhausted("the graph is larger than 2 GB");
    }
    return Step::kMore;
  }

  const std::unique_ptr<const GraphPieces> pieces_;
  const bool binary_;
  const int64_t version_;
  int64_t measured_ = 0;  // pieces
  size_t total_ = 0;      // their bytes
  size_t largest_ = 0;
  int64_t next_ = 0;    // the piece to be written next
  std::string unsent_;  // what is written, sent up to begin_
  size_t begin_ = 0;
  bool is_done_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<MessageSource<v1::GetGraphResponse>>>
InspectHandler::OpenGraph(const v1::GetGraphRequest& request,
                          CallContext& call) const {
  ASSIGN_OR_RETURN(const auto model, FindModelOf(models_, request));
  auto graph = model->graph();
  const int64_t version = graph->meta().graph->version();
  std::unique_ptr<const GraphPart> part;
  if (request.fetch_size() + request.target_size() > 0) {
    ASSIGN_OR_RETURN(part, Part(*model, *graph->meta().graph, request));
  }
  ASSIGN_OR_RETURN(
      auto pieces,
      GraphPieces::Of(std::move(graph), std::move(part), request.format()));
  const bool binary = request.format() == v1::GRAPH_FORMAT_UNSPECIFIED ||
                      request.format() == v1::GRAPH_FORMAT_BINARY;
  return std::make_unique<GraphSource>(std::move(pieces), binary, version);
}

absl::Status InspectHandler::GetGraph(
    const v1::GetGraphRequest& request, CallContext& call,
    const MessageSink<v1::GetGraphResponse>& sink) const {
  ASSIGN_OR_RETURN(const auto source, OpenGraph(request, call));
  return SendAll(*source, call, sink);
}

}  // namespace metagraph
