#include <cmath>

#include "tests/support/op_tester.h"

namespace metagraph::quantize_test {

const std::vector<float> kValues = {-1, -0.5f, 0, 0.25f, 0.6f, 1, 2};
const auto kBad = absl::StatusCode::kInvalidArgument;

// The integers that `mode` gives for kValues in [-1, 1.5], and the range.
template <typename Q>
void ExpectQuantized(const char* mode, const char* round,
                     const std::vector<int64_t>& want, float min, float max) {
  SCOPED_TRACE(absl::StrCat(mode, " ", round));
  OpTester op("QuantizeV2");
  op.Attr("T", kDataType<Q>).Attr("mode", mode).Attr("round_mode", round);
  op.Input<float>({7}, kValues).Scalar<float>(-1).Scalar<float>(1.5f);
  ASSERT_OK(op.Run());
  std::vector<int64_t> got;
  for (int i = 0; i < 7; ++i) got.push_back(op.output(0).data<Q>()[i].value);
  EXPECT_EQ(got, want);
  ExpectTensorNear<float>(op.output(1), {}, {min});
  ExpectTensorNear<float>(op.output(2), {}, {max});
}

TEST(QuantizeV2Test, AgreesWithTensorFlow) {
  const char* away = "HALF_AWAY_FROM_ZERO";
  ExpectQuantized<quint8>("MIN_COMBINED", away,
                          {0, 51, 102, 128, 163, 204, 255}, -1, 1.5f);
  ExpectQuantized<qint8>("MIN_COMBINED", away,
                         {-128, -77, -26, -1, 35, 76, 127}, -1, 1.5f);
  ExpectQuantized<quint8>("MIN_FIRST", away, {0, 51, 102, 128, 163, 204, 255},
                          -1, 1.5f);
  ExpectQuantized<qint8>("MIN_FIRST", away, {-128, -77, -26, 0, 35, 76, 127},
                         -1, 1.5f);
  ExpectQuantized<qint32>("MIN_FIRST", away,
                          {-2147483648, -1288490240, -429496704, 32, 601295488,
                           1288490240, 2147483520},
                          -1, 1.5f);
  ExpectQuantized<quint8>("SCALED", away, {0, 0, 0, 43, 102, 170, 255}, 0,
                          1.5f);
  ExpectQuantized<quint8>("SCALED", "HALF_TO_EVEN",
                          {0, 0, 0, 42, 102, 170, 255}, 0, 1.5f);
  ExpectQuantized<qint8>("SCALED", away, {-85, -42, 0, 21, 51, 85, 127},
                         -1.511811f, 1.5f);
}

TEST(QuantizeV2Test, RefusesBadRangesAndModes) {
  OpTester range("QuantizeV2");
  range.Attr("T", DT_QUINT8);
  range.Input<float>({1}, {1}).Scalar<float>(1).Scalar<float>(-1);
  EXPECT_THAT(range.Run(), HasCode(kBad, "must be larger than"));
  OpTester mode("QuantizeV2");
  mode.Attr("T", DT_QUINT8).Attr("mode", "MIN_LAST");
  mode.Input<float>({1}, {1}).Scalar<float>(-1).Scalar<float>(1);
  EXPECT_THAT(mode.Run(),
              HasCode(kBad, "attr 'mode' of \"MIN_LAST\" is not in the list"));
  OpTester round("QuantizeV2");
  round.Attr("T", DT_QUINT8).Attr("round_mode", "HALF_TO_EVEN");
  round.Input<float>({1}, {1}).Scalar<float>(-1).Scalar<float>(1);
  EXPECT_THAT(round.Run(), HasCode(kBad, "only supported for mode 'SCALED'"));
}

template <typename Q, typename Int>
void ExpectDequantized(const char* mode, std::vector<Int> values,
                       const std::vector<float>& want) {
  SCOPED_TRACE(mode);
  std::vector<Q> quantized;
  for (Int value : values) quantized.push_back(Q{value});
  OpTester op("Dequantize");
  op.Attr("mode", mode);
  op.Input<Q>({5}, quantized);
  op.Scalar<float>(-1).Scalar<float>(1.5f);
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {5}, want);
}

TEST(DequantizeTest, AgreesWithTensorFlow) {
  const std::vector<uint8_t> u = {0, 1, 100, 128, 255};
  const std::vector<int8_t> s = {-128, -1, 0, 100, 127};
  ExpectDequantized<quint8>("MIN_COMBINED", u,
                            {-1, -0.99019605f, -0.01960778f, 0.254902f, 1.5f});
  ExpectDequantized<qint8>("MIN_COMBINED", s,
                           {-1, 0.2450981f, 0.254902f, 1.2352941f, 1.5f});
  ExpectDequantized<quint8>("MIN_FIRST", u,
                            {-1, -0.99019605f, -0.01960778f, 0.254902f, 1.5f});
  ExpectDequantized<quint8>("SCALED", u,
                            {0, 0.00588235f, 0.5882353f, 0.75294119f, 1.5f});
  ExpectDequantized<qint8>("SCALED", s,
                           {-1.511811f, -0.01181102f, 0, 1.1811024f, 1.5f});
}

TEST(DequantizeTest, RoundsAsTensorFlowDoes) {
  OpTester op("Dequantize");
  op.Attr("mode", "MIN_FIRST");
  op.Input(MakeTensor<qint8>({3}, {{-35}, {-34}, {-33}}));
  op.Scalar<float>(-3.5f).Scalar<float>(6);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {3},
                           {-0x1.31314p-5f, -0x1p-23f, 0x1.3131p-5f});
}

TEST(DequantizeTest, WritesBfloat16WhereTensorFlowDoes) {
  const auto run = [](const char* mode, DataType dtype) {
    auto op = std::make_unique<OpTester>("Dequantize");
    op->Attr("mode", mode).Attr("dtype", dtype);
    op->Input(MakeTensor<quint8>({3}, {{1}, {5}, {100}}));
    op->Scalar<float>(-1.5f).Scalar<float>(3);
    const absl::Status status = op->Run();
    return std::make_pair(std::move(op), status);
  };
  const auto [op, status] = run("MIN_COMBINED", DT_BFLOAT16);
  ASSERT_OK(status);
  ExpectTensorEqual<bfloat16>(
      op->output(0), {3},
      {bfloat16(-1.48438f), bfloat16(-1.41406f), bfloat16(0.265625f)});
  EXPECT_THAT(run("MIN_FIRST", DT_BFLOAT16).second,
              HasCode(absl::StatusCode::kInvalidArgument,
                      "When output type is bfloat16, Mode string must be "
                      "'MIN_COMBINED', is 'MIN_FIRST'"));
  EXPECT_EQ(run("MIN_COMBINED", DT_HALF).second.code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(FakeQuantTest, RoundsToTheValuesOfARange) {
  OpTester args("FakeQuantWithMinMaxArgs");
  args.Attr("min", -0.7f).Attr("max", 1.3f).Attr("num_bits", 4);
  args.Input<float>({7}, kValues);
  ASSERT_OK(args.Run());
  ExpectTensorNear<float>(args.output(0), {7},
                          {-.6666667f, -.5333334f, 0, .26666668f, .6666667f,
                           1.0666667f, 1.3333334f});
  OpTester vars("FakeQuantWithMinMaxVars");
  vars.Attr("num_bits", 4).Attr("narrow_range", true);
  vars.Input<float>({7}, kValues).Scalar<float>(.3f).Scalar<float>(1.3f);
  vars.AllowForwarding();
  ASSERT_OK(vars.Run());
  ExpectTensorNear<float>(vars.output(0), {7},
                          {0, 0, 0, .2857143f, .5714286f, 1, 1});
}

TEST(FakeQuantTest, GivesZerosForAnEmptyRange) {
  OpTester op("FakeQuantWithMinMaxVarsPerChannel");
  op.Input<float>({1, 2}, {5, 0.4f});
  op.Input<float>({2}, {0, 0}).Input<float>({2}, {0, 255});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 2}, {0, 0});
}

TEST(FakeQuantTest, RefusesBadAttributesAndShapes) {
  OpTester bits("FakeQuantWithMinMaxArgs");
  bits.Attr("num_bits", 40).Input<float>({1}, {1});
  EXPECT_THAT(bits.Run(), HasCode(kBad, "num_bits"));
  OpTester range("FakeQuantWithMinMaxArgs");
  range.Attr("min", 7.0f).Input<float>({1}, {1});
  EXPECT_THAT(range.Run(), HasCode(kBad, "min has to be smaller"));
  OpTester scalar("FakeQuantWithMinMaxVars");
  scalar.Input<float>({1}, {1}).Input<float>({1}, {1}).Scalar<float>(2);
  EXPECT_THAT(scalar.Run(), HasCode(kBad, "rank 0"));
  OpTester channels("FakeQuantWithMinMaxVarsPerChannel");
  channels.Input<float>({1}, {1}).Input<float>({2}, {1, 1});
  channels.Input<float>({1}, {2});
  EXPECT_THAT(channels.Run(), HasCode(kBad, "per channel"));
}

TEST(DequantizeTest, GivesBfloat16) {
  OpTester op("Dequantize");
  op.Attr("dtype", DT_BFLOAT16);
  op.Input<quint8>({2}, {{0}, {17}}).Scalar<float>(-1.3f).Scalar<float>(6.7f);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<bfloat16>(op.output(0), {2},
                              {bfloat16(-1.296875f), bfloat16(-0.765625f)});
  OpTester first("Dequantize");
  first.Attr("dtype", DT_BFLOAT16).Attr("mode", "MIN_FIRST");
  first.Input<quint8>({1}, {{0}}).Scalar<float>(-1).Scalar<float>(1);
  EXPECT_THAT(first.Run(), HasCode(kBad, "Mode string must be"));
}

TEST(FakeQuantTest, AnEmptyRangeBesideZeroIsNaN) {
  OpTester op("FakeQuantWithMinMaxVars");
  op.Input<float>({2}, {2, -3}).Scalar<float>(-1).Scalar<float>(-1);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2}, {std::nanf(""), std::nanf("")});
}

TEST(FakeQuantTest, HalvesGoWhereTheScaleOrItsInverseSendsThem) {
  OpTester op("FakeQuantWithMinMaxVars");
  op.Input<float>({1}, {0.5f}).Scalar<float>(0).Scalar<float>(1);
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(op.output(0), {1}, {127.0f / 255});
  OpTester moved("FakeQuantWithMinMaxVars");  // to 0 … 5
  moved.Input<float>({1}, {2.5f}).Scalar<float>(2).Scalar<float>(7);
  ASSERT_OK(moved.Run());
  ExpectTensorNear<float>(moved.output(0), {1}, {127.0f / 51});
  OpTester attributes("FakeQuantWithMinMaxArgs");
  attributes.Attr("min", 2.0f).Attr("max", 7.0f).Input<float>({1}, {2.5f});
  ASSERT_OK(attributes.Run());
  ExpectTensorNear<float>(attributes.output(0), {1}, {128.0f / 51});
  OpTester channel("FakeQuantWithMinMaxVarsPerChannel");
  channel.Input<float>({1}, {0.5f}).Input<float>({1}, {0});
  channel.Input<float>({1}, {1});
  ASSERT_OK(channel.Run());
  ExpectTensorNear<float>(channel.output(0), {1}, {128.0f / 255});
}

}  // namespace metagraph::quantize_test
