#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "core/graph/graph.h"
#include "core/graph/node_difference.h"
#include "tensorflow/meta_graph.pb.h"

namespace metagraph {

// What an extension brings, made ready for the graph that it extends.

// `more` with `prefix` and a slash before the names of its nodes and of all
// that refers to them: edges, colocations, collections, signatures, the saver.
// Collections of control flow contexts, which only building more loops in
// Python needs, are dropped.
tensorflow::MetaGraphDef WithImportPrefix(tensorflow::MetaGraphDef more,
                                          absl::string_view prefix);

// Removes from `more` the nodes and functions that `graph` has already: clients
// may send the whole graph that they extended, in TensorFlow's words of today.
// Returns how many nodes are left. INVALID_ARGUMENT: a node of another kind has
// that name.
absl::StatusOr<int> RemoveKnownNodes(const Graph& graph,
                                     const OpDefFinder& find_op,
                                     tensorflow::GraphDef* more);

// Adds the collections and signatures of an extension to `def`, and its saver,
// if it has one, in place of the one there.
void MergeMetaGraph(const tensorflow::MetaGraphDef& more,
                    tensorflow::MetaGraphDef* def);

}  // namespace metagraph
