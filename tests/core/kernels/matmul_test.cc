#include <random>

#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::matmul_test {

std::vector<float> RandomValues(int64_t count, int seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> out(count);
  for (float& value : out) value = uniform(random);
  return out;
}

// By the definition, in double.
std::vector<float> Product(const std::vector<float>& a,
                           const std::vector<float>& b, int64_t m, int64_t n,
                           int64_t k, bool ta, bool tb) {
  std::vector<float> out(m * n);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p) {
        sum += double(ta ? a[p * m + i] : a[i * k + p]) *
               (tb ? b[j * k + p] : b[p * n + j]);
      }
      out[i * n + j] = static_cast<float>(sum);
    }
  }
  return out;
}

// Implementation: our own, or oneDNN wherever it can.
class MatMulTest : public testing::TestWithParam<const char*> {};

TEST_P(MatMulTest, MultipliesMatricesOfAllSizesAndTransposes) {
  const struct {
    int64_t m, n, k;
  } sizes[] = {{1, 1, 1},     {1, 5, 3},       {5, 1, 3},       {2, 3, 4},
               {6, 16, 8},    {7, 17, 9},      {12, 32, 40},    {12, 30, 321},
               {13, 16, 5},   {64, 64, 64},    {100, 130, 330}, {500, 40, 70},
               {3, 1100, 20}, {490, 129, 641}, {1, 70, 10},     {1, 75, 150},
               {1, 8003, 131}};
  for (const auto& size : sizes) {
    for (int flags = 0; flags < 4; ++flags) {
      const bool ta = flags & 1, tb = flags & 2;
      SCOPED_TRACE(absl::StrCat(size.m, "x", size.n, "x", size.k, " ", flags));
      const auto a = RandomValues(size.m * size.k, 1);
      const auto b = RandomValues(size.k * size.n, 2);
      OpTester op("MatMul");
      op.Attr("_kernel", GetParam());
      op.Attr("transpose_a", ta).Attr("transpose_b", tb);
      op.Input<float>(
          ta ? TensorShape{size.k, size.m} : TensorShape{size.m, size.k}, a);
      op.Input<float>(
          tb ? TensorShape{size.n, size.k} : TensorShape{size.k, size.n}, b);
      ASSERT_OK(op.Run());
      ExpectTensorNear<float>(op.output(0), {size.m, size.n},
                              Product(a, b, size.m, size.n, size.k, ta, tb),
                              1e-4, 1e-4);
    }
  }
}

TEST(MatMulRowTest, IsTensorFlowsToTheLastBit) {
  const auto values = [](int64_t count, int64_t step, int64_t modulus) {
    std::vector<float> out;
    for (int64_t i = 0; i < count; ++i) {
      out.push_back(static_cast<float>(i * step % modulus) /
                        static_cast<float>(modulus) -
                    0.5f);
    }
    return out;
  };
  OpTester op("MatMul");
  op.Attr("transpose_a", false).Attr("transpose_b", false);
  op.Input<float>({1, 130}, values(130, 37, 101));
  op.Input<float>({130, 9}, values(130 * 9, 53, 103));
  ASSERT_OK(op.Run());
  // Of TensorFlow 2.21 without oneDNN.
  ExpectTensorEqual<float>(op.output(0), {1, 9},
                           {-0x1.0a398ap+1f, 0x1.b5f292p+1f, -0x1.c93f1ep+1f,
                            0x1.f8316ap+1f, -0x1.02ddeap+2f, 0x1.117f1ap+2f,
                            -0x1.5bb96ep+2f, 0x1.26e57ep+2f, -0x1.67e892p+2f});
}

TEST_P(MatMulTest, GivesZerosForAnEmptyInnerDimension) {
  OpTester op("MatMul");
  op.Attr("_kernel", GetParam());
  op.Input<float>({2, 0}, {}).Input<float>({0, 3}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 3}, {0, 0, 0, 0, 0, 0});
}

TEST_P(MatMulTest, GivesAnEmptyMatrixForEmptyRows) {
  OpTester op("MatMul");
  op.Attr("_kernel", GetParam());
  op.Input<float>({0, 2}, {}).Input<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {0, 3}, {});
}

TEST_P(MatMulTest, LetsNaNThrough) {
  const float nan = std::nanf("");
  OpTester op("MatMul");
  op.Attr("_kernel", GetParam());
  op.Input<float>({2, 2}, {nan, 0, 1, 2}).Input<float>({2, 1}, {0, 1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 1}, {nan, 2});
}

TEST_P(MatMulTest, RefusesSizesThatDoNotFit) {
  OpTester op("MatMul");
  op.Attr("_kernel", GetParam());
  op.Input<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  op.Input<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(op.Run(),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "Matrix size-incompatible: In[0]: [2,3], In[1]: [2,3]"));
}

TEST_P(MatMulTest, RefusesWhatIsNoMatrix) {
  OpTester op("MatMul");
  op.Attr("_kernel", GetParam());
  op.Input<float>({3}, {1, 2, 3}).Input<float>({3, 1}, {1, 2, 3});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "In[0] is not a matrix"));
}

INSTANTIATE_TEST_SUITE_P(Implementations, MatMulTest,
                         testing::Values("", "onednn"));

template <typename T>
class MatMulTypesTest : public testing::Test {};
using Types = testing::Types<float, double, half, bfloat16, int32_t, int64_t,
                             complex64, complex128>;
TYPED_TEST_SUITE(MatMulTypesTest, Types);

TYPED_TEST(MatMulTypesTest, MultipliesEveryType) {
  const auto v = [](std::initializer_list<int> values) {
    std::vector<TypeParam> out;
    for (int i : values) out.push_back(TypeParam(static_cast<float>(i)));
    return out;
  };
  OpTester op("MatMul");
  op.Input<TypeParam>({2, 3}, v({1, 2, 3, 4, 5, 6}));
  op.Input<TypeParam>({3, 2}, v({1, 2, 3, 4, 5, 6}));
  ASSERT_OK(op.Run());
  ExpectTensorEqual<TypeParam>(op.output(0), {2, 2}, v({22, 28, 49, 64}));
}

TEST(MatMulIntTest, WrapsAroundOnOverflow) {
  OpTester op("MatMul");
  op.Input<int32_t>({1, 2}, {2147483647, 1}).Input<int32_t>({2, 1}, {2, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {1, 1}, {0});
}

TEST(BatchMatMulTest, MultipliesEachMatrixOfTheBatch) {
  OpTester op("BatchMatMul");
  op.Input<float>({2, 1, 2}, {1, 2, 3, 4});
  op.Input<float>({2, 2, 1}, {5, 6, 7, 8});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 1, 1}, {17, 53});
}

TEST(BatchMatMulTest, TakesAdjoints) {
  OpTester op("BatchMatMul");
  op.Attr("adj_x", true);
  op.Input<complex64>({1, 2, 1}, {{1, 1}, {0, 2}});
  op.Input<complex64>({1, 2, 1}, {{1, 0}, {1, 0}});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<complex64>(op.output(0), {1, 1, 1}, {{1, -3}});
}

TEST(BatchMatMulTest, RefusesDifferentBatches) {
  OpTester op("BatchMatMul");
  op.Input<float>({1, 1, 1}, {1}).Input<float>({2, 1, 1}, {1, 2});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "In[0].dim(0) and In[1].dim(0) must be the "
                                "same: [1,1,1] vs [2,1,1]"));
}

TEST(BatchMatMulTest, RefusesDifferentRanks) {
  OpTester op("BatchMatMul");
  op.Input<float>({1, 1}, {1}).Input<float>({1, 1, 1}, {1});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument, "ndims"));
}

TEST(BatchMatMulV2Test, NeedsNoMemoryForEachMatrixOfTheBatch) {
  constexpr int64_t kBatch = 20'000;
  OpTester op("BatchMatMulV2");
  op.Input<float>({kBatch, 1, 1}, std::vector<float>(kBatch, 2));
  op.Input<float>({1, 1, 1}, {3});
  const MemoryLimit limit(kBatch * 4 + 1000);  // the output
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {kBatch, 1, 1},
                           std::vector<float>(kBatch, 6));
}

TEST(BatchMatMulV2Test, BroadcastsBatches) {
  OpTester op("BatchMatMulV2");
  op.Attr("adj_y", true);
  op.Input<float>({2, 1, 1, 2}, {1, 2, 3, 4});
  op.Input<float>({3, 1, 2}, {1, 0, 0, 1, 1, 1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 3, 1, 1}, {1, 2, 3, 3, 4, 7});
}

TEST(BatchMatMulV2Test, TakesAnEmptyBatch) {
  OpTester op("BatchMatMulV2");
  op.Input<float>({0, 2, 2}, {}).Input<float>({2, 2}, {1, 2, 3, 4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {0, 2, 2}, {});
}

TEST(BatchMatMulV2Test, RefusesBatchesThatDoNotBroadcast) {
  OpTester op("BatchMatMulV2");
  op.Input<float>({2, 1, 1}, {1, 2}).Input<float>({3, 1, 1}, {1, 2, 3});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "compatible batch dimensions"));
}

TEST(BatchMatMulV2Test, RefusesVectors) {
  OpTester op("BatchMatMulV2");
  op.Input<float>({2}, {1, 2}).Input<float>({2, 1}, {1, 2});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "In[0] ndims must be >= 2: 1"));
}

TEST(BatchMatMulV2Test, Int16Wraps) {
  OpTester op("BatchMatMulV2");
  op.Input<int16_t>({1, 2}, {300, 2}).Input<int16_t>({2, 1}, {300, 1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int16_t>(op.output(0), {1, 1}, {24466});
}

}  // namespace metagraph::matmul_test
