#pragma once

#include <vector>

#include "absl/strings/string_view.h"
#include "tensorflow/graph.pb.h"

namespace metagraph {

// Whether the op hands out what an input pipeline made: the next element of an
// iterator, queue, reader or staging area. A model that is served is fed in its
// place.
bool IsInputOp(absl::string_view op);

// The types of its outputs as far as its attributes tell.
std::vector<tensorflow::DataType> InputTypes(const tensorflow::NodeDef& node);

}  // namespace metagraph
