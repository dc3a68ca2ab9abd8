#include "core/model/checkpoint_graph.h"

#include <utility>

#include "core/base/status.h"

namespace metagraph {

absl::StatusOr<MetaGraph> GraphOfCheckpoint(const CheckpointReader& reader) {
  tensorflow::GraphDef def;
  for (const CheckpointTensor& tensor : reader.tensors()) {
    if (!IsValidDataType(tensor.dtype) || tensor.dtype == DT_RESOURCE ||
        tensor.dtype == DT_VARIANT) {
      continue;
    }
    tensorflow::NodeDef* node = def.add_node();
    node->set_name(tensor.name);
    node->set_op("VariableV2");
    auto& attrs = *node->mutable_attr();
    attrs["dtype"].set_type(tensor.dtype);
    PartialShape(tensor.shape).ToProto(attrs["shape"].mutable_shape());
    attrs["container"].set_s("");
    attrs["shared_name"].set_s("");
  }
  MetaGraph out;
  out.kind = GraphFileKind::kGraphDef;
  ASSIGN_OR_RETURN(out.graph, Graph::Build(std::move(def)));
  return out;
}

}  // namespace metagraph
