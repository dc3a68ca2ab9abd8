#include "client/local/local_backend.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "core/checkpoint/bundle_writer.h"
#include "core/tensor/tensor_proto.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "tensorflow/meta_graph.pb.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

// y = x + 1; w takes no part.
constexpr char kGraph[] = R"pb(
  graph_def {
    node {
      name: "x"
      op: "Placeholder"
      attr {
        key: "dtype"
        value { type: DT_FLOAT }
      }
      attr {
        key: "shape"
        value { shape { dim { size: 2 } } }
      }
    }
    node {
      name: "c"
      op: "Const"
      attr {
        key: "dtype"
        value { type: DT_FLOAT }
      }
      attr {
        key: "value"
        value {
          tensor {
            dtype: DT_FLOAT
            tensor_shape {}
            float_val: 1
          }
        }
      }
    }
    node {
      name: "y"
      op: "Add"
      input: "x"
      input: "c"
      attr {
        key: "T"
        value { type: DT_FLOAT }
      }
    }
    node {
      name: "w"
      op: "VariableV2"
      attr {
        key: "dtype"
        value { type: DT_FLOAT }
      }
      attr {
        key: "shape"
        value { shape { dim { size: 2 } } }
      }
    }
    versions { producer: 134 }
  }
  collection_def {
    key: "out"
    value { node_list { value: "y:0" } }
  }
)pb";

class LocalBackendTest : public testing::Test {
 protected:
  LocalBackendTest() {
    folder_ = std::filesystem::path(testing::TempDir()) /
              testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    tensorflow::MetaGraphDef meta;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(kGraph, &meta));
    Write("model.meta", meta.SerializeAsString());
  }
  ~LocalBackendTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& name, const std::string& content) {
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }
  std::unique_ptr<Backend> Open() {
    auto backend = MakeLocalBackend({"m", folder_.string()});
    EXPECT_OK(backend);
    return *std::move(backend);
  }

  std::filesystem::path folder_;
};

TEST_F(LocalBackendTest, RunsAFolderWithoutAServer) {
  const auto backend = Open();
  v1::RunRequest request;
  request.set_model("m");
  tensorflow::NamedTensorProto* feed = request.add_feed();
  feed->set_name("x:0");
  TensorToProto(Tensor::Vector<float>({1, 2}), feed->mutable_tensor());
  request.add_fetch("collection:out");
  ASSERT_OK_AND_ASSIGN(const v1::RunResponse response, backend->Run(request));
  ASSERT_THAT(response.tensor(), SizeIs(1));
  ASSERT_OK_AND_ASSIGN(const Tensor y,
                       TensorFromProto(response.tensor(0).tensor()));
  EXPECT_THAT(y.values<float>(), ElementsAre(2, 3));
}

TEST_F(LocalBackendTest, TellsOfADamagedCheckpointInsteadOfRefusingToOpen) {
  Write("checkpoint", "model_checkpoint_path: \"model\"\n");
  Write("model.index", "this is no table, but long enough to hold a footer");
  Write("model.data-00000-of-00001", "");
  const auto backend = Open();
  v1::VerifyCheckpointRequest verify;
  verify.set_model("m");
  ASSERT_OK_AND_ASSIGN(const v1::VerifyCheckpointResponse response,
                       backend->VerifyCheckpoint(verify));
  EXPECT_FALSE(response.ok());
  EXPECT_THAT(response.problems(), SizeIs(1));
  v1::ListTensorsRequest tensors;
  tensors.set_model("m");
  EXPECT_OK(backend->ListTensors(tensors));
  // What needs the values does refuse.
  v1::RunRequest run;
  run.set_model("m");
  run.add_fetch("c:0");
  EXPECT_FALSE(backend->Run(run).ok());
}

TEST_F(LocalBackendTest, ListsOpsWithoutAnyModel) {
  std::filesystem::remove_all(folder_);
  const auto backend = Open();
  ASSERT_OK_AND_ASSIGN(const v1::ListOpsResponse ops, backend->ListOps({}));
  EXPECT_GT(ops.ops_size(), 0);
  v1::GetModelRequest request;
  request.set_model("m");
  EXPECT_THAT(backend->GetModel(request),
              HasCode(absl::StatusCode::kNotFound, ""));
}

TEST_F(LocalBackendTest, ChangesNothing) {
  const auto backend = Open();
  v1::SaveRequest request;
  request.set_model("m");
  EXPECT_THAT(
      backend->Save(request,
                    [](const v1::SaveResponse&) { return absl::OkStatus(); }),
      HasCode(absl::StatusCode::kUnimplemented, "needs a server"));
}

TEST_F(LocalBackendTest, ListsADamagedCheckpointWithoutAGraph) {
  auto writer = BundleWriter::Create(FileSystem::Posix(), folder_ / "c-7");
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->Add("a", Tensor::Vector<float>({1, 2})));
  ASSERT_OK((*writer)->Add("b", Tensor::Vector<float>({3, 4})));
  ASSERT_OK((*writer)->Finish());
  const auto data = folder_ / "c-7.data-00000-of-00001";
  std::filesystem::resize_file(data, std::filesystem::file_size(data) - 1);
  auto backend = MakeLocalBackend({"m", (folder_ / "c-7.index").string()});
  ASSERT_OK(backend);
  std::filesystem::remove(folder_ / "model.meta");
  v1::ListVariablesRequest list;
  list.set_model("m");
  ASSERT_OK_AND_ASSIGN(const auto variables, (*backend)->ListVariables(list));
  ASSERT_THAT(variables.variables(), SizeIs(2));
  EXPECT_EQ(variables.variables(1).size_bytes(), 8);
  // What is whole can be read.
  const auto ignore = [](const v1::ReadVariablesResponse&) {
    return absl::OkStatus();
  };
  v1::ReadVariablesRequest read;
  read.set_model("m");
  read.add_names("a");
  EXPECT_OK((*backend)->ReadVariables(read, ignore));
  read.add_names("b");
  EXPECT_THAT((*backend)->ReadVariables(read, ignore),
              HasCode(absl::StatusCode::kOutOfRange, "variable \"b\""));
}

TEST_F(LocalBackendTest, LooksAtACheckpointWithoutAGraph) {
  const Tensor value = Tensor::Vector<float>({1, 2});
  auto writer = BundleWriter::Create(FileSystem::Posix(), folder_ / "c-7");
  ASSERT_OK(writer);
  ASSERT_OK((*writer)->Add("layer/w", value));
  ASSERT_OK((*writer)->Add("layer/w/Adam", value));
  ASSERT_OK((*writer)->Finish());
  std::filesystem::remove(folder_ / "model.meta");
  for (const std::string& path :
       {(folder_ / "c-7").string(), (folder_ / "c-7.index").string(),
        folder_.string()}) {
    auto backend = MakeLocalBackend({"m", path});
    ASSERT_OK(backend);
    v1::ListVariablesRequest list;
    list.set_model("m");
    ASSERT_OK_AND_ASSIGN(const auto variables, (*backend)->ListVariables(list));
    ASSERT_THAT(variables.variables(), SizeIs(2));
    EXPECT_EQ(variables.variables(0).name(), "layer/w");
    EXPECT_TRUE(variables.variables(0).in_checkpoint());
    v1::ReadVariablesRequest read;
    read.set_model("m");
    read.add_names("layer/w");
    ASSERT_OK((*backend)->ReadVariables(
        read, [&](const v1::ReadVariablesResponse& piece) {
          const auto tensor = TensorFromProto(piece.tensor());
          EXPECT_OK(tensor);
          EXPECT_THAT(tensor->values<float>(), ElementsAre(1, 2));
          return absl::OkStatus();
        }));
    v1::VerifyCheckpointRequest verify;
    verify.set_model("m");
    ASSERT_OK_AND_ASSIGN(const auto verified,
                         (*backend)->VerifyCheckpoint(verify));
    EXPECT_TRUE(verified.ok());
    EXPECT_THAT(verified.report().restored(), SizeIs(2));
    v1::ListCheckpointsRequest checkpoints;
    checkpoints.set_model("m");
    ASSERT_OK_AND_ASSIGN(const auto listed,
                         (*backend)->ListCheckpoints(checkpoints));
    EXPECT_THAT(listed.checkpoints(), SizeIs(1));
    v1::GetModelRequest get;
    get.set_model("m");
    ASSERT_OK_AND_ASSIGN(const auto shown, (*backend)->GetModel(get));
    EXPECT_THAT(shown.model().note(), testing::HasSubstr("there is no graph"));
  }
}

}  // namespace
}  // namespace metagraph
