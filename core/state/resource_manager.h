#pragma once

#include <memory>
#include <string>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/tensor/resource_handle.h"

namespace metagraph {

// Named resources other than variables: tables and queues of a session, or
// TensorArrays and stacks of one step. Thread-safe.
class ResourceManager {
 public:
  ResourceManager() = default;
  ResourceManager(const ResourceManager&) = delete;
  ResourceManager& operator=(const ResourceManager&) = delete;

  // The resource of that name, made by `create` if there is none.
  // INVALID_ARGUMENT if there is one of another type. `create` runs under the
  // lock, so that two callers get the same resource: it must not use this
  // manager.
  template <typename T>
  absl::StatusOr<std::shared_ptr<T>> FindOrCreate(
      absl::string_view container, absl::string_view name,
      absl::FunctionRef<absl::StatusOr<std::shared_ptr<T>>()> create) {
    ASSIGN_OR_RETURN(
        std::shared_ptr<Resource> found,
        FindOrCreateAny(container, name,
                        [&]() -> absl::StatusOr<std::shared_ptr<Resource>> {
                          return create();
                        }));
    return Downcast<T>(std::move(found), container, name);
  }

  // NOT_FOUND if there is none; INVALID_ARGUMENT if of another type.
  template <typename T>
  absl::StatusOr<std::shared_ptr<T>> Find(absl::string_view container,
                                          absl::string_view name) const {
    ASSIGN_OR_RETURN(std::shared_ptr<Resource> found, FindAny(container, name));
    return Downcast<T>(std::move(found), container, name);
  }

  // NOT_FOUND if there is none.
  absl::Status Remove(absl::string_view container, absl::string_view name)
      EXCLUDES(mu_);

 private:
  template <typename T>
  static absl::StatusOr<std::shared_ptr<T>> Downcast(
      std::shared_ptr<Resource> found, absl::string_view container,
      absl::string_view name) {
    auto out = std::dynamic_pointer_cast<T>(found);
    if (out == nullptr) {
      return InvalidArgument("Resource ", container, "/", name, " is a ",
                             found->DebugString(), ", not what was asked for");
    }
    return out;
  }
  absl::StatusOr<std::shared_ptr<Resource>> FindOrCreateAny(
      absl::string_view container, absl::string_view name,
      absl::FunctionRef<absl::StatusOr<std::shared_ptr<Resource>>()> create)
      EXCLUDES(mu_);
  absl::StatusOr<std::shared_ptr<Resource>> FindAny(
      absl::string_view container, absl::string_view name) const EXCLUDES(mu_);

  mutable Mutex mu_;
  absl::flat_hash_map<std::pair<std::string, std::string>,
                      std::shared_ptr<Resource>>
      resources_ GUARDED_BY(mu_);
};

}  // namespace metagraph
