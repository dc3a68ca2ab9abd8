// Functions, and the ops that call them, through a session.

#include <thread>

#include "google/protobuf/text_format.h"
#include "tests/core/session/session_fixture.h"

namespace metagraph {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

// (x: float, …) -> float functions by the ops of their bodies.
constexpr char kFunctions[] = R"(
  function {
    signature {
      name: "negate"
      input_arg { name: "x" type: DT_FLOAT }
      output_arg { name: "y" type: DT_FLOAT }
    }
    node_def {
      name: "neg" op: "Neg" input: "x"
      attr { key: "T" value { type: DT_FLOAT } }
    }
    ret { key: "y" value: "neg:y:0" }
  }
  function {
    signature {
      name: "square"
      input_arg { name: "x" type: DT_FLOAT }
      output_arg { name: "y" type: DT_FLOAT }
    }
    node_def {
      name: "square" op: "Mul" input: "x" input: "x"
      attr { key: "T" value { type: DT_FLOAT } }
    }
    ret { key: "y" value: "square:z:0" }
  }
  function {
    signature {
      name: "below_100"
      input_arg { name: "x" type: DT_FLOAT }
      output_arg { name: "y" type: DT_BOOL }
    }
    node_def {
      name: "limit" op: "Const"
      attr { key: "dtype" value { type: DT_FLOAT } }
      attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { } float_val: 100 } } }
    }
    node_def {
      name: "less" op: "Less" input: "x" input: "limit:output:0"
      attr { key: "T" value { type: DT_FLOAT } }
    }
    ret { key: "y" value: "less:z:0" }
  }
  function {
    signature {
      name: "always"
      input_arg { name: "x" type: DT_FLOAT }
      output_arg { name: "y" type: DT_BOOL }
    }
    node_def {
      name: "true" op: "Const"
      attr { key: "dtype" value { type: DT_BOOL } }
      attr { key: "value" value { tensor { dtype: DT_BOOL tensor_shape { } bool_val: true } } }
    }
    ret { key: "y" value: "true:output:0" }
  }
  function {
    signature {
      name: "add_number"
      input_arg { name: "i" type: DT_INT32 }
      input_arg { name: "x" type: DT_FLOAT }
      output_arg { name: "y" type: DT_FLOAT }
    }
    node_def {
      name: "cast" op: "Cast" input: "i"
      attr { key: "SrcT" value { type: DT_INT32 } }
      attr { key: "DstT" value { type: DT_FLOAT } }
    }
    node_def {
      name: "add" op: "Add" input: "x" input: "cast:y:0"
      attr { key: "T" value { type: DT_FLOAT } }
    }
    ret { key: "y" value: "add:z:0" }
  }
  function {
    signature {
      name: "increment" is_stateful: true
      input_arg { name: "v" type: DT_RESOURCE }
      input_arg { name: "by" type: DT_FLOAT }
    }
    node_def {
      name: "assign" op: "AssignAddVariableOp" input: "v" input: "by"
      attr { key: "dtype" value { type: DT_FLOAT } }
    }
  }
  function {
    signature {
      name: "increment_deep" is_stateful: true
      input_arg { name: "v" type: DT_RESOURCE }
      input_arg { name: "by" type: DT_FLOAT }
      output_arg { name: "value" type: DT_FLOAT }
    }
    node_def { name: "inner" op: "increment" input: "v" input: "by" }
    node_def {
      name: "read" op: "ReadVariableOp" input: "v" input: "^inner"
      attr { key: "dtype" value { type: DT_FLOAT } }
    }
    ret { key: "value" value: "read:value:0" }
  }
  function {
    signature {
      name: "draw" is_stateful: true
      input_arg { name: "x" type: DT_FLOAT }
      output_arg { name: "y" type: DT_FLOAT }
    }
    node_def {
      name: "shape" op: "Const"
      attr { key: "dtype" value { type: DT_INT32 } }
      attr { key: "value" value { tensor { dtype: DT_INT32 tensor_shape { dim { } } } } }
    }
    node_def {
      name: "random" op: "RandomUniform" input: "shape:output:0"
      attr { key: "T" value { type: DT_INT32 } }
      attr { key: "dtype" value { type: DT_FLOAT } }
      attr { key: "seed" value { i: 7 } }
    }
    ret { key: "y" value: "random:output:0" }
  }
  function {
    signature {
      name: "endless" is_stateful: true
      input_arg { name: "x" type: DT_FLOAT }
      output_arg { name: "y" type: DT_FLOAT }
    }
    node_def { name: "again" op: "endless" input: "x" }
    ret { key: "y" value: "again:y:0" }
  }
  # x < 100 ? grow(x * x) : x
  function {
    signature {
      name: "grow"
      input_arg { name: "x" type: DT_FLOAT }
      output_arg { name: "y" type: DT_FLOAT }
    }
    node_def { name: "less" op: "below_100" input: "x" }
    node_def {
      name: "if" op: "StatelessIf" input: "less:y:0" input: "x"
      attr { key: "Tcond" value { type: DT_BOOL } }
      attr { key: "Tin" value { list { type: DT_FLOAT } } }
      attr { key: "Tout" value { list { type: DT_FLOAT } } }
      attr { key: "then_branch" value { func { name: "grow_square" } } }
      attr { key: "else_branch" value { func { name: "same" } } }
    }
    ret { key: "y" value: "if:output:0" }
  }
  function {
    signature {
      name: "grow_square"
      input_arg { name: "x" type: DT_FLOAT }
      output_arg { name: "y" type: DT_FLOAT }
    }
    node_def { name: "square" op: "square" input: "x" }
    node_def { name: "grow" op: "grow" input: "square:y:0" }
    ret { key: "y" value: "grow:y:0" }
  }
  function {
    signature {
      name: "same"
      input_arg { name: "x" type: DT_FLOAT }
      output_arg { name: "y" type: DT_FLOAT }
    }
    ret { key: "y" value: "x" }
  }
)";

class FunctionsTest : public SessionTest,
                      public testing::WithParamInterface<CompileLevel> {
 protected:
  FunctionsTest() {
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
        kFunctions, g_.def().mutable_library()));
    g_.Placeholder("x", DT_FLOAT).Placeholder("p", DT_BOOL);
  }

  // A node with function attributes, given as "attr: function".
  void Add(const std::string& name, const std::string& op,
           const std::vector<std::string>& inputs,
           const TestGraph::Attrs& attrs,
           const std::vector<std::pair<std::string, std::string>>& functions) {
    g_.Node(name, op, inputs, attrs);
    auto& added = *g_.def().mutable_node()->rbegin()->mutable_attr();
    for (const auto& [key, function] : functions) {
      added[key].mutable_func()->set_name(function);
    }
  }
  void OpenAt(CompileLevel level) {
    Session::Options options;
    options.ops = &AllOps();
    options.compute_pool = &pool_;
    options.compile = level;
    session_ = std::make_unique<Session>(g_.Build(), options);
  }
  void OpenIt() { OpenAt(GetParam()); }

  TestGraph g_;
};

INSTANTIATE_TEST_SUITE_P(Levels, FunctionsTest,
                         testing::Values(CompileLevel::kOff,
                                         CompileLevel::kFull));

const std::vector<DataType> kFloat = {DT_FLOAT};
using B = std::vector<std::pair<std::string, std::string>>;

TEST_P(FunctionsTest, CallsByNameAndByAttribute) {
  g_.Node("a", "square", {"x"});
  Add("b", "PartitionedCall", {"a"}, {{"Tin", kFloat}, {"Tout", kFloat}},
      {{"f", "negate"}});
  Add("c", "RemoteCall", {"device", "b"}, {{"Tin", kFloat}, {"Tout", kFloat}},
      {{"f", "square"}});
  g_.Const("device", Tensor::Scalar<std::string>("/job:other"));
  OpenIt();
  EXPECT_EQ(RunScalar({{"x:0", F(3)}}, "b"), -9);
  EXPECT_EQ(RunScalar({{"x:0", F(3)}}, "c"), 81);
}

TEST_P(FunctionsTest, IfTakesOneBranch) {
  Add("y", "If", {"p", "x"},
      {{"Tcond", DT_BOOL}, {"Tin", kFloat}, {"Tout", kFloat}},
      {{"then_branch", "square"}, {"else_branch", "negate"}});
  Add("z", "StatelessIf", {"x", "x"},
      {{"Tcond", DT_FLOAT}, {"Tin", kFloat}, {"Tout", kFloat}},
      {{"then_branch", "square"}, {"else_branch", "negate"}});
  OpenIt();
  EXPECT_EQ(RunScalar({{"x:0", F(3)}, {"p:0", Tensor::Scalar(true)}}, "y"), 9);
  EXPECT_EQ(RunScalar({{"x:0", F(3)}, {"p:0", Tensor::Scalar(false)}}, "y"),
            -3);
  EXPECT_EQ(RunScalar({{"x:0", F(3)}}, "z"), 9);
  EXPECT_EQ(RunScalar({{"x:0", F(0)}}, "z"), 0);
  // No scalar: whether it has elements.
  ASSERT_OK_AND_ASSIGN(
      const RunResult empty,
      Run({{"x:0", F(3)}, {"p:0", MakeTensor<bool>({0}, {})}}, {"y"}));
  EXPECT_EQ(empty.outputs[0].scalar<float>(), -3);
}

TEST_P(FunctionsTest, WhatIsExpandedIntoSwitchesWantsAScalar) {
  Add("y", "If", {"p", "x"},
      {{"Tcond", DT_BOOL},
       {"Tin", kFloat},
       {"Tout", kFloat},
       {"_lower_using_switch_merge", true}},
      {{"then_branch", "square"}, {"else_branch", "negate"}});
  OpenIt();
  EXPECT_EQ(RunScalar({{"x:0", F(3)}, {"p:0", Tensor::Scalar(true)}}, "y"), 9);
  EXPECT_THAT(
      Run({{"x:0", F(3)}, {"p:0", MakeTensor<bool>({2}, {true, true})}}, {"y"}),
      HasCode(StatusCode::kInvalidArgument,
              "The second input must be a scalar, but it has shape [2]"));
}

TEST_P(FunctionsTest, CaseOutOfRangeIsTheLast) {
  g_.Placeholder("i", DT_INT32);
  Add("y", "Case", {"i", "x"}, {{"Tin", kFloat}, {"Tout", kFloat}}, {});
  auto* branches =
      (*g_.def().mutable_node()->rbegin()->mutable_attr())["branches"]
          .mutable_list();
  branches->add_func()->set_name("negate");
  branches->add_func()->set_name("square");
  *g_.def().add_node() = g_.def().node(g_.def().node_size() - 1);
  g_.def().mutable_node()->rbegin()->set_name("z");
  g_.def().mutable_node()->rbegin()->set_op("StatelessCase");
  OpenIt();
  EXPECT_EQ(
      RunScalar({{"x:0", F(3)}, {"i:0", Tensor::Scalar<int32_t>(1)}}, "z"), 9);
  const auto with = [&](int32_t i) {
    return RunScalar({{"x:0", F(3)}, {"i:0", Tensor::Scalar<int32_t>(i)}}, "y");
  };
  EXPECT_EQ(with(0), -3);
  EXPECT_EQ(with(1), 9);
  EXPECT_EQ(with(2), 9);
  EXPECT_EQ(with(-1), 9);
}

TEST_P(FunctionsTest, WhileRunsUntilItsConditionFails) {
  Add("y", "While", {"x"}, {{"T", kFloat}},
      {{"cond", "below_100"}, {"body", "square"}});
  Add("z", "StatelessWhile", {"y"}, {{"T", kFloat}},
      {{"cond", "below_100"}, {"body", "square"}});
  OpenIt();
  EXPECT_EQ(RunScalar({{"x:0", F(3)}}, "y"), 6561);
  EXPECT_EQ(RunScalar({{"x:0", F(200)}}, "z"), 200) << "not once";
}

TEST_P(FunctionsTest, AWhileDoesNotTouchWhatItWasGiven) {
  Add("y", "While", {"x"}, {{"T", kFloat}},
      {{"cond", "below_100"}, {"body", "square"}});
  g_.Node("both", "Add", {"x", "y"}, {{"T", DT_FLOAT}});
  OpenIt();
  const Tensor x = F(3);
  ASSERT_OK_AND_ASSIGN(const RunResult result, Run({{"x:0", x}}, {"both"}));
  EXPECT_EQ(result.outputs[0].scalar<float>(), 6564);
  EXPECT_EQ(x.scalar<float>(), 3);
}

TEST_P(FunctionsTest, ForCounts) {
  g_.Const("start", Tensor::Scalar<int32_t>(5));
  g_.Const("limit", Tensor::Scalar<int32_t>(1));
  g_.Const("delta", Tensor::Scalar<int32_t>(-2));
  Add("y", "For", {"start", "limit", "delta", "x"}, {{"T", kFloat}},
      {{"body", "add_number"}});
  Add("bad", "For", {"limit", "start", "delta", "x"}, {{"T", kFloat}},
      {{"body", "add_number"}});
  OpenIt();
  EXPECT_EQ(RunScalar({{"x:0", F(1)}}, "y"), 1 + 5 + 3);
  EXPECT_THAT(Run({{"x:0", F(1)}}, {"bad"}),
              HasCode(StatusCode::kInvalidArgument, "start/limit/delta"));
}

TEST_P(FunctionsTest, MapDefunStacksWhatItsCallsReturn) {
  g_.Node("y", "MapDefun", {"x"},
          {{"Targuments", kFloat}, {"output_types", kFloat}});
  auto& attrs = *g_.def().mutable_node()->rbegin()->mutable_attr();
  attrs["Tcaptured"].mutable_list();
  attrs["f"].mutable_func()->set_name("square");
  attrs["output_shapes"].mutable_list()->add_shape()->set_unknown_rank(true);
  OpenIt();
  ASSERT_OK_AND_ASSIGN(
      const RunResult result,
      Run({{"x:0", MakeTensor<float>({2, 2}, {1, 2, 3, 4})}}, {"y"}));
  ExpectTensorEqual(result.outputs[0], {2, 2}, std::vector<float>{1, 4, 9, 16});
  EXPECT_THAT(Run({{"x:0", F(1)}}, {"y"}),
              HasCode(StatusCode::kInvalidArgument, "at least rank 1"));
}

TEST_P(FunctionsTest, ACallThatAssignsDeepInsideIsAWritingStep) {
  g_.Node("v", "VarHandleOp", {},
          {{"dtype", DT_FLOAT},
           {"shape", PartialShape(TensorShape())},
           {"shared_name", "v"}});
  g_.Node("init", "AssignVariableOp", {"v", "x"}, {{"dtype", DT_FLOAT}});
  g_.Node("deep", "increment_deep", {"v", "x"});
  g_.Node("read", "ReadVariableOp", {"v"}, {{"dtype", DT_FLOAT}});
  OpenIt();
  ASSERT_OK(Run({{"x:0", F(1)}}, {}, {"init"}));
  ASSERT_OK_AND_ASSIGN(const RunResult result, Run({{"x:0", F(10)}}, {"deep"}));
  EXPECT_TRUE(result.wrote_variables);
  EXPECT_EQ(result.outputs[0].scalar<float>(), 11);
  ASSERT_OK(Run({{"x:0", F(100)}}, {}, {"deep"}));
  EXPECT_EQ(RunScalar({}, "read"), 111);
}

TEST_P(FunctionsTest, TwoCallsOfOneFunctionHaveTheirOwnState) {
  g_.Node("a", "draw", {"x"});
  g_.Node("b", "draw", {"x"});
  OpenIt();
  ASSERT_OK_AND_ASSIGN(const RunResult first, Run({{"x:0", F(0)}}, {"a", "b"}));
  EXPECT_EQ(first.outputs[0].scalar<float>(), first.outputs[1].scalar<float>());
  ASSERT_OK_AND_ASSIGN(const RunResult second, Run({{"x:0", F(0)}}, {"a"}));
  EXPECT_NE(first.outputs[0].scalar<float>(), second.outputs[0].scalar<float>())
      << "the stream goes on from run to run";
}

TEST_P(FunctionsTest, CallsOfOneFunctionDrawApartWhateverTheirOpSays) {
  // PartitionedCall claims to have no state.
  for (const char* name : {"a", "b"}) {
    Add(name, "PartitionedCall", {"x"}, {{"Tin", kFloat}, {"Tout", kFloat}},
        {{"f", "draw"}});
  }
  OpenIt();
  ASSERT_OK(Run({{"x:0", F(0)}}, {"a"}));
  ASSERT_OK_AND_ASSIGN(const RunResult both, Run({{"x:0", F(0)}}, {"a", "b"}));
  EXPECT_NE(both.outputs[0].scalar<float>(), both.outputs[1].scalar<float>())
      << "a has drawn once more";
}

TEST_P(FunctionsTest, TheBranchesOfOneOpDrawApart) {
  Add("if", "If", {"p", "x"},
      {{"Tcond", DT_BOOL}, {"Tin", kFloat}, {"Tout", kFloat}},
      {{"then_branch", "draw"}, {"else_branch", "draw"}});
  OpenIt();
  std::vector<float> drawn;
  for (bool p : {true, false, true, false}) {
    drawn.push_back(
        RunScalar({{"x:0", F(0)}, {"p:0", Tensor::Scalar(p)}}, "if"));
  }
  EXPECT_EQ(drawn[0], drawn[1]);
  EXPECT_EQ(drawn[2], drawn[3]);
  EXPECT_NE(drawn[0], drawn[2]) << "each goes on from run to run";
}

TEST_P(FunctionsTest, RecursionEndsWhereItsConditionSays) {
  g_.Node("y", "grow", {"x"});
  OpenIt();
  EXPECT_EQ(RunScalar({{"x:0", F(2)}}, "y"), 256);
}

TEST_P(FunctionsTest, EndlessRecursionIsAnError) {
  g_.Node("y", "endless", {"x"});
  OpenIt();
  const auto result = Run({{"x:0", F(2)}}, {"y"});
  EXPECT_THAT(result, HasCode(StatusCode::kResourceExhausted,
                              "function \"endless\" is called"));
  // Not a line for each of the calls.
  EXPECT_LT(result.status().message().size(), 20'000u);
}

TEST_P(FunctionsTest, AnEndlessLoopEndsWithTheCall) {
  Add("y", "While", {"x"}, {{"T", kFloat}},
      {{"cond", "always"}, {"body", "negate"}});
  OpenIt();
  CallContext call;
  std::thread canceller([&] { call.Cancel(); });
  RunRequest request;
  request.feeds = {{"x:0", F(1)}};
  request.fetches = {"y"};
  const auto result = session_->Run(request, call);
  canceller.join();
  EXPECT_THAT(result, HasCode(StatusCode::kCancelled, ""));
}

TEST_P(FunctionsTest, WhatStandsForValuesAndDevices) {
  g_.Node("fake", "FakeParam", {},
          {{"dtype", DT_FLOAT}, {"shape", PartialShape({2, -1})}});
  g_.Node("device", "DeviceIndex");
  auto* names =
      (*g_.def().mutable_node()->rbegin()->mutable_attr())["device_names"]
          .mutable_list();
  names->add_s("GPU");
  names->add_s("CPU");
  OpenIt();
  ASSERT_OK_AND_ASSIGN(const RunResult result, Run({}, {"fake", "device"}));
  EXPECT_EQ(result.outputs[0].shape(), TensorShape({2, 0}));
  EXPECT_EQ(result.outputs[1].scalar<int32_t>(), 1);
}

TEST_P(FunctionsTest, WhatDoesNotFitIsRefused) {
  const TestGraph::Attrs one = {{"Tin", kFloat}, {"Tout", kFloat}};
  Add("number", "PartitionedCall", {"x"}, one, {{"f", "add_number"}});
  Add("type", "PartitionedCall", {"x"}, one, {{"f", "below_100"}});
  Add("none", "PartitionedCall", {"x"}, one, {{"f", "nothing"}});
  Add("cond", "While", {"x"}, {{"T", kFloat}},
      {{"cond", "add_number"}, {"body", "square"}});
  Add("pair", "While", {"x", "x"},
      {{"T", std::vector<DataType>{DT_FLOAT, DT_FLOAT}}},
      {{"cond", "two"}, {"body", "first"}});
  OpenIt();
  EXPECT_THAT(Run({{"x:0", F(1)}}, {"number"}),
              HasCode(StatusCode::kInvalidArgument,
                      "the function takes 2 arguments, the node gives 1"));
  EXPECT_THAT(
      Run({{"x:0", F(1)}}, {"type"}),
      HasCode(StatusCode::kInvalidArgument,
              "result 0 of the function is bool, the node gives float"));
  EXPECT_THAT(Run({{"x:0", F(1)}}, {"none"}),
              HasCode(StatusCode::kNotFound, "nothing"));
  EXPECT_THAT(Run({{"x:0", F(1)}}, {"cond"}),
              HasCode(StatusCode::kInvalidArgument, "[[{{node cond}}]]"));
}

TEST_P(FunctionsTest, ErrorsNameFunctionAndNode) {
  auto* function = g_.def().mutable_library()->add_function();
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    signature {
      name: "add_pair"
      input_arg { name: "x" type: DT_FLOAT }
      output_arg { name: "y" type: DT_FLOAT }
    }
    node_def {
      name: "pair" op: "Const"
      attr { key: "dtype" value { type: DT_FLOAT } }
      attr { key: "value" value { tensor { dtype: DT_FLOAT tensor_shape { dim { size: 2 } } float_val: 1 } } }
    }
    node_def {
      name: "inner" op: "Add" input: "x" input: "pair:output:0"
      attr { key: "T" value { type: DT_FLOAT } }
    }
    ret { key: "y" value: "inner:z:0" }
  )",
                                                            function));
  Add("outer", "StatelessWhile", {"x"}, {{"T", kFloat}},
      {{"cond", "always"}, {"body", "add_pair"}});
  OpenIt();
  const auto result =
      Run({{"x:0", MakeTensor<float>({3}, {1, 2, 3})}}, {"outer"});
  EXPECT_THAT(result, HasCode(StatusCode::kInvalidArgument, "{{node inner}}"));
  EXPECT_THAT(result, HasCode(StatusCode::kInvalidArgument, "{{node outer}}"));
  EXPECT_THAT(result, HasCode(StatusCode::kInvalidArgument,
                              "{{function_node add_pair}}"));
}

TEST_P(FunctionsTest, MissingOpsAreNamedWithTheirFunction) {
  auto* function = g_.def().mutable_library()->add_function();
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    signature { name: "wild" input_arg { name: "x" type: DT_FLOAT }
                output_arg { name: "y" type: DT_FLOAT } }
    node_def { name: "ape" op: "Ape" input: "x" }
    ret { key: "y" value: "ape:out:0" }
  )",
                                                            function));
  Add("y", "If", {"p", "x"},
      {{"Tcond", DT_BOOL}, {"Tin", kFloat}, {"Tout", kFloat}},
      {{"then_branch", "square"}, {"else_branch", "wild"}});
  OpenIt();
  EXPECT_THAT(Run({{"x:0", F(1)}, {"p:0", Tensor::Scalar(true)}}, {"y"}),
              HasCode(StatusCode::kUnimplemented,
                      "Ape (node \"ape\" in function \"wild\")"));
}

TEST_P(FunctionsTest, TheGradientOfAFunctionIsTheOneThatTheGraphDefines) {
  auto* gradient = g_.def().mutable_library()->add_gradient();
  gradient->set_function_name("negate");
  gradient->set_gradient_func("add_floats");
  auto* function = g_.def().mutable_library()->add_function();
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    signature { name: "add_floats" input_arg { name: "x" type: DT_FLOAT }
                input_arg { name: "dy" type: DT_FLOAT }
                output_arg { name: "dx" type: DT_FLOAT } }
    node_def { name: "add" op: "Add" input: "x" input: "dy"
               attr { key: "T" value { type: DT_FLOAT } } }
    ret { key: "dx" value: "add:z:0" }
  )",
                                                            function));
  const TestGraph::Attrs attrs = {
      {"Tin", std::vector<DataType>{DT_FLOAT, DT_FLOAT}}, {"Tout", kFloat}};
  Add("known", "SymbolicGradient", {"x", "x"}, attrs, {{"f", "negate"}});
  Add("unknown", "SymbolicGradient", {"x", "x"}, attrs, {{"f", "square"}});
  OpenIt();
  EXPECT_EQ(RunScalar({{"x:0", F(3)}}, "known"), 6);
  EXPECT_THAT(
      Run({{"x:0", F(3)}}, {"unknown"}),
      HasCode(StatusCode::kUnimplemented,
              "SymbolicGradient of function \"square\", whose gradient the "
              "graph does not define (node \"unknown\")"));
}

// Of two results, b needs an op that nobody knows; "outer" calls "two" and
// reads what its own caller reads, "idle" has such an op that nothing needs.
constexpr char kWildFunctions[] = R"(
  function {
    signature { name: "two" input_arg { name: "x" type: DT_FLOAT }
                output_arg { name: "a" type: DT_FLOAT }
                output_arg { name: "b" type: DT_FLOAT } }
    node_def { name: "neg" op: "Neg" input: "x"
               attr { key: "T" value { type: DT_FLOAT } } }
    node_def { name: "ape" op: "Ape" input: "x" input: "^neg" }
    node_def { name: "after" op: "Neg" input: "ape:out:0"
               attr { key: "T" value { type: DT_FLOAT } } }
    ret { key: "a" value: "neg:y:0" }
    ret { key: "b" value: "after:y:0" }
  }
  function {
    signature { name: "outer" input_arg { name: "x" type: DT_FLOAT }
                output_arg { name: "a" type: DT_FLOAT }
                output_arg { name: "b" type: DT_FLOAT } }
    node_def { name: "two" op: "two" input: "x" }
    node_def { name: "again" op: "two" input: "two:a:0" }
    ret { key: "a" value: "again:a:0" }
    ret { key: "b" value: "two:b:0" }
  }
  function {
    signature { name: "idle" input_arg { name: "x" type: DT_FLOAT }
                output_arg { name: "y" type: DT_FLOAT } }
    node_def { name: "ape" op: "Ape" input: "x" }
    node_def { name: "all" op: "two" input: "ape:out:0" }
    node_def { name: "neg" op: "Neg" input: "x"
               attr { key: "T" value { type: DT_FLOAT } } }
    ret { key: "y" value: "neg:y:0" }
  }
  function {
    signature { name: "acting" is_stateful: true
                input_arg { name: "x" type: DT_FLOAT }
                output_arg { name: "y" type: DT_FLOAT } }
    node_def { name: "ape" op: "Ape" input: "x" }
    ret { key: "y" value: "x" }
  }
  function {
    signature { name: "at_once" input_arg { name: "x" type: DT_FLOAT }
                input_arg { name: "y" type: DT_FLOAT }
                output_arg { name: "end" type: DT_BOOL } }
    node_def { name: "less" op: "below_100" input: "x" }
    ret { key: "end" value: "less:y:0" }
  }
  function {
    signature { name: "turn" input_arg { name: "x" type: DT_FLOAT }
                input_arg { name: "y" type: DT_FLOAT }
                output_arg { name: "a" type: DT_FLOAT }
                output_arg { name: "b" type: DT_FLOAT } }
    node_def { name: "square" op: "square" input: "x" }
    node_def { name: "ape" op: "Ape" input: "y" }
    ret { key: "a" value: "square:y:0" }
    ret { key: "b" value: "ape:out:0" }
  }
)";

TEST_P(FunctionsTest, WhatNobodyReadsNeedsNoKernel) {
  ASSERT_TRUE(google::protobuf::TextFormat::MergeFromString(
      kWildFunctions, g_.def().mutable_library()));
  const std::vector<DataType> pair = {DT_FLOAT, DT_FLOAT};
  g_.Node("by_name", "two", {"x"});
  g_.Node("nested", "outer", {"x"});
  g_.Node("idle", "idle", {"x"});
  g_.Node("acting", "acting", {"x"});
  Add("if", "StatelessIf", {"p", "x"},
      {{"Tcond", DT_BOOL}, {"Tin", kFloat}, {"Tout", pair}},
      {{"then_branch", "two"}, {"else_branch", "outer"}});
  Add("while", "StatelessWhile", {"x", "x"}, {{"T", pair}},
      {{"cond", "at_once"}, {"body", "turn"}});
  OpenIt();
  const Tensor yes = Tensor::Scalar(true);
  EXPECT_EQ(RunScalar({{"x:0", F(3)}}, "by_name:0"), -3);
  EXPECT_EQ(RunScalar({{"x:0", F(3)}}, "nested:0"), 3);
  EXPECT_EQ(RunScalar({{"x:0", F(3)}}, "idle"), -3);
  EXPECT_EQ(RunScalar({{"x:0", F(3)}, {"p:0", yes}}, "if:0"), -3);
  EXPECT_EQ(RunScalar({{"x:0", F(3)}}, "while:0"), 6561);
  for (const char* read : {"by_name:1", "nested:1", "if:1", "while:1"}) {
    EXPECT_THAT(Run({{"x:0", F(3)}, {"p:0", yes}}, {read}),
                HasCode(StatusCode::kUnimplemented, "Ape (node \"ape\" in "))
        << read;
  }
  EXPECT_THAT(Run({{"x:0", F(3)}}, {"acting"}),
              HasCode(StatusCode::kUnimplemented, "in function \"acting\""))
      << "it may do something";
}

TEST_P(FunctionsTest, CallsNestedTenThousandDeepEndInAnAnswer) {
  auto* library = g_.def().mutable_library();
  for (int i = 0; i < 10'000; ++i) {
    auto* function = library->add_function();
    const std::string name = absl::StrCat("f", i);
    function->mutable_signature()->set_name(name);
    auto* arg = function->mutable_signature()->add_input_arg();
    arg->set_name("x");
    arg->set_type(DT_FLOAT);
    auto* out = function->mutable_signature()->add_output_arg();
    out->set_name("y");
    out->set_type(DT_FLOAT);
    auto* node = function->add_node_def();
    node->set_name("n");
    node->set_op(i == 9'999 ? "negate" : absl::StrCat("f", i + 1));
    node->add_input("x");
    (*function->mutable_ret())["y"] = "n:y:0";
  }
  g_.Node("y", "f0", {"x"});
  OpenIt();
  if (GetParam() == CompileLevel::kOff) {
    EXPECT_THAT(Run({{"x:0", F(1)}}, {"y"}),
                HasCode(StatusCode::kResourceExhausted, "calls deep"));
  } else {
    EXPECT_EQ(RunScalar({{"x:0", F(1)}}, "y"), -1) << "many were inlined";
  }
}

}  // namespace
}  // namespace metagraph
