#include "server/host_bound.h"

#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

TEST(HostBoundTest, IsForEachHost) {
  HostBound bound(2, "streams");
  const std::string host = HostBound::HostOf("ipv4:127.0.0.1:50000");
  EXPECT_EQ(host, "ipv4:127.0.0.1");
  EXPECT_OK(bound.Enter(host));
  EXPECT_OK(bound.Enter(host));
  EXPECT_THAT(bound.Enter(host), HasCode(absl::StatusCode::kResourceExhausted,
                                         "more than 2 streams of one host"));
  EXPECT_OK(bound.Enter(HostBound::HostOf("ipv6:[::1]:50000")));
  bound.Leave(host);
  EXPECT_OK(bound.Enter(host));
}

}  // namespace
}  // namespace metagraph
