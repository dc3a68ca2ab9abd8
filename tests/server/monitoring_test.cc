#include "server/monitoring.h"

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/support/http.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class MonitoringTest : public testing::Test {
 protected:
  void SetUp() override {
    auto started = Monitoring::Start(
        "127.0.0.1:0",
        {[] { return "a_total 1\n"; }, [this] { return reasons_; }});
    ASSERT_OK(started);
    monitoring_ = *std::move(started);
  }
  std::string Get(const std::string& path) const {
    return HttpGet(monitoring_->address(), path);
  }

  std::vector<std::string> reasons_;
  std::unique_ptr<Monitoring> monitoring_;
};

TEST_F(MonitoringTest, ServesMetricsAsPrometheusReadsThem) {
  EXPECT_THAT(Get("/metrics"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"),
                    HasSubstr("Content-Type: text/plain; version=0.0.4"),
                    EndsWith("\r\n\r\na_total 1\n")));
}

TEST_F(MonitoringTest, IsAliveAlsoWhenNotReady) {
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 200 "));
  reasons_ = {"draining", "model \"x\" is loading"};
  EXPECT_THAT(Get("/readyz"),
              AllOf(StartsWith("HTTP/1.1 503 "),
                    EndsWith("\r\n\r\ndraining\nmodel \"x\" is loading\n")));
  EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(MonitoringTest, ServesNothingElse) {
  for (const char* path : {"/", "/etc/passwd", "/metrics/x", "/../metrics.txt"})
    EXPECT_THAT(Get(path), StartsWith("HTTP/1.1 404 ")) << path;
  const std::string& address = monitoring_->address();
  EXPECT_THAT(
      SendRaw(address,
              "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
      AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: GET, HEAD\r\n")));
  EXPECT_THAT(SendRaw(address, "HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 200 "), EndsWith("\r\n\r\n")));
  EXPECT_THAT(SendRaw(address, "GET /metrics HTTP/1.1\r\nHost: x\r\nX: " +
                                   std::string(100'000, 'x') + "\r\n\r\n"),
              Not(HasSubstr("a_total")));
  EXPECT_THAT(SendRaw(address, "\x16\x03\x01 no HTTP\r\n\r\n"),
              Not(HasSubstr("a_total")));
  EXPECT_THAT(Get("/metrics"), StartsWith("HTTP/1.1 200 "));
}

// An open connection that has sent half of a request.
class HalfRequest {
 public:
  explicit HalfRequest(const std::string& address) : fd_(ConnectTo(address)) {
    EXPECT_EQ(send(fd_, "GET /heal", 9, MSG_NOSIGNAL), 9);
  }
  ~HalfRequest() { close(fd_); }
  HalfRequest(const HalfRequest&) = delete;
  HalfRequest& operator=(const HalfRequest&) = delete;

  bool IsHeld() const {
    char byte;
    return recv(fd_, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }

 private:
  const int fd_;
};

// Answers while many clients say nothing more, rather than after each has had
// its time: more than threads and queue once were.
TEST_F(MonitoringTest, HalfRequestsShutNobodyOut) {
  bool answered_first = false;
  for (int trial = 0; trial < 10 && !answered_first; ++trial) {
    std::vector<std::unique_ptr<HalfRequest>> halves;
    for (int i = 0; i < 40; ++i) {
      halves.push_back(std::make_unique<HalfRequest>(monitoring_->address()));
    }
    EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200 "));
    answered_first = halves.front()->IsHeld() && halves.back()->IsHeld();
  }
  EXPECT_TRUE(answered_first);
}

TEST_F(MonitoringTest, AnAddressInUseIsAnError) {
  const auto second =
      Monitoring::Start(monitoring_->address(), {[] { return ""; }, nullptr});
  EXPECT_THAT(second,
              HasCode(absl::StatusCode::kUnavailable, monitoring_->address()));
}

}  // namespace
}  // namespace metagraph
