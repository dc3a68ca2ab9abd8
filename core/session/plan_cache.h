#pragma once

#include <list>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/base/mutex.h"
#include "core/exec/executor.h"
#include "core/program/prune.h"

namespace metagraph {

// The most recently used plans of a session, by the version of the graph and
// what was asked for. Thread-safe.
class PlanCache {
 public:
  using CompileFn =
      absl::FunctionRef<absl::StatusOr<std::shared_ptr<const Executor>>()>;

  // `capacity` >= 1 plans are kept; plans in use live on.
  explicit PlanCache(size_t capacity) : capacity_(capacity) {}

  // nullptr if it is not there.
  std::shared_ptr<const Executor> Find(int64_t graph_version,
                                       const PlanRequest& request)
      EXCLUDES(mu_);

  // What is cached, or else what `compile` gives. One caller compiles; those
  // who want the same meanwhile wait for its answer, also if it is an error.
  // Only if the one was ended by its own `call` does the next one compile.
  // CANCELLED, DEADLINE_EXCEEDED: the caller waits no longer.
  absl::StatusOr<std::shared_ptr<const Executor>> FindOrCompile(
      int64_t graph_version, const PlanRequest& request, CallContext& call,
      CompileFn compile) EXCLUDES(mu_);

  // Forgets all plans: the graph has changed.
  void Clear() EXCLUDES(mu_);
  size_t size() const EXCLUDES(mu_);

 private:
  // Compared by what it points to.
  struct Key {
    int64_t graph_version;
    const PlanRequest* request;

    friend bool operator==(const Key& a, const Key& b) {
      return a.graph_version == b.graph_version &&
             a.request->feeds == b.request->feeds &&
             a.request->fetches == b.request->fetches &&
             a.request->targets == b.request->targets;
    }
    template <typename H>
    friend H AbslHashValue(H hash, const Key& key) {
      return H::combine(std::move(hash), key.graph_version, key.request->feeds,
                        key.request->fetches, key.request->targets);
    }
  };
  struct Entry {
    PlanRequest request;  // what the key points to
    int64_t graph_version;
    std::shared_ptr<const Executor> plan;

    Key key() const { return {graph_version, &request}; }
  };
  // Being compiled by one caller, waited for by others.
  struct Compilation {
    bool done = false;
    absl::StatusOr<std::shared_ptr<const Executor>> answer;
    bool caller_gave_up = false;
  };

  std::shared_ptr<const Executor> FindLocked(const Key& key) REQUIRES(mu_);
  // Returns what was evicted, to be freed after the lock.
  std::shared_ptr<const Executor> Insert(const Key& key,
                                         std::shared_ptr<const Executor> plan)
      REQUIRES(mu_);

  const size_t capacity_;
  mutable Mutex mu_;
  CondVar compiled_;
  std::list<Entry> order_ GUARDED_BY(mu_);  // newest first
  absl::flat_hash_map<Key, std::list<Entry>::iterator> by_key_ GUARDED_BY(mu_);
  // Keys point to the compiling callers' requests.
  absl::flat_hash_map<Key, std::shared_ptr<Compilation>> compilations_
      GUARDED_BY(mu_);
};

}  // namespace metagraph
