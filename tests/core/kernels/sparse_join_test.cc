#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::sparse_join_test {

using absl::StatusCode;
using Int64s = std::vector<int64_t>;

struct Sparse {
  Tensor indices, values, shape;
};

Sparse MakeSparse(const TensorShape& shape, const Int64s& indices,
                  const std::vector<float>& values, const Int64s& sizes) {
  const auto count = static_cast<int64_t>(values.size());
  return {MakeTensor<int64_t>(shape, indices),
          MakeTensor<float>({count}, values),
          MakeTensor<int64_t>({static_cast<int64_t>(sizes.size())}, sizes)};
}
const Sparse& A() {
  static const Sparse a =
      MakeSparse({3, 2}, {0, 1, 1, 0, 1, 3}, {.5, 1, 2}, {2, 4});
  return a;
}

absl::Status Concat(OpTester& op, const Sparse& a, const Sparse& b) {
  op.Input(a.indices).Input(b.indices).Input(a.values).Input(b.values);
  op.Input(a.shape).Input(b.shape).Attr("N", 2);
  return op.Run();
}

TEST(SparseConcatTest, JoinsAlongAnyAxis) {
  const Sparse narrow = MakeSparse({2, 2}, {0, 0, 1, 1}, {7, 8}, {2, 2});
  for (const int axis : {1, -1}) {
    OpTester op("SparseConcat");
    op.Attr("concat_dim", axis);
    ASSERT_OK(Concat(op, A(), narrow));
    ExpectTensorEqual<int64_t>(op.output(0), {5, 2},
                               {0, 1, 0, 4, 1, 0, 1, 3, 1, 5});
    ExpectTensorEqual<float>(op.output(1), {5}, {.5, 7, 1, 2, 8});
    ExpectTensorEqual<int64_t>(op.output(2), {2}, {2, 6});
  }
  OpTester rows("SparseConcat");
  rows.Attr("concat_dim", 0);
  ASSERT_OK(
      Concat(rows, A(), MakeSparse({2, 2}, {0, 0, 1, 1}, {7, 8}, {2, 4})));
  ExpectTensorEqual<int64_t>(rows.output(0), {5, 2},
                             {0, 1, 1, 0, 1, 3, 2, 0, 3, 1});
  ExpectTensorEqual<int64_t>(rows.output(2), {2}, {4, 4});
}

TEST(SparseConcatTest, RefusesWhatDoesNotFit) {
  const auto expect = [](const Sparse& b, int axis, const char* text) {
    OpTester op("SparseConcat");
    op.Attr("concat_dim", axis);
    EXPECT_THAT(Concat(op, A(), b),
                HasCode(StatusCode::kInvalidArgument, text));
  };
  const Sparse narrow = MakeSparse({2, 2}, {0, 0, 1, 1}, {7, 8}, {2, 2});
  expect(narrow, 0,
         "Input shapes must match: expected 4 for dimension 1 but got 2 at "
         "position 1");
  expect(narrow, 2, "Concat dimension must be in range [-2, 2), got 2");
  expect(narrow, -3, "Concat dimension must be in range [-2, 2), got -3");
  expect(MakeSparse({1, 1}, {0}, {1}, {2}), 0,
         "Ranks of all input tensors must match: expected 2 but got 1 at "
         "position 1");
  expect(MakeSparse({1, 2}, {0, 0}, {1, 2}, {2, 4}), 0,
         "indices and values rows (indexing dimension) must match. (indices = "
         "1, values = 2)");
  expect(MakeSparse({1, 3}, {0, 0, 0}, {1}, {2, 4}), 0,
         "Order length must be SparseTensor rank.");
  expect(MakeSparse({1}, {0}, {1}, {2, 4}), 0,
         "Input indices should be a matrix but received shape [1] at position "
         "1");
  Sparse bad = MakeSparse({1, 2}, {0, 0}, {1}, {2, 4});
  bad.values = MakeTensor<float>({1, 1}, {1});
  expect(bad, 0,
         "Input values should be a vector but received shape [1,1] at position "
         "1");
  bad = MakeSparse({1, 2}, {0, 0}, {1}, {2, 4});
  bad.shape = MakeTensor<int64_t>({1, 2}, {2, 4});
  expect(bad, 0,
         "Input shapes should be a vector but received shape [1,2] at position "
         "1");
  expect(MakeSparse({0, 2}, {}, {}, {-2, 4}), 0,
         "Expected shape dimensions to be non-negative, got -2");
  expect(MakeSparse({0, 2}, {}, {}, {std::numeric_limits<int64_t>::max(), 4}),
         0, "too large");
}

absl::Status Split(OpTester& op, int64_t axis, const Sparse& sparse,
                   int64_t parts) {
  op.Scalar<int64_t>(axis).Input(sparse.indices).Input(sparse.values);
  op.Input(sparse.shape).Attr("num_split", parts);
  return op.Run();
}

TEST(SparseSplitTest, GivesEachPartItsEntries) {
  for (const int axis : {1, -1}) {
    OpTester op("SparseSplit");
    ASSERT_OK(Split(op, axis, A(), 2));
    ExpectTensorEqual<int64_t>(op.output(0), {2, 2}, {0, 1, 1, 0});
    ExpectTensorEqual<int64_t>(op.output(1), {1, 2}, {1, 1});
    ExpectTensorEqual<float>(op.output(2), {2}, {.5, 1});
    ExpectTensorEqual<float>(op.output(3), {1}, {2});
    ExpectTensorEqual<int64_t>(op.output(4), {2}, {2, 2});
    ExpectTensorEqual<int64_t>(op.output(5), {2}, {2, 2});
  }
  // The first parts are longer.
  OpTester op("SparseSplit");
  ASSERT_OK(Split(
      op, 1, MakeSparse({3, 2}, {0, 2, 0, 3, 0, 6}, {1, 2, 3}, {2, 7}), 3));
  ExpectTensorEqual<int64_t>(op.output(0), {1, 2}, {0, 2});
  ExpectTensorEqual<int64_t>(op.output(1), {1, 2}, {0, 0});
  ExpectTensorEqual<int64_t>(op.output(2), {1, 2}, {0, 1});
  ExpectTensorEqual<int64_t>(op.output(6), {2}, {2, 3});
  ExpectTensorEqual<int64_t>(op.output(7), {2}, {2, 2});
  ExpectTensorEqual<int64_t>(op.output(8), {2}, {2, 2});
}

TEST(SparseSplitTest, RefusesWhatDoesNotFit) {
  const auto expect = [](int64_t axis, const Sparse& sparse, int64_t parts,
                         const char* text) {
    OpTester op("SparseSplit");
    EXPECT_THAT(Split(op, axis, sparse, parts),
                HasCode(StatusCode::kInvalidArgument, text));
  };
  expect(2, A(), 2, "Input axis should be in range [-2, 2), got 2");
  expect(0, A(), 3,
         "Input num_split should be between 1 and the splitting dimension size "
         "(2), got 3");
  expect(1, MakeSparse({1, 2}, {0, 9}, {1}, {2, 4}), 2,
         "Sparse index tuple indices[0, :] = [0, 9] is out of bounds");
  expect(1, MakeSparse({1, 2}, {-1, 0}, {1}, {2, 4}), 2,
         "Sparse index tuple indices[0, :] = [-1, 0] is out of bounds");
  expect(1, MakeSparse({1}, {0}, {1}, {2, 4}), 2,
         "Input indices should be a matrix but received shape [1]");
  expect(1, MakeSparse({1, 2}, {0, 0}, {1}, {2, 4, 1}), 2,
         "Index rank (2) and shape rank (3) do not match");
  Sparse bad = A();
  bad.values = MakeTensor<float>({1, 1}, {1});
  expect(1, bad, 2, "Input values should be a vector but received shape [1,1]");
  bad = A();
  bad.shape = MakeTensor<int64_t>({1, 2}, {2, 4});
  expect(1, bad, 2, "Input shape should be a vector but received shape [1,2]");
  OpTester axis("SparseSplit");
  axis.Input<int64_t>({1}, {0}).Input(A().indices).Input(A().values);
  axis.Input(A().shape).Attr("num_split", 2);
  EXPECT_THAT(axis.Run(), HasCode(StatusCode::kInvalidArgument,
                                  "Input axis should be a scalar but received "
                                  "shape [1]"));
}

absl::Status Slice(OpTester& op, const Sparse& sparse, const Int64s& start,
                   const Int64s& size) {
  op.Input(sparse.indices).Input(sparse.values).Input(sparse.shape);
  op.Input<int64_t>({static_cast<int64_t>(start.size())}, start);
  op.Input<int64_t>({static_cast<int64_t>(size.size())}, size);
  return op.Run();
}

TEST(SparseSliceTest, CutsAPartOut) {
  const auto expect =
      [](const Int64s& start, const Int64s& size, const Int64s& indices,
         const std::vector<float>& values, const Int64s& shape) {
        OpTester op("SparseSlice");
        ASSERT_OK(Slice(op, A(), start, size));
        const auto count = static_cast<int64_t>(values.size());
        ExpectTensorEqual<int64_t>(op.output(0), {count, 2}, indices);
        ExpectTensorEqual<float>(op.output(1), {count}, values);
        ExpectTensorEqual<int64_t>(op.output(2), {2}, shape);
      };
  expect({1, 0}, {1, 2}, {0, 0}, {1}, {1, 2});
  expect({1, 2}, {9, 9}, {0, 1}, {2}, {1, 2});
  expect({5, 2}, {9, 9}, {}, {}, {0, 2});
  expect({-1, 2}, {9, 9}, {2, 1}, {2}, {3, 2});
  expect({0, 2}, {0, 9}, {}, {}, {0, 2});
  expect({0, 0}, {2, std::numeric_limits<int64_t>::max()}, {0, 1, 1, 0, 1, 3},
         {.5, 1, 2}, {2, 4});
}

TEST(SparseSliceTest, RefusesWhatDoesNotFit) {
  const auto expect = [](const Int64s& start, const Int64s& size,
                         const char* text) {
    OpTester op("SparseSlice");
    EXPECT_THAT(Slice(op, A(), start, size),
                HasCode(StatusCode::kInvalidArgument, text));
  };
  expect({0, 2}, {-1, 9}, "Expected a non-negative size, got -1");
  expect({0}, {0, 9},
         "Expected start to be a vector of length 2 but got length 1");
  expect({0, 0}, {0},
         "Expected size to be a vector of length 2 but got length 1");
  OpTester matrix("SparseSlice");
  matrix.Input(A().indices).Input(A().values).Input(A().shape);
  matrix.Input<int64_t>({1, 2}, {0, 0}).Input<int64_t>({2}, {0, 0});
  EXPECT_THAT(matrix.Run(), HasCode(StatusCode::kInvalidArgument,
                                    "Input start should be a vector but "
                                    "received shape [1,2]"));
}

absl::Status SliceGrad(OpTester& op, const TensorShape& grad_shape,
                       const TensorShape& in_shape, const Int64s& start,
                       const TensorShape& out_shape, const Int64s& out) {
  op.Input<float>(grad_shape, std::vector<float>(grad_shape.num_elements(), 3));
  const Int64s all = {0, 1, 1, 0, 1, 3};
  op.Input<int64_t>(in_shape,
                    Int64s(all.begin(), all.begin() + in_shape.num_elements()));
  op.Input<int64_t>({static_cast<int64_t>(start.size())}, start);
  op.Input<int64_t>(out_shape, out);
  return op.Run();
}

TEST(SparseSliceGradTest, GoesBackToTheEntriesThatWereCut) {
  OpTester op("SparseSliceGrad");
  ASSERT_OK(SliceGrad(op, {2}, {3, 2}, {1, 0}, {2, 2}, {0, 0, 0, 3}));
  ExpectTensorEqual<float>(op.output(0), {3}, {0, 3, 3});
  const auto expect = [](const TensorShape& grad, const TensorShape& in,
                         const Int64s& start, const TensorShape& out_shape,
                         const Int64s& out, StatusCode code, const char* text) {
    OpTester bad("SparseSliceGrad");
    EXPECT_THAT(SliceGrad(bad, grad, in, start, out_shape, out),
                HasCode(code, text));
  };
  const StatusCode invalid = StatusCode::kInvalidArgument;
  expect({1}, {3, 2}, {1, 0}, {1, 2}, {0, 1}, StatusCode::kInternal,
         "Elements of backprop_val_grad aren't all propagated. Num elements:1, "
         "used: 0");
  expect({2}, {3, 2}, {1, 0}, {1, 2}, {0, 1}, invalid,
         "# elements of backprop_val_grad and # rows of output_indices should "
         "match (#nnz of sum): got 2 and 1");
  expect({1, 1}, {3, 2}, {1, 0}, {1, 2}, {0, 1}, invalid,
         "Input backprop_val_grad should be a vector but received shape: "
         "[1,1]");
  expect({1}, {1}, {1, 0}, {1, 2}, {0, 1}, invalid,
         "Input and output indices should be matrices but received shapes: [1] "
         "and [1,2]");
  expect({1}, {3, 2}, {1}, {1, 2}, {0, 1}, invalid,
         "Expected input_start to be a vector of length 2 but got length 1");
  expect({1}, {3, 2}, {1, 0}, {1, 3}, {0, 1, 1}, invalid,
         "The input and output should have the same ndims: got: 2 and 3");
  expect({2}, {1, 2}, {0, 0}, {2, 2}, {0, 1, 0, 1}, invalid,
         "# rows of output_indices should be not greater than of "
         "input_indices, got 2 and 1");
}

}  // namespace metagraph::sparse_join_test
