#include "core/graph/collections.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/graph/text_proto.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using tensorflow::CollectionDef;
using tensorflow::VariableDef;
using ::testing::ElementsAre;
using Kind = NamedThing::Kind;

constexpr char kGraph[] =
    "graph_def { node { name: 'W' op: 'VariableV2' } "
    "node { name: 'train' op: 'NoOp' } }";

MetaGraph WithCollection(const std::string& key, const std::string& value) {
  return MakeMetaGraph(absl::StrCat(kGraph, "collection_def { key: '", key,
                                    "' value { ", value, " } }"));
}

TEST(CollectionsTest, ResolvesNodeLists) {
  const MetaGraph meta = WithCollection(
      "w", "node_list { value: 'W:0' value: 'train' value: 'gone:0' }");
  ASSERT_OK_AND_ASSIGN(const Collection got, GetCollection(meta, "w"));
  EXPECT_EQ(got.kind, CollectionDef::kNodeList);
  ASSERT_EQ(got.entries.size(), 3u);
  EXPECT_EQ(got.entries[0].text, "W:0");
  EXPECT_EQ(got.entries[0].refers.kind, Kind::kTensor);
  EXPECT_EQ(got.entries[0].refers.endpoint, (Endpoint{0, 0}));
  EXPECT_EQ(got.entries[1].refers.kind, Kind::kOperation);
  EXPECT_EQ(got.entries[1].refers.endpoint.node, 1);
  EXPECT_FALSE(got.entries[1].dangling);
  EXPECT_TRUE(got.entries[2].dangling);
}

TEST(CollectionsTest, ReadsBytesAsNamesIfTheyAre) {
  const MetaGraph meta =
      WithCollection("w1", "bytes_list { value: 'W:0' value: 'just text' }");
  ASSERT_OK_AND_ASSIGN(const Collection got, GetCollection(meta, "w1"));
  EXPECT_EQ(got.kind, CollectionDef::kBytesList);
  EXPECT_EQ(got.entries[0].text, "W:0");
  EXPECT_EQ(got.entries[0].refers.kind, Kind::kTensor);
  EXPECT_EQ(got.entries[1].refers.kind, Kind::kNothing);
  EXPECT_FALSE(got.entries[1].dangling);
}

TEST(CollectionsTest, ReadsVariablesUnderTheirKeys) {
  MetaGraph meta = WithCollection("variables", "");
  auto* list =
      (*meta.def.mutable_collection_def())["variables"].mutable_bytes_list();
  list->add_value(
      FromText<VariableDef>("variable_name: 'W:0'").SerializeAsString());
  list->add_value(
      FromText<VariableDef>("variable_name: 'gone:0'").SerializeAsString());
  list->add_value("\xff\xff broken");
  ASSERT_OK_AND_ASSIGN(const Collection got, GetCollection(meta, "variables"));
  ASSERT_TRUE(got.entries[0].variable.has_value());
  EXPECT_EQ(got.entries[0].variable->variable_name(), "W:0");
  EXPECT_EQ(got.entries[0].refers.kind, Kind::kTensor);
  EXPECT_TRUE(got.entries[1].dangling);
  EXPECT_FALSE(got.entries[2].variable.has_value());
}

TEST(CollectionsTest, ReadsSavers) {
  MetaGraph meta = WithCollection("savers", "");
  tensorflow::SaverDef saver;
  saver.set_restore_op_name("train");
  (*meta.def.mutable_collection_def())["savers"]
      .mutable_bytes_list()
      ->add_value(saver.SerializeAsString());
  ASSERT_OK_AND_ASSIGN(const Collection got, GetCollection(meta, "savers"));
  ASSERT_TRUE(got.entries[0].saver.has_value());
  EXPECT_FALSE(got.entries[0].dangling);
}

TEST(CollectionsTest, ReadsNumbersAndMessages) {
  const MetaGraph meta = MakeMetaGraph(absl::StrCat(kGraph, R"(
    collection_def { key: "i" value { int64_list { value: [7, -1] } } }
    collection_def { key: "f" value { float_list { value: 0.5 } } }
    collection_def { key: "a" value {
      any_list { value { type_url: "t" value: "v" } } } }
    collection_def { key: "e" value {} })"));
  EXPECT_THAT(CollectionNames(meta), ElementsAre("a", "e", "f", "i"));
  ASSERT_OK_AND_ASSIGN(const Collection ints, GetCollection(meta, "i"));
  EXPECT_EQ(ints.entries[1].int64_value, -1);
  ASSERT_OK_AND_ASSIGN(const Collection floats, GetCollection(meta, "f"));
  EXPECT_EQ(floats.entries[0].float_value, 0.5f);
  ASSERT_OK_AND_ASSIGN(const Collection anys, GetCollection(meta, "a"));
  EXPECT_EQ(anys.entries[0].any_value.type_url(), "t");
  ASSERT_OK_AND_ASSIGN(const Collection none, GetCollection(meta, "e"));
  EXPECT_EQ(none.kind, CollectionDef::KIND_NOT_SET);
  EXPECT_TRUE(none.entries.empty());
  for (const std::string& name : CollectionNames(meta)) {
    ASSERT_OK_AND_ASSIGN(const Collection got, GetCollection(meta, name));
    EXPECT_EQ(CollectionSize(meta.def.collection_def().at(name)),
              static_cast<int64_t>(got.entries.size()));
  }
}

TEST(CollectionsTest, OffersSimilarNames) {
  const MetaGraph meta = WithCollection("losses", "node_list {}");
  EXPECT_THAT(GetCollection(meta, "losse"),
              HasCode(absl::StatusCode::kNotFound, "did you mean \"losses\""));
}

}  // namespace
}  // namespace metagraph
