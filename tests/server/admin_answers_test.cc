// Answers of Admin, compared whole.

#include "tests/server/whole_answers.h"

namespace metagraph {
namespace {

class AdminAnswersTest : public WholeAnswersTest {};

TEST_F(AdminAnswersTest, Restore) {
  WriteMisfit("model-3");
  v1::RestoreRequest request;
  request.set_model("seed");
  request.set_checkpoint("model-3");
  request.set_mode(v1::RESTORE_MODE_PARTIAL);
  std::vector<v1::RestoreResponse> all;
  ASSERT_OK(admin_.Restore(request, call_, Into(all)));
  std::string text;
  for (const auto& message : all) text += Text(message);
  EXPECT_EQ(text, R"txt(
progress {
  bytes_total: 16
  tensors_total: 1
}

progress {
  bytes_done: 16
  bytes_total: 16
  tensors_done: 1
  tensors_total: 1
}

result {
  generation: 2
  checkpoint: "DIR/model-3"
  global_step: 3
  report {
    restored: "W1"
    missing: "Variable"
    extra: "W2/Adam"
    mismatched {
      name: "W2"
      expected {
        dtype: DT_FLOAT
        shape {
          dim {
            size: 4
          }
        }
      }
      found {
        dtype: DT_FLOAT
        shape {
          dim {
            size: 2
          }
        }
      }
    }
  }
  previous_generation: 1
  would_restore: true
}
)txt");
}

TEST_F(AdminAnswersTest, Save) {
  v1::SaveRequest request;
  request.set_model("seed");
  request.set_keep(1);
  request.set_global_step(4);
  request.set_shards(2);
  std::vector<v1::SaveResponse> all;
  ASSERT_OK(admin_.Save(request, call_, Into(all)));
  std::string text;
  for (const auto& message : all) text += Text(message);
  EXPECT_EQ(text, R"txt(
progress {
  bytes_total: 48
  tensors_total: 3
}

progress {
  bytes_done: 16
  bytes_total: 48
  tensors_done: 1
  tensors_total: 3
}

progress {
  bytes_done: 32
  bytes_total: 48
  tensors_done: 2
  tensors_total: 3
}

progress {
  bytes_done: 48
  bytes_total: 48
  tensors_done: 3
  tensors_total: 3
}

result {
  generation: 1
  checkpoint: "DIR/model-4"
  global_step: 4
  files: "DIR/model-4.data-00000-of-00002"
  files: "DIR/model-4.data-00001-of-00002"
  files: "DIR/model-4.index"
  files: "DIR/model-4.meta"
  files: "DIR/checkpoint"
  bytes: 48
  tensor_count: 3
  deleted: "DIR/model"
}
)txt");
}

TEST_F(AdminAnswersTest, InitializeRollbackAndExtend) {
  v1::InitializeVariablesRequest init;
  init.set_model("seed");
  init.set_scope(v1::INITIALIZE_SCOPE_ALL);
  v1::InitializeVariablesResponse initialised;
  ASSERT_OK(admin_.InitializeVariables(init, call_, &initialised));
  EXPECT_EQ(Text(initialised), R"txt(
generation: 2
initialized: "W1"
initialized: "W2"
initialized: "Variable"
overwritten: "W1"
overwritten: "W2"
overwritten: "Variable"
)txt");
  v1::RollbackRequest rollback;
  rollback.set_model("seed");
  v1::RollbackResponse back;
  ASSERT_OK(admin_.Rollback(rollback, call_, &back));
  EXPECT_EQ(Text(back), R"txt(
generation: 3
checkpoint: "DIR/model"
restored_generation: 1
)txt");
  TestGraph more;
  more.Variable("new", FloatVector({1}));
  v1::ExtendGraphRequest extend;
  extend.set_model("seed");
  *extend.mutable_graph() = more.def();
  v1::ExtendGraphResponse extended;
  ASSERT_OK(admin_.ExtendGraph(extend, call_, &extended));
  EXPECT_EQ(Text(extended), R"txt(
graph_version: 1
generation: 3
added_nodes: 4
added_variables: "new"
)txt");
}

TEST_F(AdminAnswersTest, LoadAndUnload) {
  v1::LoadModelRequest load;
  load.set_model("second");
  load.set_directory(dir_.path());
  load.set_wait(true);
  load.mutable_mapping()->set_skip_missing(true);
  load.mutable_mapping()->add_map("W1=W2");
  v1::LoadModelResponse loaded;
  ASSERT_OK(admin_.LoadModel(load, call_, &loaded));
  EXPECT_EQ(Text(loaded), R"txt(
state: MODEL_STATE_AVAILABLE
generation: 1
report {
  restored: "Variable"
  restored: "W1"
  restored: "W2"
  extra: "W2"
  renamed {
    name: "W2"
    found: "W1"
  }
}
note: "1 variables found under other names: \"W2\" is \"W1\""
)txt");
  v1::GetModelRequest request;
  request.set_model("second");
  v1::GetModelResponse response;
  ASSERT_OK(inspect_.GetModel(request, call_, &response));
  EXPECT_EQ(Text(response.model().mapping()), R"txt(
map: "W1=W2"
skip_missing: true
)txt");
  v1::UnloadModelRequest unload;
  unload.set_model("second");
  v1::UnloadModelResponse unloaded;
  ASSERT_OK(admin_.UnloadModel(unload, call_, &unloaded));
  EXPECT_EQ(Text(unloaded), R"txt(
generation: 1
)txt");
}

}  // namespace
}  // namespace metagraph
