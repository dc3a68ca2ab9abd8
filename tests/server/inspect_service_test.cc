#include "server/inspect_service.h"

#include "absl/strings/str_cat.h"
#include "tests/server/stream_fixture.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

// Of Watch: the rest of what it tells is in event_feed_test.cc.
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

}  // namespace
}  // namespace metagraph
