#include <cmath>

#include "tests/support/op_tester.h"

namespace metagraph::non_max_suppression_test {

// Four boxes in a row; the first two and the last overlap.
OpTester& Boxes(OpTester& op) {
  op.Input<float>({4, 4},
                  {0, 0, 1, 1, 0, .1f, 1, 1.1f, 0, 10, 1, 11, 0, .6f, 1, 1.6f});
  return op.Input<float>({4}, {.9f, .75f, .6f, .95f});
}

TEST(NonMaxSuppressionTest, KeepsTheBestOfOverlappingBoxes) {
  OpTester op("NonMaxSuppression");
  op.Attr("iou_threshold", 0.3f);
  Boxes(op).Scalar<int32_t>(10);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {3}, {3, 0, 2});
}

TEST(NonMaxSuppressionTest, StopsWhenThereAreEnough) {
  OpTester op("NonMaxSuppressionV2");
  Boxes(op).Scalar<int32_t>(1).Scalar<float>(0.5f);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {1}, {3});
}

TEST(NonMaxSuppressionTest, LeavesLowScoresOut) {
  OpTester op("NonMaxSuppressionV3");
  Boxes(op).Scalar<int32_t>(4).Scalar<float>(1).Scalar<float>(0.8f);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {2}, {3, 0});
}

TEST(NonMaxSuppressionTest, PadsIfAsked) {
  OpTester op("NonMaxSuppressionV4");
  op.Attr("pad_to_max_output_size", true);
  Boxes(op).Scalar<int32_t>(5).Scalar<float>(.3f).Scalar<float>(.1f);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {5}, {3, 0, 2, 0, 0});
  ExpectTensorEqual<int32_t>(op.output(1), {}, {3});
}

TEST(NonMaxSuppressionTest, LowersScoresSoftly) {
  OpTester op("NonMaxSuppressionV5");
  Boxes(op).Scalar<int32_t>(4).Scalar<float>(.5f).Scalar<float>(.1f);
  op.Scalar<float>(.5f);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {4}, {3, 0, 2, 1});
  ExpectTensorNear<float>(op.output(1), {4},
                          {.95f, .84547174f, .6f, .34362146f});
  ExpectTensorEqual<int32_t>(op.output(2), {}, {4});
}

TEST(NonMaxSuppressionTest, TakesNoBoxesAndNaN) {
  OpTester op("NonMaxSuppression");
  op.Input<float>({0, 4}, {}).Input<float>({0}, {}).Scalar<int32_t>(3);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {0}, {});
  const float nan = std::nanf("");
  op.ClearInputs();
  op.Input<float>({2, 4}, {nan, nan, nan, nan, 0, 0, 1, 1});
  op.Input<float>({2}, {nan, 1}).Scalar<int32_t>(3);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {1}, {1});
}

TEST(NonMaxSuppressionTest, RefusesWhatDoesNotFit) {
  const auto bad = absl::StatusCode::kInvalidArgument;
  OpTester count("NonMaxSuppression");
  Boxes(count).Scalar<int32_t>(-1);
  EXPECT_THAT(count.Run(), HasCode(bad, "non-negative"));
  OpTester threshold("NonMaxSuppressionV2");
  Boxes(threshold).Scalar<int32_t>(1).Scalar<float>(2);
  EXPECT_THAT(threshold.Run(), HasCode(bad, "iou_threshold"));
  OpTester boxes("NonMaxSuppression");
  boxes.Input<float>({1, 3}, {1, 2, 3}).Input<float>({1}, {1});
  boxes.Scalar<int32_t>(1);
  EXPECT_THAT(boxes.Run(), HasCode(bad, "4 columns"));
  OpTester scores("NonMaxSuppression");
  scores.Input<float>({1, 4}, {1, 2, 3, 4}).Input<float>({2}, {1, 2});
  scores.Scalar<int32_t>(1);
  EXPECT_THAT(scores.Run(), HasCode(bad, "scores"));
}

}  // namespace metagraph::non_max_suppression_test
