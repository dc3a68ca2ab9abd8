#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::reshape_test {

using absl::StatusCode;

absl::StatusOr<TensorShape> Reshaped(const TensorShape& from,
                                     const std::vector<int64_t>& sizes) {
  OpTester op("Reshape");
  op.Input(*Tensor::Allocate(DT_FLOAT, from));
  op.Input<int64_t>({static_cast<int64_t>(sizes.size())}, sizes);
  RETURN_IF_ERROR(op.Run());
  return op.output(0).shape();
}

TEST(ReshapeTest, SharesTheBuffer) {
  OpTester op("Reshape");
  const Tensor input = MakeTensor<std::string>({2, 1}, {"a", "b"});
  op.Input(input).Input<int32_t>({1}, {2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {2}, {"a", "b"});
  EXPECT_TRUE(op.output(0).SharesBufferWith(input));
}

TEST(ReshapeTest, InfersOneSize) {
  ASSERT_OK_AND_ASSIGN(TensorShape shape, Reshaped({2, 6}, {3, -1}));
  EXPECT_EQ(shape.ToString(), "[3,4]");
  ASSERT_OK_AND_ASSIGN(shape, Reshaped({0, 3}, {-1, 3}));
  EXPECT_EQ(shape.ToString(), "[0,3]");
  ASSERT_OK_AND_ASSIGN(shape, Reshaped({1}, {}));
  EXPECT_EQ(shape.ToString(), "[]");
}

// TensorFlow leaves zeros out of account where the new shape has some.
TEST(ReshapeTest, InfersASizeBesideZeros) {
  const auto expect = [](const TensorShape& from,
                         const std::vector<int64_t>& to, const char* want) {
    ASSERT_OK_AND_ASSIGN(TensorShape shape, Reshaped(from, to));
    EXPECT_EQ(shape.ToString(), want);
  };
  expect({0}, {0, -1}, "[0,1]");
  expect({0}, {-1, 0}, "[1,0]");
  expect({0, 5}, {0, -1}, "[0,5]");
  expect({2, 0, 3}, {0, -1, 7}, "[0,0,7]");
  expect({2, 0, 3}, {3, -1, 0}, "[3,2,0]");
}

TEST(ReshapeTest, RefusesWhatDoesNotFit) {
  const auto expect = [](const absl::StatusOr<TensorShape>& got,
                         const char* text) {
    EXPECT_THAT(got, HasCode(StatusCode::kInvalidArgument, text));
  };
  expect(Reshaped({2, 3}, {2, 4}),
         "Input to reshape is a tensor with 6 values, but the requested shape "
         "has 8");
  expect(Reshaped({2, 3}, {-1, -1}),
         "Only one input size may be -1, not both 0 and 1");
  expect(Reshaped({2, 3}, {-1, 7}), "requires a multiple of 7");
  expect(Reshaped({2, 3}, {-2}), "Size 0 must be non-negative, not -2");
  expect(Reshaped({2}, {0, -1}),
         "Input to reshape is a tensor with 2 values, but the requested shape "
         "has 0");
  expect(Reshaped({2, 3}, {int64_t{1} << 62, 4, -1}), "fit int64");
  expect(Reshaped({0}, {int64_t{1} << 62, 4, 0}), "fit int64");
}

TEST(ReshapeTest, RefusesASizeMatrixAndFloatSizes) {
  OpTester matrix("Reshape");
  matrix.Input<float>({2}, {1, 2}).Input<int32_t>({1, 2}, {2, 1});
  EXPECT_THAT(matrix.Run(), HasCode(StatusCode::kInvalidArgument,
                                    "sizes input must be 1-D, not [1,2]"));
  OpTester floats("Reshape");
  floats.Input<float>({2}, {1, 2}).Input<float>({1}, {2});
  EXPECT_THAT(floats.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "attr 'Tshape' of float is not in the list"));
}

TEST(ExpandDimsTest, CountsFromBothEnds) {
  OpTester op("ExpandDims");
  op.Input<float>({2}, {1, 2}).Scalar<int32_t>(-1);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 1}, {1, 2});
  OpTester bad("ExpandDims");
  bad.Input<float>({1, 2}, {1, 2}).Scalar<int32_t>(3);
  EXPECT_THAT(bad.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Tried to expand dim index 3 for tensor with 2 "
                      "dimensions."));
}

TEST(SqueezeTest, DropsOnes) {
  OpTester all("Squeeze");
  all.Input<float>({1, 2, 1}, {1, 2});
  ASSERT_OK(all.Run());
  ExpectTensorEqual<float>(all.output(0), {2}, {1, 2});
  OpTester one("Squeeze");
  one.Attr("squeeze_dims", std::vector<int64_t>{-1})
      .Input<float>({1, 2, 1}, {1, 2});
  ASSERT_OK(one.Run());
  ExpectTensorEqual<float>(one.output(0), {1, 2}, {1, 2});
}

TEST(SqueezeTest, RefusesOtherSizes) {
  OpTester size("Squeeze");
  size.Attr("squeeze_dims", std::vector<int64_t>{1})
      .Input<float>({1, 2}, {1, 2});
  EXPECT_THAT(size.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Can not squeeze dim[1], expected a dimension of 1, got "
                      "2"));
  OpTester dim("Squeeze");
  dim.Attr("squeeze_dims", std::vector<int64_t>{5})
      .Input<float>({1, 2}, {1, 2});
  EXPECT_THAT(dim.Run(), HasCode(StatusCode::kInvalidArgument,
                                 "Tried to squeeze dim index 5"));
}

TEST(ShapeTest, GivesSizesInBothIntegerTypes) {
  OpTester op("Shape");
  op.Input<float>({2, 0}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {2}, {2, 0});
  OpTester wide("ShapeN");
  wide.Attr("out_type", DT_INT64).Input<float>({1}, {1}).Scalar<float>(3);
  ASSERT_OK(wide.Run());
  ExpectTensorEqual<int64_t>(wide.output(0), {1}, {1});
  ExpectTensorEqual<int64_t>(wide.output(1), {0}, {});
}

TEST(ShapeTest, RefusesSizesBeyondInt32) {
  const Tensor wide = *Tensor::Allocate(DT_UINT8, {int64_t{1} << 40, 0});
  OpTester op("Shape");
  op.Input(wide);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, "32-bit"));
  OpTester as_float("Shape");
  as_float.Attr("out_type", DT_FLOAT).Input(wide);
  EXPECT_THAT(as_float.Run(), HasCode(StatusCode::kInvalidArgument, "float"));
}

TEST(ShapeTest, SizeAndRank) {
  OpTester size("Size");
  size.Attr("out_type", DT_INT64).Input<float>({2, 1}, {1, 2});
  ASSERT_OK(size.Run());
  ExpectTensorEqual<int64_t>(size.output(0), {}, {2});
  OpTester rank("Rank");
  rank.Input<float>({2, 1}, {1, 2});
  ASSERT_OK(rank.Run());
  ExpectTensorEqual<int32_t>(rank.output(0), {}, {2});
}

}  // namespace metagraph::reshape_test
