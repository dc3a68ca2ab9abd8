#include "server/health_reporter.h"

#include <utility>

namespace metagraph {

HealthReporter::HealthReporter(ModelManager& models, const Readiness& readiness,
                               std::vector<std::string> services, Tell tell)
    : models_(models),
      readiness_(readiness),
      services_(std::move(services)),
      tell_(std::move(tell)) {
  token_ = models_.events().Subscribe([this](const ModelEvent& event) {
    if (event.kind != ModelEvent::Kind::kState) return;
    {
      MutexLock lock(mu_);
      seen_.insert(event.model);
    }
    Update();
  });
  Update();
}

HealthReporter::~HealthReporter() { models_.events().Unsubscribe(token_); }

void HealthReporter::Update() {
  MutexLock lock(mu_);
  for (std::string& name : readiness_.names()) seen_.insert(std::move(name));
  std::map<std::string, bool> now;
  for (const std::string& name : seen_) now[name] = readiness_.Serves(name);
  // A model may be called like a service: then it is the service.
  for (const std::string& service : services_) {
    now[service] = readiness_.TakesCalls();
  }
  now[""] = readiness_.Reasons().empty();
  // For probes whose failure means a new start: loading and draining are none.
  now["liveness"] = true;
  for (const auto& [service, serving] : now) {
    const auto told = told_.find(service);
    if (told == told_.end() || told->second != serving) tell_(service, serving);
  }
  told_ = std::move(now);
}

}  // namespace metagraph
