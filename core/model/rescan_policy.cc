#include "core/model/rescan_policy.h"

#include <algorithm>
#include <optional>

#include "absl/algorithm/container.h"

namespace metagraph {
namespace {

using Kind = RescanAction::Kind;

bool IsAvailable(const RescanSnapshot& snapshot, int64_t version) {
  return absl::c_any_of(snapshot.served, [&](const ServedVersion& served) {
    return served.version == version && served.state == ModelState::kAvailable;
  });
}

bool IsLoadable(const RescanSnapshot& snapshot, int64_t version) {
  return absl::c_any_of(snapshot.found, [&](const FoundVersion& found) {
    return found.version == version && found.loadable;
  });
}

// The highest version on the disk that is served or can be.
std::optional<int64_t> ChooseNewest(const RescanSnapshot& snapshot) {
  std::optional<int64_t> newest;
  for (const ServedVersion& served : snapshot.served) {
    if (served.state == ModelState::kAvailable && !served.gone) {
      newest = std::max(newest.value_or(0), served.version);
    }
  }
  for (const FoundVersion& found : snapshot.found) {
    if (found.loadable) newest = std::max(newest.value_or(0), found.version);
  }
  return newest;
}

// Whether the version gave way to `newest`, or failed and is gone.
bool IsUnwanted(const ServedVersion& served, int64_t newest) {
  if (served.pinned || served.version == newest) return false;
  if (served.state == ModelState::kEnd) return served.gone;
  return served.state == ModelState::kAvailable &&
         (served.gone || served.version < newest);
}

}  // namespace

RescanAction NextAction(const RescanSnapshot& snapshot) {
  for (const ServedVersion& served : snapshot.served) {
    if (served.state == ModelState::kLoading ||
        served.state == ModelState::kStart) {
      return {};  // one thing after the other
    }
  }
  for (const int64_t version : snapshot.pinned) {
    if (!IsAvailable(snapshot, version) && IsLoadable(snapshot, version)) {
      return {Kind::kLoad, version, ""};
    }
  }
  if (snapshot.follows_newest) {
    const std::optional<int64_t> newest = ChooseNewest(snapshot);
    if (newest && !IsAvailable(snapshot, *newest)) {
      return {Kind::kLoad, *newest, ""};
    }
    for (const ServedVersion& served : snapshot.served) {
      if (newest && IsUnwanted(served, *newest)) {
        return {Kind::kUnload, served.version, ""};
      }
    }
  }
  for (const ServedVersion& served : snapshot.served) {
    if (served.state != ModelState::kAvailable) continue;
    if (served.new_graph) return {Kind::kReplaceGraph, served.version, ""};
    if (!served.new_checkpoint.empty()) {
      return {Kind::kRestore, served.version, served.new_checkpoint};
    }
  }
  return {};
}

}  // namespace metagraph
