#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/status.h"
#include "tensorflow/graph.pb.h"

namespace metagraph {

// The attribute as the node sets it or as the op defaults it.
// T: int64_t, int32_t (range-checked), bool, float, std::string, DataType,
// PartialShape, Tensor, tensorflow::NameAttrList, or std::vector of
// int64_t, int32_t, bool, float, std::string, DataType, PartialShape.
// INVALID_ARGUMENT if it is missing or of another kind.
template <typename T>
absl::StatusOr<T> ReadAttr(const tensorflow::NodeDef& node,
                           const tensorflow::OpDef& op, absl::string_view name);

// What has a template Attr<T>(name) gives attributes to variables by name:
//   BindAttrs(construction, "axis", &axis_, "keep_dims", &keep_dims_)
template <typename Source>
absl::Status BindAttrs(const Source&) {
  return absl::OkStatus();
}
template <typename Source, typename T, typename... More>
absl::Status BindAttrs(const Source& source, absl::string_view name, T* out,
                       More... more) {
  ASSIGN_OR_RETURN(*out, source.template Attr<T>(name));
  return BindAttrs(source, more...);
}

}  // namespace metagraph
