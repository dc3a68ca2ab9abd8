#include "tests/core/kernels/sparse_fixture.h"

namespace metagraph::sparse_dense_test {

using absl::StatusCode;

const SparseParts kA = {{3, 2}, {0, 1, 1, 0, 1, 3}, {.5, 1, 2}, {2, 4}};
const std::vector<float> kDense = {1, 2, 3, 4, 5, 6, 0, 8};

TEST(SparseDenseCwiseTest, BroadcastsTheDenseSide) {
  const auto expect = [](const char* name, const TensorShape& shape,
                         const std::vector<float>& dense,
                         const std::vector<float>& want) {
    OpTester op(name);
    AddSparse(op, kA).Input<float>(shape, dense);
    ASSERT_OK(op.Run());
    ExpectTensorNear<float>(op.output(0), {3}, want);
  };
  expect("SparseDenseCwiseMul", {2, 4}, kDense, {1, 5, 16});
  expect("SparseDenseCwiseAdd", {2, 4}, kDense, {2.5, 6, 10});
  expect("SparseDenseCwiseDiv", {2, 4}, kDense, {.25, .2, .25});
  expect("SparseDenseCwiseMul", {4}, {1, 2, 3, 4}, {1, 1, 8});
  expect("SparseDenseCwiseMul", {2, 1}, {1, 2}, {.5, 2, 4});
  expect("SparseDenseCwiseMul", {}, {3}, {1.5, 3, 6});
}

TEST(SparseDenseCwiseTest, DividesIntegers) {
  const auto divide = [](float value, int32_t by) {
    auto op = std::make_unique<OpTester>("SparseDenseCwiseDiv");
    AddSparse<int32_t>(*op, {{1, 1}, {0}, {value}, {2}});
    op->Input<int32_t>({2}, {by, 0});
    return op;
  };
  auto op = divide(-7, 2);
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int32_t>(op->output(0), {1}, {-3});
  op = divide(-2147483648.f, -1);
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int32_t>(op->output(0), {1},
                             {std::numeric_limits<int32_t>::min()});
  EXPECT_THAT(divide(1, 0)->Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "SparseDenseCwiseDiv cannot divide by zero,but input "
                      "dense tensor contains zero "));
}

TEST(SparseDenseCwiseTest, RefusesWhatDoesNotFit) {
  const auto expect = [](const SparseParts& sparse, const TensorShape& shape,
                         const char* text) {
    OpTester op("SparseDenseCwiseMul");
    AddSparse(op, sparse)
        .Input<float>(shape, std::vector<float>(shape.num_elements()));
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  const char* broadcast =
      "SparseDenseBinaryOpShared broadcasts dense to sparse only; got "
      "incompatible shapes: ";
  expect(kA, {2}, broadcast);
  expect(kA, {1, 2, 4}, broadcast);
  expect({{0, 2}, {}, {}, {3, 0}}, {1}, broadcast);
  expect({{1, 2}, {0, 0}, {1}, {1, 4}}, {2, 4},
         "incompatible shapes: [1,4] vs. [2,4]");
  expect({{1}, {0}, {1}, {2, 4}}, {2, 4},
         "Input sp_indices should be a matrix but received shape: [1]");
  expect({{3, 2}, kA.indices, {1}, {2, 4}}, {2, 4},
         "The first dimension of values and indices should match. (1 vs. 3)");
  expect({{1, 2}, {0, 0}, {1}, {2, 4, 1}}, {1},
         "Number of dimensions must match second dimension of indices. Got 3 "
         "dimensions, indices shape: [1,2]");
  expect({{1, 2}, {0, 9}, {1}, {2, 4}}, {2, 4},
         "Provided indices are out-of-bounds w.r.t. dense side with "
         "broadcasted shape");
  expect({{1, 2}, {-1, 0}, {1}, {2, 4}}, {}, "out-of-bounds");
  expect({{0, 2}, {}, {}, {-2, 4}}, {},
         "Expected shape dimensions to be non-negative, got -2");
  expect({{1, 0}, {}, {1}, {}}, {},
         "The shape argument requires at least one element.");
  expect({{0, 6}, {}, {}, {1, 1, 1, 1, 1, 1}}, {},
         "Only tensors with ranks between 1 and 5 are currently supported.  "
         "Tensor rank: 6");
  OpTester values("SparseDenseCwiseMul");
  values.Input<int64_t>({1, 1}, {0}).Input<float>({1, 1}, {1});
  values.Input<int64_t>({1}, {1}).Scalar<float>(1);
  EXPECT_THAT(values.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Inputs sp_values and sp_shape should be vectors but "
                      "received shapes: [1,1] and [1]"));
}

template <typename Index>
absl::Status DenseAdd(OpTester& op, const TensorShape& indices_shape,
                      const std::vector<Index>& indices,
                      const std::vector<float>& values,
                      const std::vector<Index>& shape,
                      const TensorShape& dense) {
  op.Input<Index>(indices_shape, indices);
  op.Input<float>({static_cast<int64_t>(values.size())}, values);
  op.Input<Index>({static_cast<int64_t>(shape.size())}, shape);
  return op
      .Input<float>(dense,
                    std::vector<float>(kDense.begin(),
                                       kDense.begin() + dense.num_elements()))
      .Run();
}

TEST(SparseTensorDenseAddTest, AddsValuesAtTheirPlaces) {
  OpTester op("SparseTensorDenseAdd");
  ASSERT_OK(DenseAdd<int64_t>(op, {3, 2}, {0, 1, 1, 3, 1, 3}, {.5, 1, 2},
                              {2, 4}, {2, 4}));
  ExpectTensorEqual<float>(op.output(0), {2, 4}, {1, 2.5, 3, 4, 5, 6, 0, 11});
  OpTester taken("SparseTensorDenseAdd");
  taken.AllowForwarding();
  ASSERT_OK(DenseAdd<int32_t>(taken, {1, 1}, {1}, {.5}, {2}, {2}));
  ExpectTensorEqual<float>(taken.output(0), {2}, {1, 2.5});
}

TEST(SparseTensorDenseAddTest, RefusesWhatDoesNotFit) {
  const auto expect =
      [](const TensorShape& indices_shape, const std::vector<int64_t>& indices,
         const std::vector<float>& values, const std::vector<int64_t>& shape,
         const TensorShape& dense, const char* text) {
        OpTester op("SparseTensorDenseAdd");
        EXPECT_THAT(
            DenseAdd<int64_t>(op, indices_shape, indices, values, shape, dense),
            HasCode(StatusCode::kInvalidArgument, text));
      };
  expect({2, 2}, {0, 0, 0, 4}, {1, 2}, {2, 4}, {2, 4},
         "Sparse tensor has an invalid index on dimension 1: a_indices(1,1) = "
         "4, dense tensor shape: 2 4");
  expect({1, 2}, {0, -1}, {1}, {2, 4}, {2, 4}, "a_indices(0,1) = -1");
  expect({0, 2}, {}, {}, {2, 5}, {2, 4},
         "Dimension 1 does not equal (no broadcasting is supported): sparse "
         "side 5 vs dense side 4");
  expect({0, 2}, {}, {}, {2, 4}, {1},
         "Two operands have different ranks; received: 2 and 1");
  expect({1}, {0}, {1}, {2, 4}, {2, 4},
         "Input a_indices should be a matrix but received shape: [1]");
  expect({3, 2}, {0, 0, 0, 0, 0, 0}, {1}, {2, 4}, {2, 4},
         "Dimensions 3 and 1 are not compatible");
  expect({1, 1}, {0}, {1}, {2, 4}, {2, 4},
         "Dimensions 1 and 2 are not compatible");
  expect({1, 0}, {}, {1}, {}, {}, "Tensor rank: 0");
  OpTester values("SparseTensorDenseAdd");
  values.Input<int64_t>({1, 1}, {0}).Input<float>({1, 1}, {1});
  values.Input<int64_t>({1}, {1}).Input<float>({1}, {1});
  EXPECT_THAT(values.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Inputs a_values and a_shape should be vectors but "
                      "received shapes: [1,1] and [1]"));
}

}  // namespace metagraph::sparse_dense_test
