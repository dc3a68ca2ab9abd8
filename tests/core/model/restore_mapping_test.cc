// Checkpoints whose names are not the graph's, or that hold less than it wants.

#include "core/checkpoint/object_names.h"
#include "core/model/rescanner.h"
#include "tensorflow/trackable_object_graph.pb.h"
#include "tests/core/model/model_fixture.h"

namespace metagraph {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Lt;
using testing::Not;
using testing::SizeIs;

using Tensors = std::vector<std::pair<std::string, Tensor>>;

// out = x * (a + b), with a slot of each that only a training op uses.
tensorflow::MetaGraphDef ScopedMetaGraph(const std::string& scope) {
  const std::string a = scope + "a";
  const std::string b = scope + "b";
  TestGraph graph;
  graph.Placeholder("x", DT_FLOAT);
  for (const std::string& name : {a, b, a + "/slot", b + "/slot"}) {
    graph.Variable(name, FloatVector({0, 0}));
  }
  graph.Node("sum", "AddV2", {a + "/read", b + "/read"}, {{"T", DT_FLOAT}});
  graph.Node("out", "Mul", {"x", "sum"}, {{"T", DT_FLOAT}});
  for (const std::string& name : {a, b}) {
    graph.Node(name + "/train", "ApplyMomentum",
               {name, name + "/slot", "x", "x", "x"}, {{"T", DT_FLOAT}});
  }
  tensorflow::MetaGraphDef meta;
  *meta.mutable_saver_def() = AddSaver(graph, {a, a + "/slot", b, b + "/slot"});
  *meta.mutable_graph_def() = graph.def();
  return meta;
}

class RestoreMappingTest : public ModelTest {
 protected:
  void Write(const std::string& scope, const Tensors& tensors) {
    WriteMetaGraph(fs(), Path("model.meta"), ScopedMetaGraph(scope));
    WriteNewest("model", tensors);
  }
  void WriteNewest(const std::string& name, const Tensors& tensors) {
    WriteCheckpoint(fs(), Path(name), tensors);
    ASSERT_OK(UpdateCheckpointState(fs(), folder(), Path(name), {}));
  }
  absl::StatusOr<std::unique_ptr<Model>> LoadWith(RestoreMapping mapping) {
    auto found = FindModel(fs(), folder());
    if (!found.ok()) return found.status();
    return Model::Load("m", *found, environment_, call_,
                       {std::move(mapping), "serve m"});
  }
  std::vector<float> Out() {
    RunRequest request;
    request.feeds = {{"x:0", FloatVector({1, 2})}};
    request.fetches = {"out:0"};
    auto result = Run(*model_, request);
    EXPECT_OK(result);
    return result.ok() ? Values<float>(result->outputs[0])
                       : std::vector<float>();
  }
  static Tensors Weights(const std::string& scope, float a, float b) {
    return {{scope + "a", FloatVector({a, a})},
            {scope + "a/slot", FloatVector({7, 7})},
            {scope + "b", FloatVector({b, b})},
            {scope + "b/slot", FloatVector({7, 7})}};
  }
  static Tensors WithoutSlots(const std::string& scope, float a, float b) {
    return {{scope + "a", FloatVector({a, a})},
            {scope + "b", FloatVector({b, b})}};
  }
  static RestoreMapping Prefix(const std::string& prefix) {
    RestoreMapping out;
    out.prefix = prefix;
    return out;
  }
  static RestoreMapping Rules(std::vector<std::string> rules) {
    RestoreMapping out;
    out.rules = std::move(rules);
    return out;
  }
  static RestoreMapping SkipMissing() {
    RestoreMapping out;
    out.skip_missing = true;
    return out;
  }
};

TEST_F(RestoreMappingTest, AnErrorNamesThePrefixThatExplainsAll) {
  Write("model/", Weights("", 1, 2));
  EXPECT_THAT(LoadWith({}), HasCode(absl::StatusCode::kNotFound,
                                    "All fit with: serve m --prefix model/"));
  ASSERT_OK_AND_ASSIGN(model_, LoadWith(Prefix("model/")));
  EXPECT_THAT(Out(), ElementsAre(3, 6));
  EXPECT_THAT(model_->history().last_report()->renamed, SizeIs(4));
  EXPECT_THAT(model_->note(), HasSubstr("\"model/a\" is \"a\""));
}

TEST_F(RestoreMappingTest, AnErrorNamesThePrefixOfTheCheckpoint) {
  Write("", Weights("tower_0/", 1, 2));
  EXPECT_THAT(LoadWith({}), HasCode(absl::StatusCode::kNotFound,
                                    "serve m --prefix tower_0/"));
  ASSERT_OK_AND_ASSIGN(model_, LoadWith(Prefix("tower_0")));
  EXPECT_THAT(Out(), ElementsAre(3, 6));
}

TEST_F(RestoreMappingTest, AnErrorNamesTheScopeThatWasRenamed) {
  Write("net/v2/", Weights("net/v1/", 1, 2));
  EXPECT_THAT(LoadWith({}), HasCode(absl::StatusCode::kNotFound,
                                    "serve m --map net/v1/=net/v2/"));
  ASSERT_OK_AND_ASSIGN(model_, LoadWith(Rules({"net/v1/=net/v2/"})));
  EXPECT_THAT(Out(), ElementsAre(3, 6));
}

TEST_F(RestoreMappingTest, AnErrorNamesPrefixAndSlotsTogether) {
  Write("model/", WithoutSlots("", 1, 2));
  EXPECT_THAT(LoadWith({}), HasCode(absl::StatusCode::kNotFound,
                                    "serve m --prefix model/ --skip-missing"));
  RestoreMapping mapping = Prefix("model/");
  mapping.skip_missing = true;
  ASSERT_OK_AND_ASSIGN(model_, LoadWith(mapping));
  EXPECT_THAT(Out(), ElementsAre(3, 6));
}

TEST_F(RestoreMappingTest, SlotsThatOnlyTrainingUsesAreNamedAsSuch) {
  Write("", WithoutSlots("", 1, 2));
  EXPECT_THAT(LoadWith({}),
              HasCode(absl::StatusCode::kNotFound,
                      "only training uses them (as an optimizer's slots), no "
                      "output of the graph does. To serve the rest: "
                      "serve m --skip-missing"));
  ASSERT_OK_AND_ASSIGN(model_, LoadWith(SkipMissing()));
  EXPECT_THAT(Out(), ElementsAre(3, 6));
  EXPECT_THAT(model_->note(), AllOf(HasSubstr("2 variables restored"),
                                    HasSubstr("only training uses them")));
  EXPECT_THAT(model_->history().last_report()->missing,
              ElementsAre("a/slot", "b/slot"));
}

TEST_F(RestoreMappingTest, WeightsThatAreMissingAreNotCalledSlots) {
  Write("", {{"a", FloatVector({1, 1})}, {"a/slot", FloatVector({1, 1})}});
  const auto loaded = LoadWith({});
  EXPECT_THAT(loaded, HasCode(absl::StatusCode::kNotFound,
                              "only training uses 1 of them"));
  EXPECT_THAT(loaded,
              HasCode(absl::StatusCode::kNotFound, "serve m --skip-missing"));
  // What is skipped has no value, and a run says so.
  ASSERT_OK_AND_ASSIGN(model_, LoadWith(SkipMissing()));
  RunRequest request;
  request.feeds = {{"x:0", FloatVector({1, 2})}};
  request.fetches = {"out:0"};
  EXPECT_THAT(Run(*model_, request),
              HasCode(absl::StatusCode::kFailedPrecondition, "b"));
}

TEST_F(RestoreMappingTest, OtherShapesAreNotSkippedAsMissing) {
  Write("", {{"a", FloatVector({1, 1})}, {"b", FloatVector({1, 1, 1})}});
  EXPECT_THAT(LoadWith(SkipMissing()),
              HasCode(absl::StatusCode::kInvalidArgument, "serve m --partial"));
  RestoreMapping partial = SkipMissing();
  partial.skip_mismatched = true;
  ASSERT_OK_AND_ASSIGN(model_, LoadWith(partial));
  EXPECT_THAT(model_->history().last_report()->restored, ElementsAre("a"));
}

TEST_F(RestoreMappingTest, SkippingAllIsAnError) {
  Write("model/", Weights("", 1, 2));
  const auto loaded = LoadWith(SkipMissing());
  EXPECT_THAT(loaded, HasCode(absl::StatusCode::kNotFound,
                              "no variable of the graph is in it"));
  EXPECT_THAT(loaded, HasCode(absl::StatusCode::kNotFound, "--prefix model/"));
}

TEST_F(RestoreMappingTest, ManyNamesAreCutWithACount) {
  TestGraph graph;
  std::vector<std::string> names;
  for (int i = 0; i < 300; ++i) {
    names.push_back(absl::StrCat("a/rather/long/scope/of/variable", i));
    graph.Variable(names.back(), FloatVector({1}));
  }
  tensorflow::MetaGraphDef meta;
  *meta.mutable_saver_def() = AddSaver(graph, names);
  *meta.mutable_graph_def() = graph.def();
  WriteMetaGraph(fs(), Path("model.meta"), meta);
  Tensors others;
  for (int i = 0; i < 300; ++i) {
    others.emplace_back(absl::StrCat("another/name/w", i), FloatVector({1}));
  }
  WriteNewest("model", others);
  const absl::Status status = LoadWith({}).status();
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("and 295 more"), SizeIs(Lt(1000))));
}

TEST_F(RestoreMappingTest, TheModelKeepsItsMapping) {
  Write("model/", Weights("", 1, 2));
  ASSERT_OK_AND_ASSIGN(model_, LoadWith(Prefix("model/")));
  const int64_t first = model_->generation_number();
  WriteNewest("model-2", Weights("", 3, 4));
  ASSERT_OK(Restore(""));
  EXPECT_THAT(Out(), ElementsAre(7, 14));
  // Also when a generation is restored from its checkpoint again.
  ASSERT_OK(Restore(""));
  ASSERT_OK_AND_ASSIGN(const RollbackResult back,
                       model_->Rollback(first, -1, call_));
  EXPECT_TRUE(back.from_checkpoint);
  EXPECT_THAT(Out(), ElementsAre(3, 6));
}

TEST_F(RestoreMappingTest, TheManagerKeepsTheMappingForNewVersions) {
  Write("model/", Weights("", 1, 2));
  ModelManager manager(environment_);
  ASSERT_OK_AND_ASSIGN(
      const int64_t version,
      manager.Load("m", folder(), {}, {Prefix("model/"), "serve m"}));
  ASSERT_OK(manager.WaitUntilLoaded("m", version, call_));
  WriteNewest("model-2", Weights("", 3, 4));
  Rescanner(manager).Look(false, call_);
  ASSERT_OK_AND_ASSIGN(const auto model, manager.Find("m"));
  EXPECT_EQ(model->history().last_restore()->checkpoint, Path("model-2"));
  EXPECT_OK(model->history().last_restore()->status);
  EXPECT_THAT(manager.Load("n", folder(), {}, {Rules({"nonsense"}), ""}),
              HasCode(absl::StatusCode::kInvalidArgument, "nonsense"));
}

TEST_F(RestoreMappingTest, AnotherMappingHoldsForOneRestore) {
  Write("model/", Weights("model/", 1, 2));
  ASSERT_OK_AND_ASSIGN(model_, LoadWith({}));
  const int64_t first = model_->generation_number();
  WriteCheckpoint(fs(), Path("other"), Weights("old/", 5, 6));
  EXPECT_THAT(Restore("other"),
              HasCode(absl::StatusCode::kNotFound,
                      "metagraphctl restore m other --map old/=model/"));
  RestoreOptions options;
  options.checkpoint = "other";
  options.mapping = Rules({"old/=model/"});
  ASSERT_OK_AND_ASSIGN(const RestoreResult restored,
                       model_->Restore(options, nullptr, call_));
  EXPECT_THAT(Out(), ElementsAre(11, 22));
  EXPECT_THAT(Restore("other"), HasCode(absl::StatusCode::kNotFound, "model"));
  ASSERT_OK(Restore("model"));
  ASSERT_OK(Restore("model"));
  ASSERT_OK(model_->Rollback(restored.generation, -1, call_));
  EXPECT_THAT(Out(), ElementsAre(11, 22));
  EXPECT_OK(model_->Rollback(first, -1, call_));
}

// Values of two checkpoints are no weights.
TEST_F(RestoreMappingTest, WhatWasRestoredMustNotGoMissingLater) {
  Write("", WithoutSlots("", 1, 2));
  ASSERT_OK_AND_ASSIGN(model_, LoadWith(SkipMissing()));
  WriteNewest("model-2", {{"a", FloatVector({9, 9})}});
  EXPECT_THAT(Restore(""),
              HasCode(absl::StatusCode::kNotFound, "those of two checkpoints"));
  EXPECT_THAT(Out(), ElementsAre(3, 6));
  RestoreOptions options;
  options.mapping = SkipMissing();
  EXPECT_OK(model_->Restore(options, nullptr, call_));
  EXPECT_THAT(Out(), ElementsAre(11, 22));
}

// After a rollback it counts what the values that are back were restored with.
TEST_F(RestoreMappingTest, WhatARollbackBroughtBackMustNotGoMissingLater) {
  Write("", WithoutSlots("", 1, 2));
  ASSERT_OK_AND_ASSIGN(model_, LoadWith(SkipMissing()));
  WriteCheckpoint(fs(), Path("half"), {{"a", FloatVector({9, 9})}});
  RestoreOptions options;
  options.checkpoint = "half";
  options.mapping = SkipMissing();
  ASSERT_OK(model_->Restore(options, nullptr, call_));
  ASSERT_OK_AND_ASSIGN(const RollbackResult back,
                       model_->Rollback({}, -1, call_));
  EXPECT_FALSE(back.from_checkpoint);
  EXPECT_THAT(Out(), ElementsAre(3, 6));
  EXPECT_THAT(Restore("half"),
              HasCode(absl::StatusCode::kNotFound, "those of two checkpoints"));
  EXPECT_THAT(Out(), ElementsAre(3, 6));
  // And back to those without "b".
  ASSERT_OK(model_->Rollback({}, -1, call_));
  EXPECT_OK(Restore("half"));
}

TEST_F(RestoreMappingTest, ASaveIsUnderTheGraphsNamesAndRestoresAgain) {
  Write("model/", Weights("", 1, 2));
  ASSERT_OK_AND_ASSIGN(model_, LoadWith(Prefix("model/")));
  ASSERT_OK_AND_ASSIGN(const SaveResult saved,
                       model_->Save({}, nullptr, call_));
  ASSERT_OK_AND_ASSIGN(const auto reader,
                       CheckpointReader::Open(fs(), saved.checkpoint));
  EXPECT_NE(reader->Find("model/a"), nullptr);
  ASSERT_OK_AND_ASSIGN(model_, LoadWith(Prefix("model/")));
  EXPECT_THAT(Out(), ElementsAre(3, 6));
}

TEST_F(RestoreMappingTest, ASaveThatItsMapWouldReadWronglyIsRefused) {
  Write("", {{"a", FloatVector({1, 1})},
             {"b", FloatVector({2, 2})},
             {"a/slot", FloatVector({0, 0})},
             {"b/slot", FloatVector({0, 0})}});
  ASSERT_OK_AND_ASSIGN(model_, LoadWith(Rules({"a=b", "b=a"})));
  EXPECT_THAT(model_->Save({}, nullptr, call_),
              HasCode(absl::StatusCode::kFailedPrecondition,
                      "would read \"a\" from \"b\""));
  ASSERT_OK(fs().CreateDirectory(Path("elsewhere")));
  SaveOptions options;
  options.prefix = "elsewhere/";
  EXPECT_OK(model_->Save(options, nullptr, call_));
}

TEST_F(RestoreMappingTest, AMapOfAnotherGraphIsRefused) {
  Write("", Weights("", 1, 2));
  EXPECT_THAT(LoadWith(Rules({"old/=new/"})),
              HasCode(absl::StatusCode::kInvalidArgument, "\"new/\""));
}

TEST_F(RestoreMappingTest, AnIdleRuleIsNamedWhenNamesAreMissing) {
  Write("model/", Weights("net/", 1, 2));
  EXPECT_THAT(LoadWith(Prefix("modle/")),
              HasCode(absl::StatusCode::kNotFound,
                      "\"modle/\" names nothing in the checkpoint"));
}

// Without a saver a checkpoint may be another graph's, but this is known.
TEST_F(RestoreMappingTest, ADataFileThatIsMissingIsDamageWithoutASaver) {
  Write("", WithoutSlots("", 1, 2));
  tensorflow::MetaGraphDef meta = ScopedMetaGraph("");
  meta.clear_saver_def();
  WriteMetaGraph(fs(), Path("model.meta"), meta);
  EXPECT_OK(LoadWith({}));
  ASSERT_OK(fs().Remove(Path("model.data-00000-of-00001")));
  EXPECT_THAT(LoadWith({}), HasCode(absl::StatusCode::kDataLoss, "model"));
}

TEST_F(RestoreMappingTest, AnOlderWholeCheckpointIsServedWithoutASaverToo) {
  tensorflow::MetaGraphDef meta = ScopedMetaGraph("");
  meta.clear_saver_def();
  WriteMetaGraph(fs(), Path("graph.meta"), meta);
  const auto write = [&](const std::string& name) {
    Write("", WithoutSlots("", 1, 2));
    for (const char* end : {".index", ".data-00000-of-00001"}) {
      ASSERT_OK(
          fs().Rename(Path(std::string("model") + end), Path(name + end)));
    }
  };
  write("m-1");
  write("m-2");
  ASSERT_OK(fs().Remove(Path("model.meta")));
  ASSERT_OK(WriteFileAtomically(fs(), Path("checkpoint"),
                                "model_checkpoint_path: \"m-2\""));
  ASSERT_OK(fs().Remove(Path("m-2.data-00000-of-00001")));
  ASSERT_OK_AND_ASSIGN(const auto model, LoadWith({}));
  EXPECT_THAT(model->note(), testing::HasSubstr("m-1\" instead"));
  ASSERT_OK(fs().Remove(Path("m-1.data-00000-of-00001")));
  EXPECT_THAT(LoadWith({}), HasCode(absl::StatusCode::kDataLoss, "m-2"));
}

// ---- Object-based checkpoints ----------------------------------------------

// A checkpoint as tf.train.Checkpoint writes it: by name of the variable, the
// key and the value.
struct Object {
  std::string full_name;
  std::string key;
  float value;
};
Tensors ObjectCheckpoint(const std::vector<Object>& objects) {
  tensorflow::TrackableObjectGraph graph;
  Tensors out;
  for (const Object& object : objects) {
    auto* attribute = graph.add_nodes()->add_attributes();
    attribute->set_name("VARIABLE_VALUE");
    attribute->set_full_name(object.full_name);
    attribute->set_checkpoint_key(object.key + "/.ATTRIBUTES/VARIABLE_VALUE");
    out.emplace_back(attribute->checkpoint_key(),
                     FloatVector({object.value, object.value}));
  }
  out.emplace_back(kObjectGraphKey,
                   Tensor::Scalar<std::string>(graph.SerializeAsString()));
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return out;
}

TEST_F(RestoreMappingTest, AnObjectBasedCheckpointIsReadByItsVariablesNames) {
  Write("net/", ObjectCheckpoint({{"net/a", "layers/0/w", 1},
                                  {"net/b", "layers/1/w", 2},
                                  {"net/a/slot", "opt/0", 3},
                                  {"net/b/slot", "opt/1", 4},
                                  {"save_counter", "save_counter", 5}}));
  ASSERT_OK_AND_ASSIGN(model_, LoadWith({}));
  EXPECT_THAT(Out(), ElementsAre(3, 6));
  const auto report = model_->history().last_report();
  EXPECT_TRUE(report->object_based);
  EXPECT_THAT(report->extra,
              ElementsAre("save_counter/.ATTRIBUTES/VARIABLE_VALUE"));
  EXPECT_THAT(model_->note(), HasSubstr("object-based checkpoint"));
}

TEST_F(RestoreMappingTest, NamesOfObjectsAreMappedToo) {
  Write("", ObjectCheckpoint({{"sequential/a", "layers/0/w", 1},
                              {"sequential/b", "layers/1/w", 2}}));
  EXPECT_THAT(LoadWith({}),
              HasCode(absl::StatusCode::kNotFound,
                      "serve m --prefix sequential/ --skip-missing"));
  RestoreMapping mapping = Prefix("sequential");
  mapping.skip_missing = true;
  ASSERT_OK_AND_ASSIGN(model_, LoadWith(mapping));
  EXPECT_THAT(Out(), ElementsAre(3, 6));
}

TEST_F(RestoreMappingTest, KeysOfObjectsCanBeNamed) {
  Write("", ObjectCheckpoint({{"Variable", "u", 1}, {"Variable", "v", 2}}));
  RestoreMapping mapping = Rules(
      {"u/.ATTRIBUTES/VARIABLE_VALUE=a", "v/.ATTRIBUTES/VARIABLE_VALUE=b"});
  mapping.skip_missing = true;
  ASSERT_OK_AND_ASSIGN(model_, LoadWith(mapping));
  EXPECT_THAT(Out(), ElementsAre(3, 6));
}

TEST_F(RestoreMappingTest, ANameOfTwoObjectsIsNotGuessed) {
  Write("", ObjectCheckpoint({{"a", "u", 1}, {"a", "v", 2}, {"b", "w", 3}}));
  EXPECT_THAT(LoadWith({}), HasCode(absl::StatusCode::kNotFound,
                                    "several objects of the checkpoint are "
                                    "called \"a\""));
}

TEST_F(RestoreMappingTest, ADamagedObjectGraphIsDamage) {
  Write("", {{kObjectGraphKey, Tensor::Scalar<std::string>("\xff\xff")}});
  EXPECT_THAT(LoadWith({}),
              HasCode(absl::StatusCode::kDataLoss, "no object graph"));
}

}  // namespace
}  // namespace metagraph
