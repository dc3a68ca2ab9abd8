#include "server/call_metrics.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "prometheus/text_serializer.h"

namespace metagraph {
namespace {

using testing::HasSubstr;
using testing::Not;

class CallMetricsTest : public testing::Test {
 protected:
  void Know(const std::string& model, int64_t version) {
    ModelEvent event;
    event.model = model;
    event.version = version;
    event.state = ModelState::kLoading;
    events_.Publish(event);
  }
  void Call(const std::string& model, int64_t version) {
    CallRecord call;
    call.method = "a.B/Run";
    call.model = model;
    call.version = version;
    call.total_nanos = 60'000;
    call.rows = 8;
    call.run_nanos = 500'000'000;
    call.request_bytes = 100;
    metrics_.Add(call);
  }
  std::string Text() const {
    return prometheus::TextSerializer().Serialize(registry_.Collect());
  }
  size_t Series() const {
    for (const auto& family : registry_.Collect()) {
      if (family.name == "metagraphd_call_seconds") return family.metric.size();
    }
    return 0;
  }

  EventBus events_;
  prometheus::Registry registry_;
  CallMetrics metrics_{registry_, events_};
};

TEST_F(CallMetricsTest, CountsCallsByMethodModelVersionAndCode) {
  Know("add", 3);
  Call("add", 3);
  Call("add", 3);
  CallRecord failed;
  failed.method = "a.B/Run";
  failed.model = "add";
  failed.version = 3;
  failed.code = absl::StatusCode::kInvalidArgument;
  metrics_.Add(failed);
  EXPECT_EQ(Series(), 2u);
  std::map<std::string, double> counts;
  for (const auto& family : registry_.Collect()) {
    for (const auto& metric : family.metric) {
      std::string key = family.name;
      for (const auto& label : metric.label) {
        if (label.name == "code" || label.name == "phase") {
          absl::StrAppend(&key, " ", label.value);
        }
      }
      counts[key] = family.type == prometheus::MetricType::Histogram
                        ? static_cast<double>(metric.histogram.sample_count)
                        : metric.counter.value;
    }
  }
  EXPECT_EQ(counts["metagraphd_call_seconds OK"], 2);
  EXPECT_EQ(counts["metagraphd_call_seconds INVALID_ARGUMENT"], 1);
  EXPECT_EQ(counts["metagraphd_run_rows_total"], 16);
  EXPECT_EQ(counts["metagraphd_request_bytes_total"], 200);
  EXPECT_DOUBLE_EQ(counts["metagraphd_call_phase_seconds_total run"], 1);
}

TEST_F(CallMetricsTest, BoundsLabelsWhateverCallersSend) {
  Know("add", 1);
  for (int i = 0; i < 1000; ++i) {
    Call(absl::StrCat("made up ", i), -1);
    Call("add", 1000 + i);
  }
  // The unknown model; the known one in no known version.
  EXPECT_EQ(Series(), 2u);
  EXPECT_THAT(Text(), Not(HasSubstr("made up")));
  for (size_t i = 0; i < 2 * CallMetrics::kMaxModels; ++i) {
    const std::string name = absl::StrCat("loaded ", i);
    Know(name, 0);
    Call(name, 0);
  }
  EXPECT_LE(Series(), CallMetrics::kMaxModels + 2);
}

TEST_F(CallMetricsTest, CountsRestoresAndSavesWithOutcomeAndSize) {
  ModelEvent event;
  event.model = "add";
  event.kind = ModelEvent::Kind::kRestore;
  event.duration = absl::Milliseconds(4);
  event.bytes = 48;
  events_.Publish(event);
  event.kind = ModelEvent::Kind::kSave;
  event.bytes = 0;
  event.status = absl::DataLossError("no");
  events_.Publish(event);
  const std::string text = Text();
  EXPECT_THAT(text, HasSubstr("metagraphd_restore_seconds_count{"));
  EXPECT_THAT(text, HasSubstr("code=\"OK\""));
  EXPECT_THAT(text, HasSubstr("metagraphd_restored_bytes_total{"));
  EXPECT_THAT(text, HasSubstr("metagraphd_save_seconds_count{"));
  EXPECT_THAT(text, HasSubstr("code=\"DATA_LOSS\""));
  EXPECT_THAT(text, Not(HasSubstr("metagraphd_saved_bytes_total{")));
}

}  // namespace
}  // namespace metagraph
