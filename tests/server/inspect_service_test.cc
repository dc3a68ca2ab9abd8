#include "server/inspect_service.h"

#include "absl/strings/str_cat.h"
#include "tests/server/stream_fixture.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

// Of Watch, the rest of what it tells is in event_feed_test.cc; and which bound
// is for which call.
class InspectServiceTest : public StreamTest {
 protected:
  struct Watch {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> stream;

    std::string Read() {
      v1::WatchResponse event;
      return stream->Read(&event) ? event.model() : "no event";
    }
  };

  InspectServiceTest()
      : registry_(*OpRegistry::Create()),
        models_(Environment(*registry_)),
        handler_(models_),
        service_(handler_, support_) {}
  void SetUp() override {
    models_.Announce("first", "/first");
    models_.Announce("second", "/second");
    Serve(service_);
    stub_ = v1::Inspect::NewStub(channel_);
  }
  std::unique_ptr<Watch> Begin() {
    auto out = std::make_unique<Watch>();
    out->stream = stub_->Watch(&out->context, {});
    return out;
  }
  void Publish(const std::string& model) {
    ModelEvent event;
    event.model = model;
    models_.events().Publish(event);
  }

  static ModelEnvironment Environment(const OpRegistry& ops) {
    ModelEnvironment out;
    out.ops = &ops;
    out.files = &FileSystem::Posix();
    out.clock = &Clock::Real();
    return out;
  }

  const std::unique_ptr<const OpRegistry> registry_;
  ModelManager models_;
  InspectHandler handler_;
  InspectService service_;
  std::unique_ptr<v1::Inspect::Stub> stub_;
};

TEST_F(InspectServiceTest, PatienceWithAWatcherThatDoesNotReadEnds) {
  const auto unread = Begin();
  WaitForUnread(1);
  Advance(59 * kSecond);
  EXPECT_EQ(places_.in_flight(), 1);
  Publish("more");
  Advance(2 * kSecond);
  EXPECT_EQ(unread->stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  WaitForPlaces(0);
  WaitForUnread(0);
}

// It is for all of the watch, as for other streams.
TEST_F(InspectServiceTest, PatienceIsNotBoughtWithAnEventAMinute) {
  const auto slow = Begin();
  WaitForUnread(1);
  Advance(59 * kSecond);
  EXPECT_EQ(slow->Read(), "first");
  WaitForUnread(1);
  Advance(2 * kSecond);
  EXPECT_EQ(slow->stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  WaitForPlaces(0);
}

TEST_F(InspectServiceTest, WaitingForEventsTakesNoPatience) {
  const auto watch = Begin();
  EXPECT_EQ(watch->Read(), "first");
  EXPECT_EQ(watch->Read(), "second");
  WaitForUnread(0);
  Advance(3600 * kSecond);
  for (int i = 0; i < 3; ++i) {
    const std::string model = absl::StrCat("later", i);
    Publish(model);
    EXPECT_EQ(watch->Read(), model);
    WaitForUnread(0);
    Advance(3600 * kSecond);
  }
  EXPECT_EQ(places_.in_flight(), 1);
  service_.EndWatches();
  EXPECT_EQ(watch->stream->Finish().error_code(),
            grpc::StatusCode::UNAVAILABLE);
  WaitForPlaces(0);
}

TEST_F(InspectServiceTest, OneHostHasNotAllWatches) {
  std::vector<std::unique_ptr<Watch>> watches;
  for (int i = 0; i < kStreams; ++i) {
    watches.push_back(Begin());
    EXPECT_EQ(watches.back()->Read(), "first");
  }
  EXPECT_LT(places_.in_flight(), 16);
  const auto refused = Begin();
  EXPECT_EQ(refused->Read(), "no event");
  EXPECT_EQ(refused->stream->Finish().error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  for (const auto& watch : watches) watch->context.TryCancel();
  WaitForPlaces(0);
}

// Nor do looks at models shut out checks.
TEST_F(InspectServiceTest, ManyChecksOfCheckpointsShutOutNoLooksAtModels) {
  ASSERT_OK_AND_ASSIGN(const Admission::Ticket only, checks_.Enter());
  const auto list = [this] {
    grpc::ClientContext context;
    v1::ListModelsResponse response;
    return stub_->ListModels(&context, {}, &response).error_code();
  };
  const auto check = [this](auto call, auto request, auto response) {
    grpc::ClientContext context;
    request.set_model("absent");
    return (stub_.get()->*call)(&context, request, &response).error_code();
  };
  const auto list_checkpoints = [&] {
    return check(&v1::Inspect::Stub::ListCheckpoints,
                 v1::ListCheckpointsRequest(), v1::ListCheckpointsResponse());
  };
  const auto verify = [&] {
    return check(&v1::Inspect::Stub::VerifyCheckpoint,
                 v1::VerifyCheckpointRequest(), v1::VerifyCheckpointResponse());
  };
  EXPECT_EQ(list(), grpc::StatusCode::OK);
  EXPECT_EQ(list_checkpoints(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(verify(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

}  // namespace
}  // namespace metagraph
