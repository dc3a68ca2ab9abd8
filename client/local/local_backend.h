#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/backend.h"
#include "core/checkpoint/name_map.h"

namespace metagraph {

struct LocalOptions {
  // The name that the model is asked for.
  std::string name;
  // A model as `metagraphd --model` takes it: a folder or a file.
  std::string path;
  // How its checkpoint is read.
  RestoreMapping mapping = {};
  // For every call; infinite: none.
  absl::Duration timeout = absl::InfiniteDuration();
};

// The calls, answered in this process by the code that the daemon answers them
// with. The model is loaded by the first call that needs it: its graph only,
// if the call needs no values, so that a damaged checkpoint can be looked at.
// Nothing here changes the folder: Admin and Watch are UNIMPLEMENTED.
// The executable must link the kernels.
absl::StatusOr<std::unique_ptr<Backend>> MakeLocalBackend(
    const LocalOptions& options);

}  // namespace metagraph
