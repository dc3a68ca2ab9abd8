#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::binary_math_test {

using absl::StatusCode;

const float kNan = std::numeric_limits<float>::quiet_NaN();
const float kInf = std::numeric_limits<float>::infinity();

template <typename T>
Tensor RunBinary(const char* name, const std::vector<T>& x,
                 const std::vector<T>& y) {
  OpTester op(name);
  op.Input<T>({static_cast<int64_t>(x.size())}, x);
  op.Input<T>({static_cast<int64_t>(y.size())}, y);
  EXPECT_OK(op.Run());
  return op.output(0);
}

TEST(BinaryMathTest, RaisesToPowers) {
  ExpectTensorNear<float>(RunBinary<float>("Pow", {5.5, -5.5, 1, -1, 4, -8},
                                           {2, -2, 0, kInf, 0.5, 1.0f / 3}),
                          {6}, {30.25, 0.0330578506, 1, 1, 2, kNan});
  ExpectTensorEqual<int32_t>(
      RunBinary<int32_t>("Pow", {2, -2, 0, 3, 7}, {31, 33, 0, 40, 0}), {5},
      {std::numeric_limits<int32_t>::min(), 0, 1, 689956897, 1});
  ExpectTensorEqual<half>(RunBinary<half>("Pow", {half(5.5)}, {half(2)}), {1},
                          {half(30.25)});
}

TEST(BinaryMathTest, RefusesNegativePowersOfIntegers) {
  OpTester op("Pow");
  op.Input<int64_t>({2}, {2, 1}).Input<int64_t>({2}, {1, -1});
  EXPECT_THAT(op.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Integers to negative integer powers are not allowed"));
}

TEST(BinaryMathTest, Atan2KnowsTheQuadrant) {
  ExpectTensorNear<float>(RunBinary<float>("Atan2", {1, -1, 0}, {-1, -1, -1}),
                          {3}, {2.3561945, -2.3561945, 3.1415927});
}

TEST(BinaryMathTest, ZeroWinsOverWhatIsNoNumber) {
  ExpectTensorEqual<float>(RunBinary<float>("Xdivy", {0, 0, 2}, {0, kNan, 0}),
                           {3}, {0, 0, kInf});
  ExpectTensorEqual<float>(RunBinary<float>("Xlogy", {0, 0, 2}, {0, kNan, 0}),
                           {3}, {0, 0, -kInf});
  ExpectTensorEqual<float>(
      RunBinary<float>("Xlog1py", {0, 0, 2}, {-1, kNan, -1}), {3},
      {0, 0, -kInf});
  ExpectTensorNear<double>(RunBinary<double>("Xlogy", {2}, {10}), {1},
                           {4.605170185988092});
}

TEST(BinaryMathTest, RefusesIntegers) {
  OpTester op("Atan2");
  op.Scalar<int32_t>(1).Scalar<int32_t>(1);
  EXPECT_THAT(
      op.Run(),
      HasCode(StatusCode::kInvalidArgument,
              "attr 'T' of int32 is not in the list of allowed values"));
}

}  // namespace metagraph::binary_math_test
