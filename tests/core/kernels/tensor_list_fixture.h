#pragma once

// Lists in tests of kernels: made from tensors, looked at again.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/tensor/optional_value.h"
#include "core/tensor/tensor_list.h"
#include "tests/support/op_tester.h"

namespace metagraph {

// A tensor with one list; an element without tensor is not initialized.
inline Tensor MakeList(DataType dtype, const PartialShape& shape,
                       const std::vector<std::optional<Tensor>>& elements = {},
                       int64_t max_size = TensorList::kUnbounded) {
  Variant out = Variant::Make<TensorList>(dtype, shape, max_size);
  auto* list = out.Mutable<TensorList>();
  EXPECT_OK(list->Resize(static_cast<int64_t>(elements.size())));
  for (size_t i = 0; i < elements.size(); ++i) {
    if (elements[i]) list->Set(static_cast<int64_t>(i), *elements[i]);
  }
  return Tensor::Scalar<Variant>(std::move(out));
}
inline Tensor FloatList(const PartialShape& shape,
                        const std::vector<std::optional<Tensor>>& elements) {
  return MakeList(DT_FLOAT, shape, elements);
}

inline const TensorList& ListOf(const Tensor& tensor, int64_t i = 0) {
  static const TensorList kNone(DT_INVALID, PartialShape());
  EXPECT_EQ(tensor.dtype(), DT_VARIANT);
  const auto* list = tensor.data<Variant>()[i].As<TensorList>();
  EXPECT_NE(list, nullptr);
  return list == nullptr ? kNone : *list;
}
// The list's elements: "[1,2]" is a vector, "?" is not initialized.
inline std::string Show(const TensorList& list) {
  std::string out;
  for (const Tensor& element : list.elements()) {
    if (!out.empty()) out += " ";
    if (!element.initialized()) {
      out += "?";
      continue;
    }
    std::string numbers;
    for (const float value : Values<float>(element)) {
      absl::StrAppend(&numbers, numbers.empty() ? "" : ",", value);
    }
    out += element.rank() == 0 ? numbers : absl::StrCat("[", numbers, "]");
  }
  return out;
}
inline std::string Show(const Tensor& tensor) { return Show(ListOf(tensor)); }

inline Tensor Floats(const std::vector<float>& values) {
  return MakeTensor<float>({static_cast<int64_t>(values.size())}, values);
}
inline Tensor Ints(const std::vector<int32_t>& values) {
  return MakeTensor<int32_t>({static_cast<int64_t>(values.size())}, values);
}
inline Tensor Longs(const std::vector<int64_t>& values) {
  return MakeTensor<int64_t>({static_cast<int64_t>(values.size())}, values);
}
inline Tensor Float(float value) { return Tensor::Scalar<float>(value); }
inline Tensor Int(int32_t value) { return Tensor::Scalar<int32_t>(value); }
// As an element_shape input.
inline Tensor Unknown() { return Int(-1); }

// An op on `inputs`; its error, or its outputs.
inline absl::StatusOr<std::vector<Tensor>> RunOp(
    OpTester& op, const std::vector<Tensor>& inputs) {
  op.ClearInputs();
  for (const Tensor& input : inputs) op.Input(input);
  RETURN_IF_ERROR(op.Run());
  std::vector<Tensor> out;
  for (int i = 0; i < op.num_outputs(); ++i) out.push_back(op.output(i));
  return out;
}

}  // namespace metagraph
