#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::clip_test {

const float kNan = std::numeric_limits<float>::quiet_NaN();

TEST(ClipTest, ClipsBetweenScalars) {
  OpTester op("ClipByValue");
  op.Input<float>({4}, {kNan, 1, 5, -7}).Scalar<float>(0).Scalar<float>(3);
  op.AllowForwarding();
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {4}, {kNan, 1, 3, 0});
}

TEST(ClipTest, TheLowerLimitWinsIfTheyCross) {
  OpTester op("ClipByValue");
  op.Input<int32_t>({2}, {1, 5}).Scalar<int32_t>(2).Scalar<int32_t>(1);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {2}, {2, 2});
}

TEST(ClipTest, LimitsMayBeTensors) {
  OpTester op("ClipByValue");
  op.Input<half>({2}, {half(-5), half(5)});
  op.Input<half>({2}, {half(-1), half(0)}).Scalar<half>(half(3));
  ASSERT_OK(op.Run());
  ExpectTensorEqual<half>(op.output(0), {2}, {half(-1), half(3)});
}

TEST(ClipTest, RefusesOtherShapes) {
  OpTester op("ClipByValue");
  op.Input<float>({2, 2}, {1, 2, 3, 4}).Input<float>({2}, {1, 2});
  op.Scalar<float>(3);
  EXPECT_THAT(op.Run(),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "must be either of the same shape as input, or a scalar. "
                      "input shape: [2,2]clip_value_min shape: [2]"));
}

TEST(ClipTest, TakesEmptyTensors) {
  OpTester op("ClipByValue");
  op.Input<float>({0}, {}).Scalar<float>(0).Input<float>({0}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {0}, {});
}

// As TensorFlow: real and imaginary parts by themselves.
TEST(ClipTest, ClipsThePartsOfComplexNumbers) {
  OpTester op("ClipByValue");
  op.Input<complex64>({3}, {{1, 2}, {3, -4}, {-1, 1}});
  op.Scalar<complex64>({1, 1}).Scalar<complex64>({2, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<complex64>(op.output(0), {3}, {{1, 2}, {2, 1}, {1, 1}});
  OpTester wide("ClipByValue");
  wide.Input<complex128>({1}, {{3, -4}});
  wide.Input<complex128>({1}, {{0, 0}}).Scalar<complex128>({2, 0});
  ASSERT_OK(wide.Run());
  ExpectTensorEqual<complex128>(wide.output(0), {1}, {{2, 0}});
}

}  // namespace metagraph::clip_test
