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

TEST(AdmissionTest, RefusesEverythingWhileDraining) {
  Admission admission(2);
  admission.StartDraining();
  EXPECT_THAT(admission.Enter(),
              HasCode(absl::StatusCode::kUnavailable, "draining"));
}

}  // namespace
}  // namespace metagraph
