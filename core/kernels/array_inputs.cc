#include "core/kernels/array_inputs.h"

#include "absl/strings/str_cat.h"
#include "core/base/status.h"
#include "core/kernels/arithmetic.h"
#include "core/op/type_lists.h"

namespace metagraph {

absl::StatusOr<std::shared_ptr<TensorArray>> FindArray(
    const KernelContext& ctx) {
  const Tensor& handle = ctx.input(0);
  if (handle.dtype() == DT_RESOURCE) return ctx.InputResource<TensorArray>(0);
  if (handle.dtype() != DT_STRING || handle.num_elements() != 2) {
    return InvalidArgument(
        "Tensor array handle must be 2-element vector, but "
        "had shape: ",
        handle.shape().ToString());
  }
  const auto parts = handle.values<std::string>();
  return ctx.step().resources->Find<TensorArray>(parts[0], parts[1]);
}

void SetFlow(KernelContext& ctx, int output) {
  ctx.SetOutput(output, Tensor::Scalar<float>(0));
}

absl::Status CheckWrites(const TensorArray& array, const Tensor& value) {
  if (array.dtype() == value.dtype()) return absl::OkStatus();
  return InvalidArgument("TensorArray dtype is ", DataTypeName(array.dtype()),
                         " but Op is trying to write dtype ",
                         DataTypeName(value.dtype()), ".");
}
absl::Status CheckReads(const TensorArray& array, DataType wanted) {
  if (array.dtype() == wanted) return absl::OkStatus();
  return InvalidArgument("TensorArray dtype is ", DataTypeName(array.dtype()),
                         " but Op requested dtype ", DataTypeName(wanted), ".");
}

absl::Status Accumulate(Tensor& sum, const Tensor& value) {
  const bool added =
      DispatchType(sum.dtype(), NumberTypes(), [&]<typename T>() {
        T* const out = sum.mutable_data<T>();
        const T* const in = value.data<T>();
        for (int64_t i = 0; i < value.num_elements(); ++i) {
          out[i] = Add(out[i], in[i]);
        }
      });
  if (added) return absl::OkStatus();
  return InvalidArgument("tensor_array::AddToTensor type not supported: ",
                         DataTypeName(sum.dtype()));
}

void DescribeArrayHandle(OpBuilder& op, absl::string_view handle) {
  op.Input(absl::StrCat("handle: ", handle));
  if (handle == "resource") op.SetIsStateful();
}

}  // namespace metagraph
