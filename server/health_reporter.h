#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/mutex.h"
#include "core/model/model_manager.h"
#include "server/readiness.h"

namespace metagraph {

// Tells grpc.health.v1 what Readiness says: "" as /readyz does; each service
// whether calls are taken; each model, by its name, whether it is served.
class HealthReporter {
 public:
  using Tell = std::function<void(const std::string& service, bool serving)>;

  // Tells at once how it is, and later what changes. The rest outlives this.
  HealthReporter(ModelManager& models, const Readiness& readiness,
                 std::vector<std::string> services, Tell tell);
  ~HealthReporter();
  HealthReporter(const HealthReporter&) = delete;
  HealthReporter& operator=(const HealthReporter&) = delete;

  // Readiness has changed.
  void Update() EXCLUDES(mu_);

 private:
  ModelManager& models_;
  const Readiness& readiness_;
  const std::vector<std::string> services_;
  const Tell tell_;
  Mutex mu_;  // one report after the other, so that the last is the newest
  std::set<std::string> seen_ GUARDED_BY(mu_);  // models, also those that left
  std::map<std::string, bool> told_ GUARDED_BY(mu_);
  int64_t token_ = 0;
};

}  // namespace metagraph
