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

// The variable ops that a variable's readers and writers lead back to.
void FindVariables(const Graph& graph, const Node& node, std::set<int>& out) {
  for (const Endpoint& input : node.inputs) {
    if (IsVariableOp(graph.node(input.node).op())) out.insert(input.node);
  }
}

// What the functions that nodes call do.
class FunctionUse {
 public:
  FunctionUse(const GraphCatalog& catalog, const CallContext& call)
      : catalog_(catalog), effects_(catalog.library(), &call) {}

  // Adds their ops, each function once, and the variables, by node, that they
  // touch through the node's inputs.
  void Look(const Node& node, std::map<std::string, int64_t>* op_counts,
            std::set<int>* read, std::set<int>* written) {
    const Library& library = catalog_.library();
    const auto meaning = library.Describe({library.graph(), node.def});
    if (!meaning.ok()) return;
    const int first = FirstArgument(meaning->node->op());
    for (const auto& function : FunctionsOf(*meaning->node)) {
      CountOps(function, op_counts);
      const auto effects = effects_.Of(function);
      if (!effects.ok()) continue;
      const auto add = [&](const std::set<int>& args, std::set<int>* out) {
        for (int arg : args) {
          const size_t input = arg + first;
          if (input >= node.inputs.size()) continue;
          const int source = node.inputs[input].node;
          if (IsVariableOp(catalog_.graph().node(source).op())) {
            out->insert(source);
          }
        }
      };
      add(effects->reads, read);
      add(effects->writes, written);
      named_reads.insert(effects->named_reads.begin(),
                         effects->named_reads.end());
      named_writes.insert(effects->named_writes.begin(),
                          effects->named_writes.end());
    }
  }

  // Variables that the functions' own ops name.
  std::set<std::string> named_reads;
  std::set<std::string> named_writes;

 private:
  void CountOps(const tensorflow::NameAttrList& function,
                std::map<std::string, int64_t>* op_counts) {
    std::vector<tensorflow::NameAttrList> todo = {function};
    while (!todo.empty()) {
      const auto next = std::move(todo.back());
      todo.pop_back();
      if (!counted_.insert(KeyOf(next)).second) continue;
      const auto found = catalog_.library().Find(next);
      if (!found.ok()) continue;
      for (const Op& op : (*found)->body.ops) ++(*op_counts)[op.type()];
      todo.insert(todo.end(), (*found)->callees.begin(),
                  (*found)->callees.end());
    }
  }

  const GraphCatalog& catalog_;
  Effects effects_;
  std::set<std::string> counted_;
};

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
  absl::flat_hash_set<Endpoint> read_by_run(pruned.fetches.begin(),
                                            pruned.fetches.end());
  for (int id : pruned.nodes) {
    const std::vector<Endpoint>& inputs = graph.node(id).inputs;
    read_by_run.insert(inputs.begin(), inputs.end());
  }
  FunctionUse functions(catalog, call);
  std::set<int> read;
  std::set<int> written;
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
    if (IsPlaceholderOp(node.op()) && pruned.FeedOf({id, 0}) < 0) {
      out.missing_feeds.push_back(first);
    } else if (first.placeholder) {  // an input pipeline
      for (const int output : catalog.OutputsOf(id)) {
        const Endpoint endpoint{id, output};
        if (read_by_run.contains(endpoint) && pruned.FeedOf(endpoint) < 0) {
          out.missing_feeds.push_back(catalog.Describe(endpoint));
        }
      }
    }
    functions.Look(node, &out.op_counts, &read, &written);
    const OpInfo* op = model.ops().Find(node.op());
    if (op != nullptr && op->writes_variables) {
      FindVariables(graph, node, written);
      // Assigning does not look at the old value; updating in place does.
      if (node.op() != "Assign" && node.op() != "AssignVariableOp") {
        FindVariables(graph, node, read);
      }
    } else if (node.op() != "IsVariableInitialized" &&
               node.op() != "VarIsInitializedOp") {
      FindVariables(graph, node, read);
    }
  }
  for (const Endpoint& fetch : pruned.fetches) {
    if (IsVariableOp(graph.node(fetch.node).op())) read.insert(fetch.node);
  }
  out.flops = ToInt(flops);
  out.memory = ToInt(memory);
  out.unsupported_ops = catalog.UnsupportedOps(pruned.nodes);

  const auto generation = model.Peek();
  for (const ModelVariable& variable : model_graph->variables()) {
    if (functions.named_writes.count(variable.name) > 0) {
      written.insert(variable.node);
    }
    if (functions.named_reads.count(variable.name) > 0) {
      read.insert(variable.node);
    }
    if (written.count(variable.node) > 0) {
      out.variables_written.push_back(variable.name);
    }
    if (read.count(variable.node) == 0) continue;
    out.variables_read.push_back(variable.name);
    // What the run writes itself may be set before it is read.
    if (written.count(variable.node) == 0 &&
        (variable.slot < 0 || !generation->has_value(variable.slot))) {
      out.variables_uninitialized.push_back(variable.name);
    }
  }

  const auto prepared = model.Prepare(request, call);
  if (prepared.ok()) {
    out.planned_nodes = static_cast<int64_t>((*prepared)->plan().nodes.size());
  }
  if (!prepared.ok()) {
    out.status = prepared.status();
  } else if (!out.missing_feeds.empty()) {
    std::vector<std::string> names;
    for (const auto& feed : out.missing_feeds) names.push_back(feed.name);
    out.status =
        InvalidArgument("to be fed as well: ", absl::StrJoin(names, ", "));
  } else if (!out.variables_uninitialized.empty()) {
    out.status =
        FailedPrecondition("variables without a value: ",
                           absl::StrJoin(out.variables_uninitialized, ", "));
  }
  return out;
}

}  // namespace metagraph
