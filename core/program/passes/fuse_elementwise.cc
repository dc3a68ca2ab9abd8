#include "core/program/passes/fuse_elementwise.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/op/element_program.h"
#include "core/op/shape_context.h"

namespace metagraph {
namespace {

// A longer program would gain nothing.
constexpr int kMaxSteps = 4096;

const tensorflow::AttrValue* FindAttr(const Op& op, const std::string& name) {
  const auto it = op.node->attr().find(name);
  return it == op.node->attr().end() ? nullptr : &it->second;
}

// The axes, if they are known, and are the last dimensions in any order.
std::optional<std::vector<int32_t>> LastAxes(const Body& body, const Op& op) {
  const ValueRef& axes = op.inputs[1];
  if (axes.is_argument()) return std::nullopt;
  const Op& from = body.ops[axes.op];
  if (from.constant == nullptr || !from.controls.empty() ||
      from.constant->rank() > 1) {
    return std::nullopt;
  }
  const std::optional<KnownInts> values = IntsOf(*from.constant);
  if (!values.has_value() || values->empty()) return std::nullopt;
  const auto count = static_cast<int64_t>(values->size());
  int rank = -1;
  if (const ValueRef& of = op.inputs[0]; !of.is_argument()) {
    const std::vector<PartialShape>& shapes = body.ops[of.op].shapes;
    if (!shapes.empty()) rank = shapes[of.output].rank();
  }
  std::vector<int32_t> out;
  for (const int64_t axis : *values) {
    const int64_t from_end = axis < 0 ? axis : axis - rank;
    if ((axis >= 0 && rank < 0) || from_end < -count || from_end >= 0) {
      return std::nullopt;
    }
    out.push_back(static_cast<int32_t>(from_end));
  }
  return out;
}

// The step that the op would be, without what it reads.
std::optional<ElementStep> StepOf(const Body& body, const Op& op) {
  ElementStep step;
  if (op.kind != OpKind::kPlain || op.constant != nullptr ||
      !op.controls.empty() || op.signature.outputs.size() != 1 ||
      op.signature.outputs[0] != DT_FLOAT ||
      !FindElementOp(op.type(), &step.op) || step.op == ElementOp::kPart) {
    return std::nullopt;
  }
  for (const ValueRef& input : op.inputs) {
    // Where a reference is read is when it is read.
    if (IsRefType(body.TypeOf(input))) return std::nullopt;
  }
  if (IsReduction(step.op)) {
    auto axes = LastAxes(body, op);
    if (!axes.has_value()) return std::nullopt;
    step.axes = *std::move(axes);
    const auto* keep = FindAttr(op, "keep_dims");
    step.keep_dims = keep != nullptr && keep->b();
  } else if (step.op == ElementOp::kLeakyRelu) {
    const auto* alpha = FindAttr(op, "alpha");
    step.alpha = alpha == nullptr ? 0.2f : alpha->f();
  } else if (step.op == ElementOp::kBiasAdd) {
    const auto* format = FindAttr(op, "data_format");
    if (format != nullptr && format->s() != "NHWC") return std::nullopt;
  }
  return step;
}

// Of a Split of floats along the last dimension into equal parts, the number of
// those; 0 if it is another, or anything else.
int PartsOf(const Body& body, const Op& op) {
  if (op.type() != "Split" || op.kind != OpKind::kPlain ||
      !op.controls.empty() || op.signature.outputs[0] != DT_FLOAT ||
      op.inputs[0].is_argument() || op.inputs[1].is_argument() ||
      IsRefType(body.TypeOf(op.inputs[1]))) {
    return 0;
  }
  const Op& axis = body.ops[op.inputs[0].op];
  const std::vector<PartialShape>& shapes = body.ops[op.inputs[1].op].shapes;
  if (axis.constant == nullptr || axis.constant->rank() != 0 ||
      shapes.empty()) {
    return 0;
  }
  const PartialShape& shape = shapes[op.inputs[1].output];
  const auto parts = static_cast<int>(op.signature.outputs.size());
  const std::optional<KnownInts> asked = IntsOf(*axis.constant);
  if (!asked.has_value() || shape.rank() < 1) return 0;
  const int last = shape.rank() - 1;
  const bool fits = (*asked)[0] == -1 || (*asked)[0] == last;
  return fits ? parts : 0;
}

class Fusing {
 public:
  Fusing(Body& body, const OpInfo& fused) : body_(body), fused_(fused) {}

  void Run() {
    const size_t count = body_.ops.size();
    steps_.reserve(count);
    for (const Op& op : body_.ops) steps_.push_back(StepOf(body_, op));
    FindGroups();
    FindParts();
    for (const std::vector<int>& group : groups_) {
      if (group.size() > 1) Fuse(group);
    }
  }

 private:
  bool MayBeMember(int op) const { return op >= 0 && steps_[op].has_value(); }

  // Calls fn(op) for the members among what a member reads.
  template <typename Fn>
  void ForEachRead(int member, Fn fn) const {
    for (int k = 0; k < steps_[member]->num_inputs(); ++k) {
      const int op = body_.ops[member].inputs[k].op;
      if (MayBeMember(op)) fn(op);
    }
  }

  // Backwards from what is read outside: an op joins the group that all its
  // readers are in. So only a group's first op, its root, is read outside, and
  // nothing outside stands between two members.
  void FindGroups() {
    const size_t count = body_.ops.size();
    std::vector<int> waiting(count, 0);  // for that many readers
    std::vector<bool> outside(count, false);
    const auto read_outside = [&](int op) {
      if (op >= 0) outside[op] = true;
    };
    for (size_t i = 0; i < count; ++i) {
      const Op& op = body_.ops[i];
      for (const int control : op.controls) read_outside(control);
      const size_t values = steps_[i].has_value() ? steps_[i]->num_inputs() : 0;
      for (size_t k = 0; k < op.inputs.size(); ++k) {
        if (k >= values) {
          read_outside(op.inputs[k].op);
        } else if (MayBeMember(op.inputs[k].op)) {
          ++waiting[op.inputs[k].op];
        }
      }
    }
    for (const Result& result : body_.results) read_outside(result.value.op);
    for (const int target : body_.targets) read_outside(target);

    group_of_.assign(count, -1);
    constexpr int kNone = -1;
    constexpr int kSeveral = -2;
    std::vector<int> readers_group(count, kNone);
    std::vector<int> ready;
    for (size_t i = 0; i < count; ++i) {
      if (steps_[i].has_value() && waiting[i] == 0) {
        ready.push_back(static_cast<int>(i));
      }
    }
    while (!ready.empty()) {
      const int op = ready.back();
      ready.pop_back();
      int group = outside[op] ? kSeveral : readers_group[op];
      // What is reduced without keeping its dimensions ends a group: the
      // elements of its readers would be others.
      const bool ends = IsReduction(steps_[op]->op) && !steps_[op]->keep_dims;
      if (group < 0 || ends || groups_[group].size() >= kMaxSteps) {
        group = static_cast<int>(groups_.size());
        groups_.emplace_back();
      }
      groups_[group].push_back(op);
      group_of_[op] = group;
      ForEachRead(op, [&](int read) {
        int& of_readers = readers_group[read];
        of_readers =
            of_readers == kNone || of_readers == group ? group : kSeveral;
        if (--waiting[read] == 0) ready.push_back(read);
      });
    }
  }

  // The Splits whose parts are read by programs alone: these cut what is split
  // themselves.
  void FindParts() {
    parts_.assign(body_.ops.size(), 0);
    for (size_t i = 0; i < body_.ops.size(); ++i) {
      parts_[i] = PartsOf(body_, body_.ops[i]);
    }
    const auto needed = [&](int op) {
      if (op >= 0) parts_[op] = 0;
    };
    for (size_t i = 0; i < body_.ops.size(); ++i) {
      const Op& op = body_.ops[i];
      for (const int control : op.controls) needed(control);
      const bool in_program =
          group_of_[i] >= 0 && groups_[group_of_[i]].size() > 1;
      const size_t values = in_program ? steps_[i]->num_inputs() : 0;
      for (size_t k = values; k < op.inputs.size(); ++k) {
        needed(op.inputs[k].op);
      }
    }
    for (const Result& result : body_.results) needed(result.value.op);
    for (const int target : body_.targets) needed(target);
  }

  // The op of the group, in the place of its root; the others are read by
  // nobody then. `group`: each op before what it reads.
  void Fuse(const std::vector<int>& group) {
    Op fused;
    auto node = std::make_shared<tensorflow::NodeDef>();
    node->set_op("_FusedElementwise");
    auto* names = (*node->mutable_attr())["names"].mutable_list();
    absl::flat_hash_map<std::pair<int, int>, int> step_of;  // by value
    absl::flat_hash_map<std::pair<int, int>, int> input_of;
    ElementProgram program;
    const auto add = [&](const ElementStep& step, int op, int output) {
      program.push_back(step);
      names->add_s(body_.ops[op].name);
      const int place = static_cast<int>(program.size()) - 1;
      step_of.emplace(std::pair(op, output), place);
      return place;
    };
    const auto input = [&](const ValueRef& of) {
      const ValueRef value = Unbound(of, &fused.controls);
      const auto [place, is_new] =
          input_of.try_emplace(std::pair(value.op, value.output),
                               static_cast<int>(fused.inputs.size()));
      if (is_new) fused.inputs.push_back(value);
      return ~place->second;
    };
    const auto read = [&](const ValueRef& value) {
      if (value.is_argument()) return input(value);
      const auto found = step_of.find({value.op, value.output});
      if (found != step_of.end()) return found->second;
      if (parts_[value.op] == 0) return input(value);
      // What its axis waits for, the op does.
      const Op& split = body_.ops[value.op];
      const auto& waits_for = body_.ops[split.inputs[0].op].controls;
      fused.controls.insert(fused.controls.end(), waits_for.begin(),
                            waits_for.end());
      ElementStep part;
      part.op = ElementOp::kPart;
      part.part = value.output;
      part.parts = parts_[value.op];
      part.from[0] = input(split.inputs[1]);
      part.from[1] = part.from[0];
      return add(part, value.op, value.output);
    };
    for (auto it = group.rbegin(); it != group.rend(); ++it) {
      ElementStep step = *steps_[*it];
      for (int k = 0; k < step.num_inputs(); ++k) {
        step.from[k] = read(body_.ops[*it].inputs[k]);
      }
      if (!IsBinary(step.op)) step.from[1] = step.from[0];
      add(step, *it, 0);
    }
    (*node->mutable_attr())["program"].set_s(PrintElementProgram(program));
    (*node->mutable_attr())["N"].set_i(
        static_cast<int64_t>(fused.inputs.size()));
    Op& root = body_.ops[group.front()];
    fused.name = root.name;
    fused.info = &fused_;
    fused.node = std::move(node);
    fused.signature.inputs.assign(fused.inputs.size(), DT_FLOAT);
    fused.signature.outputs = {DT_FLOAT};
    fused.shapes = std::move(root.shapes);
    Unique(fused.controls);
    root = std::move(fused);
  }

  // A constant that waits for something, as all do in loops, is one that does
  // not, for a reader who waits himself.
  ValueRef Unbound(const ValueRef& value, std::vector<int>* controls) {
    if (value.is_argument() || body_.ops[value.op].constant == nullptr ||
        body_.ops[value.op].controls.empty()) {
      return value;
    }
    const auto& waits_for = body_.ops[value.op].controls;
    controls->insert(controls->end(), waits_for.begin(), waits_for.end());
    const auto [place, is_new] =
        unbound_.try_emplace(value.op, static_cast<int>(body_.ops.size()));
    if (is_new) {
      Op constant = body_.ops[value.op];
      constant.name += "/unbound";
      constant.controls.clear();
      body_.ops.push_back(std::move(constant));
    }
    return {place->second, 0};
  }

  Body& body_;
  const OpInfo& fused_;
  std::vector<std::optional<ElementStep>> steps_;  // of those that may be in
  std::vector<std::vector<int>> groups_;
  std::vector<int> group_of_;  // by op; -1: none
  std::vector<int> parts_;     // by op: of Splits that programs do themselves
  absl::flat_hash_map<int, int> unbound_;  // by constant
};

}  // namespace

absl::Status FuseElementwise(Body& body, const CompileEnv& env) {
  // Tests of the layers above may be built without it.
  const OpInfo* fused = env.library.ops().Find("_FusedElementwise");
  if (fused != nullptr) Fusing(body, *fused).Run();
  return absl::OkStatus();
}

}  // namespace metagraph
