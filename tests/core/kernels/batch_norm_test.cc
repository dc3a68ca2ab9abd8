#include <cmath>
#include <cstring>
#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::batch_norm_test {

TEST(FusedBatchNormTest, AppliesGivenStatistics) {
  for (const char* name :
       {"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"}) {
    OpTester op(name);
    op.Attr("is_training", false).Attr("epsilon", 0.0f);
    op.Input<float>({1, 1, 2, 2}, {1, 2, 3, 4});
    op.Input<float>({2}, {1, 2}).Input<float>({2}, {0, 10});
    op.Input<float>({2}, {1, 2}).Input<float>({2}, {4, 1});
    ASSERT_OK(op.Run());
    ExpectTensorNear<float>(op.output(0), {1, 1, 2, 2}, {0, 10, 1, 14});
    ExpectTensorEqual<float>(op.output(1), {2}, {1, 2});
    ExpectTensorEqual<float>(op.output(2), {2}, {4, 1});
  }
}

TEST(FusedBatchNormV3Test, TakesHalfAndChannelsFirst) {
  OpTester op("FusedBatchNormV3");
  op.Attr("is_training", false).Attr("epsilon", 0.0f);
  op.Attr("data_format", "NCHW");
  op.Input<half>({1, 2, 1, 2}, {half(1), half(2), half(3), half(4)});
  op.Input<float>({2}, {1, 1}).Input<float>({2}, {0, 10});
  op.Input<float>({2}, {0, 3}).Input<float>({2}, {1, 1}).AllowForwarding();
  ASSERT_OK(op.Run());
  ExpectTensorEqual<half>(op.output(0), {1, 2, 1, 2},
                          {half(1), half(2), half(10), half(11)});
}

TEST(FusedBatchNormV3Test, FindsStatisticsInTraining) {
  for (const char* format : {"NHWC", "NCHW"}) {
    OpTester op("FusedBatchNormV3");
    op.Attr("data_format", format);
    op.Input<float>({2, 1, 1, 2}, {1, 2, 3, 4});
    if (format[1] == 'H') {
      op.ClearInputs();
      op.Input<float>({2, 2, 1, 1}, {1, 2, 3, 4});
    }
    op.Input<float>({1}, {1}).Input<float>({1}, {1});
    op.Input<float>({0}, {}).Input<float>({0}, {});
    ASSERT_OK(op.Run());
    EXPECT_NEAR(op.output(0).data<float>()[0], -0.34158707f, 1e-5);
    EXPECT_NEAR(op.output(0).data<float>()[3], 2.341587f, 1e-5);
    ExpectTensorNear<float>(op.output(1), {1}, {2.5f});
    ExpectTensorNear<float>(op.output(2), {1}, {1.6666667f});
    ExpectTensorNear<float>(op.output(3), {1}, {2.5f});
    ExpectTensorNear<float>(op.output(4), {1}, {1.25f});
  }
}

TEST(FusedBatchNormTest, MixesRunningStatistics) {
  OpTester op("FusedBatchNorm");
  op.Attr("exponential_avg_factor", 0.5f);
  op.Input<float>({2, 2, 1, 1}, {1, 2, 3, 4});
  op.Input<float>({1}, {1}).Input<float>({1}, {1});
  op.Input<float>({1}, {5}).Input<float>({1}, {1});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(1), {1}, {3.75f});
  ExpectTensorNear<float>(op.output(2), {1}, {1.3333334f});
}

TEST(FusedBatchNormTest, HasNoStatisticsOfNothing) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  OpTester op("FusedBatchNorm");
  op.Input<float>({0, 1, 1, 1}, {});
  op.Input<float>({1}, {1}).Input<float>({1}, {1});
  op.Input<float>({0}, {}).Input<float>({0}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {0, 1, 1, 1}, {});
  ExpectTensorEqual<float>(op.output(1), {1}, {nan});
  ExpectTensorEqual<float>(op.output(4), {1}, {0});
}

TEST(FusedBatchNormTest, RefusesShapesThatDoNotFit) {
  const auto run = [](const TensorShape& x, int64_t scale, int64_t mean) {
    OpTester op("FusedBatchNormV2");
    op.Attr("is_training", false);
    op.Input<float>(x, std::vector<float>(x.num_elements()));
    for (int64_t size : {scale, scale, mean, mean}) {
      op.Input<float>({size}, std::vector<float>(size));
    }
    return op.Run();
  };
  const auto bad = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(run({2, 3}, 3, 3), HasCode(bad, "4 or 5-dimensional"));
  EXPECT_THAT(run({1, 2, 2, 3}, 2, 3), HasCode(bad, "got 2 and 3"));
  EXPECT_THAT(run({1, 2, 2, 3}, 3, 0), HasCode(bad, "got 0 and 3"));
}

TEST(BatchNormWithGlobalNormalizationTest, ScalesIfAsked) {
  for (bool scale : {false, true}) {
    OpTester op("BatchNormWithGlobalNormalization");
    op.Attr("variance_epsilon", 0.0f).Attr("scale_after_normalization", scale);
    op.Input<float>({1, 1, 1, 2}, {3, 4});
    op.Input<float>({2}, {1, 2}).Input<float>({2}, {4, 1});
    op.Input<float>({2}, {10, 20}).Input<float>({2}, {3, 5});
    ASSERT_OK(op.Run());
    ExpectTensorNear<float>(op.output(0), {1, 1, 1, 2},
                            {scale ? 13.f : 11.f, scale ? 30.f : 22.f});
  }
}

TEST(LRNTest, DividesByNeighboursSquares) {
  OpTester op("LRN");
  op.Attr("depth_radius", 1).Attr("alpha", 0.5f).Attr("beta", 0.75f);
  op.Input<float>({1, 1, 2, 4}, {0, 1, 2, 3, 4, 5, 6, 7});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {1, 1, 2, 4},
                          {0, 0.39079496f, 0.4204482f, 0.66195017f, 0.40061864f,
                           0.31733808f, 0.29309627f, 0.4132673f},
                          1e-5);
}

TEST(LRNTest, WhatIsNotFiniteSpoilsItsWholeRow) {
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  OpTester op("LRN");
  op.Attr("depth_radius", 1).Attr("alpha", 1.f).Attr("beta", 1.f);
  op.Input<float>({1, 1, 2, 6}, {1, 2, inf, 4, 5, 6, 0, 1, 0, 0, 0, 0});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {1, 1, 2, 6},
                          {nan, 0, nan, 0, nan, nan, 0, 0.5f, 0, 0, 0, 0},
                          1e-6);
}

TEST(FusedBatchNormGradTest, AgreesWithTensorFlow) {
  for (const char* name :
       {"FusedBatchNormGrad", "FusedBatchNormGradV2", "FusedBatchNormGradV3"}) {
    for (bool training : {true, false}) {
      OpTester op(name);
      op.Attr("is_training", training).Attr("epsilon", 0.001f);
      op.Attr("U", DT_FLOAT);
      op.Input<float>({2, 2, 1, 1}, {1, 0, 2, -1});
      op.Input<float>({2, 2, 1, 1}, {1, 2, 4, 8});
      op.Input<float>({1}, {2});
      op.Input<float>({1}, {3.75f}).Input<float>({1}, {7.1875f});
      if (name[std::strlen(name) - 1] == '3') op.Input<float>({1}, {0});
      ASSERT_OK(op.Run());
      ExpectTensorNear<float>(
          op.output(0), {2, 2, 1, 1},
          training ? std::vector<float>{-.0907470f, -.6680724f, 1.1610845f,
                                        -.4022652f}
                   : std::vector<float>{.74595195f, 0, 1.4919039f, -.74595195f},
          1e-4, 1e-5);
      ExpectTensorNear<float>(op.output(1), {1}, {-2.4243438f});
      ExpectTensorNear<float>(op.output(2), {1}, {2});
    }
  }
}

TEST(FusedBatchNormGradTest, RefusesAGradientOfAnotherShape) {
  OpTester op("FusedBatchNormGrad");
  op.Input<float>({1, 1, 1, 1}, {1}).Input<float>({1, 1, 2, 1}, {1, 2});
  for (int i = 0; i < 3; ++i) op.Input<float>({1}, {1});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "must have same shape"));
}

TEST(LRNGradTest, AgreesWithTensorFlow) {
  OpTester op("LRNGrad");
  op.Attr("depth_radius", 1).Attr("alpha", 0.5f).Attr("beta", 0.75f);
  op.Input<float>({1, 1, 1, 4}, {1, 0, 2, -1});
  op.Input<float>({1, 1, 1, 4}, {0, 1, 2, 3});
  op.Input<float>({1, 1, 1, 4}, {0, .39079496f, .4204482f, .6619501f});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {1, 1, 1, 4},
                          {.73778796f, -.07883404f, .39517015f, -.25856715f},
                          1e-4);
}

TEST(LRNTest, TakesAnAbsurdRadiusAndRefusesOtherRanks) {
  OpTester op("LRN");
  op.Attr("depth_radius", 2147483647).Attr("beta", 1.0f);
  op.Input<float>({1, 1, 1, 2}, {1, 2});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {1, 1, 1, 2}, {1 / 6.f, 1 / 3.f});
  op.ClearInputs();
  op.Input<float>({2}, {1, 2});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "in must be 4-dimensional"));
}

TEST(FusedBatchNormTest, OfNothingHasNoMean) {
  for (const bool training : {false, true}) {
    OpTester op("FusedBatchNormV3");
    op.Attr("U", DT_FLOAT).Attr("is_training", training);
    op.Input<float>({1, 0, 4, 2}, {});
    op.Input<float>({2}, {1, 2}).Input<float>({2}, {1, 2});
    const std::vector<float> none;
    const TensorShape shape{training ? 0 : 2};
    op.Input<float>(shape, training ? none : std::vector<float>{3, 4});
    op.Input<float>(shape, training ? none : std::vector<float>{1, 2});
    ASSERT_OK(op.Run());
    const float nan = std::nanf("");
    ExpectTensorEqual<float>(op.output(1), {2}, {nan, nan});
    ExpectTensorEqual<float>(op.output(2), {2}, {nan, nan});
  }
}

}  // namespace metagraph::batch_norm_test
