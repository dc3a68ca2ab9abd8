#include "core/kernels/table_inputs.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace metagraph {

absl::StatusOr<std::shared_ptr<LookupTable>> FindTable(
    const KernelContext& ctx) {
  const Tensor& handle = ctx.input(0);
  ResourceManager& resources = ctx.session().resources;
  if (handle.dtype() == DT_RESOURCE) {
    if (handle.num_elements() == 1) {
      const auto& element = handle.scalar<ResourceHandle>();
      if (element.resource == nullptr) {
        return resources.Find<LookupTable>(element.container, element.name);
      }
    }
    return ctx.InputResource<LookupTable>(0);
  }
  if (handle.num_elements() != 2) {
    return InvalidArgument(
        "Lookup table handle must be scalar, but had "
        "shape: ",
        handle.shape().ToString());
  }
  const auto parts = handle.values<std::string>();
  return resources.Find<LookupTable>(parts[0], parts[1]);
}

absl::Status CheckTypes(const KernelContext& ctx, const TableTypes& types,
                        DataType keys, DataType values, bool gives_values) {
  if (keys == types.key && values == types.value) return absl::OkStatus();
  const absl::string_view handle = DataTypeName(ctx.input(0).dtype());
  return InvalidArgument("Signature mismatch, have: ", handle, ", ",
                         DataTypeName(keys), ", ", DataTypeName(values), "->",
                         gives_values ? DataTypeName(values) : "",
                         " expected: ", handle, ", ", DataTypeName(types.key),
                         ", ", DataTypeName(types.value), "->",
                         gives_values ? DataTypeName(types.value) : "");
}

absl::StatusOr<TensorShape> ValuesShape(const TensorShape& outer,
                                        const TableTypes& types) {
  std::vector<int64_t> dims(outer.dims().begin(), outer.dims().end());
  const auto own = types.value_shape.dims();
  dims.insert(dims.end(), own.begin(), own.end());
  return TensorShape::Build(dims);
}

void DescribeTableHandle(OpBuilder& op, absl::string_view handle) {
  op.Input(absl::StrCat("table_handle: ", handle));
  if (handle == "resource") op.SetIsStateful();
}

}  // namespace metagraph
