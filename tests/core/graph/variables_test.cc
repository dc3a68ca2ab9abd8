#include "core/graph/variables.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/graph/text_proto.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using tensorflow::VariableDef;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kGraph[] = R"(graph_def {
  node { name: "R" op: "VarHandleOp"
    attr { key: "dtype" value { type: DT_INT64 } }
    attr { key: "shape" value { shape { } } }
    attr { key: "shared_name" value { s: "R_state" } } }
  node { name: "R/Read/ReadVariableOp" op: "ReadVariableOp" input: "R" }
  node { name: "W/part_0" op: "VariableV2"
    attr { key: "dtype" value { type: DT_FLOAT } }
    attr { key: "container" value { s: "box" } }
    attr { key: "shape" value { shape { dim { size: -1 } dim { size: 3 } } } } }
  node { name: "W/part_0/Assign" op: "Assign" }
  node { name: "W/part_0/read" op: "Identity" input: "W/part_0" }
  node { name: "odd" op: "Variable"
    attr { key: "shape" value { shape { dim { size: -7 } } } } }
})";

MetaGraph Example() {
  MetaGraph meta = MakeMetaGraph(kGraph);
  const std::string def = FromText<VariableDef>(R"(
    variable_name: "W/part_0:0" initializer_name: "W/part_0/Assign"
    snapshot_name: "W/part_0/read:0" initial_value_name: "gone:0"
    save_slice_info_def { full_name: "W" full_shape: [4, 3]
                          var_offset: [2, 0] var_shape: [2, 3] })")
                              .SerializeAsString();
  for (const char* key : {"variables", "trainable_variables"}) {
    (*meta.def.mutable_collection_def())[key].mutable_bytes_list()->add_value(
        def);
  }
  (*meta.def.mutable_collection_def())["mine"].mutable_node_list()->add_value(
      "R:0");
  return meta;
}

TEST(VariablesTest, ReadsNodesAndCollections) {
  const std::vector<GraphVariable> got = ListVariables(Example());
  ASSERT_EQ(got.size(), 3u);

  EXPECT_EQ(got[0].name, "R");
  EXPECT_TRUE(got[0].is_resource);
  EXPECT_EQ(got[0].dtype, DT_INT64);
  EXPECT_EQ(got[0].shape.ToString(), "[]");
  EXPECT_EQ(got[0].shared_name, "R_state");
  EXPECT_EQ(got[0].snapshot, "R/Read/ReadVariableOp:0");
  EXPECT_EQ(got[0].initializer, "");
  EXPECT_THAT(got[0].collections, ElementsAre("mine"));
  EXPECT_EQ(got[0].DefaultKey(), "R");

  EXPECT_EQ(got[1].name, "W/part_0");
  EXPECT_FALSE(got[1].is_resource);
  EXPECT_TRUE(got[1].trainable);
  EXPECT_EQ(got[1].container, "box");
  EXPECT_EQ(got[1].shape.ToString(), "[?,3]");
  EXPECT_EQ(got[1].initializer, "W/part_0/Assign");
  EXPECT_EQ(got[1].snapshot, "W/part_0/read:0");
  EXPECT_EQ(got[1].initial_value, "");
  EXPECT_THAT(got[1].collections,
              ElementsAre("trainable_variables", "variables"));
  EXPECT_EQ(got[1].DefaultKey(), "W");
  EXPECT_EQ(SliceSpec(*got[1].slice), "4 3 2,2:0,3");
}

TEST(VariablesTest, ABadShapeIsUnknown) {
  const std::vector<GraphVariable> got = ListVariables(Example());
  EXPECT_FALSE(got[2].shape.known_rank());
  EXPECT_THAT(got[2].collections, IsEmpty());
}

}  // namespace
}  // namespace metagraph
