#include "tests/support/op_tester.h"

namespace metagraph::add_n_test {

TEST(AddNTest, AddsAnyNumberOfTensors) {
  OpTester one("AddN");
  one.Input<float>({2}, {1, 2});
  ASSERT_OK(one.Run());
  ExpectTensorEqual<float>(one.output(0), {2}, {1, 2});

  OpTester three("AddN");
  three.Input<float>({2}, {1, 2}).Input<float>({2}, {10, 20});
  three.Input<float>({2}, {100, 200}).AllowForwarding();
  ASSERT_OK(three.Run());
  ExpectTensorEqual<float>(three.output(0), {2}, {111, 222});
}

TEST(AddNTest, AddsLongTensors) {
  const std::vector<int32_t> x(100'000, 3);
  OpTester op("AddN");
  op.Input<int32_t>({100'000}, x).Input<int32_t>({100'000}, x);
  op.Input<int32_t>({100'000}, x);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {100'000},
                             std::vector<int32_t>(100'000, 9));
}

TEST(AddNTest, RefusesOtherShapes) {
  OpTester op("AddN");
  op.Input<float>({2}, {1, 2}).Input<float>({1}, {1});
  EXPECT_THAT(op.Run(),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "must have the same size and shape.  Input 0: [2] != "
                      "input 1: [1]"));
}

TEST(AddNTest, AccumulateNV2IsTheSame) {
  OpTester op("AccumulateNV2");
  op.Attr("shape", PartialShape(TensorShape({1})));
  op.Input<half>({1}, {half(1)}).Input<half>({1}, {half(2)});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<half>(op.output(0), {1}, {half(3)});
}

TEST(AddNTest, TakesEmptyTensors) {
  OpTester op("AddN");
  op.Input<float>({0, 2}, {}).Input<float>({0, 2}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {0, 2}, {});
}

}  // namespace metagraph::add_n_test
