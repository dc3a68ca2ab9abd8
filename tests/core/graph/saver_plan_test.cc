#include "core/graph/saver_plan.h"

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/graph/text_proto.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using Code = absl::StatusCode;

// A Const node of strings.
std::string Strings(const std::string& name,
                    const std::vector<std::string>& values) {
  std::string out = absl::StrCat(
      "node { name: '", name, "' op: 'Const' attr { key: 'value' value { ",
      "tensor { dtype: DT_STRING tensor_shape { dim { size: ", values.size(),
      " } } ");
  for (const std::string& value : values) {
    absl::StrAppend(&out, "string_val: '", value, "' ");
  }
  return out + "} } } } ";
}

std::string NodeText(const std::string& name, const std::string& op,
                     const std::vector<std::string>& inputs,
                     const std::string& attrs = "") {
  std::string out = absl::StrCat("node { name: '", name, "' op: '", op, "' ");
  for (const std::string& input : inputs) {
    absl::StrAppend(&out, "input: '", input, "' ");
  }
  return absl::StrCat(out, attrs, "} ");
}

// Two variables behind one RestoreV2, as a Saver makes it; `more` is added.
std::string SaverGraph(const std::string& assign_b_from,
                       const std::string& more = "") {
  return absl::StrCat(
      "graph_def { ", Strings("save/Const", {"model"}),
      Strings("save/names", {"a_key", "b_key"}),
      Strings("save/slices", {"", "4 2 0,2:-"}),
      NodeText("save/restore", "RestoreV2",
               {"save/Const", "save/names", "save/slices"},
               "attr { key: 'dtypes' value { list { type: [DT_FLOAT, "
               "DT_INT64] } } }"),
      NodeText("a", "VariableV2", {}), NodeText("b", "VarHandleOp", {}),
      NodeText("save/id", "Identity", {"save/restore:1"}), more,
      NodeText("save/Assign", "Assign", {"a", "save/restore"}),
      NodeText("save/Assign_1", "AssignVariableOp", {"b", assign_b_from}),
      NodeText("save/restore_all", "NoOp", {"^save/Assign", "^save/Assign_1"}),
      "} saver_def { restore_op_name: 'save/restore_all' ",
      "filename_tensor_name: 'save/Const:0' }");
}

TEST(SaverPlanTest, MapsKeysToVariables) {
  ASSERT_OK_AND_ASSIGN(const SaverPlan plan,
                       BuildSaverPlan(MakeMetaGraph(SaverGraph("save/id"))));
  EXPECT_TRUE(plan.complete());
  ASSERT_THAT(plan.variables, SizeIs(2));
  EXPECT_EQ(plan.variables[0].checkpoint_key, "a_key");
  EXPECT_EQ(plan.variables[0].shape_and_slice, "");
  EXPECT_EQ(plan.variables[0].dtype, DT_FLOAT);
  EXPECT_EQ(plan.variables[0].variable, "a");
  EXPECT_EQ(plan.variables[1].checkpoint_key, "b_key");
  EXPECT_EQ(plan.variables[1].shape_and_slice, "4 2 0,2:-");
  EXPECT_EQ(plan.variables[1].dtype, DT_INT64);
  EXPECT_EQ(plan.variables[1].variable, "b");
  EXPECT_FALSE(plan.variables[1].reshape);
  EXPECT_EQ(plan.saver.restore_op_name(), "save/restore_all");
}

TEST(SaverPlanTest, SeesReshapes) {
  ASSERT_OK_AND_ASSIGN(const SaverPlan plan,
                       BuildSaverPlan(MakeMetaGraph(SaverGraph(
                           "save/Reshape", NodeText("save/Reshape", "Reshape",
                                                    {"save/id", "a"})))));
  EXPECT_TRUE(plan.complete());
  EXPECT_TRUE(plan.variables[1].reshape);
}

TEST(SaverPlanTest, ReportsWhatIsNoPlainCopy) {
  ASSERT_OK_AND_ASSIGN(
      const SaverPlan plan,
      BuildSaverPlan(MakeMetaGraph(SaverGraph(
          "save/Cast", NodeText("save/Cast", "Cast", {"save/id"})))));
  EXPECT_THAT(plan.variables, SizeIs(1));
  ASSERT_FALSE(plan.complete());
  EXPECT_EQ(plan.unmapped[0].node, "save/Assign_1");
  EXPECT_THAT(plan.unmapped[0].reason, ::testing::HasSubstr("Cast"));
}

TEST(SaverPlanTest, ReportsRestoredTables) {
  std::string text =
      SaverGraph("save/id", NodeText("save/import", "LookupTableImportV2",
                                     {"a", "save/restore", "save/restore:1"}));
  text.replace(text.find("'^save/Assign_1'"), 16,
               "'^save/Assign_1' input: '^save/import'");
  ASSERT_OK_AND_ASSIGN(const SaverPlan plan,
                       BuildSaverPlan(MakeMetaGraph(text)));
  // Although the same values also go to variables.
  EXPECT_THAT(plan.variables, SizeIs(2));
  ASSERT_THAT(plan.unmapped, SizeIs(1));
  EXPECT_EQ(plan.unmapped[0].node, "save/import");
}

TEST(SaverPlanTest, ReportsAFileThatIsNotTheSavers) {
  std::string text = SaverGraph("save/id", Strings("other", {"x"}));
  text.replace(text.find("filename_tensor_name: 'save/Const:0'"), 36,
               "filename_tensor_name: 'other:0'");
  ASSERT_OK_AND_ASSIGN(const SaverPlan plan,
                       BuildSaverPlan(MakeMetaGraph(text)));
  EXPECT_THAT(plan.variables, IsEmpty());
  ASSERT_THAT(plan.unmapped, SizeIs(2));
  EXPECT_THAT(plan.unmapped[0].reason, ::testing::HasSubstr("another file"));
}

TEST(SaverPlanTest, WithoutAFileNameEveryRestoreIsTheSavers) {
  std::string text = SaverGraph("save/id");
  text.replace(text.find("filename_tensor_name: 'save/Const:0'"), 36, "");
  ASSERT_OK_AND_ASSIGN(const SaverPlan plan,
                       BuildSaverPlan(MakeMetaGraph(text)));
  EXPECT_TRUE(plan.complete());
  EXPECT_THAT(plan.variables, SizeIs(2));
}

// Slices of one tensor may go to several variables, the whole of it to one.
TEST(SaverPlanTest, RefusesTwoVariablesOfOneKey) {
  const std::string text =
      absl::StrReplaceAll(SaverGraph("save/id"), {{"b_key", "a_key"}});
  const auto check = [&](const char* a, const char* b) -> absl::Status {
    ASSIGN_OR_RETURN(
        const SaverPlan plan,
        BuildSaverPlan(MakeMetaGraph(absl::StrReplaceAll(
            text, {{"string_val: '' ", absl::StrCat("string_val: '", a, "' ")},
                   {"4 2 0,2:-", b}}))));
    return CheckKeys(plan);
  };
  const char* const kText =
      "variables \"a\" and \"b\" would both be saved as \"a_key\"";
  EXPECT_THAT(check("", "4 2 0,2:-"),
              HasCode(Code::kFailedPrecondition, kText));
  EXPECT_THAT(check("4 2 0,2:-", "4 2 0,2:-"),
              HasCode(Code::kFailedPrecondition, kText));
  EXPECT_OK(check("4 2 2,2:-", "4 2 0,2:-"));
}

TEST(SaverPlanTest, ReadsOldRestoreOps) {
  const MetaGraph meta = MakeMetaGraph(absl::StrCat(
      "graph_def { ", Strings("f", {"model"}), Strings("n", {"a_key"}),
      Strings("s", {"4 0,2"}),
      NodeText("r", "RestoreSlice", {"f", "n", "s"},
               "attr { key: 'dt' value { type: DT_FLOAT } }"),
      NodeText("r1", "Restore", {"f", "n"},
               "attr { key: 'dt' value { type: DT_INT32 } }"),
      NodeText("a", "Variable", {}), NodeText("b", "Variable", {}),
      NodeText("as", "Assign", {"a", "r"}),
      NodeText("as1", "Assign", {"b", "r1"}),
      NodeText("all", "NoOp", {"^as", "^as1"}),
      "} saver_def { restore_op_name: 'all' filename_tensor_name: 'f:0' }"));
  ASSERT_OK_AND_ASSIGN(const SaverPlan plan, BuildSaverPlan(meta));
  EXPECT_TRUE(plan.complete());
  ASSERT_THAT(plan.variables, SizeIs(2));
  EXPECT_EQ(plan.variables[0].shape_and_slice, "4 0,2");
  EXPECT_EQ(plan.variables[1].dtype, DT_INT32);
}

TEST(SaverPlanTest, WithoutASaverTakesAllVariables) {
  const MetaGraph meta = MakeMetaGraph(
      "graph_def { node { name: 'a' op: 'VariableV2' "
      "attr { key: 'dtype' value { type: DT_HALF } } } }");
  ASSERT_OK_AND_ASSIGN(const SaverPlan plan, BuildSaverPlan(meta));
  ASSERT_THAT(plan.variables, SizeIs(1));
  EXPECT_EQ(plan.variables[0].checkpoint_key, "a");
  EXPECT_EQ(plan.variables[0].dtype, DT_HALF);
  EXPECT_EQ(plan.saver.restore_op_name(), "");
}

TEST(SaverPlanTest, AGraphDefMayHoldASaversNodes) {
  MetaGraph meta = MakeMetaGraph(SaverGraph("save/id"));
  meta.def.clear_saver_def();
  meta.kind = GraphFileKind::kGraphDef;
  ASSERT_OK_AND_ASSIGN(SaverPlan plan, BuildSaverPlan(meta));
  ASSERT_THAT(plan.variables, SizeIs(2));
  EXPECT_EQ(plan.variables[1].checkpoint_key, "b_key");
  EXPECT_EQ(plan.variables[1].shape_and_slice, "4 2 0,2:-");
  EXPECT_EQ(plan.saver.restore_op_name(), "");
  // Nodes that do more than copy are left alone.
  meta = MakeMetaGraph(SaverGraph(
      "save/cast", NodeText("save/cast", "Cast", {"save/restore:1"})));
  meta.def.clear_saver_def();
  meta.kind = GraphFileKind::kGraphDef;
  ASSERT_OK_AND_ASSIGN(plan, BuildSaverPlan(meta));
  EXPECT_TRUE(plan.complete());
  EXPECT_EQ(plan.variables[0].checkpoint_key, "a");
}

// A SavedModel's saver: "save" writes v and the object graph, "restore" reads
// both; `inner` is the body of the restore function.
std::string FunctionSaver(const std::string& inner) {
  const std::string arguments =
      "input_arg { name: 'prefix' type: DT_STRING } "
      "input_arg { name: 'v' type: DT_RESOURCE } ";
  const auto call = [](const std::string& name, const std::string& function) {
    return NodeText(name, "StatefulPartitionedCall",
                    {"filename", "v", "objects"},
                    absl::StrCat("attr { key: 'f' value { func { name: '",
                                 function, "' } } } "));
  };
  std::string library = absl::StrCat(
      "library { function { signature { name: 'save_fn' ", arguments,
      "input_arg { name: 'objects' type: DT_STRING } ",
      "output_arg { name: 'out' type: DT_STRING } } ",
      absl::StrReplaceAll(
          absl::StrCat(Strings("names", {"v_key", "objects_key"}),
                       Strings("slices", {"", ""}),
                       NodeText("read", "ReadVariableOp", {"v"}),
                       NodeText("id", "Identity", {"read:value:0"}),
                       NodeText("write", "SaveV2",
                                {"prefix", "names:output:0", "slices:output:0",
                                 "id:output:0", "objects"}),
                       NodeText("done", "Identity", {"prefix", "^write"})),
          {{"node {", "node_def {"}}),
      "ret { key: 'out' value: 'done:output:0' } } ",
      "function { signature { name: 'restore_fn' ", arguments,
      "input_arg { name: 'objects' type: DT_STRING } ",
      "output_arg { name: 'out' type: DT_STRING } } ",
      absl::StrReplaceAll(inner, {{"node {", "node_def {"}}),
      "ret { key: 'out' value: 'done:output:0' } } } ");
  return absl::StrCat(
      "graph_def { ", NodeText("unrelated", "NoOp", {}),
      NodeText("filename", "Placeholder", {}), NodeText("v", "VarHandleOp", {}),
      Strings("objects", {"bytes"}), call("save", "save_fn"),
      call("restore", "restore_fn"), library,
      "} saver_def { restore_op_name: 'restore' "
      "save_tensor_name: 'save:0' filename_tensor_name: 'filename:0' }");
}

const std::string& RestoreBody() {
  static const auto& body = *new std::string(absl::StrCat(
      Strings("names", {"v_key", "objects_key"}), Strings("slices", {"", ""}),
      NodeText("read", "RestoreV2",
               {"prefix", "names:output:0", "slices:output:0"},
               "attr { key: 'dtypes' value { list { type: [DT_FLOAT, "
               "DT_STRING] } } }"),
      NodeText("id", "Identity", {"read:tensors:0"}),
      NodeText("assign", "AssignVariableOp", {"v", "id:output:0"}),
      NodeText("done", "Identity", {"prefix", "^assign"})));
  return body;
}

TEST(SaverPlanTest, ReadsSaversThatAreFunctions) {
  const MetaGraph meta = MakeMetaGraph(FunctionSaver(RestoreBody()));
  ASSERT_OK_AND_ASSIGN(const SaverPlan plan, BuildSaverPlan(meta));
  EXPECT_TRUE(plan.complete());
  EXPECT_EQ(plan.format, 2);
  ASSERT_THAT(plan.variables, SizeIs(1));
  EXPECT_EQ(plan.variables[0].checkpoint_key, "v_key");
  EXPECT_EQ(plan.variables[0].variable, "v");
  EXPECT_EQ(plan.variables[0].dtype, DT_FLOAT);
  EXPECT_EQ(plan.variables[0].node, meta.graph->FindNode("v")->id);
  ASSERT_THAT(plan.constants, SizeIs(1));
  EXPECT_EQ(plan.constants[0].checkpoint_key, "objects_key");
  EXPECT_EQ(plan.constants[0].value.scalar<std::string>(), "bytes");
}

TEST(SaverPlanTest, ReadsFunctionsThatCallFunctions) {
  // "restore_fn" calls "save_fn" beside what it restores: nothing of that is
  // in the way.
  ASSERT_OK_AND_ASSIGN(
      const SaverPlan plan,
      BuildSaverPlan(MakeMetaGraph(FunctionSaver(absl::StrCat(
          RestoreBody(),
          NodeText("inner", "save_fn", {"prefix", "v", "objects"}))))));
  EXPECT_TRUE(plan.complete());
  EXPECT_THAT(plan.variables, SizeIs(1));
}

TEST(SaverPlanTest, FunctionsThatCannotBeReadAreReported) {
  const std::string assign_elsewhere = absl::StrCat(
      RestoreBody(), NodeText("made", "VarHandleOp", {}),
      NodeText("assign_made", "AssignVariableOp", {"made", "id:output:0"}));
  const std::string without_end =
      absl::StrCat(RestoreBody(),
                   NodeText("again", "restore_fn", {"prefix", "v", "objects"}));
  const std::string few_inputs =
      absl::StrCat(RestoreBody(), NodeText("call", "save_fn", {"prefix"}));
  for (const std::string& body : {assign_elsewhere, without_end, few_inputs}) {
    ASSERT_OK_AND_ASSIGN(const SaverPlan plan,
                         BuildSaverPlan(MakeMetaGraph(FunctionSaver(body))));
    EXPECT_FALSE(plan.complete()) << body;
  }
}

TEST(SaverPlanTest, ARestoreOpThatDoesNotExistIsNotFound) {
  const MetaGraph meta = MakeMetaGraph(
      "graph_def { node { name: 'save/restore_all' op: 'NoOp' } } "
      "saver_def { restore_op_name: 'save/restore_al' }");
  EXPECT_THAT(BuildSaverPlan(meta),
              HasCode(Code::kNotFound, "did you mean \"save/restore_all\""));
}

TEST(SaverPlanTest, HostileGraphsEnd) {
  // A cycle instead of a value, and outputs that do not exist.
  const MetaGraph meta = MakeMetaGraph(absl::StrCat(
      "graph_def { ", NodeText("x", "Identity", {"y"}),
      NodeText("y", "Identity", {"x"}), NodeText("a", "VariableV2", {}),
      Strings("n", {}), NodeText("r", "RestoreV2", {"n", "n", "n"}),
      NodeText("as", "Assign", {"a", "x"}),
      NodeText("as1", "Assign", {"a", "r:2147483647"}),
      NodeText("as2", "Assign", {"y", "r:1"}), NodeText("as3", "Assign", {}),
      NodeText("all", "NoOp", {"^as", "^as1", "^as2", "^as3"}),
      "} saver_def { restore_op_name: 'all' }"));
  ASSERT_OK_AND_ASSIGN(const SaverPlan plan, BuildSaverPlan(meta));
  EXPECT_THAT(plan.variables, IsEmpty());
  EXPECT_THAT(plan.unmapped, SizeIs(4));
}

}  // namespace
}  // namespace metagraph
