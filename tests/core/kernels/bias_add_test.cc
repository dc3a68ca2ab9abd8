#include "tests/support/op_tester.h"

namespace metagraph::bias_add_test {

using absl::StatusCode;

TEST(BiasAddTest, AddsAlongTheChannels) {
  for (const char* name : {"BiasAdd", "BiasAddV1"}) {
    OpTester op(name);
    op.Input<float>({2, 1, 2}, {1, 2, 3, 4}).Input<float>({2}, {10, 20});
    op.AllowForwarding();
    ASSERT_OK(op.Run());
    ExpectTensorEqual<float>(op.output(0), {2, 1, 2}, {11, 22, 13, 24});
  }
  OpTester first("BiasAdd");
  first.Attr("data_format", "NCHW");
  first.Input<float>({1, 2, 1, 2}, {1, 2, 3, 4}).Input<float>({2}, {10, 20});
  ASSERT_OK(first.Run());
  ExpectTensorEqual<float>(first.output(0), {1, 2, 1, 2}, {11, 12, 23, 24});
}

TEST(BiasAddTest, ChannelsFirstOfAMatrixAreItsColumns) {
  OpTester op("BiasAdd");
  op.Attr("data_format", "NCHW");
  op.Input<float>({2, 2}, {1, 2, 3, 4}).Input<float>({2}, {1, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 2}, {2, 4, 4, 6});
}

TEST(BiasAddTest, TakesEmptyTensors) {
  OpTester op("BiasAdd");
  op.Input<float>({0, 2}, {}).Input<float>({2}, {1, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {0, 2}, {});
  OpTester none("BiasAdd");
  none.Input<float>({2, 0}, {}).Input<float>({0}, {});
  ASSERT_OK(none.Run());
  ExpectTensorEqual<float>(none.output(0), {2, 0}, {});
}

TEST(BiasAddTest, RefusesWrongRanksAndSizes) {
  const auto run = [](const TensorShape& value, const TensorShape& bias) {
    OpTester op("BiasAdd");
    op.Input<float>(value, std::vector<float>(value.num_elements()));
    op.Input<float>(bias, std::vector<float>(bias.num_elements()));
    return op.Run();
  };
  EXPECT_THAT(run({1}, {1}), HasCode(StatusCode::kInvalidArgument,
                                     "Input tensor must be at least 2D: [1]"));
  EXPECT_THAT(run({2, 2}, {1, 1}), HasCode(StatusCode::kInvalidArgument,
                                           "Biases must be 1D: [1,1]"));
  EXPECT_THAT(run({2, 2}, {1}),
              HasCode(StatusCode::kInvalidArgument,
                      "Must provide as many biases as the last dimension of "
                      "the input tensor: [1] vs. [2,2]"));
}

TEST(BiasAddTest, RefusesUnknownDataFormat) {
  OpTester op("BiasAdd");
  op.Attr("data_format", "XX");
  op.Input<float>({1, 1}, {1}).Input<float>({1}, {1});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, "data_format"));
}

TEST(BiasAddGradTest, SumsOverAllButTheChannels) {
  OpTester last("BiasAddGrad");
  last.Input<float>({2, 2}, {1, 2, 3, 4});
  ASSERT_OK(last.Run());
  ExpectTensorEqual<float>(last.output(0), {2}, {4, 6});

  OpTester first("BiasAddGrad");
  first.Attr("data_format", "NCHW").Input<float>({1, 2, 2}, {1, 2, 3, 4});
  ASSERT_OK(first.Run());
  ExpectTensorEqual<float>(first.output(0), {2}, {3, 7});

  OpTester empty("BiasAddGrad");
  empty.Input<float>({0, 2}, {});
  ASSERT_OK(empty.Run());
  ExpectTensorEqual<float>(empty.output(0), {2}, {0, 0});
}

TEST(BiasAddGradTest, LongSumsStayAccurate) {
  const int64_t rows = 200'000;
  OpTester op("BiasAddGrad");
  op.Input<float>({rows, 1}, std::vector<float>(rows, 0.1f));
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {1}, {20'000}, 1e-5);
}

TEST(BiasAddGradTest, RefusesAVector) {
  OpTester op("BiasAddGrad");
  op.Input<float>({1}, {1});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "Input tensor must be at least 2D: [1]"));
}

}  // namespace metagraph::bias_add_test
