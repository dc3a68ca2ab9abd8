#include "tests/support/op_tester.h"

namespace metagraph::image_color_test {

TEST(RGBToHSVTest, FindsHueSaturationAndValue) {
  OpTester op("RGBToHSV");
  op.Input<float>({5, 3}, {1, .5f, .2f, 0, 0, 0, .3f, .3f, .3f, .1f, .2f, .9f,
                           .9f, .2f, .9f});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {5, 3},
                          {.0625f, .8f, 1, 0, 0, 0, 0, 0, .3f, .64583337f,
                           .8888889f, .9f, .8333333f, .7777778f, .9f});
}

TEST(HSVToRGBTest, MixesColours) {
  OpTester op("HSVToRGB");
  op.Input<float>({3, 3}, {1, .5f, .2f, .3f, 1, 1, .9f, .2f, .9f});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(
      op.output(0), {3, 3},
      {.2f, .1f, .1f, .19999993f, 1, 0, .9f, .72f, .82800007f});
}

TEST(ColorTest, RefusesOtherChannels) {
  OpTester op("RGBToHSV");
  op.Input<float>({2}, {1, 2});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kFailedPrecondition,
                                "input only has 2 channels"));
}

TEST(AdjustContrastv2Test, MovesAwayFromTheMean) {
  OpTester op("AdjustContrastv2");
  std::vector<float> in, want;
  for (int i = 0; i < 12; ++i) {
    in.push_back(i);
    want.push_back(2 * i - (4.5f + i % 3));
  }
  op.Input<float>({2, 2, 3}, in).Scalar<float>(2).AllowForwarding();
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {2, 2, 3}, want);
}

TEST(AdjustContrastv2Test, RefusesOtherRanks) {
  OpTester op("AdjustContrastv2");
  op.Input<float>({1, 1}, {1}).Scalar<float>(2);
  EXPECT_THAT(op.Run(),
              HasCode(absl::StatusCode::kInvalidArgument, "at least 3-D"));
}

}  // namespace metagraph::image_color_test
