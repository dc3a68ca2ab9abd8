#pragma once

// What a graph wants to be run before it is ready, beside its variables.

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/graph/meta_graph.h"
#include "core/io/file_system.h"

namespace metagraph {

// The operation of "node:0" or "node".
std::string OperationName(const std::string& name);

// The operations that a collection lists, in its order.
std::vector<std::string> OperationsIn(const MetaGraph& meta,
                                      const std::string& collection);

// What a SavedModel runs after its variables were restored; empty: nothing.
std::string MainOp(const MetaGraph& meta);

// The operations that fill tables: those of the collection table_initializer,
// and what else in the graph fills one, since graphs lose their collections.
std::vector<std::string> TableInitializers(const MetaGraph& meta);

// All that the operation depends on, itself included. Empty if it is not there.
std::set<int> NodesOf(const Graph& graph, const std::string& operation);

// A file that an operation reads, such as a table's vocabulary.
struct InitializerFile {
  std::string tensor;    // that holds the path, and can be fed
  std::string recorded;  // the path in the graph
};
std::vector<InitializerFile> FilesOf(const MetaGraph& meta,
                                     const std::set<int>& nodes);

// Where in the model's folder a file is that was recorded elsewhere: with as
// much of its path as there is, or in `assets`. Relative to the folder, which
// relative paths of `files` start in; nullopt: nowhere.
std::optional<std::string> FindBesideModel(FileSystem& files,
                                           const std::string& recorded);

}  // namespace metagraph
