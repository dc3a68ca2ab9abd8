#include "server/handlers/fetches.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/error_details.h"
#include "core/base/status.h"
#include "core/graph/collections.h"
#include "server/handlers/describe.h"

namespace metagraph {
namespace {

constexpr absl::string_view kCollection = "collection:";

}  // namespace

absl::Status ResolveFetch(const Model& model, const std::string& fetch,
                          std::vector<std::string>* fetches,
                          std::vector<std::string>* targets) {
  if (!absl::StartsWith(fetch, kCollection)) {
    const bool is_tensor = absl::StrContains(fetch, ':');
    (is_tensor ? fetches : targets)->push_back(fetch);
    return absl::OkStatus();
  }
  const auto model_graph = model.graph();
  const auto collection =
      GetCollection(model_graph->meta(), fetch.substr(kCollection.size()));
  if (!collection.ok()) {
    return WithDetails(collection.status(), {{"name", fetch}});
  }
  const Graph& graph = *model_graph->meta().graph;
  for (const CollectionEntry& entry : collection->entries) {
    const NamedThing& thing = entry.refers;
    if (thing.kind == NamedThing::Kind::kNothing) {
      return WithDetails(
          InvalidArgument("collection \"", collection->name, "\" holds \"",
                          ToUtf8(entry.text.substr(0, 64)),
                          "\", which is nothing in the graph"),
          {{"name", fetch}});
    }
    const std::string& node = graph.node(thing.endpoint.node).name();
    if (entry.variable && entry.variable->is_resource() &&
        !entry.variable->snapshot_name().empty()) {
      // Of a resource variable the value is meant, not the handle.
      fetches->push_back(entry.variable->snapshot_name());
    } else if (thing.kind == NamedThing::Kind::kOperation && !entry.variable) {
      targets->push_back(node);
    } else {
      fetches->push_back(absl::StrCat(node, ":", thing.endpoint.index));
    }
  }
  return absl::OkStatus();
}

}  // namespace metagraph
