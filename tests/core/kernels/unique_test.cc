#include <limits>
#include <numeric>

#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::unique_test {

using absl::StatusCode;

TEST(UniqueTest, KeepsTheOrderOfAppearance) {
  OpTester op("UniqueWithCounts");
  op.Input<std::string>({4}, {"b", "a", "b", "c"});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {3}, {"b", "a", "c"});
  ExpectTensorEqual<int32_t>(op.output(1), {4}, {0, 1, 0, 2});
  ExpectTensorEqual<int32_t>(op.output(2), {3}, {2, 1, 1});
}

TEST(UniqueTest, NaNIsNeverTheSameAndZeroHasNoSign) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  OpTester op("Unique");
  op.Attr("out_idx", DT_INT64).Input<float>({4}, {nan, 0, nan, -0.0f});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {3}, {nan, 0, nan});
  ExpectTensorEqual<int64_t>(op.output(1), {4}, {0, 1, 2, 1});
}

TEST(UniqueTest, FindsSlicesAlongAnAxis) {
  OpTester columns("UniqueV2");
  columns.Input<int32_t>({2, 3}, {1, 2, 1, 3, 4, 3}).Input<int64_t>({1}, {1});
  ASSERT_OK(columns.Run());
  ExpectTensorEqual<int32_t>(columns.output(0), {2, 2}, {1, 2, 3, 4});
  ExpectTensorEqual<int32_t>(columns.output(1), {3}, {0, 1, 0});
  OpTester flat("UniqueWithCountsV2");
  flat.Input<half>({2}, {half(1), half(1)}).Input<int32_t>({0}, {});
  ASSERT_OK(flat.Run());
  ExpectTensorEqual<half>(flat.output(0), {1}, {half(1)});
  ExpectTensorEqual<int32_t>(flat.output(2), {1}, {2});
}

TEST(UniqueTest, SlicesCompareTheirElements) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  OpTester op("UniqueV2");
  op.Input<double>({5, 2}, {0, 1, nan, 1, -0.0, 1, nan, 1, 0, 1});
  op.Input<int32_t>({1}, {0});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<double>(op.output(0), {3, 2}, {0, 1, nan, 1, nan, 1});
  ExpectTensorEqual<int32_t>(op.output(1), {5}, {0, 1, 0, 2, 0});
}

TEST(UniqueTest, RefusesMatricesWithoutAxis) {
  OpTester op("Unique");
  op.Input<float>({1, 1}, {1});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "unique expects a 1D vector."));
  OpTester axis("UniqueV2");
  axis.Input<float>({1, 1}, {1}).Input<int64_t>({1}, {2});
  EXPECT_THAT(axis.Run(), HasCode(StatusCode::kInvalidArgument, "axis"));
}

TEST(ListDiffTest, KeepsWhatYDoesNotHave) {
  OpTester op("ListDiff");
  op.Input<int32_t>({5}, {1, 2, 3, 2, 4}).Input<int32_t>({2}, {2, 4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {2}, {1, 3});
  ExpectTensorEqual<int32_t>(op.output(1), {2}, {0, 2});
  OpTester bad("ListDiff");
  bad.Scalar<int32_t>(1).Input<int32_t>({1}, {1});
  EXPECT_THAT(bad.Run(),
              HasCode(StatusCode::kInvalidArgument, "x should be a 1D vector"));
}

TEST(ListDiffTest, CountsWhatItWorksWithAgainstTheBudget) {
  constexpr int32_t kMany = 1 << 18;
  std::vector<int32_t> numbers(kMany);
  std::iota(numbers.begin(), numbers.end(), 0);
  OpTester all("ListDiff");
  all.Input<uint8_t>({kMany}, std::vector<uint8_t>(kMany, 1));
  all.Input<uint8_t>({1}, {2});
  OpTester none("ListDiff");
  none.Input<int32_t>({1}, {-1}).Input<int32_t>({kMany}, numbers);
  for (OpTester* op : {&all, &none}) {
    const int64_t before = MemoryBudget::Process().used();
    {
      // Room for marks and values; not for indices, or for a set of numbers.
      const MemoryLimit limit(3 * kMany);
      EXPECT_EQ(op->Run().code(), StatusCode::kResourceExhausted);
      EXPECT_LE(MemoryBudget::Process().used(), before + 3 * kMany);
    }
    EXPECT_OK(op->Run());
  }
  EXPECT_EQ(all.output(1).num_elements(), kMany);
  EXPECT_EQ(none.output(0).num_elements(), 1);
}

TEST(ListDiffTest, IndicesAreOfTheTypeAskedFor) {
  OpTester op("ListDiff");
  op.Attr("out_idx", DT_INT64);
  op.Input<std::string>({3}, {"a", "b", "c"}).Input<std::string>({1}, {"b"});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {2}, {"a", "c"});
  ExpectTensorEqual<int64_t>(op.output(1), {2}, {0, 2});
}

TEST(UniqueTest, CountsSlicesWithoutElementsAgainstTheBudget) {
  const MemoryLimit limit(1 << 20);
  OpTester op("UniqueV2");
  op.Input<float>({int64_t{1} << 33, 0}, {}).Input<int64_t>({1}, {0});
  EXPECT_EQ(op.Run().code(), absl::StatusCode::kResourceExhausted);
}

TEST(UniqueTest, SmallFloatsKeepBothZeros) {
  const auto count = [](Tensor values) {
    OpTester op("Unique");
    op.Input(std::move(values));
    EXPECT_OK(op.Run());
    return op.output(0).num_elements();
  };
  const half zero(0.0f), minus(-0.0f);
  EXPECT_EQ(count(MakeTensor<half>({4}, {minus, zero, minus, zero})), 2);
  EXPECT_EQ(count(MakeTensor<bfloat16>({2}, {bfloat16(-0.0f), bfloat16(0.0f)})),
            2);
  EXPECT_EQ(count(MakeTensor<float>({2}, {-0.0f, 0.0f})), 1);
}

}  // namespace metagraph::unique_test
