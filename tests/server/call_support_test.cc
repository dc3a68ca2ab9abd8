#include "server/call_support.h"

#include <optional>

#include "core/base/error_details.h"
#include "glog/logging.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"
#include "metagraph/v1/inference.pb.h"
#include "server/retry_after.h"

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

TEST(ToGrpcStatusTest, SaysWhenToTryAgain) {
  const grpc::Status status = ToGrpcStatus(WithRetryAfter(
      absl::UnavailableError("not now"), absl::Milliseconds(1500)));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  ASSERT_EQ(details.details_size(), 1);
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(details.details(0).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
}

// Whoever says so: it will be otherwise before long.
TEST(ToGrpcStatusTest, WhatIsUnavailableMayBeTriedAgain) {
  const grpc::Status status = ToGrpcStatus(
      WithDetails(absl::UnavailableError("is loading"), {{"name", "m"}}));
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  ASSERT_EQ(details.details_size(), 2);
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(details.details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().nanos(), 100'000'000);
  EXPECT_EQ(ToGrpcStatus(absl::InternalError("no")).error_details(), "");
}

class CallScopeTest : public testing::Test {
 protected:
  std::vector<std::string> lines_;
  AccessLog access_{
      AccessLogMode::kErrors,
      {.write = [this](absl::string_view line) { lines_.emplace_back(line); }}};
  Admission admission_{1};
  UnsentAnswers unsent_{100, 1000, [](const std::string&) {}};
  MemoryBudget received_{100'000};
  CallCounts counts_;
  ThreadPool pool_{"pool", 1};
  RunPool runs_{2, 8};
  StreamBounds streams_{1 << 20};
  CallSupport support_{.running = admission_,
                       .inspecting = admission_,
                       .changing = admission_,
                       .checking = admission_,
                       .reading = admission_,
                       .watching = admission_,
                       .unsent = unsent_,
                       .received = received_,
                       .log = access_,
                       .runs = runs_,
                       .inspection = pool_,
                       .readers = pool_,
                       .checks = pool_,
                       .admin = pool_,
                       .streams = streams_,
                       .counts = counts_};
  grpc::CallbackServerContext context_;
};

TEST_F(CallScopeTest, LogsCallsThatGoWellFromVerbosityOneOn) {
  const int before = FLAGS_v;
  for (int verbosity : {0, 1}) {
    FLAGS_v = verbosity;
    CallScope scope(support_, admission_, "a/Call", context_);
    EXPECT_TRUE(scope.Close(absl::OkStatus()).ok());
    access_.Flush();
    EXPECT_EQ(lines_.size(), static_cast<size_t>(verbosity));
  }
  FLAGS_v = before;
  EXPECT_NE(lines_[0].find("] a/Call from "), std::string::npos);
}

TEST_F(CallScopeTest, CountsWhatADrainCuts) {
  const auto end = [&](const absl::Status& status) {
    CallScope scope(support_, admission_, "a/Call", context_);
    (void)scope.Close(status);
  };
  end(absl::CancelledError("by its caller"));
  EXPECT_EQ(counts_.dropped, 0);
  counts_.drain_end = 0;  // long ago
  end(absl::OkStatus());
  EXPECT_EQ(counts_.dropped, 0);
  end(absl::CancelledError("by the drain"));
  EXPECT_EQ(counts_.dropped, 1);
}

// A caller that does not read its answer keeps nobody out.
TEST_F(CallScopeTest, CountsUntilItIsAnswered) {
  CallScope first(support_, admission_, "a/Call", context_);
  EXPECT_TRUE(first.admitted().ok());
  CallScope second(support_, admission_, "a/Call", context_);
  EXPECT_FALSE(second.admitted().ok());
  (void)first.Close(absl::OkStatus());
  CallScope third(support_, admission_, "a/Call", context_);
  EXPECT_TRUE(third.admitted().ok());
}

// What is sent waits for its answer in a bounded part of the memory.
TEST_F(CallScopeTest, LargeRequestsThatWaitAreBounded) {
  Admission many(10);
  v1::RunRequest request;
  request.set_model(std::string(70'000, 'm'));
  std::optional<CallScope> first(std::in_place, support_, many, "a/Call",
                                 context_);
  first->Describe(request);
  EXPECT_TRUE(first->admitted().ok());
  {
    CallScope second(support_, many, "a/Call", context_);
    second.Describe(request);
    EXPECT_EQ(second.admitted().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(many.in_flight(), 1);
  }
  CallScope small(support_, many, "a/Call", context_);
  small.Describe(v1::RunRequest());
  EXPECT_TRUE(small.admitted().ok());
  first.reset();
  EXPECT_EQ(received_.used(), 0);
  request.set_model(std::string(700'000, 'm'));
  CallScope alone(support_, many, "a/Call", context_);
  alone.Describe(request);
  EXPECT_TRUE(alone.admitted().ok());
}

}  // namespace
}  // namespace metagraph
