// Each service once, over a real connection.

#include "google/rpc/status.pb.h"
#include "tests/integration/server_fixture.h"

namespace metagraph {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CallsTest : public ServerTest {
 protected:
  void SetUp() override {
    AddSeedModel();
    Start();
  }
};

TEST_F(CallsTest, RunsOverBothServices) {
  v1::RunResponse response;
  // More than once: the first runs on the pool, later ones inline.
  for (int i = 0; i < 3; ++i) {
    const grpc::Status status = Run(SeedRun(), &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_THAT(ValuesOf(response.tensor(0).tensor()),
                ElementsAre(5, 9, 15, 37));
  }
  tensorflow::serving::SessionRunRequest request;
  request.mutable_model_spec()->set_name("seed");
  *request.mutable_feed() = SeedRun().feed();
  request.add_fetch("add1:0");
  request.add_fetch("W1:0");
  tensorflow::serving::SessionRunResponse session_response;
  grpc::ClientContext context;
  ASSERT_TRUE(session_->SessionRun(&context, request, &session_response).ok());
  ASSERT_EQ(session_response.tensor_size(), 2);
  EXPECT_EQ(session_response.tensor(1).name(), "W1:0");
  EXPECT_THAT(ValuesOf(session_response.tensor(1).tensor()),
              ElementsAre(1, 3, 10, 15));
}

TEST_F(CallsTest, ErrorsCarryCodeTextAndDetails) {
  v1::RunRequest request = SeedRun();
  TensorToProto(MakeTensor<int32_t>({4}, {1, 2, 3, 4}),
                request.mutable_feed(0)->mutable_tensor());
  v1::RunResponse response;
  const grpc::Status status = Run(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("expected float"));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.details_size(), 1);
}

TEST_F(CallsTest, LooksUpByNameAndByCollection) {
  v1::ListTensorsRequest request;
  request.set_model("seed");
  request.set_collection("add1");
  v1::ListTensorsResponse response;
  grpc::ClientContext context;
  ASSERT_TRUE(inspect_->ListTensors(&context, request, &response).ok());
  ASSERT_EQ(response.tensors_size(), 1);
  EXPECT_EQ(response.tensors(0).name(), "add1:0");
  EXPECT_TRUE(response.tensors(0).runnable());
}

TEST_F(CallsTest, StreamsTheValuesOfVariables) {
  v1::ReadVariablesRequest request;
  request.set_model("seed");
  request.set_chunk_bytes(4);
  grpc::ClientContext context;
  auto reader = inspect_->ReadVariables(&context, request);
  v1::ReadVariablesResponse piece;
  int pieces = 0;
  while (reader->Read(&piece)) ++pieces;
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(pieces, 12);
}

TEST_F(CallsTest, RestoresAndSaves) {
  WriteSeedCheckpoint(fs(), Path("seed/model-8"), {0, 0, 0, 0}, {0, 0, 0, 0});
  ASSERT_OK_AND_ASSIGN(v1::RestoreResult restored, Restore(""));
  EXPECT_EQ(restored.global_step(), 8);
  v1::RunResponse response;
  ASSERT_TRUE(Run(SeedRun(), &response).ok());
  EXPECT_THAT(ValuesOf(response.tensor(0).tensor()), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(response.generation(), restored.generation());
  ASSERT_OK_AND_ASSIGN(v1::SaveResult saved, Save("again"));
  EXPECT_EQ(saved.checkpoint(), Path("seed/again"));
  EXPECT_EQ(saved.generation(), restored.generation());
  EXPECT_THAT(Restore("absent"),
              HasCode(absl::StatusCode::kNotFound, "absent"));
}

TEST_F(CallsTest, WatchReportsARestore) {
  grpc::ClientContext context;
  auto reader = inspect_->Watch(&context, {});
  v1::WatchResponse event;
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.kind(), v1::EVENT_KIND_MODEL_STATE);
  EXPECT_EQ(event.state(), v1::MODEL_STATE_AVAILABLE);
  ASSERT_OK(Restore(""));
  ASSERT_TRUE(reader->Read(&event));
  EXPECT_EQ(event.kind(), v1::EVENT_KIND_RESTORE);
  context.TryCancel();
  EXPECT_FALSE(reader->Read(&event));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

// One question to the reflection service, question and answer as bytes.
std::string Reflect(grpc::ChannelInterface& channel,
                    const std::string& question) {
  grpc::ClientContext context;
  const grpc::internal::RpcMethod method(
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
      grpc::internal::RpcMethod::BIDI_STREAMING);
  std::unique_ptr<grpc::ClientReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>>
      stream(grpc::internal::ClientReaderWriterFactory<
             grpc::ByteBuffer, grpc::ByteBuffer>::Create(&channel, method,
                                                         &context));
  grpc::Slice slice(question);
  stream->Write(grpc::ByteBuffer(&slice, 1));
  stream->WritesDone();
  grpc::ByteBuffer answer;
  std::string out;
  while (stream->Read(&answer)) {
    std::vector<grpc::Slice> slices;
    answer.Dump(&slices).ok();
    for (const grpc::Slice& part : slices) {
      out.append(reinterpret_cast<const char*>(part.begin()), part.size());
    }
  }
  EXPECT_TRUE(stream->Finish().ok());
  return out;
}

TEST_F(CallsTest, ReflectionDescribesEveryService) {
  // Field 7, list_services, of ServerReflectionRequest.
  const std::string list = Reflect(*channel_, std::string("\x3a\x01*"));
  for (const std::string service :
       {"metagraph.v1.Inspect", "metagraph.v1.Inference", "metagraph.v1.Admin",
        "tensorflow.serving.SessionService", "grpc.health.v1.Health"}) {
    EXPECT_THAT(list, HasSubstr(service));
    // Field 4, file_containing_symbol.
    std::string question = "\x22";
    question.push_back(static_cast<char>(service.size()));
    EXPECT_THAT(Reflect(*channel_, question + service), HasSubstr(".proto"));
  }
}

}  // namespace
}  // namespace metagraph
