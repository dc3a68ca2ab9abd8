#pragma once

#include <functional>
#include <string>

#include "absl/strings/string_view.h"
#include "tensorflow/graph.pb.h"
#include "tensorflow/meta_graph.pb.h"

namespace metagraph {

// Null for an op that is not known.
using OpDefFinder = std::function<const tensorflow::OpDef*(absl::string_view)>;

// In what two nodes of one name do something different, for people; empty if
// they do the same. TensorFlow writes a graph that it imported in other words:
// attributes get their defaults or lose them, control inputs another order, and
// people clear devices, which mean nothing here.
std::string NodeDifference(const tensorflow::NodeDef& a,
                           const tensorflow::NodeDef& b,
                           const OpDefFinder& find_op);

// Whether two functions of one name do the same, by the same rule.
bool SameFunction(const tensorflow::FunctionDef& a,
                  const tensorflow::FunctionDef& b, const OpDefFinder& find_op);

}  // namespace metagraph
