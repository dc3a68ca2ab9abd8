#include "core/graph/meta_graph.h"

#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"
#include "tests/core/graph/text_proto.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace metagraph {
namespace {

using tensorflow::GraphDef;
using tensorflow::MetaGraphDef;
using tensorflow::SavedModel;
using Code = absl::StatusCode;

constexpr char kMetaGraph[] = R"(
  node { name: "a" op: "Const" attr { key: "dtype" value { type: DT_FLOAT } } }
  node { name: "b" op: "Neg" input: "a" }
  versions { producer: 27 })";

std::string MetaText() {
  return absl::StrCat(R"(
    meta_info_def { tags: "serve" tensorflow_version: "1.15.0"
      stripped_op_list { op { name: "Neg" } } }
    saver_def { restore_op_name: "b" }
    collection_def { key: "c" value { node_list { value: "a:0" } } }
    graph_def {)",
                      kMetaGraph, "}");
}

std::string SavedModelText(const std::string& tags) {
  return absl::StrCat("saved_model_schema_version: 1 meta_graphs { ",
                      "meta_info_def { ", tags, " } graph_def {", kMetaGraph,
                      "} }");
}

template <typename Proto>
std::string Binary(const std::string& text) {
  return FromText<Proto>(text).SerializeAsString();
}

void ExpectKind(const std::string& bytes, GraphFileKind want) {
  ASSERT_OK_AND_ASSIGN(const GraphFileKind kind, DetectGraphFileKind(bytes));
  EXPECT_EQ(kind, want);
  ASSERT_OK_AND_ASSIGN(const MetaGraph meta, ParseMetaGraph(bytes, kind));
  EXPECT_EQ(meta.kind, want);
  EXPECT_EQ(meta.graph->nodes().size(), 2u);
  EXPECT_FALSE(meta.def.has_graph_def());
}

TEST(MetaGraphTest, DetectsEachKindInBinaryAndText) {
  ExpectKind(Binary<MetaGraphDef>(MetaText()), GraphFileKind::kMetaGraph);
  ExpectKind(MetaText(), GraphFileKind::kMetaGraph);
  ExpectKind(Binary<GraphDef>(kMetaGraph), GraphFileKind::kGraphDef);
  ExpectKind(kMetaGraph, GraphFileKind::kGraphDef);
  const std::string saved = SavedModelText("tags: 'serve'");
  ExpectKind(Binary<SavedModel>(saved), GraphFileKind::kSavedModel);
  ExpectKind(saved, GraphFileKind::kSavedModel);
}

TEST(MetaGraphTest, AMetaGraphOfAGraphAloneIsNoGraphDef) {
  // graph_def and library have the same field number.
  const std::string bytes =
      Binary<MetaGraphDef>(absl::StrCat("graph_def {", kMetaGraph, "}"));
  ExpectKind(bytes, GraphFileKind::kMetaGraph);
}

TEST(MetaGraphTest, ALibraryAloneIsAGraphDef) {
  const std::string bytes = Binary<GraphDef>(R"(
    library { function { signature { name: "f" }
                         node_def { name: "n" op: "Neg" } } })");
  ASSERT_OK_AND_ASSIGN(const GraphFileKind kind, DetectGraphFileKind(bytes));
  EXPECT_EQ(kind, GraphFileKind::kGraphDef);
}

TEST(MetaGraphTest, RoundTripsToProto) {
  const auto want = FromText<MetaGraphDef>(MetaText());
  const MetaGraph meta = MakeMetaGraph(MetaText());
  EXPECT_EQ(meta.ToProto().DebugString(), want.DebugString());
}

TEST(MetaGraphTest, KeepsUnknownAttributesAndSkipsUnknownTextFields) {
  const MetaGraph meta = MakeMetaGraph(R"(
    graph_def { node { name: "a" op: "FutureOp" not_yet_invented: 3
      attr { key: "_future" value { s: "x" } } } also_new { a: 1 } })");
  EXPECT_EQ(meta.graph->node(0).def->attr().at("_future").s(), "x");
}

TEST(MetaGraphTest, RefusesWhatIsNoGraph) {
  for (const std::string& bytes :
       {std::string(), std::string("hello, world\n"),
        std::string("name: \"x\"\n"), std::string(100, '\0'),
        std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16),
        Binary<MetaGraphDef>("collection_def { key: 'k' value {} }")}) {
    EXPECT_THAT(DetectGraphFileKind(bytes),
                HasCode(Code::kInvalidArgument, "not a graph"));
    EXPECT_THAT(ParseMetaGraph(bytes, GraphFileKind::kMetaGraph),
                HasCode(Code::kInvalidArgument, "not a graph"));
  }
}

TEST(MetaGraphTest, NamesFilesOfOtherKinds) {
  EXPECT_THAT(DetectGraphFileKind("version https://git-lfs.github.com/spec/v1\n"
                                  "oid sha256:4d7a\nsize 12345\n"),
              HasCode(Code::kInvalidArgument, "Git LFS pointer"));
  EXPECT_THAT(DetectGraphFileKind("<!DOCTYPE html><html></html>"),
              HasCode(Code::kInvalidArgument, "HTML page"));
  EXPECT_THAT(DetectGraphFileKind(std::string("\x08\x07\x12\x07pytorch")),
              HasCode(Code::kInvalidArgument, "ONNX"));
  EXPECT_THAT(DetectGraphFileKind(std::string("PK\x03\x04\x14\0\0", 7)),
              HasCode(Code::kInvalidArgument, "zip archive"));
  // A word that is a field's name elsewhere.
  EXPECT_THAT(DetectGraphFileKind("library of graphs, version 3\n"),
              HasCode(Code::kInvalidArgument, "the text is no MetaGraphDef"));
}

TEST(MetaGraphTest, TakesTextAsPeopleAndEditorsLeaveIt) {
  std::string crlf = "\xEF\xBB\xBF# node {\r\n";
  for (const char c : std::string(kMetaGraph)) {
    if (c == '\n') crlf += '\r';
    crlf += c;
  }
  ExpectKind(crlf, GraphFileKind::kGraphDef);
  ExpectKind("# a comment\n\n" + MetaText() + "\n# the end",
             GraphFileKind::kMetaGraph);
  ExpectKind(
      "node < name: 'a' op: 'NoOp' >; node: { name: 'b' op: \"No\" 'Op' }",
      GraphFileKind::kGraphDef);
  ExpectKind("node: [ { name: 'a' op: 'NoOp' }, { name: 'b' op: 'NoOp' } ]",
             GraphFileKind::kGraphDef);
  // Fields and braces in comments and strings are none.
  const std::string nodes =
      "node { name: 'a' op: 'NoOp' } node { name: 'b' op: 'NoOp' }";
  ExpectKind("# meta_graphs { }\n" + nodes, GraphFileKind::kGraphDef);
  ExpectKind(R"(newer { text: "a \" } saver_def { } \" {" } )" + nodes,
             GraphFileKind::kGraphDef);
}

TEST(MetaGraphTest, GuessesLargeFilesByTheirBeginning) {
  const TempDir dir;
  const auto guess = [&](const std::string& bytes) {
    const std::string path = dir.Join("file");
    std::ofstream(path, std::ios::binary) << bytes;
    return GuessGraphFileKind(FileSystem::Posix(), path);
  };
  GraphDef graph = FromText<GraphDef>("node { name: 'a' op: 'Const' }");
  (*graph.mutable_node(0)->mutable_attr())["value"]
      .mutable_tensor()
      ->set_tensor_content(std::string(200000, 'w'));
  MetaGraphDef meta;
  *meta.mutable_graph_def() = graph;
  meta.mutable_meta_info_def()->set_tensorflow_version("1.15.0");
  MetaGraphDef large_info = meta;
  for (int i = 0; i < 20000; ++i) {
    large_info.mutable_meta_info_def()->add_tags("a tag");
  }
  SavedModel saved;
  saved.set_saved_model_schema_version(1);
  *saved.add_meta_graphs() = meta;
  std::string text;
  google::protobuf::TextFormat::PrintToString(graph, &text);

  EXPECT_TRUE(guess(graph.SerializeAsString()).has_value());
  EXPECT_EQ(guess(meta.SerializeAsString()), GraphFileKind::kMetaGraph);
  EXPECT_EQ(guess(large_info.SerializeAsString()), GraphFileKind::kMetaGraph);
  EXPECT_EQ(guess(saved.SerializeAsString()), GraphFileKind::kSavedModel);
  EXPECT_EQ(guess(text), GraphFileKind::kGraphDef);
  for (const std::string& other :
       {std::string(100000, '\0'), std::string(100000, 'x'),
        std::string("\x1f\x8b") + std::string(100000, '\n'),
        "<html>" + std::string(100000, ' ')}) {
    EXPECT_FALSE(guess(other).has_value());
  }
  EXPECT_FALSE(
      GuessGraphFileKind(FileSystem::Posix(), dir.Join("absent")).has_value());
}

TEST(MetaGraphTest, SaysWhatItFoundInstead) {
  EXPECT_THAT(
      ParseMetaGraph(Binary<GraphDef>(kMetaGraph), GraphFileKind::kSavedModel),
      HasCode(Code::kInvalidArgument,
              "expected a SavedModel, found a "
              "GraphDef"));
  EXPECT_THAT(ParseMetaGraph(MetaText(), GraphFileKind::kGraphDef),
              HasCode(Code::kInvalidArgument,
                      "expected a GraphDef, found a MetaGraphDef"));
}

TEST(MetaGraphTest, RefusesEveryTruncation) {
  const std::string bytes =
      Binary<MetaGraphDef>(absl::StrCat("graph_def {", kMetaGraph, "}"));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(
        ParseMetaGraph(bytes.substr(0, size), GraphFileKind::kMetaGraph),
        HasCode(Code::kInvalidArgument, ""))
        << size;
  }
}

TEST(MetaGraphTest, AFlippedBitIsAnErrorOrAGraph) {
  const std::string bytes = Binary<MetaGraphDef>(MetaText());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string broken = bytes;
    broken[bit / 8] = static_cast<char>(broken[bit / 8] ^ (1 << bit % 8));
    const auto meta = ParseMetaGraph(broken, GraphFileKind::kMetaGraph);
    if (meta.ok()) continue;
    EXPECT_EQ(meta.status().code(), Code::kInvalidArgument) << meta.status();
  }
}

TEST(MetaGraphTest, ReadsTextThatNamesNewerDataTypes) {
  const MetaGraph meta = MakeMetaGraph(
      "graph_def { node { name: 'a' op: 'NoOp' "
      "attr { key: 'T' value { type: DT_FLOAT8_E5M2 } } } }");
  EXPECT_EQ(meta.graph->node(0).def->attr().at("T").type(),
            tensorflow::DT_FLOAT8_E5M2);
}

TEST(MetaGraphTest, TextErrorsTellTheLine) {
  EXPECT_THAT(ParseMetaGraph("graph_def {\n  node { name: 5 }\n}",
                             GraphFileKind::kMetaGraph),
              HasCode(Code::kInvalidArgument, "line 2, column 16"));
}

TEST(MetaGraphTest, DeepNestingIsRefusedNotOverrun) {
  std::string text = "node { name: 'a' op: 'A' attr { key: 'x' value ";
  const int depth = 100000;
  for (int i = 0; i < depth; ++i) {
    text += "{ func { attr { key: 'x' value ";
  }
  EXPECT_THAT(ParseGraphDef(text), HasCode(Code::kInvalidArgument, ""));
}

TEST(MetaGraphTest, TakesTheServedMetaGraph) {
  const std::string two =
      absl::StrCat(SavedModelText("tags: 'train'"),
                   " meta_graphs { meta_info_def { tags: 'serve' } graph_def { "
                   "node { name: 'served' op: 'NoOp' } } }");
  ASSERT_OK_AND_ASSIGN(const MetaGraph meta,
                       ParseMetaGraph(two, GraphFileKind::kSavedModel));
  EXPECT_NE(meta.graph->FindNode("served"), nullptr);
}

TEST(MetaGraphTest, TakesTheOnlyMetaGraphWhateverItsTags) {
  EXPECT_OK(ParseMetaGraph(SavedModelText("tags: 'train'"),
                           GraphFileKind::kSavedModel));
}

TEST(MetaGraphTest, ListsTheTagsIfNoneIsServed) {
  const std::string two = absl::StrCat(
      SavedModelText("tags: 'train'"),
      " meta_graphs { meta_info_def { tags: 'eval' tags: 'gpu' } graph_def { "
      "node { name: 'x' op: 'NoOp' } } }");
  EXPECT_THAT(ParseMetaGraph(two, GraphFileKind::kSavedModel),
              HasCode(Code::kNotFound, "{ train }, { eval, gpu }"));
}

// ReadMetaGraph, on real files.
class ReadMetaGraphTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& bytes) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  const std::string folder_ =
      ::testing::TempDir() + "/meta_graph_test_" +
      ::testing::UnitTest::GetInstance()->current_test_info()->name();
  FileSystem& fs_ = FileSystem::Posix();
};

TEST_F(ReadMetaGraphTest, TheContentDecidesNotTheName) {
  ASSERT_OK_AND_ASSIGN(
      const MetaGraph meta,
      ReadMetaGraph(fs_, Write("x.pb", Binary<MetaGraphDef>(MetaText()))));
  EXPECT_EQ(meta.kind, GraphFileKind::kMetaGraph);
  EXPECT_EQ(meta.def.saver_def().restore_op_name(), "b");
}

TEST_F(ReadMetaGraphTest, ReadsASavedModelFolder) {
  Write("saved_model.pbtxt", SavedModelText("tags: 'serve'"));
  ASSERT_OK_AND_ASSIGN(const MetaGraph meta, ReadMetaGraph(fs_, folder_));
  EXPECT_EQ(meta.kind, GraphFileKind::kSavedModel);
}

TEST_F(ReadMetaGraphTest, NamesTheFileInItsErrors) {
  EXPECT_THAT(ReadMetaGraph(fs_, folder_ + "/none.meta"),
              HasCode(Code::kNotFound, "none.meta"));
  EXPECT_THAT(ReadMetaGraph(fs_, folder_),
              HasCode(Code::kNotFound, "Could not find SavedModel"));
  EXPECT_THAT(ReadMetaGraph(fs_, Write("bad.meta", "bad")),
              HasCode(Code::kDataLoss, "bad.meta\": not a graph"));
}

}  // namespace
}  // namespace metagraph
