#pragma once

// A small model for tests: add = W3 + W1, add1 = add + W2, where W1 and W2 are
// variables and W3 is fed; with a saver, collections and checkpoints, as
// TensorFlow would write it.

#include <string>
#include <utility>
#include <vector>

#include "core/checkpoint/bundle_writer.h"
#include "core/checkpoint/retention.h"
#include "core/io/file_system.h"
#include "tensorflow/meta_graph.pb.h"
#include "tests/support/tensors.h"
#include "tests/support/test_graph.h"

namespace metagraph {

inline Tensor FloatVector(const std::vector<float>& values) {
  return MakeTensor<float>({static_cast<int64_t>(values.size())}, values);
}

// Adds "save/…" nodes for the variables, all of dtype float, and the saver.
inline tensorflow::SaverDef AddSaver(TestGraph& graph,
                                     const std::vector<std::string>& names) {
  const int64_t count = static_cast<int64_t>(names.size());
  const std::vector<DataType> dtypes(names.size(), DT_FLOAT);
  const Tensor keys = MakeTensor<std::string>({count}, names);
  const Tensor slices =
      MakeTensor<std::string>({count}, std::vector<std::string>(names.size()));
  graph.Const("save/filename/input", Tensor::Scalar<std::string>("model"));
  graph.Node("save/Const", "PlaceholderWithDefault", {"save/filename/input"},
             {{"dtype", DT_STRING}, {"shape", PartialShape(TensorShape())}});
  graph.Const("save/SaveV2/tensor_names", keys);
  graph.Const("save/SaveV2/shape_and_slices", slices);
  std::vector<std::string> inputs = {"save/Const", "save/SaveV2/tensor_names",
                                     "save/SaveV2/shape_and_slices"};
  inputs.insert(inputs.end(), names.begin(), names.end());
  graph.Node("save/SaveV2", "SaveV2", inputs, {{"dtypes", dtypes}});
  graph.Node("save/control_dependency", "Identity",
             {"save/Const", "^save/SaveV2"}, {{"T", DT_STRING}});
  graph.Const("save/RestoreV2/tensor_names", keys);
  graph.Const("save/RestoreV2/shape_and_slices", slices);
  graph.Node("save/RestoreV2", "RestoreV2",
             {"save/Const", "save/RestoreV2/tensor_names",
              "save/RestoreV2/shape_and_slices"},
             {{"dtypes", dtypes}});
  std::vector<std::string> assigned;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string assign = "save/Assign_" + std::to_string(i);
    graph.Node(assign, "Assign",
               {names[i], "save/RestoreV2:" + std::to_string(i)},
               {{"T", DT_FLOAT}, {"validate_shape", true}});
    assigned.push_back("^" + assign);
  }
  graph.Node("save/restore_all", "NoOp", assigned);
  tensorflow::SaverDef saver;
  saver.set_filename_tensor_name("save/Const:0");
  saver.set_save_tensor_name("save/control_dependency:0");
  saver.set_restore_op_name("save/restore_all");
  saver.set_max_to_keep(5);
  saver.set_version(tensorflow::SaverDef::V2);
  return saver;
}

inline void AddVariableToCollections(const std::string& name,
                                     tensorflow::MetaGraphDef* meta) {
  tensorflow::VariableDef variable;
  variable.set_variable_name(name + ":0");
  variable.set_initializer_name(name + "/Assign");
  variable.set_snapshot_name(name + "/read:0");
  variable.set_initial_value_name(name + "/initial:0");
  variable.set_trainable(true);
  for (const char* key : {"variables", "trainable_variables"}) {
    (*meta->mutable_collection_def())[key].mutable_bytes_list()->add_value(
        variable.SerializeAsString());
  }
}

// The meta graph: W1 starts as [1,3,10,15], W2 as [3,4,2,18], so that add1 is
// [5,9,15,37] for W3 = [1,2,3,4]; Variable takes no part in it.
inline tensorflow::MetaGraphDef SeedMetaGraph() {
  TestGraph graph;
  graph.Variable("W1", FloatVector({1, 3, 10, 15}));
  graph.Variable("W2", FloatVector({3, 4, 2, 18}));
  graph.Node("W3", "Placeholder", {},
             {{"dtype", DT_FLOAT}, {"shape", PartialShape(TensorShape({4}))}});
  graph.Variable("Variable", FloatVector({100, 100, 100, 100}));
  graph.Node("add", "AddV2", {"W3", "W1/read"}, {{"T", DT_FLOAT}});
  graph.Node("add1", "AddV2", {"add", "W2/read"}, {{"T", DT_FLOAT}});
  graph.Node("init", "NoOp", {"^W1/Assign", "^W2/Assign", "^Variable/Assign"});
  tensorflow::MetaGraphDef meta;
  *meta.mutable_saver_def() = AddSaver(graph, {"Variable", "W1", "W2"});
  meta.mutable_meta_info_def()->set_tensorflow_version("1.15.0");
  auto& collections = *meta.mutable_collection_def();
  // A string, not a tensor, as a careless author would have it.
  collections["w1"].mutable_bytes_list()->add_value("W1:0");
  collections["w3"].mutable_node_list()->add_value("W3:0");
  collections["add1"].mutable_node_list()->add_value("add1:0");
  for (const char* name : {"W1", "W2", "Variable"}) {
    AddVariableToCollections(name, &meta);
  }
  *meta.mutable_graph_def() = graph.def();
  meta.mutable_graph_def()->mutable_versions()->set_producer(134);
  return meta;
}

inline void WriteMetaGraph(FileSystem& fs, const std::string& path,
                           const tensorflow::MetaGraphDef& meta) {
  ASSERT_OK(WriteFileAtomically(fs, path, meta.SerializeAsString()));
}

inline void WriteCheckpoint(
    FileSystem& fs, const std::string& prefix,
    const std::vector<std::pair<std::string, Tensor>>& tensors) {
  auto writer = BundleWriter::Create(fs, prefix);
  ASSERT_OK(writer);
  for (const auto& [name, value] : tensors) {
    ASSERT_OK((*writer)->Add(name, value));
  }
  ASSERT_OK((*writer)->Finish());
}

// A checkpoint of the seed model, and the entry in the state file.
inline void WriteSeedCheckpoint(FileSystem& fs, const std::string& prefix,
                                const std::vector<float>& w1,
                                const std::vector<float>& w2) {
  WriteCheckpoint(fs, prefix,
                  {{"Variable", FloatVector({100, 100, 100, 100})},
                   {"W1", FloatVector(w1)},
                   {"W2", FloatVector(w2)}});
  ASSERT_OK(
      UpdateCheckpointState(fs, std::string(Dirname(prefix)), prefix, {}));
}

// FOLDER/model.meta and the checkpoint FOLDER/model.
inline void WriteSeedModel(FileSystem& fs, const std::string& folder) {
  WriteMetaGraph(fs, JoinPath(folder, "model.meta"), SeedMetaGraph());
  WriteSeedCheckpoint(fs, JoinPath(folder, "model"), {1, 3, 10, 15},
                      {3, 4, 2, 18});
}

}  // namespace metagraph
