#include "core/program/attributes.h"

#include "absl/strings/str_cat.h"
#include "core/graph/canonical_bytes.h"

namespace metagraph {

using tensorflow::AttrValue;
using tensorflow::NameAttrList;
using tensorflow::NodeDef;

std::map<absl::string_view, const AttrValue*> SortedAttrs(
    const AttrMap& attrs) {
  std::map<absl::string_view, const AttrValue*> sorted;
  for (const auto& [name, value] : attrs) {
    if (name.empty() || name[0] != '_') sorted.emplace(name, &value);
  }
  return sorted;
}

std::string KeyOf(const AttrMap& attrs) {
  std::string key;
  for (const auto& [name, value] : SortedAttrs(attrs)) {
    const std::string bytes = CanonicalBytes(*value);
    absl::StrAppend(&key, name.size(), " ", name, bytes.size(), " ", bytes);
  }
  return key;
}

std::string KeyOf(const NameAttrList& function) {
  return absl::StrCat(function.name(), "\n", KeyOf(function.attr()));
}

bool CallsFunctions(const NodeDef& node) {
  for (const auto& [name, value] : node.attr()) {
    if (value.has_func() || value.list().func_size() > 0) return true;
  }
  return false;
}

std::vector<NameAttrList> FunctionsOf(const NodeDef& node) {
  std::vector<NameAttrList> out;
  if (!CallsFunctions(node)) return out;
  for (const auto& [name, value] : SortedAttrs(node.attr())) {
    if (value->has_func()) out.push_back(value->func());
    const auto& list = value->list().func();
    out.insert(out.end(), list.begin(), list.end());
  }
  return out;
}

}  // namespace metagraph
