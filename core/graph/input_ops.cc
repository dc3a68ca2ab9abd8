#include "core/graph/input_ops.h"

#include "core/graph/node_attr.h"

namespace metagraph {

bool IsInputOp(absl::string_view op) {
  for (absl::string_view known : {"IteratorGetNext",
                                  "IteratorGetNextSync",
                                  "QueueDequeue",
                                  "QueueDequeueV2",
                                  "QueueDequeueMany",
                                  "QueueDequeueManyV2",
                                  "QueueDequeueUpTo",
                                  "QueueDequeueUpToV2",
                                  "ReaderRead",
                                  "ReaderReadV2",
                                  "ReaderReadUpTo",
                                  "ReaderReadUpToV2",
                                  "RecordInput",
                                  "Unstage",
                                  "StagePeek",
                                  "MapUnstage",
                                  "MapUnstageNoKey",
                                  "OrderedMapUnstage",
                                  "OrderedMapUnstageNoKey",
                                  "BarrierTakeMany"}) {
    if (op == known) return true;
  }
  return false;
}

std::vector<tensorflow::DataType> InputTypes(const tensorflow::NodeDef& node) {
  std::vector<tensorflow::DataType> out;
  for (const char* name : {"output_types", "component_types", "dtypes"}) {
    const tensorflow::AttrValue* attr = FindNodeAttr(node, name);
    if (attr == nullptr) continue;
    for (const int type : attr->list().type()) {
      out.push_back(static_cast<tensorflow::DataType>(type));
    }
    return out;
  }
  if (node.op().rfind("ReaderRead", 0) == 0) {
    out.assign(2, tensorflow::DT_STRING);  // key and value
  } else if (node.op() == "RecordInput") {
    out.assign(1, tensorflow::DT_STRING);
  }
  return out;
}

}  // namespace metagraph
