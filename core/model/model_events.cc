#include "core/model/model_events.h"

#include <utility>

namespace metagraph {

bool ModelEvents::has_listeners() const {
  const EventBus* bus = context_.environment.events;
  return bus != nullptr && bus->has_listeners();
}

void ModelEvents::Publish(ModelEvent::Kind kind, const std::string& checkpoint,
                          absl::Status status) const {
  if (context_.environment.events == nullptr) return;
  ModelEvent event;
  event.kind = kind;
  event.time = context_.Now();
  event.model = context_.name;
  event.version = context_.folder.version;
  event.state =
      available_.load() ? ModelState::kAvailable : ModelState::kLoading;
  event.generation = graph_.variables().generation_number();
  event.checkpoint = checkpoint;
  event.status = std::move(status);
  context_.environment.events->Publish(event);
}

}  // namespace metagraph
