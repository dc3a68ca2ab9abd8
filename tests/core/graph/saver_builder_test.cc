#include "core/graph/saver_builder.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/tensors.h"
#include "tests/support/test_graph.h"

namespace metagraph {
namespace {

// What is made is read back as the plan that it was made from.
TEST(SaverBuilderTest, PlanOfTheNodesIsTheSame) {
  TestGraph source;
  source.Variable("ref", MakeTensor<float>({2}, {1, 2}));
  source.Node("res", "VarHandleOp", {},
              {{"dtype", DT_INT64}, {"shape", PartialShape(TensorShape({}))}});
  source.Variable("part", MakeTensor<float>({1, 2}, {1, 2}));
  source.Node("save/Const", "NoOp");  // the scope is taken
  const auto graph = source.Build();
  std::vector<SavedVariable> variables(3);
  const auto set = [&](int i, const char* key, const char* slice,
                       DataType dtype, const char* name) {
    variables[i].checkpoint_key = key;
    variables[i].shape_and_slice = slice;
    variables[i].dtype = dtype;
    variables[i].variable = name;
    variables[i].node = graph->FindNode(name)->id;
  };
  set(0, "a", "", DT_FLOAT, "ref");
  set(1, "b", "", DT_INT64, "res");
  set(2, "whole", "3 2 0,1:0,2", DT_FLOAT, "part");

  variables[0].reshape = true;

  for (const int format : {1, 2}) {
    tensorflow::GraphDef nodes;
    const SaverPlan::Constant constant = {"c",
                                          Tensor::Scalar<std::string>("bytes")};
    const auto saver =
        AddSaverNodes(*graph, variables, format, {&constant, 1}, &nodes);
    EXPECT_EQ(saver.restore_op_name(), "save_1/restore_all");
    ASSERT_OK_AND_ASSIGN(const auto extended, graph->Extend(nodes));
    ASSERT_OK_AND_ASSIGN(const SaverPlan plan,
                         BuildSaverPlan(*extended, saver));
    EXPECT_TRUE(plan.complete());
    EXPECT_EQ(plan.format, format);
    ASSERT_EQ(plan.variables.size(), 3u);
    ASSERT_EQ(plan.constants.size(), format == 1 ? 0u : 1u);
    if (format == 2) {
      EXPECT_EQ(plan.constants[0].checkpoint_key, "c");
      EXPECT_EQ(plan.constants[0].value.scalar<std::string>(), "bytes");
    }
    for (const SavedVariable& found : plan.variables) {
      bool same = false;
      for (const SavedVariable& wanted : variables) {
        same =
            same || (found.checkpoint_key == wanted.checkpoint_key &&
                     found.shape_and_slice == wanted.shape_and_slice &&
                     found.dtype == wanted.dtype && found.node == wanted.node &&
                     found.reshape == wanted.reshape);
      }
      EXPECT_TRUE(same) << found.variable;
    }
  }
}

}  // namespace
}  // namespace metagraph
