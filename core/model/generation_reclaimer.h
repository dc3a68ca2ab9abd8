#pragma once

#include "core/base/thread_pool.h"
#include "core/state/variable_store.h"

namespace metagraph {

// Frees dead generations on the pool; null: where they die. `pool` outlives it.
VariableStore::Reclaimer ReclaimOn(ThreadPool* pool);

}  // namespace metagraph
