#include <limits>

#include "tests/core/kernels/sparse_fixture.h"

namespace metagraph::sparse_reduce_test {

using absl::StatusCode;
using Axes = std::vector<int32_t>;

const SparseParts kA = {
    {4, 3}, {0, 0, 0, 0, 1, 1, 1, 0, 0, 1, 2, 1}, {1, 2, 4, 8}, {2, 3, 2}};

absl::Status Reduce(OpTester& op, const SparseParts& sparse, const Axes& axes,
                    bool keep = false) {
  op.Attr("keep_dims", keep);
  AddSparse(op, sparse);
  op.Input<int32_t>({static_cast<int64_t>(axes.size())}, axes);
  return op.Run();
}

void ExpectDense(const char* name, const SparseParts& sparse, const Axes& axes,
                 const TensorShape& shape, const std::vector<float>& want,
                 bool keep = false) {
  OpTester op(name);
  ASSERT_OK(Reduce(op, sparse, axes, keep));
  ExpectTensorEqual<float>(op.output(0), shape, want);
}

TEST(SparseReduceTest, SumsAlongAxes) {
  const char* sum = "SparseReduceSum";
  ExpectDense(sum, kA, {0}, {3, 2}, {5, 0, 0, 2, 0, 8});
  ExpectDense(sum, kA, {1}, {2, 2}, {1, 2, 4, 8});
  ExpectDense(sum, kA, {-1}, {2, 3}, {1, 2, 0, 4, 0, 8});
  ExpectDense(sum, kA, {-3, 1}, {2}, {5, 10});
  ExpectDense(sum, kA, {1, 1}, {2, 2}, {1, 2, 4, 8});
  ExpectDense(sum, kA, {0, 1, 2}, {}, {15});
  ExpectDense(sum, kA, {}, {2, 3, 2}, {1, 0, 0, 2, 0, 0, 4, 0, 0, 0, 0, 8});
  ExpectDense(sum, kA, {1}, {2, 1, 2}, {1, 2, 4, 8}, true);
  ExpectDense(sum, kA, {0, 1, 2}, {1, 1, 1}, {15}, true);
  const SparseParts unsorted = {
      {4, 2}, {1, 1, 0, 0, 1, 0, 0, 1}, {1, 2, 4, 8}, {2, 2}};
  ExpectDense(sum, unsorted, {1}, {2}, {10, 5});
  ExpectDense(sum, unsorted, {0}, {2}, {6, 9});
  ExpectDense(sum, {{0, 2}, {}, {}, {0, 2}}, {0}, {2}, {0, 0});
}

TEST(SparseReduceTest, TakesTheLargest) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const char* max = "SparseReduceMax";
  ExpectDense(max, {{3, 2}, {0, 0, 0, 1, 1, 0}, {-1, -2, -4}, {2, 2}}, {1}, {2},
              {-1, -4});
  ExpectDense(max, {{0, 2}, {}, {}, {2, 2}}, {1}, {2}, {0, 0});
  ExpectDense(max, {{3, 1}, {0, 1, 2}, {kNan, 2, 1}, {3}}, {0}, {}, {2});
  ExpectDense(max, {{2, 1}, {0, 1}, {2, kNan}, {3}}, {0}, {}, {kNan});
}

TEST(SparseReduceTest, GivesSparseResults) {
  const auto expect =
      [](const char* name, const Axes& axes, bool keep,
         const TensorShape& indices_shape, const std::vector<int64_t>& indices,
         const std::vector<float>& values, const std::vector<int64_t>& shape) {
        OpTester op(name);
        ASSERT_OK(Reduce(op, kA, axes, keep));
        ExpectTensorEqual<int64_t>(op.output(0), indices_shape, indices);
        ExpectTensorEqual<float>(op.output(1),
                                 {static_cast<int64_t>(values.size())}, values);
        ExpectTensorEqual<int64_t>(op.output(2),
                                   {static_cast<int64_t>(shape.size())}, shape);
      };
  expect("SparseReduceSumSparse", {0, 2}, false, {3, 1}, {0, 1, 2}, {5, 2, 8},
         {3});
  expect("SparseReduceMaxSparse", {0, 2}, false, {3, 1}, {0, 1, 2}, {4, 2, 8},
         {3});
  expect("SparseReduceSumSparse", {0, 2}, true, {3, 3},
         {0, 0, 0, 0, 1, 0, 0, 2, 0}, {5, 2, 8}, {1, 3, 1});
  expect("SparseReduceSumSparse", {0, 1, 2}, false, {1, 0}, {}, {15}, {});
}

TEST(SparseReduceTest, RefusesWhatDoesNotFit) {
  const auto expect = [](const SparseParts& sparse, const Axes& axes,
                         const char* text,
                         StatusCode code = StatusCode::kInvalidArgument) {
    OpTester op("SparseReduceSum");
    EXPECT_THAT(Reduce(op, sparse, axes), HasCode(code, text));
  };
  expect(kA, {3},
         "Invalid reduction dimension 3, for input with 3 dimensions.");
  expect(kA, {-4},
         "Invalid reduction dimension -4, for input with 3 dimensions.");
  expect({{1, 2}, {5, 1}, {1}, {2, 2}}, {1},
         "Obtained a write index of 5 which is outside of bounds of [0, 2)",
         StatusCode::kInternal);
  expect({{1, 2}, {-1, 1}, {1}, {2, 2}}, {1},
         "Obtained a write index of -1 which is outside of bounds of [0, 2)",
         StatusCode::kInternal);
  expect({{1}, {0}, {1}, {2}}, {0}, "indices must be a matrix, but got: [1]");
  expect({{1, 1}, {0}, {1, 2}, {2}}, {0},
         "indices and values rows (indexing dimension) must match. (indices = "
         "1, values = 2)");
  expect({{1, 2}, {0, 0}, {1}, {2, 2, 1}}, {0},
         "Order length must be SparseTensor rank.");
  expect({{0, 2}, {}, {}, {-2, 2}}, {0},
         "Expected shape dimensions to be non-negative, got -2");
  OpTester axes("SparseReduceSum");
  AddSparse(axes, kA).Input<int32_t>({1, 1}, {1});
  EXPECT_THAT(axes.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected reduction_axes to be a scalar or a vector; got "
                      "shape: [1,1]"));
  OpTester values("SparseReduceSum");
  values.Input<int64_t>({1, 1}, {0}).Input<float>({1, 1}, {1});
  values.Input<int64_t>({1}, {1}).Scalar<int32_t>(0);
  EXPECT_THAT(values.Run(), HasCode(StatusCode::kInvalidArgument,
                                    "vals must be a vec, but got: [1,1]"));
  OpTester shape("SparseReduceSum");
  shape.Input<int64_t>({1, 1}, {0}).Input<float>({1}, {1});
  shape.Input<int64_t>({1, 1}, {1}).Scalar<int32_t>(0);
  EXPECT_THAT(shape.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected input_shape to be a vector; got shape: "
                      "[1,1]"));
}

TEST(SparseSoftmaxTest, GoesOverTheEntriesOfEachRow) {
  OpTester op("SparseSoftmax");
  AddSparse(op, {{3, 2}, {0, 1, 1, 0, 1, 3}, {.5, 1, 2}, {2, 4}});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {3}, {1, .26894143f, .7310586f});
  // Unsorted ones come out in order, as in TensorFlow.
  OpTester unsorted("SparseSoftmax");
  AddSparse(unsorted, {{3, 2}, {1, 0, 0, 0, 1, 1}, {1, 2, 3}, {2, 2}});
  ASSERT_OK(unsorted.Run());
  ExpectTensorNear<float>(unsorted.output(0), {3}, {1, .11920291f, .880797f});
  OpTester large("SparseSoftmax");
  AddSparse<half>(large, {{2, 2}, {0, 0, 0, 1}, {60000, 60000}, {1, 2}});
  ASSERT_OK(large.Run());
  ExpectTensorEqual<half>(large.output(0), {2}, {half(.5f), half(.5f)});
  const auto expect = [](const SparseParts& sparse, const char* text) {
    OpTester bad("SparseSoftmax");
    EXPECT_THAT(AddSparse(bad, sparse).Run(),
                HasCode(StatusCode::kInvalidArgument, text));
  };
  expect({{1, 1}, {0}, {1}, {2}},
         "Input should have rank >= 2, but received shape: 2");
  expect({{1}, {0}, {1}, {2, 2}},
         "Input sp_indices should be a matrix but received shape: [1]");
  expect({{1, 2}, {0, 0}, {1, 2}, {2, 2}},
         "indices and values rows (indexing dimension) must match. (indices = "
         "1, values = 2)");
  OpTester values("SparseSoftmax");
  values.Input<int64_t>({1, 2}, {0, 0}).Input<float>({1, 1}, {1});
  values.Input<int64_t>({2}, {2, 2});
  EXPECT_THAT(values.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Inputs sp_values and sp_shape should be vectors but "
                      "received shapes: [1,1] and [2]"));
}

}  // namespace metagraph::sparse_reduce_test
