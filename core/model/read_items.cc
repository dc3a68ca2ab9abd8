#include "core/model/read_items.h"

#include <atomic>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "core/base/mutex.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

// Calls `handle` with the number of each item, on the pool's threads too, until
// one fails.
absl::Status ForEachItem(const std::vector<RestoreItem>& items,
                         ThreadPool* pool, const ProgressCallback& progress,
                         CallContext& call,
                         absl::FunctionRef<absl::Status(int64_t)> handle) {
  int64_t bytes = 0;
  for (const RestoreItem& item : items) {
    bytes += static_cast<int64_t>(item.bytes);
  }
  const int64_t count = static_cast<int64_t>(items.size());
  ProgressMeter meter(progress, count, bytes);
  std::atomic<bool> failed{false};
  Mutex mu;
  absl::Status first_error;
  const auto handle_one = [&](int64_t i) -> absl::Status {
    RETURN_IF_ERROR(call.Check());
    RETURN_IF_ERROR(handle(i));
    meter.Add(static_cast<int64_t>(items[i].bytes));
    return absl::OkStatus();
  };
  const auto handle_range = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (failed.load(std::memory_order_relaxed)) return;
      if (absl::Status status = handle_one(i); !status.ok()) {
        failed = true;
        MutexLock lock(mu);
        if (first_error.ok()) first_error = std::move(status);
      }
    }
  };
  if (pool != nullptr && count > 1) {
    pool->ParallelFor(count, 1, handle_range);
  } else {
    handle_range(0, count);
  }
  return first_error;
}

absl::StatusOr<Tensor> ReadItem(const CheckpointReader& reader,
                                const RestoreItem& item) {
  if (item.slice) return reader.ReadSlice(item.key, *item.slice);
  ASSIGN_OR_RETURN(Tensor value, reader.Read(item.key));
  if (item.reshape) return std::move(value).Reshaped(*item.reshape);
  return value;
}

}  // namespace

absl::StatusOr<std::vector<std::pair<int, Tensor>>> ReadItems(
    const CheckpointReader& reader, const std::vector<RestoreItem>& items,
    ThreadPool* pool, const ProgressCallback& progress, CallContext& call) {
  std::vector<std::pair<int, Tensor>> values(items.size());
  const auto read = [&](int64_t i) -> absl::Status {
    ASSIGN_OR_RETURN(Tensor value, ReadItem(reader, items[i]));
    values[i] = {items[i].slot, std::move(value)};
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(ForEachItem(items, pool, progress, call, read));
  return values;
}

absl::Status VerifyItems(const CheckpointReader& reader,
                         const std::vector<RestoreItem>& items,
                         ThreadPool* pool, const ProgressCallback& progress,
                         CallContext& call) {
  return ForEachItem(items, pool, progress, call, [&](int64_t i) {
    // Parts of one tensor are next to each other: it is read once.
    const bool first = i == 0 || items[i - 1].key != items[i].key;
    return first ? reader.Verify(items[i].key) : absl::OkStatus();
  });
}

}  // namespace metagraph
