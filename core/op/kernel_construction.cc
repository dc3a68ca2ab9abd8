#include "core/op/kernel_construction.h"

#include "absl/strings/str_cat.h"
#include "core/op/input_names.h"

namespace metagraph {

absl::StatusOr<const Callable*> KernelConstruction::Function(
    absl::string_view name) const {
  ASSIGN_OR_RETURN(const auto function, Attr<tensorflow::NameAttrList>(name));
  if (functions_ == nullptr) return Unimplemented("no functions here");
  // Each of several functions, such as the branches of an If, has a state of
  // its own. The function "f" of a call gets the name that its ops have when
  // the call is inlined, so that both find the same state.
  return functions_->Find(function, name == "f"
                                        ? node_name()
                                        : absl::StrCat(node_name(), "/", name));
}

absl::StatusOr<std::vector<const Callable*>> KernelConstruction::Functions(
    absl::string_view name) const {
  const tensorflow::AttrValue* attr = FindAttr(node_, op_, name);
  if (attr == nullptr || !attr->has_list()) {
    return InvalidArgument("attr '", name, "' is not of type list(func)");
  }
  if (functions_ == nullptr) return Unimplemented("no functions here");
  std::vector<const Callable*> out;
  for (const auto& function : attr->list().func()) {
    ASSIGN_OR_RETURN(
        const Callable* callable,
        functions_->Find(function, absl::StrCat(node_name(), "/", out.size())));
    out.push_back(callable);
  }
  return out;
}

template <>
absl::StatusOr<InputNames> KernelConstruction::Attr<InputNames>(
    absl::string_view) const {
  return InputNames{{node_.input().begin(), node_.input().end()}};
}

}  // namespace metagraph
