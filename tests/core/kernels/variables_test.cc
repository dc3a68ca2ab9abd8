#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::variables_test {

using ::absl::StatusCode;

VariableInfo MakeVariable(OpTester& op, DataType dtype,
                          const PartialShape& shape = PartialShape(),
                          const std::string& name = "v") {
  auto info = op.state().variables.FindOrCreate("", name, dtype, shape);
  EXPECT_OK(info);
  return *info;
}

void Set(OpTester& op, const VariableInfo& variable, Tensor value) {
  EXPECT_OK(op.state().variables.Publish({{variable.slot, std::move(value)}},
                                         "", -1, op.call()));
}

Tensor Get(OpTester& op, const VariableInfo& variable) {
  auto generation = op.state().variables.Read(op.call());
  EXPECT_OK(generation);
  return (*generation)->value(variable.slot);
}

Tensor Handle(const VariableInfo& variable) {
  ResourceHandle handle;
  handle.container = "localhost";
  handle.name = variable.name;
  handle.resource = std::make_shared<VariableResource>(variable);
  return Tensor::Scalar(std::move(handle));
}

TEST(VariablesTest, RefVariableOpsFindTheirVariable) {
  for (const char* name : {"VariableV2", "Variable"}) {
    OpTester op(name);
    op.Attr("dtype", DT_FLOAT).Attr("shape", PartialShape(TensorShape{2}));
    ASSERT_OK(op.Run());
    ASSERT_OK_AND_ASSIGN(VariableInfo v,
                         op.state().variables.Find("", "tested"));
    EXPECT_EQ(op.output_value(0).kind, Value::Kind::kRef);
    EXPECT_EQ(op.output_value(0).variable, v.slot);
    EXPECT_EQ(v.shape.ToString(), "[2]");
  }
}

TEST(VariablesTest, SharedNameGoesBeforeNodeName) {
  OpTester op("VarHandleOp");
  op.Attr("dtype", DT_INT32).Attr("shape", PartialShape());
  op.Attr("shared_name", "other");
  ASSERT_OK(op.Run());
  const auto& handle = op.output(0).scalar<ResourceHandle>();
  EXPECT_EQ(handle.name, "other");
  EXPECT_EQ(handle.container, "localhost");
  EXPECT_OK(op.state().variables.Find("localhost", "other"));
}

TEST(VariablesTest, RefusesANameInUseWithAnotherDtype) {
  OpTester op("VariableV2");
  MakeVariable(op, DT_INT32, PartialShape(), "tested");
  op.Attr("dtype", DT_FLOAT).Attr("shape", PartialShape());
  EXPECT_THAT(op.Run(),
              HasCode(StatusCode::kInvalidArgument, "has dtype int32"));
}

TEST(VariablesTest, AssignSetsTheValueAndReturnsTheReference) {
  OpTester op("Assign");
  const VariableInfo v =
      MakeVariable(op, DT_FLOAT, PartialShape(TensorShape{2}));
  op.RefInput(v).Input<float>({2}, {1, 2});
  ASSERT_OK(op.Run());
  EXPECT_EQ(op.output_value(0).variable, v.slot);
  ExpectTensorEqual<float>(Get(op, v), {2}, {1, 2});
}

TEST(VariablesTest, AssignChecksTheDeclaredShapeThenTheValues) {
  OpTester op("Assign");
  const VariableInfo v =
      MakeVariable(op, DT_FLOAT, PartialShape(TensorShape{2}));
  op.RefInput(v).Input<float>({3}, {1, 2, 3});
  const char* text =
      "Assign requires shapes of both tensors to match. lhs shape= [2] rhs "
      "shape= [3]";
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, text));
  EXPECT_FALSE(Get(op, v).initialized());
  Set(op, v, MakeTensor<float>({2}, {8, 9}));
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, text));
  ExpectTensorEqual<float>(Get(op, v), {2}, {8, 9});
}

TEST(VariablesTest, AssignWithoutValidationChangesTheShape) {
  OpTester op("Assign");
  const VariableInfo v =
      MakeVariable(op, DT_FLOAT, PartialShape(TensorShape{2}));
  op.Attr("validate_shape", false).RefInput(v).Input<float>({0, 3}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(Get(op, v), {0, 3}, {});
}

TEST(VariablesTest, AssignRefusesAnUninitialisedValue) {
  OpTester op("Assign");
  const VariableInfo v = MakeVariable(op, DT_FLOAT);
  const VariableInfo w = MakeVariable(op, DT_FLOAT, PartialShape(), "w");
  op.RefInput(v).RefInput(w);
  EXPECT_THAT(op.Run(),
              HasCode(StatusCode::kInternal, "Right hand side of AssignOp"));
}

TEST(VariablesTest, AssignAddAndSubLeaveOlderGenerationsAlone) {
  for (const bool add : {true, false}) {
    OpTester op(add ? "AssignAdd" : "AssignSub");
    const VariableInfo v = MakeVariable(op, DT_FLOAT);
    Set(op, v, MakeTensor<float>({2}, {10, 20}));
    const Tensor before = Get(op, v);
    op.RefInput(v).Input<float>({2}, {1, 2});
    ASSERT_OK(op.Run());
    ExpectTensorEqual<float>(before, {2}, {10, 20});
    const float sign = add ? 1 : -1;
    ExpectTensorEqual<float>(Get(op, v), {2}, {10 + sign, 20 + 2 * sign});
  }
}

TEST(VariablesTest, AssignAddWritesInPlaceWhenNobodyElseHoldsTheBuffer) {
  OpTester op("AssignAdd");
  const VariableInfo v = MakeVariable(op, DT_INT32);
  Set(op, v, MakeTensor<int32_t>({1}, {std::numeric_limits<int32_t>::max()}));
  op.RefInput(v).Input<int32_t>({1}, {1});
  // The first run copies out of the published generation, the second owns.
  ASSERT_OK(op.Run());
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(Get(op, v), {1},
                             {std::numeric_limits<int32_t>::min() + 1});
}

TEST(VariablesTest, AssignAddRefusesShapesAndUninitialisedVariables) {
  OpTester op("AssignAdd");
  const VariableInfo v = MakeVariable(op, DT_FLOAT);
  op.RefInput(v).Input<float>({3}, {1, 2, 3});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kFailedPrecondition,
                                "Attempting to use uninitialized value v"));
  Set(op, v, MakeTensor<float>({2}, {10, 20}));
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "Parameters and update must be the same size"));
}

TEST(VariablesTest, AssignAddRefusesStrings) {
  OpTester op("AssignAdd");
  op.RefInput(MakeVariable(op, DT_STRING)).Scalar<std::string>("x");
  EXPECT_THAT(
      op.Run(),
      HasCode(StatusCode::kInvalidArgument,
              "attr 'T' of string is not in the list of allowed values"));
}

TEST(VariablesTest, ResourceVariablesReadWhatWasAssigned) {
  OpTester op("AssignVariableOp");
  const VariableInfo v = MakeVariable(op, DT_FLOAT);
  op.Input(Handle(v)).Input<float>({2}, {1, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(Get(op, v), {2}, {1, 2});
}

TEST(VariablesTest, AssignVariableOpChecksDtypeAndWhenAskedShape) {
  OpTester op("AssignVariableOp");
  const VariableInfo v = MakeVariable(op, DT_FLOAT);
  op.Attr("validate_shape", true);
  op.Input(Handle(v)).Input<float>({2}, {1, 2});
  ASSERT_OK(op.Run());
  op.ClearInputs().Input(Handle(v)).Input<float>({3}, {1, 2, 3});
  EXPECT_THAT(op.Run(),
              HasCode(StatusCode::kInvalidArgument, "Expected [2] got [3]"));
  const VariableInfo w = MakeVariable(op, DT_INT32, PartialShape(), "w");
  op.ClearInputs().Input(Handle(w)).Input<float>({3}, {1, 2, 3});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "Expected int32 got float"));
}

TEST(VariablesTest, ReadVariableOpGivesTheValueOrSaysWhyNot) {
  OpTester op("ReadVariableOp");
  const VariableInfo v = MakeVariable(op, DT_FLOAT);
  op.Attr("dtype", DT_FLOAT).Input(Handle(v));
  EXPECT_THAT(
      op.Run(),
      HasCode(StatusCode::kFailedPrecondition,
              "Could not find variable v. This could mean that the variable "
              "has been deleted. In TF1, it can also mean the variable is "
              "uninitialized. Debug info: container=localhost, status error "
              "message=Container localhost does not exist. (Could not find "
              "resource: localhost/v)"));
  Set(op, v, Tensor::Scalar<float>(7));
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {}, {7});

  const VariableInfo w = MakeVariable(op, DT_INT32, PartialShape(), "w");
  op.ClearInputs().Input(Handle(w));
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kFailedPrecondition,
                                "Resource localhost/w/N10tensorflow3VarE"));
  Set(op, w, Tensor::Scalar<int32_t>(7));
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "Trying to read variable with wrong dtype. "
                                "Expected float got int32"));
}

TEST(VariablesTest, AHandleThatWasFedIsLookedUpByName) {
  OpTester op("ReadVariableOp");
  const VariableInfo v = MakeVariable(op, DT_FLOAT);
  Set(op, v, Tensor::Scalar<float>(7));
  ResourceHandle handle;
  handle.container = "localhost";
  handle.name = "v";
  op.Attr("dtype", DT_FLOAT).Input(Tensor::Scalar(handle));
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {}, {7});

  handle.name = "none";
  op.ClearInputs().Input(Tensor::Scalar(handle));
  EXPECT_EQ(op.Run().code(), StatusCode::kFailedPrecondition);
  op.ClearInputs().Input(MakeTensor<ResourceHandle>({2}, {handle, handle}));
  EXPECT_EQ(op.Run().code(), StatusCode::kInvalidArgument);
}

TEST(VariablesTest, ResourceUpdatesAddSubtractAndCheck) {
  for (const bool add : {true, false}) {
    OpTester op(add ? "AssignAddVariableOp" : "AssignSubVariableOp");
    const VariableInfo v = MakeVariable(op, DT_HALF);
    op.Input(Handle(v)).Input<half>({2}, {half(1), half(2)});
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kNotFound, "localhost/v"));
    Set(op, v, MakeTensor<half>({2}, {half(10), half(20)}));
    ASSERT_OK(op.Run());
    ExpectTensorEqual<half>(Get(op, v), {2},
                            add ? std::vector<half>{half(11), half(22)}
                                : std::vector<half>{half(9), half(18)});
    op.ClearInputs().Input(Handle(v)).Input<half>({1}, {half(1)});
    EXPECT_THAT(op.Run(),
                HasCode(StatusCode::kInvalidArgument,
                        "Cannot update variable with shape [2] using a Tensor "
                        "with shape [1], shapes must be equal."));
    const VariableInfo w = MakeVariable(op, DT_INT32, PartialShape(), "w");
    Set(op, w, MakeTensor<int32_t>({1}, {1}));
    op.ClearInputs().Input(Handle(w)).Input<half>({1}, {half(1)});
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, "wrong dtype"));
  }
}

TEST(VariablesTest, TellsWhetherAVariableIsInitialised) {
  OpTester ref("IsVariableInitialized");
  const VariableInfo v = MakeVariable(ref, DT_FLOAT);
  ref.RefInput(v);
  ASSERT_OK(ref.Run());
  ExpectTensorEqual<bool>(ref.output(0), {}, {false});
  Set(ref, v, MakeTensor<float>({0}, {}));
  ASSERT_OK(ref.Run());
  ExpectTensorEqual<bool>(ref.output(0), {}, {true});

  OpTester resource("VarIsInitializedOp");
  const VariableInfo w = MakeVariable(resource, DT_FLOAT);
  resource.Input(Handle(w));
  ASSERT_OK(resource.Run());
  ExpectTensorEqual<bool>(resource.output(0), {}, {false});
  Set(resource, w, Tensor::Scalar<float>(1));
  ASSERT_OK(resource.Run());
  ExpectTensorEqual<bool>(resource.output(0), {}, {true});
}

TEST(VariablesTest, VariableShapeGivesTheShapeOfTheValue) {
  OpTester op("VariableShape");
  const VariableInfo v = MakeVariable(op, DT_FLOAT);
  op.Attr("out_type", DT_INT64).Input(Handle(v));
  EXPECT_EQ(op.Run().code(), StatusCode::kNotFound);
  Set(op, v, MakeTensor<float>({2, 1}, {1, 2}));
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {2}, {2, 1});
}

TEST(VariablesTest, CountUpToStopsAtTheLimit) {
  OpTester op("CountUpTo");
  const VariableInfo v = MakeVariable(op, DT_INT32);
  Set(op, v, Tensor::Scalar<int32_t>(1));
  op.Attr("limit", 2).RefInput(v);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {}, {1});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kOutOfRange, "Reached limit of 2"));
  Set(op, v, MakeTensor<int32_t>({1}, {1}));
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "input is not a scalar: [1]"));
}

TEST(VariablesTest, ResourceCountUpToCounts) {
  OpTester op("ResourceCountUpTo");
  const VariableInfo v = MakeVariable(op, DT_INT64);
  Set(op, v, Tensor::Scalar<int64_t>(4));
  op.Attr("limit", 5).Attr("T", DT_INT64).Input(Handle(v));
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {}, {4});
  ExpectTensorEqual<int64_t>(Get(op, v), {}, {5});
}

TEST(VariablesTest, RefIdentityPassesTheReferenceOn) {
  OpTester op("RefIdentity");
  const VariableInfo v = MakeVariable(op, DT_FLOAT);
  op.RefInput(v);
  ASSERT_OK(op.Run());
  EXPECT_EQ(op.output_value(0).variable, v.slot);
}

TEST(VariablesTest, DestroyResourceOpEmptiesTheVariable) {
  OpTester op("DestroyResourceOp");
  const VariableInfo v = MakeVariable(op, DT_FLOAT);
  Set(op, v, Tensor::Scalar<float>(1));
  op.Attr("ignore_lookup_error", false).Input(Handle(v));
  ASSERT_OK(op.Run());
  EXPECT_FALSE(Get(op, v).initialized());
  EXPECT_EQ(op.Run().code(), StatusCode::kNotFound);
}

TEST(VariablesTest, DisableCopyOnReadWantsAVariableWithAValue) {
  OpTester op("DisableCopyOnRead");
  const VariableInfo v = MakeVariable(op, DT_FLOAT);
  op.Input(Handle(v));
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kFailedPrecondition,
                                "Could not find variable v"));
  Set(op, v, Tensor::Scalar<float>(1));
  ASSERT_OK(op.Run());
  EXPECT_TRUE(Get(op, v).initialized());
  OpTester wrong("DisableCopyOnRead");
  wrong.Input(Tensor::Scalar(ResourceHandle()));
  EXPECT_EQ(wrong.Run().code(), StatusCode::kFailedPrecondition);
}

TEST(VariablesTest, DestroyResourceOpMayIgnoreWhatIsNotThere) {
  OpTester op("DestroyResourceOp");
  ResourceHandle handle;
  handle.name = "none";
  op.Input(Tensor::Scalar(handle));
  EXPECT_OK(op.Run());
}

}  // namespace metagraph::variables_test
