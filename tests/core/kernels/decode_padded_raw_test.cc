#include "tests/support/op_tester.h"

namespace metagraph::decode_padded_raw_test {

using absl::StatusCode;

absl::StatusOr<Tensor> Decode(const std::vector<std::string>& texts,
                              Tensor length, bool little_endian = true) {
  OpTester op("DecodePaddedRaw");
  op.Attr("out_type", DT_UINT16).Attr("little_endian", little_endian);
  op.Input(Tensor::Vector<std::string>(texts)).Input(std::move(length));
  RETURN_IF_ERROR(op.Run());
  return op.output(0);
}

TEST(DecodePaddedRawTest, PadsAndCuts) {
  const Tensor four = Tensor::Scalar<int32_t>(4);
  ASSERT_OK_AND_ASSIGN(Tensor out, Decode({"\1\2\3", "\1"}, four));
  ExpectTensorEqual<uint16_t>(out, {2, 2}, {513, 3, 1, 0});
  ASSERT_OK_AND_ASSIGN(out, Decode({"\1\2\3\4\5", ""}, four));
  ExpectTensorEqual<uint16_t>(out, {2, 2}, {513, 1027, 0, 0});
  ASSERT_OK_AND_ASSIGN(out, Decode({"\1\2\3", "\1"}, four, false));
  ExpectTensorEqual<uint16_t>(out, {2, 2}, {258, 768, 256, 0});
  ASSERT_OK_AND_ASSIGN(out, Decode({}, four));
  ExpectTensorEqual<uint16_t>(out, {0, 2}, {});
}

TEST(DecodePaddedRawTest, RefusesLengths) {
  const auto expect = [](Tensor length, const char* text) {
    EXPECT_THAT(Decode({"a"}, std::move(length)),
                HasCode(StatusCode::kInvalidArgument, text));
  };
  expect(Tensor::Scalar<int32_t>(0),
         "fixed_length (0) must be greater than zero.");
  expect(Tensor::Scalar<int32_t>(-2),
         "fixed_length (-2) must be greater than zero.");
  expect(Tensor::Scalar<int32_t>(3),
         "fixed_length (3) must be a multiple of the size of out_type (2)");
  expect(Tensor::Vector<int32_t>({2}), "k must be scalar, got shape [1]");
}

}  // namespace metagraph::decode_padded_raw_test
