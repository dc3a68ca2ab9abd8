#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::bucketize_test {

tensorflow::AttrValue Boundaries(const std::vector<float>& values) {
  tensorflow::AttrValue attr;
  attr.mutable_list();
  for (float value : values) attr.mutable_list()->add_f(value);
  return attr;
}

template <typename T>
absl::StatusOr<Tensor> Bucketize(const std::vector<T>& values,
                                 const std::vector<float>& boundaries) {
  OpTester op("Bucketize");
  op.Attr("boundaries", Boundaries(boundaries));
  op.Input<T>({static_cast<int64_t>(values.size())}, values);
  RETURN_IF_ERROR(op.Run());
  return op.output(0);
}

TEST(BucketizeTest, CountsBoundariesUpToTheValue) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  ASSERT_OK_AND_ASSIGN(
      Tensor out, Bucketize<float>({-1, 0, 1, 2, kNan, kInfinity}, {0, 1}));
  ExpectTensorEqual<int32_t>(out, {6}, {0, 1, 2, 2, 2, 2});
  ASSERT_OK_AND_ASSIGN(out, Bucketize<int32_t>({-1, 0, 1, 2}, {0.5, 1}));
  ExpectTensorEqual<int32_t>(out, {4}, {0, 0, 2, 2});
  ASSERT_OK_AND_ASSIGN(out, Bucketize<double>({1, 2}, {1, 1}));
  ExpectTensorEqual<int32_t>(out, {2}, {2, 2});
  ASSERT_OK_AND_ASSIGN(out, Bucketize<int64_t>({1, 2}, {}));
  ExpectTensorEqual<int32_t>(out, {2}, {0, 0});
  ASSERT_OK_AND_ASSIGN(out, Bucketize<float>({}, {1}));
  ExpectTensorEqual<int32_t>(out, {0}, {});
}

TEST(BucketizeTest, RefusesUnsortedBoundaries) {
  EXPECT_THAT(Bucketize<float>({1}, {2, 1}),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "Expected sorted boundaries"));
}

TEST(BoostedTreesBucketizeTest, EndsIntervalsWithTheirBoundaries) {
  OpTester op("BoostedTreesBucketize");
  op.Attr("num_features", 3);
  op.Input<float>({5}, {-1, 0, .5, 1, 2}).Input<float>({1}, {3});
  op.Input<float>({2}, {1, 2});
  op.Input<float>({2}, {0, 1}).Input<float>({3}, {2, 3, 4});
  op.Input<float>({0}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {5}, {0, 0, 1, 1, 1});
  ExpectTensorEqual<int32_t>(op.output(1), {1}, {1});
  ExpectTensorEqual<int32_t>(op.output(2), {2}, {0, 0});
}

TEST(BoostedTreesBucketizeTest, RefusesOtherShapes) {
  OpTester values("BoostedTreesBucketize");
  values.Attr("num_features", 1).Scalar<float>(1).Input<float>({1}, {1});
  EXPECT_THAT(values.Run(),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "float_values must be vectors, got shape []"));
  OpTester boundaries("BoostedTreesBucketize");
  boundaries.Attr("num_features", 1).Input<float>({1}, {1}).Scalar<float>(1);
  EXPECT_THAT(boundaries.Run(),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "bucket_boundaries must be vectors, got shape []"));
}

}  // namespace metagraph::bucketize_test
