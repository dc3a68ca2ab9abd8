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

// The most recently used plans of a session, by what was asked for. An
// extension adds nodes and changes none, so that plans outlive it. Thread-safe.
class PlanCache {
 public:
  using CompileFn =
      absl::FunctionRef<absl::StatusOr<std::shared_ptr<const Executor>>()>;

  // `capacity` >= 1 plans are kept, and no more than `max_bytes` of them but
  // for the newest; plans in use live on.
  PlanCache(size_t capacity, int64_t max_bytes)
      : capacity_(capacity), max_bytes_(max_bytes) {}

  // nullptr if it is not there.
  std::shared_ptr<const Executor> Find(const PlanRequest& request)
      EXCLUDES(mu_);

  // What is cached, or else what `compile` gives. One caller compiles; those
  // who want the same meanwhile wait for its answer, also if it is an error.
  // Only if the one was ended by its own `call` does the next one compile, and
  // nobody waits for what is compiled from another version of the graph.
  // CANCELLED, DEADLINE_EXCEEDED: the caller waits no longer.
  absl::StatusOr<std::shared_ptr<const Executor>> FindOrCompile(
      int64_t graph_version, const PlanRequest& request, CallContext& call,
      CompileFn compile) EXCLUDES(mu_);

  // Since the start.
  struct Counts {
    int64_t hits = 0;
    int64_t compiled = 0;
    int64_t compile_nanos = 0;
  };
  Counts counts() const EXCLUDES(mu_);

  size_t size() const EXCLUDES(mu_);
  int64_t bytes() const EXCLUDES(mu_);

 private:
  // Compared by what it points to.
  struct Key {
    const PlanRequest* request;

    friend bool operator==(const Key& a, const Key& b) {
      return a.request->feeds == b.request->feeds &&
             a.request->fetches == b.request->fetches &&
             a.request->targets == b.request->targets;
    }
    template <typename H>
    friend H AbslHashValue(H hash, const Key& key) {
      return H::combine(std::move(hash), key.request->feeds,
                        key.request->fetches, key.request->targets);
    }
  };
  using VersionedKey = std::pair<int64_t, Key>;
  struct Entry {
    PlanRequest request;  // what the key points to
    std::shared_ptr<const Executor> plan;

    Key key() const { return {&request}; }
  };
  // Being compiled by one caller, waited for by others.
  struct Compilation {
    bool done = false;
    absl::StatusOr<std::shared_ptr<const Executor>> answer;
    bool caller_gave_up = false;
  };

  std::shared_ptr<const Executor> FindLocked(const Key& key) REQUIRES(mu_);
  // Moves what is evicted to `dead`, to be freed after the lock.
  void Insert(const Key& key, std::shared_ptr<const Executor> plan,
              std::list<Entry>* dead) REQUIRES(mu_);

  const size_t capacity_;
  const int64_t max_bytes_;
  mutable Mutex mu_;
  CondVar compiled_;
  std::list<Entry> order_ GUARDED_BY(mu_);  // newest first
  int64_t bytes_ GUARDED_BY(mu_) = 0;
  Counts counts_ GUARDED_BY(mu_);
  absl::flat_hash_map<Key, std::list<Entry>::iterator> by_key_ GUARDED_BY(mu_);
  // Keys point to the compiling callers' requests.
  absl::flat_hash_map<VersionedKey, std::shared_ptr<Compilation>> compilations_
      GUARDED_BY(mu_);
};

}  // namespace metagraph
