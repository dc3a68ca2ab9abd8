#include "server/call_support.h"

#include "core/base/error_details.h"
#include "glog/logging.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace metagraph {
namespace {

TEST(ToGrpcStatusTest, CutsLongMessagesBetweenCharacters) {
  std::string text(1020, 'x');
  for (int i = 0; i < 20; ++i) text += "\xc3\xa4";
  const grpc::Status status = ToGrpcStatus(absl::NotFoundError(text));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_LE(status.error_message().size(), 1024u);
  EXPECT_EQ(status.error_message().substr(1018), "xx...");
}

TEST(ToGrpcStatusTest, CarriesDetails) {
  const grpc::Status status = ToGrpcStatus(
      WithDetails(absl::InvalidArgumentError("no"), {{"expected", "float"}}));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  ASSERT_EQ(details.details_size(), 1);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.metadata().at("expected"), "float");
  EXPECT_EQ(info.domain(), "metagraph");
}

// A trailer that is too long would hide the error.
TEST(ToGrpcStatusTest, LeavesLongDetailsOut) {
  const grpc::Status status = ToGrpcStatus(WithDetails(
      absl::NotFoundError("no"), {{"name", std::string(20000, 'x')}}));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "no");
  EXPECT_EQ(status.error_details(), "");
  // All of them together must fit: those that still do are kept.
  const grpc::Status several = ToGrpcStatus(
      WithDetails(absl::NotFoundError("no"), {{"a", std::string(1500, 'x')},
                                              {"b", std::string(1500, 'x')},
                                              {"c", "short"}}));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(several.error_details()));
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.metadata().count("a"), 1u);
  EXPECT_EQ(info.metadata().count("b"), 0u);
  EXPECT_EQ(info.metadata().count("c"), 1u);
}

TEST(CallScopeTest, LogsCallsThatGoWellFromVerbosityOneOn) {
  Admission admission(8);
  std::vector<std::string> lines;
  AccessLog access(
      AccessLogMode::kErrors,
      {.write = [&](absl::string_view line) { lines.emplace_back(line); }});
  CallCounts counts;
  ThreadPool pool("pool", 1);
  CallSupport support{admission, access, pool,      pool,      pool,
                      pool,      pool,   admission, admission, counts};
  grpc::CallbackServerContext context;
  const int before = FLAGS_v;
  for (int verbosity : {0, 1}) {
    FLAGS_v = verbosity;
    CallScope scope(support, "a/Call", context);
    EXPECT_TRUE(scope.Close(absl::OkStatus()).ok());
    access.Flush();
    EXPECT_EQ(lines.size(), static_cast<size_t>(verbosity));
  }
  FLAGS_v = before;
  EXPECT_NE(lines[0].find("] a/Call from "), std::string::npos);
}

TEST(CallScopeTest, CountsWhatADrainCuts) {
  Admission admission(8);
  AccessLog access(AccessLogMode::kOff);
  CallCounts counts;
  ThreadPool pool("pool", 1);
  CallSupport support{admission, access, pool,      pool,      pool,
                      pool,      pool,   admission, admission, counts};
  grpc::CallbackServerContext context;
  const auto end = [&](const absl::Status& status) {
    CallScope scope(support, "a/Call", context);
    (void)scope.Close(status);
  };
  end(absl::CancelledError("by its caller"));
  EXPECT_EQ(counts.dropped, 0);
  counts.drain_end = 0;  // long ago
  end(absl::OkStatus());
  EXPECT_EQ(counts.dropped, 0);
  end(absl::CancelledError("by the drain"));
  EXPECT_EQ(counts.dropped, 1);
}

}  // namespace
}  // namespace metagraph
