#include "core/op/op_registry.h"

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/graph/op_signature.h"
#include "core/op/op_table.h"

namespace metagraph {
absl::StatusOr<std::unique_ptr<const OpRegistry>> OpRegistry::Create(
    const Options& options) {
  auto registry = std::unique_ptr<OpRegistry>(new OpRegistry());
  auto describe = [&](const OpRegistration& registration) -> absl::Status {
    std::unique_ptr<OpInfo>& info = registry->ops_[registration.op];
    if (registration.label == nullptr) {
      if (info != nullptr) {
        return Internal("op \"", registration.op, "\" is declared twice");
      }
      info = std::make_unique<OpInfo>();
      info->def.set_name(registration.op);
    } else if (info == nullptr) {
      return Internal("kernels \"", registration.label, "\" for op \"",
                      registration.op, "\", which nobody declares");
    }
    OpBuilder builder(*info);
    if (registration.label != nullptr) builder.set_label(registration.label);
    registration.describe(builder);
    return builder.status();
  };
  // Declarations first: the list's order depends on the linker.
  for (const bool labelled : {false, true}) {
    for (const OpRegistration* r = OpRegistration::First(); r != nullptr;
         r = r->next) {
      if ((r->label != nullptr) != labelled) continue;
      if (labelled && absl::c_linear_search(options.without_labels, r->label)) {
        continue;
      }
      RETURN_IF_ERROR(describe(*r));
    }
  }
  for (auto& [name, info] : registry->ops_) {
    RETURN_IF_ERROR(ApplyDeclaration(*info));
    absl::c_stable_partition(info->kernels, [](const KernelEntry& entry) {
      return !entry.label.empty();
    });
  }
  return registry;
}

const OpInfo* OpRegistry::Find(absl::string_view op) const {
  const auto it = ops_.find(op);
  return it == ops_.end() ? nullptr : it->second.get();
}

std::vector<std::string> OpRegistry::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, info] : ops_) names.push_back(name);
  absl::c_sort(names);
  return names;
}

absl::StatusOr<const KernelEntry*> OpRegistry::SelectKernel(
    const tensorflow::NodeDef& node, const OpInfo& op) const {
  for (const KernelEntry& entry : op.kernels) {
    const bool fits = absl::c_all_of(entry.types, [&](const auto& wanted) {
      const tensorflow::AttrValue* attr = FindAttr(node, op.def, wanted.first);
      return attr != nullptr && attr->type() == wanted.second;
    });
    if (fits) return &entry;
  }
  std::vector<std::string> asked;
  std::vector<std::string> registered;
  for (const KernelEntry& entry : op.kernels) {
    for (const auto& [name, dtype] : entry.types) {
      const tensorflow::AttrValue* attr = FindAttr(node, op.def, name);
      asked.push_back(absl::StrCat(
          name, "=",
          DataTypeName(attr == nullptr ? DT_INVALID : attr->type())));
      registered.push_back(absl::StrCat(name, "=", DataTypeName(dtype)));
    }
  }
  absl::c_sort(asked);
  asked.erase(std::unique(asked.begin(), asked.end()), asked.end());
  absl::c_sort(registered);
  registered.erase(std::unique(registered.begin(), registered.end()),
                   registered.end());
  return Unimplemented("op \"", node.op(), "\" has no kernel for ",
                       absl::StrJoin(asked, ", "), "; there are kernels for ",
                       absl::StrJoin(registered, ", "));
}

}  // namespace metagraph
