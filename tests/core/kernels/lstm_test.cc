#include "tests/support/op_tester.h"

namespace metagraph::lstm_test {

// x, cs_prev, h_prev, w, wci, wcf, wco, b of a cell of size 1.
OpTester& Cell(OpTester& op, const TensorShape& x_shape,
               const std::vector<float>& x) {
  op.Input<float>(x_shape, x);
  op.Input<float>({1, 1}, {.5f}).Input<float>({1, 1}, {.25f});
  std::vector<float> w(12);
  for (int i = 0; i < 12; ++i) w[i] = i / 10.0f - 0.5f;
  op.Input<float>({3, 4}, w);
  op.Input<float>({1}, {.1f}).Input<float>({1}, {.2f}).Input<float>({1}, {.3f});
  return op.Input<float>({4}, {.1f, .2f, .3f, .4f});
}

void ExpectOutputs(const OpTester& op, const std::vector<float>& want) {
  for (int i = 0; i < 7; ++i) {
    EXPECT_NEAR(op.output(i).data<float>()[0], want[i], 1e-5) << i;
  }
}

TEST(LSTMBlockCellTest, StepsWithAndWithoutPeepholes) {
  OpTester peephole("LSTMBlockCell");
  peephole.Attr("use_peephole", true).Attr("cell_clip", 0.6f);
  Cell(peephole, {1, 2}, {1, 2});
  ASSERT_OK(peephole.Run());
  ExpectOutputs(peephole, {.38343349f, .3648445f, .80612111f, .70254642f,
                           -.09966801f, .34947404f, .24552174f});
  OpTester plain("LSTMBlockCell");
  plain.Attr("cell_clip", -1.0f);
  Cell(plain, {1, 2}, {1, 2});
  ASSERT_OK(plain.Run());
  ExpectOutputs(plain, {.37168381f, .35796118f, .79001236f, .67917875f,
                        -.09966801f, .3434169f, .23324145f});
}

TEST(LSTMBlockCellTest, RefusesShapesThatDoNotFit) {
  OpTester op("LSTMBlockCell");
  Cell(op, {1, 3}, {1, 2, 3});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "w has shape [3,4], expected [4,4]"));
}

TEST(BlockLSTMTest, StopsAtTheLength) {
  OpTester op("BlockLSTM");
  op.Scalar<int64_t>(1);
  Cell(op, {2, 1, 2}, {1, 2, 1, 2});
  ASSERT_OK(op.Run());
  ExpectOutputs(op, {.37168381f, .35796118f, .79001236f, .67917875f,
                     -.09966801f, .3434169f, .23324145f});
  EXPECT_EQ(op.output(6).data<float>()[1], 0);
}

TEST(BlockLSTMTest, HandsTheStateOn) {
  OpTester twice("BlockLSTM");
  twice.Scalar<int64_t>(2);
  Cell(twice, {2, 1, 2}, {1, 2, 1, 2});
  ASSERT_OK(twice.Run());
  EXPECT_NE(twice.output(1).data<float>()[1], twice.output(1).data<float>()[0]);
}

TEST(BlockLSTMTest, RefusesALengthBeyondTheSequence) {
  OpTester op("BlockLSTM");
  op.Scalar<int64_t>(3);
  Cell(op, {2, 1, 2}, {1, 2, 1, 2});
  EXPECT_THAT(op.Run(),
              HasCode(absl::StatusCode::kInvalidArgument, "seq_len_max is 3"));
}

}  // namespace metagraph::lstm_test
