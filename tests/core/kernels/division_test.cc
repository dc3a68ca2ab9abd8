#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::division_test {

using absl::StatusCode;

const float kNan = std::numeric_limits<float>::quiet_NaN();
const float kInf = std::numeric_limits<float>::infinity();
constexpr int32_t kMin = std::numeric_limits<int32_t>::min();

template <typename T>
std::vector<T> RunBinary(const char* name, const std::vector<T>& x,
                         const std::vector<T>& y) {
  OpTester op(name);
  op.Input<T>({static_cast<int64_t>(x.size())}, x);
  op.Input<T>({static_cast<int64_t>(y.size())}, y);
  EXPECT_OK(op.Run());
  return Values<T>(op.output(0));
}

const std::vector<int32_t> kX = {7, -7, 7, -7, kMin, 6, -6};
const std::vector<int32_t> kY = {2, 2, -2, -2, -1, 3, -3};
using Ints = std::vector<int32_t>;
using Floats = std::vector<float>;

TEST(DivisionTest, DividesIntegersTowardsZeroOrDown) {
  EXPECT_EQ(RunBinary("Div", kX, kY), Ints({3, -3, -3, 3, kMin, 2, 2}));
  EXPECT_EQ(RunBinary("TruncateDiv", kX, kY), Ints({3, -3, -3, 3, kMin, 2, 2}));
  EXPECT_EQ(RunBinary("FloorDiv", kX, kY), Ints({3, -4, -4, 3, kMin, 2, 2}));
}

TEST(DivisionTest, RemaindersTakeTheSignOfEitherOperand) {
  EXPECT_EQ(RunBinary("Mod", kX, kY), Ints({1, -1, 1, -1, 0, 0, 0}));
  EXPECT_EQ(RunBinary("TruncateMod", kX, kY), Ints({1, -1, 1, -1, 0, 0, 0}));
  EXPECT_EQ(RunBinary("FloorMod", kX, kY), Ints({1, 1, -1, -1, 0, 0, 0}));
}

TEST(DivisionTest, DividesFloats) {
  const Floats x = {5.5, -5.5, 5.5, -5.5, 1};
  const Floats y = {2, 2, -2, -2, 0};
  EXPECT_EQ(RunBinary("RealDiv", x, y),
            Floats({2.75, -2.75, -2.75, 2.75, kInf}));
  EXPECT_EQ(RunBinary("Div", x, y), Floats({2.75, -2.75, -2.75, 2.75, kInf}));
  EXPECT_EQ(RunBinary("FloorDiv", x, y), Floats({2, -3, -3, 2, kInf}));
  EXPECT_EQ(RunBinary("TruncateDiv", x, y), Floats({2, -2, -2, 2, kInf}));
  EXPECT_EQ(RunBinary("DivNoNan", x, y), Floats({2.75, -2.75, -2.75, 2.75, 0}));
}

TEST(DivisionTest, FloatRemainders) {
  const Floats x = {5.5, -5.5, 5.5, -5.5, -1, 6};
  const Floats y = {2, 2, -2, -2, kInf, -3};
  EXPECT_EQ(RunBinary("Mod", x, y), Floats({1.5, -1.5, 1.5, -1.5, -1, 0}));
  EXPECT_EQ(RunBinary("FloorMod", x, y),
            Floats({1.5, 0.5, -0.5, -1.5, kInf, 0}));
  EXPECT_TRUE(std::isnan(RunBinary<float>("FloorMod", {1}, {0})[0]));
}

TEST(DivisionTest, DividesHalfAndSmallIntegers) {
  EXPECT_EQ(RunBinary<half>("FloorMod", {half(-5.5)}, {half(2)})[0], half(0.5));
  EXPECT_EQ(RunBinary<bfloat16>("FloorDiv", {bfloat16(-5.5)}, {bfloat16(2)})[0],
            bfloat16(-3));
  EXPECT_EQ(RunBinary<int8_t>("FloorDiv", {-128, -7}, {-1, 2}),
            (std::vector<int8_t>{-128, -4}));
  EXPECT_EQ(RunBinary<uint8_t>("FloorDiv", {200}, {3}),
            (std::vector<uint8_t>{66}));
}

TEST(DivisionTest, IntegerDivisionByZeroIsAnError) {
  for (const char* name :
       {"Div", "FloorDiv", "TruncateDiv", "Mod", "FloorMod", "TruncateMod"}) {
    OpTester op(name);
    op.Input<int32_t>({3}, {1, 2, 3}).Input<int32_t>({3}, {1, 0, 2});
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                  "Integer division by zero"))
        << name;
  }
}

TEST(DivisionTest, NothingIsDividedInAnEmptyTensor) {
  OpTester op("FloorDiv");
  op.Input<int32_t>({0}, {}).Input<int32_t>({1}, {0});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {0}, {});
}

TEST(DivisionTest, RealDivTakesNoIntegers) {
  OpTester op("RealDiv");
  op.Scalar<int32_t>(1).Scalar<int32_t>(1);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kUnimplemented, "RealDiv"));
}

TEST(DivisionTest, DividesNaN) {
  EXPECT_TRUE(std::isnan(RunBinary<float>("RealDiv", {kNan}, {1})[0]));
  EXPECT_EQ(RunBinary<float>("DivNoNan", {kNan}, {0})[0], 0);
}

}  // namespace metagraph::division_test
