#include "server/state_metrics.h"

#include <map>

#include "prometheus/text_serializer.h"
#include "tests/server/handler_fixture.h"

namespace metagraph {
namespace {

using testing::AllOf;
using testing::HasSubstr;

using StateMetricsTest = HandlerTest;

std::string TextOf(const std::vector<prometheus::MetricFamily>& families) {
  return prometheus::TextSerializer().Serialize(families);
}

TEST_F(StateMetricsTest, TellsWhatEachModelServes) {
  v1::RunResponse response;
  ASSERT_OK(inference_.Run(SeedRun(), call_, &response));
  ASSERT_OK(inference_.Run(SeedRun(), call_, &response));
  const std::string model = "{model=\"seed\",version=\"0\"";
  EXPECT_THAT(
      TextOf(CollectModels(models_)),
      AllOf(HasSubstr("metagraphd_model_state" + model +
                      ",state=\"available\"} 1\n"),
            HasSubstr("metagraphd_model_generation" + model + "} 1\n"),
            HasSubstr("metagraphd_model_checkpoint_age_seconds" + model),
            HasSubstr("metagraphd_model_variable_bytes" + model),
            HasSubstr("metagraphd_plan_cache_hits_total" + model + "} 1\n"),
            HasSubstr("metagraphd_plan_cache_misses_total" + model + "} 1\n"),
            HasSubstr("metagraphd_plan_compile_seconds_total" + model)));
}

TEST_F(StateMetricsTest, AsksForTheProcesssNumbers) {
  const StateMetrics metrics(models_, fs(),
                             {{"a_bytes", "A.", [] { return 7.0; }},
                              {"b_total", "B.", [] { return 8.0; }}});
  const std::string text = TextOf(metrics.Collect());
  EXPECT_THAT(text, AllOf(HasSubstr("# TYPE a_bytes gauge\na_bytes 7\n"),
                          HasSubstr("# TYPE b_total counter\nb_total 8\n")));
  EXPECT_THAT(text, AllOf(HasSubstr("process_cpu_seconds_total "),
                          HasSubstr("process_resident_memory_bytes "),
                          HasSubstr("process_open_fds "),
                          HasSubstr("process_start_time_seconds ")));
}

TEST(BuildInfoTest, TellsVersionAndCommit) {
  EXPECT_THAT(
      TextOf({BuildInfo("1.2", "abc")}),
      HasSubstr("metagraphd_build_info{version=\"1.2\",commit=\"abc\"} 1\n"));
}

}  // namespace
}  // namespace metagraph
