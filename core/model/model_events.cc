#include "core/model/model_events.h"

#include <utility>

namespace metagraph {

bool ModelEvents::has_listeners() const {
  const EventBus* bus = context_.environment.events;
  return bus != nullptr && bus->has_listeners();
}

void ModelEvents::Publish(ModelEvent event) const {
  if (context_.environment.events == nullptr) return;
  event.time = context_.Now();
  event.model = context_.name;
  event.version = context_.folder.version;
  event.state =
      available_.load() ? ModelState::kAvailable : ModelState::kLoading;
  event.generation = graph_.variables().generation_number();
  context_.environment.events->Publish(event);
}

void ModelEvents::PublishGeneration(ModelEvent::Change change,
                                    const std::string& checkpoint) const {
  ModelEvent event;
  event.kind = ModelEvent::Kind::kGeneration;
  event.change = change;
  event.checkpoint = checkpoint;
  Publish(std::move(event));
}

}  // namespace metagraph
