#pragma once

#include <memory>

#include "core/base/thread_pool.h"
#include "core/state/variable_store.h"

namespace metagraph {

// Frees dead generations on the pool; null: where they die. `pool` outlives it.
// Generations that live or wait to be freed keep `held`.
VariableStore::Reclaimer ReclaimOn(ThreadPool* pool,
                                   std::shared_ptr<void> held = nullptr);

}  // namespace metagraph
