#include "core/op/op_builder.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace metagraph {
namespace {

using tensorflow::AttrValue;

const OpRegistration* first_registration = nullptr;

absl::string_view Trim(absl::string_view text) {
  return absl::StripAsciiWhitespace(text);
}

// A dtype by TensorFlow's name ("float") or enum ("DT_FLOAT").
DataType ParseDataType(absl::string_view name) {
  if (const DataType dtype = DataTypeFromName(name); dtype != DT_INVALID) {
    return dtype;
  }
  DataType dtype = DT_INVALID;
  tensorflow::DataType_Parse(std::string(name), &dtype);
  return dtype;
}

// One value of attribute type `type` into a scalar AttrValue.
bool ParseScalar(absl::string_view type, absl::string_view text,
                 AttrValue* out) {
  if (type == "int") {
    int64_t value;
    if (!absl::SimpleAtoi(text, &value)) return false;
    out->set_i(value);
  } else if (type == "float") {
    float value;
    if (!absl::SimpleAtof(text, &value)) return false;
    out->set_f(value);
  } else if (type == "bool") {
    if (text != "true" && text != "false") return false;
    out->set_b(text == "true");
  } else if (type == "string") {
    if (text.size() < 2 || (text[0] != '\'' && text[0] != '"')) return false;
    out->set_s(std::string(text.substr(1, text.size() - 2)));
  } else if (type == "type") {
    const DataType dtype = ParseDataType(text);
    if (dtype == DT_INVALID) return false;
    out->set_type(dtype);
  } else if (type == "shape") {
    if (text != "{}" && text != "[]") return false;
    out->mutable_shape()->set_unknown_rank(text == "{}");
  } else {
    return false;
  }
  return true;
}

bool ParseDefault(absl::string_view type, absl::string_view text,
                  AttrValue* out) {
  if (!absl::ConsumePrefix(&type, "list(")) {
    return ParseScalar(type, text, out);
  }
  absl::ConsumeSuffix(&type, ")");
  if (!absl::ConsumePrefix(&text, "[") || !absl::ConsumeSuffix(&text, "]")) {
    return false;
  }
  AttrValue::ListValue* list = out->mutable_list();
  for (absl::string_view item : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    AttrValue value;
    if (!ParseScalar(type, Trim(item), &value)) return false;
    switch (value.value_case()) {
      case AttrValue::kI:
        list->add_i(value.i());
        break;
      case AttrValue::kF:
        list->add_f(value.f());
        break;
      case AttrValue::kB:
        list->add_b(value.b());
        break;
      case AttrValue::kS:
        list->add_s(value.s());
        break;
      case AttrValue::kType:
        list->add_type(value.type());
        break;
      default:
        return false;
    }
  }
  return true;
}

// "{half, float}" or "list({'A', 'B'})" at the front of `text`: the allowed
// values, and of what type they are.
bool ParseAllowedValues(absl::string_view* text,
                        tensorflow::OpDef::AttrDef* attr) {
  const bool list = absl::ConsumePrefix(text, "list(");
  const size_t end = text->find('}');
  if (end == absl::string_view::npos || !absl::ConsumePrefix(text, "{")) {
    return false;
  }
  const absl::string_view values = Trim(text->substr(0, end - 1));
  text->remove_prefix(end);
  if (list && !absl::ConsumePrefix(text, ")")) return false;
  const char* type = absl::StartsWith(values, "'") ? "string" : "type";
  attr->set_type(list ? absl::StrCat("list(", type, ")") : type);
  return ParseDefault(absl::StrCat("list(", type, ")"),
                      absl::StrCat("[", values, "]"),
                      attr->mutable_allowed_values());
}

bool ParseAttr(absl::string_view spec, tensorflow::OpDef::AttrDef* attr) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(spec, absl::MaxSplits(':', 1));
  attr->set_name(std::string(Trim(parts.first)));
  absl::string_view type = Trim(parts.second);
  if (absl::StartsWith(type, "{") || absl::StartsWith(type, "list({")) {
    if (!ParseAllowedValues(&type, attr)) return false;
    type = Trim(type);
  }
  absl::string_view default_text;
  bool has_default = false;
  // ">=" is a minimum; another "=" starts the default.
  size_t minimum = type.find(">=");
  size_t equals =
      type.find('=', minimum == absl::string_view::npos ? 0 : minimum + 2);
  if (equals != absl::string_view::npos) {
    has_default = true;
    default_text = Trim(type.substr(equals + 1));
    type = Trim(type.substr(0, equals));
  }
  if (minimum != absl::string_view::npos) {
    int64_t value = 0;
    if (!absl::SimpleAtoi(Trim(type.substr(minimum + 2)), &value)) return false;
    attr->set_has_minimum(true);
    attr->set_minimum(value);
    type = Trim(type.substr(0, minimum));
  }
  if (!attr->has_allowed_values()) {
    attr->set_type(std::string(type));
  } else if (!type.empty()) {
    return false;
  }
  if (attr->name().empty() || attr->type().empty()) return false;
  return !has_default || ParseDefault(attr->type(), default_text,
                                      attr->mutable_default_value());
}

}  // namespace

void OpBuilder::Fail(absl::string_view spec) {
  if (status_.ok()) {
    status_ =
        Internal("op \"", info_.def.name(), "\": cannot parse \"", spec, "\"");
  }
}

// "name: [N *] T" or "name: Ref(T)". Whether T is a dtype, a type attribute
// or a list(type) attribute is settled by OpRegistry, when all are known.
bool OpBuilder::ParseArg(absl::string_view spec,
                         tensorflow::OpDef::ArgDef* arg) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(spec, absl::MaxSplits(':', 1));
  absl::string_view type = Trim(parts.second);
  arg->set_name(std::string(Trim(parts.first)));
  if (absl::ConsumePrefix(&type, "Ref(")) {
    if (!absl::ConsumeSuffix(&type, ")")) return false;
    arg->set_is_ref(true);
  }
  if (const size_t star = type.find('*'); star != absl::string_view::npos) {
    arg->set_number_attr(std::string(Trim(type.substr(0, star))));
    type = Trim(type.substr(star + 1));
  }
  if (arg->name().empty() || type.empty()) return false;
  if (const DataType dtype = ParseDataType(type); dtype != DT_INVALID) {
    arg->set_type(dtype);
  } else {
    arg->set_type_attr(std::string(type));
  }
  return true;
}

OpBuilder& OpBuilder::Input(absl::string_view spec) {
  if (!ParseArg(spec, info_.def.add_input_arg())) Fail(spec);
  return *this;
}

OpBuilder& OpBuilder::Output(absl::string_view spec) {
  if (!ParseArg(spec, info_.def.add_output_arg())) Fail(spec);
  return *this;
}

OpBuilder& OpBuilder::Attr(absl::string_view spec) {
  if (!ParseAttr(spec, info_.def.add_attr())) Fail(spec);
  return *this;
}

OpBuilder& OpBuilder::SetIsStateful() {
  info_.def.set_is_stateful(true);
  return *this;
}

OpBuilder& OpBuilder::SetAllowsUninitializedInput() {
  info_.def.set_allows_uninitialized_input(true);
  return *this;
}

OpBuilder& OpBuilder::SetWritesVariables() {
  info_.writes_variables = true;
  return *this;
}

OpBuilder& OpBuilder::SetReadsVariables() {
  info_.reads_variables = true;
  return *this;
}

OpBuilder& OpBuilder::SetDeclaresVariable() {
  info_.declares_variable = true;
  return *this;
}

OpBuilder& OpBuilder::AddKernel(
    std::vector<std::pair<std::string, DataType>> types,
    KernelFactory factory) {
  info_.kernels.push_back({std::move(types), factory, label_});
  return *this;
}

OpRegistration::OpRegistration(const char* op_name, const char* kernel_label,
                               Describe describe_fn)
    : op(op_name),
      label(kernel_label),
      describe(describe_fn),
      next(std::exchange(first_registration, this)) {}

const OpRegistration* OpRegistration::First() { return first_registration; }

}  // namespace metagraph
