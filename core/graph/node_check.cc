#include "core/graph/node_check.h"

#include <string_view>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"
#include "core/tensor/dtype.h"

namespace metagraph {
namespace {

using tensorflow::AttrValue;
using tensorflow::NodeDef;
using tensorflow::OpDef;

// TensorFlow's names of what an attribute value may hold. An empty list may be
// of any type.
absl::string_view ScalarKind(const AttrValue& value) {
  switch (value.value_case()) {
    case AttrValue::kS:
      return "string";
    case AttrValue::kI:
      return "int";
    case AttrValue::kF:
      return "float";
    case AttrValue::kB:
      return "bool";
    case AttrValue::kType:
      return "type";
    case AttrValue::kShape:
      return "shape";
    case AttrValue::kTensor:
      return "tensor";
    case AttrValue::kFunc:
      return "func";
    default:
      return "";
  }
}

// The types of which a list has values: one, unless it is malformed.
std::vector<absl::string_view> ListKinds(const AttrValue::ListValue& list) {
  std::vector<absl::string_view> out;
  if (list.s_size() > 0) out.push_back("string");
  if (list.i_size() > 0) out.push_back("int");
  if (list.f_size() > 0) out.push_back("float");
  if (list.b_size() > 0) out.push_back("bool");
  if (list.type_size() > 0) out.push_back("type");
  if (list.shape_size() > 0) out.push_back("shape");
  if (list.tensor_size() > 0) out.push_back("tensor");
  if (list.func_size() > 0) out.push_back("func");
  return out;
}

int64_t ListLength(const AttrValue::ListValue& list) {
  return int64_t{list.s_size()} + list.i_size() + list.f_size() +
         list.b_size() + list.type_size() + list.shape_size() +
         list.tensor_size() + list.func_size();
}

absl::Status ForAttr(const absl::Status& status, const OpDef::AttrDef& attr) {
  return InvalidArgument(status.message(), "\n\t for attr '", attr.name(), "'");
}

absl::Status CheckKind(const AttrValue& value, absl::string_view wanted) {
  const auto unexpected = [&](absl::string_view found) {
    return InvalidArgument("AttrValue had value with type '", found, "' when '",
                           wanted, "' expected");
  };
  if (value.value_case() == AttrValue::VALUE_NOT_SET) {
    return InvalidArgument("AttrValue missing value with expected type '",
                           wanted, "'");
  }
  if (value.value_case() == AttrValue::kPlaceholder) {
    return InvalidArgument(
        "AttrValue had value with unexpected type 'placeholder'");
  }
  if (value.value_case() != AttrValue::kList) {
    const absl::string_view found = ScalarKind(value);
    return found == wanted ? absl::OkStatus() : unexpected(found);
  }
  absl::string_view element = wanted;
  if (!absl::ConsumePrefix(&element, "list(")) {
    const auto kinds = ListKinds(value.list());
    return kinds.empty()
               ? InvalidArgument("AttrValue missing value with expected type '",
                                 wanted, "'")
               : unexpected(absl::StrCat("list(", kinds[0], ")"));
  }
  absl::ConsumeSuffix(&element, ")");
  for (const absl::string_view kind : ListKinds(value.list())) {
    if (kind != element) return unexpected(absl::StrCat("list(", kind, ")"));
  }
  return absl::OkStatus();
}

absl::Status CheckDataType(int number, bool in_list) {
  const auto dtype = static_cast<DataType>(number);
  if (number == DT_INVALID) {
    return InvalidArgument("AttrValue ", in_list ? "contains" : "has",
                           " invalid DataType");
  }
  if (IsValidDataType(number)) return absl::OkStatus();
  if (IsRefType(dtype) && IsValidDataType(BaseType(dtype))) {
    return InvalidArgument("AttrValue must not have reference type value of ",
                           DataTypeName(dtype));
  }
  return InvalidArgument("AttrValue has invalid DataType enum: ", number);
}

std::string Quoted(const std::string& text) {
  return absl::StrCat("\"", absl::CEscape(text), "\"");
}

template <typename Allowed, typename Show>
absl::Status NotAllowed(const OpDef::AttrDef& attr, absl::string_view found,
                        const Allowed& allowed, Show show) {
  return InvalidArgument(
      "Value for attr '", attr.name(), "' of ", found,
      " is not in the list of allowed values: ",
      absl::StrJoin(allowed, ", ", [&](std::string* out, const auto& value) {
        absl::StrAppend(out, show(value));
      }));
}

absl::Status CheckType(const OpDef::AttrDef& attr, int number, bool in_list) {
  if (absl::Status status = CheckDataType(number, in_list); !status.ok()) {
    return ForAttr(status, attr);
  }
  const auto& allowed = attr.allowed_values().list().type();
  if (allowed.empty() || absl::c_linear_search(allowed, number)) {
    return absl::OkStatus();
  }
  return NotAllowed(
      attr, DataTypeName(static_cast<DataType>(number)), allowed,
      [](int type) { return DataTypeName(static_cast<DataType>(type)); });
}

absl::Status CheckString(const OpDef::AttrDef& attr, const std::string& text) {
  const auto& allowed = attr.allowed_values().list().s();
  if (allowed.empty() || absl::c_linear_search(allowed, text)) {
    return absl::OkStatus();
  }
  return NotAllowed(attr, Quoted(text), allowed, Quoted);
}

absl::Status CheckAttr(const AttrValue& value, const OpDef::AttrDef& attr) {
  if (absl::Status status = CheckKind(value, attr.type()); !status.ok()) {
    return ForAttr(status, attr);
  }
  if (value.value_case() == AttrValue::kList) {
    const int64_t length = ListLength(value.list());
    if (attr.has_minimum() && length < attr.minimum()) {
      return InvalidArgument("Length for attr '", attr.name(), "' of ", length,
                             " must be at least minimum ", attr.minimum());
    }
    for (const int type : value.list().type()) {
      RETURN_IF_ERROR(CheckType(attr, type, /*in_list=*/true));
    }
    for (const std::string& text : value.list().s()) {
      RETURN_IF_ERROR(CheckString(attr, text));
    }
    return absl::OkStatus();
  }
  switch (value.value_case()) {
    case AttrValue::kI:
      if (attr.has_minimum() && value.i() < attr.minimum()) {
        return InvalidArgument("Value for attr '", attr.name(), "' of ",
                               value.i(), " must be at least minimum ",
                               attr.minimum());
      }
      return absl::OkStatus();
    case AttrValue::kType:
      return CheckType(attr, value.type(), /*in_list=*/false);
    case AttrValue::kS:
      return CheckString(attr, value.s());
    default:
      return absl::OkStatus();
  }
}

std::string Argument(const OpDef::ArgDef& arg) {
  // A list of types has no text in TensorFlow's errors either.
  std::string type(arg.type_attr());
  if (arg.type() != DT_INVALID) type = std::string(DataTypeName(arg.type()));
  if (!arg.number_attr().empty()) {
    type = absl::StrCat(arg.number_attr(), "*", type);
  }
  if (arg.is_ref()) type = absl::StrCat("Ref(", type, ")");
  return absl::StrCat(arg.name(), ":", type);
}

template <typename Arguments>
std::string JoinArguments(const Arguments& arguments) {
  return absl::StrJoin(arguments, ", ",
                       [](std::string* out, const OpDef::ArgDef& arg) {
                         absl::StrAppend(out, Argument(arg));
                       });
}

std::string TypeText(int type) {
  return tensorflow::DataType_Name(static_cast<DataType>(type));
}

template <typename List, typename Show>
void AppendList(const List& list, Show show, std::vector<std::string>* out) {
  for (const auto& value : list) out->push_back(absl::StrCat(show(value)));
}

std::string BoolText(bool value) { return value ? "true" : "false"; }

std::string ShapeText(const tensorflow::TensorShapeProto& shape) {
  if (shape.unknown_rank()) return "<unknown>";
  return absl::StrCat(
      "[",
      absl::StrJoin(shape.dim(), ",",
                    [](std::string* out, const auto& dim) {
                      absl::StrAppend(
                          out, dim.size() < 0 ? "?" : absl::StrCat(dim.size()));
                    }),
      "]");
}

std::string ValueText(const AttrValue& value) {
  switch (value.value_case()) {
    case AttrValue::kS:
      return Quoted(value.s());
    case AttrValue::kI:
      return absl::StrCat(value.i());
    case AttrValue::kF:
      return absl::StrCat(value.f());
    case AttrValue::kB:
      return BoolText(value.b());
    case AttrValue::kType:
      return TypeText(value.type());
    case AttrValue::kShape:
      return ShapeText(value.shape());
    case AttrValue::kList: {
      const AttrValue::ListValue& list = value.list();
      const auto same = [](auto number) { return number; };
      std::vector<std::string> items;
      AppendList(list.s(), Quoted, &items);
      AppendList(list.i(), same, &items);
      AppendList(list.f(), same, &items);
      AppendList(list.b(), BoolText, &items);
      AppendList(list.type(), TypeText, &items);
      AppendList(list.shape(), ShapeText, &items);
      return absl::StrCat("[", absl::StrJoin(items, ", "), "]");
    }
    default:
      return "";
  }
}

absl::Status AtNode(const absl::Status& status, const NodeDef& node,
                    const OpDef& op) {
  return InvalidArgument(status.message(), "\n\t; NodeDef: {{node ",
                         node.name(), "}}; ", DescribeOp(op));
}

}  // namespace

absl::Status CheckNode(const NodeDef& node, const OpDef& op) {
  std::vector<absl::string_view> missing;
  for (const OpDef::AttrDef& attr : op.attr()) {
    const auto found = node.attr().find(std::string_view(attr.name()));
    if (found == node.attr().end()) {
      if (!attr.has_default_value()) missing.push_back(attr.name());
      continue;
    }
    if (absl::Status status = CheckAttr(found->second, attr); !status.ok()) {
      return AtNode(status, node, op);
    }
  }
  if (missing.empty()) return absl::OkStatus();
  return InvalidArgument("NodeDef missing attr", missing.size() > 1 ? "s" : "",
                         " '", absl::StrJoin(missing, "', '"), "' from ",
                         DescribeOp(op), "; NodeDef: {{node ", node.name(),
                         "}}");
}

std::string DescribeOp(const OpDef& op) {
  std::string out = absl::StrCat("Op<name=", op.name(),
                                 "; signature=", JoinArguments(op.input_arg()),
                                 " -> ", JoinArguments(op.output_arg()));
  for (const OpDef::AttrDef& attr : op.attr()) {
    absl::StrAppend(&out, "; attr=", attr.name(), ":", attr.type());
    if (attr.has_default_value()) {
      absl::StrAppend(&out, ",default=", ValueText(attr.default_value()));
    }
    if (attr.has_minimum()) absl::StrAppend(&out, ",min=", attr.minimum());
    if (attr.has_allowed_values()) {
      absl::StrAppend(&out, ",allowed=", ValueText(attr.allowed_values()));
    }
  }
  if (op.is_commutative()) absl::StrAppend(&out, "; is_commutative=true");
  if (op.is_aggregate()) absl::StrAppend(&out, "; is_aggregate=true");
  if (op.is_stateful()) absl::StrAppend(&out, "; is_stateful=true");
  if (op.allows_uninitialized_input()) {
    absl::StrAppend(&out, "; allows_uninitialized_input=true");
  }
  absl::StrAppend(&out, ">");
  return out;
}

}  // namespace metagraph
