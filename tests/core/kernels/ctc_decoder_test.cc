#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::ctc_decoder_test {

using absl::StatusCode;

// Five steps of one sequence, four classes.
const std::vector<float> kSteps = {.1f, .6f, .1f, .2f, .1f, .6f, .1f,
                                   .2f, .1f, .1f, .2f, .6f, .1f, .7f,
                                   .1f, .1f, .6f, .1f, .2f, .1f};

std::unique_ptr<OpTester> Greedy(const std::vector<int32_t>& lengths,
                                 bool merge = false, int64_t blank = -1) {
  auto op = std::make_unique<OpTester>("CTCGreedyDecoder");
  op->Attr("merge_repeated", merge).Attr("blank_index", blank);
  op->Input<float>({5, 1, 4}, kSteps);
  op->Input<int32_t>({static_cast<int64_t>(lengths.size())}, lengths);
  return op;
}

void Expect(OpTester& op, const std::vector<int64_t>& values, float score) {
  ASSERT_OK(op.Run());
  const auto count = static_cast<int64_t>(values.size());
  std::vector<int64_t> indices;
  for (int64_t i = 0; i < count; ++i) {
    indices.push_back(0);
    indices.push_back(i);
  }
  ExpectTensorEqual<int64_t>(op.output(0), {count, 2}, indices);
  ExpectTensorEqual<int64_t>(op.output(1), {count}, values);
  ExpectTensorEqual<int64_t>(op.output(2), {2}, {1, count});
  ExpectTensorNear<float>(op.output(3), {1, 1}, {score});
}

TEST(CtcGreedyDecoderTest, TakesTheBestClassOfEachStep) {
  Expect(*Greedy({5}), {1, 1, 1, 0}, -3.1f);
  Expect(*Greedy({5}, true), {1, 1, 0}, -3.1f);
  Expect(*Greedy({2}, true), {1}, -1.2f);
  Expect(*Greedy({0}), {}, 0);
  Expect(*Greedy({-1}), {}, 0);
  Expect(*Greedy({5}, false, 0), {1, 1, 3, 1}, -3.1f);
  Expect(*Greedy({5}, false, -2), {1, 1, 3, 1, 0}, -3.1f);
}

TEST(CtcGreedyDecoderTest, TakesABatch) {
  OpTester op("CTCGreedyDecoder");
  op.Input<double>({2, 2, 2}, {1, 0, 0, 1, 2, 0, 0, 0});
  op.Input<int32_t>({2}, {2, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {3, 2}, {0, 0, 0, 1, 1, 0});
  ExpectTensorEqual<int64_t>(op.output(1), {3}, {0, 0, 0});
  ExpectTensorEqual<int64_t>(op.output(2), {2}, {2, 2});
  ExpectTensorEqual<double>(op.output(3), {2, 1}, {-3, -1});
}

TEST(CtcGreedyDecoderTest, RefusesWhatDoesNotFit) {
  EXPECT_THAT(Greedy({6})->Run(), HasCode(StatusCode::kFailedPrecondition,
                                          "sequence_length(0) <= 5"));
  EXPECT_THAT(Greedy({5, 5})->Run(),
              HasCode(StatusCode::kFailedPrecondition,
                      "len(sequence_length) != batch_size.  "
                      "len(sequence_length):  2 batch_size: 1"));
  EXPECT_THAT(Greedy({5}, false, 9)->Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "blank_index expected to be between -4 and 3 but was 9"));
  EXPECT_THAT(Greedy({5}, false, -5)->Run(),
              HasCode(StatusCode::kInvalidArgument, "but was -5"));
  const auto expect = [](const TensorShape& inputs, const TensorShape& lengths,
                         const char* text) {
    OpTester op("CTCGreedyDecoder");
    op.Input<float>(inputs, std::vector<float>(inputs.num_elements()));
    op.Input<int32_t>(lengths, std::vector<int32_t>(lengths.num_elements()));
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  expect({1, 4}, {1}, "inputs is not a 3-Tensor");
  expect({0, 1, 4}, {1}, "inputs must not be empty");
  expect({1, 1, 4}, {1, 1}, "sequence_length is not a vector");
}

}  // namespace metagraph::ctc_decoder_test
