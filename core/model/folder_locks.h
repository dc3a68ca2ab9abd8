#pragma once

#include <memory>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/base/mutex.h"

namespace metagraph {

// Lets one at a time change the checkpoints of a folder, in this process:
// saves, of one model or of several, read and write one state file and may
// choose one name. Thread-safe.
class FolderLocks {
 public:
  // A folder that is held, until this is destroyed.
  class Held {
   public:
    Held(FolderLocks& locks, std::string folder)
        : locks_(locks), folder_(std::move(folder)) {}
    ~Held() { locks_.Release(folder_); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

   private:
    FolderLocks& locks_;
    const std::string folder_;
  };

  // Waits until nobody holds the folder, which is told from others by its
  // FolderKey. CANCELLED, DEADLINE_EXCEEDED: the caller waits no longer.
  absl::StatusOr<std::unique_ptr<Held>> Acquire(const std::string& folder_key,
                                                CallContext& call)
      EXCLUDES(mu_);

 private:
  void Release(const std::string& folder) EXCLUDES(mu_);

  Mutex mu_;
  CondVar released_;
  absl::flat_hash_set<std::string> held_ GUARDED_BY(mu_);
};

}  // namespace metagraph
