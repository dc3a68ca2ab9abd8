// Answers of Inspect, compared whole.

#include "tests/server/whole_answers.h"

namespace metagraph {
namespace {

class InspectAnswersTest : public WholeAnswersTest {};

TEST_F(InspectAnswersTest, GetModelAndListModels) {
  ASSERT_OK_AND_ASSIGN(auto model, models_.Find("seed"));
  SaveOptions save;
  save.global_step = 4;
  ASSERT_OK(model->Save(save, nullptr, call_));
  RestoreOptions restore;
  restore.checkpoint = "absent";
  EXPECT_FALSE(model->Restore(restore, nullptr, call_).ok());
  models_.SetAwaited("seed", "version 2");
  v1::GetModelRequest request;
  request.set_model("seed");
  v1::GetModelResponse response;
  ASSERT_OK(inspect_.GetModel(request, call_, &response));
  EXPECT_EQ(Text(response), R"txt(
model {
  name: "seed"
  state: MODEL_STATE_AVAILABLE
  directory: "DIR"
  generation: 1
  checkpoint: "DIR/model"
  variable_bytes: 48
  graph_bytes: 1955
  last_restore {
    checkpoint: "absent"
    end_time {
      seconds: 1
    }
    code: 5
    error: "no checkpoint \"DIR/absent\""
  }
  last_save {
    checkpoint: "DIR/model-4"
    end_time {
      seconds: 1
    }
    generation: 1
  }
  node_count: 29
  variable_count: 3
  initialized_variable_count: 3
  collections: "add1"
  collections: "trainable_variables"
  collections: "variables"
  collections: "w1"
  collections: "w3"
  tensorflow_version: "1.15.0"
  load_time {
    seconds: 1
  }
  awaited: "version 2"
}
)txt");
  v1::ListModelsResponse list;
  ASSERT_OK(inspect_.ListModels({}, call_, &list));
  EXPECT_EQ(Text(list), R"txt(
models {
  name: "seed"
  state: MODEL_STATE_AVAILABLE
  directory: "DIR"
  generation: 1
  checkpoint: "DIR/model"
  variable_bytes: 48
  graph_bytes: 1955
  awaited: "version 2"
}
)txt");
}

TEST_F(InspectAnswersTest, ListOps) {
  v1::ListOpsRequest request;
  request.set_prefix("BroadcastGradientArgs");
  v1::ListOpsResponse response;
  ASSERT_OK(inspect_.ListOps(request, call_, &response));
  EXPECT_EQ(Text(response), R"txt(
ops {
  name: "BroadcastGradientArgs"
  signature: "BroadcastGradientArgs(s0: T, s1: T) -> (r0: T, r1: T)"
  types: "T: int32, int64"
  implementations: "default"
}
)txt");
  request.set_prefix("MatMul");
  ASSERT_OK(inspect_.ListOps(request, call_, &response));
  EXPECT_THAT(response.ops(1).implementations(),
              testing::ElementsAre("onednn", "default"));
  request.set_prefix("VarHandleOp");
  ASSERT_OK(inspect_.ListOps(request, call_, &response));
  EXPECT_TRUE(response.ops(2).stateful());
}

TEST_F(InspectAnswersTest, ListTensors) {
  v1::ListTensorsRequest request;
  request.set_model("seed");
  for (const char* name : {"W3", "add1", "W1", "W1/initial"}) {
    request.add_names(name);
  }
  v1::ListTensorsResponse response;
  ASSERT_OK(inspect_.ListTensors(request, call_, &response));
  EXPECT_EQ(Text(response), R"txt(
tensors {
  name: "W3:0"
  dtype: DT_FLOAT
  shape {
    dim {
      size: 4
    }
  }
  op: "Placeholder"
  runnable: true
  roles: [TENSOR_ROLE_PLACEHOLDER]
}
tensors {
  name: "add1:0"
  dtype: DT_FLOAT
  shape {
    dim {
      size: 4
    }
  }
  op: "AddV2"
  runnable: true
  roles: [TENSOR_ROLE_LEAF]
}
tensors {
  name: "W1:0"
  dtype: DT_FLOAT
  shape {
    dim {
      size: 4
    }
  }
  op: "VariableV2"
  runnable: true
  roles: [TENSOR_ROLE_VARIABLE]
}
tensors {
  name: "W1/initial:0"
  dtype: DT_FLOAT
  shape {
    dim {
      size: 4
    }
  }
  op: "Const"
  runnable: true
  roles: [TENSOR_ROLE_CONSTANT]
}
total_size: 4
)txt");
}

TEST_F(InspectAnswersTest, Collections) {
  v1::ListCollectionsRequest request;
  request.set_model("seed");
  v1::ListCollectionsResponse response;
  ASSERT_OK(inspect_.ListCollections(request, call_, &response));
  EXPECT_EQ(Text(response), R"txt(
collections {
  name: "add1"
  kind: COLLECTION_KIND_NODE_LIST
  size: 1
}
collections {
  name: "trainable_variables"
  kind: COLLECTION_KIND_BYTES_LIST
  size: 3
}
collections {
  name: "variables"
  kind: COLLECTION_KIND_BYTES_LIST
  size: 3
}
collections {
  name: "w1"
  kind: COLLECTION_KIND_BYTES_LIST
  size: 1
}
collections {
  name: "w3"
  kind: COLLECTION_KIND_NODE_LIST
  size: 1
}
)txt");
  tensorflow::MetaGraphDef meta = SeedMetaGraph();
  (*meta.mutable_collection_def())["init_op"].mutable_node_list()->add_value(
      "init");
  (*meta.mutable_signature_def())["s"].set_method_name("predict");
  meta.mutable_meta_info_def()->add_tags("serve");
  WriteMetaGraph(fs(), Path("other.meta"), meta);
  ASSERT_OK(models_.Load("other", Path("other.meta")));
  v1::GetCollectionRequest of_one;
  of_one.set_model("other");
  of_one.set_collection("init_op");
  v1::GetCollectionResponse operations;
  ASSERT_OK(inspect_.GetCollection(of_one, call_, &operations));
  EXPECT_EQ(operations.entries(0).operation(), "init");
  v1::GetModelRequest get;
  get.set_model("other");
  v1::GetModelResponse model;
  ASSERT_OK(inspect_.GetModel(get, call_, &model));
  EXPECT_EQ(model.model().signatures().at("s").method_name(), "predict");
  EXPECT_THAT(model.model().tags(), testing::ElementsAre("serve"));
  of_one.set_model("seed");
  of_one.set_collection("add1");
  v1::GetCollectionResponse entries;
  ASSERT_OK(inspect_.GetCollection(of_one, call_, &entries));
  EXPECT_EQ(Text(entries), R"txt(
name: "add1"
kind: COLLECTION_KIND_NODE_LIST
entries {
  node_value: "add1:0"
  tensor {
    name: "add1:0"
    dtype: DT_FLOAT
    shape {
      dim {
        size: 4
      }
    }
    op: "AddV2"
    runnable: true
    roles: [TENSOR_ROLE_LEAF]
  }
}
)txt");
}

TEST_F(InspectAnswersTest, ListVariables) {
  v1::ListVariablesRequest request;
  request.set_model("seed");
  request.set_page_size(1);
  request.set_page_token("1");
  v1::ListVariablesResponse response;
  ASSERT_OK(inspect_.ListVariables(request, call_, &response));
  EXPECT_EQ(Text(response), R"txt(
variables {
  name: "W2"
  dtype: DT_FLOAT
  shape {
    dim {
      size: 4
    }
  }
  initialized: true
  trainable: true
  collections: "trainable_variables"
  collections: "variables"
  in_checkpoint: true
  size_bytes: 16
}
next_page_token: "2"
total_size: 3
generation: 1
)txt");
}

TEST_F(InspectAnswersTest, ListAndVerifyCheckpoints) {
  WriteMisfit("model-3");
  v1::ListCheckpointsRequest list;
  list.set_model("seed");
  v1::ListCheckpointsResponse listed;
  ASSERT_OK(inspect_.ListCheckpoints(list, call_, &listed));
  EXPECT_EQ(Text(listed), R"txt(
checkpoints {
  prefix: "DIR/model-3"
  format: CHECKPOINT_FORMAT_V2
  global_step: 3
  time {
    seconds: 1
  }
  size_bytes: 196
  complete: true
}
checkpoints {
  prefix: "DIR/model"
  format: CHECKPOINT_FORMAT_V2
  time {
    seconds: 1
  }
  size_bytes: 219
  complete: true
  newest: true
  serving: true
  in_state_file: true
  has_meta_graph: true
}
)txt");
  v1::VerifyCheckpointRequest verify;
  verify.set_model("seed");
  verify.set_checkpoint("model-3");
  v1::VerifyCheckpointResponse verified;
  ASSERT_OK(inspect_.VerifyCheckpoint(verify, call_, &verified));
  EXPECT_EQ(Text(verified), R"txt(
checkpoint: "DIR/model-3"
format: CHECKPOINT_FORMAT_V2
tensor_count: 3
bytes: 28
shard_count: 1
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
note: "\"W2\" is float [2], the graph has float [4]; not in the checkpoint: \"Variable\"; nobody reads it (as an optimizer\'s slots), no output of the graph does; a partial restore takes what fits and leaves the rest as it is: --partial"
)txt");
}

TEST_F(InspectAnswersTest, Explain) {
  v1::ExplainRequest request;
  request.set_model("seed");
  request.add_fetch("add1:0");
  v1::ExplainResponse response;
  ASSERT_OK(inspect_.Explain(request, call_, &response));
  EXPECT_EQ(Text(response), R"txt(
code: 3
error: "to be fed as well: W3:0"
missing_feeds {
  name: "W3:0"
  dtype: DT_FLOAT
  shape {
    dim {
      size: 4
    }
  }
  op: "Placeholder"
  runnable: true
  roles: [TENSOR_ROLE_PLACEHOLDER]
}
variables_read: "W1"
variables_read: "W2"
fetches {
  name: "add1:0"
  dtype: DT_FLOAT
  shape {
    dim {
      size: 4
    }
  }
  op: "AddV2"
  runnable: true
  roles: [TENSOR_ROLE_LEAF]
}
nodes: "W1"
nodes: "W1/read"
nodes: "W2"
nodes: "W2/read"
nodes: "W3"
nodes: "add"
nodes: "add1"
planned_node_count: 6
op_counts {
  key: "AddV2"
  value: 2
}
op_counts {
  key: "Identity"
  value: 2
}
op_counts {
  key: "Placeholder"
  value: 1
}
op_counts {
  key: "VariableV2"
  value: 2
}
estimated_flops: 8
estimated_memory_bytes: 112
)txt");
}

}  // namespace
}  // namespace metagraph
