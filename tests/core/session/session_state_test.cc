#include "tests/core/session/session_fixture.h"

namespace metagraph {
namespace {

using absl::StatusCode;

class SessionStateTest : public SessionTest {
 protected:
  void SetUp() override {
    TestGraph g;
    g.Variable("v", F(10));
    g.Const("one", F(1));
    g.Node("bump", "AssignAdd", {"v", "one"}, {{"T", DT_FLOAT}});
    g.Node("after", "Identity", {"v/read", "^bump"}, {{"T", DT_FLOAT}});
    g.Node("init", "NoOp", {"^v/Assign"});
    Open(g);
  }
};

TEST_F(SessionStateTest, ReadingBeforeInitIsTensorFlowsError) {
  EXPECT_THAT(Run({}, {"v/read:0"}),
              HasCode(StatusCode::kFailedPrecondition,
                      "Attempting to use uninitialized value v\n\t "
                      "[[{{node v/read}}]]"));
  EXPECT_THAT(Run({}, {"v:0"}),
              HasCode(StatusCode::kFailedPrecondition,
                      "Attempting to use uninitialized value v\n\t "
                      "[[{{node _send_v_0}}]]"));
  EXPECT_OK(Run({}, {}, {"v"})) << "the variable's op alone may run";
}

TEST_F(SessionStateTest, StateOutlivesRuns) {
  ASSERT_OK(Run({}, {}, {"init"}));
  EXPECT_EQ(RunScalar({}, "v/read:0"), 10);
  ASSERT_OK(Run({}, {}, {"bump"}));
  EXPECT_EQ(RunScalar({}, "bump:0"), 12) << "the step sees its own write";
  EXPECT_EQ(RunScalar({}, "v:0"), 12) << "a variable can be fetched itself";
}

TEST_F(SessionStateTest, AnsweredValuesDoNotChangeLater) {
  ASSERT_OK(Run({}, {}, {"init"}));
  ASSERT_OK_AND_ASSIGN(auto before, Run({}, {"v/read:0"}));
  ASSERT_OK(Run({}, {}, {"bump"}));
  EXPECT_EQ(before.outputs[0].scalar<float>(), 10);
}

TEST_F(SessionStateTest, ControlEdgesOrderReadsAfterWrites) {
  TestGraph g;
  g.Variable("v", F(10));
  g.Const("one", F(1));
  g.Node("bump", "AssignAdd", {"v", "one"}, {{"T", DT_FLOAT}});
  g.Node("after", "Identity", {"v", "^bump"}, {{"T", DT_FLOAT}});
  Open(g);
  ASSERT_OK(Run({}, {}, {"v/Assign"}));
  EXPECT_EQ(RunScalar({}, "after:0"), 11);
  EXPECT_EQ(RunScalar({}, "after:0"), 12);
}

// Moving averages that are updated after a training step rely on it.
TEST_F(SessionStateTest, ReferencesShowWhatTheStepWritesLater) {
  TestGraph g;
  g.Variable("v", F(10));
  g.Const("one", F(1));
  g.Node("bump", "AssignAdd", {"v", "one", "^v/read"}, {{"T", DT_FLOAT}});
  g.Node("after", "Identity", {"v/read", "^bump"}, {{"T", DT_FLOAT}});
  Open(g);
  ASSERT_OK(Run({}, {}, {"v/Assign"}));
  EXPECT_EQ(RunScalar({}, "after:0"), 11);
}

TEST_F(SessionStateTest, AnAssignedValueIsNoReference) {
  TestGraph g;
  g.Variable("v", F(10));
  g.Variable("backup", F(0));
  g.Const("one", F(1));
  g.Node("keep", "Assign", {"backup", "v/read"}, {{"T", DT_FLOAT}});
  g.Node("bump", "AssignAdd", {"v", "one", "^keep"}, {{"T", DT_FLOAT}});
  g.Node("after", "Identity", {"backup", "^bump"}, {{"T", DT_FLOAT}});
  g.Node("handle", "VarHandleOp", {},
         {{"dtype", DT_FLOAT}, {"shape", PartialShape(TensorShape())}});
  g.Node("keep_resource", "AssignVariableOp", {"handle", "v/read"},
         {{"dtype", DT_FLOAT}});
  g.Node("bump_later", "AssignAdd", {"v", "one", "^keep_resource"},
         {{"T", DT_FLOAT}});
  g.Node("resource_after", "ReadVariableOp", {"handle", "^bump_later"},
         {{"dtype", DT_FLOAT}});
  Open(g);
  ASSERT_OK(Run({}, {}, {"v/Assign"}));
  EXPECT_EQ(RunScalar({}, "after:0"), 10);
  EXPECT_EQ(RunScalar({}, "backup:0"), 10);
  EXPECT_EQ(RunScalar({}, "resource_after:0"), 11);
  EXPECT_EQ(RunScalar({}, "v:0"), 12);
}

TEST_F(SessionStateTest, ReadsCanBePinnedToAGeneration) {
  ASSERT_OK(Run({}, {}, {"init"}));
  CallContext call;
  ASSERT_OK_AND_ASSIGN(auto pinned, session_->variables().Read(call));
  ASSERT_OK(Run({}, {}, {"bump"}));
  RunRequest request;
  request.fetches = {"v/read:0"};
  request.generation = pinned;
  ASSERT_OK_AND_ASSIGN(auto result, session_->Run(request, call));
  EXPECT_EQ(result.outputs[0].scalar<float>(), 10);
  EXPECT_EQ(result.generation, pinned);
  request.fetches = {"bump:0"};
  EXPECT_THAT(session_->Run(request, call),
              HasCode(StatusCode::kInvalidArgument, "pinned"));
}

TEST_F(SessionStateTest, AFedReferenceIsNoReference) {
  ASSERT_OK(Run({}, {}, {"init"}));
  EXPECT_EQ(RunScalar({{"v:0", F(5)}}, "v/read:0"), 5);
  EXPECT_THAT(
      Run({{"v:0", F(5)}}, {"bump:0"}),
      HasCode(StatusCode::kInvalidArgument, "0-th input expects a ref type"));
}

TEST_F(SessionStateTest, DeclaresVariablesBeforeAnythingRan) {
  EXPECT_EQ(session_->variables().List().size(), 0u);
  ASSERT_OK(session_->DeclareVariables());
  ASSERT_EQ(session_->variables().List().size(), 1u);
  EXPECT_EQ(session_->variables().List()[0].name, "v");
}

TEST_F(SessionStateTest, FailedStepsKeepWhatTheyWrote) {
  TestGraph g;
  g.Variable("v", F(1));
  g.Const("two", MakeTensor<float>({2}, {1, 2}));
  g.Placeholder("x", DT_FLOAT);
  g.Node("bad", "Add", {"two", "x", "^v/Assign"}, {{"T", DT_FLOAT}});
  Open(g);
  EXPECT_THAT(Run({{"x:0", MakeTensor<float>({3}, {1, 2, 3})}}, {"bad:0"}),
              HasCode(StatusCode::kInvalidArgument, "Incompatible shapes"));
  EXPECT_EQ(RunScalar({}, "v/read:0"), 1);
}

TEST_F(SessionStateTest, WhatCannotFitIsRefusedBeforeAnythingIsWritten) {
  TestGraph g;
  g.Variable("v", F(1));
  g.Const("two", MakeTensor<float>({2}, {1, 2}));
  g.Const("three", MakeTensor<float>({3}, {1, 2, 3}));
  g.Node("bad", "Add", {"two", "three", "^v/Assign"}, {{"T", DT_FLOAT}});
  Open(g);
  EXPECT_THAT(Run({}, {"bad:0"}),
              HasCode(StatusCode::kInvalidArgument,
                      "Dimensions must be equal, but are 2 and 3 for 'bad' "
                      "(op: 'Add') with input shapes: [2], [3]."));
  EXPECT_THAT(Run({}, {"v/read:0"}),
              HasCode(StatusCode::kFailedPrecondition, "uninitialized value"));
  // A feed changes the shape.
  EXPECT_OK(Run({{"three:0", MakeTensor<float>({2}, {1, 2})}}, {"bad:0"}));
}

// RefSwitch may pass on a variable without a value, but not decide by one.
TEST_F(SessionStateTest, AnOpThatAllowsItGetsNoValueThatIsNotThere) {
  TestGraph g;
  g.Variable("v", F(1));
  g.Node("pred", "VariableV2", {},
         {{"dtype", DT_BOOL}, {"shape", PartialShape(TensorShape())}});
  g.Node("switch", "RefSwitch", {"v", "pred"}, {{"T", DT_FLOAT}});
  g.Node("w", "VariableV2", {},
         {{"dtype", DT_FLOAT}, {"shape", PartialShape(TensorShape())}});
  g.Node("assign", "Assign", {"v", "w"}, {{"T", DT_FLOAT}});
  Open(g);
  EXPECT_THAT(Run({}, {}, {"switch"}),
              HasCode(StatusCode::kFailedPrecondition,
                      "Attempting to use uninitialized value pred"));
  EXPECT_THAT(Run({}, {}, {"assign"}),
              HasCode(StatusCode::kFailedPrecondition,
                      "Attempting to use uninitialized value w"));
}

}  // namespace
}  // namespace metagraph
