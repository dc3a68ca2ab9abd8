#pragma once

#include <atomic>
#include <string>

#include "absl/status/status.h"
#include "core/model/event_bus.h"
#include "core/model/model_context.h"
#include "core/model/served_graph.h"

namespace metagraph {

// Publishes what happens to one model. Thread-safe.
class ModelEvents {
 public:
  // Both outlive this.
  ModelEvents(const ModelContext& context, const ServedGraph& graph)
      : context_(context), graph_(graph) {}

  // The model is loaded; events before this say that it is loading.
  void SetAvailable() { available_ = true; }

  bool has_listeners() const;
  // Says of which model, when, and at which generation, besides what `event`
  // says.
  void Publish(ModelEvent event) const;
  // Another generation is the newest; `checkpoint` is where it came from.
  void PublishGeneration(ModelEvent::Change change,
                         const std::string& checkpoint = "") const;

 private:
  const ModelContext& context_;
  const ServedGraph& graph_;
  std::atomic<bool> available_{false};
};

}  // namespace metagraph
