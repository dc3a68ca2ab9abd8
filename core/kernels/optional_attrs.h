#pragma once

// Attributes that only some ops of a family have, or only newer graphs.

#include "absl/strings/string_view.h"
#include "core/base/status.h"

namespace metagraph {

// As KernelConstruction::Bind; a variable keeps its value if neither the node
// nor its op has the attribute.
template <typename Source>
absl::Status BindOptional(const Source&) {
  return absl::OkStatus();
}
template <typename Source, typename T, typename... More>
absl::Status BindOptional(const Source& source, absl::string_view name, T* out,
                          More... more) {
  if (source.HasAttr(name)) RETURN_IF_ERROR(source.Bind(name, out));
  return BindOptional(source, more...);
}

}  // namespace metagraph
