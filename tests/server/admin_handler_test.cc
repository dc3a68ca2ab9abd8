#include "server/handlers/admin_handler.h"

#include "tests/server/handler_fixture.h"

namespace metagraph {
namespace {

class AdminHandlerTest : public HandlerTest {
 protected:
  absl::Status Restore(const v1::RestoreRequest& request) {
    messages_.clear();
    return admin_.Restore(request, call_, [&](const v1::RestoreResponse& m) {
      messages_.push_back(m);
      return true;
    });
  }

  std::vector<v1::RestoreResponse> messages_;
};

TEST_F(AdminHandlerTest, RestoreStreamsProgressAndEndsWithTheResult) {
  v1::RestoreRequest request;
  request.set_model("seed");
  ASSERT_OK(Restore(request));
  ASSERT_GE(messages_.size(), 2u);
  EXPECT_EQ(messages_.front().progress().tensors_total(), 3);
  const v1::RestoreResult& result = messages_.back().result();
  EXPECT_EQ(result.checkpoint(), Path("model"));
  EXPECT_EQ(result.report().restored_size(), 3);
  EXPECT_EQ(result.generation(), result.previous_generation() + 1);

  request.set_expected_generation(77);
  EXPECT_THAT(Restore(request), HasCode(absl::StatusCode::kAborted, "77"));
  request.clear_expected_generation();
  request.set_checkpoint("absent");
  EXPECT_THAT(Restore(request), HasCode(absl::StatusCode::kNotFound, "absent"));
}

TEST_F(AdminHandlerTest, RestoreEndsWhenTheCallerGoesAway) {
  v1::RestoreRequest request;
  request.set_model("seed");
  ASSERT_OK_AND_ASSIGN(auto model, models_.Find("seed"));
  const int64_t before = model->generation_number();
  EXPECT_THAT(admin_.Restore(request, call_, [](const auto&) { return false; }),
              HasCode(absl::StatusCode::kCancelled, ""));
  EXPECT_EQ(model->generation_number(), before);
}

TEST_F(AdminHandlerTest, SavesRollsBackAndInitialises) {
  v1::SaveRequest save;
  save.set_model("seed");
  save.set_global_step(4);
  v1::SaveResult saved;
  ASSERT_OK(admin_.Save(save, call_, [&](const v1::SaveResponse& message) {
    if (message.has_result()) saved = message.result();
    return true;
  }));
  EXPECT_EQ(saved.checkpoint(), Path("model-4"));
  EXPECT_EQ(saved.tensor_count(), 3);
  save.set_keep(-7);
  EXPECT_THAT(admin_.Save(save, call_, [](const auto&) { return true; }),
              HasCode(absl::StatusCode::kInvalidArgument, "keep"));
  save.set_keep(0);
  save.set_global_step(-1);
  EXPECT_THAT(admin_.Save(save, call_, [](const auto&) { return true; }),
              HasCode(absl::StatusCode::kInvalidArgument, "global_step"));
  save.set_global_step(4);
  save.set_shards(-1);
  EXPECT_THAT(admin_.Save(save, call_, [](const auto&) { return true; }),
              HasCode(absl::StatusCode::kInvalidArgument, "shards"));

  v1::RestoreRequest restore;
  restore.set_model("seed");
  ASSERT_OK(Restore(restore));
  v1::RollbackRequest rollback;
  rollback.set_model("seed");
  v1::RollbackResponse back;
  ASSERT_OK(admin_.Rollback(rollback, call_, &back));
  EXPECT_FALSE(back.from_checkpoint());
  EXPECT_EQ(back.checkpoint(), Path("model"));

  v1::InitializeVariablesRequest init;
  init.set_model("seed");
  init.add_names("W1");
  v1::InitializeVariablesResponse initialised;
  ASSERT_OK(admin_.InitializeVariables(init, call_, &initialised));
  EXPECT_THAT(initialised.overwritten(), testing::ElementsAre("W1"));
  init.set_scope(v1::INITIALIZE_SCOPE_ALL);
  EXPECT_THAT(admin_.InitializeVariables(init, call_, &initialised),
              HasCode(absl::StatusCode::kInvalidArgument, "LISTED"));
  init.clear_names();
  init.set_scope(static_cast<v1::InitializeScope>(99));
  EXPECT_THAT(admin_.InitializeVariables(init, call_, &initialised),
              HasCode(absl::StatusCode::kInvalidArgument, "unknown scope 99"));
  restore.set_mode(static_cast<v1::RestoreMode>(99));
  EXPECT_THAT(Restore(restore), HasCode(absl::StatusCode::kInvalidArgument,
                                        "unknown restore mode 99"));
}

TEST_F(AdminHandlerTest, AssignsVariables) {
  v1::AssignVariablesRequest request;
  request.set_model("seed");
  tensorflow::NamedTensorProto* value = request.add_values();
  value->set_name("W1");
  value->mutable_tensor()->set_dtype(DT_FLOAT);
  value->mutable_tensor()->mutable_tensor_shape()->add_dim()->set_size(4);
  value->mutable_tensor()->add_float_val(7);
  v1::AssignVariablesResponse response;
  ASSERT_OK(admin_.AssignVariables(request, call_, &response));
  EXPECT_GT(response.generation(), 0);
  request.set_expected_generation(response.generation() + 1);
  EXPECT_THAT(admin_.AssignVariables(request, call_, &response),
              HasCode(absl::StatusCode::kAborted, "expected"));
  value->mutable_tensor()->set_tensor_content("abc");
  EXPECT_THAT(admin_.AssignVariables(request, call_, &response),
              HasCode(absl::StatusCode::kInvalidArgument, "value of \"W1\""));
}

TEST_F(AdminHandlerTest, ExtendsTheGraph) {
  v1::ExtendGraphRequest request;
  request.set_model("seed");
  v1::ExtendGraphResponse response;
  EXPECT_THAT(admin_.ExtendGraph(request, call_, &response),
              HasCode(absl::StatusCode::kInvalidArgument, "neither"));
  tensorflow::NodeDef* node = request.mutable_graph()->add_node();
  node->set_name("twice");
  node->set_op("Add");
  node->add_input("W1/read");
  node->add_input("W1/read");
  (*node->mutable_attr())["T"].set_type(DT_FLOAT);
  ASSERT_OK(admin_.ExtendGraph(request, call_, &response));
  EXPECT_EQ(response.graph_version(), 1);
  EXPECT_EQ(response.added_nodes(), 1);
  node->set_op("NoOp");
  node->clear_input();
  node->clear_attr();
  request.set_import_prefix("head");
  ASSERT_OK(admin_.ExtendGraph(request, call_, &response));
  EXPECT_EQ(response.graph_version(), 2);
  ASSERT_OK_AND_ASSIGN(auto model, models_.Find("seed"));
  EXPECT_NE(model->graph()->meta().graph->FindNode("head/twice"), nullptr);
  request.clear_import_prefix();
  request.set_expected_graph_version(0);
  node->set_name("thrice");
  EXPECT_THAT(admin_.ExtendGraph(request, call_, &response),
              HasCode(absl::StatusCode::kAborted, "Current version is 2"));
}

TEST_F(AdminHandlerTest, LoadsAndUnloads) {
  v1::LoadModelRequest load;
  load.set_model("second");
  load.set_directory(dir_.path());
  load.set_wait(true);
  v1::LoadModelResponse loaded;
  ASSERT_OK(admin_.LoadModel(load, call_, &loaded));
  EXPECT_EQ(loaded.state(), v1::MODEL_STATE_AVAILABLE);
  EXPECT_GT(loaded.generation(), 0);
  EXPECT_THAT(admin_.LoadModel(load, call_, &loaded),
              HasCode(absl::StatusCode::kFailedPrecondition, "in use"));
  load.set_model("third");
  load.set_directory(Path("absent"));
  EXPECT_THAT(admin_.LoadModel(load, call_, &loaded),
              HasCode(absl::StatusCode::kNotFound, "absent"));
  v1::UnloadModelRequest unload;
  unload.set_model("second");
  v1::UnloadModelResponse unloaded;
  ASSERT_OK(admin_.UnloadModel(unload, call_, &unloaded));
  EXPECT_THAT(admin_.UnloadModel(unload, call_, &unloaded),
              HasCode(absl::StatusCode::kNotFound, "second"));
}

TEST_F(AdminHandlerTest, SetsTheLogLevel) {
  v1::SetLogLevelRequest request;
  v1::SetLogLevelResponse response;
  EXPECT_THAT(admin_.SetLogLevel(request, call_, &response),
              HasCode(absl::StatusCode::kUnimplemented, ""));
  v1::LogLevel level = v1::LOG_LEVEL_INFO;
  int32_t verbosity = 0;
  LogControl control;
  control.level = [&] { return level; };
  control.set_level = [&](v1::LogLevel l) { level = l; };
  control.verbosity = [&] { return verbosity; };
  control.set_verbosity = [&](int32_t v) { verbosity = v; };
  const AdminHandler admin(models_, control);
  request.set_level(v1::LOG_LEVEL_ERROR);
  request.set_verbosity(2);
  ASSERT_OK(admin.SetLogLevel(request, call_, &response));
  EXPECT_EQ(level, v1::LOG_LEVEL_ERROR);
  EXPECT_EQ(response.verbosity(), 2);
  request.set_verbosity(-1);
  EXPECT_THAT(admin.SetLogLevel(request, call_, &response),
              HasCode(absl::StatusCode::kInvalidArgument, "expected 0 to 9"));
}

TEST_F(AdminHandlerTest, RollbackTellsWhetherTheValuesAreTheCheckpoints) {
  ASSERT_OK_AND_ASSIGN(auto model, models_.Find("seed"));
  ASSERT_OK(
      model->AssignVariables({{"W1", FloatVector({1, 1, 1, 1})}}, -1, call_));
  v1::RollbackRequest request;
  request.set_model("seed");
  v1::RollbackResponse response;
  ASSERT_OK(admin_.Rollback(request, call_, &response));
  EXPECT_EQ(response.checkpoint(), Path("model"));
  EXPECT_FALSE(response.written_since());
  // And back to what was assigned.
  response.Clear();
  ASSERT_OK(admin_.Rollback(request, call_, &response));
  EXPECT_TRUE(response.written_since());
}

TEST_F(AdminHandlerTest, RefusesPathsAndNamesThatCannotBe) {
  v1::LoadModelRequest load;
  load.set_model("x");
  load.set_directory(std::string(5000, 'x'));
  v1::LoadModelResponse loaded;
  EXPECT_THAT(admin_.LoadModel(load, call_, &loaded),
              HasCode(absl::StatusCode::kInvalidArgument, "5000 bytes"));
  load.set_directory(Path(std::string("a\0b", 3)));
  EXPECT_THAT(admin_.LoadModel(load, call_, &loaded),
              HasCode(absl::StatusCode::kInvalidArgument, "zero byte"));
  load.set_directory(Path("a"));
  load.set_model(std::string(300, 'x'));
  EXPECT_THAT(admin_.LoadModel(load, call_, &loaded),
              HasCode(absl::StatusCode::kInvalidArgument, "300 bytes"));
  v1::RestoreRequest restore;
  restore.set_model("seed");
  restore.set_checkpoint(std::string(1 << 20, 'x'));
  const auto no_answer = [](const auto&) { return true; };
  EXPECT_THAT(admin_.Restore(restore, call_, no_answer),
              HasCode(absl::StatusCode::kInvalidArgument, "1048576 bytes"));
  v1::SaveRequest save;
  save.set_model("seed");
  save.set_prefix(std::string(1 << 20, 'x'));
  EXPECT_THAT(admin_.Save(save, call_, no_answer),
              HasCode(absl::StatusCode::kInvalidArgument, "1048576 bytes"));
}

}  // namespace
}  // namespace metagraph
