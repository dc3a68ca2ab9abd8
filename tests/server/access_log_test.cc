#include "server/access_log.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "glog/logging.h"
#include "gmock/gmock.h"

namespace metagraph {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// Keeps what is logged.
class LogLines final : public google::LogSink {
 public:
  LogLines() { google::AddLogSink(this); }
  ~LogLines() override { google::RemoveLogSink(this); }
  void send(google::LogSeverity, const char*, const char*, int,
            const google::LogMessageTime&, const char* message,
            size_t size) override {
    lines.emplace_back(message, size);
  }
  std::vector<std::string> lines;
};

CallRecord SomeCall() {
  CallRecord call;
  call.method = "a/B";
  call.total_nanos = 85'000;
  return call;
}

class AccessLogTest : public testing::Test {
 protected:
  void Add(AccessLog& log, const absl::Status& status) {
    log.Add(SomeCall(), context_, status, !status.ok());
  }
  grpc::CallbackServerContext context_;
  LogLines log_;
};

TEST_F(AccessLogTest, WritesOneShortLineWhateverTheNames) {
  AccessLog log;
  CallRecord call = SomeCall();
  const std::string name =
      "x\nI1129 faked line\x1b[2J" + std::string(100'000, 'x');
  call.model = name;
  log.Add(call, context_, absl::NotFoundError("no \"" + name), true);
  ASSERT_THAT(log_.lines, SizeIs(1));
  EXPECT_LT(log_.lines[0].size(), 1500u);
  for (char c : log_.lines[0]) EXPECT_GE(c, ' ');
}

TEST_F(AccessLogTest, TellsAllThatIsKnown) {
  AccessLog log(AccessLogMode::kAll);
  CallRecord call = SomeCall();
  call.model = "add";
  call.version = 3;
  call.generation = 7;
  call.queue_nanos = 1'000;
  call.decode_nanos = 2'000;
  call.run_nanos = 3'000;
  call.encode_nanos = 4'000;
  call.request_bytes = 123;
  call.response_bytes = 87;
  log.Add(call, context_, absl::OkStatus(), false);
  EXPECT_THAT(
      log_.lines,
      ElementsAre(AllOf(
          HasSubstr("a/B from "),
          HasSubstr(" took 85 us (model \"add\", version 3, generation 7, "
                    "queue 1 us, decode 2 us, run 3 us, encode 4 us, "
                    "bytes in 123, bytes out 87)"))));
}

TEST_F(AccessLogTest, WritesWhatItsModeSays) {
  for (const auto& [mode, good, bad, internal] :
       {std::tuple(AccessLogMode::kOff, 0u, 0u, 1u),
        std::tuple(AccessLogMode::kErrors, 0u, 1u, 1u),
        std::tuple(AccessLogMode::kSampled, 1u, 1u, 1u),
        std::tuple(AccessLogMode::kAll, 1u, 1u, 1u)}) {
    AccessLog log(mode);
    log_.lines.clear();
    Add(log, absl::OkStatus());
    EXPECT_THAT(log_.lines, SizeIs(good));
    log_.lines.clear();
    Add(log, absl::NotFoundError("no"));
    EXPECT_THAT(log_.lines, SizeIs(bad));
    log_.lines.clear();
    Add(log, absl::InternalError("bug"));
    EXPECT_THAT(log_.lines, SizeIs(internal));
  }
}

// Within one second; a second begins at most once while this runs.
TEST_F(AccessLogTest, WritesSoManyLinesASecondUnlessAllAreWanted) {
  AccessLog all(AccessLogMode::kAll);
  for (int i = 0; i < 100; ++i) Add(all, absl::OkStatus());
  EXPECT_THAT(log_.lines, SizeIs(100));
  for (const auto& [mode, status] :
       {std::pair(AccessLogMode::kErrors, absl::NotFoundError("no")),
        std::pair(AccessLogMode::kSampled, absl::OkStatus())}) {
    AccessLog log(mode);
    log_.lines.clear();
    for (int i = 0; i < 1000; ++i) Add(log, status);
    EXPECT_THAT(log_.lines.size(),
                testing::AllOf(testing::Ge(10u), testing::Le(100u)));
  }
}

TEST_F(AccessLogTest, CountsInternalErrors) {
  AccessLog log;
  for (int i = 0; i < 100; ++i) Add(log, absl::InternalError("bug"));
  Add(log, absl::NotFoundError("no bug"));
  EXPECT_EQ(log.internal_errors(), 100);
}

TEST_F(AccessLogTest, AnEndIsNoFailureWhereTheCallSaysSo) {
  AccessLog log;
  log.Add(SomeCall(), context_, absl::CancelledError("gone"), false);
  EXPECT_THAT(log_.lines, IsEmpty());
  AccessLog all(AccessLogMode::kAll);
  all.Add(SomeCall(), context_, absl::CancelledError("gone"), false);
  EXPECT_THAT(log_.lines, ElementsAre(AllOf(HasSubstr("CANCELLED: gone"),
                                            Not(HasSubstr("failed")))));
}

}  // namespace
}  // namespace metagraph
