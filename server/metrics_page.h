#pragma once

#include <string>
#include <vector>

#include "core/io/file_system.h"
#include "core/model/model_manager.h"
#include "prometheus/registry.h"
#include "server/access_log.h"
#include "server/admission.h"
#include "server/call_metrics.h"
#include "server/call_support.h"
#include "server/readiness.h"
#include "server/state_metrics.h"

namespace metagraph {

// All that is measured, as /metrics shows it: what calls() is told of, and what
// is asked for when somebody looks.
class MetricsPage {
 public:
  // Where the numbers come from; all outlive the page.
  struct Sources {
    ModelManager& models;
    FileSystem& files;
    const Admission& calls;
    const Admission& streams;
    const Admission& watches;
    const CallCounts& counts;
    const AccessLog& log;
    const Readiness& readiness;
  };
  explicit MetricsPage(const Sources& sources);

  CallMetrics& calls() { return calls_; }
  // In Prometheus' text format.
  std::string Text() const;

 private:
  prometheus::Registry registry_;  // of calls_
  CallMetrics calls_;
  const StateMetrics state_;
};

}  // namespace metagraph
