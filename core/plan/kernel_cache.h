#pragma once

#include <memory>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "core/op/kernel.h"

namespace metagraph {

// Kernels of stateful ops, which all plans of a session share: a random op's
// stream goes on from run to run, whatever is fetched. Thread-safe.
class KernelCache {
 public:
  // `name`: of the node, with the path of calls that leads to it.
  absl::StatusOr<std::shared_ptr<const Kernel>> FindOrCreate(
      absl::string_view name,
      absl::FunctionRef<absl::StatusOr<std::unique_ptr<Kernel>>()> create)
      EXCLUDES(mu_);

 private:
  Mutex mu_;
  absl::flat_hash_map<std::string, std::shared_ptr<const Kernel>> kernels_
      GUARDED_BY(mu_);
};

}  // namespace metagraph
