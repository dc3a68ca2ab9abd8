#include <malloc.h>

#include <cstring>
#include <functional>

#include "core/kernels/png_decoder.h"
#include "tests/core/tensor/memory_limit.h"
#include "tests/support/expiring_clock.h"
#include "tests/support/hex.h"
#include "tests/support/op_tester.h"

namespace metagraph::decode_image_test {

using absl::StatusCode;
using Bytes = std::vector<uint8_t>;

// 9 x 12 pixels with their colours at half the size.
constexpr char kJpeg[] =
    "ffd8ffe000104a46494600010101012c012c0000ffdb0043000302020302020303030304"
    "030304050805050404050a070706080c0a0c0c0b0a0b0b0d0e12100d0e110e0b0b101610"
    "1113141515150c0f171816141812141514ffdb00430103040405040509050509140d0b0d"
    "141414141414141414141414141414141414141414141414141414141414141414141414"
    "1414141414141414141414141414ffc00011080009000c03012200021101031101ffc400"
    "1f0000010501010101010100000000000000000102030405060708090a0bffc400b51000"
    "02010303020403050504040000017d010203000411051221314106135161072271143281"
    "91a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a"
    "434445464748494a535455565758595a636465666768696a737475767778797a83848586"
    "8788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6"
    "c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9faffc400"
    "1f0100030101010101010101010000000000000102030405060708090a0bffc400b51100"
    "020102040403040705040400010277000102031104052131061241510761711322328108"
    "144291a1b1c109233352f0156272d10a162434e125f11718191a262728292a3536373839"
    "3a434445464748494a535455565758595a636465666768696a737475767778797a828384"
    "85868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8b9bac2c3c4"
    "c5c6c7c8c9cad2d3d4d5d6d7d8d9dae2e3e4e5e6e7e8e9eaf2f3f4f5f6f7f8f9faffda00"
    "0c03010002110311003f00f22f82be02ff0051fbbf4ed5f68f857c05ff0012587f77fa57"
    "cfff00057fe587e15f697853fe40b0d7378afc59987d777ea5f11f07e5ded763ffd9";
// What TensorFlow reads of it: the second row with its defaults, with the
// accurate transform, without fancy upscaling, of half the size, in gray; and
// four pixels of two rows at [2, 3].
const std::vector<uint8_t> kJpegRow = {
    15, 9,   233, 23, 23,  233, 31, 41,  227, 36, 59,  217,
    41, 80,  209, 44, 98,  198, 49, 117, 188, 52, 137, 178,
    59, 156, 172, 63, 173, 160, 72, 194, 157, 78, 205, 154};
const std::vector<uint8_t> kAccurateRow = {
    15, 8,   234, 23, 23,  235, 31, 40,  231, 36, 58,  221,
    42, 79,  211, 46, 98,  199, 50, 118, 191, 53, 138, 179,
    59, 156, 172, 64, 174, 161, 73, 193, 157, 79, 205, 157};
const std::vector<uint8_t> kPlainRow = {
    9,  10,  238, 20, 21,  249, 24, 45,  224, 35, 56,  235,
    33, 85,  203, 43, 95,  213, 39, 123, 185, 50, 134, 196,
    50, 162, 166, 60, 172, 176, 65, 198, 153, 73, 206, 161};
const std::vector<uint8_t> kHalfRow = {44, 20,  228, 59,  55,  214,
                                       69, 94,  194, 76,  133, 176,
                                       85, 172, 156, 100, 206, 142};
const std::vector<uint8_t> kGrayRow = {36,  47,  59,  70,  83,  93,
                                       105, 116, 129, 139, 153, 161};
const std::vector<uint8_t> kCropped = {52,  62,  211, 58,  83,  202, 61,  102,
                                       192, 65,  121, 182, 72,  65,  203, 77,
                                       85,  192, 81,  104, 182, 84,  124, 175};

constexpr char kRgbPng[] =
    "89504e470d0a1a0a0000000d49484452000000020000000108020000007b40e8dd000000"
    "0f49444154789c63606462fed5c00e0004180188178a4b080000000049454e44ae426082";
constexpr char kPalettePng[] =
    "89504e470d0a1a0a0000000d4948445200000004000000010803000000cee2ffff000000"
    "0c504c5445ff000000ff000000ff0708094ff462cd0000000d49444154789c6360606462"
    "0600000f0007848e996d0000000049454e44ae426082";
constexpr char kKeyedPng[] =
    "89504e470d0a1a0a0000000d4948445200000004000000010803000000cee2ffff000000"
    "0c504c5445ff000000ff000000ff0708094ff462cd0000000274524e5380ff6012bafe00"
    "00000d49444154789c63606064620600000f0007848e996d0000000049454e44ae426082";
constexpr char kBitsPng[] =
    "89504e470d0a1a0a0000000d4948445200000008000000010100000000cb7bd2ee000000"
    "0a49444154789c63580a0000a700a6e5b9c5e20000000049454e44ae426082";
constexpr char kGray16Png[] =
    "89504e470d0a1a0a0000000d494844520000000200000001100000000081d9fc15000000"
    "0d49444154789c631032597d1600030c01bf6eb9c65d0000000049454e44ae426082";
constexpr char kGrayAlphaPng[] =
    "89504e470d0a1a0a0000000d49484452000000020000000108040000005e2bb701000000"
    "0d49444154789c63606563e700000041001ba6ae0ff60000000049454e44ae426082";
constexpr char kInterlacedPng[] =
    "89504e470d0a1a0a0000000d49484452000000030000000308000000010444daf5000000"
    "1749444154789c636064606660e7646062e0606061650300012a002e1e173fbb00000000"
    "49454e44ae426082";
constexpr char kGif[] =
    "47494638396102000100910000ff000000ff000000ff0909092c00000000020001000002"
    "0304c302003b";
constexpr char kAnimatedGif[] =
    "47494638396102000100910000ff000000ff000000ff0909092c00000000020001000002"
    "0304c302002c0100000001000100000202140b003b";
constexpr char kTransparentGif[] =
    "47494638396102000100910000ff000000ff000000ff09090921f90401000001002c0000"
    "00000200010000020304c302003b";

using Setup = std::function<void(OpTester&)>;

absl::StatusOr<Tensor> Decode(
    const char* name, const std::string& bytes,
    const Setup& setup = [](OpTester&) {}) {
  OpTester op(name);
  op.Scalar<std::string>(bytes);
  setup(op);
  RETURN_IF_ERROR(op.Run());
  return op.output(0);
}

Setup Channels(int channels) {
  return [channels](OpTester& op) { op.Attr("channels", channels); };
}
Setup Into(DataType dtype) {
  return [dtype](OpTester& op) { op.Attr("dtype", dtype); };
}

void ExpectImage(
    const char* name, const std::string& bytes, const TensorShape& shape,
    const Bytes& want, const Setup& setup = [](OpTester&) {}) {
  ASSERT_OK_AND_ASSIGN(const Tensor out, Decode(name, bytes, setup));
  ExpectTensorEqual<uint8_t>(out, shape, want);
}
void ExpectRefused(
    const char* name, const std::string& bytes, const std::string& text,
    const Setup& setup = [](OpTester&) {}) {
  EXPECT_THAT(Decode(name, bytes, setup),
              HasCode(StatusCode::kInvalidArgument, text));
}

std::string Jpeg() { return FromHex(kJpeg); }

void ExpectJpegRow(const Setup& setup, const TensorShape& shape,
                   const Bytes& row) {
  ASSERT_OK_AND_ASSIGN(const Tensor out, Decode("DecodeJpeg", Jpeg(), setup));
  EXPECT_EQ(out.shape(), shape);
  const Bytes values = Values<uint8_t>(out);
  ASSERT_GE(values.size(), 2 * row.size());
  EXPECT_EQ(Bytes(values.begin() + row.size(), values.begin() + 2 * row.size()),
            row);
}

TEST(DecodeJpegTest, ReadsThePixelsThatTensorFlowReads) {
  ExpectJpegRow([](OpTester&) {}, {9, 12, 3}, kJpegRow);
  ExpectJpegRow([](OpTester& op) { op.Attr("dct_method", "INTEGER_FAST"); },
                {9, 12, 3}, kJpegRow);
  ExpectJpegRow([](OpTester& op) { op.Attr("dct_method", "INTEGER_ACCURATE"); },
                {9, 12, 3}, kAccurateRow);
  ExpectJpegRow([](OpTester& op) { op.Attr("fancy_upscaling", false); },
                {9, 12, 3}, kPlainRow);
  ExpectJpegRow(Channels(1), {9, 12, 1}, kGrayRow);
  ExpectJpegRow([](OpTester& op) { op.Attr("ratio", 2); }, {5, 6, 3}, kHalfRow);
}

TEST(DecodeJpegTest, Crops) {
  const auto window = [](const std::vector<int32_t>& sizes) {
    return [sizes](OpTester& op) {
      op.Input<int32_t>({static_cast<int64_t>(sizes.size())}, sizes);
    };
  };
  const char* op = "DecodeAndCropJpeg";
  ExpectImage(op, Jpeg(), {2, 4, 3}, kCropped, window({2, 3, 2, 4}));
  const char* failed =
      "jpeg::Uncompress failed. Invalid JPEG data or crop window.";
  ExpectRefused(op, Jpeg(), failed, window({8, 0, 2, 1}));
  ExpectRefused(op, Jpeg(), failed, window({0, 10, 1, 3}));
  ExpectRefused(op, Jpeg(), failed, window({-1, 0, 2, 1}));
  ExpectRefused(op, Jpeg(), failed, window({1, 0, 0, 1}));
  ExpectRefused(op, Jpeg(), "crop_size must have four elements [3]",
                window({1, 0, 1}));
  ExpectRefused(op, Jpeg(), "crop_window must be 1-D, got shape [1,4]",
                [](OpTester& tester) {
                  tester.Input<int32_t>({1, 4}, {0, 0, 1, 1});
                });
  ExpectRefused(op, FromHex(kRgbPng),
                "DecodeAndCropJpeg operation can run on JPEG only, but "
                "detected PNG.",
                window({0, 0, 1, 1}));
}

TEST(DecodeJpegTest, TakesWhatIsThereIfAsked) {
  const std::string cut = Jpeg().substr(0, Jpeg().size() - 40);
  const char* failed =
      "jpeg::Uncompress failed. Invalid JPEG data or crop window.";
  ExpectRefused("DecodeJpeg", cut, failed);
  ExpectRefused("DecodeJpeg", Jpeg().substr(0, Jpeg().size() - 2), failed);
  ExpectRefused("DecodeJpeg", cut, failed,
                [](OpTester& op) { op.Attr("acceptable_fraction", 0.1f); });
  ASSERT_OK_AND_ASSIGN(const Tensor out,
                       Decode("DecodeJpeg", cut, [](OpTester& op) {
                         op.Attr("try_recover_truncated", true);
                       }));
  EXPECT_EQ(out.shape(), TensorShape({9, 12, 3}));
  ASSERT_OK(Decode("DecodeJpeg", Jpeg() + "junk"));
}

TEST(DecodeJpegTest, RefusesOtherBytes) {
  const char* failed =
      "jpeg::Uncompress failed. Invalid JPEG data or crop window.";
  ExpectRefused("DecodeJpeg", Jpeg().substr(0, 20), failed);
  ExpectRefused("DecodeJpeg", "", "Input is empty.");
  ExpectRefused("DecodeJpeg", "hello",
                "Unknown image file format. One of JPEG, PNG, GIF, BMP "
                "required.");
  ExpectRefused("DecodeJpeg", Jpeg(), "JPEG does not support 4 channels",
                Channels(4));
  ExpectRefused("DecodeJpeg", Jpeg(),
                "`channels` must be 0, 1, 3 or 4 but got 2", Channels(2));
  ExpectRefused("DecodeJpeg", Jpeg(), "ratio must be 1, 2, 4, or 8, got 3",
                [](OpTester& op) { op.Attr("ratio", 3); });
  ExpectRefused("DecodeJpeg", Jpeg(),
                "dct_method must be one of {'', 'INTEGER_FAST', "
                "'INTEGER_ACCURATE'}",
                [](OpTester& op) { op.Attr("dct_method", "X"); });
  ExpectRefused("DecodeBmp", Jpeg(),
                "Trying to decode JPEG format using DecodeBmp op. Use "
                "`decode_jpeg` or `decode_image` instead.");
  OpTester vector("DecodeJpeg");
  vector.Input<std::string>({1}, {Jpeg()});
  EXPECT_THAT(vector.Run(), HasCode(StatusCode::kInvalidArgument,
                                    "`contents` must be scalar but got "
                                    "shape[1]"));
}

// The head may say any size.
TEST(DecodeJpegTest, RefusesMoreThanMemory) {
  std::string bytes = Jpeg();
  const size_t frame = bytes.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  for (size_t i = 5; i < 9; ++i) bytes[frame + i] = '\x7f';
  const MemoryLimit limit(8 << 20);
  EXPECT_THAT(Decode("DecodeJpeg", bytes),
              HasCode(StatusCode::kResourceExhausted, "memory"));
  // Nobody needs memory for the size alone.
  ASSERT_OK_AND_ASSIGN(const Tensor shape, Decode("ExtractJpegShape", bytes));
  ExpectTensorEqual<int32_t>(shape, {3}, {32639, 32639, 3});
}

// As many markers as there is room for stand before the pixels. libjpeg gets
// its bytes in pieces.
TEST(DecodeJpegTest, ADeadlineEndsManyMarkers) {
  std::string comments;
  for (int i = 0; i < 100'000; ++i) comments += std::string("\xff\xfe\0\2", 4);
  comments += std::string("\xff\xe1\xff\xff", 4) + std::string(0xfffd, '\1');
  const std::string bytes = Jpeg().insert(2, comments);
  for (const char* name : {"DecodeJpeg", "ExtractJpegShape"}) {
    OpTester op(name);
    op.Scalar<std::string>(bytes);
    ASSERT_OK(op.Run());
    ExpiringClock clock(3);
    op.SetDeadline(ExpiringClock::Deadline(), clock);
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kDeadlineExceeded, ""));
  }
  ASSERT_OK_AND_ASSIGN(const Tensor want, Decode("DecodeJpeg", Jpeg()));
  ExpectImage("DecodeJpeg", bytes, {9, 12, 3}, Values<uint8_t>(want));
  // A marker that says more than there is.
  ExpectRefused("DecodeJpeg", bytes.substr(0, bytes.size() - Jpeg().size()),
                "jpeg::Uncompress failed. Invalid JPEG data or crop window.");
}

TEST(DecodeJpegTest, IsReadByTheOtherOps) {
  ASSERT_OK_AND_ASSIGN(const Tensor want, Decode("DecodeJpeg", Jpeg()));
  const Bytes pixels = Values<uint8_t>(want);
  ExpectImage("DecodePng", Jpeg(), {9, 12, 3}, pixels);
  ExpectImage("DecodeImage", Jpeg(), {9, 12, 3}, pixels);
  ExpectImage("DecodeGif", Jpeg(), {1, 9, 12, 3}, pixels);
  ASSERT_OK_AND_ASSIGN(Tensor out,
                       Decode("DecodeImage", Jpeg(), Into(DT_UINT16)));
  EXPECT_EQ(Values<uint16_t>(out)[0], pixels[0] * 256);
  ASSERT_OK_AND_ASSIGN(out, Decode("DecodeImage", Jpeg(), Into(DT_FLOAT)));
  EXPECT_EQ(Values<float>(out)[5], pixels[5] * (1.0f / 255));
}

TEST(ExtractJpegShapeTest, ReadsTheHead) {
  ASSERT_OK_AND_ASSIGN(Tensor out, Decode("ExtractJpegShape", Jpeg()));
  ExpectTensorEqual<int32_t>(out, {3}, {9, 12, 3});
  ASSERT_OK_AND_ASSIGN(
      out, Decode("ExtractJpegShape", Jpeg(),
                  [](OpTester& op) { op.Attr("output_type", DT_INT64); }));
  ExpectTensorEqual<int64_t>(out, {3}, {9, 12, 3});
  ExpectRefused("ExtractJpegShape", "hello", "Invalid JPEG data, size 5");
  OpTester vector("ExtractJpegShape");
  vector.Input<std::string>({1}, {Jpeg()});
  EXPECT_THAT(vector.Run(), HasCode(StatusCode::kInvalidArgument,
                                    "contents must be scalar, got shape [1]"));
}

TEST(DecodePngTest, ReadsThePixelsThatTensorFlowReads) {
  const char* op = "DecodePng";
  const std::string rgb = FromHex(kRgbPng);
  ExpectImage(op, rgb, {1, 2, 3}, {1, 2, 3, 250, 128, 7});
  ExpectImage(op, rgb, {1, 2, 1}, {1, 150}, Channels(1));
  ExpectImage(op, rgb, {1, 2, 4}, {1, 2, 3, 255, 250, 128, 7, 255},
              Channels(4));
  const std::string palette = FromHex(kPalettePng);
  ExpectImage(op, palette, {1, 4, 3},
              {255, 0, 0, 0, 255, 0, 0, 0, 255, 7, 8, 9});
  ExpectImage(op, palette, {1, 4, 1}, {76, 149, 29, 7}, Channels(1));
  const std::string keyed = FromHex(kKeyedPng);
  const Bytes with_alpha = {255, 0, 0,   128, 0, 255, 0, 255,
                            0,   0, 255, 255, 7, 8,   9, 255};
  ExpectImage(op, keyed, {1, 4, 4}, with_alpha);
  ExpectImage(op, keyed, {1, 4, 3}, {255, 0, 0, 0, 255, 0, 0, 0, 255, 7, 8, 9},
              Channels(3));
  ExpectImage(op, FromHex(kBitsPng), {1, 8, 1},
              {255, 0, 255, 0, 0, 255, 0, 255});
  // As TensorFlow has it: the filler has as many bits as the image.
  ASSERT_OK_AND_ASSIGN(Tensor out, Decode(op, FromHex(kBitsPng), Channels(4)));
  EXPECT_EQ(Values<uint8_t>(out)[3], 1);
  ExpectImage(op, FromHex(kGray16Png), {1, 2, 1}, {18, 171});
  ExpectImage(op, FromHex(kGrayAlphaPng), {1, 2, 2}, {5, 6, 7, 8});
  ExpectImage(op, FromHex(kGrayAlphaPng), {1, 2, 3}, {5, 5, 5, 7, 7, 7},
              Channels(3));
  ExpectImage(op, FromHex(kGrayAlphaPng), {1, 2, 4}, {5, 5, 5, 6, 7, 7, 7, 8},
              Channels(4));
  ExpectImage(op, FromHex(kInterlacedPng), {3, 3, 1},
              {1, 2, 3, 4, 5, 6, 7, 8, 9});
}

TEST(DecodePngTest, GivesWiderTypes) {
  ASSERT_OK_AND_ASSIGN(
      Tensor out, Decode("DecodePng", FromHex(kGray16Png), Into(DT_UINT16)));
  ExpectTensorEqual<uint16_t>(out, {1, 2, 1}, {4660, 43981});
  ASSERT_OK_AND_ASSIGN(out,
                       Decode("DecodePng", FromHex(kRgbPng), Into(DT_UINT16)));
  ExpectTensorEqual<uint16_t>(out, {1, 2, 3},
                              {257, 514, 771, 64250, 32896, 1799});
  ASSERT_OK_AND_ASSIGN(
      out, Decode("DecodePng", FromHex(kInterlacedPng), Into(DT_UINT16)));
  EXPECT_EQ(Values<uint16_t>(out)[8], 9 * 257);
  ASSERT_OK_AND_ASSIGN(
      out, Decode("DecodeImage", FromHex(kGray16Png), Into(DT_FLOAT)));
  ExpectTensorNear<float>(out, {1, 2, 1}, {.07110704f, .67110705f});
}

TEST(DecodePngTest, RefusesOtherBytes) {
  const std::string rgb = FromHex(kRgbPng);
  ExpectRefused("DecodePng", rgb.substr(0, 12),
                "Invalid PNG. Failed to initialize decoder.");
  ExpectRefused("DecodePng", rgb.substr(0, 45), "Invalid PNG data, size 45");
  std::string damaged = rgb;
  damaged[44] ^= 1;
  ExpectRefused("DecodePng", damaged, "Invalid PNG data, size 72");
  ExpectRefused("DecodeBmp", rgb,
                "Trying to decode PNG format using DecodeBmp op. Use "
                "`decode_png` or `decode_image` instead.");
}

std::string BigEndian(uint32_t value) {
  std::string out;
  for (int i = 24; i >= 0; i -= 8) out += static_cast<char>(value >> i);
  return out;
}

// `chunk` is its name and what is in it.
std::string PngChunk(const std::string& chunk) {
  uint32_t crc = ~uint32_t{0};
  for (const char c : chunk) {
    crc ^= static_cast<uint8_t>(c);
    for (int i = 0; i < 8; ++i) {
      crc = crc % 2 != 0 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
    }
  }
  const auto size = static_cast<uint32_t>(chunk.size() - 4);
  return BigEndian(size) + chunk + BigEndian(~crc);
}

// A head of `width` by 1 gray pixels and nothing behind it.
std::string PngHead(uint32_t width) {
  return "\x89PNG\r\n\x1a\n" +
         PngChunk("IHDR" + BigEndian(width) +
                  std::string("\0\0\0\1\10\0\0\0\0", 9)) +
         std::string("\0\0\0\0IDAT", 8);
}

// Chunks before the pixels of kRgbPng.
std::string PngWith(const std::string& chunks) {
  return FromHex(kRgbPng).insert(33, chunks);
}

// Of all chunks that are not pixels, those of colours show in what is gray.
TEST(DecodePngTest, ReadsColoursAsTensorFlowDoes) {
  const std::string gamma = PngChunk("gAMA" + BigEndian(20000));
  const std::string text = PngChunk(std::string("tEXtk\0v", 7));
  for (const std::string& chunks : {gamma, text + gamma}) {
    ExpectImage("DecodePng", PngWith(chunks), {1, 2, 1}, {0, 199}, Channels(1));
    ExpectImage("DecodePng", PngWith(chunks), {1, 2, 3},
                {1, 2, 3, 250, 128, 7});
  }
  ExpectImage("DecodePng", PngWith(text), {1, 2, 1}, {1, 150}, Channels(1));
}

// They may be of any number and unpack to anything.
TEST(DecodePngTest, KeepsNoTexts) {
  std::string texts;
  for (int i = 0; i < 16; ++i) {
    texts += PngChunk(std::string("tEXtk\0", 6) + std::string(1 << 19, 'v'));
  }
  const std::string bytes = PngWith(texts);
  PngDecoder png(bytes, 0, false);
  const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
  ASSERT_TRUE(png.ReadHead([] { return true; }));
  EXPECT_LT(mallinfo2().uordblks + mallinfo2().hblkhd, before + (1 << 20));
}

// As many chunks as there is room for stand before the pixels or behind them.
TEST(DecodePngTest, ADeadlineEndsManyChunks) {
  std::string texts;
  for (int i = 0; i < 100; ++i) texts += PngChunk("tEXt");
  const std::string before = PngWith(texts);
  const std::string behind = FromHex(kRgbPng).insert(60, texts);
  for (const std::string& bytes : {before, behind}) {
    OpTester op("DecodePng");
    op.Scalar<std::string>(bytes);
    ASSERT_OK(op.Run());
    // Of a small image one look at its first row alone.
    for (const int asks : {0, 3}) {
      ExpiringClock clock(asks);
      op.SetDeadline(ExpiringClock::Deadline(), clock);
      EXPECT_THAT(op.Run(), HasCode(StatusCode::kDeadlineExceeded, ""));
    }
  }
}

// The head may say any size: libpng keeps two rows of it.
TEST(DecodePngTest, RefusesMoreThanMemory) {
  ExpectRefused("DecodePng", PngHead(0x7fffffff),
                "PNG size too large for int: 2147483647 by 1");
  const MemoryLimit limit(8 << 20);
  for (const uint32_t width : {1 << 26, 1 << 21}) {
    EXPECT_THAT(Decode("DecodePng", PngHead(width)),
                HasCode(StatusCode::kResourceExhausted, "memory"));
  }
  ExpectRefused("DecodePng", PngHead(1 << 10), "Invalid PNG data, size 41");
}

TEST(DecodeGifTest, ReadsFramesOnTopOfEachOther) {
  const std::string gif = FromHex(kGif), two = FromHex(kAnimatedGif);
  const Bytes first = {255, 0, 0, 0, 255, 0};
  const Bytes both = {255, 0, 0, 0, 255, 0, 255, 0, 0, 0, 0, 255};
  ExpectImage("DecodeGif", gif, {1, 1, 2, 3}, first);
  ExpectImage("DecodeGif", two, {2, 1, 2, 3}, both);
  ExpectImage("DecodeImage", two, {2, 1, 2, 3}, both);
  ExpectImage("DecodeImage", two, {1, 2, 3}, first,
              [](OpTester& op) { op.Attr("expand_animations", false); });
  ExpectImage("DecodePng", gif, {1, 2, 3}, first);
  ExpectRefused("DecodePng", two,
                "Got 2 frames, but animated gifs can only be decoded by "
                "tf.io.decode_gif or tf.io.decode_image");
  ExpectImage("DecodeGif", FromHex(kTransparentGif), {1, 1, 2, 3},
              {255, 0, 0, 0, 0, 0});
  // What is cut off counts as far as frames are whole.
  ExpectImage("DecodeGif", gif.substr(0, gif.size() - 1), {1, 1, 2, 3}, first);
  ExpectImage("DecodeGif", two.substr(0, two.size() - 4), {1, 1, 2, 3}, first);
}

TEST(DecodeGifTest, RefusesOtherBytes) {
  const std::string gif = FromHex(kGif);
  ExpectRefused("DecodeGif", gif.substr(0, gif.size() - 6),
                "Invalid GIF data (size 36), failed to slurp gif file: ");
  ExpectRefused("DecodeGif", gif.substr(0, 8),
                "Invalid GIF data (size 8), failed to open gif file: ");
  ExpectRefused("DecodePng", gif, "channels must be 0 or 3 for GIF, got 1",
                Channels(1));
  // A colour that the map does not have: no map at all.
  std::string colourless =
      gif.substr(0, 10) + std::string(3, '\0') + gif.substr(25);
  ExpectRefused("DecodeGif", colourless, "missing color map for frame 0");
}

// As TensorFlow has it, such a frame is none, and the last.
TEST(DecodeGifTest, TakesNoFramesWithoutPixels) {
  for (const size_t size : {5, 7}) {
    std::string gif = FromHex(kGif), two = FromHex(kAnimatedGif);
    gif[gif.find(',') + size] = '\0';
    ExpectRefused("DecodeGif", gif,
                  "Invalid GIF data (size 42), failed to slurp gif file: "
                  "Unknown error");
    two[two.rfind(',') + size] = '\0';
    ExpectImage("DecodeGif", two, {1, 1, 2, 3}, {255, 0, 0, 0, 255, 0});
  }
}

// Also where it looks for the first frame.
TEST(DecodeGifTest, ADeadlineEndsManyRecords) {
  std::string gif = FromHex(kGif);
  gif.resize(gif.find(','));
  for (int i = 0; i < 2000; ++i) gif += std::string("\x21\xfe\0", 3);
  OpTester op("DecodeGif");
  op.Scalar<std::string>(gif);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, "slurp"));
  ExpiringClock clock(0);
  op.SetDeadline(ExpiringClock::Deadline(), clock);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kDeadlineExceeded, ""));
}

// One image may be of any number of blocks.
TEST(DecodeGifTest, ADeadlineEndsManyBlocks) {
  std::string gif = FromHex(kGif);
  std::string blocks;
  for (int i = 0; i < 4000; ++i) blocks += std::string("\1\0", 2);
  gif.insert(gif.size() - 2, blocks);
  OpTester op("DecodeGif");
  op.Scalar<std::string>(gif);
  ASSERT_OK(op.Run());
  ExpiringClock clock(3);
  op.SetDeadline(ExpiringClock::Deadline(), clock);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kDeadlineExceeded, ""));
}

// Frames without pixels cost nothing to send.
TEST(DecodeGifTest, RefusesMoreThanMemory) {
  std::string gif = FromHex(kGif);
  const size_t image = gif.find(',');
  for (size_t i = 5; i < 9; ++i) gif[image + i] = '\x7f';
  const MemoryLimit limit(8 << 20);
  EXPECT_THAT(Decode("DecodeGif", gif),
              HasCode(StatusCode::kResourceExhausted, "memory"));
}

std::string Bmp(int32_t width, int32_t height, int16_t bits,
                const std::string& pixels) {
  std::string out(54, '\0');
  out[0] = 'B';
  out[1] = 'M';
  const int32_t start = 54;
  std::memcpy(out.data() + 10, &start, 4);
  std::memcpy(out.data() + 18, &width, 4);
  std::memcpy(out.data() + 22, &height, 4);
  std::memcpy(out.data() + 28, &bits, 2);
  return out + pixels;
}

TEST(DecodeBmpTest, ReadsRowsFromBelowOrAbove) {
  const std::string rows("\1\2\3\4\5\6\0\0\7\10\11\12\13\14\0\0", 16);
  ExpectImage("DecodeBmp", Bmp(2, 2, 24, rows), {2, 2, 3},
              {9, 8, 7, 12, 11, 10, 3, 2, 1, 6, 5, 4});
  ExpectImage("DecodeImage", Bmp(2, -2, 24, rows), {2, 2, 3},
              {3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10});
  ExpectImage("DecodeBmp", Bmp(1, 1, 24, "\1\2\3\4"), {1, 1, 4}, {3, 2, 1, 255},
              Channels(4));
  ExpectImage("DecodeBmp", Bmp(1, 1, 32, "\1\2\3\4"), {1, 1, 4}, {3, 2, 1, 4});
  ExpectImage("DecodeBmp", Bmp(1, 1, 32, "\1\2\3\4"), {1, 1, 3}, {3, 2, 1},
              Channels(3));
  const std::string gray("\5\6\0\0", 4);
  ExpectImage("DecodeBmp", Bmp(2, 1, 8, gray), {1, 2, 1}, {5, 6});
  ExpectImage("DecodeBmp", Bmp(2, 1, 8, gray), {1, 2, 3}, {5, 5, 5, 6, 6, 6},
              Channels(3));
  ExpectImage("DecodeBmp", Bmp(1, 1, 8, gray), {1, 1, 4}, {5, 5, 5, 255},
              Channels(4));
}

TEST(DecodeBmpTest, RefusesOtherBytes) {
  const std::string good = Bmp(1, 1, 24, "\1\2\3\4");
  ExpectRefused("DecodeBmp", good.substr(0, 20),
                "Incomplete bmp content, requires at least 32 bytes to find "
                "the header size, width, height, and bpp, got 20 bytes");
  ExpectRefused("DecodeBmp", good.substr(0, 57),
                "Input size should match (header_size + row_size * "
                "abs_height) but they differ by -1");
  ExpectRefused("DecodeBmp", good + "x", "but they differ by 1");
  ExpectRefused("DecodeBmp", Bmp(1, 1, 16, "\1\2\3\4"),
                "bits per pixel 16 must be 1, 3 or 4");
  ExpectRefused("DecodeBmp", Bmp(0, 1, 24, ""), "bad width");
  ExpectRefused("DecodeBmp", Bmp(1, 0, 24, ""), "bad width");
  ExpectRefused("DecodeBmp", Bmp(0x7fffffff, 0x7fffffff, 32, ""),
                "Input size should match");
  ExpectRefused("DecodeBmp", good,
                "`channels` must be 0, 3 or 4 for BMP, but got 1", Channels(1));
  ExpectRefused("DecodePng", good,
                "Trying to decode BMP format using a wrong op. Use "
                "`decode_bmp` or `decode_image` instead. Op used: DecodePng");
}

}  // namespace metagraph::decode_image_test
