#pragma once

// What passes ask of a node's attributes.

#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "google/protobuf/map.h"
#include "tensorflow/graph.pb.h"

namespace metagraph {

using AttrMap = google::protobuf::Map<std::string, tensorflow::AttrValue>;

// Those that say what the node does, by name. A name that begins with '_' is a
// note of whoever wrote the graph.
std::map<absl::string_view, const tensorflow::AttrValue*> SortedAttrs(
    const AttrMap& attrs);

// Equal for equal SortedAttrs.
std::string KeyOf(const AttrMap& attrs);
// Equal for equal functions with equal attributes.
std::string KeyOf(const tensorflow::NameAttrList& function);

// Whether an attribute names a function.
bool CallsFunctions(const tensorflow::NodeDef& node);
// Those functions, in the order of the attributes' names.
std::vector<tensorflow::NameAttrList> FunctionsOf(
    const tensorflow::NodeDef& node);

}  // namespace metagraph
