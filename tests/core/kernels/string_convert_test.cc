#include <limits>

#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::string_convert_test {

using absl::StatusCode;

template <typename T>
std::string Text(OpTester& op, T value) {
  op.Scalar<T>(value);
  EXPECT_OK(op.Run());
  return op.output(0).scalar<std::string>();
}

TEST(AsStringTest, PrintsNumbers) {
  const auto plain = [](auto value) {
    OpTester op("AsString");
    return Text(op, value);
  };
  EXPECT_EQ(plain(1.5f), "1.500000");
  EXPECT_EQ(plain(int8_t{-3}), "-3");
  EXPECT_EQ(plain(std::numeric_limits<uint64_t>::max()),
            "18446744073709551615");
  EXPECT_EQ(plain(true), "true");
  EXPECT_EQ(plain(complex64(1, -2)), "(1.000000,-2.000000)");
  EXPECT_EQ(plain(1e300).size(), 308u);
}

TEST(AsStringTest, ObeysItsAttributes) {
  OpTester precision("AsString");
  precision.Attr("precision", 2).Attr("width", 7);
  EXPECT_EQ(Text(precision, 3.14159f), "   3.14");
  OpTester fill("AsString");
  fill.Attr("width", 4).Attr("fill", "0");
  EXPECT_EQ(Text(fill, 42), "0042");
  OpTester scientific("AsString");
  scientific.Attr("scientific", true);
  EXPECT_EQ(Text(scientific, 1234.5), "1.234500e+03");
  OpTester shortest("AsString");
  shortest.Attr("shortest", true);
  EXPECT_EQ(Text(shortest, 0.25f), "0.25");
}

TEST(AsStringTest, RefusesAttributesThatDoNotFit) {
  OpTester precision("AsString");
  precision.Attr("precision", 2).Scalar<int32_t>(1);
  EXPECT_THAT(precision.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "precision not supported for datatype int32"));
  OpTester fill("AsString");
  fill.Attr("fill", "%").Scalar<int32_t>(1);
  EXPECT_THAT(fill.Run(), HasCode(StatusCode::kInvalidArgument, "Fill"));
  OpTester width("AsString");
  width.Attr("width", 2000000000).Scalar<int32_t>(1);
  EXPECT_THAT(width.Run(), HasCode(StatusCode::kInvalidArgument, "width"));
  OpTester padded("AsString");
  padded.Attr("width", 1000).Input<int32_t>({1000}, std::vector<int32_t>(1000));
  {
    const MemoryLimit limit(1 << 19);
    EXPECT_THAT(padded.Run(),
                HasCode(StatusCode::kResourceExhausted, "memory"));
  }
  OpTester wide("AsString");
  wide.Attr("width", int64_t{-1} << 32).Scalar<int32_t>(1);
  EXPECT_THAT(wide.Run(), HasCode(StatusCode::kInvalidArgument,
                                  "attr 'width' has value -4294967296 out of "
                                  "range for an int32"));
}

TEST(StringToNumberTest, Parses) {
  OpTester op("StringToNumber");
  op.Input<std::string>({3}, {"1.5", " -2 ", "inf"});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {3},
                           {1.5, -2, std::numeric_limits<float>::infinity()});
  OpTester ints("StringToNumber");
  ints.Attr("out_type", DT_INT64);
  ints.Scalar<std::string>("-9223372036854775808");
  ASSERT_OK(ints.Run());
  ExpectTensorEqual<int64_t>(ints.output(0), {},
                             {std::numeric_limits<int64_t>::min()});
}

TEST(StringToNumberTest, RefusesOtherText) {
  OpTester op("StringToNumber");
  op.Scalar<std::string>("x");
  EXPECT_THAT(op.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "StringToNumberOp could not correctly convert string: "
                      "x"));
  OpTester range("StringToNumber");
  range.Attr("out_type", DT_INT32).Scalar<std::string>("3000000000");
  EXPECT_THAT(range.Run(), HasCode(StatusCode::kInvalidArgument, "3000000000"));
}

TEST(DecodeRawTest, ReadsBothByteOrders) {
  const std::string bytes("\x01\x02\x03\x04", 4);
  OpTester little("DecodeRaw");
  little.Attr("out_type", DT_INT16).Input<std::string>({1}, {bytes});
  ASSERT_OK(little.Run());
  ExpectTensorEqual<int16_t>(little.output(0), {1, 2}, {0x0201, 0x0403});
  OpTester big("DecodeRaw");
  big.Attr("out_type", DT_INT16).Attr("little_endian", false);
  big.Scalar<std::string>(bytes);
  ASSERT_OK(big.Run());
  ExpectTensorEqual<int16_t>(big.output(0), {2}, {0x0102, 0x0304});
  OpTester flags("DecodeRaw");
  flags.Attr("out_type", DT_BOOL).Scalar<std::string>(std::string("\0\xff", 2));
  ASSERT_OK(flags.Run());
  ExpectTensorEqual<bool>(flags.output(0), {2}, {false, true});
}

TEST(DecodeRawTest, RefusesUnevenLengths) {
  OpTester odd("DecodeRaw");
  odd.Attr("out_type", DT_INT16).Input<std::string>({1}, {"abc"});
  EXPECT_THAT(odd.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Input to DecodeRaw has length 3 that is not a multiple "
                      "of 2, the size of int16"));
  OpTester sizes("DecodeRaw");
  sizes.Attr("out_type", DT_UINT8).Input<std::string>({2}, {"a", "bc"});
  EXPECT_THAT(sizes.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "DecodeRaw requires input strings to all be the same "
                      "size, but element 1 has size 1 != 2"));
}

TEST(Base64Test, EncodesWithAndWithoutPadding) {
  const std::vector<std::string> texts = {"", "f", "fo", "foo", "\xff\xfe"};
  OpTester plain("EncodeBase64");
  plain.Input<std::string>({5}, texts);
  ASSERT_OK(plain.Run());
  ExpectTensorEqual<std::string>(plain.output(0), {5},
                                 {"", "Zg", "Zm8", "Zm9v", "__4"});
  OpTester padded("EncodeBase64");
  padded.Attr("pad", true).Input<std::string>({5}, texts);
  ASSERT_OK(padded.Run());
  ExpectTensorEqual<std::string>(padded.output(0), {5},
                                 {"", "Zg==", "Zm8=", "Zm9v", "__4="});
  for (const Tensor& encoded : {plain.output(0), padded.output(0)}) {
    OpTester decode("DecodeBase64");
    decode.Input(encoded);
    ASSERT_OK(decode.Run());
    ExpectTensorEqual<std::string>(decode.output(0), {5}, texts);
  }
}

TEST(Base64Test, RefusesOtherCharacters) {
  for (const char* text : {"a b=", "Zg+/", "Z===", "A"}) {
    OpTester op("DecodeBase64");
    op.Scalar<std::string>(text);
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, "ase64"));
  }
}

TEST(AsStringTest, UnsignedNumbersTakeNoSign) {
  const auto run = [](Tensor value) {
    OpTester op("AsString");
    op.Attr("fill", " ").Input(std::move(value));
    EXPECT_OK(op.Run());
    return op.output(0).scalar<std::string>();
  };
  EXPECT_EQ(run(Tensor::Scalar<uint8_t>(7)), "7");
  EXPECT_EQ(run(Tensor::Scalar<uint16_t>(7)), "7");
  EXPECT_EQ(run(Tensor::Scalar<uint32_t>(7)), "7");
  EXPECT_EQ(run(Tensor::Scalar<uint64_t>(7)), "7");
  EXPECT_EQ(run(Tensor::Scalar<int8_t>(7)), " 7");
  EXPECT_EQ(run(Tensor::Scalar<int32_t>(7)), " 7");
}

// As TensorFlow: without width the text stays whole, whatever precision says.
TEST(AsStringTest, PadsText) {
  const auto run = [](int width, int precision, const char* fill) {
    OpTester op("AsString");
    op.Attr("width", width).Attr("precision", precision).Attr("fill", fill);
    return Text(op, std::string("a\0b", 3));
  };
  EXPECT_EQ(run(-1, -1, ""), std::string("a\0b", 3));
  EXPECT_EQ(run(-1, 1, ""), std::string("a\0b", 3));
  EXPECT_EQ(run(5, -1, "0"), std::string("  a\0b", 5));
  EXPECT_EQ(run(5, 1, "-"), "a    ");
  EXPECT_EQ(run(5, 0, ""), "     ");
  EXPECT_EQ(run(2, -1, ""), std::string("a\0b", 3));
}

TEST(StringToNumberTest, ParsesUnsignedNumbers) {
  OpTester narrow("StringToNumber");
  narrow.Attr("out_type", DT_UINT32).Input<std::string>({1}, {"4294967295"});
  ASSERT_OK(narrow.Run());
  ExpectTensorEqual<uint32_t>(narrow.output(0), {1}, {4294967295u});
  OpTester wide("StringToNumber");
  wide.Attr("out_type", DT_UINT64);
  wide.Input<std::string>({1}, {"18446744073709551615"});
  ASSERT_OK(wide.Run());
  ExpectTensorEqual<uint64_t>(wide.output(0), {1},
                              {std::numeric_limits<uint64_t>::max()});
  wide.ClearInputs();
  wide.Input<std::string>({1}, {"-1"});
  EXPECT_THAT(wide.Run(), HasCode(StatusCode::kInvalidArgument,
                                  "could not correctly convert string: -1"));
}

}  // namespace metagraph::string_convert_test
