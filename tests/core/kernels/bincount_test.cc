#include "tests/support/op_tester.h"

namespace metagraph::bincount_test {

using absl::StatusCode;

absl::Status Count(OpTester& op, const std::vector<int32_t>& numbers,
                   Tensor size, const std::vector<float>& weights) {
  op.Input<int32_t>({static_cast<int64_t>(numbers.size())}, numbers);
  op.Input(std::move(size));
  op.Input<float>({static_cast<int64_t>(weights.size())}, weights);
  return op.Run();
}

TEST(BincountTest, CountsOrSumsWeights) {
  OpTester counts("Bincount");
  ASSERT_OK(Count(counts, {1, 1, 7}, Tensor::Scalar<int32_t>(3), {}));
  ExpectTensorEqual<float>(counts.output(0), {3}, {0, 2, 0});
  OpTester sums("Bincount");
  ASSERT_OK(Count(sums, {1, 1, 0}, Tensor::Scalar<int32_t>(2), {1, 2, 4}));
  ExpectTensorEqual<float>(sums.output(0), {2}, {4, 3});
}

TEST(BincountTest, RefusesWrongInputs) {
  const auto run = [](const std::vector<int32_t>& numbers, Tensor size,
                      const std::vector<float>& weights) {
    OpTester op("Bincount");
    return Count(op, numbers, std::move(size), weights);
  };
  const Tensor three = Tensor::Scalar<int32_t>(3);
  EXPECT_THAT(
      run({1, -1}, three, {}),
      HasCode(StatusCode::kInvalidArgument, "Input arr must be non-negative!"));
  EXPECT_THAT(
      run({1}, Tensor::Scalar<int32_t>(-3), {}),
      HasCode(StatusCode::kInvalidArgument, "size (-3) must be non-negative"));
  EXPECT_THAT(run({1}, MakeTensor<int32_t>({1}, {3}), {}),
              HasCode(StatusCode::kInvalidArgument,
                      "Shape must be rank 0 but is rank 1"));
  EXPECT_THAT(run({1, 1}, three, {1}),
              HasCode(StatusCode::kInvalidArgument,
                      "Input indices and weights must have the same size."));
}

}  // namespace metagraph::bincount_test
