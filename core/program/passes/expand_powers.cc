#include "core/program/passes/expand_powers.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace metagraph {
namespace {

// The exponent of a power of floats, if it is a constant scalar.
std::optional<double> ExponentOf(const Body& body, const Op& op) {
  if (op.type() != "Pow" || op.kind != OpKind::kPlain ||
      op.constant != nullptr || op.inputs[1].is_argument()) {
    return std::nullopt;
  }
  const Op& exponent = body.ops[op.inputs[1].op];
  // Of references nothing is known; a constant that waits makes the op wait.
  if (exponent.constant == nullptr || !exponent.controls.empty() ||
      exponent.constant->rank() != 0) {
    return std::nullopt;
  }
  switch (exponent.constant->dtype()) {
    case DT_FLOAT:
      return exponent.constant->scalar<float>();
    case DT_DOUBLE:
      return exponent.constant->scalar<double>();
    default:
      return std::nullopt;
  }
}

const char* OpOfPower(double exponent) {
  // Not a root: of -inf it is NaN, and the power is inf.
  if (exponent == 2) return "Square";
  return exponent == -1 ? "Reciprocal" : nullptr;
}

// Makes the op another one, of the same dtype.
void Become(const char* type, const OpInfo* info, std::vector<ValueRef> inputs,
            Op* op) {
  const DataType dtype = op->signature.outputs[0];
  auto node = std::make_shared<tensorflow::NodeDef>();
  node->set_op(type);
  (*node->mutable_attr())["T"].set_type(dtype);
  op->node = std::move(node);
  op->info = info;
  op->signature.inputs.assign(inputs.size(), dtype);
  op->inputs = std::move(inputs);
}

}  // namespace

absl::Status ExpandPowers(Body& body, const CompileEnv& env) {
  const auto& ops = env.library.ops();
  const size_t count = body.ops.size();
  for (size_t i = 0; i < count; ++i) {
    const std::optional<double> exponent = ExponentOf(body, body.ops[i]);
    if (!exponent.has_value()) continue;
    const ValueRef base = body.ops[i].inputs[0];
    if (IsRefType(body.TypeOf(base))) continue;
    if (const char* type = OpOfPower(*exponent)) {
      Become(type, ops.Find(type), {base}, &body.ops[i]);
    } else if (*exponent == 3) {
      Op square = body.ops[i];
      absl::StrAppend(&square.name, "/square");
      Become("Square", ops.Find("Square"), {base}, &square);
      const ValueRef squared = {static_cast<int>(body.ops.size()), 0};
      body.ops.push_back(std::move(square));
      Become("Mul", ops.Find("Mul"), {base, squared}, &body.ops[i]);
    }
  }
  return absl::OkStatus();
}

}  // namespace metagraph
