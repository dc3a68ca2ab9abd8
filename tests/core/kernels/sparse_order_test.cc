#include <algorithm>
#include <numeric>

#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::sparse_order_test {

using absl::StatusCode;
using Int64s = std::vector<int64_t>;

Tensor Index(const TensorShape& shape, const Int64s& values) {
  return MakeTensor<int64_t>(shape, values);
}

TEST(SparseReorderTest, PutsEntriesInRowMajorOrder) {
  OpTester op("SparseReorder");
  op.Input<int64_t>({4, 2}, {1, 3, 0, 1, 1, 0, 1, 3});
  op.Input<float>({4}, {.5, 1, 2, 3}).Input<int64_t>({2}, {2, 4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {4, 2}, {0, 1, 1, 0, 1, 3, 1, 3});
  ExpectTensorEqual<float>(op.output(1), {4}, {1, 2, .5, 3});
  op.ClearInputs();
  op.Input<int64_t>({0, 2}, {}).Input<float>({0}, {});
  op.Input<int64_t>({2}, {2, 4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {0, 2}, {});
  OpTester texts("SparseReorder");
  texts.Input<int64_t>({2, 1}, {1, 0}).Input<std::string>({2}, {"a", "b"});
  texts.Input<int64_t>({1}, {2});
  ASSERT_OK(texts.Run());
  ExpectTensorEqual<std::string>(texts.output(1), {2}, {"b", "a"});
}

// More than are sorted at once: blocks are merged.
TEST(SparseReorderTest, KeepsEqualOnesOfManyInTheirOrder) {
  constexpr int64_t kCount = 100000, kRows = 1000;
  Int64s rows, order(kCount);
  for (int64_t i = 0; i < kCount; ++i) rows.push_back(i * 7919 % kRows);
  std::iota(order.begin(), order.end(), int64_t{0});
  OpTester op("SparseReorder");
  op.Input<int64_t>({kCount, 1}, rows).Input<int64_t>({kCount}, order);
  op.Input<int64_t>({1}, {kRows});
  ASSERT_OK(op.Run());
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return rows[a] < rows[b]; });
  ExpectTensorEqual<int64_t>(op.output(1), {kCount}, order);
}

TEST(SparseReorderTest, RefusesPartsThatDoNotFit) {
  const auto expect = [](const TensorShape& indices, const TensorShape& values,
                         const TensorShape& shape, const char* text) {
    OpTester op("SparseReorder");
    op.Input(Index(indices, Int64s(indices.num_elements())));
    op.Input(Index(values, Int64s(values.num_elements())));
    op.Input(Index(shape, Int64s(shape.num_elements())));
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  expect({2}, {2}, {2}, "Sparse indices must be rank 2 but is rank 1");
  expect({2, 2}, {1, 2}, {2}, "Sparse values must be rank 1 but is rank 2");
  expect({2, 2}, {2}, {1, 2}, "Sparse shape must be rank 1 but is rank 2");
  expect({3, 2}, {2}, {2},
         "Number of elements in indices (3) and values (2) do not match");
  expect({2, 2}, {2}, {3}, "Index rank (2) and shape rank (3) do not match");
}

OpTester& Reshape(OpTester& op, const Int64s& shape, const Int64s& wanted,
                  Tensor indices) {
  op.Input(std::move(indices));
  op.Input<int64_t>({static_cast<int64_t>(shape.size())}, shape);
  return op.Input<int64_t>({static_cast<int64_t>(wanted.size())}, wanted);
}

TEST(SparseReshapeTest, MovesEntriesToTheirNewPlaces) {
  const Tensor indices = Index({3, 2}, {0, 1, 1, 0, 1, 3});
  OpTester op("SparseReshape");
  Reshape(op, {2, 4}, {4, -1}, indices);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {3, 2}, {0, 1, 2, 0, 3, 1});
  ExpectTensorEqual<int64_t>(op.output(1), {2}, {4, 2});
  OpTester same("SparseReshape");
  Reshape(same, {2, 4}, {2, 4}, indices);
  ASSERT_OK(same.Run());
  ExpectTensorEqual<int64_t>(same.output(0), {3, 2}, {0, 1, 1, 0, 1, 3});
  OpTester flat("SparseReshape");
  Reshape(flat, {2, 4}, {8}, indices);
  ASSERT_OK(flat.Run());
  ExpectTensorEqual<int64_t>(flat.output(0), {3, 1}, {1, 4, 7});
  OpTester none("SparseReshape");
  Reshape(none, {0, 4}, {-1, 4}, Index({0, 2}, {}));
  ASSERT_OK(none.Run());
  ExpectTensorEqual<int64_t>(none.output(1), {2}, {0, 4});
  // Nobody looks whether the index is inside.
  OpTester outside("SparseReshape");
  Reshape(outside, {2, 4}, {8}, Index({2, 2}, {5, 0, -1, 0}));
  ASSERT_OK(outside.Run());
  ExpectTensorEqual<int64_t>(outside.output(0), {2, 1}, {20, -4});
}

TEST(SparseReshapeTest, RefusesShapes) {
  const auto expect = [](const Int64s& shape, const Int64s& wanted,
                         const char* text) {
    OpTester op("SparseReshape");
    Reshape(op, shape, wanted,
            Index({0, static_cast<int64_t>(shape.size())}, {}));
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  const int64_t big = int64_t{1} << 40;
  expect({2, 4}, {-1, -1},
         "only one output dimension may be -1, not both 0 and 1");
  expect({2, 4}, {-2, 4}, "size 0 must be non-negative, not -2");
  expect({2, 4}, {3, -1},
         "Input to reshape is a SparseTensor with 8 dense values, but the "
         "requested shape requires a multiple of 3. input_shape=[2,4] "
         "output_shape=[3,1]");
  expect({2, 4}, {3, 3},
         "Input to reshape is a tensor with 8 dense values, but the requested "
         "shape has 9. input_shape=[2,4] output_shape=[3,3]");
  expect({0, 4}, {0, -1},
         "reshape cannot infer the missing input size for an empty tensor "
         "unless all specified input sizes are non-zero");
  expect({2, -4}, {8}, "Expected shape dimensions to be non-negative, got -4");
  expect({big, big}, {8},
         "Encountered overflow when multiplying 1099511627776 with "
         "1099511627776, result: -1");
  expect({2, 4}, {big, big},
         "Encountered overflow when multiplying 1099511627776 with "
         "1099511627776, result: -1");
  OpTester vector("SparseReshape");
  Reshape(vector, {2}, {2}, Index({1}, {0}));
  EXPECT_THAT(vector.Run(),
              HasCode(StatusCode::kInvalidArgument, "Input must be a matrix."));
  OpTester rank("SparseReshape");
  Reshape(rank, {2, 4, 1}, {8}, Index({1, 2}, {0, 0}));
  EXPECT_THAT(rank.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Input tensor rank must match input shape length."));
  OpTester shape("SparseReshape");
  shape.Input<int64_t>({0, 1}, {}).Input<int64_t>({1, 1}, {1});
  shape.Input<int64_t>({1}, {1});
  EXPECT_THAT(shape.Run(), HasCode(StatusCode::kInvalidArgument,
                                   "Input shape must be a vector."));
  OpTester wanted("SparseReshape");
  wanted.Input<int64_t>({0, 1}, {}).Input<int64_t>({1}, {1});
  wanted.Input<int64_t>({1, 1}, {1});
  EXPECT_THAT(wanted.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Target shape should be a vector but received shape "
                      "[1,1]"));
}

OpTester& Fill(OpTester& op, Tensor indices, const std::vector<float>& values,
               const Int64s& shape) {
  op.Input(std::move(indices));
  op.Input<float>({static_cast<int64_t>(values.size())}, values);
  op.Input<int64_t>({static_cast<int64_t>(shape.size())}, shape);
  return op.Scalar<float>(9);
}

TEST(SparseFillEmptyRowsTest, GivesEmptyRowsTheDefault) {
  OpTester op("SparseFillEmptyRows");
  Fill(op, Index({3, 2}, {2, 1, 0, 1, 2, 0}), {.5, 1, 2}, {4, 4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {5, 2},
                             {0, 1, 1, 0, 2, 1, 2, 0, 3, 0});
  ExpectTensorEqual<float>(op.output(1), {5}, {1, 9, .5, 2, 9});
  ExpectTensorEqual<bool>(op.output(2), {4}, {false, true, false, true});
  ExpectTensorEqual<int64_t>(op.output(3), {3}, {2, 0, 3});
  OpTester full("SparseFillEmptyRows");
  Fill(full, Index({1, 3}, {0, 2, 9}), {1}, {1, 3, 4});
  ASSERT_OK(full.Run());
  ExpectTensorEqual<int64_t>(full.output(0), {1, 3}, {0, 2, 9});
  OpTester none("SparseFillEmptyRows");
  Fill(none, Index({0, 2}, {}), {}, {2, 4});
  ASSERT_OK(none.Run());
  ExpectTensorEqual<int64_t>(none.output(0), {2, 2}, {0, 0, 1, 0});
  OpTester texts("SparseFillEmptyRows");
  texts.Input<int64_t>({1, 1}, {1}).Input<std::string>({1}, {"a"});
  texts.Input<int64_t>({1}, {2}).Scalar<std::string>("z");
  ASSERT_OK(texts.Run());
  ExpectTensorEqual<std::string>(texts.output(1), {2}, {"z", "a"});
}

TEST(SparseFillEmptyRowsTest, RefusesWhatDoesNotFit) {
  const auto expect = [](Tensor indices, const std::vector<float>& values,
                         const Int64s& shape, const char* text) {
    OpTester op("SparseFillEmptyRows");
    Fill(op, std::move(indices), values, shape);
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  expect(Index({2, 2}, {0, 1, 5, 0}), {1, 2}, {4, 4},
         "indices(1, 0) is invalid: 5 >= 4");
  expect(Index({1, 2}, {-1, 1}), {1}, {4, 4},
         "indices(0, 0) is invalid: -1 >= 4");
  expect(Index({1, 2}, {0, 0}), {1}, {0, 4},
         "Received SparseTensor with dense_shape[0] = 0 but indices.shape[0] "
         "= 1");
  expect(Index({1}, {0}), {1}, {1}, "indices must be a matrix, saw: [1]");
  expect(Index({2, 1}, {0, 0}), {1}, {1},
         "The length of `values` (1) must match the first dimension of "
         "`indices` (2).");
  expect(Index({1, 2}, {0, 0}), {1}, {1},
         "The length of `dense_shape` (1) must match the second dimension of "
         "`indices` (2).");
  expect(Index({0, 0}, {}), {}, {}, "Dense shape cannot be empty.");
  expect(Index({0, 2}, {}), {}, {-2, 4},
         "Expected shape dimensions to be non-negative, got -2");
  OpTester values("SparseFillEmptyRows");
  values.Input<int64_t>({1, 1}, {0}).Input<float>({1, 1}, {1});
  values.Input<int64_t>({1}, {1}).Scalar<float>(1);
  EXPECT_THAT(values.Run(), HasCode(StatusCode::kInvalidArgument,
                                    "values must be a vector, saw: [1,1]"));
  OpTester value("SparseFillEmptyRows");
  value.Input<int64_t>({1, 1}, {0}).Input<float>({1}, {1});
  value.Input<int64_t>({1}, {1}).Input<float>({1}, {1});
  EXPECT_THAT(value.Run(), HasCode(StatusCode::kInvalidArgument,
                                   "default_value must be a scalar, saw: [1]"));
  OpTester shape("SparseFillEmptyRows");
  shape.Input<int64_t>({1, 1}, {0}).Input<float>({1}, {1});
  shape.Input<int64_t>({1, 1}, {1}).Scalar<float>(1);
  EXPECT_THAT(shape.Run(), HasCode(StatusCode::kInvalidArgument,
                                   "dense_shape must be a vector, saw: [1,1]"));
}

// A shape costs nothing to send.
TEST(SparseFillEmptyRowsTest, RefusesMoreRowsThanMemory) {
  OpTester op("SparseFillEmptyRows");
  Fill(op, Index({0, 2}, {}), {}, {1 << 26, 4});
  const MemoryLimit limit(8 << 20);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kResourceExhausted, "memory"));
}

TEST(SparseFillEmptyRowsGradTest, GoesBackToValuesAndDefault) {
  OpTester op("SparseFillEmptyRowsGrad");
  op.Input<int64_t>({2}, {0, 2}).Input<float>({4}, {1, 2, 4, 8});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2}, {1, 4});
  ExpectTensorEqual<float>(op.output(1), {}, {10});
  const auto expect = [](const TensorShape& map, const Int64s& at,
                         const TensorShape& grad, const char* text) {
    OpTester bad("SparseFillEmptyRowsGrad");
    bad.Input(Index(map, at)).Input<float>(grad, {1, 2, 4});
    EXPECT_THAT(bad.Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  expect({2}, {0, 5}, {3},
         "Elements in reverse index must be in [0, 3) but got 5");
  expect({1, 1}, {0}, {3}, "reverse_index_map must be a vector, saw: [1,1]");
  expect({1}, {0}, {1, 3}, "grad_values must be a vector, saw: [1,3]");
}

}  // namespace metagraph::sparse_order_test
