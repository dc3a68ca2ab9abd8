#include "core/base/status.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

absl::StatusOr<std::unique_ptr<int>> MakeInt(bool fail) {
  if (fail) return NotFound("no int ", 7);
  return std::make_unique<int>(7);
}

absl::StatusOr<int> Twice(bool fail) {
  ASSIGN_OR_RETURN(std::unique_ptr<int> value, MakeInt(fail));
  RETURN_IF_ERROR(absl::OkStatus());
  return 2 * *value;
}

TEST(StatusTest, AssignOrReturnMovesTheValue) {
  ASSERT_OK_AND_ASSIGN(int value, Twice(false));
  EXPECT_EQ(value, 14);
}

TEST(StatusTest, AssignOrReturnReturnsTheError) {
  EXPECT_THAT(Twice(true), HasCode(absl::StatusCode::kNotFound, "no int 7"));
}

TEST(StatusTest, MakersGiveTheirCodes) {
  using Code = absl::StatusCode;
  EXPECT_EQ(InvalidArgument("a").code(), Code::kInvalidArgument);
  EXPECT_EQ(FailedPrecondition("a").code(), Code::kFailedPrecondition);
  EXPECT_EQ(Unimplemented("a").code(), Code::kUnimplemented);
  EXPECT_EQ(DataLoss("a").code(), Code::kDataLoss);
  EXPECT_EQ(ResourceExhausted("a").code(), Code::kResourceExhausted);
  EXPECT_EQ(OutOfRange("a").code(), Code::kOutOfRange);
  EXPECT_EQ(Internal("a").code(), Code::kInternal);
}

TEST(StatusTest, AnnotateKeepsCodeAndPayloads) {
  absl::Status inner = DataLoss("bad block");
  inner.SetPayload("where", absl::Cord("here"));
  const absl::Status outer = Annotate(inner, "model \"", "m", "\": ");
  EXPECT_EQ(outer.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(outer.message(), "model \"m\": bad block");
  EXPECT_EQ(outer.GetPayload("where"), absl::Cord("here"));
  EXPECT_OK(Annotate(absl::OkStatus(), "ignored"));
}

}  // namespace
}  // namespace metagraph
