#include "core/model/missing_ops.h"

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/program/attributes.h"

namespace metagraph {
namespace {

using tensorflow::NameAttrList;

// Collects ops without kernel, each node once.
class OpSummary {
 public:
  void Add(const MissingOp& missing) {
    if (!seen_.emplace(missing.function, missing.node).second) return;
    UnsupportedOp& entry = by_op_[missing.op];
    entry.op = missing.op;
    ++entry.nodes;
    if (entry.examples.size() < 3) {
      entry.examples.push_back(
          missing.function.empty()
              ? missing.node
              : absl::StrCat(missing.function, "/", missing.node));
    }
  }

  std::vector<UnsupportedOp> Take() {
    std::vector<UnsupportedOp> out;
    for (auto& [op, entry] : by_op_) out.push_back(std::move(entry));
    return out;
  }

 private:
  std::map<std::string, UnsupportedOp> by_op_;
  std::set<std::pair<std::string, std::string>> seen_;  // function, node
};

// Functions that one graph may reach, as for FindMissing.
constexpr size_t kMaxFunctions = 1 << 16;

// Functions, each once, in the order in which they are asked for.
class FunctionList {
 public:
  int IndexOf(const NameAttrList& function) {
    const auto [it, is_new] = indices_.try_emplace(
        KeyOf(function), static_cast<int>(functions_.size()));
    if (is_new) functions_.push_back(function);
    return it->second;
  }
  size_t size() const { return functions_.size(); }
  const NameAttrList& operator[](size_t i) const { return functions_[i]; }

 private:
  absl::flat_hash_map<std::string, int> indices_;  // by KeyOf
  std::deque<NameAttrList> functions_;
};

// What is missing where a call comes to a function that is no program.
MissingOp BrokenCall(const Node& node, const std::string& called,
                     const absl::Status& why) {
  return {std::string(why.message()), node.op(), node.name(), called};
}

}  // namespace

MissingOps::MissingOps(const Library& library) : graph_(library.graph()) {
  FunctionList functions;
  for (const Node& node : graph_->nodes()) {
    std::vector<NameAttrList> called;
    NodeNeeds needs;
    needs.own = FindOwn(library, node, &called);
    for (const NameAttrList& function : called) {
      needs.calls.push_back({function.name(), functions.IndexOf(function)});
    }
    if (needs.own || !needs.calls.empty()) {
      by_node_.emplace(node.id, std::move(needs));
    }
  }
  // The list grows while it is walked.
  for (size_t i = 0; i < functions.size(); ++i) {
    FunctionNeeds& needs = functions_.emplace_back();
    const auto made = i < kMaxFunctions
                          ? library.Find(functions[i])
                          : ResourceExhausted("the graph calls more than ",
                                              kMaxFunctions, " functions");
    if (!made.ok()) {
      needs.broken = made.status();
      continue;
    }
    needs.own = (*made)->missing;
    for (const NameAttrList& callee : (*made)->callees) {
      needs.callees.push_back(functions.IndexOf(callee));
    }
  }
  FindNearest();
  absl::erase_if(by_node_, [this](auto& entry) {
    NodeNeeds& needs = entry.second;
    std::erase_if(needs.calls, [this](const Call& call) {
      return functions_[call.index].nearest < 0;
    });
    return !needs.own && needs.calls.empty();
  });
}

std::optional<MissingOp> MissingOps::FindOwn(
    const Library& library, const Node& node,
    std::vector<NameAttrList>* called) {
  const OpRegistry& ops = library.ops();
  const OpInfo* op = ops.Find(node.op());
  if (op != nullptr && !CallsFunctions(*node.def) &&
      ops.SelectKernel(*node.def, *op).ok()) {
    return std::nullopt;
  }
  const auto meaning = library.Describe({library.graph(), node.def});
  MissingOp own{node.op(), node.op(), node.name(), ""};
  if (!meaning.ok()) {
    own.what = std::string(meaning.status().message());
    return own;
  }
  if (IsMissing(*meaning, ops, &own)) return own;
  *called = FunctionsOf(*meaning->node);
  return std::nullopt;
}

void MissingOps::FindNearest() {
  const int size = static_cast<int>(functions_.size());
  std::vector<std::vector<int>> callers(size);
  std::deque<int> queue;
  for (int i = 0; i < size; ++i) {
    FunctionNeeds& needs = functions_[i];
    for (int callee : needs.callees) callers[callee].push_back(i);
    if (needs.own.empty() && needs.broken.ok()) continue;
    needs.nearest = i;
    queue.push_back(i);
  }
  for (; !queue.empty(); queue.pop_front()) {
    for (int caller : callers[queue.front()]) {
      if (functions_[caller].nearest >= 0) continue;
      functions_[caller].nearest = functions_[queue.front()].nearest;
      queue.push_back(caller);
    }
  }
}

std::optional<MissingOp> MissingOps::FirstOf(const Node& node) const {
  const auto it = by_node_.find(node.id);
  if (it == by_node_.end()) return std::nullopt;
  const NodeNeeds& needs = it->second;
  if (needs.own) return needs.own;
  const Call& call = needs.calls.front();
  const FunctionNeeds& nearest = functions_[functions_[call.index].nearest];
  if (nearest.broken.ok()) return nearest.own.front();
  return BrokenCall(node, call.function, nearest.broken);
}

std::vector<UnsupportedOp> MissingOps::Summarize(
    absl::Span<const int> nodes) const {
  OpSummary summary;
  std::vector<bool> seen(functions_.size());
  for (int id : nodes) {
    const auto it = by_node_.find(id);
    if (it == by_node_.end()) continue;
    const NodeNeeds& needs = it->second;
    if (needs.own) summary.Add(*needs.own);
    for (const Call& call : needs.calls) {
      std::vector<int> todo = {call.index};
      while (!todo.empty()) {
        const int i = todo.back();
        todo.pop_back();
        const FunctionNeeds& function = functions_[i];
        if (function.nearest < 0 || seen[i]) continue;
        seen[i] = true;
        for (const MissingOp& missing : function.own) summary.Add(missing);
        if (!function.broken.ok()) {
          summary.Add(
              BrokenCall(graph_->node(id), call.function, function.broken));
        }
        todo.insert(todo.end(), function.callees.begin(),
                    function.callees.end());
      }
    }
  }
  return summary.Take();
}

}  // namespace metagraph
