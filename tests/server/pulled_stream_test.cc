#include "server/pulled_stream.h"

#include <future>

#include "absl/strings/str_cat.h"
#include "metagraph/v1/inspect.grpc.pb.h"
#include "tests/server/stream_fixture.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using testing::ElementsAre;

// What the source of a stream does.
struct Script {
  int messages = 3;
  size_t message_bytes = 100;
  int64_t bytes = 0;     // that the source says it takes
  absl::Status opening;  // how that ends
  absl::Status ending;
};

// What happens to all sources.
struct Seen {
  std::atomic<int> made{0};  // messages
  std::atomic<int> alive{0};
  std::atomic<int> opened{0};
};

class ScriptedSource final : public MessageSource<v1::GetGraphResponse> {
 public:
  ScriptedSource(const Script& script, Seen& seen)
      : script_(script), seen_(seen) {
    ++seen_.alive;
  }
  ~ScriptedSource() override { --seen_.alive; }

  absl::StatusOr<Step> Next(CallContext& call,
                            v1::GetGraphResponse* message) override {
    RETURN_IF_ERROR(call.Check());
    if (made_ == script_.messages) {
      if (!script_.ending.ok()) return script_.ending;
      return Step::kEnd;
    }
    if (std::exchange(rests_, false)) return Step::kMore;
    rests_ = true;
    EXPECT_FALSE(message->has_data());
    message->set_data(std::string(script_.message_bytes, 'x'));
    message->set_total_bytes(++made_);
    ++seen_.made;
    return Step::kMessage;
  }
  int64_t bytes() const override { return script_.bytes; }

 private:
  const Script script_;
  Seen& seen_;
  int made_ = 0;
  bool rests_ = true;
};

class Service final : public v1::Inspect::CallbackService {
 public:
  explicit Service(CallSupport& support) : support_(support) {}

  grpc::ServerWriteReactor<v1::GetGraphResponse>* GetGraph(
      grpc::CallbackServerContext* context,
      const v1::GetGraphRequest* request) override {
    return StartPulled<v1::GetGraphResponse>(
        support_, "a/Stream", *context, *request,
        [this](CallContext&)
            -> absl::StatusOr<
                std::unique_ptr<MessageSource<v1::GetGraphResponse>>> {
          ++seen.opened;
          if (!script.opening.ok()) return script.opening;
          return std::make_unique<ScriptedSource>(script, seen);
        });
  }

  Script script;
  Seen seen;

 private:
  CallSupport& support_;
};

class PulledStreamTest : public StreamTest {
 protected:
  struct Call {
    std::unique_ptr<grpc::ClientContext> context;
    std::unique_ptr<grpc::ClientReader<v1::GetGraphResponse>> stream;

    bool Read() {
      v1::GetGraphResponse message;
      return stream->Read(&message);
    }
    // The numbers of all messages that are left.
    std::vector<int64_t> ReadAll() {
      std::vector<int64_t> out;
      v1::GetGraphResponse message;
      while (stream->Read(&message)) out.push_back(message.total_bytes());
      return out;
    }
    grpc::StatusCode Code() { return stream->Finish().error_code(); }
  };

  void SetUp() override {
    Serve(service_);
    stub_ = v1::Inspect::NewStub(channel_);
  }
  Call Begin(std::chrono::milliseconds limit = std::chrono::hours(1)) {
    Call out;
    out.context = std::make_unique<grpc::ClientContext>();
    out.context->set_deadline(std::chrono::system_clock::now() + limit);
    out.stream = stub_->GetGraph(out.context.get(), {});
    return out;
  }
  // All that a stream holds is given back.
  void ExpectNothingHeld() {
    EXPECT_EQ(service_.seen.alive, 0);
    EXPECT_EQ(places_.in_flight(), 0);
    EXPECT_EQ(bounds_.bytes.used(), 0);
    EXPECT_EQ(bounds_.timers.waiting(), 0);
  }

  Service service_{support_};
  std::unique_ptr<v1::Inspect::Stub> stub_;
};

TEST_F(PulledStreamTest, SendsAllInOrderAndGivesAllBack) {
  service_.script.messages = 20;
  Call call = Begin();
  EXPECT_EQ(call.ReadAll().size(), 20u);
  EXPECT_EQ(call.Code(), grpc::StatusCode::OK);
  ExpectNothingHeld();
  service_.script.messages = 0;
  Call empty = Begin();
  EXPECT_THAT(empty.ReadAll(), ElementsAre());
  EXPECT_EQ(empty.Code(), grpc::StatusCode::OK);
  ExpectNothingHeld();
}

TEST_F(PulledStreamTest, UnreadOnesHoldOneMessageAndNoThread) {
  service_.script.message_bytes = 10;
  std::vector<Call> unread(8);
  for (Call& call : unread) call = Begin();
  WaitForUnread(8);
  EXPECT_EQ(service_.seen.made, 8);
  // The only thread there is has time.
  std::promise<void> ran;
  pool_.Schedule([&] { ran.set_value(); });
  ran.get_future().wait();
  Call reads = Begin();
  EXPECT_THAT(reads.ReadAll(), ElementsAre(1, 2, 3));
  EXPECT_EQ(reads.Code(), grpc::StatusCode::OK);
  EXPECT_EQ(service_.seen.made, 8 + 3);
  for (Call& call : unread) {
    EXPECT_THAT(call.ReadAll(), ElementsAre(1, 2, 3)) << "late is not never";
    EXPECT_EQ(call.Code(), grpc::StatusCode::OK);
  }
  ExpectNothingHeld();
}

TEST_F(PulledStreamTest, TheNextIsMadeWhileOneIsOnItsWay) {
  Call call = Begin();
  WaitForUnread(1);
  EXPECT_EQ(service_.seen.made, 1) << "nobody knows yet whether it is read";
  ASSERT_TRUE(call.Read());
  while (service_.seen.made != 3) std::this_thread::yield();
  EXPECT_GE(bounds_.bytes.used(), 400) << "two, and as bytes for the wire";
  EXPECT_THAT(call.ReadAll(), ElementsAre(2, 3));
  EXPECT_EQ(call.Code(), grpc::StatusCode::OK);
  ExpectNothingHeld();
}

TEST_F(PulledStreamTest, WhereTwoDoNotFitOneAfterTheOtherIsMade) {
  service_.script.message_bytes = 200;
  Call other = Begin();
  WaitForUnread(1);
  Call call = Begin();
  ASSERT_TRUE(call.Read());
  while (service_.seen.made != 3) std::this_thread::yield();
  WaitForUnread(2);
  EXPECT_LT(bounds_.bytes.used(), 1000);
  EXPECT_THAT(call.ReadAll(), ElementsAre(2, 3));
  EXPECT_EQ(call.Code(), grpc::StatusCode::OK);
  EXPECT_THAT(other.ReadAll(), ElementsAre(1, 2, 3));
  ExpectNothingHeld();
}

TEST_F(PulledStreamTest, PatienceWithAReaderEnds) {
  Call unread = Begin();
  WaitForUnread(1);
  Advance(59 * kSecond);
  EXPECT_EQ(places_.in_flight(), 1);
  Advance(2 * kSecond);
  EXPECT_EQ(unread.Code(), grpc::StatusCode::CANCELLED);
  WaitForPlaces(0);
  ExpectNothingHeld();
}

// It is for the whole stream: taking a little now and then gives little.
TEST_F(PulledStreamTest, PatienceIsNotBoughtWithAMessageAMinute) {
  service_.script.messages = 1000;
  Call slow = Begin();
  WaitForUnread(1);
  Advance(59 * kSecond);
  EXPECT_EQ(places_.in_flight(), 1);
  ASSERT_TRUE(slow.Read());
  // The next message is on its way.
  while (service_.seen.made != 2) std::this_thread::yield();
  WaitForUnread(1);
  Advance(2 * kSecond);
  WaitForPlaces(0);
  EXPECT_EQ(service_.seen.made, 2);
  ExpectNothingHeld();
}

TEST_F(PulledStreamTest, EndsWithItsCaller) {
  Call unread = Begin();
  WaitForUnread(1);
  unread.context->TryCancel();
  EXPECT_EQ(unread.Code(), grpc::StatusCode::CANCELLED);
  WaitForPlaces(0);
  ExpectNothingHeld();
  EXPECT_EQ(service_.seen.made, 1);
}

TEST_F(PulledStreamTest, EndsWithItsDeadline) {
  // Until one has begun before its deadline.
  for (auto limit = std::chrono::milliseconds(50); service_.seen.made == 0;
       limit *= 2) {
    Call unread = Begin(limit);
    EXPECT_EQ(unread.Code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  }
  WaitForPlaces(0);
  ExpectNothingHeld();
}

TEST_F(PulledStreamTest, EndsWithTheErrorOfItsSource) {
  service_.script.ending = absl::DataLossError("torn");
  Call call = Begin();
  EXPECT_THAT(call.ReadAll(), ElementsAre(1, 2, 3));
  const grpc::Status torn = call.stream->Finish();
  EXPECT_EQ(torn.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_EQ(torn.error_message(), "torn");
  ExpectNothingHeld();
  service_.script.opening = absl::NotFoundError("no such model");
  Call none = Begin();
  EXPECT_THAT(none.ReadAll(), ElementsAre());
  EXPECT_EQ(none.Code(), grpc::StatusCode::NOT_FOUND);
  ExpectNothingHeld();
}

TEST_F(PulledStreamTest, OverTheBytesOfAllANewOneIsRefused) {
  service_.script.message_bytes = 1;
  service_.script.bytes = 200;  // twice, as message and on the wire
  Call first = Begin();
  Call second = Begin();
  WaitForUnread(2);
  EXPECT_EQ(bounds_.bytes.used(), 800);
  Call third = Begin();
  EXPECT_THAT(third.ReadAll(), ElementsAre());
  const grpc::Status refused = third.stream->Finish();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(refused.error_message(),
              testing::HasSubstr("800 bytes, this one 400"));
  EXPECT_THAT(first.ReadAll(), ElementsAre(1, 2, 3));
  Call fourth = Begin();
  EXPECT_THAT(fourth.ReadAll(), ElementsAre(1, 2, 3));
  EXPECT_THAT(second.ReadAll(), ElementsAre(1, 2, 3));
  EXPECT_EQ(bounds_.bytes.used(), 0);
}

// One message turns out larger than its source had said.
TEST_F(PulledStreamTest, AMessageOverTheBytesOfAllEndsItsStream) {
  service_.script.bytes = 1;
  Call first = Begin();
  WaitForUnread(1);
  service_.script.message_bytes = 900;
  Call second = Begin();
  EXPECT_THAT(second.ReadAll(), ElementsAre());
  EXPECT_EQ(second.Code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(first.ReadAll(), ElementsAre(1, 2, 3));
  Call alone = Begin();
  EXPECT_THAT(alone.ReadAll(), ElementsAre(1, 2, 3))
      << "who is alone gets it, or nobody could";
}

TEST_F(PulledStreamTest, IsRefusedWhereThereIsNoPlace) {
  places_.StartDraining();
  Call call = Begin();
  EXPECT_THAT(call.ReadAll(), ElementsAre());
  EXPECT_EQ(call.Code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(service_.seen.opened, 0);
}

TEST_F(PulledStreamTest, OneHostHasNotAllOfThem) {
  service_.script.message_bytes = 1;
  std::vector<Call> unread(kStreams);
  for (Call& call : unread) call = Begin();
  WaitForUnread(kStreams);
  EXPECT_LT(places_.in_flight(), 16);
  Call refused = Begin();
  EXPECT_THAT(refused.ReadAll(), ElementsAre());
  EXPECT_EQ(refused.Code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(unread[0].ReadAll(), ElementsAre(1, 2, 3));
  EXPECT_THAT(Begin().ReadAll(), ElementsAre(1, 2, 3));
  for (Call& call : unread) call.context->TryCancel();
  WaitForPlaces(0);
  ExpectNothingHeld();
}

}  // namespace
}  // namespace metagraph
