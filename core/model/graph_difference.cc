#include "core/model/graph_difference.h"

#include "absl/strings/str_cat.h"
#include "core/base/yield.h"
#include "core/graph/node_difference.h"
#include "google/protobuf/util/message_differencer.h"

namespace metagraph {

std::string GraphDifference(const MetaGraph& served, const MetaGraph& file,
                            const OpRegistry& ops) {
  using google::protobuf::util::MessageDifferencer;
  const OpDefFinder find_op =
      [&](absl::string_view op) -> const tensorflow::OpDef* {
    const OpInfo* info = ops.Find(op);
    return info == nullptr ? nullptr : &info->def;
  };
  for (const Node& node : file.graph->nodes()) {
    Yield();
    const Node* known = served.graph->FindNode(node.name());
    if (known == nullptr) {
      return absl::StrCat("node \"", node.name(), "\" is new");
    }
    const std::string what = NodeDifference(*known->def, *node.def, find_op);
    if (!what.empty()) {
      return absl::StrCat("node \"", node.name(), "\" differs in ", what);
    }
  }
  if (served.graph->version() == 0 &&
      served.graph->nodes().size() > file.graph->nodes().size()) {
    for (const Node& node : served.graph->nodes()) {
      if (file.graph->FindNode(node.name()) == nullptr) {
        return absl::StrCat("node \"", node.name(), "\" is gone");
      }
    }
  }
  for (const auto& function : file.graph->def().library().function()) {
    const std::string& name = function.signature().name();
    const auto* known = served.graph->FindFunction(name);
    if (known == nullptr || !SameFunction(*known, function, find_op)) {
      return absl::StrCat("function \"", name, "\" is new");
    }
  }
  for (const auto& [name, signature] : file.def.signature_def()) {
    const auto known = served.def.signature_def().find(name);
    if (known == served.def.signature_def().end() ||
        !MessageDifferencer::Equals(known->second, signature)) {
      return absl::StrCat("signature \"", name, "\" is new");
    }
  }
  return "";
}

}  // namespace metagraph
