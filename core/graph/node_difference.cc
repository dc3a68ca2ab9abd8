#include "core/graph/node_difference.h"

#include <set>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/tensor/tensor_proto.h"
#include "google/protobuf/util/message_differencer.h"

namespace metagraph {
namespace {

using google::protobuf::util::MessageDifferencer;
using tensorflow::AttrValue;
using tensorflow::NodeDef;

// "a:0" is "a".
std::vector<absl::string_view> DataInputs(const NodeDef& node) {
  std::vector<absl::string_view> out;
  for (absl::string_view input : node.input()) {
    if (absl::StartsWith(input, "^")) continue;
    absl::ConsumeSuffix(&input, ":0");
    out.push_back(input);
  }
  return out;
}

std::set<absl::string_view> ControlInputs(const NodeDef& node) {
  std::set<absl::string_view> out;
  for (const std::string& input : node.input()) {
    if (absl::StartsWith(input, "^")) out.insert(input);
  }
  return out;
}

// Tensors may be written in several ways.
bool SameTensor(const tensorflow::TensorProto& a,
                const tensorflow::TensorProto& b) {
  const auto read_a = TensorFromProto(a);
  const auto read_b = TensorFromProto(b);
  if (!read_a.ok() || !read_b.ok()) return false;
  tensorflow::TensorProto plain_a;
  tensorflow::TensorProto plain_b;
  TensorToProto(*read_a, &plain_a);
  TensorToProto(*read_b, &plain_b);
  return MessageDifferencer::Equals(plain_a, plain_b);
}

bool SameValue(const AttrValue& a, const AttrValue& b) {
  if (MessageDifferencer::Equals(a, b)) return true;
  return a.has_tensor() && b.has_tensor() && SameTensor(a.tensor(), b.tensor());
}

const AttrValue* DefaultOf(const tensorflow::OpDef* op,
                           const std::string& attr) {
  if (op == nullptr) return nullptr;
  for (const auto& def : op->attr()) {
    if (def.name() == attr && def.has_default_value()) {
      return &def.default_value();
    }
  }
  return nullptr;
}

// The first attribute of `a` that `b` has not, or otherwise; empty if none.
std::string AttrDifference(const NodeDef& a, const NodeDef& b,
                           const tensorflow::OpDef* op) {
  for (const auto& [name, value] : a.attr()) {
    if (absl::StartsWith(name, "_")) continue;  // notes, not parameters
    const auto other = b.attr().find(name);
    const AttrValue* expected =
        other != b.attr().end() ? &other->second : DefaultOf(op, name);
    if (expected == nullptr || !SameValue(value, *expected)) return name;
  }
  return "";
}

}  // namespace

std::string NodeDifference(const NodeDef& a, const NodeDef& b,
                           const OpDefFinder& find_op) {
  if (a.op() != b.op()) return absl::StrCat("op (", a.op(), ", ", b.op(), ")");
  if (DataInputs(a) != DataInputs(b)) return "inputs";
  if (ControlInputs(a) != ControlInputs(b)) return "control inputs";
  const tensorflow::OpDef* op = find_op(a.op());
  std::string attr = AttrDifference(a, b, op);
  if (attr.empty()) attr = AttrDifference(b, a, op);
  return attr.empty() ? "" : absl::StrCat("attribute \"", attr, "\"");
}

bool SameFunction(const tensorflow::FunctionDef& a,
                  const tensorflow::FunctionDef& b,
                  const OpDefFinder& find_op) {
  if (a.node_def_size() != b.node_def_size()) return false;
  for (int i = 0; i < a.node_def_size(); ++i) {
    const NodeDef& node = a.node_def(i);
    if (node.name() != b.node_def(i).name() ||
        !NodeDifference(node, b.node_def(i), find_op).empty()) {
      return false;
    }
  }
  // The rest, but for notes.
  const auto frame = [](tensorflow::FunctionDef function) {
    function.clear_node_def();
    std::vector<std::string> notes;
    for (const auto& [name, value] : function.attr()) {
      if (absl::StartsWith(name, "_")) notes.push_back(name);
    }
    for (const std::string& name : notes) function.mutable_attr()->erase(name);
    return function;
  };
  return MessageDifferencer::Equals(frame(a), frame(b));
}

}  // namespace metagraph
