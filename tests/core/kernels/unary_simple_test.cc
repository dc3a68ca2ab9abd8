#include <cmath>
#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::unary_simple_test {

const float kNan = std::numeric_limits<float>::quiet_NaN();
const float kInf = std::numeric_limits<float>::infinity();
constexpr int32_t kMin = std::numeric_limits<int32_t>::min();

template <typename T>
Tensor RunUnary(const char* name, const std::vector<T>& x) {
  OpTester op(name);
  op.AllowForwarding();
  op.Input<T>({static_cast<int64_t>(x.size())}, x);
  EXPECT_OK(op.Run());
  return op.output(0);
}

template <typename T>
void Expect(const char* name, const std::vector<T>& x,
            const std::vector<T>& want) {
  SCOPED_TRACE(name);
  ExpectTensorEqual<T>(RunUnary<T>(name, x), {static_cast<int64_t>(x.size())},
                       want);
}

TEST(UnarySimpleTest, SignsAndSquares) {
  const std::vector<float> x = {kNan, kInf, -kInf, 0.5, -2.5};
  Expect<float>("Neg", x, {kNan, -kInf, kInf, -0.5, 2.5});
  Expect<float>("Abs", x, {kNan, kInf, kInf, 0.5, 2.5});
  Expect<float>("Sign", x, {kNan, 1, -1, 1, -1});
  Expect<float>("Square", x, {kNan, kInf, kInf, 0.25, 6.25});
  Expect<half>("Abs", {half(-1)}, {half(1)});
  Expect<complex64>("Sign", {{3, 4}, {0, 0}}, {{0.6f, 0.8f}, {0, 0}});
}

TEST(UnarySimpleTest, TheSmallestIntegerWraps) {
  Expect<int32_t>("Neg", {kMin, -1}, {kMin, 1});
  Expect<int32_t>("Abs", {kMin, -1}, {kMin, 1});
  Expect<int32_t>("Sign", {kMin, 0, 7}, {-1, 0, 1});
  Expect<int64_t>("Square", {int64_t{1} << 32, -3}, {0, 9});
}

TEST(UnarySimpleTest, RootsAndReciprocals) {
  Expect<float>("Sqrt", {4, 0, kInf, -1}, {2, 0, kInf, kNan});
  Expect<float>("Rsqrt", {4, 0, kInf, -1}, {0.5, kInf, 0, kNan});
  Expect<double>("Reciprocal", {4, -0.5}, {0.25, -2});
  Expect<float>("Inv", {4, 0}, {0.25, kInf});
  Expect<bfloat16>("Sqrt", {bfloat16(4)}, {bfloat16(2)});
}

TEST(UnarySimpleTest, RoundsHalvesToEven) {
  const std::vector<float> x = {0.5, 1.5, 2.5, -2.5, kInf, kNan};
  Expect<float>("Round", x, {0, 2, 2, -2, kInf, kNan});
  Expect<float>("Rint", x, {0, 2, 2, -2, kInf, kNan});
  Expect<float>("Floor", x, {0, 1, 2, -3, kInf, kNan});
  Expect<float>("Ceil", x, {1, 2, 3, -2, kInf, kNan});
  Expect<half>("Round", {half(2.5)}, {half(2)});
  Expect<int32_t>("Round", {kMin, 7}, {kMin, 7});
}

TEST(UnarySimpleTest, TellsNaNFromInfinity) {
  const std::vector<float> x = {kNan, kInf, -kInf, 0};
  ExpectTensorEqual<bool>(RunUnary("IsNan", x), {4},
                          {true, false, false, false});
  ExpectTensorEqual<bool>(RunUnary("IsInf", x), {4},
                          {false, true, true, false});
  ExpectTensorEqual<bool>(RunUnary("IsFinite", x), {4},
                          {false, false, false, true});
  ExpectTensorEqual<bool>(RunUnary<half>("IsNan", {half(kNan), half(1)}), {2},
                          {true, false});
  ExpectTensorEqual<bool>(RunUnary<double>("IsInf", {1e308 * 10}), {1}, {true});
}

TEST(UnarySimpleTest, TakesEmptyTensors) { Expect<float>("Neg", {}, {}); }

TEST(UnarySimpleTest, RefusesIntegers) {
  OpTester op("Floor");
  op.Scalar<int32_t>(1);
  EXPECT_THAT(
      op.Run(),
      HasCode(absl::StatusCode::kInvalidArgument,
              "attr 'T' of int32 is not in the list of allowed values"));
}

TEST(UnarySimpleTest, TheSignOfAnyZeroHasNoSign) {
  const float tiny = std::numeric_limits<float>::denorm_min();
  for (float sign :
       Values<float>(RunUnary<float>("Sign", {-0.0f, -tiny, tiny}))) {
    EXPECT_LE(sign, tiny);
    EXPECT_FALSE(std::signbit(sign));
  }
  Expect<float>("Sign", {kNan}, {kNan});
  EXPECT_FALSE(std::signbit(static_cast<float>(
      Values<half>(RunUnary<half>("Sign", {half(-0.0f)}))[0])));
}

TEST(UnarySimpleTest, UnsignedSquaresWrap) {
  Expect<uint8_t>("Square", {3, 17}, {9, 33});
  Expect<uint16_t>("Square", {300}, {24464});
  Expect<uint32_t>("Square", {65537}, {131073});
  Expect<uint64_t>("Square", {1u << 31}, {uint64_t{1} << 62});
}

}  // namespace metagraph::unary_simple_test
