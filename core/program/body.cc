#include "core/program/body.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace metagraph {

OpKind KindOf(absl::string_view op) {
  static const auto* kKinds = new absl::flat_hash_map<std::string, OpKind>{
      {"Switch", OpKind::kSwitch},
      {"RefSwitch", OpKind::kSwitch},
      {"_SwitchN", OpKind::kSwitch},
      {"Merge", OpKind::kMerge},
      {"RefMerge", OpKind::kMerge},
      {"Enter", OpKind::kEnter},
      {"RefEnter", OpKind::kEnter},
      {"Exit", OpKind::kExit},
      {"RefExit", OpKind::kExit},
      {"NextIteration", OpKind::kNextIteration},
      {"RefNextIteration", OpKind::kNextIteration},
      {"ControlTrigger", OpKind::kControlTrigger},
  };
  const auto it = kKinds->find(op);
  return it == kKinds->end() ? OpKind::kPlain : it->second;
}

bool Body::has_control_flow() const {
  return std::any_of(ops.begin(), ops.end(), [](const Op& op) {
    return op.kind != OpKind::kPlain && op.kind != OpKind::kControlTrigger;
  });
}

std::vector<int> TopologicalOrder(const Body& body) {
  const int count = static_cast<int>(body.ops.size());
  std::vector<int> waiting(count, 0);
  std::vector<std::vector<int>> readers(count);
  for (int i = 0; i < count; ++i) {
    for (const ValueRef& input : body.ops[i].inputs) {
      if (input.is_argument()) continue;
      readers[input.op].push_back(i);
      ++waiting[i];
    }
    for (int control : body.ops[i].controls) {
      readers[control].push_back(i);
      ++waiting[i];
    }
  }
  std::vector<int> order;
  order.reserve(count);
  for (int i = 0; i < count; ++i) {
    if (waiting[i] == 0) order.push_back(i);
  }
  for (size_t next = 0; next < order.size(); ++next) {
    for (int reader : readers[order[next]]) {
      if (--waiting[reader] == 0) order.push_back(reader);
    }
  }
  return order;
}

void KeepOps(Body& body, const std::vector<bool>& keep) {
  std::vector<int> place(body.ops.size(), -1);
  int kept = 0;
  for (size_t i = 0; i < body.ops.size(); ++i) {
    if (!keep[i]) continue;
    place[i] = kept;
    if (static_cast<size_t>(kept) != i) body.ops[kept] = std::move(body.ops[i]);
    ++kept;
  }
  body.ops.resize(kept);
  const auto move_refs = [&](std::vector<int>& refs) {
    for (int& ref : refs) ref = place[ref];
    std::erase(refs, -1);
  };
  for (Op& op : body.ops) {
    for (ValueRef& input : op.inputs) {
      if (!input.is_argument()) input.op = place[input.op];
    }
    move_refs(op.controls);
  }
  for (Result& result : body.results) {
    if (!result.value.is_argument()) {
      result.value.op = place[result.value.op];
    }
  }
  move_refs(body.targets);
}

void Unique(std::vector<int>& places) {
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
}

std::string NameOf(const Body& body, const ValueRef& value) {
  if (value.is_argument()) return body.args[value.output].name;
  const std::string& name = body.ops[value.op].name;
  return value.output == 0 ? name : absl::StrCat(name, ":", value.output);
}

}  // namespace metagraph
