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

// As TensorFlow's: after the logarithm, and after the product.
TEST(BinaryMathTest, SmallFloatsRoundAfterEachStep) {
  const auto expect = []<typename T>(const char* name, T,
                                     const std::vector<float>& want) {
    OpTester op(name);
    op.Input<T>({4}, {T(2), T(3), T(5), T(7)});
    op.Input<T>({4}, {T(10.f), T(0.3f), T(3.f), T(1.7f)});
    ASSERT_OK(op.Run());
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(static_cast<float>(op.output(0).data<T>()[i]), want[i]) << name;
    }
  };
  expect("Xlogy", half(), {4.60546875, -3.61328125, 5.4921875, 3.71484375});
  expect("Xlog1py", half(), {4.796875, 0.787109375, 6.93359375, 6.953125});
  expect("Xlogy", bfloat16(), {4.59375, -3.609375, 5.5, 3.71875});
  expect("Xlog1py", bfloat16(), {4.78125, 0.7890625, 6.90625, 6.96875});
}

TEST(BinaryMathTest, RefusesIntegers) {
  OpTester op("Atan2");
  op.Scalar<int32_t>(1).Scalar<int32_t>(1);
  EXPECT_THAT(
      op.Run(),
      HasCode(StatusCode::kInvalidArgument,
              "attr 'T' of int32 is not in the list of allowed values"));
}

// On threads that flush denormals the C library would answer from their bits:
// log(1e-40) came to -103.97.
TEST(BinaryMathTest, DenormalsCountAsZero) {
  const float tiny = 1e-40f;
  ExpectTensorEqual<float>(RunBinary<float>("Xlogy", {2, 0}, {tiny, tiny}), {2},
                           {-kInf, 0});
  ExpectTensorEqual<float>(RunBinary<float>("Pow", {tiny, 3}, {0.5f, tiny}),
                           {2}, {0, 1});
  ExpectTensorEqual<bfloat16>(
      RunBinary<bfloat16>("Xlogy", {bfloat16(2)}, {bfloat16(tiny)}), {1},
      {bfloat16(-kInf)});
}

TEST(BinaryMathTest, AnglesHeedTheSignOfZero) {
  ExpectTensorNear<float>(
      RunBinary<float>("Atan2", {-0.0f, 0, -0.0f}, {-1, -0.0f, -3}), {3},
      {-3.14159265f, 3.14159265f, -3.14159265f});
}

}  // namespace metagraph::binary_math_test
