// Holds the shape rules to recorded conversations with real TensorFlow.
//
//   shape_runner --root=DIR [--suite=NAME] [--show]
//
// DIR holds <suite>/<case>/case.json, as for golden_runner. For every step that
// TensorFlow answered, shapes are inferred node by node from the shapes of the
// feeds, and again from their values: no rule may refuse, and no answer may
// contradict what was inferred for it. Prints, per suite, for how many answers
// the shape was known before, and for how many outputs of nodes whose inputs
// are known; --show lists the ops of the others.

#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/graph/node_check.h"
#include "core/graph/tensor_name.h"
#include "core/op/graph_shapes.h"
#include "core/tensor/tensor_proto.h"
#include "tensorflow/master.pb.h"
#include "tests/golden/golden_case.h"
#include "tests/support/shape_check.h"

ABSL_FLAG(std::string, root, "", "folder with <suite>/<case>/case.json");
ABSL_FLAG(std::string, suite, "", "only cases whose name holds this");
ABSL_FLAG(bool, show, false, "list the ops whose outputs are not known");

namespace metagraph {
namespace {

struct Share {
  int64_t known = 0;
  int64_t all = 0;
  void Add(bool is_known) {
    ++all;
    known += is_known ? 1 : 0;
  }
};

struct Suite {
  int64_t steps = 0;
  // By whether the feeds' values are known, too.
  Share answers[2];  // recorded tensors
  Share outputs[2];  // of nodes whose inputs are known
  int64_t wrong = 0;
  // Answers that the shape of a variable contradicts, which was assigned
  // another than the graph declares.
  int64_t undeclared = 0;
};

class ShapeRunner {
 public:
  explicit ShapeRunner(const OpRegistry& ops) : ops_(ops) {}

  void RunCase(const GoldenCase& golden) {
    if (golden.open_error != 0) return;
    const auto meta = ReadGraph(golden);
    if (!meta.ok()) return;
    Suite& suite = suites_[golden.name.substr(0, golden.name.find('/'))];
    std::shared_ptr<const Graph> graph = meta->graph;
    for (int step = 0; step < golden.steps; ++step) {
      for (const auto& extension : golden.extensions) {
        if (extension.before_step != step) continue;
        tensorflow::GraphDef more;
        more.ParseFromString(ReadAll(extension.graph));
        auto extended = graph->Extend(more);
        if (extended.ok()) graph = *std::move(extended);
      }
      const std::string base =
          absl::StrFormat("%s/step-%03d", golden.folder, step);
      tensorflow::RunStepRequest request;
      tensorflow::RunStepResponse response;
      if (!request.ParseFromString(ReadAll(base + ".request.pb")) ||
          !response.ParseFromString(ReadAll(base + ".response.pb")) ||
          response.status_code() != 0) {
        continue;
      }
      ++suite.steps;
      const std::string name = absl::StrCat(golden.name, " ", step);
      RunStep(*graph, request, response, /*values=*/false, name, suite);
      RunStep(*graph, request, response, /*values=*/true, name, suite);
    }
  }

  int Report() const {
    int64_t wrong = 0;
    int64_t undeclared = 0;
    std::printf(
        "known by feeds' shapes, and by their values too:\n"
        "%-14s %6s   %-30s outputs of nodes with known inputs\n",
        "suite", "steps", "answers");
    for (const auto& [name, suite] : suites_) {
      std::printf(
          "%-14s %6d   %5d %5.1f%%, with values %5.1f%%   %6d %5.1f%%, with "
          "values %5.1f%%\n",
          name.c_str(), static_cast<int>(suite.steps),
          static_cast<int>(suite.answers[0].all), Percent(suite.answers[0]),
          Percent(suite.answers[1]), static_cast<int>(suite.outputs[1].all),
          Percent(suite.outputs[0]), Percent(suite.outputs[1]));
      wrong += suite.wrong;
      undeclared += suite.undeclared;
    }
    if (absl::GetFlag(FLAGS_show)) {
      for (const auto& [op, count] : by_op_) {
        if (count.known == count.all) continue;
        std::printf("%s: %d of %d known\n", op.c_str(),
                    static_cast<int>(count.known), static_cast<int>(count.all));
      }
    }
    if (suites_.empty()) {
      std::printf("there is no case\n");
      return 1;
    }
    std::printf(
        "%d contradictions; %d by variables that were assigned another shape "
        "than they declare\n",
        static_cast<int>(wrong), static_cast<int>(undeclared));
    return wrong == 0 ? 0 : 1;
  }

 private:
  static double Percent(const Share& share) {
    return share.all == 0 ? 100.0
                          : 100.0 * static_cast<double>(share.known) /
                                static_cast<double>(share.all);
  }

  static std::optional<Endpoint> Find(const Graph& graph,
                                      absl::string_view name) {
    const auto parsed = ParseTensorName(name);
    if (!parsed.ok()) return {};
    const Node* node = graph.FindNode(parsed->node);
    if (node == nullptr) return {};
    return Endpoint{node->id, parsed->index};
  }

  void RunStep(const Graph& graph, const tensorflow::RunStepRequest& request,
               const tensorflow::RunStepResponse& response, bool values,
               const std::string& name, Suite& suite) {
    std::vector<Tensor> fed(request.feed_size());
    std::vector<ValueFacts> arguments(request.feed_size());
    absl::flat_hash_map<Endpoint, int> feeds;
    for (int i = 0; i < request.feed_size(); ++i) {
      auto tensor = TensorFromProto(request.feed(i).tensor());
      const auto endpoint = Find(graph, request.feed(i).name());
      if (!tensor.ok() || !endpoint.has_value()) return;
      fed[i] = *std::move(tensor);
      arguments[i].shape = PartialShape(fed[i].shape());
      if (values) arguments[i].constant = &fed[i];
      feeds[*endpoint] = i;
    }
    std::vector<Endpoint> wanted;
    for (const auto& answer : response.tensor()) {
      if (const auto at = Find(graph, answer.name())) wanted.push_back(*at);
    }
    for (const std::string& target : request.target()) {
      if (const auto at = Find(graph, target)) wanted.push_back(*at);
    }
    const std::vector<bool> needed = Needed(graph, feeds, wanted);
    std::vector<ShapedNode> nodes = ShapedNodes(
        graph, ops_, feeds, [&](const Node& node) { return NumOutputs(node); });
    std::vector<Tensor> constants(nodes.size());
    bool has_branches = false;
    for (size_t i = 0; i < nodes.size(); ++i) {
      const std::string& op = nodes[i].def->op();
      if (!needed[i]) nodes[i].op = nullptr;
      has_branches |= needed[i] && (op == "Switch" || op == "RefSwitch");
      if (nodes[i].op == nullptr || op != "Const") continue;
      auto value = ReadAttr<Tensor>(*nodes[i].def, nodes[i].op->def, "value");
      if (!value.ok()) continue;
      constants[i] = *std::move(value);
      nodes[i].constant = &constants[i];
    }
    // By the shapes that variables declare; some are assigned others.
    const InferredShapes shapes = InferShapes(nodes, arguments);
    const InferredShapes certain =
        InferShapes(nodes, arguments, VariableShapes::kUnknown);
    for (const auto& answer : response.tensor()) {
      const auto at = Find(graph, answer.name());
      auto tensor = TensorFromProto(answer.tensor());
      if (!at.has_value() || !tensor.ok() || feeds.contains(*at)) continue;
      const ValueFacts& facts = shapes.at(at->node, at->index);
      suite.answers[values].Add(facts.shape.IsFullyDefined());
      suite.undeclared += Contradiction(facts, *tensor).empty() ? 0 : 1;
      if (const std::string wrong =
              Contradiction(certain.at(at->node, at->index), *tensor);
          !wrong.empty()) {
        std::printf("WRONG %s: %s %s\n", name.c_str(), answer.name().c_str(),
                    wrong.c_str());
        ++suite.wrong;
      }
    }
    // In a branch that is not taken nothing has to fit.
    for (const auto& [node, status] : certain.refused) {
      if (has_branches) break;
      std::printf("WRONG %s: %s\n", name.c_str(), status.ToString().c_str());
      ++suite.wrong;
    }
    for (size_t i = 0; i < nodes.size(); ++i) {
      if (nodes[i].op == nullptr) continue;
      bool all_known = true;
      for (const ShapedNode::Input& from : nodes[i].inputs) {
        const PartialShape& shape =
            from.node < 0 ? arguments[from.output].shape
                          : shapes.at(from.node, from.output).shape;
        all_known &= shape.IsFullyDefined();
      }
      for (const ValueFacts& output : shapes.outputs[i]) {
        if (!all_known) break;
        suite.outputs[values].Add(output.shape.IsFullyDefined());
        if (values) {
          by_op_[nodes[i].def->op()].Add(output.shape.IsFullyDefined());
        }
      }
    }
  }

  // By node: whether what is wanted needs it.
  static std::vector<bool> Needed(
      const Graph& graph, const absl::flat_hash_map<Endpoint, int>& feeds,
      const std::vector<Endpoint>& wanted) {
    std::vector<bool> needed(graph.nodes().size(), false);
    std::vector<int> open;
    const auto need = [&](int node) {
      if (needed[node]) return;
      needed[node] = true;
      open.push_back(node);
    };
    for (const Endpoint& at : wanted) {
      if (!feeds.contains(at)) need(at.node);
    }
    while (!open.empty()) {
      const Node& node = graph.node(open.back());
      open.pop_back();
      for (const Endpoint& from : node.inputs) {
        if (!feeds.contains(from)) need(from.node);
      }
      for (const int control : node.control_inputs) need(control);
    }
    return needed;
  }

  int NumOutputs(const Node& node) const {
    const OpInfo* op = ops_.Find(node.op());
    if (op == nullptr) return 0;
    const auto signature = ReadSignature(*node.def, op->def);
    return signature.ok() ? static_cast<int>(signature->outputs.size()) : 0;
  }

  const OpRegistry& ops_;
  std::map<std::string, Suite> suites_;
  std::map<std::string, Share> by_op_;
};

int Main() {
  auto ops = OpRegistry::Create();
  if (!ops.ok()) {
    std::fprintf(stderr, "%s\n", ops.status().ToString().c_str());
    return 1;
  }
  ShapeRunner runner(**ops);
  const int code =
      ForEachCase(absl::GetFlag(FLAGS_root), absl::GetFlag(FLAGS_suite),
                  [&](const GoldenCase& golden) { runner.RunCase(golden); });
  return code != 0 ? code : runner.Report();
}

}  // namespace
}  // namespace metagraph

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  return metagraph::Main();
}
