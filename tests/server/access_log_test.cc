#include "server/access_log.h"

#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "glog/logging.h"
#include "gmock/gmock.h"
#include "tests/support/fake_clock.h"

namespace metagraph {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

CallRecord SomeCall() {
  CallRecord call;
  call.method = "a/B";
  call.total_nanos = 85'000;
  return call;
}

class AccessLogTest : public testing::Test {
 protected:
  AccessWriter::Output ToLines() {
    return {.clock = &clock_, .write = [this](absl::string_view lines) {
              for (absl::string_view line :
                   absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
                lines_.emplace_back(line.substr(line.find("] ") + 2));
              }
            }};
  }
  void Add(AccessLog& log, const absl::Status& status) {
    log.Add(SomeCall(), context_, status, !status.ok());
    log.Flush();
  }
  grpc::CallbackServerContext context_;
  FakeClock clock_;
  std::vector<std::string> lines_;
};

TEST_F(AccessLogTest, WritesOneShortLineWhateverTheNames) {
  AccessLog log(AccessLogMode::kErrors, ToLines());
  CallRecord call = SomeCall();
  const std::string name =
      "x\nI1129 faked line\x1b[2J" + std::string(100'000, 'x');
  call.model = name;
  log.Add(call, context_, absl::NotFoundError("no \"" + name), true);
  log.Flush();
  ASSERT_THAT(lines_, SizeIs(1));
  EXPECT_LT(lines_[0].size(), 1500u);
  for (char c : lines_[0]) EXPECT_GE(c, ' ');
}

TEST_F(AccessLogTest, TellsAllThatIsKnown) {
  AccessLog log(AccessLogMode::kAll, ToLines());
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
  log.Flush();
  EXPECT_THAT(
      lines_,
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
    AccessLog log(mode, ToLines());
    lines_.clear();
    Add(log, absl::OkStatus());
    EXPECT_THAT(lines_, SizeIs(good));
    lines_.clear();
    Add(log, absl::NotFoundError("no"));
    EXPECT_THAT(lines_, SizeIs(bad));
    lines_.clear();
    Add(log, absl::InternalError("bug"));
    EXPECT_THAT(lines_, SizeIs(internal));
  }
}

// Within one second; a second begins at most once while this runs.
TEST_F(AccessLogTest, WritesSoManyLinesASecondUnlessAllAreWanted) {
  AccessLog all(AccessLogMode::kAll, ToLines());
  for (int i = 0; i < 100; ++i) Add(all, absl::OkStatus());
  EXPECT_THAT(lines_, SizeIs(100));
  for (const auto& [mode, status] :
       {std::pair(AccessLogMode::kErrors, absl::NotFoundError("no")),
        std::pair(AccessLogMode::kSampled, absl::OkStatus())}) {
    AccessLog log(mode, ToLines());
    lines_.clear();
    for (int i = 0; i < 1000; ++i) Add(log, status);
    EXPECT_THAT(lines_.size(),
                testing::AllOf(testing::Ge(10u), testing::Le(100u)));
  }
}

TEST_F(AccessLogTest, CountsInternalErrors) {
  AccessLog log(AccessLogMode::kErrors, ToLines());
  for (int i = 0; i < 100; ++i) Add(log, absl::InternalError("bug"));
  Add(log, absl::NotFoundError("no bug"));
  EXPECT_EQ(log.internal_errors(), 100);
}

TEST_F(AccessLogTest, AnEndIsNoFailureWhereTheCallSaysSo) {
  AccessLog log(AccessLogMode::kErrors, ToLines());
  log.Add(SomeCall(), context_, absl::CancelledError("gone"), false);
  log.Flush();
  EXPECT_THAT(lines_, IsEmpty());
  AccessLog all(AccessLogMode::kAll, ToLines());
  all.Add(SomeCall(), context_, absl::CancelledError("gone"), false);
  all.Flush();
  EXPECT_THAT(lines_, ElementsAre(AllOf(HasSubstr("CANCELLED: gone"),
                                        Not(HasSubstr("failed")))));
}

// As Admin's SetLogLevel sets it.
TEST_F(AccessLogTest, WritesNothingBelowTheLogsLevel) {
  AccessLog log(AccessLogMode::kAll, ToLines());
  const int before = FLAGS_minloglevel;
  FLAGS_minloglevel = google::GLOG_ERROR;
  Add(log, absl::OkStatus());
  Add(log, absl::NotFoundError("no"));
  Add(log, absl::InternalError("bug"));
  FLAGS_minloglevel = before;
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("INTERNAL: bug")));
}

TEST_F(AccessLogTest, KeepsNothingOfTheCall) {
  AccessLog log(AccessLogMode::kAll, ToLines());
  {
    CallRecord call = SomeCall();
    const std::string model = "gone before it is written";
    call.model = model;
    log.Add(call, context_, absl::OkStatus(), false);
  }
  log.Flush();
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("model \"gone before it is")));
}

}  // namespace
}  // namespace metagraph
