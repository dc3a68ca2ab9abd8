#include <limits>

#include "tests/core/kernels/sparse_fixture.h"

namespace metagraph::sparse_merge_test {

using absl::StatusCode;

const SparseParts kA = {{3, 2}, {0, 1, 1, 0, 1, 3}, {.5, 1, 2}, {2, 4}};
const SparseParts kB = {{3, 2}, {0, 1, 0, 2, 1, 3}, {1, 9, -2}, {2, 4}};
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

template <typename T>
absl::Status AddUp(OpTester& op, const SparseParts& a, const SparseParts& b,
                   T threshold = T(0)) {
  AddSparse<T>(op, a);
  return AddSparse<T>(op, b).template Scalar<T>(threshold).Run();
}

TEST(SparseAddTest, AddsWhatIsAtOnePlace) {
  OpTester op("SparseAdd");
  ASSERT_OK(AddUp<float>(op, kA, kB));
  ExpectTensorEqual<int64_t>(op.output(0), {4, 2}, {0, 1, 0, 2, 1, 0, 1, 3});
  ExpectTensorEqual<float>(op.output(1), {4}, {1.5, 9, 1, 0});
  ExpectTensorEqual<int64_t>(op.output(2), {2}, {2, 4});
  // Sums under the threshold are left out; what is alone stays.
  OpTester large("SparseAdd");
  ASSERT_OK(AddUp<float>(large, kA, kB, 1.1f));
  ExpectTensorEqual<float>(large.output(1), {3}, {1.5, 9, 1});
  OpTester ints("SparseAdd");
  ASSERT_OK(AddUp<int8_t>(ints, {{1, 1}, {0}, {100}, {1}},
                          {{1, 1}, {0}, {100}, {1}}));
  ExpectTensorEqual<int8_t>(ints.output(1), {1}, {-56});
  OpTester nan("SparseAdd");
  ASSERT_OK(
      AddUp<float>(nan, {{1, 1}, {0}, {kNan}, {1}}, {{1, 1}, {0}, {1}, {1}}));
  ExpectTensorEqual<float>(nan.output(1), {0}, {});
}

TEST(SparseAddTest, RefusesWhatDoesNotFit) {
  const auto expect = [](const SparseParts& b, const char* text) {
    OpTester op("SparseAdd");
    EXPECT_THAT(AddUp<float>(op, kA, b),
                HasCode(StatusCode::kInvalidArgument, text));
  };
  expect({{1, 2}, {0, 0}, {1}, {2, 5}},
         "Operands' shapes do not match: got 4 and 5 for dimension 1");
  expect({{3, 2}, kA.indices, {1}, {2, 4}},
         "Expected 3 and 3 non-empty input values, got 3 and 1");
  expect({{1}, {0}, {1}, {2, 4}},
         "Input indices should be matrices but received shapes: [3,2] and [1]");
  expect({{1, 1}, {0}, {1}, {2}},
         "Input indices must have the same dimension, got 2 and 1");
  expect({{1, 2}, {0, 0}, {1}, {2}},
         "Operands do not have the same ranks; got shapes: [2,4] and [2]");
  OpTester values("SparseAdd");
  AddSparse(values, kA).Input<int64_t>({1, 2}, {0, 0});
  values.Input<float>({1, 1}, {1}).Input<int64_t>({2}, {2, 4}).Scalar(0.f);
  EXPECT_THAT(values.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Input values should be vectors but received shapes: "
                      "[3] and [1,1]"));
  OpTester shapes("SparseAdd");
  AddSparse(shapes, kA).Input<int64_t>({1, 2}, {0, 0}).Input<float>({1}, {1});
  shapes.Input<int64_t>({1, 2}, {2, 4}).Scalar(0.f);
  EXPECT_THAT(shapes.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Input shapes should be a vector but received shapes [2] "
                      "and [1,2]"));
  OpTester threshold("SparseAdd");
  AddSparse(threshold, kA);
  AddSparse(threshold, kB).Input<float>({1}, {1});
  EXPECT_THAT(threshold.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "The magnitude threshold must be a scalar: got shape "
                      "[1]"));
  OpTester scalars("SparseAdd");
  const SparseParts scalar = {{1, 0}, {}, {1}, {}};
  EXPECT_THAT(
      AddUp<float>(scalars, scalar, scalar),
      HasCode(StatusCode::kInvalidArgument, "Tesors must not be empty"));
  OpTester both("SparseAdd");
  const SparseParts wrong = {{1, 2}, {0, 0}, {1}, {2}};
  EXPECT_THAT(AddUp<float>(both, wrong, wrong),
              HasCode(StatusCode::kInvalidArgument,
                      "Input shapes must have 2 sizes, as indices have, got "
                      "1"));
}

absl::Status Grad(OpTester& op, const TensorShape& grad,
                  const TensorShape& a_shape, const std::vector<int64_t>& a,
                  const std::vector<int64_t>& sum) {
  op.Input<float>(grad, std::vector<float>(grad.num_elements(), 2));
  op.Input<int64_t>(a_shape, a).Input<int64_t>({2, 2}, {0, 1, 1, 1});
  return op.Input<int64_t>({static_cast<int64_t>(sum.size()) / 2, 2}, sum)
      .Run();
}

TEST(SparseAddGradTest, GoesBackToBothTensors) {
  OpTester op("SparseAddGrad");
  op.Input<float>({3}, {1, 2, 4}).Input<int64_t>({1, 2}, {0, 1});
  op.Input<int64_t>({2, 2}, {0, 1, 1, 1});
  op.Input<int64_t>({3, 2}, {0, 0, 0, 1, 1, 1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1}, {2});
  ExpectTensorEqual<float>(op.output(1), {2}, {2, 4});
  // What the sum left out; and of two at a place the first.
  OpTester some("SparseAddGrad");
  ASSERT_OK(Grad(some, {1}, {3, 2}, {0, 0, 0, 1, 0, 1}, {0, 1}));
  ExpectTensorEqual<float>(some.output(0), {3}, {0, 2, 0});
  ExpectTensorEqual<float>(some.output(1), {2}, {2, 0});
}

TEST(SparseAddGradTest, RefusesWhatDoesNotFit) {
  const auto expect = [](const TensorShape& grad, const TensorShape& a_shape,
                         const std::vector<int64_t>& a, const char* text) {
    OpTester op("SparseAddGrad");
    EXPECT_THAT(Grad(op, grad, a_shape, a, {0, 0, 0, 1}),
                HasCode(StatusCode::kInvalidArgument, text));
  };
  expect({1}, {1, 2}, {0, 1},
         "# elements of backprop_val_grad and # rows of sum_indices should "
         "match (#nnz of sum): got 1 and 2");
  expect({1, 2}, {1, 2}, {0, 1},
         "Input backprop_val_grad should be a vector but received shape: "
         "[1,2]");
  expect({2}, {1}, {0},
         "Input indices should be matrices but received shapes: [1] and [2,2] "
         "and [2,2]");
  expect({2}, {1, 1}, {0},
         "The densified operands should have the same ndims; for A, B, sum "
         "got: 122");
}

TEST(SparseSparseExtremeTest, TakesTheLargerOrSmaller) {
  const SparseParts b = {{3, 2}, {0, 1, 0, 2, 1, 3}, {1, -9, -2}, {2, 4}};
  OpTester maximum("SparseSparseMaximum");
  AddSparse(maximum, kA);
  ASSERT_OK(AddSparse(maximum, b).Run());
  ExpectTensorEqual<int64_t>(maximum.output(0), {4, 2},
                             {0, 1, 0, 2, 1, 0, 1, 3});
  ExpectTensorEqual<float>(maximum.output(1), {4}, {1, 0, 1, 2});
  OpTester minimum("SparseSparseMinimum");
  AddSparse(minimum, kA);
  ASSERT_OK(AddSparse(minimum, b).Run());
  ExpectTensorEqual<float>(minimum.output(1), {4}, {.5, -9, 0, -2});
  OpTester nan("SparseSparseMaximum");
  AddSparse(nan, {{2, 1}, {0, 1}, {kNan, 1}, {2}});
  ASSERT_OK(AddSparse(nan, {{2, 1}, {0, 1}, {1, kNan}, {2}}).Run());
  ExpectTensorEqual<float>(nan.output(1), {2}, {kNan, kNan});
}

TEST(SparseSparseExtremeTest, RefusesWhatDoesNotFit) {
  const auto expect = [](const SparseParts& b, const char* text) {
    OpTester op("SparseSparseMaximum");
    AddSparse(op, kA);
    EXPECT_THAT(AddSparse(op, b).Run(),
                HasCode(StatusCode::kInvalidArgument, text));
  };
  expect({{0, 2}, {}, {}, {2, 5}},
         "Operands' shapes do not match: got 4 and 5 for dimension 1");
  expect({{0, 1}, {}, {}, {2}},
         "Operands do not have the same ranks; got shapes: 2 4 and 2");
  expect({{1, 2}, {1, 9}, {1}, {2, 4}},
         "Sparse index tuple indices[0, :] = [1, 9] is out of bounds");
  expect({{1, 2}, {-1, 0}, {1}, {2, 4}},
         "Sparse index tuple indices[0, :] = [-1, 0] is out of bounds");
}

}  // namespace metagraph::sparse_merge_test
