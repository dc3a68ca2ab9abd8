#include "core/program/import_function.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/graph/node_check.h"
#include "core/program/connect.h"
#include "core/program/passes/remove_unused.h"

namespace metagraph {
namespace {

using tensorflow::AttrValue;
using tensorflow::FunctionDef;
using tensorflow::NameAttrList;
using tensorflow::NodeDef;
using tensorflow::OpDef;

// Attributes may hold functions, which have attributes.
constexpr int kMaxDepth = 100;
// What a body may take of its caller's attributes: a function that hands on
// twice what it is given would otherwise double it with each call.
constexpr int64_t kMaxAttributeBytes = 1 << 18;

bool HasPlaceholder(const AttrValue& attr, int depth);

bool HasPlaceholder(const NameAttrList& function, int depth) {
  for (const auto& [name, value] : function.attr()) {
    if (HasPlaceholder(value, depth + 1)) return true;
  }
  return false;
}

bool HasPlaceholder(const AttrValue& attr, int depth) {
  if (!attr.placeholder().empty() || depth > kMaxDepth) return true;
  if (attr.has_func()) return HasPlaceholder(attr.func(), depth);
  if (attr.has_list()) {
    for (const NameAttrList& function : attr.list().func()) {
      if (HasPlaceholder(function, depth)) return true;
    }
  }
  return false;
}

absl::Status Substitute(const AttrMap& values, AttrValue* attr, int depth,
                        int64_t* bytes);

absl::Status Substitute(const AttrMap& values, NameAttrList* function,
                        int depth, int64_t* bytes) {
  for (auto& [name, value] : *function->mutable_attr()) {
    RETURN_IF_ERROR(Substitute(values, &value, depth + 1, bytes));
  }
  return absl::OkStatus();
}

// Puts the caller's attributes where the body says "$T"; `bytes` is what of
// them may be put.
absl::Status Substitute(const AttrMap& values, AttrValue* attr, int depth,
                        int64_t* bytes) {
  if (depth > kMaxDepth) {
    return InvalidArgument("attributes are nested more than ", kMaxDepth,
                           " deep");
  }
  if (attr->has_func()) {
    return Substitute(values, attr->mutable_func(), depth, bytes);
  }
  if (attr->has_list()) {
    for (NameAttrList& function : *attr->mutable_list()->mutable_func()) {
      RETURN_IF_ERROR(Substitute(values, &function, depth, bytes));
    }
    return absl::OkStatus();
  }
  if (attr->placeholder().empty()) return absl::OkStatus();
  const auto found = values.find(attr->placeholder());
  if (found == values.end()) {
    return InvalidArgument("the body refers to attribute \"",
                           attr->placeholder(), "\", which the call lacks");
  }
  *bytes -= static_cast<int64_t>(found->second.ByteSizeLong());
  if (*bytes < 0) {
    return ResourceExhausted(
        "attributes of the call are put into the body to "
        "more than ",
        kMaxAttributeBytes, " bytes");
  }
  const AttrValue value = found->second;  // attr's placeholder may be its key
  *attr = value;
  return absl::OkStatus();
}

// How many values an argument of an op stands for.
int CountOf(const NodeDef& node, const OpDef& op, const OpDef::ArgDef& arg) {
  if (!arg.type_list_attr().empty()) {
    const AttrValue* types = FindAttr(node, op, arg.type_list_attr());
    return types == nullptr ? 0 : types->list().type_size();
  }
  if (!arg.number_attr().empty()) {
    const AttrValue* number = FindAttr(node, op, arg.number_attr());
    return number == nullptr ? 0 : static_cast<int>(number->i());
  }
  return 1;
}

// Consecutive values: an argument, or an output of a node.
struct Range {
  int op = -1;
  int first = 0;
  int count = 0;
};

class Importer {
 public:
  Importer(const FunctionDef& def, const NameAttrList& function,
           const Library& library)
      : def_(def), library_(library), out_(std::make_shared<Function>()) {
    call_.set_name(def.signature().name());
    call_.set_op(def.signature().name());
    *call_.mutable_attr() = function.attr();
    for (const OpDef::AttrDef& attr : def.signature().attr()) {
      if (attr.has_default_value()) {
        call_.mutable_attr()->insert({attr.name(), attr.default_value()});
      }
    }
    body_.name = def.signature().name();
  }

  absl::StatusOr<std::shared_ptr<const Function>> Import() {
    ASSIGN_OR_RETURN(signature_, ReadSignature(call_, def_.signature()));
    RETURN_IF_ERROR(AddArguments());
    RETURN_IF_ERROR(AddOps());
    RETURN_IF_ERROR(ConnectOps());
    RETURN_IF_ERROR(AddResults());
    RETURN_IF_ERROR(AddTargets());
    RemoveUnused(body_);
    out_->body = std::move(body_);
    out_->UpdateNeeds();
    return std::shared_ptr<const Function>(std::move(out_));
  }

 private:
  absl::Status AddArguments() {
    int first = 0;
    for (const OpDef::ArgDef& arg : def_.signature().input_arg()) {
      const int count = CountOf(call_, def_.signature(), arg);
      if (!ranges_.emplace(arg.name(), Range{-1, first, count}).second) {
        return InvalidArgument("two arguments are called \"", arg.name(), "\"");
      }
      for (int i = 0; i < count; ++i) {
        body_.args.push_back(
            {count == 1 ? arg.name() : absl::StrCat(arg.name(), ":", i),
             BaseType(signature_.inputs[first + i])});
      }
      first += count;
    }
    return absl::OkStatus();
  }

  // Node i of the body becomes op i.
  absl::Status AddOps() {
    for (const NodeDef& node : def_.node_def()) {
      // The function's own node lives as long as the graph.
      std::shared_ptr<const NodeDef> instance(library_.graph(), &node);
      bool depends_on_call = false;
      for (const auto& [name, value] : node.attr()) {
        depends_on_call |= HasPlaceholder(value, 0);
      }
      if (depends_on_call) {
        auto copy = std::make_shared<NodeDef>(node);
        for (auto& [name, value] : *copy->mutable_attr()) {
          RETURN_IF_ERROR(
              Substitute(call_.attr(), &value, 0, &attribute_bytes_));
        }
        instance = std::move(copy);
      }
      ASSIGN_OR_RETURN(Meaning meaning, library_.Describe(std::move(instance)));
      MissingOp missing;
      if (IsMissing(meaning, library_.ops(), &missing)) {
        missing.function = def_.signature().name();
        out_->missing.push_back(std::move(missing));
      }
      RETURN_IF_ERROR(AddOp(node, std::move(meaning)));
    }
    return absl::OkStatus();
  }

  absl::Status AddOp(const NodeDef& node, Meaning meaning) {
    Op op;
    op.name = node.name();
    op.info = meaning.info;
    op.node = std::move(meaning.node);
    op.kind = KindOf(op.type());
    const int place = static_cast<int>(body_.ops.size());
    if (!place_of_.emplace(op.name, place).second ||
        ranges_.find(op.name) != ranges_.end()) {
      return InvalidArgument("two nodes are called \"", op.name, "\"");
    }
    if (op.info == nullptr) {  // Resolve adds its outputs when they are read
      body_.ops.push_back(std::move(op));
      return absl::OkStatus();
    }
    auto signature = ResolveSignature(*op.node, op.info->def);
    if (!signature.ok()) return AtNode(signature.status(), op.name);
    op.signature = *std::move(signature);
    // A call by name goes by the outputs of its function.
    const FunctionDef* called = library_.graph()->FindFunction(node.op());
    const bool by_name = called != nullptr && node.op() != op.type();
    const OpDef& outputs = by_name ? called->signature() : op.info->def;
    const NodeDef& attrs = by_name ? node : *op.node;
    int first = 0;
    for (const OpDef::ArgDef& arg : outputs.output_arg()) {
      const int count = CountOf(attrs, outputs, arg);
      ranges_.emplace(absl::StrCat(op.name, ":", arg.name()),
                      Range{place, first, count});
      first += count;
    }
    body_.ops.push_back(std::move(op));
    return absl::OkStatus();
  }

  // "arg", "arg:k", "node:output:k"; "arg" and "node:output" stand for all the
  // values of a list.
  absl::StatusOr<Range> Resolve(const std::string& name) {
    if (const auto whole = ranges_.find(name); whole != ranges_.end()) {
      return whole->second;
    }
    const size_t colon = name.rfind(':');
    int index = 0;
    if (colon != std::string::npos &&
        absl::SimpleAtoi(name.substr(colon + 1), &index)) {
      const auto list = ranges_.find(name.substr(0, colon));
      if (list != ranges_.end() && index >= 0 && index < list->second.count) {
        return Range{list->second.op, list->second.first + index, 1};
      }
    }
    if (const auto node = place_of_.find(name.substr(0, name.find(':')));
        node != place_of_.end() && body_.ops[node->second].info == nullptr) {
      auto& outputs = body_.ops[node->second].signature.outputs;
      const Range range{node->second, static_cast<int>(outputs.size()), 1};
      outputs.push_back(DT_INVALID);
      ranges_.emplace(name, range);
      return range;
    }
    return InvalidArgument("\"", name, "\" is no value in the body");
  }

  absl::Status ConnectOps() {
    for (int i = 0; i < def_.node_def_size(); ++i) {
      const absl::Status status = ConnectOp(def_.node_def(i), body_.ops[i]);
      if (!status.ok()) return AtNode(status, def_.node_def(i).name());
    }
    return absl::OkStatus();
  }

  absl::Status ConnectOp(const NodeDef& node, Op& op) {
    bool all_known = op.info != nullptr;
    for (const std::string& input : node.input()) {
      if (!input.empty() && input[0] == '^') {
        ASSIGN_OR_RETURN(const int control, Control(input.substr(1)));
        if (control >= 0) op.controls.push_back(control);
        continue;
      }
      ASSIGN_OR_RETURN(const Range range, Resolve(input));
      for (int k = 0; k < range.count; ++k) {
        const int i = static_cast<int>(op.inputs.size());
        const ValueRef value{range.op, range.first + k};
        const bool known = body_.TypeOf(value) != DT_INVALID;
        all_known &= known;
        if (known && i < static_cast<int>(op.signature.inputs.size())) {
          RETURN_IF_ERROR(CheckInputType(op, i, body_.TypeOf(value), input));
        }
        op.inputs.push_back(value);
      }
    }
    Unique(op.controls);
    if (!all_known) return absl::OkStatus();
    return CheckInputCount(*op.node, op.info->def, op.signature,
                           op.inputs.size());
  }

  // The op, or -1 for an argument, which is always there.
  absl::StatusOr<int> Control(const std::string& name) const {
    if (const auto it = place_of_.find(name); it != place_of_.end()) {
      return it->second;
    }
    if (ranges_.find(name) != ranges_.end()) return -1;
    return InvalidArgument("\"^", name, "\" is no node of the body");
  }

  absl::Status AddResults() {
    int first = 0;
    for (const OpDef::ArgDef& arg : def_.signature().output_arg()) {
      const auto ret = def_.ret().find(arg.name());
      if (ret == def_.ret().end()) {
        return InvalidArgument("no value is returned as \"", arg.name(), "\"");
      }
      ASSIGN_OR_RETURN(const Range range, Resolve(ret->second));
      const int count = CountOf(call_, def_.signature(), arg);
      // An empty list has no first value, and no unknown ones.
      const bool known = range.count == 0 ||
                         body_.TypeOf({range.op, range.first}) != DT_INVALID;
      if (known && range.count != count) {
        return InvalidArgument("\"", ret->second, "\", returned as \"",
                               arg.name(), "\", has ", range.count,
                               " values, expected ", count);
      }
      for (int k = 0; k < count; ++k) {
        const ValueRef value{range.op, range.first + (known ? k : 0)};
        const DataType wanted = BaseType(signature_.outputs[first + k]);
        if (known && BaseType(body_.TypeOf(value)) != wanted) {
          return InvalidArgument("\"", ret->second, "\", returned as \"",
                                 arg.name(), "\", is ",
                                 DataTypeName(body_.TypeOf(value)),
                                 ", expected ", DataTypeName(wanted));
        }
        body_.results.push_back({value, arg.name()});
      }
      first += count;
    }
    return absl::OkStatus();
  }

  // What runs for its effect.
  absl::Status AddTargets() {
    for (size_t i = 0; i < body_.ops.size(); ++i) {
      // An unknown op is taken for stateful if the function is.
      const Op& op = body_.ops[i];
      if (op.info == nullptr ? def_.signature().is_stateful() : op.stateful()) {
        body_.targets.push_back(static_cast<int>(i));
      }
    }
    for (const auto& [name, node] : def_.control_ret()) {
      ASSIGN_OR_RETURN(const int control, Control(node));
      if (control >= 0) body_.targets.push_back(control);
    }
    Unique(body_.targets);
    return absl::OkStatus();
  }

  const FunctionDef& def_;
  const Library& library_;
  NodeDef call_;  // the attributes, defaults filled in
  NodeSignature signature_;
  absl::flat_hash_map<std::string, Range>
      ranges_;  // of "arg" and "node:output"
  absl::flat_hash_map<std::string, int> place_of_;  // by node name
  Body body_;
  int64_t attribute_bytes_ = kMaxAttributeBytes;
  std::shared_ptr<Function> out_;
};

}  // namespace

absl::StatusOr<std::shared_ptr<const Function>> ImportFunction(
    const FunctionDef& def, const NameAttrList& function,
    const Library& library) {
  auto made = Importer(def, function, library).Import();
  if (!made.ok()) {
    return Annotate(made.status(), "function \"", def.signature().name(),
                    "\": ");
  }
  return made;
}

}  // namespace metagraph
