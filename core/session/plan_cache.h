#pragma once

#include <list>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "core/base/mutex.h"
#include "core/exec/executor.h"

namespace metagraph {

// The most recently used plans of a session, by what was asked for.
// Thread-safe.
class PlanCache {
 public:
  // `capacity` >= 1 plans are kept; plans in use live on.
  explicit PlanCache(size_t capacity) : capacity_(capacity) {}

  // nullptr if it is not there.
  std::shared_ptr<const Executor> Find(absl::string_view key) EXCLUDES(mu_);
  // Returns what is cached under the key afterwards: a plan that another
  // thread put there meanwhile wins.
  std::shared_ptr<const Executor> Insert(std::string key,
                                         std::shared_ptr<const Executor> plan)
      EXCLUDES(mu_);
  // Forgets all plans: the graph has changed.
  void Clear() EXCLUDES(mu_);
  size_t size() const EXCLUDES(mu_);

 private:
  using Entry = std::pair<std::string, std::shared_ptr<const Executor>>;

  const size_t capacity_;
  mutable Mutex mu_;
  std::list<Entry> order_ GUARDED_BY(mu_);  // newest first
  absl::flat_hash_map<absl::string_view, std::list<Entry>::iterator> by_key_
      GUARDED_BY(mu_);
};

}  // namespace metagraph
