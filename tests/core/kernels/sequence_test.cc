#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::sequence_test {

using absl::StatusCode;

template <typename T>
absl::StatusOr<Tensor> Range(T start, T limit, T delta) {
  OpTester op("Range");
  op.Scalar<T>(start);
  op.Scalar<T>(limit);
  op.Scalar<T>(delta);
  RETURN_IF_ERROR(op.Run());
  return op.output(0);
}

TEST(RangeTest, CountsUpAndDown) {
  ASSERT_OK_AND_ASSIGN(Tensor out, Range<int32_t>(1, 8, 3));
  ExpectTensorEqual<int32_t>(out, {3}, {1, 4, 7});
  ASSERT_OK_AND_ASSIGN(out, Range<int64_t>(3, 0, -1));
  ExpectTensorEqual<int64_t>(out, {3}, {3, 2, 1});
  ASSERT_OK_AND_ASSIGN(out, Range<float>(0, 1, 0.25f));
  ExpectTensorEqual<float>(out, {4}, {0, 0.25f, 0.5f, 0.75f});
  ASSERT_OK_AND_ASSIGN(out, Range<int32_t>(2, 2, 1));
  ExpectTensorEqual<int32_t>(out, {0}, {});
}

TEST(RangeTest, SurvivesTheLimitsOfItsType) {
  constexpr int32_t kMin = std::numeric_limits<int32_t>::min();
  constexpr int32_t kMax = std::numeric_limits<int32_t>::max();
  ASSERT_OK_AND_ASSIGN(Tensor out, Range<int32_t>(kMin, kMax, kMax));
  ExpectTensorEqual<int32_t>(out, {3}, {kMin, -1, kMax - 1});
  ASSERT_OK_AND_ASSIGN(out, Range<int32_t>(kMax, kMin, kMin));
  ExpectTensorEqual<int32_t>(out, {2}, {kMax, -1});
  EXPECT_FALSE(Range<int64_t>(std::numeric_limits<int64_t>::min(),
                              std::numeric_limits<int64_t>::max(), 1)
                   .ok());
  EXPECT_FALSE(Range<float>(0, std::numeric_limits<float>::infinity(), 1).ok());
}

TEST(RangeTest, RefusesTheWrongDirection) {
  EXPECT_THAT(Range<int32_t>(3, 1, 1),
              HasCode(StatusCode::kInvalidArgument,
                      "Requires start <= limit when delta > 0: 3/1"));
  EXPECT_THAT(Range<int32_t>(1, 5, -1),
              HasCode(StatusCode::kInvalidArgument,
                      "Requires start >= limit when delta < 0: 1/5"));
  EXPECT_THAT(Range<int32_t>(1, 5, 0),
              HasCode(StatusCode::kInvalidArgument, "Requires delta != 0: 0"));
  EXPECT_FALSE(Range<float>(0, 1, std::nanf("")).ok());
  OpTester vector("Range");
  vector.Input<int32_t>({2}, {1, 2}).Scalar<int32_t>(3).Scalar<int32_t>(1);
  EXPECT_THAT(vector.Run(),
              HasCode(StatusCode::kInvalidArgument, "start must be a scalar"));
}

TEST(LinSpaceTest, EndsExactly) {
  OpTester op("LinSpace");
  op.Scalar<float>(0).Scalar<float>(1).Scalar<int32_t>(5);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {5}, {0, 0.25f, 0.5f, 0.75f, 1});
  OpTester one("LinSpace");
  one.Scalar<double>(3).Scalar<double>(1).Scalar<int64_t>(1);
  ASSERT_OK(one.Run());
  ExpectTensorEqual<double>(one.output(0), {1}, {3});
  OpTester none("LinSpace");
  none.Scalar<double>(3).Scalar<double>(1).Scalar<int64_t>(0);
  EXPECT_THAT(none.Run(),
              HasCode(StatusCode::kInvalidArgument, "Requires num > 0: 0"));
}

TEST(OneHotTest, SetsOnePlacePerIndex) {
  OpTester last("OneHot");
  last.Input<int32_t>({3}, {1, -1, 5}).Scalar<int32_t>(3);
  last.Scalar<float>(1).Scalar<float>(0);
  ASSERT_OK(last.Run());
  ExpectTensorEqual<float>(last.output(0), {3, 3}, {0, 1, 0, 0, 0, 0, 0, 0, 0});
  OpTester first("OneHot");
  first.Attr("axis", 0).Input<uint8_t>({2}, {0, 1}).Scalar<int32_t>(2);
  first.Scalar<std::string>("on").Scalar<std::string>("off");
  ASSERT_OK(first.Run());
  ExpectTensorEqual<std::string>(first.output(0), {2, 2},
                                 {"on", "off", "off", "on"});
}

TEST(OneHotTest, RefusesBadDepthAndAxis) {
  OpTester depth("OneHot");
  depth.Scalar<int64_t>(1).Scalar<int32_t>(-1);
  depth.Scalar<float>(1).Scalar<float>(0);
  EXPECT_THAT(depth.Run(), HasCode(StatusCode::kInvalidArgument,
                                   "depth must be non-negative, got: -1"));
  OpTester axis("OneHot");
  axis.Attr("axis", 5).Input<int64_t>({1}, {1}).Scalar<int32_t>(1);
  axis.Scalar<float>(1).Scalar<float>(0);
  EXPECT_THAT(axis.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected axis to be -1 or between [0, 2).  But "
                      "received: 5"));
}

TEST(InvertPermutationTest, Inverts) {
  OpTester op("InvertPermutation");
  op.Input<int32_t>({3}, {2, 0, 1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {3}, {1, 2, 0});
}

TEST(InvertPermutationTest, RefusesWhatIsNone) {
  const auto run = [](const std::vector<int64_t>& x) {
    OpTester op("InvertPermutation");
    op.Input<int64_t>({2}, x);
    return op.Run();
  };
  EXPECT_THAT(run({0, 0}), HasCode(StatusCode::kInvalidArgument,
                                   "0 is duplicated in the input."));
  EXPECT_THAT(run({2, 0}), HasCode(StatusCode::kInvalidArgument,
                                   "2 is not between 0 and 2"));
  EXPECT_THAT(run({-1, 0}), HasCode(StatusCode::kInvalidArgument,
                                    "-1 is not between 0 and 2"));
}

TEST(RangeTest, SmallFloatsCountInTheirOwnSteps) {
  OpTester op("Range");
  op.Scalar(bfloat16(0.f)).Scalar(bfloat16(-9.f)).Scalar(bfloat16(-0.898438f));
  ASSERT_OK(op.Run());
  EXPECT_EQ(op.output(0).num_elements(), 10);
}

}  // namespace metagraph::sequence_test
