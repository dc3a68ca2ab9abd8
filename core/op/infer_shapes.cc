#include "core/op/infer_shapes.h"

#include <algorithm>
#include <map>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// "[2,?], ?": as TensorFlow lists shapes.
std::string ListShapes(absl::Span<const ValueFacts> inputs) {
  return absl::StrJoin(
      inputs, ", ", [](std::string* out, const ValueFacts& input) {
        absl::StrAppend(
            out, input.shape.known_rank() ? input.shape.ToString() : "?");
      });
}

bool IsSame(const PartialShape& a, const PartialShape& b) {
  return a.known_rank() == b.known_rank() && a.dims() == b.dims();
}

// The walk of InferShapes.
class ShapeWalk {
 public:
  ShapeWalk(absl::Span<const ShapedNode> nodes,
            absl::Span<const ValueFacts> arguments, VariableShapes variables)
      : nodes_(nodes), arguments_(arguments), variables_(variables) {}

  InferredShapes Run() {
    FindOrder();
    found_.outputs.resize(nodes_.size());
    // Each round makes an assumption weaker, of which a shape has few. Most
    // loops end as they began.
    constexpr int kRounds = 16;
    for (int round = 0; round < kRounds; ++round) {
      found_.refused.clear();
      for (const int node : order_) InferNode(node);
      if (!Weaken(/*give_up=*/round == kRounds - 2)) break;
    }
    return std::move(found_);
  }

 private:
  using Input = ShapedNode::Input;

  // Whether the edge leads back to the begin of a loop.
  bool LeadsBack(int node, const Input& from) const {
    return from.node >= 0 && absl::EndsWith(nodes_[node].def->op(), "Merge") &&
           absl::EndsWith(nodes_[from.node].def->op(), "NextIteration");
  }

  // Depth first, without recursion: graphs may be long.
  void FindOrder() {
    std::vector<bool> entered(nodes_.size(), false);
    std::vector<std::pair<int, size_t>> path;
    for (int root = 0; root < static_cast<int>(nodes_.size()); ++root) {
      if (entered[root]) continue;
      entered[root] = true;
      path.emplace_back(root, 0);
      while (!path.empty()) {
        const int node = path.back().first;
        if (path.back().second == nodes_[node].inputs.size()) {
          order_.push_back(node);
          path.pop_back();
          continue;
        }
        const Input& from = nodes_[node].inputs[path.back().second++];
        if (from.node < 0 || entered[from.node] || LeadsBack(node, from)) {
          continue;
        }
        entered[from.node] = true;
        path.emplace_back(from.node, 0);
      }
    }
  }

  const ValueFacts& FactsOf(const Input& from) const {
    static const ValueFacts kNothing;
    if (from.node >= 0) return found_.at(from.node, from.output);
    const bool there = static_cast<size_t>(from.output) < arguments_.size();
    return there ? arguments_[from.output] : kNothing;
  }

  // What comes back to a Merge: at first, what the loop begins with.
  const ValueFacts& Assumed(int place, const Input& from) const {
    const auto assumed = assumed_.find(from.node);
    if (assumed != assumed_.end()) return assumed->second;
    for (const Input& begin : nodes_[place].inputs) {
      if (!LeadsBack(place, begin)) return FactsOf(begin);
    }
    return FactsOf(from);
  }

  void InferNode(int place) {
    const ShapedNode& node = nodes_[place];
    auto& outputs = found_.outputs[place];
    outputs.assign(node.num_outputs, ValueFacts());
    if (node.op == nullptr) return;
    inputs_.clear();
    for (const Input& from : node.inputs) {
      if (!LeadsBack(place, from)) {
        inputs_.push_back(FactsOf(from));
        continue;
      }
      inputs_.push_back(Assumed(place, from));
    }
    const absl::Status status = InferOutputs(
        *node.op, *node.def, inputs_, absl::MakeSpan(outputs), node.name);
    if (!status.ok()) found_.refused.emplace_back(place, status);
    if (node.op->declares_variable && variables_ == VariableShapes::kUnknown) {
      const bool is_handle = node.op->def.output_arg(0).type() == DT_RESOURCE;
      outputs[0].handle_shape = PartialShape();
      if (!is_handle) outputs[0].shape = PartialShape();
    }
    if (node.constant != nullptr && !outputs.empty()) {
      // Rules rely on it that a known value has the shape that is inferred.
      outputs[0].shape = PartialShape(node.constant->shape());
      outputs[0].constant = node.constant;
    }
  }

  // What was assumed of edges that lead back, made no stronger than what came
  // out; whether anything had to change.
  bool Weaken(bool give_up) {
    bool changed = false;
    for (const int place : order_) {
      for (const Input& from : nodes_[place].inputs) {
        if (!LeadsBack(place, from)) continue;
        const ValueFacts& end = found_.at(from.node, from.output);
        const ValueFacts before = Assumed(place, from);
        ValueFacts weaker;
        if (!give_up) {
          weaker.shape = CommonShape(before.shape, end.shape);
          weaker.handle_shape =
              CommonShape(before.handle_shape, end.handle_shape);
        }
        if (IsSame(weaker.shape, before.shape) &&
            IsSame(weaker.handle_shape, before.handle_shape)) {
          continue;
        }
        assumed_[from.node] = std::move(weaker);
        changed = true;
      }
    }
    return changed;
  }

  const absl::Span<const ShapedNode> nodes_;
  const absl::Span<const ValueFacts> arguments_;
  const VariableShapes variables_;
  std::vector<int> order_;
  // By the node at the end of a loop: what is taken to come back.
  std::map<int, ValueFacts> assumed_;
  std::vector<ValueFacts> inputs_;
  InferredShapes found_;
};

}  // namespace

absl::Status InferOutputs(const OpInfo& op, const tensorflow::NodeDef& node,
                          absl::Span<const ValueFacts> inputs,
                          absl::Span<ValueFacts> outputs,
                          absl::string_view name) {
  std::fill(outputs.begin(), outputs.end(), ValueFacts());
  if (op.shape == nullptr) return absl::OkStatus();
  ShapeContext context(node, op.def, inputs, outputs);
  const absl::Status status = op.shape(context);
  if (status.ok()) return absl::OkStatus();
  std::fill(outputs.begin(), outputs.end(), ValueFacts());
  return absl::Status(
      status.code(),
      absl::StrCat(status.message(), " for '",
                   name.empty() ? node.name() : name, "' (op: '", node.op(),
                   "') with input shapes: ", ListShapes(inputs), "."));
}

const ValueFacts& InferredShapes::at(int node, int output) const {
  static const ValueFacts kNothing;
  if (node < 0 || static_cast<size_t>(node) >= outputs.size() || output < 0 ||
      static_cast<size_t>(output) >= outputs[node].size()) {
    return kNothing;
  }
  return outputs[node][output];
}

InferredShapes InferShapes(absl::Span<const ShapedNode> nodes,
                           absl::Span<const ValueFacts> arguments,
                           VariableShapes variables) {
  return ShapeWalk(nodes, arguments, variables).Run();
}

}  // namespace metagraph
