#include "core/state/resource_manager.h"

namespace metagraph {

absl::StatusOr<std::shared_ptr<Resource>> ResourceManager::FindOrCreateAny(
    absl::string_view container, absl::string_view name,
    absl::FunctionRef<absl::StatusOr<std::shared_ptr<Resource>>()> create) {
  MutexLock lock(mu_);
  std::pair<std::string, std::string> key(container, name);
  if (const auto it = resources_.find(key); it != resources_.end()) {
    return it->second;
  }
  ASSIGN_OR_RETURN(std::shared_ptr<Resource> made, create());
  resources_.emplace(std::move(key), made);
  return made;
}

absl::StatusOr<std::shared_ptr<Resource>> ResourceManager::FindAny(
    absl::string_view container, absl::string_view name) const {
  MutexLock lock(mu_);
  const auto it = resources_.find({std::string(container), std::string(name)});
  if (it == resources_.end()) {
    return NotFound("Resource ", container, "/", name, " does not exist.");
  }
  return it->second;
}

absl::Status ResourceManager::Remove(absl::string_view container,
                                     absl::string_view name) {
  std::shared_ptr<Resource> dead;  // freed after the lock
  MutexLock lock(mu_);
  const auto it = resources_.find({std::string(container), std::string(name)});
  if (it == resources_.end()) {
    return NotFound("Resource ", container, "/", name, " does not exist.");
  }
  dead = std::move(it->second);
  resources_.erase(it);
  return absl::OkStatus();
}

}  // namespace metagraph
