#include <cmath>
#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::unary_grad_test {

Tensor Gradient(const char* name) {
  OpTester op(name);
  op.Input<float>({2}, {0.5, -2}).Input<float>({2}, {1, 3}).AllowForwarding();
  EXPECT_OK(op.Run());
  return op.output(0);
}

TEST(UnaryGradTest, FollowsTheFormulas) {
  ExpectTensorNear<float>(Gradient("SigmoidGrad"), {2}, {0.25, -18});
  ExpectTensorNear<float>(Gradient("TanhGrad"), {2}, {0.75, -9});
  ExpectTensorNear<float>(Gradient("RsqrtGrad"), {2}, {-0.0625, 12});
  ExpectTensorNear<float>(Gradient("SqrtGrad"), {2}, {1, -0.75});
  ExpectTensorNear<float>(Gradient("ReciprocalGrad"), {2}, {-0.25, -12});
  ExpectTensorNear<float>(Gradient("InvGrad"), {2}, {-0.25, -12});
}

// Of y = 3i and dy = 1+i, as TensorFlow answers.
TEST(UnaryGradTest, ConjugatesComplexNumbersInSomeOps) {
  const auto run = [](const char* name) {
    OpTester op(name);
    op.Input<complex64>({1}, {{0, 3}}).Input<complex64>({1}, {{1, 1}});
    EXPECT_OK(op.Run());
    return op.output(0);
  };
  ExpectTensorEqual<complex64>(run("TanhGrad"), {1}, {{10, 10}});
  ExpectTensorEqual<complex64>(run("SigmoidGrad"), {1}, {{6, 12}});
  ExpectTensorEqual<complex64>(run("RsqrtGrad"), {1}, {{13.5, -13.5}});
  ExpectTensorEqual<complex64>(run("ReciprocalGrad"), {1}, {{9, 9}});
  ExpectTensorEqual<complex64>(run("InvGrad"), {1}, {{9, 9}});
  const complex64 root = Values<complex64>(run("SqrtGrad"))[0];
  EXPECT_NEAR(root.real(), -1.0 / 6, 1e-6);
  EXPECT_NEAR(root.imag(), 1.0 / 6, 1e-6);
}

// Slopes are infinite or NaN; one step of descent must not make NaN of it.
TEST(UnaryGradTest, NoGradientInIsNoGradientOut) {
  const float nan = std::nanf("");
  const float inf = std::numeric_limits<float>::infinity();
  for (const char* name :
       {"SqrtGrad", "RsqrtGrad", "ReciprocalGrad", "InvGrad"}) {
    OpTester op(name);
    op.Input<float>({5}, {0, -1, inf, nan, 2});
    op.Input<float>({5}, {0, 0, 0, -0.0f, 0}).AllowForwarding();
    ASSERT_OK(op.Run()) << name;
    ExpectTensorEqual<float>(op.output(0), {5}, {0, 0, 0, 0, 0});
    OpTester complex(name);
    complex.Input<complex128>({2}, {{0, 0}, {nan, nan}});
    complex.Input<complex128>({2}, {{0, 0}, {0, 0}});
    ASSERT_OK(complex.Run()) << name;
    ExpectTensorEqual<complex128>(complex.output(0), {2}, {{0, 0}, {0, 0}});
  }
  OpTester op("TanhGrad");  // here it does not hold
  op.Input<float>({2}, {nan, 3}).Input<float>({2}, {0, 0});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2}, {nan, 0});
}

TEST(UnaryGradTest, RefusesOtherSizes) {
  OpTester op("SigmoidGrad");
  op.Input<float>({3}, {1, 2, 3}).Input<float>({1}, {0});
  EXPECT_THAT(op.Run(),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "The two arguments to a cwise op must have same number "
                      "of elements, got 3 and 1"));
}

TEST(UnaryGradTest, TakesEmptyTensors) {
  OpTester op("SqrtGrad");
  op.Input<half>({0}, {}).Input<half>({0}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<half>(op.output(0), {0}, {});
}

// As TensorFlow's vectors: times the rounded inverse.
TEST(UnaryGradTest, SqrtGradOfHalfMultipliesByTheInverse) {
  OpTester op("SqrtGrad");
  op.Input<half>({1}, {half(3)}).Input<half>({1}, {half(1.7f)});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<half>(op.output(0), {1}, {half(0.283203125f)});
  OpTester brain("SqrtGrad");
  brain.Input<bfloat16>({1}, {bfloat16(3)})
      .Input<bfloat16>({1}, {bfloat16(1.7f)});
  ASSERT_OK(brain.Run());
  ExpectTensorEqual<bfloat16>(brain.output(0), {1}, {bfloat16(0.28515625f)});
}

}  // namespace metagraph::unary_grad_test
