#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::pad_test {

using absl::StatusCode;

TEST(PadTest, PutsZerosAround) {
  OpTester op("Pad");
  op.Input<float>({2, 2}, {1, 2, 3, 4});
  op.Input<int32_t>({2, 2}, {1, 0, 0, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {3, 4},
                           {0, 0, 0, 0, 1, 2, 0, 0, 3, 4, 0, 0});
}

TEST(PadTest, KeepsInnerDimensionsWhole) {
  OpTester op("Pad");
  op.Input<int8_t>({2, 1, 2}, {1, 2, 3, 4});
  op.Input<int64_t>({3, 2}, {0, 0, 1, 1, 0, 0});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int8_t>(op.output(0), {2, 3, 2},
                            {0, 0, 1, 2, 0, 0, 0, 0, 3, 4, 0, 0});
}

TEST(PadTest, PadsWithAValueAndPadsEmptyTensors) {
  OpTester op("PadV2");
  op.Input<std::string>({1}, {"a"}).Input<int32_t>({1, 2}, {1, 1});
  op.Scalar<std::string>("-");
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {3}, {"-", "a", "-"});
  OpTester empty("PadV2");
  empty.Input<float>({0}, {}).Input<int32_t>({1, 2}, {1, 1}).Scalar<float>(9);
  ASSERT_OK(empty.Run());
  ExpectTensorEqual<float>(empty.output(0), {2}, {9, 9});
  OpTester scalar("Pad");
  scalar.Scalar<float>(5).Input<int32_t>({0, 2}, {});
  ASSERT_OK(scalar.Run());
  ExpectTensorEqual<float>(scalar.output(0), {}, {5});
}

TEST(PadTest, RefusesBadPaddings) {
  OpTester negative("Pad");
  negative.Input<float>({1}, {1}).Input<int32_t>({1, 2}, {-1, 0});
  EXPECT_THAT(negative.Run(), HasCode(StatusCode::kInvalidArgument,
                                      "Paddings must be non-negative: -1 0"));
  OpTester after("Pad");
  after.Input<float>({2}, {1, 2}).Input<int32_t>({1, 2}, {0, -1});
  EXPECT_THAT(after.Run(), HasCode(StatusCode::kInvalidArgument,
                                   "Paddings must be non-negative: 0 -1"));
  OpTester rank("Pad");
  rank.Input<float>({1, 1}, {1}).Input<int32_t>({1, 2}, {0, 0});
  EXPECT_THAT(rank.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "The first dimension of paddings must be the rank of "
                      "inputs[1,2] [1,1]"));
  OpTester huge("Pad");
  const int64_t max = std::numeric_limits<int64_t>::max();
  huge.Input<float>({1}, {1}).Input<int64_t>({1, 2}, {max, max});
  EXPECT_THAT(huge.Run(), HasCode(StatusCode::kInvalidArgument, "too large"));
}

TEST(MirrorPadTest, ReflectsWithAndWithoutTheBorder) {
  OpTester reflect("MirrorPad");
  reflect.Attr("mode", "REFLECT").Input<float>({3}, {1, 2, 3});
  reflect.Input<int32_t>({1, 2}, {2, 1});
  ASSERT_OK(reflect.Run());
  ExpectTensorEqual<float>(reflect.output(0), {6}, {3, 2, 1, 2, 3, 2});
  OpTester symmetric("MirrorPad");
  symmetric.Attr("mode", "SYMMETRIC").Input<float>({2, 2}, {1, 2, 3, 4});
  symmetric.Input<int32_t>({2, 2}, {1, 0, 0, 1});
  ASSERT_OK(symmetric.Run());
  ExpectTensorEqual<float>(symmetric.output(0), {3, 3},
                           {1, 2, 2, 1, 2, 2, 3, 4, 4});
}

TEST(MirrorPadTest, RefusesMoreThanThereIs) {
  OpTester reflect("MirrorPad");
  reflect.Attr("mode", "REFLECT").Input<float>({3}, {1, 2, 3});
  reflect.Input<int32_t>({1, 2}, {3, 0});
  EXPECT_THAT(reflect.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "paddings must be less than the dimension size: 3, 0 not "
                      "less than 3"));
  OpTester symmetric("MirrorPad");
  symmetric.Attr("mode", "SYMMETRIC").Input<float>({3}, {1, 2, 3});
  symmetric.Input<int32_t>({1, 2}, {4, 0});
  EXPECT_THAT(symmetric.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "paddings must be no greater than the dimension size: 4, "
                      "0 greater than 3"));
  OpTester mode("MirrorPad");
  mode.Attr("mode", "WRAP").Input<float>({1}, {1});
  mode.Input<int32_t>({1, 2}, {0, 0});
  EXPECT_THAT(mode.Run(), HasCode(StatusCode::kInvalidArgument, "mode"));
}

TEST(MirrorPadGradTest, AddsUpWhatMirrorsAnElement) {
  OpTester op("MirrorPadGrad");
  op.Attr("mode", "REFLECT").Input<float>({6}, {1, 2, 4, 8, 16, 32});
  op.Input<int32_t>({1, 2}, {2, 1});
  ASSERT_OK(op.Run());
  // 3 2 1 2 3 2: element 1 stands at 2; 2 at 1, 3, 5; 3 at 0, 4.
  ExpectTensorEqual<float>(op.output(0), {3}, {4, 2 + 8 + 32, 1 + 16});
}

TEST(MirrorPadGradTest, AddsOneDimensionAfterTheOther) {
  // Down first, rounded after each sum: 2048 + 4 + 6; row by row it is less.
  OpTester op("MirrorPadGrad");
  op.Attr("mode", "SYMMETRIC");
  op.Input<half>({3, 3}, {half(2048), half(1), half(1), half(1), half(2),
                          half(1), half(1), half(1), half(4)});
  op.Input<int32_t>({2, 2}, {1, 1, 1, 1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<half>(op.output(0), {1, 1}, {half(2058)});
}

TEST(MirrorPadGradTest, RefusesPaddingsLargerThanTheInput) {
  OpTester op("MirrorPadGrad");
  op.Attr("mode", "REFLECT").Input<float>({2}, {1, 2});
  op.Input<int64_t>({1, 2}, {std::numeric_limits<int64_t>::max(), 1});
  EXPECT_THAT(op.Run(),
              HasCode(StatusCode::kInvalidArgument, "Total paddings"));
}

TEST(MirrorPadTest, ReflectsNothingOfNothing) {
  const auto run = [](const char* op, const char* mode) {
    OpTester tester(op);
    tester.Attr("mode", mode).Input<float>({4, 0}, {});
    tester.Input<int32_t>({2, 2}, {1, 1, 0, 0});
    return tester.Run();
  };
  EXPECT_THAT(run("MirrorPad", "REFLECT"),
              HasCode(StatusCode::kInvalidArgument,
                      "paddings must be less than the dimension size: 0, 0 not "
                      "less than 0"));
  EXPECT_OK(run("MirrorPad", "SYMMETRIC"));
  for (const char* mode : {"REFLECT", "SYMMETRIC"}) {
    EXPECT_THAT(run("MirrorPadGrad", mode),
                HasCode(StatusCode::kInvalidArgument,
                        "Total paddings must be less than the input dimension "
                        "size: 0 was not less than 0"));
  }
}

TEST(MirrorPadGradTest, RefusesPaddingsLargerThanTheOutput) {
  const auto run = [](const char* mode) {
    OpTester op("MirrorPadGrad");
    op.Attr("mode", mode).Input<uint32_t>({4}, {1, 2, 3, 4});
    op.Input<int32_t>({1, 2}, {2, 1});
    return op.Run();
  };
  EXPECT_THAT(run("REFLECT"),
              HasCode(StatusCode::kInvalidArgument,
                      "paddings must be less than the output dimension size: "
                      "2, 1 not less than 1"));
  EXPECT_THAT(run("SYMMETRIC"),
              HasCode(StatusCode::kInvalidArgument,
                      "paddings must be no greater than the output dimension "
                      "size: 2, 1 greater than 1"));
}

}  // namespace metagraph::pad_test
