#include "core/model/rescan_policy.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <set>

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

using Newest = std::set<int64_t, std::greater<>>;

// The highest versions on the disk that are served or can be, as many as are
// kept.
Newest ChooseNewest(const RescanSnapshot& snapshot) {
  Newest newest;
  for (const ServedVersion& served : snapshot.served) {
    if (served.state == ModelState::kAvailable && !served.gone) {
      newest.insert(served.version);
    }
  }
  for (const FoundVersion& found : snapshot.found) {
    if (found.loadable) newest.insert(found.version);
  }
  while (static_cast<int64_t>(newest.size()) > snapshot.newest_kept) {
    newest.erase(std::prev(newest.end()));
  }
  return newest;
}

// Whether the version gave way to `newest`, or failed and is gone.
bool IsUnwanted(const ServedVersion& served, const Newest& newest) {
  if (served.pinned || newest.contains(served.version)) return false;
  if (served.state == ModelState::kEnd) return served.gone;
  return served.state == ModelState::kAvailable &&
         (served.gone || served.version < *newest.rbegin());
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
    const Newest newest = ChooseNewest(snapshot);
    for (const int64_t version : newest) {
      if (!IsAvailable(snapshot, version)) return {Kind::kLoad, version, ""};
    }
    for (const ServedVersion& served : snapshot.served) {
      if (!newest.empty() && IsUnwanted(served, newest)) {
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
