#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/base/mutex.h"
#include "core/graph/graph.h"
#include "core/op/op_registry.h"
#include "core/program/attributes.h"
#include "core/program/body.h"

namespace metagraph {

// An op that a program needs and that has no kernel here.
struct MissingOp {
  std::string what;      // "Ape", or what types it lacks
  std::string op;        // its op type
  std::string node;      // that has it
  std::string function;  // in which that node stands; "" for the graph

  // "node "a" in function "f"", for messages.
  std::string Place() const;
};

// What a node does, told by the registry or by a function of the graph.
struct Meaning {
  const OpInfo* info = nullptr;  // null: nobody knows the op
  // The node; a call by a function's name as a PartitionedCall.
  std::shared_ptr<const tensorflow::NodeDef> node;
};

// A function with its attributes, imported.
struct Function {
  Body body;  // an unknown op has no `info`, and its outputs have no type
  std::vector<MissingOp> missing;
  // What its ops may call.
  std::vector<tensorflow::NameAttrList> callees;

  // After its body has changed: what that lacks and calls now.
  void UpdateNeeds();
};

// The functions of a graph as Bodies, each made once for given attributes, and
// the values of constants, shared by all programs that need them. Thread-safe.
class Library {
 public:
  // `ops` outlives it.
  Library(std::shared_ptr<const Graph> graph, const OpRegistry& ops)
      : graph_(std::move(graph)), ops_(ops) {}
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  const std::shared_ptr<const Graph>& graph() const { return graph_; }
  const OpRegistry& ops() const { return ops_; }

  // INVALID_ARGUMENT: a call whose attributes do not fit.
  absl::StatusOr<Meaning> Describe(
      std::shared_ptr<const tensorflow::NodeDef> node) const;

  // NOT_FOUND: no such function; INVALID_ARGUMENT: attributes missing, or a
  // body that is no program.
  absl::StatusOr<std::shared_ptr<const Function>> Find(
      const tensorflow::NameAttrList& function) const EXCLUDES(mu_);

  // The value of a Const node. `node` is of the graph or of a Function.
  // INVALID_ARGUMENT: it does not fit its dtype.
  absl::StatusOr<std::shared_ptr<const Tensor>> Constant(const Op& op) const
      EXCLUDES(mu_);

 private:
  absl::StatusOr<std::shared_ptr<const Function>> FindPart(
      const tensorflow::NameAttrList& function, const std::string& key) const
      EXCLUDES(mu_);

  const std::shared_ptr<const Graph> graph_;
  const OpRegistry& ops_;

  mutable Mutex mu_;
  mutable absl::flat_hash_map<std::string,
                              absl::StatusOr<std::shared_ptr<const Function>>>
      functions_ GUARDED_BY(mu_);  // by KeyOf
  // Parts of functions, of which there are very many: as long as a program
  // holds them.
  mutable absl::flat_hash_map<std::string, std::weak_ptr<const Function>> parts_
      GUARDED_BY(mu_);
  mutable size_t parts_before_cleaning_ GUARDED_BY(mu_) = 64;
  mutable absl::flat_hash_map<const tensorflow::NodeDef*,
                              std::weak_ptr<const Tensor>>
      constants_ GUARDED_BY(mu_);
};

// Attributes that passes give to a call: lists of the arguments and results of
// the function that it keeps. What is left out is not needed for the others.
inline constexpr char kKeptArguments[] = "metagraph.arguments";
inline constexpr char kKeptResults[] = "metagraph.results";

// The op without kernel that `node` is, if it is one.
bool IsMissing(const Meaning& meaning, const OpRegistry& ops,
               MissingOp* missing);

}  // namespace metagraph
