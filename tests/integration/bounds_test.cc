// What callers may take of the server: answers no larger than a message can
// be, threads and places that others do not need.

#include <thread>

#include "tests/integration/server_fixture.h"

namespace metagraph {
namespace {

using testing::HasSubstr;

constexpr int64_t kBigElements = 16 << 20;  // 64 MiB of float

class BoundsTest : public ServerTest {
 protected:
  // A model "big" with a variable "v" of 64 MiB, which has a value.
  void StartWithBigVariable() {
    TestGraph g;
    g.Node("v", "VariableV2", {},
           {{"dtype", DT_FLOAT},
            {"shape", PartialShape(TensorShape({kBigElements}))}});
    g.Const("dims", MakeTensor<int32_t>({1}, {kBigElements}));
    g.Const("one", Tensor::Scalar<float>(1));
    g.Node("fill", "Fill", {"dims", "one"}, {{"T", DT_FLOAT}});
    g.Node("init", "Assign", {"v", "fill"}, {{"T", DT_FLOAT}});
    g.def().mutable_versions()->set_producer(134);
    ASSERT_OK(
        WriteFileAtomically(fs(), Path("big.pb"), g.def().SerializeAsString()));
    options_.models.push_back({"big", Path("big.pb")});
    AddSeedModel();
    Start();
    v1::RunRequest request;
    request.set_model("big");
    request.add_target("init");
    v1::RunResponse response;
    const grpc::Status status = Run(request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  void WaitForCalls(int64_t count) {
    while (server_->calls_in_flight() != count) std::this_thread::yield();
  }
  // Fails in place of waiting for ever.
  static void SetLimit(grpc::ClientContext& context) {
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(30));
  }
  grpc::Status RestoreInTime() {
    grpc::ClientContext context;
    SetLimit(context);
    v1::RestoreRequest request;
    request.set_model("seed");
    auto reader = admin_->Restore(&context, request);
    v1::RestoreResponse message;
    while (reader->Read(&message)) {
    }
    return reader->Finish();
  }
};

// A call that streams values to a caller who takes none of them.
struct Reader {
  explicit Reader(v1::Inspect::Stub& stub, const std::string& model = "big") {
    v1::ReadVariablesRequest request;
    request.set_model(model);
    stream = stub.ReadVariables(&context, request);
  }
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReader<v1::ReadVariablesResponse>> stream;
};

TEST_F(BoundsTest, AnswersThatNoMessageHoldsAreRefused) {
  StartWithBigVariable();
  constexpr int kTimes = 33;  // of 64 MiB: more than 2 GiB
  v1::RunRequest request;
  request.set_model("big");
  tensorflow::serving::SessionRunRequest session_request;
  session_request.mutable_model_spec()->set_name("big");
  for (int i = 0; i < kTimes; ++i) {
    request.add_fetch("v:0");
    session_request.add_fetch("v:0");
  }
  v1::RunResponse response;
  const grpc::Status run = Run(request, &response);
  EXPECT_EQ(run.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(run.error_message(),
              HasSubstr("have 2214592512 bytes, one message holds at most "
                        "2147483647"));
  grpc::ClientContext context;
  tensorflow::serving::SessionRunResponse session_response;
  EXPECT_EQ(session_->SessionRun(&context, session_request, &session_response)
                .error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

// A watcher who is too slow misses events, and is told how many.
TEST_F(BoundsTest, ASlowWatcherIsToldWhatItMissed) {
  AddSeedModel();
  Start();
  grpc::ClientContext context;
  SetLimit(context);
  auto watch = inspect_->Watch(&context, {});
  v1::WatchResponse event;
  ASSERT_TRUE(watch->Read(&event)) << "the model's state";
  // Numbered by their generation, and large, so that few fit on the way.
  int64_t published = 0;
  const auto publish = [&] {
    ModelEvent next;
    next.kind = ModelEvent::Kind::kGeneration;
    next.time = absl::FromUnixSeconds(1'500'000'000 + published);
    next.model = "seed";
    next.generation = published++;
    next.checkpoint = std::string(16 << 10, 'x');
    server_->models().events().Publish(next);
  };
  while (published < 3000) publish();
  int64_t got = 0;
  do {  // reads more than is published until there is room
    if (got % 4 == 0) publish();
    ASSERT_TRUE(watch->Read(&event));
    if (event.kind() != v1::EVENT_KIND_MISSED) {
      ASSERT_EQ(event.generation(), got);
      ++got;
    }
  } while (event.kind() != v1::EVENT_KIND_MISSED);
  const int64_t missed = event.missed();
  EXPECT_GT(missed, 0);
  EXPECT_GT(event.time().seconds(), 1'500'000'000);
  ASSERT_TRUE(watch->Read(&event));
  EXPECT_EQ(event.generation(), got + missed) << "the first one after the gap";
}

TEST_F(BoundsTest, CallersThatDoNotReadHoldUpNoRestore) {
  StartWithBigVariable();
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 12; ++i) {
    readers.push_back(std::make_unique<Reader>(*inspect_));
  }
  WaitForCalls(12);
  const grpc::Status restored = RestoreInTime();
  EXPECT_TRUE(restored.ok()) << restored.error_message();
  {
    grpc::ClientContext context;
    SetLimit(context);
    v1::VerifyCheckpointRequest request;
    request.set_model("seed");
    v1::VerifyCheckpointResponse response;
    EXPECT_TRUE(inspect_->VerifyCheckpoint(&context, request, &response).ok());
  }
  // One who reads gets all of it beside them.
  Reader reads(*inspect_);
  v1::ReadVariablesResponse piece;
  int64_t elements = 0;
  while (reads.stream->Read(&piece)) {
    elements += piece.tensor().tensor_content().size() / sizeof(float);
  }
  EXPECT_TRUE(reads.stream->Finish().ok());
  EXPECT_EQ(elements, kBigElements);
  for (auto& reader : readers) reader->context.TryCancel();
  readers.clear();
  WaitForCalls(0);
}

TEST_F(BoundsTest, StreamsOfValuesAreCountedApart) {
  StartWithBigVariable();
  std::vector<std::unique_ptr<Reader>> readers;
  for (int i = 0; i < 32; ++i) {
    readers.push_back(std::make_unique<Reader>(*inspect_));
  }
  WaitForCalls(32);
  Reader one_more(*inspect_);
  v1::ReadVariablesResponse piece;
  EXPECT_FALSE(one_more.stream->Read(&piece));
  const grpc::Status refused = one_more.stream->Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(), HasSubstr("32 streams"));
  v1::RunResponse response;
  EXPECT_TRUE(Run(SeedRun(), &response).ok());
  for (auto& reader : readers) reader->context.TryCancel();
  readers.clear();
  WaitForCalls(0);
  Reader again(*inspect_, "seed");
  EXPECT_TRUE(again.stream->Read(&piece));
  while (again.stream->Read(&piece)) {
  }
  EXPECT_TRUE(again.stream->Finish().ok());
}

TEST_F(BoundsTest, WatchesAreCountedApart) {
  AddSeedModel();
  options_.max_inflight = 1;
  options_.listen = {"127.0.0.1:0", "unix:" + Path("socket")};
  Start();
  struct Watch {
    explicit Watch(v1::Inspect::Stub& stub)
        : stream(stub.Watch(&context, {})) {}
    // Whether the watch was taken.
    bool Begins() {
      v1::WatchResponse event;
      return stream->Read(&event);
    }
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> stream;
  };
  std::vector<std::unique_ptr<Watch>> watches;
  for (int i = 0; i < 128; ++i) {
    watches.push_back(std::make_unique<Watch>(*inspect_));
    ASSERT_TRUE(watches.back()->Begins()) << i;
  }
  Watch refused(*inspect_);
  EXPECT_FALSE(refused.Begins());
  const grpc::Status status = refused.stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(), HasSubstr("128 watches of one host"));
  // They take no place from calls.
  v1::RunResponse response;
  EXPECT_TRUE(Run(SeedRun(), &response).ok());
  WaitForCalls(0);  // its place is given back a moment after the answer
  const grpc::Status restored = RestoreInTime();
  EXPECT_TRUE(restored.ok()) << restored.error_message();
  // Nor from another host.
  Connect("unix:" + Path("socket"));
  EXPECT_TRUE(Watch(*inspect_).Begins());
  Connect(server_->addresses()[0]);
  for (auto& watch : watches) watch->context.TryCancel();
  for (auto& watch : watches) watch->stream->Finish();
  // The places are given back, a moment after the callers know.
  bool taken = false;
  while (!taken) taken = Watch(*inspect_).Begins();
}

}  // namespace
}  // namespace metagraph
