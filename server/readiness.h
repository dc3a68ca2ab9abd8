#pragma once

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "core/model/model_manager.h"

namespace metagraph {

// Whether the daemon can do what it was started for. Thread-safe.
class Readiness {
 public:
  // `names`: of the models that the start asks for. `models` outlives this.
  Readiness(std::vector<std::string> names, const ModelManager& models)
      : names_(std::move(names)), models_(models) {}

  // All models have been tried: from now on those that are missing, in no
  // state, were unloaded by somebody, which is as it should be.
  void SetStarted() { started_ = true; }
  void SetDraining() { draining_ = true; }

  // Why not, for people, a line for each reason; empty: it is ready.
  std::vector<std::string> Reasons() const;

 private:
  const std::vector<std::string> names_;
  const ModelManager& models_;
  std::atomic<bool> started_{false};
  std::atomic<bool> draining_{false};
};

}  // namespace metagraph
