#include <limits>

#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::top_k_test {

using absl::StatusCode;

TEST(TopKTest, CountsWhatItWorksWithAgainstTheBudget) {
  constexpr int32_t kColumns = 50'000;
  OpTester op("TopKV2");
  op.Input<float>({kColumns}, std::vector<float>(kColumns));
  op.Scalar<int32_t>(kColumns);
  const int64_t before = MemoryBudget::Process().used();
  {
    const MemoryLimit limit(kColumns * 8 + 1000);  // the outputs
    EXPECT_THAT(op.Run(),
                HasCode(StatusCode::kResourceExhausted, "bytes to work with"));
  }
  EXPECT_EQ(MemoryBudget::Process().used(), before + kColumns * 8);
  EXPECT_OK(op.Run());
}

TEST(TopKTest, SortsAndPrefersTheLowerIndex) {
  OpTester op("TopKV2");
  op.Input<float>({2, 4}, {1, 3, 3, 2, 5, 4, 6, 6}).Scalar<int32_t>(3);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 3}, {3, 3, 2, 6, 6, 5});
  ExpectTensorEqual<int32_t>(op.output(1), {2, 3}, {1, 2, 3, 2, 3, 0});
}

TEST(TopKTest, TheOldOpHasKAsAttribute) {
  OpTester op("TopK");
  op.Attr("k", 1).Input<int32_t>({3}, {-1, 7, 7});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {1}, {7});
  ExpectTensorEqual<int32_t>(op.output(1), {1}, {1});
}

TEST(TopKTest, UnsortedHasTensorFlowsOrder) {
  OpTester op("TopKV2");
  op.Attr("sorted", false);
  op.Input<float>({10}, {78, 80, 72, 23, 73, 18, 51, 89, 55, 92});
  op.Scalar<int32_t>(5);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {5}, {73, 80, 78, 89, 92});
  ExpectTensorEqual<int32_t>(op.output(1), {5}, {4, 1, 0, 7, 9});
}

// TensorFlow's order shows how its heap grew, most where values are equal.
TEST(TopKTest, UnsortedTiesHaveTensorFlowsOrder) {
  const auto run = [](const std::vector<float>& row, int32_t k) {
    OpTester op("TopKV2");
    op.Attr("sorted", false);
    op.Input<float>({static_cast<int64_t>(row.size())}, row).Scalar(k);
    EXPECT_OK(op.Run());
    return Values<int32_t>(op.output(1));
  };
  using Indices = std::vector<int32_t>;
  EXPECT_EQ(run({2, 4, 3, 4, 2, 3, 2}, 3), (Indices{2, 3, 1}));
  EXPECT_EQ(run({1, 0, 4, 0, 4, 1, 1, 3}, 7), (Indices{1, 0, 6, 7, 4, 5, 2}));
  EXPECT_EQ(run({98, 12, 28, 93, 29}, 3), (Indices{4, 0, 3}));
  EXPECT_EQ(run({3, 5, 2, 1}, 3), (Indices{2, 0, 1}));
  EXPECT_EQ(run({3, 5, 5, 1}, 4), (Indices{1, 2, 0, 3}));
  EXPECT_EQ(run({3, 5, 5, 1}, 1), (Indices{1}));
}

TEST(TopKTest, IndicesHaveTheTypeThatIsAskedFor) {
  OpTester op("TopKV2");
  op.Attr("index_type", DT_INT16);
  op.Input<float>({2, 3}, {1, 3, 2, 6, 5, 4}).Scalar<int32_t>(2);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int16_t>(op.output(1), {2, 2}, {1, 2, 0, 1});
}

TEST(TopKTest, NaNComesFirst) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  OpTester op("TopKV2");
  op.Input<float>({4}, {nan, 1, nan, 2}).Scalar<int32_t>(4);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(1), {4}, {0, 2, 3, 1});
}

TEST(TopKTest, RefusesMoreThanThereIs) {
  const auto run = [](const Tensor& input, int32_t k) {
    OpTester op("TopKV2");
    op.Input(input).Scalar<int32_t>(k);
    return op.Run();
  };
  const Tensor row = MakeTensor<float>({2}, {1, 2});
  EXPECT_THAT(run(row, 6),
              HasCode(StatusCode::kInvalidArgument,
                      "input must have at least k columns. Had 2, needed 6"));
  EXPECT_THAT(run(row, -1),
              HasCode(StatusCode::kInvalidArgument, "Need k >= 0, got -1"));
  EXPECT_THAT(run(Tensor::Scalar<float>(1), 1),
              HasCode(StatusCode::kInvalidArgument,
                      "input must be >= 1-D, got shape []"));
}

TEST(InTopKTest, AnswersPerRow) {
  const float inf = std::numeric_limits<float>::infinity();
  const std::vector<float> predictions = {1, 3, 2, 1, 3, 2,  //
                                          1, 1, 1, 1, 1, inf};
  OpTester op("InTopKV2");
  op.Input<float>({4, 3}, predictions).Input<int32_t>({4}, {2, 0, 1, 0});
  op.Scalar<int32_t>(2);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<bool>(op.output(0), {4}, {true, false, true, false});
  OpTester old("InTopK");
  old.Attr("k", 1).Input<float>({1, 2}, {1, 2}).Input<int64_t>({1}, {9});
  ASSERT_OK(old.Run());
  ExpectTensorEqual<bool>(old.output(0), {1}, {false});
}

TEST(InTopKTest, RefusesAnotherNumberOfTargets) {
  OpTester op("InTopK");
  op.Attr("k", 1).Input<float>({1, 2}, {1, 2}).Input<int32_t>({2}, {0, 1});
  EXPECT_THAT(op.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "First dimension of predictions 1 must match length of "
                      "targets 2"));
}

TEST(NthElementTest, CountsFromTheSmallestOrLargest) {
  OpTester op("NthElement");
  op.Input<float>({2, 3}, {3, 1, 2, 6, 5, 4}).Scalar<int32_t>(0);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2}, {1, 4});
  OpTester reverse("NthElement");
  reverse.Attr("reverse", true).Input<float>({3}, {3, 1, 2}).Scalar<int32_t>(0);
  ASSERT_OK(reverse.Run());
  ExpectTensorEqual<float>(reverse.output(0), {}, {3});
  OpTester bad("NthElement");
  bad.Input<float>({3}, {3, 1, 2}).Scalar<int32_t>(3);
  EXPECT_THAT(bad.Run(), HasCode(StatusCode::kInvalidArgument,
                                 "Input must have last dimension > n = 3"));
}

TEST(TopKTest, HasEveryIndexType) {
  const auto run = [](OpTester& op, DataType index, Tensor k) {
    op.Attr("index_type", index);
    op.Input<float>({2, 3}, {1, 5, 3, 9, 2, 4}).Input(std::move(k));
    return op.Run();
  };
  OpTester narrow("TopKV2");
  ASSERT_OK(run(narrow, DT_INT16, Tensor::Scalar<int16_t>(2)));
  ExpectTensorEqual<int16_t>(narrow.output(1), {2, 2}, {1, 2, 0, 2});
  OpTester wide("TopKV2");
  ASSERT_OK(run(wide, DT_INT64, Tensor::Scalar<int64_t>(2)));
  ExpectTensorEqual<int64_t>(wide.output(1), {2, 2}, {1, 2, 0, 2});
  OpTester text("TopKV2");
  EXPECT_THAT(run(text, DT_STRING, Tensor::Scalar<int32_t>(1)),
              HasCode(StatusCode::kInvalidArgument,
                      "attr 'index_type' of string is not in the list of "
                      "allowed values: int16, int32, int64"));
}

TEST(TopKTest, RefusesRowsThatItsIndexTypeCannotCount) {
  OpTester op("TopKV2");
  op.Attr("index_type", DT_INT16);
  op.Input<float>({40000}, std::vector<float>(40000)).Scalar<int32_t>(1);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "must be <= 32767, got 40000"));
}

TEST(NthElementTest, KnowsWideUnsignedNumbers) {
  OpTester op("NthElement");
  op.Attr("reverse", true);
  op.Input<uint64_t>({3}, {5, (uint64_t{1} << 63) + 1, 7}).Scalar<int32_t>(1);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<uint64_t>(op.output(0), {}, {7});
}

}  // namespace metagraph::top_k_test
