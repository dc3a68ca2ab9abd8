#include "tests/support/op_tester.h"

namespace metagraph::control_flow_test {

TEST(ControlFlowTest, SwitchSetsTheSideThatThePredicateNames) {
  OpTester op("Switch");
  op.Scalar<float>(3).Scalar<bool>(true);
  ASSERT_OK(op.Run());
  EXPECT_TRUE(op.output_is_dead(0));
  ExpectTensorEqual<float>(op.output(1), {}, {3});

  op.ClearInputs().Scalar<float>(3).Scalar<bool>(false);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {}, {3});
  EXPECT_TRUE(op.output_is_dead(1));
}

TEST(ControlFlowTest, SwitchRefusesAVectorAsPredicate) {
  OpTester op("Switch");
  op.Scalar<float>(3).Input<bool>({1}, {true});
  EXPECT_THAT(
      op.Run(),
      HasCode(absl::StatusCode::kInvalidArgument,
              "The second input must be a scalar, but it has shape [1]"));
}

TEST(ControlFlowTest, RefOpsPassTheReferenceOn) {
  for (const char* name :
       {"RefSwitch", "RefEnter", "RefExit", "RefNextIteration"}) {
    OpTester op(name);
    ASSERT_OK_AND_ASSIGN(
        VariableInfo v,
        op.state().variables.FindOrCreate("", "v", DT_FLOAT, PartialShape()));
    op.Attr("frame_name", "loop").RefInput(v);
    if (std::string(name) == "RefSwitch") op.Scalar<bool>(false);
    ASSERT_OK(op.Run()) << name;
    EXPECT_EQ(op.output_value(0).kind, Value::Kind::kRef) << name;
    EXPECT_EQ(op.output_value(0).variable, v.slot) << name;
  }
}

TEST(ControlFlowTest, MergeGivesTheLiveValueAndItsIndex) {
  OpTester op("Merge");
  op.Input<std::string>({1}, {"a"});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {1}, {"a"});
  ExpectTensorEqual<int32_t>(op.output(1), {}, {0});
}

TEST(ControlFlowTest, MergeRefusesTwoLiveValues) {
  OpTester op("Merge");
  op.Scalar<float>(1).Scalar<float>(2);
  EXPECT_THAT(op.Run(),
              HasCode(absl::StatusCode::kInternal,
                      "Merge can not have more than one valid input."));
}

TEST(ControlFlowTest, RefMergeForwardsAReference) {
  OpTester op("RefMerge");
  ASSERT_OK_AND_ASSIGN(VariableInfo v, op.state().variables.FindOrCreate(
                                           "", "v", DT_FLOAT, PartialShape()));
  op.RefInput(v);
  ASSERT_OK(op.Run());
  EXPECT_EQ(op.output_value(0).variable, v.slot);
  ExpectTensorEqual<int32_t>(op.output(1), {}, {0});
}

TEST(ControlFlowTest, RefSelectTakesTheReferenceAtTheIndex) {
  OpTester op("RefSelect");
  auto& variables = op.state().variables;
  ASSERT_OK_AND_ASSIGN(VariableInfo a, variables.FindOrCreate("", "a", DT_FLOAT,
                                                              PartialShape()));
  ASSERT_OK_AND_ASSIGN(VariableInfo b, variables.FindOrCreate("", "b", DT_FLOAT,
                                                              PartialShape()));
  op.Scalar<int32_t>(1).RefInput(a).RefInput(b);
  ASSERT_OK(op.Run());
  EXPECT_EQ(op.output_value(0).variable, b.slot);

  for (const int32_t index : {-1, 2}) {
    op.ClearInputs().Scalar<int32_t>(index).RefInput(a).RefInput(b);
    EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                  "Index must be in the range [0, 2)"));
  }
  op.ClearInputs().Input<int32_t>({1}, {0}).RefInput(a).RefInput(b);
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "Index must be a scalar"));
}

TEST(ControlFlowTest, LoopOpsPassTheValueOn) {
  for (const char* name : {"Enter", "Exit", "NextIteration"}) {
    OpTester op(name);
    op.Attr("frame_name", "loop").Input<int32_t>({2}, {4, 5});
    ASSERT_OK(op.Run()) << name;
    ExpectTensorEqual<int32_t>(op.output(0), {2}, {4, 5});
  }
}

TEST(ControlFlowTest, LoopCondStopsACancelledLoop) {
  OpTester op("LoopCond");
  op.Scalar<bool>(true);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<bool>(op.output(0), {}, {true});
  op.call().Cancel();
  EXPECT_EQ(op.Run().code(), absl::StatusCode::kCancelled);
}

}  // namespace metagraph::control_flow_test
