#include "core/program/library.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/graph/node_attr.h"
#include "core/graph/node_check.h"
#include "core/op/kernel_construction.h"
#include "core/program/import_function.h"
#include "core/program/passes/remove_unused.h"

namespace metagraph {
namespace {

using tensorflow::NameAttrList;
using tensorflow::NodeDef;

// TensorFlow would also derive the gradient of a function from its ops'; here
// the graph has to say it (GradientDef).
constexpr char kSymbolicGradient[] = "SymbolicGradient";

// A node whose op is the function `def` is a call of it.
absl::StatusOr<std::shared_ptr<const NodeDef>> CallByName(
    const NodeDef& node, const tensorflow::FunctionDef& def) {
  ASSIGN_OR_RETURN(const NodeSignature signature,
                   ReadSignature(node, def.signature()));
  auto call = std::make_shared<NodeDef>();
  call->set_name(node.name());
  call->set_op(def.signature().is_stateful() ? "StatefulPartitionedCall"
                                             : "PartitionedCall");
  auto& attrs = *call->mutable_attr();
  for (DataType dtype : signature.inputs) {
    attrs["Tin"].mutable_list()->add_type(BaseType(dtype));
  }
  for (DataType dtype : signature.outputs) {
    attrs["Tout"].mutable_list()->add_type(BaseType(dtype));
  }
  attrs["Tin"].mutable_list();
  attrs["Tout"].mutable_list();
  NameAttrList* function = attrs["f"].mutable_func();
  function->set_name(node.op());
  for (const auto& [name, value] : node.attr()) {
    if (name.empty() || name[0] != '_')
      (*function->mutable_attr())[name] = value;
  }
  return std::shared_ptr<const NodeDef>(std::move(call));
}

// SymbolicGradient of a function whose gradient the graph defines.
std::shared_ptr<const NodeDef> CallOfGradient(const NodeDef& node,
                                              absl::string_view gradient) {
  auto call = std::make_shared<NodeDef>(node);
  call->set_op("StatefulPartitionedCall");
  auto& attrs = *call->mutable_attr();
  attrs["f"].mutable_func()->set_name(std::string(gradient));
  return call;
}

// Moves what `kept` lists of `all` to the front; false if it is no list of
// increasing places.
template <typename T>
bool KeepListed(const NameAttrList& function, const char* kept,
                std::vector<T>* all, std::vector<int>* place) {
  place->assign(all->size(), -1);
  int count = 0;
  int64_t last = -1;
  for (int64_t i : function.attr().at(kept).list().i()) {
    if (i <= last || i >= static_cast<int64_t>(all->size())) return false;
    last = i;
    (*place)[i] = count;
    if (i != count) (*all)[count] = std::move((*all)[i]);
    ++count;
  }
  all->resize(count);
  return true;
}

// The part of a function that kKeptArguments and kKeptResults say.
absl::StatusOr<std::shared_ptr<const Function>> KeepPart(
    const Function& whole, const NameAttrList& kept) {
  auto part = std::make_shared<Function>(whole);
  Body& body = part->body;
  std::vector<int> arg_place;
  std::vector<int> result_place;
  if (!kept.attr().contains(kKeptArguments) ||
      !KeepListed(kept, kKeptArguments, &body.args, &arg_place) ||
      !KeepListed(kept, kKeptResults, &body.results, &result_place)) {
    return InvalidArgument("function \"", kept.name(),
                           "\" has no such arguments or results");
  }
  RemoveUnused(body);
  bool fits = true;
  const auto move = [&](ValueRef& value) {
    if (!value.is_argument()) return;
    value.output = arg_place[value.output];
    fits &= value.output >= 0;
  };
  for (Op& op : body.ops) {
    for (ValueRef& input : op.inputs) move(input);
  }
  for (Result& result : body.results) move(result.value);
  if (!fits) {
    return InvalidArgument("function \"", kept.name(),
                           "\" needs an argument that is left out");
  }
  part->UpdateNeeds();
  return std::shared_ptr<const Function>(std::move(part));
}

}  // namespace

void Function::UpdateNeeds() {
  std::set<absl::string_view> names;
  callees.clear();
  for (const Op& op : body.ops) {
    names.insert(op.name);
    for (NameAttrList& callee : FunctionsOf(*op.node)) {
      callees.push_back(std::move(callee));
    }
  }
  std::erase_if(missing,
                [&](const MissingOp& op) { return names.count(op.node) == 0; });
}

std::string MissingOp::Place() const {
  return absl::StrCat(
      "node \"", node, "\"",
      function.empty() ? "" : absl::StrCat(" in function \"", function, "\""));
}

bool IsMissing(const Meaning& meaning, const OpRegistry& ops,
               MissingOp* missing) {
  missing->op = meaning.node->op();
  missing->node = meaning.node->name();
  if (meaning.info == nullptr) {
    missing->what = meaning.node->op();
    const auto* f = FindNodeAttr(*meaning.node, "f");
    if (missing->op == kSymbolicGradient && f != nullptr) {
      absl::StrAppend(&missing->what, " of function \"", f->func().name(),
                      "\", whose gradient the graph does not define");
    }
    return true;
  }
  const auto entry = ops.SelectKernel(*meaning.node, *meaning.info);
  // A node that does not even fit its op is an error of its own.
  if (entry.ok() || !ResolveSignature(*meaning.node, meaning.info->def).ok()) {
    return false;
  }
  missing->what = std::string(entry.status().message());
  return true;
}

absl::StatusOr<Meaning> Library::Describe(
    std::shared_ptr<const NodeDef> node) const {
  if (node->op() == kSymbolicGradient) {
    if (const auto* f = FindNodeAttr(*node, "f"); f != nullptr) {
      const absl::string_view gradient = graph_->FindGradient(f->func().name());
      if (!gradient.empty()) node = CallOfGradient(*node, gradient);
    }
  }
  if (const OpInfo* info = ops_.Find(node->op()); info != nullptr) {
    return Meaning{info, std::move(node)};
  }
  const auto* function = graph_->FindFunction(node->op());
  if (function == nullptr) return Meaning{nullptr, std::move(node)};
  auto call = CallByName(*node, *function);
  if (!call.ok()) {
    return Annotate(call.status(), "node \"", node->name(),
                    "\" calls function \"", node->op(), "\": ");
  }
  const OpInfo* info = ops_.Find((*call)->op());
  return Meaning{info, *std::move(call)};
}

absl::StatusOr<std::shared_ptr<const Function>> Library::Find(
    const NameAttrList& function) const {
  const std::string key = KeyOf(function);
  if (function.attr().contains(kKeptResults)) return FindPart(function, key);
  {
    MutexLock lock(mu_);
    const auto it = functions_.find(key);
    if (it != functions_.end()) return it->second;
  }
  const auto* def = graph_->FindFunction(function.name());
  if (def == nullptr) {
    return NotFound("Function ", function.name(), " is not defined.");
  }
  auto made = ImportFunction(*def, function, *this);
  MutexLock lock(mu_);
  // If two callers made it at the same time, the first one stays.
  return functions_.try_emplace(key, std::move(made)).first->second;
}

absl::StatusOr<std::shared_ptr<const Function>> Library::FindPart(
    const NameAttrList& function, const std::string& key) const {
  {
    MutexLock lock(mu_);
    const auto it = parts_.find(key);
    if (it != parts_.end()) {
      if (auto part = it->second.lock()) return part;
    }
  }
  NameAttrList whole = function;
  whole.mutable_attr()->erase(kKeptArguments);
  whole.mutable_attr()->erase(kKeptResults);
  ASSIGN_OR_RETURN(const auto found, Find(whole));
  ASSIGN_OR_RETURN(auto part, KeepPart(*found, function));
  MutexLock lock(mu_);
  std::weak_ptr<const Function>& known = parts_[key];
  // One part has one address: programs know by it that they have come round.
  if (auto first = known.lock()) return first;
  known = part;
  if (parts_.size() > parts_before_cleaning_) {
    absl::erase_if(parts_,
                   [](const auto& entry) { return entry.second.expired(); });
    parts_before_cleaning_ = 64 + 2 * parts_.size();
  }
  return part;
}

absl::StatusOr<std::shared_ptr<const Tensor>> Library::Constant(
    const Op& op) const {
  {
    MutexLock lock(mu_);
    const auto it = constants_.find(op.node.get());
    if (it != constants_.end()) {
      if (auto value = it->second.lock()) return value;
    }
  }
  ASSIGN_OR_RETURN(const KernelEntry* entry,
                   ops_.SelectKernel(*op.node, *op.info));
  SessionState none;
  KernelConstruction construction(*op.node, op.info->def, op.signature, none);
  ASSIGN_OR_RETURN(std::unique_ptr<Kernel> made, entry->factory(construction));
  const std::shared_ptr<const Kernel> kernel = std::move(made);
  const std::shared_ptr<const Tensor> value(kernel, kernel->constant());
  MutexLock lock(mu_);
  constants_[op.node.get()] = value;
  return value;
}

}  // namespace metagraph
