#include "core/program/passes/simplify.h"

#include <memory>
#include <string>
#include <utility>

namespace metagraph {
namespace {

// Whether the value is known to be a scalar integer `number`; a scalar leaves
// the other operand's shape.
bool IsInteger(const Body& body, const ValueRef& value, int64_t number) {
  if (value.is_argument()) return false;
  const Op& op = body.ops[value.op];
  if (op.constant == nullptr || !op.controls.empty() ||
      op.constant->rank() != 0) {
    return false;
  }
  switch (op.constant->dtype()) {
    case DT_INT32:
      return op.constant->scalar<int32_t>() == number;
    case DT_INT64:
      return op.constant->scalar<int64_t>() == number;
    default:
      return false;
  }
}

// Whether the op gives `*value` as it is; of two opposite ops that is what the
// inner one is given.
bool GivesWhatItIsGiven(const Body& body, const Op& op, ValueRef* value) {
  const std::string& type = op.type();
  const auto take = [&](int input) {
    *value = op.inputs[input];
    return true;
  };
  if (type == "Cast") {
    return op.signature.inputs[0] == op.signature.outputs[0] && take(0);
  }
  if (type == "Mul") {
    return (IsInteger(body, op.inputs[1], 1) && take(0)) ||
           (IsInteger(body, op.inputs[0], 1) && take(1));
  }
  if (type == "Add" || type == "AddV2") {
    return (IsInteger(body, op.inputs[1], 0) && take(0)) ||
           (IsInteger(body, op.inputs[0], 0) && take(1));
  }
  if (type == "Sub") return IsInteger(body, op.inputs[1], 0) && take(0);
  if (type == "Neg" || type == "LogicalNot" || type == "Conj" ||
      type == "Invert") {
    if (op.inputs[0].is_argument()) return false;
    const Op& inner = body.ops[op.inputs[0].op];
    if (inner.type() != type || inner.constant != nullptr ||
        !inner.controls.empty()) {
      return false;
    }
    *value = inner.inputs[0];
    return true;
  }
  return false;
}

bool IsPlainValue(const Body& body, const ValueRef& value) {
  return !IsRefType(body.TypeOf(value)) &&
         (value.is_argument() || body.ops[value.op].kind == OpKind::kPlain);
}

void MakeIdentity(const ValueRef& value, const OpInfo* identity, Op* op) {
  auto node = std::make_shared<tensorflow::NodeDef>();
  node->set_op("Identity");
  const DataType dtype = op->signature.outputs[0];
  (*node->mutable_attr())["T"].set_type(dtype);
  op->info = identity;
  op->node = std::move(node);
  op->inputs = {value};
  op->signature.inputs = {dtype};
}

// What an op reads has run before it does.
void DropImpliedControls(const Body& body, Op* op) {
  std::erase_if(op->controls, [&](int control) {
    if (body.ops[control].kind != OpKind::kPlain) return false;
    for (const ValueRef& input : op->inputs) {
      if (input.op == control) return true;
    }
    return false;
  });
}

}  // namespace

absl::Status Simplify(Body& body, const CompileEnv& env) {
  const OpInfo* identity = env.library.ops().Find("Identity");
  for (Op& op : body.ops) {
    if (op.kind != OpKind::kPlain || op.constant != nullptr) continue;
    DropImpliedControls(body, &op);
    ValueRef value;
    if (GivesWhatItIsGiven(body, op, &value) && IsPlainValue(body, value)) {
      MakeIdentity(value, identity, &op);
    }
  }
  return absl::OkStatus();
}

}  // namespace metagraph
