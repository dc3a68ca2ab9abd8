#include "core/program/passes/read_weights.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/program/connect.h"

namespace metagraph {
namespace {

bool IsRefVariable(const Op& op) {
  return op.type() == "VariableV2" || op.type() == "Variable";
}

std::string TextAttr(const Op& op, const char* name) {
  const auto it = op.node->attr().find(name);
  return it == op.node->attr().end() ? std::string() : it->second.s();
}

// The value of the variable that the op names, as its kernel would find it.
const Tensor* ValueOf(const Body& body, const Op& op, const Weights& weights) {
  std::string name = TextAttr(op, "shared_name");
  if (name.empty()) name = absl::StrCat(body.path, op.name);
  return weights.Find(TextAttr(op, "container"), name);
}

// By op: whether somebody wants it by reference.
std::vector<bool> WantedByReference(const Body& body) {
  std::vector<bool> wanted(body.ops.size(), false);
  for (const Op& op : body.ops) {
    for (size_t i = 0; i < op.inputs.size(); ++i) {
      const ValueRef& input = op.inputs[i];
      if (input.is_argument()) continue;
      const DataType given = body.TypeOf(input);
      if (IsRefType(given) && WantsRef(op, static_cast<int>(i), given)) {
        wanted[input.op] = true;
      }
    }
  }
  return wanted;
}

void MakeConstant(std::shared_ptr<const Tensor> value, const OpRegistry& ops,
                  Op* op) {
  auto node = std::make_shared<tensorflow::NodeDef>();
  node->set_op("Const");
  (*node->mutable_attr())["dtype"].set_type(value->dtype());
  op->info = ops.Find("Const");
  op->node = std::move(node);
  op->kind = OpKind::kPlain;
  op->inputs.clear();
  op->signature.inputs.clear();
  op->signature.outputs = {value->dtype()};
  op->constant = std::move(value);
}

}  // namespace

absl::Status ReadWeights(Body& body, const CompileEnv& env) {
  if (env.weights == nullptr) return absl::OkStatus();
  const std::vector<bool> by_reference = WantedByReference(body);
  const auto make_constant = [&](const Tensor* value, Op& op) {
    if (value == nullptr ||
        value->dtype() != BaseType(op.signature.outputs[0])) {
      return;
    }
    // Shares the generation's buffer.
    MakeConstant(std::make_shared<const Tensor>(*value), env.library.ops(),
                 &op);
  };
  for (size_t i = 0; i < body.ops.size(); ++i) {
    Op& op = body.ops[i];
    if (IsRefVariable(op) && !by_reference[i]) {
      make_constant(ValueOf(body, op, *env.weights), op);
    } else if (op.type() == "ReadVariableOp" && !op.inputs[0].is_argument()) {
      const Op& handle = body.ops[op.inputs[0].op];
      // Where the handle waits, the value does.
      if (handle.type() != "VarHandleOp" || !handle.controls.empty()) continue;
      make_constant(ValueOf(body, handle, *env.weights), op);
    }
  }
  return absl::OkStatus();
}

}  // namespace metagraph
