#include "tests/support/op_tester.h"

namespace metagraph::constant_test {

using absl::StatusCode;

TEST(ConstTest, GivesItsValue) {
  OpTester op("Const");
  op.Attr("dtype", DT_INT32).Attr("value", Tensor::Vector<int32_t>({1, 2}));
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {2}, {1, 2});
}

TEST(ConstTest, RefusesAValueOfAnotherDtype) {
  OpTester op("Const");
  op.Attr("dtype", DT_FLOAT).Attr("value", Tensor::Vector<int32_t>({1, 2}));
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, "dtype"));
}

TEST(PlaceholderTest, AsksToBeFed) {
  OpTester op("Placeholder");
  op.Attr("dtype", DT_FLOAT).Attr("shape", PartialShape({-1, 2}));
  EXPECT_THAT(
      op.Run(),
      HasCode(StatusCode::kInvalidArgument,
              "You must feed a value for placeholder tensor 'tested' with "
              "dtype float and shape [?,2]"));
}

TEST(PlaceholderTest, NamesNoShapeThatItDoesNotKnow) {
  for (const char* name : {"Placeholder", "PlaceholderV2"}) {
    OpTester op(name);
    op.Attr("dtype", DT_STRING).Attr("shape", PartialShape());
    const absl::Status status = op.Run();
    EXPECT_THAT(status, HasCode(StatusCode::kInvalidArgument, "string"));
    EXPECT_EQ(status.message().find("shape"), std::string::npos);
  }
}

TEST(FillTest, RepeatsTheValue) {
  OpTester op("Fill");
  op.Input<int32_t>({2}, {2, 3}).Scalar<float>(7);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 3}, {7, 7, 7, 7, 7, 7});
}

TEST(FillTest, FillsStringsAndEmptyShapes) {
  OpTester op("Fill");
  op.Input<int64_t>({1}, {2}).Scalar<std::string>("x");
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {2}, {"x", "x"});
  OpTester empty("Fill");
  empty.Input<int32_t>({2}, {0, 3}).Scalar<double>(7);
  ASSERT_OK(empty.Run());
  ExpectTensorEqual<double>(empty.output(0), {0, 3}, {});
}

TEST(FillTest, RefusesHostileShapes) {
  OpTester negative("Fill");
  negative.Input<int32_t>({1}, {-1}).Scalar<float>(7);
  EXPECT_THAT(negative.Run(), HasCode(StatusCode::kInvalidArgument,
                                      "Dimension -1 must be >= 0"));
  OpTester overflow("Fill");
  overflow.Input<int64_t>({2}, {int64_t{1} << 40, int64_t{1} << 40})
      .Scalar<float>(7);
  EXPECT_THAT(overflow.Run(), HasCode(StatusCode::kInvalidArgument, "shape"));
  OpTester huge("Fill");
  huge.Input<int64_t>({1}, {int64_t{1} << 60}).Scalar<uint8_t>(7);
  EXPECT_FALSE(huge.Run().ok());
  OpTester vector("Fill");
  vector.Input<int32_t>({1}, {3}).Input<float>({2}, {1, 2});
  EXPECT_THAT(vector.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "value must represent a scalar, got shape [2]"));
}

TEST(EmptyTest, IsZeroed) {
  OpTester op("Empty");
  op.Attr("dtype", DT_FLOAT).Input<int32_t>({1}, {3});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {3}, {0, 0, 0});
}

TEST(ZerosLikeTest, KeepsShapeAndDtype) {
  OpTester op("ZerosLike");
  op.Input<double>({2}, {1, 2}).AllowForwarding();
  ASSERT_OK(op.Run());
  ExpectTensorEqual<double>(op.output(0), {2}, {0, 0});
  OpTester text("ZerosLike");
  text.Input<std::string>({1}, {"x"});
  ASSERT_OK(text.Run());
  ExpectTensorEqual<std::string>(text.output(0), {1}, {""});
}

TEST(OnesLikeTest, KnowsOneInEveryDtype) {
  OpTester op("OnesLike");
  op.Input<half>({2}, {half(3), half(4)});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<half>(op.output(0), {2}, {half(1), half(1)});
  OpTester flag("OnesLike");
  flag.Input<bool>({1}, {false});
  ASSERT_OK(flag.Run());
  ExpectTensorEqual<bool>(flag.output(0), {1}, {true});
}

}  // namespace metagraph::constant_test
