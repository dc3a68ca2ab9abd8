#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::bitwise_test {

template <typename T>
std::vector<T> RunBinary(const char* name, const std::vector<T>& x,
                         const std::vector<T>& y) {
  OpTester op(name);
  op.Input<T>({static_cast<int64_t>(x.size())}, x);
  op.Input<T>({static_cast<int64_t>(y.size())}, y);
  EXPECT_OK(op.Run());
  return Values<T>(op.output(0));
}

using Ints = std::vector<int32_t>;

TEST(BitwiseTest, CombinesBits) {
  EXPECT_EQ(RunBinary<int32_t>("BitwiseAnd", {12, -1}, {10, 7}), Ints({8, 7}));
  EXPECT_EQ(RunBinary<int32_t>("BitwiseOr", {12, 1}, {10, 2}), Ints({14, 3}));
  EXPECT_EQ(RunBinary<int32_t>("BitwiseXor", {12, -1}, {10, -1}), Ints({6, 0}));
}

TEST(BitwiseTest, InvertsBits) {
  OpTester op("Invert");
  op.Input<uint8_t>({2}, {0, 200});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<uint8_t>(op.output(0), {2}, {255, 55});
}

TEST(BitwiseTest, ShiftCountsStayWithinTheType) {
  constexpr int32_t kMin = std::numeric_limits<int32_t>::min();
  EXPECT_EQ(RunBinary<int32_t>("LeftShift", {1, 1, 1, -1}, {31, 32, -1, 40}),
            Ints({kMin, kMin, 1, kMin}));
  EXPECT_EQ(RunBinary<int32_t>("RightShift", {-8, -8, -8, 8}, {1, 32, -1, 40}),
            Ints({-4, -1, -8, 0}));
  EXPECT_EQ(RunBinary<int8_t>("LeftShift", {-8, -8, -8, 8}, {1, 32, -1, 7}),
            (std::vector<int8_t>{-16, 0, -8, 0}));
  EXPECT_EQ(RunBinary<uint8_t>("RightShift", {200, 200}, {1, 32}),
            (std::vector<uint8_t>{100, 1}));
}

TEST(BitwiseTest, RefusesFloats) {
  OpTester op("BitwiseAnd");
  op.Scalar<float>(1).Scalar<float>(1);
  EXPECT_THAT(
      op.Run(),
      HasCode(absl::StatusCode::kInvalidArgument,
              "attr 'T' of float is not in the list of allowed values"));
}

}  // namespace metagraph::bitwise_test
