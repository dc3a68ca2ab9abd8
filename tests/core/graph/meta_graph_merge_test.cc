#include "core/graph/meta_graph_merge.h"

#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;

tensorflow::MetaGraphDef Parse(const std::string& text) {
  tensorflow::MetaGraphDef out;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &out));
  return out;
}

TEST(ImportPrefixTest, RenamesAllThatRefersToNodes) {
  auto more = Parse(R"(
    graph_def {
      node { name: "a" op: "Const" }
      node {
        name: "b" op: "Add" input: "a:0" input: "a" input: "^a"
        attr { key: "_class" value { list { s: "loc:@a" } } }
      }
    }
    saver_def { filename_tensor_name: "f:0" restore_op_name: "r" }
    signature_def {
      key: "s" value { inputs { key: "x" value { name: "a:0" } } }
    }
    collection_def { key: "ops" value { node_list { value: "b:0" } } }
    collection_def { key: "texts" value { bytes_list { value: "a:0" } } }
    collection_def { key: "while_context" value { bytes_list { value: "?" } } }
  )");
  tensorflow::VariableDef variable;
  variable.set_variable_name("a:0");
  (*more.mutable_collection_def())["variables"].mutable_bytes_list()->add_value(
      variable.SerializeAsString());

  const auto out = WithImportPrefix(more, "p");
  EXPECT_EQ(out.graph_def().node(0).name(), "p/a");
  const tensorflow::NodeDef& b = out.graph_def().node(1);
  EXPECT_THAT(b.input(), ElementsAre("p/a:0", "p/a", "^p/a"));
  EXPECT_EQ(b.attr().at("_class").list().s(0), "loc:@p/a");
  EXPECT_EQ(out.saver_def().filename_tensor_name(), "p/f:0");
  EXPECT_EQ(out.saver_def().restore_op_name(), "p/r");
  EXPECT_EQ(out.saver_def().save_tensor_name(), "");
  EXPECT_EQ(out.signature_def().at("s").inputs().at("x").name(), "p/a:0");
  const auto& collections = out.collection_def();
  EXPECT_EQ(collections.at("ops").node_list().value(0), "p/b:0");
  // Bytes that are not known to be names stay what they are.
  EXPECT_EQ(collections.at("texts").bytes_list().value(0), "a:0");
  EXPECT_EQ(collections.count("while_context"), 0u);
  ASSERT_TRUE(variable.ParseFromString(
      collections.at("variables").bytes_list().value(0)));
  EXPECT_EQ(variable.variable_name(), "p/a:0");
  EXPECT_EQ(variable.initializer_name(), "");
}

const tensorflow::OpDef* NoOps(absl::string_view) { return nullptr; }

TEST(RemoveKnownNodesTest, KeepsWhatIsNew) {
  ASSERT_OK_AND_ASSIGN(const auto graph, Graph::Build(Parse(R"(graph_def {
                         node { name: "a" op: "NoOp" }
                         node { name: "b" op: "NoOp" input: "^a" }
                       })")
                                                          .graph_def()));
  auto more = Parse(R"(graph_def {
    node { name: "a" op: "NoOp" }
    node { name: "c" op: "NoOp" input: "^a" }
  })");
  ASSERT_OK_AND_ASSIGN(
      const int left,
      RemoveKnownNodes(*graph, NoOps, more.mutable_graph_def()));
  EXPECT_EQ(left, 1);
  EXPECT_EQ(more.graph_def().node(0).name(), "c");

  more.mutable_graph_def()->mutable_node(0)->set_name("b");
  more.mutable_graph_def()->mutable_node(0)->clear_input();
  EXPECT_THAT(RemoveKnownNodes(*graph, NoOps, more.mutable_graph_def()),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "'b', which was created by a previous call"));
}

TEST(MergeMetaGraphTest, AddsEntriesOnceAndReplacesTheSaver) {
  auto def = Parse(R"(
    saver_def { restore_op_name: "old" }
    collection_def { key: "ops" value { node_list { value: "a" } } }
    collection_def { key: "steps" value { int64_list { value: 1 } } }
  )");
  MergeMetaGraph(Parse(R"(
    saver_def { restore_op_name: "new" }
    signature_def { key: "s" value {} }
    collection_def {
      key: "ops" value { node_list { value: "a" value: "b" } }
    }
    collection_def { key: "steps" value { int64_list { value: 2 } } }
    collection_def { key: "more" value { float_list { value: 1 } } }
  )"),
                 &def);
  EXPECT_EQ(def.saver_def().restore_op_name(), "new");
  EXPECT_EQ(def.signature_def().count("s"), 1u);
  const auto& collections = def.collection_def();
  EXPECT_THAT(collections.at("ops").node_list().value(), ElementsAre("a", "b"));
  EXPECT_THAT(collections.at("steps").int64_list().value(), ElementsAre(2));
  EXPECT_EQ(collections.count("more"), 1u);
  MergeMetaGraph({}, &def);
  EXPECT_EQ(def.saver_def().restore_op_name(), "new");
}

}  // namespace
}  // namespace metagraph
