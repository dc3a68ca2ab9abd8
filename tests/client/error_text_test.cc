#include "client/error_text.h"

#include "client/grpc_status.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace metagraph {
namespace {

grpc::Status NotFoundWithNearest(const std::string& message) {
  google::rpc::ErrorInfo info;
  (*info.mutable_metadata())["nearest"] = "add:0,add1:0";
  google::rpc::Status details;
  details.add_details()->PackFrom(info);
  return grpc::Status(grpc::StatusCode::NOT_FOUND, message,
                      details.SerializeAsString());
}

TEST(ErrorTextTest, NamesTheCode) {
  EXPECT_EQ(ErrorText(absl::DataLossError("bad checksum")),
            "DATA_LOSS: bad checksum");
}

TEST(ErrorTextTest, AddsNearestNamesFromTheDetails) {
  const absl::Status status = FromGrpcStatus(NotFoundWithNearest("no ad:0"));
  EXPECT_EQ(ErrorText(status), "NOT_FOUND: no ad:0\n  nearest: add:0, add1:0");
}

TEST(ErrorTextTest, DoesNotRepeatWhatTheMessageSays) {
  const absl::Status status = FromGrpcStatus(
      NotFoundWithNearest("no ad:0; did you mean add:0 or add1:0?"));
  EXPECT_EQ(ErrorText(status),
            "NOT_FOUND: no ad:0; did you mean add:0 or add1:0?");
}

TEST(ErrorTextTest, IgnoresDetailsThatAreGarbage) {
  const absl::Status status = FromGrpcStatus(
      grpc::Status(grpc::StatusCode::INTERNAL, "oops", "\xff\xff\xff"));
  EXPECT_EQ(ErrorText(status), "INTERNAL: oops");
}

TEST(ErrorTextTest, KeepsUsageErrorsApart) {
  EXPECT_TRUE(IsUsageError(UsageError("no")));
  EXPECT_FALSE(IsUsageError(absl::InvalidArgumentError("no")));
}

}  // namespace
}  // namespace metagraph
