#include "core/op/op_table.h"

#include <algorithm>
#include <iterator>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

using tensorflow::OpDef;
using Arguments = google::protobuf::RepeatedPtrField<OpDef::ArgDef>;

// In the language of OpBuilder, which also reads the values that alone are
// allowed: "{half, float}", "{'SAME', 'VALID'}", "list({int32, int64})".
struct OpRow {
  absl::string_view op;
  absl::string_view inputs;      // "x: T, y: T"
  absl::string_view outputs;     // the same
  absl::string_view attributes;  // "N: int >= 1 | T: {half, float} = float"
  absl::string_view flags;       // "stateful uninitialized"
};

constexpr OpRow kRows[] = {
#include "core/op/op_table.inc"
};

constexpr bool Before(const OpRow& a, const OpRow& b) { return a.op < b.op; }
static_assert(std::is_sorted(std::begin(kRows), std::end(kRows), Before));

const OpRow* FindRow(absl::string_view op) {
  const OpRow* row = std::lower_bound(std::begin(kRows), std::end(kRows),
                                      OpRow{op, {}, {}, {}, {}}, Before);
  return row != std::end(kRows) && row->op == op ? row : nullptr;
}

absl::StatusOr<OpDef> ReadRow(const OpRow& row) {
  OpInfo info;
  info.def.set_name(std::string(row.op));
  OpBuilder builder(info);
  for (absl::string_view arg :
       absl::StrSplit(row.inputs, ", ", absl::SkipEmpty())) {
    builder.Input(arg);
  }
  for (absl::string_view arg :
       absl::StrSplit(row.outputs, ", ", absl::SkipEmpty())) {
    builder.Output(arg);
  }
  for (absl::string_view attr :
       absl::StrSplit(row.attributes, " | ", absl::SkipEmpty())) {
    builder.Attr(attr);
  }
  RETURN_IF_ERROR(builder.status());
  OpDef& def = info.def;
  def.set_is_commutative(absl::StrContains(row.flags, "commutative"));
  def.set_is_aggregate(absl::StrContains(row.flags, "aggregate"));
  def.set_is_stateful(absl::StrContains(row.flags, "stateful"));
  def.set_allows_uninitialized_input(
      absl::StrContains(row.flags, "uninitialized"));
  RETURN_IF_ERROR(SettleArguments(def));
  return def;
}

bool SameArgument(const OpDef::ArgDef& a, const OpDef::ArgDef& b) {
  // The handles of TensorFlow 1.0, references to a string, are plain tensors
  // here.
  const bool handle = a.type() == DT_STRING && b.type() == DT_STRING;
  return a.name() == b.name() && a.type() == b.type() &&
         a.type_attr() == b.type_attr() && a.number_attr() == b.number_attr() &&
         a.type_list_attr() == b.type_list_attr() &&
         (handle || a.is_ref() == b.is_ref());
}

bool SameArguments(const Arguments& a, const Arguments& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), SameArgument);
}

const OpDef::AttrDef* FindAttrDef(const OpDef& op, const std::string& name) {
  const auto found = absl::c_find_if(
      op.attr(), [&](const OpDef::AttrDef& a) { return a.name() == name; });
  return found == op.attr().end() ? nullptr : &*found;
}

// Whether what a registration says of an attribute is what the table says.
bool Agrees(const OpDef::AttrDef& said, const OpDef::AttrDef& declared) {
  return said.type() == declared.type() &&
         said.has_default_value() == declared.has_default_value() &&
         said.default_value().SerializeAsString() ==
             declared.default_value().SerializeAsString() &&
         (!said.has_minimum() || said.minimum() == declared.minimum());
}

absl::Status CheckKernel(const KernelEntry& kernel, const OpDef& declared) {
  for (const auto& [name, dtype] : kernel.types) {
    const OpDef::AttrDef* attr = FindAttrDef(declared, name);
    if (attr == nullptr || attr->type() != "type") {
      return Internal("op \"", declared.name(), "\" has no type \"", name,
                      "\" to choose a kernel by");
    }
    const auto& allowed = attr->allowed_values().list().type();
    if (!allowed.empty() && !absl::c_linear_search(allowed, dtype)) {
      return Internal("op \"", declared.name(), "\" has a kernel for ", name,
                      "=", DataTypeName(dtype), ", which is not allowed");
    }
  }
  return absl::OkStatus();
}

}  // namespace

bool IsDeclared(absl::string_view op) { return FindRow(op) != nullptr; }

absl::Status SettleArguments(OpDef& op) {
  for (Arguments* args : {op.mutable_input_arg(), op.mutable_output_arg()}) {
    for (OpDef::ArgDef& arg : *args) {
      if (arg.type_attr().empty()) continue;
      const OpDef::AttrDef* attr = FindAttrDef(op, arg.type_attr());
      if (attr == nullptr) {
        return Internal("op \"", op.name(), "\": argument \"", arg.name(),
                        "\" needs an undeclared attribute \"", arg.type_attr(),
                        "\"");
      }
      if (attr->type() == "list(type)") {
        arg.set_type_list_attr(arg.type_attr());
        arg.clear_type_attr();
      }
    }
  }
  return absl::OkStatus();
}

absl::Status ApplyDeclaration(OpInfo& info) {
  OpDef& def = info.def;
  const OpRow* row = FindRow(def.name());
  if (row == nullptr) return SettleArguments(def);
  ASSIGN_OR_RETURN(OpDef declared, ReadRow(*row));
  for (const OpDef::AttrDef& attr : def.attr()) {
    const OpDef::AttrDef* other = FindAttrDef(declared, attr.name());
    if (other == nullptr || !Agrees(attr, *other)) {
      return Internal("op \"", def.name(), "\": attribute \"", attr.name(),
                      "\" is not as the op table declares it");
    }
  }
  def.mutable_attr()->Swap(declared.mutable_attr());
  RETURN_IF_ERROR(SettleArguments(def));
  if (!SameArguments(def.input_arg(), declared.input_arg()) ||
      !SameArguments(def.output_arg(), declared.output_arg()) ||
      def.is_stateful() != declared.is_stateful() ||
      def.allows_uninitialized_input() !=
          declared.allows_uninitialized_input()) {
    return Internal("op \"", def.name(),
                    "\": its arguments or flags are not as the op table "
                    "declares them");
  }
  def.set_is_commutative(declared.is_commutative());
  def.set_is_aggregate(declared.is_aggregate());
  for (const KernelEntry& kernel : info.kernels) {
    RETURN_IF_ERROR(CheckKernel(kernel, def));
  }
  return absl::OkStatus();
}

}  // namespace metagraph
