#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/call_context.h"
#include "core/io/file_system.h"

namespace metagraph {

// How long a commit waits for a folder whose lock another process holds.
struct FolderWait {
  absl::Duration pause = absl::Milliseconds(20);  // between two tries
  absl::Duration notice = absl::Seconds(1);       // until somebody is told
  // Of a call without a deadline.
  absl::Duration limit = absl::Minutes(1);
};

// The folder's lock, as soon as nobody else holds it. CANCELLED and
// DEADLINE_EXCEEDED as `call` says, also if it has ended by the time that the
// lock is had; UNAVAILABLE after the limit. All of them name the folder.
absl::StatusOr<std::unique_ptr<FolderLock>> WaitForFolder(
    FileSystem& fs, const std::string& folder, CallContext& call,
    const FolderWait& wait = {});

// Called with the folder, once for each wait that lasts, on the waiting thread.
// To be set once by the executable, before anything is saved; nullptr: nobody.
void TellFolderWaits(std::function<void(const std::string& folder)> listener);

}  // namespace metagraph
