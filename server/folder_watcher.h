#pragma once

#include <thread>

#include "absl/time/time.h"
#include "core/base/call_context.h"
#include "core/base/mutex.h"
#include "core/model/model_manager.h"

namespace metagraph {

// Looks at the models' folders now and then, and when asked, on a thread of
// its own.
class FolderWatcher {
 public:
  // `interval` 0: only when asked. `models` outlives the watcher.
  FolderWatcher(ModelManager& models, absl::Duration interval);
  // Ends a look under way, with the restore that it may have begun.
  ~FolderWatcher();
  FolderWatcher(const FolderWatcher&) = delete;
  FolderWatcher& operator=(const FolderWatcher&) = delete;

  // Look soon, and try what failed before once more.
  void Ask() EXCLUDES(mu_);

 private:
  void Work() EXCLUDES(mu_);

  ModelManager& models_;
  const absl::Duration interval_;
  Mutex mu_;
  CondVar wake_;
  bool asked_ GUARDED_BY(mu_) = false;
  bool stopping_ GUARDED_BY(mu_) = false;
  CallContext looking_;
  std::thread thread_;
};

}  // namespace metagraph
