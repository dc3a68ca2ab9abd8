#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::segment_test {

using absl::StatusCode;

template <typename T>
absl::StatusOr<Tensor> Segment(const char* name, const std::vector<T>& data,
                               const std::vector<int32_t>& ids) {
  OpTester op(name);
  op.Input<T>({static_cast<int64_t>(data.size())}, data);
  op.Input<int32_t>({static_cast<int64_t>(ids.size())}, ids);
  RETURN_IF_ERROR(op.Run());
  return op.output(0);
}

TEST(SegmentTest, ReducesRunsOfEqualIds) {
  const std::vector<float> data = {1, 2, 3, 4};
  const std::vector<int32_t> ids = {0, 0, 2, 2};
  ASSERT_OK_AND_ASSIGN(Tensor out, Segment("SegmentSum", data, ids));
  ExpectTensorEqual<float>(out, {3}, {3, 0, 7});
  ASSERT_OK_AND_ASSIGN(out, Segment("SegmentMean", data, ids));
  ExpectTensorEqual<float>(out, {3}, {1.5, 0, 3.5});
  ASSERT_OK_AND_ASSIGN(out, Segment("SegmentProd", data, ids));
  ExpectTensorEqual<float>(out, {3}, {2, 1, 12});
  ASSERT_OK_AND_ASSIGN(out, Segment("SegmentMax", data, ids));
  ExpectTensorEqual<float>(out, {3}, {2, 0, 4});
  ASSERT_OK_AND_ASSIGN(out, Segment("SegmentMin", data, ids));
  ExpectTensorEqual<float>(out, {3}, {1, 0, 3});
}

TEST(SegmentTest, ReducesRowsAndNothing) {
  OpTester op("SegmentSum");
  op.Input<int64_t>({3, 2}, {1, 2, 3, 4, 5, 6}).Input<int64_t>({3}, {0, 1, 1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {2, 2}, {1, 2, 8, 10});
  OpTester none("SegmentSum");
  none.Input<float>({0, 2}, {}).Input<int32_t>({0}, {});
  ASSERT_OK(none.Run());
  ExpectTensorEqual<float>(none.output(0), {0, 2}, {});
}

TEST(SegmentTest, IntegersWrapAround) {
  ASSERT_OK_AND_ASSIGN(
      Tensor out, Segment<int16_t>("SegmentProd", {-32768, -1, 3}, {0, 0, 0}));
  ExpectTensorEqual<int16_t>(out, {1}, {-32768});
}

TEST(SegmentTest, MeansOfMoreRowsThanTheTypeCounts) {
  ASSERT_OK_AND_ASSIGN(
      Tensor out, Segment<uint8_t>("SegmentMean", std::vector<uint8_t>(256, 0),
                                   std::vector<int32_t>(256, 0)));
  ExpectTensorEqual<uint8_t>(out, {1}, {0});
}

TEST(SegmentTest, RefusesBadIds) {
  const auto expect = [](const std::vector<int32_t>& ids, const char* text) {
    EXPECT_THAT(Segment<float>("SegmentSum", {1, 2}, ids),
                HasCode(StatusCode::kInvalidArgument, text));
  };
  expect({1, 0}, "segment ids are not increasing");
  expect({-1, 0},
         "Segment id -1 out of range [0, 1), possibly because 'segment_ids' "
         "input is not sorted.");
  expect({-1, 3}, "Segment id -1 out of range [0, 4)");
  expect({-1, -1}, "segment ids must be >= 0");
  expect({5, -1}, "segment ids must be >= 0");
  expect({0}, "segment_ids should be the same size as dimension 0 of input.");
  // One more than the largest id is not a number any more.
  OpTester huge("SegmentSum");
  huge.Input<float>({2}, {1, 2});
  huge.Input<int64_t>({2}, {-1, std::numeric_limits<int64_t>::max()});
  EXPECT_THAT(huge.Run(), HasCode(StatusCode::kInvalidArgument,
                                  "segment ids must be >= 0"));
}

template <typename T>
absl::StatusOr<Tensor> Unsorted(const char* name, const std::vector<T>& data,
                                const std::vector<int32_t>& ids,
                                int32_t segments) {
  OpTester op(name);
  op.Input<T>({static_cast<int64_t>(data.size())}, data);
  op.Input<int32_t>({static_cast<int64_t>(ids.size())}, ids);
  op.Scalar<int32_t>(segments);
  RETURN_IF_ERROR(op.Run());
  return op.output(0);
}

TEST(UnsortedSegmentTest, TakesIdsInAnyOrderAndDropsNegativeOnes) {
  const std::vector<int32_t> data = {1, 2, 3, 4};
  const std::vector<int32_t> ids = {1, 0, 1, -1};
  ASSERT_OK_AND_ASSIGN(Tensor out,
                       Unsorted("UnsortedSegmentSum", data, ids, 3));
  ExpectTensorEqual<int32_t>(out, {3}, {2, 4, 0});
  ASSERT_OK_AND_ASSIGN(out, Unsorted("UnsortedSegmentProd", data, ids, 3));
  ExpectTensorEqual<int32_t>(out, {3}, {2, 3, 1});
  ASSERT_OK_AND_ASSIGN(out, Unsorted("UnsortedSegmentMax", data, ids, 3));
  ExpectTensorEqual<int32_t>(out, {3},
                             {2, 3, std::numeric_limits<int32_t>::min()});
  ASSERT_OK_AND_ASSIGN(out, Unsorted("UnsortedSegmentMin", data, ids, 3));
  ExpectTensorEqual<int32_t>(out, {3},
                             {2, 1, std::numeric_limits<int32_t>::max()});
}

TEST(UnsortedSegmentTest, RefusesBadIds) {
  EXPECT_THAT((Unsorted<float>("UnsortedSegmentSum", {1, 2, 3}, {0, 0, 5}, 2)),
              HasCode(StatusCode::kInvalidArgument,
                      "segment_ids[2] = 5 is out of range [0, 2)"));
  EXPECT_THAT((Unsorted<float>("UnsortedSegmentSum", {1, 2, 3}, {0, 0}, 2)),
              HasCode(StatusCode::kInvalidArgument,
                      "data.shape = [3] does not start with "
                      "segment_ids.shape = [2]"));
  EXPECT_THAT((Unsorted<float>("UnsortedSegmentSum", {1}, {0}, -1)),
              HasCode(StatusCode::kInvalidArgument,
                      "Input num_segments == -1 must not be negative."));
}

TEST(UnsortedSegmentTest, OfNothingAnyIdIsGood) {
  OpTester op("UnsortedSegmentSum");
  op.Input<float>({2, 0}, {}).Input<int32_t>({2}, {0, 7}).Scalar<int32_t>(3);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {3, 0}, {});
}

}  // namespace metagraph::segment_test
