#include "client/tensor_format.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace metagraph {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

TEST(TensorFormatTest, WritesNestedArrays) {
  const Tensor tensor =
      Tensor::Vector<int32_t>({1, 2, 3, 4, 5, 6}).Reshaped({2, 3});
  EXPECT_EQ(TensorToJson(tensor), "[[1,2,3],[4,5,6]]");
  EXPECT_EQ(TensorToText(tensor, 0), "[[1, 2, 3], [4, 5, 6]]");
}

TEST(TensorFormatTest, WritesScalarsAndEmptyTensors) {
  EXPECT_EQ(TensorToJson(Tensor::Scalar<bool>(true)), "true");
  EXPECT_EQ(TensorToJson(Tensor::Scalar<int8_t>(65)), "65");
  EXPECT_EQ(TensorToJson(*Tensor::Allocate(DT_FLOAT, {1LL << 40, 0})), "[]");
}

TEST(TensorFormatTest, WritesTheShortestDigitsThatReadBack) {
  EXPECT_EQ(TensorToJson(Tensor::Vector<float>({5, 0.1f, 1e20f})),
            "[5,0.1,1e+20]");
  EXPECT_EQ(TensorToJson(Tensor::Scalar<double>(0.1)), "0.1");
}

TEST(TensorFormatTest, WritesWhatJsonHasNoNumberForAsStrings) {
  const Tensor tensor = Tensor::Vector<float>({kNan, kInfinity, -kInfinity});
  EXPECT_EQ(TensorToJson(tensor), "[\"NaN\",\"Infinity\",\"-Infinity\"]");
  EXPECT_EQ(TensorToText(tensor, 0), "[NaN, Infinity, -Infinity]");
}

TEST(TensorFormatTest, WritesComplexAsPairs) {
  EXPECT_EQ(TensorToJson(Tensor::Vector<complex64>({{1, 2}, {3, -4}})),
            "[[1,2],[3,-4]]");
}

TEST(TensorFormatTest, WritesStringsAsJsonOrBase64) {
  const std::vector<std::string> strings = {"a\"\\\n", "größer", "\xff"};
  EXPECT_EQ(TensorToJson(Tensor::Vector<std::string>(strings)),
            "[\"a\\\"\\\\\\u000a\",\"größer\",{\"b64\":\"/w==\"}]");
  EXPECT_EQ(TensorToText(Tensor::Scalar(std::string("\033[2J")), 0),
            "\"\\x1b[2J\"");
}

TEST(TensorFormatTest, ShowsOnlyTheEdgesOfLargeTensors) {
  std::vector<int32_t> values(100);
  for (int i = 0; i < 100; ++i) values[i] = i;
  const Tensor vector = Tensor::Vector<int32_t>(values);
  EXPECT_EQ(TensorToText(vector, 99), "[0, 1, 2, ..., 97, 98, 99]");
  EXPECT_EQ(TensorToText(vector.Reshaped({10, 10}), 10).substr(0, 60),
            "[[0, 1, 2, ..., 7, 8, 9], [10, 11, 12, ..., 17, 18, 19], [20");
  EXPECT_EQ(TensorToText(vector.Reshaped({50, 2}), 10),
            "[[0, 1], [2, 3], [4, 5], ..., [94, 95], [96, 97], [98, 99]]");
}

}  // namespace
}  // namespace metagraph
