#include "core/model/rescan_policy.h"

namespace metagraph {

RescanAction NextAction(const RescanSnapshot& snapshot) {
  // What cannot be seen may be a folder about to be moved: keep serving.
  if (!snapshot.found) return {};
  const ServedVersion* newest = nullptr;
  for (const ServedVersion& served : snapshot.served) {
    if (served.state == ModelState::kLoading ||
        served.state == ModelState::kStart) {
      return {};  // one thing after the other
    }
    if (served.version == snapshot.newest_version) newest = &served;
  }
  if (newest == nullptr || newest->state == ModelState::kEnd) {
    if (newest != nullptr && newest->failed && snapshot.checkpoint_seen &&
        !snapshot.retry_failed) {
      return {};  // it would fail again
    }
    return {RescanAction::Kind::kLoad, snapshot.newest_version, ""};
  }
  if (newest->state != ModelState::kAvailable) return {};
  for (const ServedVersion& served : snapshot.served) {
    if (served.version < snapshot.newest_version &&
        served.state == ModelState::kAvailable) {
      return {RescanAction::Kind::kUnload, served.version, ""};
    }
  }
  if (snapshot.newest_checkpoint.empty() || snapshot.checkpoint_seen) return {};
  return {RescanAction::Kind::kRestore, snapshot.newest_version,
          snapshot.newest_checkpoint};
}

}  // namespace metagraph
