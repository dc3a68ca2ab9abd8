#include "tests/support/op_tester.h"

namespace metagraph::logical_test {

TEST(LogicalTest, FollowsTheTruthTables) {
  OpTester both("LogicalAnd");
  both.Input<bool>({2, 1}, {false, true}).Input<bool>({2}, {false, true});
  ASSERT_OK(both.Run());
  ExpectTensorEqual<bool>(both.output(0), {2, 2}, {false, false, false, true});

  OpTester any("LogicalOr");
  any.Input<bool>({2, 1}, {false, true}).Input<bool>({2}, {false, true});
  ASSERT_OK(any.Run());
  ExpectTensorEqual<bool>(any.output(0), {2, 2}, {false, true, true, true});

  OpTester inverse("LogicalNot");
  inverse.Input<bool>({2}, {false, true}).AllowForwarding();
  ASSERT_OK(inverse.Run());
  ExpectTensorEqual<bool>(inverse.output(0), {2}, {true, false});
}

TEST(LogicalTest, RefusesShapesThatDoNotFit) {
  OpTester op("LogicalAnd");
  op.Input<bool>({2}, {true, false}).Input<bool>({3}, {true, true, true});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "Incompatible shapes: [2] vs. [3]"));
}

TEST(LogicalTest, TakesEmptyTensors) {
  OpTester op("LogicalNot");
  op.Input<bool>({0}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<bool>(op.output(0), {0}, {});
}

}  // namespace metagraph::logical_test
