#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::slice_test {

using absl::StatusCode;

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

// 0, 1, 2, … as int32.
Tensor Iota(const TensorShape& shape) {
  Tensor out = *Tensor::Allocate(DT_INT32, shape);
  for (int64_t i = 0; i < out.num_elements(); ++i) {
    out.mutable_data<int32_t>()[i] = static_cast<int32_t>(i);
  }
  return out;
}

TEST(SliceTest, CutsABox) {
  OpTester op("Slice");
  op.Input(Iota({3, 4}))
      .Input<int32_t>({2}, {1, 1})
      .Input<int32_t>({2}, {2, -1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {2, 3}, {5, 6, 7, 9, 10, 11});
}

TEST(SliceTest, SharesRows) {
  OpTester op("Slice");
  const Tensor input = Iota({3, 2});
  op.Input(input).Input<int64_t>({2}, {1, 0}).Input<int64_t>({2}, {1, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {1, 2}, {2, 3});
  EXPECT_TRUE(op.output(0).SharesBufferWith(input));
}

TEST(SliceTest, MayBeEmpty) {
  OpTester op("Slice");
  op.Input(Iota({3})).Input<int32_t>({1}, {3}).Input<int32_t>({1}, {0});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {0}, {});
}

absl::Status Slice(int64_t begin, int64_t size) {
  OpTester op("Slice");
  op.Input(Iota({4})).Input<int64_t>({1}, {begin}).Input<int64_t>({1}, {size});
  return op.Run();
}

TEST(SliceTest, RefusesWhatIsOutside) {
  EXPECT_THAT(Slice(4, 1), HasCode(StatusCode::kInvalidArgument,
                                   "Expected size[0] in [0, 0], but got 1"));
  EXPECT_THAT(Slice(-1, 1), HasCode(StatusCode::kInvalidArgument,
                                    "Expected begin[0] in [0, 4], but got -1"));
  EXPECT_THAT(Slice(0, -2), HasCode(StatusCode::kInvalidArgument,
                                    "Expected size[0] in [0, 4], but got -2"));
  EXPECT_FALSE(Slice(kMax, kMax).ok());
  EXPECT_FALSE(Slice(kMin, kMin).ok());
  OpTester op("Slice");
  op.Input(Iota({2, 2})).Input<int32_t>({1}, {0}).Input<int32_t>({1}, {1});
  EXPECT_THAT(op.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected begin and size arguments to be 1-D tensors of "
                      "size 2, but got shapes [1] and [1] instead."));
}

struct Masks {
  int begin = 0;
  int end = 0;
  int ellipsis = 0;
  int new_axis = 0;
  int shrink = 0;
};

absl::StatusOr<Tensor> StridedSlice(const Tensor& input,
                                    const std::vector<int64_t>& begin,
                                    const std::vector<int64_t>& end,
                                    const std::vector<int64_t>& strides,
                                    const Masks& masks = {}) {
  OpTester op("StridedSlice");
  const auto vector = [](const std::vector<int64_t>& values) {
    return MakeTensor<int64_t>({static_cast<int64_t>(values.size())}, values);
  };
  op.Input(input)
      .Input(vector(begin))
      .Input(vector(end))
      .Input(vector(strides));
  op.Attr("begin_mask", masks.begin).Attr("end_mask", masks.end);
  op.Attr("ellipsis_mask", masks.ellipsis)
      .Attr("new_axis_mask", masks.new_axis);
  op.Attr("shrink_axis_mask", masks.shrink);
  RETURN_IF_ERROR(op.Run());
  return op.output(0);
}

TEST(StridedSliceTest, StepsForwardAndBack) {
  ASSERT_OK_AND_ASSIGN(Tensor out, StridedSlice(Iota({7}), {1}, {6}, {2}));
  ExpectTensorEqual<int32_t>(out, {3}, {1, 3, 5});
  ASSERT_OK_AND_ASSIGN(out, StridedSlice(Iota({7}), {-2}, {1}, {-2}));
  ExpectTensorEqual<int32_t>(out, {2}, {5, 3});
  // x[::-1]
  ASSERT_OK_AND_ASSIGN(
      out, StridedSlice(Iota({3}), {0}, {0}, {-1}, {.begin = 1, .end = 1}));
  ExpectTensorEqual<int32_t>(out, {3}, {2, 1, 0});
}

TEST(StridedSliceTest, ClampsWhatIsOutside) {
  ASSERT_OK_AND_ASSIGN(Tensor out,
                       StridedSlice(Iota({3}), {kMin}, {kMax}, {1}));
  ExpectTensorEqual<int32_t>(out, {3}, {0, 1, 2});
  ASSERT_OK_AND_ASSIGN(out, StridedSlice(Iota({3}), {kMax}, {kMin}, {kMin}));
  ExpectTensorEqual<int32_t>(out, {1}, {2});
  ASSERT_OK_AND_ASSIGN(out, StridedSlice(Iota({3}), {0}, {3}, {kMax}));
  ExpectTensorEqual<int32_t>(out, {1}, {0});
  ASSERT_OK_AND_ASSIGN(out, StridedSlice(Iota({3}), {2}, {1}, {1}));
  ExpectTensorEqual<int32_t>(out, {0}, {});
}

TEST(StridedSliceTest, AddsAndDropsAxes) {
  const Tensor x = Iota({2, 3, 4});
  // x[1, ..., tf.newaxis, 2]
  ASSERT_OK_AND_ASSIGN(
      Tensor out, StridedSlice(x, {1, 0, 0, 2}, {2, 0, 0, 3}, {1, 1, 1, 1},
                               {.ellipsis = 2, .new_axis = 4, .shrink = 9}));
  ExpectTensorEqual<int32_t>(out, {3, 1}, {14, 18, 22});
  // x[-1]
  ASSERT_OK_AND_ASSIGN(out,
                       StridedSlice(Iota({3}), {-1}, {0}, {1}, {.shrink = 1}));
  ExpectTensorEqual<int32_t>(out, {}, {2});
  // x[1:] keeps what it does not name.
  ASSERT_OK_AND_ASSIGN(out, StridedSlice(x, {1}, {0}, {1}, {.end = 1}));
  EXPECT_EQ(out.shape().ToString(), "[1,3,4]");
  EXPECT_TRUE(out.SharesBufferWith(x));
}

TEST(StridedSliceTest, RefusesHostileSpecs) {
  const auto expect = [](const absl::StatusOr<Tensor>& got, const char* text) {
    EXPECT_THAT(got, HasCode(StatusCode::kInvalidArgument, text));
  };
  expect(StridedSlice(Iota({3}), {0}, {1}, {0}), "strides[0] must be non-zero");
  expect(StridedSlice(Iota({3}), {3}, {4}, {1}, {.shrink = 1}),
         "slice index 3 of dimension 0 out of bounds.");
  expect(StridedSlice(Iota({3}), {-4}, {-3}, {1}, {.shrink = 1}),
         "slice index -4 of dimension 0 out of bounds.");
  expect(StridedSlice(Iota({3}), {kMin}, {1}, {1}, {.shrink = 1}),
         "out of bounds.");
  expect(StridedSlice(Iota({3}), {0}, {1}, {-1}, {.shrink = 1}),
         "only stride 1 allowed on non-range indexing.");
  expect(StridedSlice(Iota({3}), {0, 0}, {1, 1}, {1, 1}),
         "Index out of range using input dim 1; input has only 1 dims");
  expect(StridedSlice(Iota({3}), {0}, {1, 1}, {1}),
         "Expected begin, end, and strides to be 1D equal size tensors, but "
         "got shapes [1], [2], and [1] instead.");
  expect(StridedSlice(Iota({3, 3}), {0, 0}, {1, 1}, {1, 1}, {.ellipsis = 3}),
         "Multiple ellipses in slice spec not allowed");
}

TEST(StridedSliceGradTest, PutsTheGradientWhereTheSliceWas) {
  OpTester op("StridedSliceGrad");
  op.Input<int32_t>({1}, {5}).Input<int32_t>({1}, {-1});
  op.Input<int32_t>({1}, {0}).Input<int32_t>({1}, {-2});
  op.Input<float>({2}, {1, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {5}, {0, 0, 2, 0, 1});
}

TEST(StridedSliceGradTest, RefusesAnotherShape) {
  OpTester op("StridedSliceGrad");
  op.Input<int32_t>({1}, {5}).Input<int32_t>({1}, {0});
  op.Input<int32_t>({1}, {5}).Input<int32_t>({1}, {1});
  op.Input<float>({4}, {1, 2, 3, 4});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "shape of dy was [4] instead of [5]"));
}

}  // namespace metagraph::slice_test
