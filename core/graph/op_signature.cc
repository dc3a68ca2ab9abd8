#include "core/graph/op_signature.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/graph/node_check.h"

namespace metagraph {
namespace {

using tensorflow::AttrValue;
using tensorflow::NodeDef;
using tensorflow::OpDef;

constexpr int64_t kMaxArguments = 1 << 20;

absl::StatusOr<const AttrValue*> GetAttr(const NodeDef& node, const OpDef& op,
                                         const std::string& name,
                                         AttrValue::ValueCase kind) {
  const AttrValue* attr = FindAttr(node, op, name);
  if (attr == nullptr) {
    return InvalidArgument("NodeDef missing attr '", name,
                           "' from Op<name=", op.name(),
                           ">; NodeDef: ", node.name());
  }
  if (attr->value_case() != kind) {
    return InvalidArgument("attribute \"", name, "\" of node \"", node.name(),
                           "\" (", node.op(), ") has the wrong kind");
  }
  return attr;
}

// A dtype that a graph may hold: kernels for newer ones do not exist, but
// their numbers must not run into the reference types.
absl::Status Append(int number, bool is_ref, const NodeDef& node,
                    std::vector<DataType>* out) {
  const auto dtype = static_cast<DataType>(number);
  if (!IsValidDataType(BaseType(dtype))) {
    return InvalidArgument("node \"", node.name(), "\" (", node.op(),
                           ") uses an unknown dtype, number ", number);
  }
  if (out->size() >= kMaxArguments) {
    return InvalidArgument("node \"", node.name(), "\" (", node.op(),
                           ") has more than ", kMaxArguments, " arguments");
  }
  out->push_back(is_ref ? MakeRefType(dtype) : dtype);
  return absl::OkStatus();
}

absl::Status AppendArgument(const NodeDef& node, const OpDef& op,
                            const OpDef::ArgDef& arg,
                            std::vector<DataType>* out) {
  if (!arg.type_list_attr().empty()) {
    ASSIGN_OR_RETURN(const AttrValue* types,
                     GetAttr(node, op, arg.type_list_attr(), AttrValue::kList));
    for (int type : types->list().type()) {
      RETURN_IF_ERROR(Append(type, arg.is_ref(), node, out));
    }
    return absl::OkStatus();
  }
  int64_t count = 1;
  if (!arg.number_attr().empty()) {
    ASSIGN_OR_RETURN(const AttrValue* number,
                     GetAttr(node, op, arg.number_attr(), AttrValue::kI));
    count = number->i();
    if (count < 0 || count > kMaxArguments) {
      return InvalidArgument("attribute \"", arg.number_attr(), "\" of node \"",
                             node.name(), "\" (", node.op(), ") is ", count,
                             ", expected a count");
    }
  }
  int type = arg.type();
  if (!arg.type_attr().empty()) {
    ASSIGN_OR_RETURN(const AttrValue* attr,
                     GetAttr(node, op, arg.type_attr(), AttrValue::kType));
    type = attr->type();
  }
  for (int64_t i = 0; i < count; ++i) {
    RETURN_IF_ERROR(Append(type, arg.is_ref(), node, out));
  }
  return absl::OkStatus();
}

}  // namespace

const AttrValue* FindAttr(const NodeDef& node, const OpDef& op,
                          absl::string_view name) {
  const auto declared =
      std::find_if(op.attr().begin(), op.attr().end(),
                   [&](const auto& attr) { return attr.name() == name; });
  const bool is_declared = declared != op.attr().end();
  if (!is_declared && !absl::StartsWith(name, "_")) return nullptr;
  const auto found =
      node.attr().find(std::string_view(name.data(), name.size()));
  if (found != node.attr().end()) return &found->second;
  return is_declared && declared->has_default_value()
             ? &declared->default_value()
             : nullptr;
}

absl::StatusOr<NodeSignature> ResolveSignature(const NodeDef& node,
                                               const OpDef& op) {
  RETURN_IF_ERROR(CheckNode(node, op));
  return ReadSignature(node, op);
}

absl::StatusOr<NodeSignature> ReadSignature(const NodeDef& node,
                                            const OpDef& op) {
  NodeSignature out;
  for (const OpDef::ArgDef& arg : op.input_arg()) {
    RETURN_IF_ERROR(AppendArgument(node, op, arg, &out.inputs));
  }
  for (const OpDef::ArgDef& arg : op.output_arg()) {
    RETURN_IF_ERROR(AppendArgument(node, op, arg, &out.outputs));
  }
  return out;
}

absl::Status CheckInputCount(const NodeDef& node, const OpDef& op,
                             const NodeSignature& signature, size_t count) {
  if (signature.inputs.size() == count) return absl::OkStatus();
  const auto name = [](std::string* out, DataType dtype) {
    absl::StrAppend(out, DataTypeName(dtype));
  };
  return InvalidArgument(
      "NodeDef expected inputs '", absl::StrJoin(signature.inputs, ", ", name),
      "' do not match ", count, " inputs specified; ", DescribeOp(op),
      "; NodeDef: {{node ", node.name(), "}}");
}

}  // namespace metagraph
