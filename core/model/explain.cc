#include "core/model/explain.h"

#include <algorithm>
#include <set>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/graph/op_signature.h"
#include "core/graph/variables.h"
#include "core/program/effects.h"

namespace metagraph {
namespace {

// Elements, with 1 for what is not known.
double Elements(const PartialShape& shape) {
  double out = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape.dim(i) > 0) out *= static_cast<double>(shape.dim(i));
  }
  return out;
}

double LastDim(const PartialShape& shape, int from_end) {
  const int i = shape.rank() - from_end;
  return i >= 0 && shape.dim(i) > 0 ? static_cast<double>(shape.dim(i)) : 1;
}

// Multiplications and additions of one node, roughly.
double Flops(const GraphCatalog& catalog, const Node& node) {
  if (node.inputs.empty() || node.op() == "Identity") return 0;
  const double out = Elements(catalog.ShapeOf({node.id, 0}));
  if (node.inputs.size() < 2) return out;
  const PartialShape second = catalog.ShapeOf(node.inputs[1]);
  if (node.op() == "MatMul" || node.op() == "BatchMatMul" ||
      node.op() == "BatchMatMulV2") {
    return 2 * out * LastDim(catalog.ShapeOf(node.inputs[0]), 1);
  }
  if (node.op() == "Conv2D") {
    return 2 * out * Elements(second) / LastDim(second, 1);
  }
  return out;
}

// The ops that stand in the functions that nodes call, and the variables that
// nodes and these functions read and write.
class Usage {
 public:
  Usage(const Model& model, const GraphCatalog& catalog,
        const CallContext& call)
      : model_(model), catalog_(catalog), effects_(catalog.library(), &call) {}

  void Add(const Node& node) {
    AddCalled(node);
    const OpInfo* op = model_.ops().Find(node.op());
    if (op != nullptr && op->writes_variables) {
      AddVariables(node, written_);
      // Assigning does not look at the old value; updating in place does.
      if (node.op() != "Assign" && node.op() != "AssignVariableOp") {
        AddVariables(node, read_);
      }
    } else if (node.op() != "IsVariableInitialized" &&
               node.op() != "VarIsInitializedOp") {
      AddVariables(node, read_);
    }
  }
  void AddFetch(const Endpoint& fetch) {
    if (IsVariable(fetch.node)) read_.insert(fetch.node);
  }

  bool Reads(const ModelVariable& variable) const {
    return read_.contains(variable.node) ||
           named_reads_.contains(variable.name);
  }
  bool Writes(const ModelVariable& variable) const {
    return written_.contains(variable.node) ||
           named_writes_.contains(variable.name);
  }
  // Of functions alone, each counted once.
  const std::map<std::string, int64_t>& op_counts() const { return op_counts_; }

 private:
  bool IsVariable(int node) const {
    return IsVariableOp(catalog_.graph().node(node).op());
  }

  // The variable ops that a variable's readers and writers lead back to.
  void AddVariables(const Node& node, std::set<int>& out) const {
    for (const Endpoint& input : node.inputs) {
      if (IsVariable(input.node)) out.insert(input.node);
    }
  }

  void AddCalled(const Node& node) {
    const Library& library = catalog_.library();
    const auto meaning = library.Describe({library.graph(), node.def});
    if (!meaning.ok()) return;
    const int first = FirstArgument(meaning->node->op());
    for (const auto& function : FunctionsOf(*meaning->node)) {
      CountOps(function);
      const auto effects = effects_.Of(function);
      if (!effects.ok()) continue;
      const auto add = [&](const std::set<int>& args, std::set<int>& out) {
        for (int arg : args) {
          const size_t input = arg + first;
          if (input >= node.inputs.size()) continue;
          const int source = node.inputs[input].node;
          if (IsVariable(source)) out.insert(source);
        }
      };
      add(effects->reads, read_);
      add(effects->writes, written_);
      named_reads_.insert(effects->named_reads.begin(),
                          effects->named_reads.end());
      named_writes_.insert(effects->named_writes.begin(),
                           effects->named_writes.end());
    }
  }

  void CountOps(const tensorflow::NameAttrList& function) {
    std::vector<tensorflow::NameAttrList> todo = {function};
    while (!todo.empty()) {
      const auto next = std::move(todo.back());
      todo.pop_back();
      if (!counted_.insert(KeyOf(next)).second) continue;
      const auto found = catalog_.library().Find(next);
      if (!found.ok()) continue;
      for (const Op& op : (*found)->body.ops) ++op_counts_[op.type()];
      todo.insert(todo.end(), (*found)->callees.begin(),
                  (*found)->callees.end());
    }
  }

  const Model& model_;
  const GraphCatalog& catalog_;
  Effects effects_;
  std::set<std::string> counted_;
  std::map<std::string, int64_t> op_counts_;
  std::set<int> read_;  // nodes
  std::set<int> written_;
  // Variables that the functions' own ops name.
  std::set<std::string> named_reads_;
  std::set<std::string> named_writes_;
};

// Placeholders that the request does not feed, and what it reads of input
// pipelines.
std::vector<TensorDetails> MissingFeeds(const GraphCatalog& catalog,
                                        const PrunedGraph& pruned) {
  const Graph& graph = catalog.graph();
  absl::flat_hash_set<Endpoint> read_by_run(pruned.fetches.begin(),
                                            pruned.fetches.end());
  for (int id : pruned.nodes) {
    const std::vector<Endpoint>& inputs = graph.node(id).inputs;
    read_by_run.insert(inputs.begin(), inputs.end());
  }
  std::vector<TensorDetails> out;
  for (int id : pruned.nodes) {
    const TensorDetails first = catalog.Describe({id, 0});
    if (IsPlaceholderOp(graph.node(id).op()) && pruned.FeedOf({id, 0}) < 0) {
      out.push_back(first);
    } else if (first.placeholder) {  // an input pipeline
      for (const int output : catalog.OutputsOf(id)) {
        const Endpoint endpoint{id, output};
        if (read_by_run.contains(endpoint) && pruned.FeedOf(endpoint) < 0) {
          out.push_back(catalog.Describe(endpoint));
        }
      }
    }
  }
  return out;
}

// How a run that was planned so would end.
absl::Status StatusOfRun(const absl::Status& planned,
                         const Explanation& found) {
  RETURN_IF_ERROR(planned);
  if (!found.missing_feeds.empty()) {
    std::vector<std::string> names;
    for (const auto& feed : found.missing_feeds) names.push_back(feed.name);
    return InvalidArgument("to be fed as well: ", absl::StrJoin(names, ", "));
  }
  if (!found.variables_uninitialized.empty()) {
    return FailedPrecondition(
        "variables without a value: ",
        absl::StrJoin(found.variables_uninitialized, ", "));
  }
  return absl::OkStatus();
}

int64_t ToInt(double value) {
  return value > 9e18 ? int64_t{9000000000000000000}
                      : static_cast<int64_t>(value);
}

}  // namespace

absl::StatusOr<Explanation> ExplainRun(const Model& model,
                                       const PlanRequest& request,
                                       CallContext& call) {
  const auto model_graph = model.graph();
  const GraphCatalog& catalog = model_graph->catalog();
  const Graph& graph = catalog.graph();
  ASSIGN_OR_RETURN(const PrunedGraph pruned, Prune(graph, request));
  Explanation out;
  for (const Endpoint& feed : pruned.feed_endpoints) {
    out.feeds.push_back(catalog.Describe(feed));
  }
  for (const Endpoint& fetch : pruned.fetches) {
    out.fetches.push_back(catalog.Describe(fetch));
  }
  out.missing_feeds = MissingFeeds(catalog, pruned);
  out.unsupported_ops = catalog.UnsupportedOps(pruned.nodes);

  Usage usage(model, catalog, call);
  double flops = 0;
  double memory = 0;
  for (int id : pruned.nodes) {
    const Node& node = graph.node(id);
    out.nodes.push_back(node.name());
    ++out.op_counts[node.op()];
    flops += Flops(catalog, node);
    const TensorDetails first = catalog.Describe({id, 0});
    if (first.dtype != DT_INVALID) {
      memory += Elements(first.shape) *
                static_cast<double>(DataTypeSize(first.dtype));
    }
    usage.Add(node);
  }
  for (const Endpoint& fetch : pruned.fetches) usage.AddFetch(fetch);
  for (const auto& [op, count] : usage.op_counts()) out.op_counts[op] += count;
  out.flops = ToInt(flops);
  out.memory = ToInt(memory);

  const auto generation = model.Peek();
  for (const ModelVariable& variable : model_graph->variables()) {
    const bool written = usage.Writes(variable);
    if (written) out.variables_written.push_back(variable.name);
    if (!usage.Reads(variable)) continue;
    out.variables_read.push_back(variable.name);
    // What the run writes itself may be set before it is read.
    if (!written &&
        (variable.slot < 0 || !generation->has_value(variable.slot))) {
      out.variables_uninitialized.push_back(variable.name);
    }
  }

  const auto prepared = model.Prepare(request, call);
  if (prepared.ok()) {
    out.planned_nodes = static_cast<int64_t>((*prepared)->plan().nodes.size());
  }
  out.status = StatusOfRun(prepared.status(), out);
  return out;
}

}  // namespace metagraph
