#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"
#include "zlib.h"

namespace metagraph::decode_compressed_test {

using absl::StatusCode;

std::string Deflated(const std::string& text, int window_bits) {
  z_stream stream = {};
  EXPECT_EQ(
      deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY),
      Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  std::string in = text;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}
std::string Zlib(const std::string& text) { return Deflated(text, 15); }
std::string Gzip(const std::string& text) { return Deflated(text, 31); }

absl::StatusOr<std::string> Decode(const std::string& packed,
                                   const char* type) {
  OpTester op("DecodeCompressed");
  op.Attr("compression_type", type).Scalar<std::string>(packed);
  RETURN_IF_ERROR(op.Run());
  return op.output(0).scalar<std::string>();
}

void ExpectText(const std::string& packed, const char* type,
                const std::string& want) {
  ASSERT_OK_AND_ASSIGN(const std::string text, Decode(packed, type));
  EXPECT_EQ(text, want);
}

TEST(DecodeCompressedTest, UnpacksEachString) {
  OpTester op("DecodeCompressed");
  op.Attr("compression_type", "ZLIB");
  op.Input<std::string>({2}, {Zlib("hello"), Zlib("")});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {2}, {"hello", ""});
  ExpectText("abc", "", "abc");
  ExpectText("", "ZLIB", "");
  std::string random;
  for (int i = 0; i < 100000; ++i)
    random += static_cast<char>(int64_t{i} * i >> 5);
  ExpectText(Zlib(random), "ZLIB", random);
}

// As TensorFlow does it: what follows a zlib stream is not looked at, what
// follows a gzip member is the next one; what is cut off is left out.
TEST(DecodeCompressedTest, TakesWhatFollowsAndWhatIsCutOff) {
  ExpectText(Gzip("hello") + Gzip("you"), "GZIP", "helloyou");
  ExpectText(Zlib("hello") + "junk", "ZLIB", "hello");
  const std::string packed = Zlib("hello");
  ExpectText(packed.substr(0, packed.size() - 3), "ZLIB", "hello");
}

TEST(DecodeCompressedTest, RefusesOtherBytes) {
  const auto expect = [](const std::string& packed, const char* type,
                         const char* text) {
    EXPECT_THAT(Decode(packed, type), HasCode(StatusCode::kDataLoss, text));
  };
  expect("hello", "ZLIB",
         "inflate() failed with error -3: incorrect header check");
  expect(Zlib("hello"), "GZIP", "incorrect header check");
  expect(Gzip("hello"), "ZLIB", "incorrect header check");
  expect(Gzip("hello") + "junk", "GZIP", "incorrect header check");
  std::string damaged = Zlib("hello");
  damaged.back() ^= 1;
  expect(damaged, "ZLIB", "incorrect data check");
  EXPECT_THAT(Decode("", "LZ"),
              HasCode(StatusCode::kInvalidArgument,
                      "Only ZLIB, GZIP or NONE are supported compressions"));
}

TEST(DecodeCompressedTest, RefusesMoreThanMemory) {
  const std::string bomb = Zlib(std::string(64 << 20, '\0'));
  EXPECT_LT(bomb.size(), size_t{1} << 20);
  const MemoryLimit limit(8 << 20);
  EXPECT_THAT(Decode(bomb, "ZLIB"),
              HasCode(StatusCode::kResourceExhausted, "memory"));
}

}  // namespace metagraph::decode_compressed_test
