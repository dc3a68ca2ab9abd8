#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "core/io/file_system.h"
#include "core/model/folder_scan.h"

namespace metagraph {

// What earlier looks at the models' folders have found. One thread at a time.
class RescanMemory {
 public:
  // What is known of a version as its files are.
  struct Version {
    ModelStamp stamp;
    absl::Time since;  // it is so
    // A failure counts until then. After that it may be tried again: the disk
    // may answer, or a permission may have been given, and no stamp shows it.
    absl::Time failed_until = absl::InfinitePast();
    bool examined = false;  // and if so:
    std::string missing;
    // How the file's graph differs from the one that the load of this serial
    // serves; or why it cannot be read.
    int64_t compared_with = 0;
    std::string difference;
    std::string unreadable;
    absl::Status refused;  // why it could not be loaded as a new graph
  };

  // `clock` outlives this. Files that were changed within `settle` may still be
  // growing.
  RescanMemory(Clock& clock, absl::Duration settle)
      : clock_(clock), settle_(settle) {}

  // What is known of that version, begun anew if its files have changed.
  Version& Of(const std::string& model, const VersionOnDisk& on_disk);
  // Whether nobody has changed it for the settling time.
  bool IsSettled(const Version& version) const;
  // Whether what failed for its files as they are may be tried again.
  bool MayRetry(const Version& version) const {
    return clock_.Now() >= version.failed_until;
  }
  void RecordFailure(Version& version) const {
    version.failed_until = clock_.Now() + 40 * settle_;
  }
  // What it lacks; empty: it is whole.
  const std::string& Examine(FileSystem& files, Version& version,
                             const VersionOnDisk& on_disk,
                             bool needs_weights) const;

  // The folder is not there: whether it has been gone for the settling time.
  bool IsGone(const std::string& model, int64_t version);

  // Forgets the model's other versions: a look has found these, on the disk or
  // gone from there but served.
  void KeepOnly(const std::string& model, const std::set<int64_t>& on_disk,
                const std::set<int64_t>& gone);
  // Forgets all of a model: what a look that was ended has seen of it.
  void Forget(const std::string& model) { KeepOnly(model, {}, {}); }
  // Forgets other models.
  void KeepOnly(const std::set<std::string>& models);

 private:
  using Key = std::pair<std::string, int64_t>;  // model, version

  Clock& clock_;
  const absl::Duration settle_;
  std::map<Key, Version> versions_;
  std::map<Key, absl::Time> gone_since_;
};

}  // namespace metagraph
