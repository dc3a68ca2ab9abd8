#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "core/base/call_context.h"
#include "core/base/mutex.h"
#include "core/model/model_manager.h"
#include "core/model/rescanner.h"

namespace metagraph {

// Looks at the models' folders now and then, and when asked, on a thread of
// its own, and writes what it finds to the log.
class FolderWatcher {
 public:
  // `interval` 0: only when asked. `watch_graph`: as RescanOptions. `models`
  // outlives the watcher.
  FolderWatcher(ModelManager& models, absl::Duration interval,
                bool watch_graph);
  // Stop, and waits for its end.
  ~FolderWatcher();
  FolderWatcher(const FolderWatcher&) = delete;
  FolderWatcher& operator=(const FolderWatcher&) = delete;

  // Ends a look under way soon, and begins no other.
  void Stop() EXCLUDES(mu_);

  // Look soon, and try what failed before once more; do `first` just before, on
  // the watcher's thread, in the order asked for.
  void Ask(std::function<void(CallContext&)> first = nullptr) EXCLUDES(mu_);

 private:
  void Work() EXCLUDES(mu_);
  // Until it is asked, or that time; false: the end. Sets whether it was asked.
  bool WaitUntil(absl::Time next, bool* asked) EXCLUDES(mu_);
  void DoFirst() EXCLUDES(mu_);

  const absl::Duration interval_;
  const absl::Duration settle_;
  Rescanner rescanner_;
  Mutex mu_;
  CondVar wake_;
  bool asked_ GUARDED_BY(mu_) = false;
  std::vector<std::function<void(CallContext&)>> first_ GUARDED_BY(mu_);
  bool stopping_ GUARDED_BY(mu_) = false;
  CallContext looking_;
  std::thread thread_;
};

}  // namespace metagraph
