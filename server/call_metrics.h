#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/base/mutex.h"
#include "core/model/event_bus.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "server/call_record.h"

namespace metagraph {

// Counts calls, and what became of models, for Prometheus. Labels are bounded
// whatever callers send: a model and version that was never loaded shows as
// model "" and version "", and so does what comes after the first kMaxModels.
// Thread-safe.
class CallMetrics {
 public:
  static constexpr size_t kMaxModels = 1000;

  // Both outlive this; of one registry there is one CallMetrics.
  CallMetrics(prometheus::Registry& registry, EventBus& events);
  ~CallMetrics() { events_.Unsubscribe(token_); }
  CallMetrics(const CallMetrics&) = delete;
  CallMetrics& operator=(const CallMetrics&) = delete;

  void Add(const CallRecord& call) EXCLUDES(mu_);

 private:
  void Add(const ModelEvent& event) EXCLUDES(mu_);
  // Looked up once, since prometheus-cpp makes a map of labels for each look.
  struct Series {
    prometheus::Histogram* seconds = nullptr;
    prometheus::Counter* request_bytes = nullptr;
    prometheus::Counter* response_bytes = nullptr;
    prometheus::Counter* rows = nullptr;
    prometheus::Counter* queue = nullptr;
    prometheus::Counter* decode = nullptr;
    prometheus::Counter* run = nullptr;
    prometheus::Counter* encode = nullptr;
  };
  // Method (a literal), model, version, code.
  using Key = std::tuple<const char*, absl::string_view, int64_t, int>;

  const Series& Find(const CallRecord& call) REQUIRES(mu_);
  Series Make(const char* method, absl::string_view model, int64_t version,
              absl::StatusCode code) REQUIRES(mu_);

  prometheus::Family<prometheus::Histogram>& seconds_;
  prometheus::Family<prometheus::Counter>& request_bytes_;
  prometheus::Family<prometheus::Counter>& response_bytes_;
  prometheus::Family<prometheus::Counter>& rows_;
  prometheus::Family<prometheus::Counter>& phases_;
  prometheus::Family<prometheus::Histogram>& restore_seconds_;
  prometheus::Family<prometheus::Histogram>& save_seconds_;
  prometheus::Family<prometheus::Histogram>& load_seconds_;
  prometheus::Family<prometheus::Counter>& restored_bytes_;
  prometheus::Family<prometheus::Counter>& saved_bytes_;

  Mutex mu_;
  // By name, their versions. Never shrinks: keys of series_ point into it.
  std::map<std::string, std::set<int64_t>, std::less<>> known_ GUARDED_BY(mu_);
  size_t known_versions_ GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<Key, std::unique_ptr<Series>> series_ GUARDED_BY(mu_);

  EventBus& events_;
  const int64_t token_;
};

}  // namespace metagraph
