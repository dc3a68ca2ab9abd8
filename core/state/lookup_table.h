#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "core/base/mutex.h"
#include "core/base/status.h"
#include "core/state/table_rows.h"
#include "core/tensor/resource_handle.h"

namespace metagraph {

// HashTable, which is filled once, and MutableHashTable. They belong to the
// session. Callers hold keys and values to the table's types.
// Thread-safe. A HashTable is never changed after it was filled, so it is then
// read without a lock.
class LookupTable final : public Resource {
 public:
  LookupTable(std::string name, const TableTypes& types)
      : name_(std::move(name)),
        types_(types),
        rows_(std::make_unique<TableRows>(types)) {}
  ~LookupTable() override { MemoryBudget::Process().Give(charged_); }

  std::string DebugString() const override { return "LookupTable"; }
  const TableTypes& types() const { return types_; }

  int64_t size() const EXCLUDES(mu_) {
    MutexLock lock(mu_);
    return rows_->size();
  }

  // Calls `read` with the rows. FAILED_PRECONDITION: not filled yet.
  template <typename Fn>
  absl::Status Read(Fn read) const EXCLUDES(mu_) {
    if (const TableRows* rows = frozen_.load(std::memory_order_acquire)) {
      read(*rows);
      return absl::OkStatus();
    }
    if (!types_.is_mutable) {
      return FailedPrecondition("Table not initialized.");
    }
    MutexLock lock(mu_);
    read(*rows_);
    return absl::OkStatus();
  }

  // Fills a HashTable. A second time does nothing if it brings as many pairs,
  // and is FAILED_PRECONDITION otherwise. INVALID_ARGUMENT of a mutable table.
  absl::Status Initialize(const Tensor& keys, const Tensor& values)
      EXCLUDES(mu_);

  // The two of a MutableHashTable; UNIMPLEMENTED of another. `clear`: what was
  // there goes. RESOURCE_EXHAUSTED: nothing has changed.
  absl::Status Insert(const Tensor& keys, const Tensor& values, bool clear)
      EXCLUDES(mu_);
  absl::Status Remove(const Tensor& keys) EXCLUDES(mu_);

 private:
  absl::Status CheckMutable(absl::string_view what) const;
  // Counts bytes for that many new pairs against the memory budget: generous
  // where they only replace others, until Settle() gives back what rows_ does
  // not take.
  absl::Status Charge(int64_t pairs, int64_t bytes) REQUIRES(mu_);
  void Settle() REQUIRES(mu_);

  const std::string name_;
  const TableTypes types_;
  mutable Mutex mu_;
  std::unique_ptr<TableRows> rows_ GUARDED_BY(mu_);
  // rows_, once a HashTable is filled.
  std::atomic<const TableRows*> frozen_{nullptr};
  int64_t charged_ = 0;  // to the memory budget
};

}  // namespace metagraph
