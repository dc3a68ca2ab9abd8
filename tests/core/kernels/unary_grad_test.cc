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

TEST(UnaryGradTest, ConjugatesComplexNumbers) {
  OpTester op("TanhGrad");
  op.Input<complex64>({1}, {{0, 1}}).Input<complex64>({1}, {{1, 1}});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<complex64>(op.output(0), {1}, {{2, 2}});
  OpTester other("SigmoidGrad");
  other.Input<complex64>({1}, {{0, 1}}).Input<complex64>({1}, {{1, 0}});
  ASSERT_OK(other.Run());
  ExpectTensorEqual<complex64>(other.output(0), {1}, {{1, -1}});
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

}  // namespace metagraph::unary_grad_test
