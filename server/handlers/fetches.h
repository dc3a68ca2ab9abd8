#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "core/model/model.h"

namespace metagraph {

// What a fetch of metagraph.v1 means: "node:index" a tensor, "node" an
// operation to run, "collection:NAME" all that the collection holds. Appends
// to `fetches` the names of tensors and to `targets` those of operations.
// NOT_FOUND: no such collection. INVALID_ARGUMENT: it holds something that is
// not in the graph.
absl::Status ResolveFetch(const Model& model, const std::string& fetch,
                          std::vector<std::string>* fetches,
                          std::vector<std::string>* targets);

}  // namespace metagraph
