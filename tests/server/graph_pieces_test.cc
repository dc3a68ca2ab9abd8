#include "server/handlers/graph_pieces.h"

#include "google/protobuf/text_format.h"
#include "tests/server/handler_fixture.h"
#include "tests/support/test_graph.h"

namespace metagraph {
namespace {

using google::protobuf::TextFormat;

class GraphPiecesTest : public HandlerTest {
 protected:
  std::shared_ptr<const ModelGraph> GraphOf(const std::string& name) {
    auto model = models_.Find(name);
    EXPECT_OK(model);
    return (*model)->graph();
  }
  static std::string Whole(std::shared_ptr<const ModelGraph> graph,
                           v1::GraphFormat format,
                           std::unique_ptr<const GraphPart> part = nullptr) {
    auto pieces = GraphPieces::Of(std::move(graph), std::move(part), format);
    EXPECT_OK(pieces);
    std::string out;
    for (int64_t i = 0; i < (*pieces)->count(); ++i) {
      (*pieces)->Append(i, &out);
    }
    return out;
  }
  // Maps have no order in binary.
  static std::string TextOf(const google::protobuf::Message& message) {
    std::string out;
    EXPECT_TRUE(TextFormat::PrintToString(message, &out));
    return out;
  }
  // A model with functions, gradients, all kinds of fields beside the graph,
  // and fields that we do not know.
  void LoadRichModel() {
    tensorflow::MetaGraphDef meta = SeedMetaGraph();
    tensorflow::GraphDef& graph = *meta.mutable_graph_def();
    for (const char* name : {"f", "g"}) {
      tensorflow::FunctionDef& function =
          *graph.mutable_library()->add_function();
      function.mutable_signature()->set_name(name);
      tensorflow::NodeDef& node = *function.add_node_def();
      node.set_name("inner");
      node.set_op("NoOp");
    }
    tensorflow::GradientDef& gradient =
        *graph.mutable_library()->add_gradient();
    gradient.set_function_name("f");
    gradient.set_gradient_func("g");
    graph.mutable_library()
        ->GetReflection()
        ->MutableUnknownFields(graph.mutable_library())
        ->AddVarint(77, 7);
    graph.GetReflection()->MutableUnknownFields(&graph)->AddVarint(78, 8);
    meta.GetReflection()->MutableUnknownFields(&meta)->AddVarint(79, 9);
    meta.add_asset_file_def()->set_filename("words.txt");
    ASSERT_OK(fs().CreateDirectory(Path("rich")));
    WriteMetaGraph(fs(), Path("rich/model.meta"), meta);
    ASSERT_OK(models_.Load("rich", Path("rich")));
  }
};

TEST_F(GraphPiecesTest, TogetherAreWhatProtobufWrites) {
  LoadRichModel();
  for (const char* name : {"seed", "rich"}) {
    SCOPED_TRACE(name);
    const auto graph = GraphOf(name);
    const tensorflow::MetaGraphDef meta = graph->meta().ToProto();
    EXPECT_EQ(Whole(graph, v1::GRAPH_FORMAT_TEXT), TextOf(meta));
    const std::string binary = Whole(graph, v1::GRAPH_FORMAT_BINARY);
    EXPECT_EQ(binary.size(), meta.ByteSizeLong());
    EXPECT_EQ(binary, Whole(graph, v1::GRAPH_FORMAT_UNSPECIFIED));
    tensorflow::MetaGraphDef read;
    ASSERT_TRUE(read.ParseFromString(binary));
    EXPECT_EQ(TextOf(read), TextOf(meta));
    // Of the same object, whose maps keep their order, not a byte differs.
    EXPECT_THAT(binary, testing::HasSubstr(
                            graph->meta().graph->def().SerializeAsString()));
  }
  EXPECT_THAT(Whole(GraphOf("rich"), v1::GRAPH_FORMAT_TEXT),
              testing::AllOf(testing::HasSubstr("\n    77: 7\n"),
                             testing::HasSubstr("\n  78: 8\n"),
                             testing::HasSubstr("\n79: 9\n")));
}

TEST_F(GraphPiecesTest, KeepTheOrderOfAnExtendedGraph) {
  TestGraph more;
  more.Const("added", FloatVector({1}));
  v1::ExtendGraphRequest request;
  request.set_model("seed");
  *request.mutable_graph() = more.def();
  v1::ExtendGraphResponse response;
  ASSERT_OK(admin_.ExtendGraph(request, call_, &response));
  const auto graph = GraphOf("seed");
  const tensorflow::MetaGraphDef meta = graph->meta().ToProto();
  EXPECT_EQ(meta.graph_def().node().rbegin()->name(), "added");
  EXPECT_EQ(Whole(graph, v1::GRAPH_FORMAT_TEXT), TextOf(meta));
  EXPECT_EQ(Whole(graph, v1::GRAPH_FORMAT_BINARY).size(), meta.ByteSizeLong());
}

TEST_F(GraphPiecesTest, OfAPartAreItsNodes) {
  const auto graph = GraphOf("seed");
  const Graph& nodes = *graph->meta().graph;
  const int add = nodes.FindNode("add")->id;
  const int read = nodes.FindNode("W1/read")->id;
  tensorflow::MetaGraphDef meta = graph->meta().def;
  tensorflow::GraphDef& def = *meta.mutable_graph_def();
  *def.mutable_versions() = nodes.versions();
  *def.add_node() = *nodes.node(std::min(add, read)).def;
  *def.add_node() = *nodes.node(std::max(add, read)).def;
  def.mutable_node(read < add ? 0 : 1)->clear_input();
  const auto part = [&] {
    auto out = std::make_unique<GraphPart>();
    out->nodes = {std::min(add, read), std::max(add, read)};
    out->inputless = {read < add, add < read};
    return out;
  };
  EXPECT_EQ(Whole(graph, v1::GRAPH_FORMAT_TEXT, part()), TextOf(meta));
  tensorflow::MetaGraphDef binary;
  ASSERT_TRUE(
      binary.ParseFromString(Whole(graph, v1::GRAPH_FORMAT_BINARY, part())));
  EXPECT_EQ(TextOf(binary), TextOf(meta));
  EXPECT_THAT(Whole(graph, v1::GRAPH_FORMAT_DOT, part()),
              testing::AllOf(testing::StartsWith("digraph {\n"),
                             testing::HasSubstr("\"W1/read\" -> \"add\"\n"),
                             testing::Not(testing::HasSubstr("-> \"W1/read\"")),
                             testing::EndsWith("}\n")));
}

TEST_F(GraphPiecesTest, HaveNoOtherFormat) {
  EXPECT_THAT(GraphPieces::Of(GraphOf("seed"), nullptr,
                              static_cast<v1::GraphFormat>(77))
                  .status(),
              HasCode(absl::StatusCode::kInvalidArgument, "unknown format 77"));
}

}  // namespace
}  // namespace metagraph
