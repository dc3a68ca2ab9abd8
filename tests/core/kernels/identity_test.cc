#include "tests/support/op_tester.h"

namespace metagraph::identity_test {

using absl::StatusCode;

TEST(IdentityTest, SharesItsInput) {
  for (const char* name :
       {"Identity", "Snapshot", "StopGradient", "PreventGradient"}) {
    OpTester op(name);
    const Tensor input = MakeTensor<float>({2}, {1, 2});
    op.Input(input);
    ASSERT_OK(op.Run());
    ExpectTensorEqual<float>(op.output(0), {2}, {1, 2});
    EXPECT_TRUE(op.output(0).SharesBufferWith(input)) << name;
  }
}

TEST(IdentityTest, TakesStringsAndNone) {
  OpTester op("Identity");
  op.Input<std::string>({1}, {"a"});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {1}, {"a"});
}

TEST(IdentityTest, IdentityNHandsOnEach) {
  OpTester op("IdentityN");
  op.Input<float>({1}, {1}).Input<std::string>({1}, {"b"});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1}, {1});
  ExpectTensorEqual<std::string>(op.output(1), {1}, {"b"});
}

TEST(IdentityTest, PlaceholderWithDefaultGivesTheDefault) {
  OpTester op("PlaceholderWithDefault");
  op.Attr("shape", PartialShape()).Input<int32_t>({1}, {4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {1}, {4});
}

TEST(IdentityTest, NoOpAndControlTriggerDoNothing) {
  for (const char* name : {"NoOp", "ControlTrigger"}) {
    OpTester op(name);
    ASSERT_OK(op.Run());
    EXPECT_EQ(op.num_outputs(), 0);
  }
}

TEST(DeepCopyTest, HasABufferOfItsOwn) {
  for (const char* name : {"DeepCopy", "Copy", "CopyHost"}) {
    OpTester op(name);
    const Tensor input = MakeTensor<float>({2}, {1, 2});
    op.Input(input);
    ASSERT_OK(op.Run());
    ExpectTensorEqual<float>(op.output(0), {2}, {1, 2});
    EXPECT_FALSE(op.output(0).SharesBufferWith(input)) << name;
  }
}

TEST(GuaranteeConstTest, HandsItsInputOn) {
  OpTester op("GuaranteeConst");
  op.Input<float>({2}, {1, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2}, {1, 2});
}

TEST(EnsureShapeTest, ChecksTheShape) {
  OpTester good("EnsureShape");
  good.Attr("shape", PartialShape({-1, 2})).Input<float>({1, 2}, {1, 2});
  ASSERT_OK(good.Run());
  ExpectTensorEqual<float>(good.output(0), {1, 2}, {1, 2});
  OpTester bad("EnsureShape");
  bad.Attr("shape", PartialShape({-1, 3})).Input<float>({1, 2}, {1, 2});
  EXPECT_THAT(bad.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "is not compatible with expected shape [?,3]."));
}

}  // namespace metagraph::identity_test
