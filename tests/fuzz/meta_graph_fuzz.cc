// Bytes of a graph file → graph, collections, variables, saver plan.

#include <cstdint>
#include <cstdlib>

#include "core/graph/collections.h"
#include "core/graph/meta_graph.h"
#include "core/graph/saver_plan.h"
#include "core/graph/variables.h"
#include "core/tensor/buffer.h"

namespace metagraph {
namespace {

void Explore(const MetaGraph& meta) {
  for (const std::string& name : CollectionNames(meta)) {
    if (!GetCollection(meta, name).ok()) std::abort();
  }
  (void)ListVariables(meta);
  (void)BuildSaverPlan(meta);
  for (const Node& node : meta.graph->nodes()) {
    for (const Endpoint& input : node.inputs) {
      (void)meta.graph->node(input.node).name();
    }
  }
  // Nothing of the graph itself is new to it.
  (void)meta.graph->Extend(meta.graph->def());
  (void)meta.graph->NearestNodeNames("weights");
}

}  // namespace
}  // namespace metagraph

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  metagraph::MemoryBudget::Process().set_limit(int64_t{16} << 20);
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  for (auto kind : {metagraph::GraphFileKind::kMetaGraph,
                    metagraph::GraphFileKind::kGraphDef,
                    metagraph::GraphFileKind::kSavedModel}) {
    const auto meta = metagraph::ParseMetaGraph(bytes, kind);
    if (meta.ok()) metagraph::Explore(*meta);
  }
  return 0;
}
