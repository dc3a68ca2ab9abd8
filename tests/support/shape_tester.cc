#include "tests/support/shape_tester.h"

#include <cstdlib>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/graph/op_signature.h"
#include "core/op/infer_shapes.h"
#include "core/op/op_registry.h"

namespace metagraph {
namespace {

using tensorflow::AttrValue;
using tensorflow::NodeDef;
using tensorflow::OpDef;

[[noreturn]] void Refuse(absl::string_view what, absl::string_view text) {
  std::fprintf(stderr, "shape_tester: %s \"%s\"\n", std::string(what).c_str(),
               std::string(text).c_str());
  std::abort();
}

// "1,?,3" with `unknown` for "?".
KnownInts ParseInts(absl::string_view text, int64_t unknown) {
  KnownInts out;
  for (absl::string_view item : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    item = absl::StripAsciiWhitespace(item);
    int64_t value = unknown;
    if (item != "?" && !absl::SimpleAtoi(item, &value)) {
      Refuse("no number:", item);
    }
    out.push_back(value);
  }
  return out;
}

PartialShape ParseShape(absl::string_view text) {
  if (text == "?") return PartialShape();
  if (!absl::ConsumePrefix(&text, "[") || !absl::ConsumeSuffix(&text, "]")) {
    Refuse("no shape:", text);
  }
  return PartialShape(ParseInts(text, -1));
}

ValueFacts ParseInput(absl::string_view text) {
  ValueFacts out;
  if (absl::ConsumePrefix(&text, "->")) {
    out.shape = PartialShape({});
    out.handle_shape = ParseShape(text);
  } else if (absl::ConsumePrefix(&text, "{")) {
    absl::ConsumeSuffix(&text, "}");
    out.ints = ParseInts(text, kUnknownInt);
    out.shape = PartialShape({static_cast<int64_t>(out.ints->size())});
  } else if (absl::StartsWith(text, "[") || text == "?") {
    out.shape = ParseShape(text);
  } else {
    out.ints = ParseInts(text, kUnknownInt);
    out.shape = PartialShape({});
  }
  return out;
}

std::string Print(const PartialShape& shape) {
  return shape.known_rank() ? shape.ToString() : "?";
}

std::string Print(const ValueFacts& facts) {
  std::string out = Print(facts.shape);
  if (facts.ints.has_value()) {
    absl::StrAppend(&out, "{",
                    absl::StrJoin(*facts.ints, ",",
                                  [](std::string* to, int64_t value) {
                                    value == kUnknownInt
                                        ? absl::StrAppend(to, "?")
                                        : absl::StrAppend(to, value);
                                  }),
                    "}");
  }
  if (facts.handle_shape.known_rank()) {
    absl::StrAppend(&out, "->", Print(facts.handle_shape));
  }
  return out;
}

void ParseScalarAttr(absl::string_view type, absl::string_view text,
                     AttrValue* out) {
  if (type == "int") {
    out->set_i(ParseInts(text, -1)[0]);
  } else if (type == "bool") {
    out->set_b(text == "true");
  } else if (type == "type") {
    out->set_type(DataTypeFromName(text));
  } else if (type == "string") {
    out->set_s(std::string(text.substr(1, text.size() - 2)));
  } else if (type == "float") {
    float value = 0;
    if (!absl::SimpleAtof(text, &value)) Refuse("no number:", text);
    out->set_f(value);
  } else if (type == "shape") {
    ParseShape(text).ToProto(out->mutable_shape());
  } else {
    Refuse("no way to write an attribute of type", type);
  }
}

// "a=1, b=[1,2]" at the commas that stand in no brackets.
std::vector<std::string> SplitAtCommas(absl::string_view text) {
  std::vector<std::string> out(1);
  int depth = 0;
  for (const char c : text) {
    depth += c == '[' ? 1 : c == ']' ? -1 : 0;
    if (c == ',' && depth == 0) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

AttrValue ParseAttr(absl::string_view type, absl::string_view text) {
  AttrValue out;
  if (!absl::ConsumePrefix(&type, "list(")) {
    ParseScalarAttr(type, text, &out);
    return out;
  }
  absl::ConsumeSuffix(&type, ")");
  absl::ConsumePrefix(&text, "[");
  absl::ConsumeSuffix(&text, "]");
  auto* list = out.mutable_list();
  for (const std::string& item : SplitAtCommas(text)) {
    if (item.empty()) continue;
    AttrValue value;
    ParseScalarAttr(type, absl::StripAsciiWhitespace(item), &value);
    if (type == "int") list->add_i(value.i());
    if (type == "bool") list->add_b(value.b());
    if (type == "type") list->add_type(value.type());
    if (type == "string") list->add_s(value.s());
    if (type == "shape") *list->add_shape() = value.shape();
  }
  return out;
}

// What a node must say and the test does not care about.
void FillIn(const OpDef& op, size_t inputs, NodeDef* node) {
  for (const OpDef::AttrDef& attr : op.attr()) {
    if (attr.has_default_value() || node->attr().contains(attr.name())) {
      continue;
    }
    AttrValue& value = (*node->mutable_attr())[attr.name()];
    if (attr.type() == "type") {
      const auto& allowed = attr.allowed_values().list().type();
      value.set_type(DT_INT32);
      bool fits = allowed.empty();
      for (const int dtype : allowed) fits |= dtype == DT_INT32;
      if (!fits) value.set_type(static_cast<DataType>(allowed[0]));
    } else if (attr.type() == "int") {
      value.set_i(static_cast<int64_t>(inputs) - op.input_arg_size() + 1);
    } else if (attr.type() == "float") {
      value.set_f(0);
    } else if (attr.type() == "string") {
      value.set_s("");
    } else if (attr.type() == "bool") {
      value.set_b(false);
    } else if (attr.type() == "list(type)") {
      const size_t count = inputs - op.input_arg_size() + 1;
      for (size_t i = 0; i < count; ++i) {
        value.mutable_list()->add_type(DT_INT32);
      }
    } else {
      Refuse("the test must say the attribute", attr.name());
    }
  }
}

}  // namespace

std::string ShapesOf(absl::string_view op, absl::string_view inputs,
                     absl::string_view attrs) {
  static const OpRegistry& registry = *OpRegistry::Create()->release();
  const OpInfo* info = registry.Find(op);
  if (info == nullptr) Refuse("no such op:", op);
  std::vector<ValueFacts> facts;
  for (absl::string_view input :
       absl::StrSplit(inputs, ';', absl::SkipEmpty())) {
    facts.push_back(ParseInput(absl::StripAsciiWhitespace(input)));
  }
  NodeDef node;
  node.set_name("node");
  node.set_op(std::string(op));
  for (const std::string& item : SplitAtCommas(attrs)) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(item, absl::MaxSplits('=', 1));
    const absl::string_view name = absl::StripAsciiWhitespace(parts.first);
    if (name.empty()) continue;
    bool known = false;
    for (const OpDef::AttrDef& attr : info->def.attr()) {
      if (attr.name() != name) continue;
      known = true;
      (*node.mutable_attr())[std::string(name)] =
          ParseAttr(attr.type(), absl::StripAsciiWhitespace(parts.second));
    }
    if (!known) Refuse("no such attribute:", name);
  }
  FillIn(info->def, facts.size(), &node);
  const auto signature = ResolveSignature(node, info->def);
  if (!signature.ok()) return std::string(signature.status().message());
  if (signature->inputs.size() != facts.size()) {
    Refuse("another number of inputs than the op has:", op);
  }
  std::vector<ValueFacts> outputs(signature->outputs.size());
  const absl::Status status =
      InferOutputs(*info, node, facts, absl::MakeSpan(outputs));
  if (!status.ok()) {
    return std::string(
        status.message().substr(0, status.message().find(" for 'node'")));
  }
  return absl::StrJoin(outputs, "; ",
                       [](std::string* out, const ValueFacts& value) {
                         absl::StrAppend(out, Print(value));
                       });
}

}  // namespace metagraph
