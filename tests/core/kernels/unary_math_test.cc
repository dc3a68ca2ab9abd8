#include <cmath>
#include <complex>
#include <functional>
#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::unary_math_test {

const float kNan = std::numeric_limits<float>::quiet_NaN();
const float kInf = std::numeric_limits<float>::infinity();

template <typename T>
Tensor RunUnary(const char* name, const std::vector<T>& x) {
  OpTester op(name);
  op.AllowForwarding();
  op.Input<T>({static_cast<int64_t>(x.size())}, x);
  EXPECT_OK(op.Run());
  return op.output(0);
}

struct Function {
  const char* op;
  std::function<double(double)> formula;
  std::vector<float> x;
};

double DigammaByDifference(double x) {
  return (std::lgamma(x + 1e-5) - std::lgamma(x - 1e-5)) / 2e-5;
}

std::vector<Function> Functions() {
  const std::vector<float> any = {-3,    -2,  -1.5, -0.5, -1e-3f, 0, 1e-3f,
                                  0.25f, 0.5, 1,    1.5,  2,      3, 10};
  const std::vector<float> positive = {1e-3f, 0.25f, 0.5, 1, 1.5, 2, 3, 10};
  const std::vector<float> unit = {-0.9f, -0.5, -1e-3f, 0, 0.25f, 0.5, 0.9f};
  const auto of = [](double (*fn)(double)) { return fn; };
  return {
      {"Exp", of(std::exp), any},
      {"Expm1", of(std::expm1), any},
      {"Log", of(std::log), positive},
      {"Log1p", of(std::log1p), positive},
      {"Tanh", of(std::tanh), any},
      {"Sigmoid", [](double x) { return 1 / (1 + std::exp(-x)); }, any},
      {"Sin", of(std::sin), any},
      {"Cos", of(std::cos), any},
      {"Tan", of(std::tan), any},
      {"Asin", of(std::asin), unit},
      {"Acos", of(std::acos), unit},
      {"Atan", of(std::atan), any},
      {"Sinh", of(std::sinh), any},
      {"Cosh", of(std::cosh), any},
      {"Asinh", of(std::asinh), any},
      {"Acosh", of(std::acosh), {1, 1.5, 2, 10}},
      {"Atanh", of(std::atanh), unit},
      {"Erf", of(std::erf), any},
      {"Erfc", of(std::erfc), any},
      {"Lgamma", of(std::lgamma), positive},
      {"Digamma", DigammaByDifference, {0.25f, 0.5, 1.5, 2, 3, 10, -2.5}},
  };
}

template <typename T>
void ExpectFollows(const Function& function, double rtol, double atol) {
  std::vector<T> x, want;
  for (const float value : function.x) {
    x.push_back(static_cast<T>(value));
    want.push_back(static_cast<T>(
        static_cast<float>(function.formula(static_cast<float>(x.back())))));
  }
  SCOPED_TRACE(function.op);
  ExpectTensorNear<T>(RunUnary<T>(function.op, x),
                      {static_cast<int64_t>(x.size())}, want, rtol, atol);
}

TEST(UnaryMathTest, FollowsTheFormulas) {
  for (const Function& function : Functions()) {
    ExpectFollows<float>(function, 1e-5, 1e-6);
    ExpectFollows<double>(function, 1e-5, 1e-6);
    ExpectFollows<half>(function, 2e-3, 1e-3);
    ExpectFollows<bfloat16>(function, 1e-2, 1e-3);
  }
}

// Long enough for the vectorised part and a rest.
TEST(UnaryMathTest, FollowsTheFormulasInLongTensors) {
  for (Function function : Functions()) {
    const std::vector<float> x = function.x;
    while (function.x.size() < 1003) {
      function.x.push_back(x[function.x.size() % x.size()]);
    }
    ExpectFollows<float>(function, 1e-5, 1e-6);
  }
}

TEST(UnaryMathTest, LimitsAtInfinityAndNaN) {
  // Eight equal elements reach the vectorised code, one the scalar one.
  for (const int64_t n : {1, 16}) {
    const auto limit = [n](const char* name, float x) {
      const Tensor out = RunUnary<float>(name, std::vector<float>(n, x));
      return out.data<float>()[0];
    };
    EXPECT_EQ(limit("Exp", kInf), kInf);
    EXPECT_NEAR(limit("Exp", -kInf), 0, 1e-37);
    EXPECT_EQ(limit("Exp", 100), kInf);
    EXPECT_EQ(limit("Log", 0), -kInf);
    EXPECT_EQ(limit("Log", kInf), kInf);
    EXPECT_TRUE(std::isnan(limit("Log", -1)));
    EXPECT_EQ(limit("Log1p", kInf), kInf);
    EXPECT_NEAR(limit("Tanh", kInf), 1, 1e-6);
    EXPECT_NEAR(limit("Tanh", -kInf), -1, 1e-6);
    EXPECT_NEAR(limit("Sigmoid", kInf), 1, 1e-6);
    EXPECT_NEAR(limit("Sigmoid", -kInf), 0, 1e-6);
    EXPECT_EQ(limit("Lgamma", 0), kInf);
    EXPECT_EQ(limit("Digamma", kInf), kInf);
    EXPECT_TRUE(std::isnan(limit("Digamma", 0)));
    EXPECT_TRUE(std::isnan(limit("Sin", kInf)));
    for (const char* name : {"Exp", "Expm1", "Log", "Log1p", "Tanh", "Sigmoid",
                             "Sin", "Cos", "Erf", "Digamma"}) {
      EXPECT_TRUE(std::isnan(limit(name, kNan))) << name << " " << n;
    }
  }
}

TEST(UnaryMathTest, ComplexExpm1IsExactForSmallValues) {
  OpTester op("Expm1");
  op.Input<complex64>({3},
                      {{1e-8f, 1e-9f}, {0.5f, 2}, {88.12649f, 48.688644f}});
  ASSERT_OK(op.Run());
  const complex64* out = op.output(0).data<complex64>();
  EXPECT_FLOAT_EQ(out[0].real(), 1e-8f);
  EXPECT_FLOAT_EQ(out[0].imag(), 1e-9f);
  EXPECT_FLOAT_EQ(out[1].real(), -1.68611f);
  EXPECT_FLOAT_EQ(out[1].imag(), 1.4991779f);
  // TensorFlow 2.21 overflows here as well.
  EXPECT_EQ(out[2].real(), -std::numeric_limits<float>::infinity());
  EXPECT_NEAR(out[2].imag() / -1.8743013e38f, 1, 1e-5);
}

TEST(UnaryMathTest, SigmoidKeepsTheDigitsOfSmallValues) {
  std::vector<float> x;
  for (float v = -80; v < 10; v += 0.25f) x.push_back(v);
  const Tensor out = RunUnary("Sigmoid", x);
  for (size_t i = 0; i < x.size(); ++i) {
    const double expected = 1 / (1 + std::exp(-double{x[i]}));
    EXPECT_NEAR(out.data<float>()[i] / expected, 1, 1e-6) << "at " << x[i];
  }
}

// Pairs of an argument and TensorFlow 2.21's answer.
using Answers = std::vector<std::pair<float, float>>;

void ExpectExactly(const char* op, const Answers& answers) {
  std::vector<float> x, expected;
  for (const auto& [in, out] : answers) {
    x.push_back(in);
    expected.push_back(out);
  }
  const auto n = static_cast<int64_t>(x.size());
  ExpectTensorEqual<float>(RunUnary(op, x), {n}, expected);
}

TEST(UnaryMathTest, SigmoidIsTensorFlowsToTheLastBit) {
  // Up to 3.8 units in the last place from the nearest float.
  ExpectExactly("Sigmoid", {{-85.25f, 0x1.01d32ap-123f},
                            {-40.5f, 0x1.7c431ap-59f},
                            {-17.3f, 0x1.0772d0p-25f},
                            {-9.7f, 0x1.0106a2p-14f},
                            {-5.1f, 0x1.8d229ap-8f},
                            {-3.3f, 0x1.236634p-5f},
                            {-1.9f, 0x1.0a7650p-3f},
                            {-0.7f, 0x1.53c694p-2f},
                            {-0.1f, 0x1.e66bdap-2f},
                            {0.3f, 0x1.261d52p-1f},
                            {1.1f, 0x1.802216p-1f},
                            {2.6f, 0x1.dc99e4p-1f},
                            {6.2f, 0x1.fef68ap-1f},
                            {11.4f, 0x1.fffe88p-1f},
                            {16.5f, 0x1.fffffep-1f},
                            {17.0f, 1.0f}});
}

TEST(UnaryMathTest, SigmoidIsTensorFlowsBesideWholeVectors) {
  // The last four are computed one by one: -40.5 and 0.3 differ from above.
  ExpectExactly("Sigmoid", {{-40.5f, 0x1.7c431ap-59f},
                            {-17.3f, 0x1.0772d0p-25f},
                            {-9.7f, 0x1.0106a2p-14f},
                            {-5.1f, 0x1.8d229ap-8f},
                            {-3.3f, 0x1.236634p-5f},
                            {-1.9f, 0x1.0a7650p-3f},
                            {-0.7f, 0x1.53c694p-2f},
                            {-0.1f, 0x1.e66bdap-2f},
                            {-40.5f, 0x1.7c4322p-59f},
                            {-1.9f, 0x1.0a7650p-3f},
                            {0.3f, 0x1.261d56p-1f},
                            {-0.7f, 0x1.53c694p-2f}});
}

TEST(UnaryMathTest, TanhIsTensorFlowsToTheLastBit) {
  ExpectExactly("Tanh", {{-9.5f, -1.0f},
                         {-7.2f, -0x1.ffffdap-1f},
                         {-4.1f, -0x1.ffb804p-1f},
                         {-1.7f, -0x1.deedf0p-1f},
                         {-0.6f, -0x1.12f82ap-1f},
                         {-0.05f, -0x1.99424cp-5f},
                         {-1e-30f, -0x1.4484c0p-100f},
                         {2e-4f, 0x1.a36e2ep-13f},
                         {0.3f, 0x1.2a4ddcp-2f},
                         {0.9f, 0x1.6ebe98p-1f},
                         {1.3f, 0x1.b933c6p-1f},
                         {2.2f, 0x1.f3949cp-1f},
                         {3.4f, 0x1.fedc5ap-1f},
                         {5.5f, 0x1.fffb9ep-1f},
                         {7.8f, 0x1.fffff6p-1f},
                         {12.0f, 1.0f}});
}

TEST(UnaryMathTest, ComplexFunctions) {
  const std::vector<complex128> x = {{0.5, -1}, {1.25, 2}};
  const auto expect = [&x](const char* name, complex128 (*fn)(complex128)) {
    const Tensor out = RunUnary(name, x);
    for (size_t i = 0; i < x.size(); ++i) {
      EXPECT_LT(std::abs(out.data<complex128>()[i] - fn(x[i])), 1e-12) << name;
    }
  };
  expect("Exp", [](complex128 z) { return std::exp(z); });
  expect("Tanh", [](complex128 z) { return std::tanh(z); });
  expect("Sigmoid", [](complex128 z) { return 1.0 / (1.0 + std::exp(-z)); });
}

TEST(UnaryMathTest, KeepsShapesAndEmptyTensors) {
  OpTester op("Sigmoid");
  op.Input<float>({2, 0, 3}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 0, 3}, {});
}

TEST(UnaryMathTest, RefusesIntegers) {
  OpTester op("Exp");
  op.Scalar<int32_t>(1);
  EXPECT_THAT(
      op.Run(),
      HasCode(absl::StatusCode::kInvalidArgument,
              "attr 'T' of int32 is not in the list of allowed values"));
}

TEST(UnaryMathTest, DigammaNearItsPoles) {
  OpTester op("Digamma");
  op.Input<double>({2}, {-1.6514377497218593e-06, -5.224771218861527e-13});
  ASSERT_OK(op.Run());
  ExpectTensorNear<double>(op.output(0), {2},
                           {605532.3895364499, 1913959402451.3052}, 1e-12);
}

TEST(UnaryMathTest, ComplexLog1pKeepsSmallNumbers) {
  OpTester op("Log1p");
  op.Input<complex128>({3}, {{-1, 0}, {1e-10, 1e-10}, {3, -4}});
  ASSERT_OK(op.Run());
  const complex128* out = op.output(0).data<complex128>();
  EXPECT_EQ(out[0].real(), -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(out[0].imag()));
  EXPECT_NEAR(out[1].real() * 1e10, 0.9999999999, 1e-9);
  EXPECT_NEAR(out[1].imag() * 1e10, 0.9999999999, 1e-9);
  EXPECT_NEAR(out[2].real(), 1.7328679513998633, 1e-14);
  EXPECT_NEAR(out[2].imag(), -0.7853981633974482, 1e-14);
}

TEST(UnaryMathTest, SigmoidOfHalfRoundsAfterEachStep) {
  ExpectTensorEqual<half>(
      RunUnary<half>("Sigmoid", {half(-1.14f), half(20), half(-20)}), {3},
      {half(0.2421875f), half(1), half(0)});
  ExpectTensorEqual<bfloat16>(
      RunUnary<bfloat16>("Sigmoid", {bfloat16(-2.109375f)}), {1},
      {bfloat16(0.107421875f)});
}

}  // namespace metagraph::unary_math_test
