#include "core/model/checkpoint_match.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/checkpoint/object_names.h"

namespace metagraph {
namespace {

using Type = CheckpointReport::Type;

// Of a list in a message for people: enough to see what kind of names it is.
constexpr size_t kShownNames = 5;

// The first mismatch of a key, if any; otherwise fills the item.
std::optional<Type> Compare(const SavedVariable& saved,
                            const ModelVariable& variable,
                            const CheckpointTensor& found, RestoreItem& item) {
  if (found.dtype != saved.dtype || variable.dtype != saved.dtype) {
    return Type{variable.dtype, variable.shape};
  }
  if (!saved.shape_and_slice.empty()) {
    const auto spec = ShapeAndSlice::Parse(saved.shape_and_slice);
    if (!spec.ok()) return Type{variable.dtype, PartialShape()};
    if (spec->full_shape != found.shape ||
        !variable.shape.IsCompatibleWith(spec->slice_shape)) {
      return Type{variable.dtype, PartialShape(spec->full_shape)};
    }
    item.slice = spec->slice;
    return {};
  }
  if (saved.reshape) {
    const auto shape = variable.shape.AsTensorShape();
    if (!shape.ok() || shape->num_elements() != found.shape.num_elements()) {
      return Type{variable.dtype, variable.shape};
    }
    item.reshape = *shape;
    return {};
  }
  if (!variable.shape.IsCompatibleWith(found.shape)) {
    return Type{variable.dtype, variable.shape};
  }
  return {};
}

// Where in a checkpoint the keys of a graph are.
class Keys {
 public:
  static absl::StatusOr<Keys> Find(const SaverPlan& plan,
                                   const CheckpointReader& reader,
                                   const RestoreMapping& mapping) {
    Keys out(reader);
    ASSIGN_OR_RETURN(out.objects_, ReadObjectNames(reader));
    if (!mapping.renames()) return out;
    ASSIGN_OR_RETURN(const NameMap map, NameMap::Parse(mapping));
    std::vector<absl::string_view> keys;
    for (const SavedVariable& saved : plan.variables) {
      keys.push_back(saved.checkpoint_key);
    }
    std::vector<absl::string_view> names;
    for (const CheckpointTensor& tensor : reader.tensors()) {
      names.push_back(tensor.name);
    }
    for (const auto& [name, key] : out.objects_.keys) {
      if (reader.Find(name) == nullptr) names.push_back(name);
    }
    // What a hash table yields has no order, but a message should.
    std::sort(names.begin(), names.end());
    ASSIGN_OR_RETURN(out.names_, map.Resolve(keys, names));
    return out;
  }

  // nullptr: it is not there.
  const CheckpointTensor* Of(const std::string& key) const {
    const std::string& name = NameOf(key);
    const CheckpointTensor* found = reader_.Find(name);
    if (found != nullptr || objects_.ambiguous.contains(name)) return found;
    const auto object = objects_.keys.find(name);
    return object == objects_.keys.end() ? nullptr
                                         : reader_.Find(object->second);
  }
  bool IsAmbiguous(const std::string& key) const {
    return objects_.ambiguous.contains(NameOf(key));
  }
  bool object_based() const { return !objects_.keys.empty(); }
  const std::vector<std::string>& idle_rules() const { return names_.idle; }

 private:
  explicit Keys(const CheckpointReader& reader) : reader_(reader) {}
  const std::string& NameOf(const std::string& key) const {
    const auto mapped = names_.by_key.find(key);
    return mapped == names_.by_key.end() ? key : mapped->second;
  }

  const CheckpointReader& reader_;
  ObjectNames objects_;
  NameMap::Names names_;
};

}  // namespace

std::string Type::ToString() const {
  return absl::StrCat(DataTypeName(dtype), " ", shape.ToString());
}

std::string FirstNames(const std::vector<std::string>& names) {
  std::string text;
  const size_t shown = std::min(names.size(), kShownNames);
  for (size_t i = 0; i < shown; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : ", ", "\"", names[i], "\"");
  }
  if (names.size() > shown) {
    absl::StrAppend(&text, " and ", names.size() - shown, " more");
  }
  return text;
}

absl::Status CheckpointReport::ToStatus() const {
  if (fits()) return absl::OkStatus();
  std::string text;
  for (size_t i = 0; i < std::min(mismatched.size(), kShownNames); ++i) {
    const Mismatch& m = mismatched[i];
    absl::StrAppend(&text, text.empty() ? "" : "; ", "\"", m.name, "\" is ",
                    m.found.ToString(), ", the graph has ",
                    m.expected.ToString());
  }
  if (mismatched.size() > kShownNames) {
    absl::StrAppend(&text, "; ", mismatched.size() - kShownNames,
                    " more differ");
  }
  if (!missing.empty()) {
    absl::StrAppend(&text, text.empty() ? "" : "; ",
                    "not in the checkpoint: ", FirstNames(missing));
  }
  return mismatched.empty() ? absl::NotFoundError(text)
                            : absl::InvalidArgumentError(text);
}

absl::StatusOr<CheckpointMatch> MatchCheckpoint(
    const SaverPlan& plan, const std::vector<ModelVariable>& variables,
    const CheckpointReader& reader, const RestoreMapping& mapping) {
  absl::flat_hash_map<int, const ModelVariable*> by_node;
  for (const ModelVariable& variable : variables) {
    by_node.emplace(variable.node, &variable);
  }
  ASSIGN_OR_RETURN(const Keys keys, Keys::Find(plan, reader, mapping));
  CheckpointMatch out;
  out.report.object_based = keys.object_based();
  out.report.idle_rules = keys.idle_rules();
  std::set<std::string> restored;
  std::set<std::string> missing;
  std::set<std::string> ambiguous;
  std::map<std::string, std::string> renamed;
  std::set<std::string> bad;
  std::set<absl::string_view> used = {kObjectGraphKey};
  for (const SavedVariable& saved : plan.variables) {
    const std::string& key = saved.checkpoint_key;
    const CheckpointTensor* found = keys.Of(key);
    if (found != nullptr) used.insert(found->name);
    const auto found_variable = by_node.find(saved.node);
    if (found_variable == by_node.end()) continue;
    const ModelVariable& variable = *found_variable->second;
    if (found == nullptr) {
      missing.insert(key);
      if (keys.IsAmbiguous(key)) ambiguous.insert(key);
      continue;
    }
    if (found->name != key) renamed.emplace(key, found->name);
    RestoreItem item;
    item.key = found->name;
    item.variable = saved.variable;
    item.slot = variable.slot;
    item.bytes = found->stored_bytes;
    if (const auto expected = Compare(saved, variable, *found, item)) {
      if (bad.insert(key).second) {
        out.report.mismatched.push_back(
            {key, *expected, Type{found->dtype, PartialShape(found->shape)}});
      }
      continue;
    }
    if (item.slice) {
      // Of strings nobody knows which part it is.
      const int64_t whole = std::max<int64_t>(found->shape.num_elements(), 1);
      const auto part = item.slice->ShapeIn(found->shape);
      if (part.ok()) {
        item.bytes =
            static_cast<uint64_t>(static_cast<double>(item.bytes) *
                                  static_cast<double>(part->num_elements()) /
                                  static_cast<double>(whole));
      }
    }
    restored.insert(key);
    if (variable.slot >= 0) out.items.push_back(std::move(item));
  }
  for (const CheckpointTensor& tensor : reader.tensors()) {
    if (!used.contains(tensor.name)) out.report.extra.push_back(tensor.name);
  }
  out.report.restored.assign(restored.begin(), restored.end());
  out.report.missing.assign(missing.begin(), missing.end());
  out.report.ambiguous.assign(ambiguous.begin(), ambiguous.end());
  for (auto& [key, found] : renamed) out.report.renamed.push_back({key, found});
  std::sort(out.report.mismatched.begin(), out.report.mismatched.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

}  // namespace metagraph
