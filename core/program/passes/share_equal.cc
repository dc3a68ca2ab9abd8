#include "core/program/passes/share_equal.h"

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace metagraph {
namespace {

// Constants are compared up to this size.
constexpr int64_t kMaxConstantBytes = 64;

void Append(std::string* out, absl::string_view text) {
  absl::StrAppend(out, text.size(), ":", text);
}

bool MayBeShared(const Body& body, const Op& op) {
  if (op.constant != nullptr) {
    return op.controls.empty() && IsPlainData(op.constant->dtype()) &&
           op.constant->size_bytes() <= kMaxConstantBytes;
  }
  if (op.kind != OpKind::kPlain || op.stateful() || op.inputs.empty()) {
    return false;
  }
  // Each call of a function may have an effect or a random stream of its own,
  // whatever the op declares.
  if (CallsFunctions(*op.node)) return false;
  for (DataType dtype : op.signature.outputs) {
    if (IsRefType(dtype)) return false;
  }
  for (const ValueRef& input : op.inputs) {
    if (IsRefType(body.TypeOf(input))) return false;
  }
  return true;
}

// Equal for ops that compute the same.
std::string KeyOfOp(const Op& op) {
  std::string key;
  if (op.constant != nullptr) {
    absl::StrAppend(&key, static_cast<int>(op.constant->dtype()), " ",
                    op.constant->shape().ToString(), " ", op.constant->bytes());
    return key;
  }
  Append(&key, op.type());
  for (const ValueRef& input : op.inputs) {
    absl::StrAppend(&key, " ", input.op, ".", input.output);
  }
  for (int control : op.controls) absl::StrAppend(&key, " ^", control);
  absl::StrAppend(&key, " ", KeyOf(op.node->attr()));
  return key;
}

}  // namespace

absl::Status ShareEqual(Body& body, const CompileEnv&) {
  std::vector<int> shared(body.ops.size());
  for (size_t i = 0; i < shared.size(); ++i) shared[i] = static_cast<int>(i);
  const auto redirect = [&](Op& op) {
    for (ValueRef& input : op.inputs) {
      if (!input.is_argument()) input.op = shared[input.op];
    }
    for (int& control : op.controls) control = shared[control];
    Unique(op.controls);
  };
  absl::flat_hash_map<std::string, int> first;
  for (int i : TopologicalOrder(body)) {
    Op& op = body.ops[i];
    redirect(op);
    if (MayBeShared(body, op)) {
      shared[i] = first.try_emplace(KeyOfOp(op), i).first->second;
    }
  }
  for (Op& op : body.ops) redirect(op);  // those on cycles too
  for (Result& result : body.results) {
    if (!result.value.is_argument()) {
      result.value.op = shared[result.value.op];
    }
  }
  for (int& target : body.targets) target = shared[target];
  Unique(body.targets);
  return absl::OkStatus();
}

}  // namespace metagraph
