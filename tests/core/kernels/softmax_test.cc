#include <cmath>
#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::softmax_test {

const float kNaN = std::numeric_limits<float>::quiet_NaN();
const float kInf = std::numeric_limits<float>::infinity();

template <typename T>
class SoftmaxTypesTest : public testing::Test {};
using Types = testing::Types<float, double, half, bfloat16>;
TYPED_TEST_SUITE(SoftmaxTypesTest, Types);

TYPED_TEST(SoftmaxTypesTest, SumsUpToOne) {
  using T = TypeParam;
  for (bool in_place : {false, true}) {
    OpTester op("Softmax");
    op.Input<T>({2, 3}, {T(1), T(2), T(3), T(100), T(100), T(-100)});
    if (in_place) op.AllowForwarding();
    ASSERT_OK(op.Run());
    // bfloat16 rounds on the way: these are TensorFlow's answers.
    const bool rounds = std::is_same_v<T, bfloat16>;
    ExpectTensorNear<T>(
        op.output(0), {2, 3},
        {T(rounds ? 0.0908203125 : 0.09003057), T(0.24472847),
         T(rounds ? 0.66796875 : 0.66524096), T(0.5), T(0.5), T(0)},
        sizeof(T) == 2 ? 2e-3 : 1e-6, 1e-6);
  }
}

TEST(SoftmaxTest, PoisonsRowsWithNaNAndInfinity) {
  OpTester op("Softmax");
  op.Input<float>({2, 2}, {kNaN, 1, kInf, 1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 2}, {kNaN, kNaN, kNaN, kNaN});
}

TEST(SoftmaxTest, TakesEmptyTensors) {
  for (const TensorShape& shape : {TensorShape{0, 3}, TensorShape{3, 0}}) {
    OpTester op("Softmax");
    op.Input<float>(shape, {});
    ASSERT_OK(op.Run());
    ExpectTensorEqual<float>(op.output(0), shape, {});
  }
}

TEST(SoftmaxTest, RefusesAScalar) {
  OpTester op("Softmax");
  op.Scalar<float>(1);
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "logits must have >= 1 dimension, got []"));
}

TEST(LogSoftmaxTest, StaysFiniteFarFromTheMaximum) {
  OpTester op("LogSoftmax");
  op.Input<float>({1, 1, 2}, {-1e30f, 1});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {1, 1, 2}, {-1e30f, 0});
}

TEST(SoftmaxCrossEntropyWithLogitsTest, GivesLossAndGradient) {
  OpTester op("SoftmaxCrossEntropyWithLogits");
  op.Input<float>({2, 3}, {1, 2, 3, 0, 0, 1});
  op.Input<float>({2, 3}, {0, 0, 1, 0.5, 0.5, 0});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {2}, {0.40760595f, 1.5514447f});
  ExpectTensorNear<float>(op.output(1), {2, 3},
                          {0.09003057f, 0.24472848f, -0.33475906f, -0.28805846f,
                           -0.28805846f, 0.57611686f});
}

TEST(SoftmaxCrossEntropyWithLogitsTest, BroadcastsLabels) {
  OpTester op("SoftmaxCrossEntropyWithLogits");
  op.Input<float>({2, 3}, {1, 1, 1, 1, 1, 1});
  op.Input<float>({1, 3}, {1, 1, 1});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {2}, {3.295837f, 3.295837f});
}

TEST(SoftmaxCrossEntropyWithLogitsTest, AnImpossibleClassLeavesNoLoss) {
  OpTester op("SoftmaxCrossEntropyWithLogits");
  const float inf = std::numeric_limits<float>::infinity();
  op.Input<float>({1, 3}, {0, -inf, 1}).Input<float>({1, 3}, {1, 0, 0});
  ASSERT_OK(op.Run());
  EXPECT_TRUE(std::isnan(op.output(0).data<float>()[0]));
  ExpectTensorNear<float>(op.output(1), {1, 3}, {-0.7310586f, 0, 0.7310586f});
}

TEST(SoftmaxCrossEntropyWithLogitsTest, RefusesOtherShapes) {
  OpTester op("SoftmaxCrossEntropyWithLogits");
  op.Input<float>({2, 3}, {1, 1, 1, 1, 1, 1});
  op.Input<float>({2, 2}, {1, 1, 1, 1});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "logits_size=[2,3] labels_size=[2,2]"));
  OpTester vectors("SoftmaxCrossEntropyWithLogits");
  vectors.Input<float>({1}, {1}).Input<float>({1}, {1});
  EXPECT_THAT(vectors.Run(),
              HasCode(absl::StatusCode::kInvalidArgument, "2-dimensional"));
}

TEST(SparseSoftmaxCrossEntropyWithLogitsTest, NamesTheClass) {
  OpTester op("SparseSoftmaxCrossEntropyWithLogits");
  op.Input<double>({1, 3}, {1, 2, 3}).Input<int32_t>({1}, {2});
  ASSERT_OK(op.Run());
  ExpectTensorNear<double>(op.output(0), {1}, {0.40760596}, 1e-7);
  ExpectTensorNear<double>(op.output(1), {1, 3},
                           {0.09003057, 0.24472847, -0.33475904}, 1e-6);
}

TEST(SparseSoftmaxCrossEntropyWithLogitsTest, RefusesBadLabels) {
  const auto run = [](const TensorShape& logits, std::vector<int64_t> labels) {
    OpTester op("SparseSoftmaxCrossEntropyWithLogits");
    op.Input<float>(logits, std::vector<float>(logits.num_elements()));
    op.Input<int64_t>({static_cast<int64_t>(labels.size())}, labels);
    return op.Run();
  };
  const auto bad = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(run({2, 3}, {0, 3}),
              HasCode(bad,
                      "Received a label value of 3 which is outside the "
                      "valid range of [0, 3)"));
  EXPECT_THAT(run({1, 3}, {-1}), HasCode(bad, "label value of -1"));
  EXPECT_THAT(run({2, 3}, {0}), HasCode(bad, "same first dimension"));
  EXPECT_THAT(run({3}, {0}), HasCode(bad, "logits must be 2-D"));
  EXPECT_THAT(run({1, 0}, {0}), HasCode(bad, "at least one class"));
}

TEST(SoftmaxTest, SmallFloatsRoundAfterEachStep) {
  const auto run = [](const char* name) {
    OpTester op(name);
    op.Input<bfloat16>({1, 4}, {bfloat16(5.5625f), bfloat16(59.25f),
                                bfloat16(-3.3f), bfloat16(58.1f)});
    EXPECT_OK(op.Run());
    std::vector<float> out;
    for (const bfloat16 value : Values<bfloat16>(op.output(0))) {
      out.push_back(static_cast<float>(value));
    }
    return out;
  };
  using Floats = std::vector<float>;
  EXPECT_EQ(run("LogSoftmax"), (Floats{-54, -0.25390625f, -62.75f, -1.5f}));
  EXPECT_EQ(run("Softmax"), (Floats{3.5155176033503676e-24f, 0.77734375f,
                                    5.585135208964764e-28f, 0.2236328125f}));
}

}  // namespace metagraph::softmax_test
