#include "tests/support/op_tester.h"

namespace metagraph::transpose_test {

using absl::StatusCode;

// Transposes 0, 1, 2, … of type T and compares with the definition.
template <typename T>
void CheckTranspose(const std::vector<int64_t>& sizes,
                    const std::vector<int32_t>& perm) {
  const TensorShape shape(sizes);
  const int rank = shape.rank();
  Tensor x = *Tensor::Allocate(kDataType<T>, shape);
  for (int64_t i = 0; i < x.num_elements(); ++i) {
    x.mutable_data<T>()[i] = static_cast<T>(i);
  }
  OpTester op("Transpose");
  op.Input(x).Input<int32_t>({rank}, perm);
  ASSERT_OK(op.Run());
  const Tensor& y = op.output(0);
  ASSERT_EQ(y.num_elements(), x.num_elements());
  std::vector<int64_t> stride(rank, 1);
  for (int i = rank - 2; i >= 0; --i) stride[i] = stride[i + 1] * sizes[i + 1];
  for (int64_t i = 0; i < y.num_elements(); ++i) {
    int64_t rest = i;
    int64_t at = 0;
    for (int d = rank - 1; d >= 0; --d) {
      ASSERT_EQ(y.dim(d), sizes[perm[d]]);
      at += rest % y.dim(d) * stride[perm[d]];
      rest /= y.dim(d);
    }
    ASSERT_EQ(y.data<T>()[i], x.data<T>()[at]) << "element " << i;
  }
}

TEST(TransposeTest, MovesElementsOfEverySize) {
  for (const std::vector<int64_t>& sizes :
       {std::vector<int64_t>{70, 131}, {8, 8}, {3, 200}, {1, 5}, {0, 4}}) {
    CheckTranspose<uint8_t>(sizes, {1, 0});
    CheckTranspose<int16_t>(sizes, {1, 0});
    CheckTranspose<float>(sizes, {1, 0});
    CheckTranspose<double>(sizes, {1, 0});
    CheckTranspose<complex128>(sizes, {1, 0});
  }
}

TEST(TransposeTest, TakesEveryPermutation) {
  std::vector<int32_t> perm = {0, 1, 2, 3};
  do {
    CheckTranspose<float>({5, 9, 17, 6}, perm);
    CheckTranspose<float>({2, 1, 33, 1}, perm);
  } while (std::next_permutation(perm.begin(), perm.end()));
  CheckTranspose<int32_t>({2, 3, 2, 3, 2}, {4, 2, 0, 3, 1});
}

TEST(TransposeTest, MovesStrings) {
  OpTester op("Transpose");
  op.Input<std::string>({2, 2}, {"a", "b", "c", "d"});
  op.Input<int64_t>({2}, {1, 0});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {2, 2}, {"a", "c", "b", "d"});
}

TEST(TransposeTest, SharesTheBufferIfOnlyOnesMove) {
  OpTester op("Transpose");
  const Tensor x = MakeTensor<float>({1, 2, 1}, {1, 2});
  op.Input(x).Input<int32_t>({3}, {1, 2, 0});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 1, 1}, {1, 2});
  EXPECT_TRUE(op.output(0).SharesBufferWith(x));
}

TEST(TransposeTest, RefusesWhatIsNoPermutation) {
  const auto run = [](const std::vector<int32_t>& perm) {
    OpTester op("Transpose");
    op.Input<float>({1, 1}, {1});
    op.Input<int32_t>({static_cast<int64_t>(perm.size())}, perm);
    return op.Run();
  };
  EXPECT_THAT(run({0, 0}), HasCode(StatusCode::kInvalidArgument,
                                   "1 is missing from {0,0}."));
  EXPECT_THAT(run({0}), HasCode(StatusCode::kInvalidArgument,
                                "transpose expects a vector of size 2. But "
                                "input(1) is a vector of size 1"));
  EXPECT_THAT(run({2, 0}), HasCode(StatusCode::kInvalidArgument,
                                   "2 is out of range [0 .. 2)"));
  EXPECT_THAT(run({0, -9}), HasCode(StatusCode::kInvalidArgument, "-9"));
}

TEST(TransposeTest, ConjugateTransposeNegatesImaginaryParts) {
  OpTester op("ConjugateTranspose");
  op.Input<complex64>({1, 2}, {{1, 2}, {3, -4}}).Input<int32_t>({2}, {1, 0});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<complex64>(op.output(0), {2, 1}, {{1, -2}, {3, 4}});
}

}  // namespace metagraph::transpose_test
