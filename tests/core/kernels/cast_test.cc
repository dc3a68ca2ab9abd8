#include <limits>
#include <string>

#include "tests/support/op_tester.h"

namespace metagraph::cast_test {

using absl::StatusCode;

const float kNan = std::numeric_limits<float>::quiet_NaN();
const float kInf = std::numeric_limits<float>::infinity();
constexpr int32_t kMin32 = std::numeric_limits<int32_t>::min();
constexpr int64_t kMin64 = std::numeric_limits<int64_t>::min();

template <typename To, typename From>
std::vector<To> CastTo(const std::vector<From>& x) {
  OpTester op("Cast");
  op.Attr("DstT", kDataType<To>).AllowForwarding();
  op.Input<From>({static_cast<int64_t>(x.size())}, x);
  EXPECT_OK(op.Run());
  return Values<To>(op.output(0));
}

TEST(CastTest, CutsFloatsTowardsZero) {
  const std::vector<float> x = {300.7f, -1.5, 65536, 129};
  EXPECT_EQ(CastTo<int32_t>(x), (std::vector<int32_t>{300, -1, 65536, 129}));
  EXPECT_EQ(CastTo<int8_t>(x), (std::vector<int8_t>{44, -1, 0, -127}));
  EXPECT_EQ(CastTo<uint8_t>(x), (std::vector<uint8_t>{44, 255, 0, 129}));
  EXPECT_EQ(CastTo<int16_t>(x), (std::vector<int16_t>{300, -1, 0, 129}));
  EXPECT_EQ(CastTo<uint64_t>(x),
            (std::vector<uint64_t>{300, ~uint64_t{0}, 65536, 129}));
}

TEST(CastTest, FloatsThatDoNotFitGiveWhatTheProcessorGives) {
  const std::vector<float> x = {3e9f, -3e9f, kNan, kInf, -kInf, 1e20f};
  EXPECT_EQ(CastTo<int32_t>(x), std::vector<int32_t>(6, kMin32));
  EXPECT_EQ(CastTo<uint8_t>(x), std::vector<uint8_t>(6, 0));
  EXPECT_EQ(CastTo<int64_t>(x),
            (std::vector<int64_t>{3000000000, -3000000000, kMin64, kMin64,
                                  kMin64, kMin64}));
  EXPECT_EQ(CastTo<uint32_t>(x)[0], 3000000000u);
  EXPECT_EQ(CastTo<uint64_t>(x)[5], uint64_t{1} << 63);
  EXPECT_EQ(CastTo<int32_t>(std::vector<double>{2147483647.5, -2147483648.5}),
            (std::vector<int32_t>{2147483647, kMin32}));
}

TEST(CastTest, EveryNumberButZeroIsTrue) {
  EXPECT_EQ(CastTo<bool>(std::vector<float>{0, -0.0f, 0.25f, kNan}),
            (std::vector<bool>{false, false, true, true}));
  // The smallest bfloat16, which is less than a float need be to differ from 0
  // where the processor takes small numbers for it.
  EXPECT_EQ(CastTo<bool>(std::vector<bfloat16>{
                Eigen::numext::bit_cast<bfloat16>(uint16_t{1}),
                Eigen::numext::bit_cast<bfloat16>(uint16_t{0x8000})}),
            (std::vector<bool>{true, false}));
  EXPECT_EQ(CastTo<float>(std::vector<bool>{true, false}),
            (std::vector<float>{1, 0}));
}

TEST(CastTest, IntegersKeepTheirLowBits) {
  EXPECT_EQ(CastTo<uint8_t>(std::vector<int64_t>{-1, 256, 300}),
            (std::vector<uint8_t>{255, 0, 44}));
  EXPECT_EQ(CastTo<int32_t>(std::vector<int64_t>{int64_t{1} << 31}),
            (std::vector<int32_t>{kMin32}));
  EXPECT_EQ(CastTo<float>(std::vector<int64_t>{16777217}),
            (std::vector<float>{16777216}));
}

TEST(CastTest, HalfBfloat16AndComplex) {
  EXPECT_EQ(CastTo<half>(std::vector<float>{1.5, 1e6f}),
            (std::vector<half>{half(1.5), half(kInf)}));
  EXPECT_EQ(CastTo<int32_t>(std::vector<bfloat16>{bfloat16(-2.5)}),
            (std::vector<int32_t>{-2}));
  EXPECT_EQ(CastTo<float>(std::vector<complex64>{{1.5, 2}}),
            (std::vector<float>{1.5}));
  EXPECT_EQ(CastTo<complex128>(std::vector<int32_t>{3}),
            (std::vector<complex128>{{3, 0}}));
}

TEST(CastTest, TruncateDropsMantissaBits) {
  OpTester op("Cast");
  op.Attr("DstT", DT_BFLOAT16).Attr("Truncate", true);
  op.Input<float>({2}, {1.0039f, 1.9999999f});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<bfloat16>(op.output(0), {2},
                              {bfloat16(1), bfloat16(1.9921875)});
}

TEST(CastTest, TruncatesBothPartsOfAComplexNumber) {
  OpTester narrow("Cast");
  narrow.Attr("DstT", DT_COMPLEX64).Attr("Truncate", true);
  narrow.Input<complex128>({1}, {{1.99999999999999, 2.99999999999999}});
  ASSERT_OK(narrow.Run());
  ExpectTensorEqual<complex64>(narrow.output(0), {1},
                               {{1.9999998807907104f, 2.999999761581421f}});
  OpTester real("Cast");
  real.Attr("DstT", DT_HALF).Attr("Truncate", true);
  real.Input<complex64>({2}, {{-33.87056092f, 1}, {-1.01171863f, 7}});
  ASSERT_OK(real.Run());
  ExpectTensorEqual<half>(real.output(0), {2},
                          {half(-33.84375f), half(-1.0107421875f)});
}

TEST(CastTest, TruncatesToBfloat16OnlyFromFloat) {
  OpTester op("Cast");
  op.Attr("DstT", DT_BFLOAT16).Attr("Truncate", true);
  op.Input<double>({2}, {1.9999999, 1.0078124});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<bfloat16>(op.output(0), {2},
                              {bfloat16(2), bfloat16(1.0078125)});
}

TEST(CastTest, TheSameDtypePassesThrough) {
  EXPECT_EQ(CastTo<std::string>(std::vector<std::string>{"a"}),
            (std::vector<std::string>{"a"}));
}

TEST(CastTest, RefusesStrings) {
  OpTester op("Cast");
  op.Attr("DstT", DT_FLOAT).Scalar<std::string>("1");
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kUnimplemented,
                                "Cast string to float is not supported"));
}

TEST(BitcastTest, TradesTheLastDimensionForSize) {
  OpTester apart("Bitcast");
  apart.Attr("type", DT_UINT8).Input<float>({2}, {1, 2});
  ASSERT_OK(apart.Run());
  ExpectTensorEqual<uint8_t>(apart.output(0), {2, 4},
                             {0, 0, 128, 63, 0, 0, 0, 64});

  OpTester together("Bitcast");
  together.Attr("type", DT_FLOAT);
  together.Input<uint8_t>({1, 4}, {0, 0, 128, 63});
  ASSERT_OK(together.Run());
  ExpectTensorEqual<float>(together.output(0), {1}, {1});

  OpTester same("Bitcast");
  same.Attr("type", DT_INT32).Input<float>({1}, {1});
  ASSERT_OK(same.Run());
  ExpectTensorEqual<int32_t>(same.output(0), {1}, {0x3F800000});
}

TEST(BitcastTest, RefusesALastDimensionThatDoesNotFit) {
  for (const TensorShape& shape : {TensorShape({1, 3}), TensorShape({})}) {
    OpTester op("Bitcast");
    op.Attr("type", DT_FLOAT);
    op.Input<uint8_t>(shape, std::vector<uint8_t>(shape.num_elements()));
    EXPECT_THAT(op.Run(),
                HasCode(StatusCode::kInvalidArgument, "Cannot bitcast from"));
  }
  OpTester text("Bitcast");
  text.Attr("type", DT_FLOAT).Scalar<std::string>("abcd");
  EXPECT_THAT(text.Run(), HasCode(StatusCode::kInvalidArgument, "string"));
}

}  // namespace metagraph::cast_test
