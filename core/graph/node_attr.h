#pragma once

#include "absl/strings/string_view.h"
#include "tensorflow/graph.pb.h"

namespace metagraph {

// The attribute as the node sets it; nullptr if it does not. With the op's
// default: FindAttr in op_signature.h.
inline const tensorflow::AttrValue* FindNodeAttr(
    const tensorflow::NodeDef& node, const char* name) {
  const auto found = node.attr().find(name);
  return found == node.attr().end() ? nullptr : &found->second;
}

}  // namespace metagraph
