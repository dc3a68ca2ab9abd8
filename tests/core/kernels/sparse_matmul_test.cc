#include "tests/support/op_tester.h"

namespace metagraph::sparse_matmul_test {

absl::Status RunSparse(OpTester& op, std::vector<int64_t> index,
                       std::vector<int64_t> shape, const TensorShape& b) {
  op.Input<int64_t>({1, 2}, index).Input<float>({1}, {2});
  op.Input<int64_t>({2}, shape);
  std::vector<float> values(b.num_elements());
  for (size_t i = 0; i < values.size(); ++i) values[i] = i + 1;
  op.Input<float>(b, values);
  return op.Run();
}

TEST(SparseTensorDenseMatMulTest, AddsRowsUp) {
  OpTester op("SparseTensorDenseMatMul");
  op.Input<int64_t>({3, 2}, {0, 0, 0, 2, 1, 1}).Input<float>({3}, {1, 2, 3});
  op.Input<int64_t>({2}, {2, 3}).Input<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 2}, {11, 14, 9, 12});
}

TEST(SparseTensorDenseMatMulTest, TakesAdjoints) {
  OpTester a("SparseTensorDenseMatMul");
  a.Attr("adjoint_a", true);
  ASSERT_OK(RunSparse(a, {1, 0}, {2, 1}, {2, 2}));
  ExpectTensorEqual<float>(a.output(0), {1, 2}, {6, 8});
  OpTester b("SparseTensorDenseMatMul");
  b.Attr("adjoint_b", true);
  ASSERT_OK(RunSparse(b, {0, 1}, {1, 2}, {2, 2}));
  ExpectTensorEqual<float>(b.output(0), {1, 2}, {4, 8});
}

TEST(SparseTensorDenseMatMulTest, RefusesIndicesOutside) {
  const auto run = [](std::vector<int64_t> index, std::vector<int64_t> shape,
                      const TensorShape& b) {
    OpTester op("SparseTensorDenseMatMul");
    return RunSparse(op, index, shape, b);
  };
  const auto bad = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(run({0, 5}, {2, 3}, {3, 2}),
              HasCode(bad, "k (5) from index[0,1] out of bounds (>=3)"));
  EXPECT_THAT(run({5, 0}, {2, 3}, {3, 2}),
              HasCode(bad, "m (5) from index[0,0] out of bounds (>=2)"));
  EXPECT_THAT(run({-1, 0}, {2, 3}, {3, 2}), HasCode(bad, "m (-1)"));
  EXPECT_THAT(run({0, 0}, {2, 3}, {4, 2}),
              HasCode(bad, "inner dimension does not match: 3 vs. 4"));
  EXPECT_THAT(run({0, 0}, {-2, 3}, {3, 2}), HasCode(bad, "negative"));
  EXPECT_FALSE(run({0, 0}, {int64_t{1} << 62, 3}, {3, 2}).ok());
}

TEST(SparseMatMulTest, MultipliesFloatAndBfloat16) {
  OpTester op("SparseMatMul");
  op.Attr("transpose_a", true);
  op.Input<bfloat16>({2, 1}, {bfloat16(1), bfloat16(2)});
  op.Input<float>({2, 1}, {3, 4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 1}, {11});
}

TEST(SparseMatMulTest, RefusesSizesThatDoNotFit) {
  OpTester op("SparseMatMul");
  op.Input<float>({1, 2}, {1, 2}).Input<float>({1, 2}, {3, 4});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "Matrix size incompatible"));
}

}  // namespace metagraph::sparse_matmul_test
