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

// Inputs of LSTMBlockCell with 5 inputs and 3 cells, of which many terms
// cancel.
void HalfCell(OpTester& op, int64_t batch) {
  int n = 0;
  const auto next = [&n](const TensorShape& shape, float scale = 1) {
    std::vector<half> out(shape.num_elements());
    for (half& value : out) {
      value = half(scale * ((n * 7 % 23 - 11) * 0.375f + n * 5 % 7 * 0.0625f));
      ++n;
    }
    return MakeTensor<half>(shape, out);
  };
  op.Attr("cell_clip", -1.0f).Input(next({batch, 5}));
  op.Input(next({batch, 3})).Input(next({batch, 3})).Input(next({8, 12}, 0.5));
  for (int i = 0; i < 3; ++i) op.Input<half>({3}, {half(0), half(0), half(0)});
  op.Input(next({12}));
}

void ExpectHalf(const Tensor& tensor, const std::vector<float>& want) {
  std::vector<float> got;
  for (half value : tensor.values<half>()) {
    got.push_back(static_cast<float>(value));
  }
  EXPECT_EQ(got, want);
}

// As TensorFlow answers: float sums, rounded at the end, would give 0.45751953
// for the third input gate, and 0.0048561096 for the fourth output gate.
TEST(LSTMBlockCellTest, HalfRoundsAfterEachOperation) {
  OpTester op("LSTMBlockCell");
  HalfCell(op, 2);
  ASSERT_OK(op.Run());
  ExpectHalf(op.output(0), {0.99951171875f, 0.9287109375f, 0.4580078125f, 1,
                            0.0007376670837402344f, 1});
  ExpectHalf(op.output(1), {-2.6875f, -0.9287109375f, 0.032470703125f,
                            -0.58203125f, -0.004978179931640625f, 2.0625f});
  ExpectHalf(op.output(3),
             {1, 0.0007042884826660156f, 2.205371856689453e-06f,
              0.00482940673828125f, 0.693359375f, 0.00469970703125f});
  ExpectHalf(op.output(6), {-0.99072265625f, -0.0005140304565429688f,
                            5.960464477539063e-08f, -0.0025310516357421875f,
                            -0.003452301025390625f, 0.004550933837890625f});
}

// One row is multiplied by another loop of Eigen's.
TEST(LSTMBlockCellTest, HalfOfOneRow) {
  OpTester op("LSTMBlockCell");
  HalfCell(op, 1);
  ASSERT_OK(op.Run());
  ExpectHalf(op.output(0), {3.3974647521972656e-05f, 1, 0.040618896484375f});
  ExpectHalf(op.output(2), {7.927417755126953e-06f, 1, 0.1273193359375f});
  ExpectHalf(op.output(3),
             {2.0265579223632812e-06f, 0.313232421875f, 0.998046875f});
}

}  // namespace metagraph::lstm_test
