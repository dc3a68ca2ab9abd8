#include "core/state/lookup_table.h"

#include "absl/strings/str_cat.h"

namespace metagraph {
namespace {

// One number or string of a tensor, for messages.
std::string ElementText(const Tensor& tensor, int64_t i) {
  switch (tensor.dtype()) {
    case DT_STRING:
      return tensor.data<std::string>()[i];
    case DT_INT32:
      return absl::StrCat(tensor.data<int32_t>()[i]);
    case DT_INT64:
      return absl::StrCat(tensor.data<int64_t>()[i]);
    case DT_FLOAT:
      return absl::StrCat(tensor.data<float>()[i]);
    case DT_DOUBLE:
      return absl::StrCat(tensor.data<double>()[i]);
    case DT_BOOL:
      return tensor.data<bool>()[i] ? "1" : "0";
    default:
      return "?";
  }
}

}  // namespace

absl::Status LookupTable::Initialize(const Tensor& keys, const Tensor& values) {
  MutexLock lock(mu_);
  if (types_.is_mutable) {
    return InvalidArgument("Table localhost ", name_, " is not initializable");
  }
  if (frozen_.load(std::memory_order_relaxed) != nullptr) {
    if (keys.num_elements() == rows_->size()) return absl::OkStatus();
    return FailedPrecondition(
        "Table was already initialized with different data.");
  }
  auto rows = std::make_unique<TableRows>(types_);
  RETURN_IF_ERROR(Charge(keys.num_elements(), rows->BytesFor(keys, values)));
  for (int64_t i = 0; i < keys.num_elements(); ++i) {
    bool added;
    const int64_t row = rows->FindOrAdd(keys, i, &added);
    if (added) {
      rows->SetValue(row, values, i);
    } else if (!rows->ValueEquals(row, values, i)) {
      Settle();
      // The value that is there, as text.
      ASSIGN_OR_RETURN(Tensor old,
                       Tensor::Allocate(types_.value, types_.value_shape));
      rows->GetValue(row, &old, 0);
      return FailedPrecondition(
          "HashTable has different value for same key. Key ",
          ElementText(keys, i), " has ", ElementText(old, 0),
          " and trying to add value ", ElementText(values, i));
    }
  }
  rows_ = std::move(rows);
  Settle();
  frozen_.store(rows_.get(), std::memory_order_release);
  return absl::OkStatus();
}

absl::Status LookupTable::Insert(const Tensor& keys, const Tensor& values,
                                 bool clear) {
  MutexLock lock(mu_);
  RETURN_IF_ERROR(CheckMutable("Insert"));
  // What was there stays until what comes is there.
  auto fresh = clear ? std::make_unique<TableRows>(types_) : nullptr;
  TableRows& rows = clear ? *fresh : *rows_;
  RETURN_IF_ERROR(Charge(keys.num_elements(), rows.BytesFor(keys, values)));
  for (int64_t i = 0; i < keys.num_elements(); ++i) {
    bool added;
    const int64_t row = rows.FindOrAdd(keys, i, &added);
    rows.SetValue(row, values, i);
  }
  if (clear) rows_ = std::move(fresh);
  Settle();
  return absl::OkStatus();
}

absl::Status LookupTable::Remove(const Tensor& keys) {
  MutexLock lock(mu_);
  RETURN_IF_ERROR(CheckMutable("Remove"));
  for (int64_t i = 0; i < keys.num_elements(); ++i) rows_->Remove(keys, i);
  rows_->Shrink();
  Settle();
  return absl::OkStatus();
}

absl::Status LookupTable::CheckMutable(absl::string_view what) const {
  if (types_.is_mutable) return absl::OkStatus();
  return Unimplemented(
      what, " not supported by InitializableLookupTable implementations");
}

absl::Status LookupTable::Charge(int64_t pairs, int64_t bytes) {
  if (!MemoryBudget::Process().Take(bytes)) {
    return ResourceExhausted("no memory for ", pairs,
                             " more entries in table \"", name_, "\"");
  }
  charged_ += bytes;
  return absl::OkStatus();
}

void LookupTable::Settle() {
  const int64_t needed = rows_->bytes();
  MemoryBudget::Process().Give(charged_ - needed);
  charged_ = needed;
}

}  // namespace metagraph
