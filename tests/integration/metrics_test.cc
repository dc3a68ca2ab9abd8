// /metrics, /readyz, traces: as those who watch the daemon see it.

#include <atomic>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "tests/integration/server_fixture.h"
#include "tests/support/http.h"

namespace metagraph {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class MetricsTest : public ServerTest {
 protected:
  MetricsTest() { options_.metrics_listen = "127.0.0.1:0"; }

  std::string Get(const std::string& path) const {
    return HttpGet(server_->metrics_address(), path);
  }
  // The value of the series that starts so; -1 if there is none.
  static double ValueOf(const std::string& page, const std::string& start) {
    for (const absl::string_view line : absl::StrSplit(page, '\n')) {
      if (!absl::StartsWith(line, start)) continue;
      double value = -1;
      EXPECT_TRUE(absl::SimpleAtod(line.substr(line.rfind(' ') + 1), &value))
          << line;
      return value;
    }
    return -1;
  }
};

TEST_F(MetricsTest, CountsWhileCallsRun) {
  AddSeedModel();
  Start();
  EXPECT_THAT(Get("/readyz"), StartsWith("HTTP/1.1 200 "));
  const std::string count =
      "metagraphd_call_seconds_count{code=\"OK\",method=\"metagraph.v1."
      "Inference/Run\",model=\"seed\",version=\"0\"}";
  std::atomic<bool> done{false};
  std::thread scraper([&] {
    double before = -1;
    while (!done) {
      const double now = ValueOf(Get("/metrics"), count);
      EXPECT_GE(now, before);
      before = now;
    }
  });
  for (int i = 0; i < 100; ++i) {
    v1::RunResponse response;
    EXPECT_TRUE(Run(SeedRun(), &response).ok());
  }
  done = true;
  scraper.join();
  v1::RunRequest unknown = SeedRun();
  unknown.set_model("made up");
  v1::RunResponse response;
  EXPECT_EQ(Run(unknown, &response).error_code(), grpc::StatusCode::NOT_FOUND);
  ASSERT_OK(Save(Path("seed/next")));
  ASSERT_OK(Restore(Path("seed/next")));

  const std::string page = Get("/metrics");
  EXPECT_EQ(ValueOf(page, count), 100);
  EXPECT_EQ(page.find("made up"), std::string::npos);
  EXPECT_EQ(ValueOf(page, "metagraphd_model_generation{model=\"seed\""), 2);
  EXPECT_EQ(ValueOf(page, "metagraphd_save_seconds_count"), 1);
  // The start restores, too.
  EXPECT_EQ(ValueOf(page, "metagraphd_restore_seconds_count"), 2);
  EXPECT_EQ(ValueOf(page, "metagraphd_calls_in_flight"), 0);
  EXPECT_EQ(ValueOf(page, "metagraphd_ready"), 1);
  EXPECT_EQ(ValueOf(page, "metagraphd_build_info{"), 1);
  EXPECT_GT(ValueOf(page, "process_resident_memory_bytes"), 0);
}

TEST_F(MetricsTest, ServesTheOthersIfOneModelIsBroken) {
  AddSeedModel();
  options_.models.push_back({"broken", Path("nowhere")});
  options_.serve_on_load_error = true;
  Start();
  v1::RunResponse response;
  EXPECT_TRUE(Run(SeedRun(), &response).ok());
  const std::string ready = Get("/readyz");
  EXPECT_THAT(ready, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(ready, HasSubstr("model \"broken\": could not be loaded"));
  EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(MetricsTest, APortThatIsTakenIsAnErrorWhereItWasAskedFor) {
  AddSeedModel();
  Start();
  ServerOptions second = options_;
  second.metrics_listen = server_->metrics_address();
  EXPECT_THAT(Server::Start(second, Platform::Real()),
              HasCode(absl::StatusCode::kUnavailable, "--metrics_listen"));
}

TEST_F(MetricsTest, ATraceIsNotCut) {
  AddSeedModel();
  Start();
  const std::string trace =
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  for (const std::string& sent :
       {trace, trace + "0", std::string("nonsense")}) {
    grpc::ClientContext context;
    context.AddMetadata("traceparent", sent);
    v1::RunResponse response;
    EXPECT_TRUE(inference_->Run(&context, SeedRun(), &response).ok());
    const auto& trailers = context.GetServerTrailingMetadata();
    const auto found = trailers.find("traceparent");
    ASSERT_EQ(found != trailers.end(), sent == trace) << sent;
    if (sent == trace) {
      EXPECT_EQ(std::string(found->second.data(), found->second.size()), trace);
    }
  }
}

}  // namespace
}  // namespace metagraph
