#include "core/model/checkpoint_match.h"

#include <algorithm>
#include <set>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "core/base/nearest_names.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

using Type = CheckpointReport::Type;

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

}  // namespace

std::string Type::ToString() const {
  return absl::StrCat(DataTypeName(dtype), " ", shape.ToString());
}

absl::Status CheckpointReport::ToStatus() const {
  if (fits()) return absl::OkStatus();
  std::string text;
  for (const Mismatch& m : mismatched) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", "\"", m.name, "\" is ",
                    m.found.ToString(), ", the graph has ",
                    m.expected.ToString());
  }
  if (!missing.empty()) {
    absl::StrAppend(&text, text.empty() ? "" : "; ", "not in the checkpoint: ");
    for (size_t i = 0; i < missing.size(); ++i) {
      absl::StrAppend(&text, i == 0 ? "" : ", ", "\"", missing[i], "\"");
    }
    // What a variable was renamed to is usually among the surplus names.
    const std::vector<absl::string_view> names(extra.begin(), extra.end());
    absl::StrAppend(&text, DidYouMean(NearestNames(missing[0], names)));
  }
  return mismatched.empty() ? absl::NotFoundError(text)
                            : absl::InvalidArgumentError(text);
}

CheckpointMatch MatchCheckpoint(const SaverPlan& plan,
                                const std::vector<ModelVariable>& variables,
                                const CheckpointReader& reader) {
  absl::flat_hash_map<int, const ModelVariable*> by_node;
  for (const ModelVariable& variable : variables) {
    by_node.emplace(variable.node, &variable);
  }
  CheckpointMatch out;
  std::set<std::string> restored;
  std::set<std::string> missing;
  std::set<std::string> bad;
  std::set<absl::string_view> used;
  for (const SavedVariable& saved : plan.variables) {
    used.insert(saved.checkpoint_key);
    const auto found_variable = by_node.find(saved.node);
    if (found_variable == by_node.end()) continue;
    const ModelVariable& variable = *found_variable->second;
    const CheckpointTensor* found = reader.Find(saved.checkpoint_key);
    if (found == nullptr) {
      missing.insert(saved.checkpoint_key);
      continue;
    }
    RestoreItem item;
    item.key = saved.checkpoint_key;
    item.variable = saved.variable;
    item.slot = variable.slot;
    item.bytes = found->stored_bytes;
    if (const auto expected = Compare(saved, variable, *found, item)) {
      if (bad.insert(saved.checkpoint_key).second) {
        out.report.mismatched.push_back(
            {saved.checkpoint_key, *expected,
             Type{found->dtype, PartialShape(found->shape)}});
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
    restored.insert(saved.checkpoint_key);
    if (variable.slot >= 0) out.items.push_back(std::move(item));
  }
  for (const CheckpointTensor& tensor : reader.tensors()) {
    if (!used.contains(tensor.name)) out.report.extra.push_back(tensor.name);
  }
  out.report.restored.assign(restored.begin(), restored.end());
  out.report.missing.assign(missing.begin(), missing.end());
  std::sort(out.report.mismatched.begin(), out.report.mismatched.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return out;
}

absl::StatusOr<Tensor> ReadItem(const CheckpointReader& reader,
                                const RestoreItem& item) {
  if (item.slice) return reader.ReadSlice(item.key, *item.slice);
  ASSIGN_OR_RETURN(Tensor value, reader.Read(item.key));
  if (item.reshape) return std::move(value).Reshaped(*item.reshape);
  return value;
}

}  // namespace metagraph
