#include <cmath>
#include <limits>
#include <string>

#include "tests/support/op_tester.h"

namespace metagraph::arithmetic_test {

using absl::StatusCode;

const float kNan = std::numeric_limits<float>::quiet_NaN();
const float kInf = std::numeric_limits<float>::infinity();

template <typename T>
Tensor RunBinary(const char* name, const TensorShape& x_shape,
                 const std::vector<T>& x, const TensorShape& y_shape,
                 const std::vector<T>& y) {
  OpTester op(name);
  op.Input<T>(x_shape, x);
  op.Input<T>(y_shape, y);
  EXPECT_OK(op.Run());
  return op.output(0);
}

TEST(ArithmeticTest, AddsEqualShapesAndScalars) {
  ExpectTensorEqual<float>(
      RunBinary<float>("Add", {3}, {1, 2, 3}, {3}, {10, 20, 30}), {3},
      {11, 22, 33});
  ExpectTensorEqual<float>(RunBinary<float>("AddV2", {}, {1}, {}, {2}), {},
                           {3});
  ExpectTensorEqual<float>(
      RunBinary<float>("AddV2", {2, 2}, {1, 2, 3, 4}, {}, {1}), {2, 2},
      {2, 3, 4, 5});
  ExpectTensorEqual<float>(RunBinary<float>("Sub", {}, {1}, {2}, {1, 5}), {2},
                           {0, -4});
}

TEST(ArithmeticTest, OneElementTakesTheHigherRank) {
  ExpectTensorEqual<float>(RunBinary<float>("AddV2", {1}, {1}, {1, 1}, {2}),
                           {1, 1}, {3});
  ExpectTensorEqual<float>(
      RunBinary<float>("AddV2", {1, 1, 1}, {1}, {2}, {2, 3}), {1, 1, 2},
      {3, 4});
}

TEST(ArithmeticTest, BroadcastsLikeNumpy) {
  ExpectTensorEqual<int32_t>(
      RunBinary<int32_t>("Sub", {2, 3}, {1, 2, 3, 4, 5, 6}, {3}, {1, 1, 2}),
      {2, 3}, {0, 1, 1, 3, 4, 4});
  ExpectTensorEqual<int32_t>(
      RunBinary<int32_t>("Sub", {2, 1}, {10, 20}, {3}, {1, 2, 3}), {2, 3},
      {9, 8, 7, 19, 18, 17});
  ExpectTensorEqual<int32_t>(RunBinary<int32_t>("Mul", {2, 1, 2}, {1, 2, 3, 4},
                                                {1, 3, 1}, {1, 10, 100}),
                             {2, 3, 2},
                             {1, 2, 10, 20, 100, 200, 3, 4, 30, 40, 300, 400});
}

TEST(ArithmeticTest, BroadcastsManyDimensions) {
  // Alternating ones cannot be merged: each dimension is walked.
  std::vector<int32_t> x(16), y(8);
  for (int i = 0; i < 16; ++i) x[i] = i * 100;
  for (int i = 0; i < 8; ++i) y[i] = i;
  const Tensor out = RunBinary<int32_t>("AddV2", {2, 1, 2, 1, 2, 1, 2}, x,
                                        {2, 1, 2, 1, 2, 1}, y);
  ASSERT_EQ(out.shape().ToString(), "[2,2,2,2,2,2,2]");
  for (int i = 0; i < 128; ++i) {
    const auto bit = [i](int d) { return i >> (6 - d) & 1; };
    const int from_x = bit(0) * 8 + bit(2) * 4 + bit(4) * 2 + bit(6);
    const int from_y = bit(1) * 4 + bit(3) * 2 + bit(5);
    EXPECT_EQ(out.data<int32_t>()[i], from_x * 100 + from_y) << i;
  }
}

TEST(ArithmeticTest, BroadcastsLargeTensorsOnSeveralThreads) {
  const int64_t rows = 300, columns = 200;
  std::vector<float> x(rows), y(columns);
  for (int64_t i = 0; i < rows; ++i) x[i] = static_cast<float>(i);
  for (int64_t i = 0; i < columns; ++i) y[i] = static_cast<float>(i) / 256;
  const Tensor out = RunBinary<float>("AddV2", {rows, 1}, x, {columns}, y);
  for (int64_t i = 0; i < rows * columns; ++i) {
    ASSERT_EQ(out.data<float>()[i], x[i / columns] + y[i % columns]) << i;
  }
}

TEST(ArithmeticTest, EmptyTensorsGiveEmptyTensors) {
  ExpectTensorEqual<float>(RunBinary<float>("AddV2", {0}, {}, {}, {1}), {0},
                           {});
  ExpectTensorEqual<float>(
      RunBinary<float>("AddV2", {2, 0}, {}, {2, 1}, {1, 2}), {2, 0}, {});
  ExpectTensorEqual<float>(
      RunBinary<float>("Mul", {0, 1}, {}, {1, 3}, {1, 2, 3}), {0, 3}, {});
}

TEST(ArithmeticTest, RefusesShapesThatDoNotFit) {
  OpTester op("AddV2");
  op.Input<float>({2}, {1, 2}).Input<float>({3}, {1, 2, 3});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "Incompatible shapes: [2] vs. [3]"));
}

TEST(ArithmeticTest, SurvivesSizesThatOverflowBesideAZero) {
  const int64_t large = int64_t{1} << 40;
  OpTester op("AddV2");
  op.Input<float>({large, 1, 0}, {}).Input<float>({1, large, 0}, {});
  const absl::Status status = op.Run();
  if (status.ok()) {
    EXPECT_EQ(op.output(0).num_elements(), 0);
  }
}

TEST(ArithmeticTest, RefusesStrings) {
  OpTester op("Mul");
  op.Scalar<std::string>("a").Scalar<std::string>("b");
  EXPECT_THAT(
      op.Run(),
      HasCode(StatusCode::kInvalidArgument,
              "attr 'T' of string is not in the list of allowed values"));
}

TEST(ArithmeticTest, WritesInPlaceWhenItMay) {
  OpTester op("AddV2");
  op.Input<float>({2, 1}, {1, 2}).Input<float>({2, 2}, {1, 2, 3, 4});
  op.AllowForwarding();
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 2}, {2, 3, 5, 6});
}

TEST(ArithmeticTest, IntegersWrap) {
  ExpectTensorEqual<int32_t>(
      RunBinary<int32_t>("AddV2", {2}, {2147483647, -2147483647 - 1}, {2},
                         {1, -1}),
      {2}, {-2147483647 - 1, 2147483647});
  ExpectTensorEqual<uint8_t>(RunBinary<uint8_t>("Sub", {}, {1}, {}, {2}), {},
                             {255});
  ExpectTensorEqual<uint16_t>(
      RunBinary<uint16_t>("Mul", {}, {65535}, {}, {65535}), {}, {1});
  ExpectTensorEqual<int64_t>(
      RunBinary<int64_t>("Mul", {}, {std::numeric_limits<int64_t>::min()}, {},
                         {-1}),
      {}, {std::numeric_limits<int64_t>::min()});
}

TEST(ArithmeticTest, RoundsHalfAndBfloat16OncePerOperation) {
  ExpectTensorEqual<half>(
      RunBinary<half>("AddV2", {}, {half(2048)}, {}, {half(1)}), {},
      {half(2048)});
  ExpectTensorEqual<bfloat16>(
      RunBinary<bfloat16>("AddV2", {}, {bfloat16(256)}, {}, {bfloat16(1)}), {},
      {bfloat16(256)});
}

TEST(ArithmeticTest, AddJoinsStrings) {
  ExpectTensorEqual<std::string>(
      RunBinary<std::string>("Add", {2}, {"a", "b"}, {}, {"/x"}), {2},
      {"a/x", "b/x"});
}

TEST(ArithmeticTest, MultipliesComplexNumbers) {
  ExpectTensorEqual<complex64>(
      RunBinary<complex64>("Mul", {}, {{1, 2}}, {}, {{3, -1}}), {}, {{5, 5}});
  ExpectTensorEqual<complex64>(
      RunBinary<complex64>("SquaredDifference", {}, {{4, 5}}, {}, {{1, 1}}), {},
      {{25, 0}});
}

TEST(ArithmeticTest, NaNWinsInMaximumAndMinimum) {
  const std::vector<float> x = {1, kNan, 2, -kInf}, y = {kNan, 1, 3, kInf};
  ExpectTensorEqual<float>(RunBinary<float>("Maximum", {4}, x, {4}, y), {4},
                           {kNan, kNan, 3, kInf});
  ExpectTensorEqual<float>(RunBinary<float>("Minimum", {4}, x, {4}, y), {4},
                           {kNan, kNan, 2, -kInf});
  ExpectTensorEqual<int64_t>(
      RunBinary<int64_t>("Maximum", {2}, {-5, 7}, {}, {0}), {2}, {0, 7});
}

TEST(ArithmeticTest, MaximumAndMinimumFlushDenormals) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  ExpectTensorEqual<float>(
      RunBinary<float>("Maximum", {2}, {tiny, -1}, {2}, {-1, -tiny}), {2},
      {0, 0});
}

TEST(ArithmeticTest, ZeroTimesAnythingIsZeroInMulNoNan) {
  ExpectTensorEqual<float>(
      RunBinary<float>("MulNoNan", {3}, {kInf, kNan, 2}, {3}, {0, 0, 3}), {3},
      {0, 0, 6});
}

TEST(ArithmeticTest, SquaresDifferences) {
  ExpectTensorEqual<float>(
      RunBinary<float>("SquaredDifference", {2}, {1, 5}, {}, {3}), {2}, {4, 4});
}

TEST(ArithmeticTest, MaximumAndMinimumKeepTheSignOfZero) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  for (const float zero : {-0.0f, -tiny}) {
    EXPECT_TRUE(std::signbit(
        Values<float>(RunBinary<float>("Maximum", {1}, {zero}, {1}, {-5}))[0]));
    EXPECT_TRUE(std::signbit(
        Values<float>(RunBinary<float>("Minimum", {1}, {zero}, {1}, {5}))[0]));
  }
}

}  // namespace metagraph::arithmetic_test
