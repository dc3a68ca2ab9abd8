#include <cmath>
#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::activations_test {

const float kNan = std::numeric_limits<float>::quiet_NaN();
const float kInf = std::numeric_limits<float>::infinity();

void ExpectActivation(const char* name, const std::vector<float>& x,
                      const std::vector<float>& want) {
  SCOPED_TRACE(name);
  OpTester op(name);
  const int64_t n = static_cast<int64_t>(x.size());
  op.Input<float>({n}, x).AllowForwarding();
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {n}, want);
}

TEST(ActivationsTest, KnowsTheValues) {
  const std::vector<float> x = {kNan, 0.5, -2.5, 100, -100, 0};
  ExpectActivation("Elu", x, {kNan, 0.5, -0.917915f, 100, -1, 0});
  ExpectActivation("Selu", x,
                   {kNan, 0.52535051f, -1.6137857f, 105.0701f, -1.7580993f, 0});
  ExpectActivation("Softplus", x,
                   {kNan, 0.97407693f, 0.078889742f, 100, 0, 0.69314718f});
  ExpectActivation("Softsign", x,
                   {kNan, 0.33333334f, -0.71428573f, 0.990099f, -0.990099f, 0});
}

TEST(ActivationsTest, KnowsTheLimits) {
  ExpectActivation("Elu", {kInf, -kInf}, {kInf, -1});
  ExpectActivation("Softplus", {kInf, -kInf}, {kInf, 0});
}

TEST(ActivationsTest, ComputesHalfInFloat) {
  OpTester op("Softplus");
  op.Input<half>({300}, std::vector<half>(300, half(0.5)));
  ASSERT_OK(op.Run());
  ExpectTensorNear<half>(op.output(0), {300},
                         std::vector<half>(300, half(0.974)), 1e-3);
}

TEST(ActivationsTest, TakesEmptyTensors) {
  for (const char* name : {"Elu", "Selu", "Softplus", "Softsign"}) {
    ExpectActivation(name, {}, {});
  }
}

TEST(ActivationsTest, Gradients) {
  const auto run = [&](const char* name) {
    OpTester op(name);
    op.Input<float>({3}, {1, 2, 3}).Input<float>({3}, {0, -0.5, 2});
    op.AllowForwarding();
    EXPECT_OK(op.Run());
    return op.output(0);
  };
  ExpectTensorNear<float>(run("EluGrad"), {3}, {1, 1, 3});
  ExpectTensorNear<float>(run("SeluGrad"), {3},
                          {1.050701f, 2.5161986f, 3.152103f});
  ExpectTensorNear<float>(run("SoftplusGrad"), {3},
                          {0.5f, 0.7550814f, 2.6423912f});
  ExpectTensorNear<float>(run("SoftsignGrad"), {3},
                          {1, 0.8888889f, 0.33333334f});
}

TEST(ActivationsTest, GradientsRefuseOtherShapes) {
  OpTester op("EluGrad");
  op.Input<float>({3}, {1, 2, 3}).Input<float>({1}, {1});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "Input 0: [3] != input 1: [1]"));
}

TEST(ActivationsTest, RefusesIntegers) {
  OpTester op("Elu");
  op.Scalar<int32_t>(1);
  EXPECT_THAT(
      op.Run(),
      HasCode(absl::StatusCode::kInvalidArgument,
              "attr 'T' of int32 is not in the list of allowed values"));
}

// Thresholds and constants are those of the dtype, not of float.
TEST(ActivationsTest, SmallFloatsRoundAfterEachStep) {
  const auto run = []<typename T>(const char* name, T) {
    OpTester op(name);
    op.Input<T>({4}, {T(-8.f), T(-5.f), T(-3.26562f), T(6.f)});
    EXPECT_OK(op.Run());
    std::vector<float> out;
    for (const T value : Values<T>(op.output(0))) out.push_back(float(value));
    return out;
  };
  using Floats = std::vector<float>;
  EXPECT_EQ(run("Softplus", half()),
            (Floats{0.00033545494079589844f, 0.0067138671875f, 0.0374755859375f,
                    6.00390625f}));
  EXPECT_EQ(run("Softplus", bfloat16()),
            (Floats{0.000335693359375f, 0.006744384765625f, 0.0380859375f, 6}));
  EXPECT_EQ(run("Selu", half()),
            (Floats{-1.7568359375f, -1.74609375f, -1.6904296875f, 6.3046875f}));
  EXPECT_EQ(run("Selu", bfloat16()),
            (Floats{-1.7578125f, -1.7421875f, -1.6875f, 6.28125f}));
}

TEST(ActivationGradTest, SmallFloatsRoundAfterEachStep) {
  const auto run = [](const char* name, float g, float x) {
    OpTester op(name);
    op.Scalar(half(g)).Scalar(half(x));
    EXPECT_OK(op.Run());
    return static_cast<float>(op.output(0).scalar<half>());
  };
  // The square of 983 is beyond half.
  EXPECT_EQ(run("SoftsignGrad", 863, -982), 0);
  EXPECT_TRUE(std::isnan(
      run("SoftsignGrad", -std::numeric_limits<float>::infinity(), 437)));
  EXPECT_EQ(run("SeluGrad", 1.1f, -2.5f), -0.81591796875f);
  EXPECT_EQ(run("SoftplusGrad", 1.1f, -2.5f), 0.08343505859375f);
}

// exp(x) - 1, not expm1; half rounds after each step. As TensorFlow answers.
TEST(ActivationsTest, SubtractsOneFromExp) {
  ExpectActivation("Elu", {-1e-9f}, {0});
  ExpectActivation("Selu", {-1e-9f}, {0});
  const auto run = [](const char* name, const std::vector<float>& x) {
    std::vector<half> values(x.begin(), x.end());
    OpTester op(name);
    op.Input<half>({static_cast<int64_t>(x.size())}, values);
    EXPECT_OK(op.Run());
    return op.output(0);
  };
  ExpectTensorEqual<half>(
      run("Elu", {-2.441e-4f, -.01f, -.3f}), {3},
      {half(0), half(-0.009765625f), half(-0.25927734375f)});
  ExpectTensorEqual<half>(
      run("Selu", {-2.441e-4f, -.01f, -.3f}), {3},
      {half(0), half(-0.0171661376953125f), half(-0.455810546875f)});
  ExpectTensorEqual<half>(run("Softsign", {3.455e-4f, .3f, -.7f}), {3},
                          {half(0.00034546852111816406f),
                           half(0.2308349609375f), half(-0.411865234375f)});
}

}  // namespace metagraph::activations_test
