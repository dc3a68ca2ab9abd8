#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/model/model_graph.h"
#include "metagraph/v1/inspect.pb.h"

namespace metagraph {

// The nodes of a graph that some fetches need, by their ids.
struct GraphPart {
  std::vector<int> nodes;       // ascending
  std::vector<bool> inputless;  // by their place in `nodes`: it is fed
};

// A graph written out piece by piece: nobody needs to hold the whole text. All
// pieces one after the other are what protobuf writes of the meta graph at
// once. Thread-safe.
class GraphPieces {
 public:
  // `part`: only these nodes, and no functions; null: all. INVALID_ARGUMENT:
  // no such format.
  static absl::StatusOr<std::unique_ptr<const GraphPieces>> Of(
      std::shared_ptr<const ModelGraph> graph,
      std::unique_ptr<const GraphPart> part, v1::GraphFormat format);

  virtual ~GraphPieces() = default;
  virtual int64_t count() const = 0;
  // A node or a function is a piece of its own.
  virtual void Append(int64_t piece, std::string* out) const = 0;
};

}  // namespace metagraph
