#include "server/admission.h"

#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

TEST(AdmissionTest, RefusesMoreThanTheLimitUntilOneLeaves) {
  Admission admission(2);
  auto first = std::make_unique<Admission::Ticket>(*admission.Enter());
  auto second = admission.Enter();
  ASSERT_OK(second);
  EXPECT_THAT(admission.Enter(),
              HasCode(absl::StatusCode::kResourceExhausted, "2 calls"));
  first.reset();
  EXPECT_OK(admission.Enter());
  EXPECT_EQ(admission.in_flight(), 1);
}

TEST(AdmissionTest, OneHostHasNotAllPlaces) {
  Admission admission(3, "checks", 2);
  ASSERT_OK_AND_ASSIGN(Admission::Ticket first, admission.Enter("a"));
  ASSERT_OK_AND_ASSIGN(Admission::Ticket second, admission.Enter("a"));
  EXPECT_THAT(admission.Enter("a"),
              HasCode(absl::StatusCode::kResourceExhausted,
                      "more than 2 checks of one host"));
  EXPECT_EQ(admission.in_flight(), 2);
  {
    ASSERT_OK_AND_ASSIGN(const Admission::Ticket third, admission.Enter("b"));
    EXPECT_THAT(admission.Enter("c"),
                HasCode(absl::StatusCode::kResourceExhausted,
                        "more than 3 checks are"));
  }
  first.Leave();
  second = *admission.Enter("c");
  EXPECT_EQ(admission.in_flight(), 1);
  // What was refused for all is not held against a host.
  ASSERT_OK_AND_ASSIGN(first, admission.Enter("c"));
  EXPECT_FALSE(admission.Enter("c").ok());
  EXPECT_OK(admission.Enter("a"));
}

TEST(AdmissionTest, RefusesEverythingWhileDraining) {
  Admission admission(2);
  admission.StartDraining();
  EXPECT_THAT(admission.Enter(),
              HasCode(absl::StatusCode::kUnavailable, "draining"));
}

}  // namespace
}  // namespace metagraph
