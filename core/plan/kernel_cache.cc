#include "core/plan/kernel_cache.h"

#include <utility>

#include "core/base/status.h"

namespace metagraph {

absl::StatusOr<std::shared_ptr<const Kernel>> KernelCache::FindOrCreate(
    absl::string_view name,
    absl::FunctionRef<absl::StatusOr<std::unique_ptr<Kernel>>()> create) {
  {
    MutexLock lock(mu_);
    if (const auto it = kernels_.find(name); it != kernels_.end()) {
      return it->second;
    }
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Kernel> kernel, create());
  MutexLock lock(mu_);
  // If two plans made it at the same time, the first one stays.
  return kernels_.try_emplace(std::string(name), std::move(kernel))
      .first->second;
}

}  // namespace metagraph
