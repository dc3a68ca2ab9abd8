#include "core/model/rescan_memory.h"

#include <algorithm>

namespace metagraph {

RescanMemory::Version& RescanMemory::Of(const std::string& model,
                                        const VersionOnDisk& on_disk) {
  Version& version = versions_[{model, on_disk.version}];
  if (version.stamp == on_disk.stamp && version.since != absl::Time()) {
    return version;
  }
  version = Version();
  version.stamp = on_disk.stamp;
  version.since = clock_.Now();
  return version;
}

bool RescanMemory::IsSettled(const Version& version) const {
  // Our clock alone where the file server's differs.
  const absl::Time now = clock_.Now();
  const absl::Duration quiet =
      std::max(now - version.since, now - version.stamp.modified());
  return quiet >= settle_;
}

const std::string& RescanMemory::Examine(FileSystem& files, Version& version,
                                         const VersionOnDisk& on_disk,
                                         bool needs_weights) const {
  if (!version.examined || (!version.missing.empty() && MayRetry(version))) {
    version.missing = MissingOfModel(files, *on_disk.folder, needs_weights);
    version.examined = true;
    if (!version.missing.empty()) RecordFailure(version);
  }
  return version.missing;
}

bool RescanMemory::IsGone(const std::string& model, int64_t version) {
  // Folders that are swapped are not there for a moment.
  const absl::Time now = clock_.Now();
  return now - gone_since_.try_emplace({model, version}, now).first->second >=
         settle_;
}

void RescanMemory::KeepOnly(const std::string& model,
                            const std::set<int64_t>& on_disk,
                            const std::set<int64_t>& gone) {
  std::erase_if(versions_, [&](const auto& entry) {
    const auto& [name, version] = entry.first;
    return name == model && !on_disk.contains(version) &&
           !gone.contains(version);
  });
  std::erase_if(gone_since_, [&](const auto& entry) {
    const auto& [name, version] = entry.first;
    return name == model && !gone.contains(version);
  });
}

void RescanMemory::KeepOnly(const std::set<std::string>& models) {
  const auto is_no_more = [&](const auto& entry) {
    return models.count(entry.first.first) == 0;
  };
  std::erase_if(versions_, is_no_more);
  std::erase_if(gone_since_, is_no_more);
}

}  // namespace metagraph
