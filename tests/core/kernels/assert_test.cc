#include <limits>

#include "core/kernels/tensor_summary.h"
#include "tests/support/op_tester.h"

namespace metagraph::assert_test {

using absl::StatusCode;

TEST(AssertTest, PassesWhenTrue) {
  OpTester op("Assert");
  op.Scalar<bool>(true).Scalar<std::string>("never shown");
  EXPECT_OK(op.Run());
}

TEST(AssertTest, ShowsTheBeginningOfItsData) {
  OpTester op("Assert");
  op.Scalar<bool>(false);
  op.Input<float>({2, 2}, {1.45069754f, 1.35591364f, -0.0686862245f, 1});
  op.Scalar<std::string>("msg").Input<int32_t>({4}, {-9, 9, 6, 1});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "assertion failed: [[1.45069754 1.35591364]"
                                "[-0.0686862245...]...] [msg] [-9 9 6...]"));
}

TEST(AssertTest, WantsAScalar) {
  OpTester op("Assert");
  op.Input<bool>({2}, {true, true}).Scalar<int32_t>(1);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "In[0] should be a scalar: [2]"));
}

TEST(PrintTest, HandsItsInputOn) {
  OpTester op("Print");
  op.Attr("U", std::vector<DataType>{DT_INT32});
  op.Input<float>({1}, {2}).Scalar<int32_t>(1);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1}, {2});
  OpTester v2("PrintV2");
  v2.Scalar<std::string>("text");
  EXPECT_OK(v2.Run());
}

TEST(TensorSummaryTest, PrintsEveryKind) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(SummarizeTensor(MakeTensor<float>({4}, {nan, inf, -inf, 0.1f}), -1),
            "nan inf -inf 0.1");
  EXPECT_EQ(SummarizeTensor(MakeTensor<double>({2}, {0.1, 1.0 / 3}), 9),
            "0.1 0.33333333333333331");
  EXPECT_EQ(SummarizeTensor(MakeTensor<bool>({2}, {true, false}), 9), "1 0");
  EXPECT_EQ(SummarizeTensor(MakeTensor<std::string>({1}, {"a\n"}), 9), "a\\n");
  EXPECT_EQ(SummarizeTensor(MakeTensor<int8_t>({3}, {-1, 2, 3}), 2), "-1 2...");
  EXPECT_EQ(SummarizeTensor(Tensor::Scalar<int64_t>(7), 3), "7");
  EXPECT_EQ(SummarizeTensor(Tensor::Scalar<int64_t>(7), 0), "...");
  EXPECT_EQ(SummarizeTensor(MakeTensor<float>({0, 2}, {}), 3), "");
  EXPECT_EQ(SummarizeTensor(MakeTensor<complex64>({1}, {{1, -2}}), 3),
            "(1,-2)");
}

// Of large tensors a message shows the beginning, even if asked for all.
TEST(TensorSummaryTest, EndsLongTexts) {
  const std::string half(kMaxSummary / 2, 'a');
  EXPECT_EQ(SummarizeTensor(
                MakeTensor<std::string>({2, 2}, {half, half, "b", "c"}), -1),
            "[" + half + " " + half + "]...");
  EXPECT_EQ(
      SummarizeTensor(MakeTensor<std::string>({2, 1}, {half, half + "b"}), -1),
      "[" + half + "][" + half + "b]");
  EXPECT_EQ(SummarizeTensor(Tensor::Scalar(half + half), -1), half + half);
  EXPECT_EQ(SummarizeTensor(Tensor::Scalar(half + half + "b"), -1),
            half + half + "...");
}

TEST(AssertTest, ShowsNoMoreInputsThanFit) {
  OpTester op("Assert");
  op.Attr("summarize", -1).Scalar<bool>(false);
  op.Scalar<std::string>(std::string(kMaxSummary, 'a'));
  op.Scalar<std::string>("b");
  EXPECT_EQ(op.Run().message(),
            "assertion failed: [" + std::string(kMaxSummary, 'a') + "] ...");
}

TEST(PrintTest, PrintV2TakesAScalar) {
  OpTester op("PrintV2");
  op.Input<std::string>({1}, {"a"});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "Input is expected to be scalar, but got [1]"));
}

}  // namespace metagraph::assert_test
