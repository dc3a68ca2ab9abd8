#pragma once

// Tensors in tests: made from values, compared element by element.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "core/tensor/tensor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metagraph {

template <typename T>
Tensor MakeTensor(const TensorShape& shape, const std::vector<T>& values) {
  Tensor out = *Tensor::Allocate(kDataType<T>, shape);
  EXPECT_EQ(out.num_elements(), static_cast<int64_t>(values.size()));
  std::copy(values.begin(), values.end(), out.mutable_data<T>());
  return out;
}

template <typename T>
std::vector<T> Values(const Tensor& tensor) {
  EXPECT_EQ(tensor.dtype(), kDataType<T>) << tensor.Describe();
  if (tensor.dtype() != kDataType<T>) return {};
  const T* data = tensor.data<T>();
  return std::vector<T>(data, data + tensor.num_elements());
}

// dtype, shape and every element equal; NaN equals NaN.
template <typename T>
void ExpectTensorEqual(const Tensor& got, const TensorShape& shape,
                       const std::vector<T>& want) {
  EXPECT_EQ(got.shape().ToString(), shape.ToString());
  const std::vector<T> values = Values<T>(got);
  ASSERT_EQ(values.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    if (want[i] != want[i]) {
      EXPECT_TRUE(values[i] != values[i]) << "element " << i;
    } else {
      EXPECT_EQ(values[i], want[i]) << "element " << i;
    }
  }
}

// As above with |got - want| <= atol + rtol * |want|; infinities equal.
template <typename T>
void ExpectTensorNear(const Tensor& got, const TensorShape& shape,
                      const std::vector<T>& want, double rtol = 1e-5,
                      double atol = 1e-6) {
  EXPECT_EQ(got.shape().ToString(), shape.ToString());
  const std::vector<T> values = Values<T>(got);
  ASSERT_EQ(values.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    const double w = static_cast<double>(want[i]);
    const double g = static_cast<double>(values[i]);
    if (std::isnan(w)) {
      EXPECT_TRUE(std::isnan(g)) << "element " << i << " is " << g;
    } else if (std::isinf(w)) {
      EXPECT_EQ(g, w) << "element " << i;
    } else {
      EXPECT_LE(std::abs(g - w), atol + rtol * std::abs(w))
          << "element " << i << ": " << g << " vs " << w;
    }
  }
}

}  // namespace metagraph
