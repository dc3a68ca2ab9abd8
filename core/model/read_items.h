#pragma once

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/base/thread_pool.h"
#include "core/checkpoint/checkpoint_reader.h"
#include "core/model/checkpoint_match.h"
#include "core/model/progress.h"
#include "core/tensor/tensor.h"

namespace metagraph {

// Reads what a restore puts into variables, and checks it, checksums too; gives
// each value with the slot of its variable. `pool` helps; null: one thread.
// CANCELLED and DEADLINE_EXCEEDED as `call` says.
absl::StatusOr<std::vector<std::pair<int, Tensor>>> ReadItems(
    const CheckpointReader& reader, const std::vector<RestoreItem>& items,
    ThreadPool* pool, const ProgressCallback& progress, CallContext& call);

// The same check, but keeps no values.
absl::Status VerifyItems(const CheckpointReader& reader,
                         const std::vector<RestoreItem>& items,
                         ThreadPool* pool, const ProgressCallback& progress,
                         CallContext& call);

}  // namespace metagraph
