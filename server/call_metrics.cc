#include "server/call_metrics.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/handlers/describe.h"

namespace metagraph {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildHistogram;

prometheus::Family<prometheus::Histogram>& AddHistogram(
    prometheus::Registry& registry, const char* name, const char* help) {
  return BuildHistogram().Name(name).Help(help).Register(registry);
}

prometheus::Family<prometheus::Counter>& AddCounter(
    prometheus::Registry& registry, const char* name, const char* help) {
  return BuildCounter().Name(name).Help(help).Register(registry);
}

// Seconds. A small model answers in 50 us, a large one in a second.
const prometheus::Histogram::BucketBoundaries& CallBuckets() {
  static const auto* const buckets =
      new prometheus::Histogram::BucketBoundaries(
          {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
           0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30});
  return *buckets;
}

// Of what reads or writes whole checkpoints.
const prometheus::Histogram::BucketBoundaries& FileBuckets() {
  static const auto* const buckets =
      new prometheus::Histogram::BucketBoundaries(
          {0.001, 0.005, 0.025, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300});
  return *buckets;
}

prometheus::Labels ModelLabels(const ModelEvent& event) {
  return {{"model", ToUtf8(event.model)},
          {"version", absl::StrCat(event.version)}};
}

void Observe(const ModelEvent& event,
             prometheus::Family<prometheus::Histogram>& seconds) {
  prometheus::Labels labels = ModelLabels(event);
  labels["code"] = absl::StatusCodeToString(event.status.code());
  seconds.Add(labels, FileBuckets())
      .Observe(absl::ToDoubleSeconds(event.duration));
}

void AddTime(int64_t nanos, prometheus::Counter* counter) {
  if (nanos > 0) counter->Increment(static_cast<double>(nanos) * 1e-9);
}

void AddCount(int64_t count, prometheus::Counter* counter) {
  if (count > 0) counter->Increment(static_cast<double>(count));
}

}  // namespace

CallMetrics::CallMetrics(prometheus::Registry& registry, EventBus& events)
    : seconds_(AddHistogram(registry, "metagraphd_call_seconds",
                            "Time from a call's arrival to its status.")),
      request_bytes_(AddCounter(registry, "metagraphd_request_bytes_total",
                                "Size of the requests.")),
      response_bytes_(AddCounter(registry, "metagraphd_response_bytes_total",
                                 "Size of the answers of unary calls.")),
      rows_(AddCounter(registry, "metagraphd_run_rows_total",
                       "First dimensions of what was fed to runs.")),
      phases_(AddCounter(registry, "metagraphd_call_phase_seconds_total",
                         "Time that calls spent waiting for a thread (queue), "
                         "and runs on making tensors and finding the program "
                         "(decode), computing (run) and making the answer "
                         "(encode).")),
      restore_seconds_(AddHistogram(registry, "metagraphd_restore_seconds",
                                    "Time that restores took.")),
      save_seconds_(AddHistogram(registry, "metagraphd_save_seconds",
                                 "Time that saves took.")),
      load_seconds_(AddHistogram(registry, "metagraphd_load_seconds",
                                 "Time that loads of models took.")),
      restored_bytes_(AddCounter(registry, "metagraphd_restored_bytes_total",
                                 "Size of the checkpoints restored.")),
      saved_bytes_(AddCounter(registry, "metagraphd_saved_bytes_total",
                              "Size of the checkpoints saved.")),
      events_(events),
      token_(
          events.Subscribe([this](const ModelEvent& event) { Add(event); })) {}

CallMetrics::Series CallMetrics::Make(const char* method,
                                      absl::string_view model, int64_t version,
                                      absl::StatusCode code) {
  const prometheus::Labels labels = {
      {"method", method},
      {"model", ToUtf8(std::string(model))},
      {"version", version < 0 ? "" : absl::StrCat(version)}};
  prometheus::Labels with_code = labels;
  with_code["code"] = absl::StatusCodeToString(code);
  const auto phase = [&](const char* name) {
    prometheus::Labels out = labels;
    out["phase"] = name;
    return &phases_.Add(out);
  };
  Series out;
  out.seconds = &seconds_.Add(with_code, CallBuckets());
  out.request_bytes = &request_bytes_.Add(labels);
  out.response_bytes = &response_bytes_.Add(labels);
  out.queue = phase("queue");
  // Of calls that run something.
  if (absl::EndsWith(method, "Run")) {
    out.rows = &rows_.Add(labels);
    out.decode = phase("decode");
    out.run = phase("run");
    out.encode = phase("encode");
  }
  return out;
}

const CallMetrics::Series& CallMetrics::Find(const CallRecord& call) {
  const int code = static_cast<int>(call.code);
  auto found = series_.find(Key(call.method, call.model, call.version, code));
  if (found != series_.end()) return *found->second;
  // The name as it is kept here, or what stands for all that is not known.
  absl::string_view model;
  int64_t version = -1;
  if (const auto known = known_.find(call.model); known != known_.end()) {
    model = known->first;
    if (known->second.contains(call.version)) version = call.version;
  }
  std::unique_ptr<Series>& series =
      series_[Key(call.method, model, version, code)];
  if (series == nullptr) {
    series =
        std::make_unique<Series>(Make(call.method, model, version, call.code));
  }
  return *series;
}

void CallMetrics::Add(const CallRecord& call) {
  const Series* series = nullptr;
  {
    MutexLock lock(mu_);
    series = &Find(call);
  }
  series->seconds->Observe(static_cast<double>(call.total_nanos) * 1e-9);
  AddCount(call.request_bytes, series->request_bytes);
  AddCount(call.response_bytes, series->response_bytes);
  AddTime(call.queue_nanos, series->queue);
  if (series->run == nullptr) return;
  AddCount(call.rows, series->rows);
  AddTime(call.decode_nanos, series->decode);
  AddTime(call.run_nanos, series->run);
  AddTime(call.encode_nanos, series->encode);
}

void CallMetrics::Add(const ModelEvent& event) {
  {
    MutexLock lock(mu_);
    const auto known = known_.find(event.model);
    if (known == known_.end() || !known->second.contains(event.version)) {
      if (known_versions_ >= kMaxModels) return;
      ++known_versions_;
      known_[event.model].insert(event.version);
    }
  }
  switch (event.kind) {
    case ModelEvent::Kind::kRestore:
      Observe(event, restore_seconds_);
      if (event.bytes > 0) {
        restored_bytes_.Add(ModelLabels(event))
            .Increment(static_cast<double>(event.bytes));
      }
      return;
    case ModelEvent::Kind::kSave:
      Observe(event, save_seconds_);
      if (event.bytes > 0) {
        saved_bytes_.Add(ModelLabels(event))
            .Increment(static_cast<double>(event.bytes));
      }
      return;
    case ModelEvent::Kind::kState:
      if (event.duration > absl::ZeroDuration()) Observe(event, load_seconds_);
      return;
    case ModelEvent::Kind::kGeneration:
      return;
  }
}

}  // namespace metagraph
