// Decoders of images, from any bytes: the first says which op, the others are
// what it gets.

#include <cstdint>
#include <iterator>
#include <string>

#include "core/tensor/buffer.h"
#include "tests/support/op_tester.h"

namespace metagraph {
namespace {

// Made once: a registry takes longer than most inputs.
struct Decoders {
  OpTester any{"DecodeImage"};
  OpTester floats{"DecodeImage"};
  OpTester png{"DecodePng"};
  OpTester wide{"DecodePng"};
  OpTester gif{"DecodeGif"};
  OpTester bmp{"DecodeBmp"};
  OpTester jpeg{"DecodeJpeg"};
  OpTester crop{"DecodeAndCropJpeg"};
  OpTester head{"ExtractJpegShape"};

  Decoders() {
    floats.Attr("dtype", DT_FLOAT).Attr("expand_animations", false);
    png.Attr("channels", 4);
    wide.Attr("dtype", DT_UINT16).Attr("channels", 3);
    bmp.Attr("channels", 3);
    jpeg.Attr("ratio", 2).Attr("try_recover_truncated", true);
    jpeg.Attr("acceptable_fraction", 0.1f);
  }

  // What comes out is not looked at: any status will do.
  void Run(uint8_t which, const std::string& bytes) {
    OpTester* const ops[] = {&any, &floats, &png,  &wide, &gif,
                             &bmp, &jpeg,   &crop, &head};
    OpTester& op = *ops[which % std::size(ops)];
    op.ClearInputs().Scalar<std::string>(bytes);
    if (&op == &crop) op.Input<int32_t>({4}, {1, 2, 3, 4});
    (void)op.Run();
  }
};

}  // namespace
}  // namespace metagraph

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  metagraph::MemoryBudget::Process().set_limit(int64_t{64} << 20);
  static auto& decoders = *new metagraph::Decoders();
  if (size == 0) return 0;
  decoders.Run(data[0], std::string(data + 1, data + size));
  return 0;
}
