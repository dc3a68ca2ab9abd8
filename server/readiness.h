#pragma once

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "core/base/mutex.h"
#include "core/model/model_manager.h"

namespace metagraph {

// Whether the daemon can do what it is configured for: the one place that
// /readyz and grpc.health.v1 ask. Thread-safe.
class Readiness {
 public:
  // `names`: of the models that the start asks for. `models` outlives this.
  Readiness(std::vector<std::string> names, const ModelManager& models)
      : models_(models), names_(std::move(names)) {}

  // Those of the configuration that is applied now.
  void SetNames(std::vector<std::string> names) EXCLUDES(mu_);
  std::vector<std::string> names() const EXCLUDES(mu_);
  // All models have been tried: from now on those that are missing, in no
  // state, were unloaded by somebody, which is as it should be.
  void SetStarted() { started_ = true; }
  void SetDraining() { draining_ = true; }

  // Why not, for people, a line for each reason; empty: it is ready.
  std::vector<std::string> Reasons() const EXCLUDES(mu_);
  // Whether callers may come, though a model of theirs may be missing.
  bool TakesCalls() const { return started_ && !draining_; }
  // Whether calls for the model are answered.
  bool Serves(const std::string& model) const {
    return !draining_ && models_.Find(model).ok();
  }

 private:
  const ModelManager& models_;
  mutable Mutex mu_;
  std::vector<std::string> names_ GUARDED_BY(mu_);
  std::atomic<bool> started_{false};
  std::atomic<bool> draining_{false};
};

}  // namespace metagraph
