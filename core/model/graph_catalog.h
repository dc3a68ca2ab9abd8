#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "core/graph/graph.h"
#include "core/graph/meta_graph.h"
#include "core/graph/op_signature.h"
#include "core/model/missing_ops.h"
#include "core/op/op_registry.h"
#include "core/program/library.h"
#include "core/tensor/tensor_shape.h"

namespace metagraph {

// What is known about a tensor without running anything.
struct TensorDetails {
  Endpoint endpoint;
  std::string name;             // "node:index"
  DataType dtype = DT_INVALID;  // base type; DT_INVALID: the graph is silent
  PartialShape shape;
  // Must be fed: of an op Placeholder, or from an input pipeline, for which
  // there is no kernel.
  bool placeholder = false;
  bool variable = false;
  bool constant = false;
  bool leaf = false;  // no node reads it
  // Why no run can produce it; empty if one can.
  std::string why_not;
};

bool IsPlaceholderOp(absl::string_view op);

// What the graph itself says about the shape of a tensor.
PartialShape DeclaredShape(const Graph& graph, const Endpoint& endpoint);

// A graph made browsable: outputs with dtype and shape, who reads them, and
// which of them depend on ops without a kernel. Immutable.
class GraphCatalog {
 public:
  // `meta` and `ops` outlive the catalog.
  GraphCatalog(const MetaGraph& meta, const OpRegistry& ops);

  const Graph& graph() const { return graph_; }
  // The outputs of the node as far as can be told, in order.
  std::vector<int> OutputsOf(int node) const;
  TensorDetails Describe(const Endpoint& endpoint) const;
  // What the graph says of the shape, and what follows from it by the ops'
  // shape rules.
  PartialShape ShapeOf(const Endpoint& endpoint) const;

  // The tensor "node:index" or "node". NOT_FOUND for an unknown node, with
  // similar names, or for an output that the op does not have.
  absl::StatusOr<Endpoint> Find(absl::string_view name) const;

  // Ops without kernel, their own and those of functions that they call: of the
  // whole graph, and of some nodes by their numbers. Sorted by op.
  const std::vector<UnsupportedOp>& unsupported_ops() const {
    return unsupported_;
  }
  std::vector<UnsupportedOp> UnsupportedOps(absl::Span<const int> nodes) const {
    return missing_.Summarize(nodes);
  }
  // Why this node cannot run; empty if it can.
  std::string WhyUnsupported(const Node& node) const;

  // The graph's functions as programs.
  const Library& library() const { return library_; }

 private:
  const tensorflow::OpDef* FindOpDef(absl::string_view op) const;
  // Fills shapes_.
  void FindShapes();

  const std::shared_ptr<const Graph> keep_;
  const Graph& graph_;
  const OpRegistry& ops_;
  const Library library_;
  const MissingOps missing_;
  // From the producer's op list: what the registry does not know.
  absl::flat_hash_map<std::string, const tensorflow::OpDef*> producer_ops_;
  std::vector<NodeSignature> signatures_;  // by node; empty if unknown
  // By node, by output: what shape rules say.
  std::vector<absl::InlinedVector<PartialShape, 1>> shapes_;
  std::vector<std::vector<int>> read_;  // by node: outputs read, in order
  // The node without kernel that this one depends on, or -1.
  std::vector<int> blocked_by_;
  std::vector<UnsupportedOp> unsupported_;
};

}  // namespace metagraph
