#include "core/model/generation_reclaimer.h"

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/yield.h"

namespace metagraph {
namespace {

// Dead generations that wait for the pool.
constexpr int kMaxWaiting = 4;

}  // namespace

VariableStore::Reclaimer ReclaimOn(ThreadPool* pool,
                                   std::shared_ptr<void> held) {
  if (pool == nullptr) return nullptr;
  struct Waiting {
    std::atomic<int> count{0};
    std::shared_ptr<void> held;
  };
  auto waiting = std::make_shared<Waiting>();
  waiting->held = std::move(held);
  return [pool, waiting](std::unique_ptr<const Generation> dead) {
    // Where the pool does not keep up, memory is what is short: freed here.
    if (waiting->count.fetch_add(1) >= kMaxWaiting) {
      waiting->count.fetch_sub(1);
      return;
    }
    pool->Schedule([dead = std::move(dead), waiting]() mutable {
      std::vector<Tensor> values = dead->values;
      dead.reset();
      for (; !values.empty(); values.pop_back()) Yield();
      waiting->count.fetch_sub(1);
    });
  };
}

}  // namespace metagraph
