#include "core/program/prune.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_join.h"
#include "core/base/error_details.h"
#include "core/base/nearest_names.h"
#include "core/base/status.h"
#include "core/graph/tensor_name.h"

namespace metagraph {
namespace {

// The node and index of a name; node -1 if there is no such node. A suffix
// that is no index belongs to the node's name.
Endpoint Resolve(const Graph& graph, absl::string_view name) {
  const auto parsed = ParseTensorName(name);
  if (!parsed.ok()) return {};
  const Node* node = graph.FindNode(parsed->node);
  return node == nullptr ? Endpoint{} : Endpoint{node->id, parsed->index};
}

// NOT_FOUND with what has a name like it; of ops without outputs only where
// none is wanted.
absl::Status NoSuchNode(const Graph& graph, const std::string& name,
                        const std::string& message, bool wants_tensor) {
  std::vector<std::string> nearest =
      graph.NearestNodeNames(name.substr(0, name.rfind(':')));
  if (wants_tensor) {
    std::erase_if(nearest, [&](const std::string& node) {
      const std::string& op = graph.FindNode(node)->op();
      return op == "NoOp" || op == "Assert" || op == "ControlTrigger";
    });
  }
  return WithDetails(NotFound(message, DidYouMean(nearest)),
                     {{"name", name}, {"nearest", JoinNames(nearest)}});
}

absl::Status FedTwice(const std::string& name) {
  return WithDetails(
      InvalidArgument("Endpoint \"", name, "\" fed more than once."),
      {{"name", name}});
}

absl::Status ResolveFeeds(const Graph& graph, const PlanRequest& request,
                          PrunedGraph& out) {
  absl::flat_hash_set<absl::string_view> seen;
  for (const std::string& name : request.feeds) {
    if (!seen.insert(name).second) {
      return FedTwice(name);
    }
  }
  for (const std::string& name : request.fetches) {
    if (seen.contains(name)) {
      return WithDetails(InvalidArgument(name, " is both fed and fetched."),
                         {{"name", name}});
    }
  }
  for (const std::string& name : request.feeds) {
    if (IsControlInput(name)) {
      return WithDetails(
          InvalidArgument("FeedInputs: ", name,
                          " is a control edge and cannot be fed"),
          {{"name", name}});
    }
    const Endpoint endpoint = Resolve(graph, name);
    if (endpoint.node < 0) {
      return NoSuchNode(
          graph, name,
          absl::StrCat("FeedInputs: unable to find feed output ", name),
          /*wants_tensor=*/true);
    }
    const int position = static_cast<int>(out.feed_endpoints.size());
    if (!out.feeds.emplace(endpoint, position).second) {
      return FedTwice(name);
    }
    out.feed_endpoints.push_back(endpoint);
  }
  return absl::OkStatus();
}

absl::Status ResolveFetches(const Graph& graph, const PlanRequest& request,
                            PrunedGraph& out) {
  for (const std::string& name : request.fetches) {
    if (IsControlInput(name)) {
      return WithDetails(
          InvalidArgument("FetchOutputs ", name,
                          ": a control edge has no tensor to fetch"),
          {{"name", name}});
    }
    const Endpoint endpoint = Resolve(graph, name);
    if (endpoint.node < 0) {
      return NoSuchNode(graph, name,
                        absl::StrCat("FetchOutputs node ", name, ": not found"),
                        /*wants_tensor=*/true);
    }
    out.fetches.push_back(endpoint);
  }
  return absl::OkStatus();
}

absl::Status ResolveTargets(const Graph& graph, const PlanRequest& request,
                            PrunedGraph& out) {
  std::set<std::string> missing;
  for (const std::string& name : request.targets) {
    // A tensor name is accepted, its index does not matter.
    const Endpoint endpoint = Resolve(graph, name);
    if (endpoint.node < 0) {
      missing.insert(name);
    } else {
      out.targets.push_back(endpoint.node);
    }
  }
  if (!missing.empty()) {
    return NoSuchNode(
        graph, *missing.begin(),
        absl::StrCat("PruneForTargets: Some target nodes not found: ",
                     absl::StrJoin(missing, " "), " "),
        /*wants_tensor=*/false);
  }
  return absl::OkStatus();
}

}  // namespace

bool PrunedGraph::IsFedPlaceholder(const Node& node) const {
  return (node.op() == "Placeholder" || node.op() == "PlaceholderV2") &&
         FeedOf({node.id, 0}) >= 0;
}

absl::StatusOr<PrunedGraph> Prune(const Graph& graph,
                                  const PlanRequest& request) {
  if (request.fetches.empty() && request.targets.empty()) {
    return InvalidArgument(
        "Must specify at least one target to fetch or execute.");
  }
  PrunedGraph out;
  RETURN_IF_ERROR(ResolveFeeds(graph, request, out));
  RETURN_IF_ERROR(ResolveFetches(graph, request, out));
  RETURN_IF_ERROR(ResolveTargets(graph, request, out));

  out.needed.assign(graph.nodes().size(), false);
  std::vector<int> todo;
  auto need = [&](int id) {
    if (out.needed[id]) return;
    out.needed[id] = true;
    todo.push_back(id);
  };
  for (const Endpoint& fetch : out.fetches) need(fetch.node);
  for (int target : out.targets) need(target);
  while (!todo.empty()) {
    const Node& node = graph.node(todo.back());
    todo.pop_back();
    for (const Endpoint& input : node.inputs) {
      if (out.FeedOf(input) < 0) need(input.node);
    }
    for (int control : node.control_inputs) {
      if (!out.IsFedPlaceholder(graph.node(control))) need(control);
    }
  }
  for (size_t id = 0; id < out.needed.size(); ++id) {
    if (out.needed[id]) out.nodes.push_back(static_cast<int>(id));
  }
  return out;
}

}  // namespace metagraph
