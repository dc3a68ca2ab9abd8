// What Explain and the catalog tell of graphs with functions.

#include "core/model/explain.h"

#include "google/protobuf/text_format.h"
#include "tests/core/model/model_fixture.h"
#include "tests/support/test_graph.h"

namespace metagraph {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

// outer(v, w) calls inner(w, v), which reads its first argument and adds that
// to its second; wild(x) needs an op that there is not.
constexpr char kFunctions[] = R"(
  function {
    signature {
      name: "inner" is_stateful: true
      input_arg { name: "from" type: DT_RESOURCE }
      input_arg { name: "to" type: DT_RESOURCE }
    }
    node_def {
      name: "read" op: "ReadVariableOp" input: "from"
      attr { key: "dtype" value { type: DT_FLOAT } }
    }
    node_def {
      name: "add" op: "AssignAddVariableOp" input: "to" input: "read:value:0"
      attr { key: "dtype" value { type: DT_FLOAT } }
    }
  }
  function {
    signature {
      name: "outer" is_stateful: true
      input_arg { name: "v" type: DT_RESOURCE }
      input_arg { name: "w" type: DT_RESOURCE }
    }
    node_def { name: "call" op: "inner" input: "w" input: "v" }
  }
  function {
    signature {
      name: "wild"
      input_arg { name: "x" type: DT_FLOAT }
      output_arg { name: "y" type: DT_FLOAT }
    }
    node_def { name: "ape" op: "Ape" input: "x" }
    ret { key: "y" value: "ape:y:0" }
  }
)";

class ExplainFunctionsTest : public ModelTest {
 protected:
  void SetUp() override {
    TestGraph g;
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
        kFunctions, g.def().mutable_library()));
    g.Placeholder("x", DT_FLOAT);
    for (const char* name : {"v", "w"}) {
      g.Node(name, "VarHandleOp", {},
             {{"dtype", DT_FLOAT},
              {"shape", PartialShape(TensorShape())},
              {"shared_name", name}});
      g.Node(absl::StrCat(name, "/Assign"), "AssignVariableOp", {name, "x"},
             {{"dtype", DT_FLOAT}});
    }
    g.Node("step", "outer", {"v", "w"});
    g.Node("y", "wild", {"x"});
    g.Node("z", "Neg", {"y"}, {{"T", DT_FLOAT}});
    ASSERT_OK(WriteFileAtomically(fs(), Path("graph.pb"),
                                  g.def().SerializeAsString()));
    ASSERT_OK_AND_ASSIGN(model_, Load(Path("graph.pb")));
  }
};

TEST_F(ExplainFunctionsTest, SeesVariablesThroughCalls) {
  ASSERT_OK_AND_ASSIGN(const Explanation step,
                       ExplainRun(*model_, {{}, {}, {"step"}}, call_));
  EXPECT_THAT(step.variables_read, Contains("w"));
  EXPECT_THAT(step.variables_written, ElementsAre("v"));
  EXPECT_EQ(step.op_counts.at("AssignAddVariableOp"), 1);
  EXPECT_EQ(step.op_counts.at("ReadVariableOp"), 1);
  EXPECT_THAT(step.unsupported_ops, testing::IsEmpty());
}

TEST_F(ExplainFunctionsTest, NamesMissingOpsWithTheirFunction) {
  ASSERT_OK_AND_ASSIGN(const Explanation z,
                       ExplainRun(*model_, {{"x:0"}, {"z:0"}, {}}, call_));
  EXPECT_THAT(z.status, HasCode(absl::StatusCode::kUnimplemented,
                                "Ape (node \"ape\" in function \"wild\")"));
  ASSERT_EQ(z.unsupported_ops.size(), 1u);
  EXPECT_EQ(z.unsupported_ops[0].op, "Ape");
  EXPECT_THAT(z.unsupported_ops[0].examples, ElementsAre("wild/ape"));
  const auto catalog = model_->catalog();
  EXPECT_THAT(catalog->Describe(*catalog->Find("z:0")).why_not,
              HasSubstr("(node \"ape\" in function \"wild\")"));
  EXPECT_EQ(catalog->Describe(*catalog->Find("y:0")).dtype, DT_FLOAT);
}

TEST_F(ExplainFunctionsTest, PrintsTheProgram) {
  ASSERT_OK_AND_ASSIGN(
      const std::string program,
      model_->session().PrintProgram({{}, {}, {"step"}}, call_));
  EXPECT_THAT(program, HasSubstr("step/call/add = AssignAddVariableOp(v, "
                                 "step/call/read) dtype=float"));
}

}  // namespace
}  // namespace metagraph
