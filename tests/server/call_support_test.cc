#include "server/call_support.h"

#include "core/base/error_details.h"
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
}

TEST(FailureLogTest, CountsInternalErrors) {
  FailureLog log;
  for (int i = 0; i < 100; ++i) {
    log.Add("a/B", "peer", absl::InternalError("bug"), 1000);
  }
  log.Add("a/B", "peer", absl::NotFoundError("no bug"), 1000);
  EXPECT_EQ(log.internal_errors(), 100);
}

}  // namespace
}  // namespace metagraph
