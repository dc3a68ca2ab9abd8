#include "core/checkpoint/slice_copy.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

// Half a second's work: ten thousand slices of one tensor, the most that there
// may be, in the worst order.
constexpr int64_t kMaxPairs = 50'000'000;

// Offset, in elements, of the corner `at` within a tensor that holds `slice`.
int64_t OffsetOf(absl::Span<const int64_t> at, const TensorSlice& slice) {
  int64_t offset = 0;
  for (size_t i = 0; i < at.size(); ++i) {
    offset = offset * slice.extents[i].length + at[i] - slice.extents[i].start;
  }
  return offset;
}

}  // namespace

std::optional<TensorSlice> Intersect(const TensorSlice& a,
                                     const TensorSlice& b) {
  TensorSlice box = a;
  for (size_t i = 0; i < box.extents.size(); ++i) {
    const TensorSlice::Extent& other = b.extents[i];
    TensorSlice::Extent& extent = box.extents[i];
    const int64_t end =
        std::min(extent.start + extent.length, other.start + other.length);
    extent.start = std::max(extent.start, other.start);
    extent.length = end - extent.start;
    if (extent.length <= 0) return std::nullopt;
  }
  return box;
}

int64_t NumElements(const TensorSlice& slice) {
  // Zeros first: the other extents alone may have a product that overflows.
  for (const TensorSlice::Extent& extent : slice.extents) {
    if (extent.length == 0) return 0;
  }
  int64_t count = 1;
  for (const TensorSlice::Extent& extent : slice.extents) {
    count *= extent.length;
  }
  return count;
}

absl::Status CheckDisjoint(absl::Span<const TensorSlice* const> slices,
                           int64_t* pairs) {
  if (slices.size() < 2) return absl::OkStatus();
  if (slices[0]->extents.empty()) return DataLoss("overlap");  // a scalar twice
  // Usual partitions differ in one dimension: in the order of that one only
  // neighbours need a look.
  size_t dim = 0;
  size_t most = 0;
  for (size_t d = 0; d < slices[0]->extents.size(); ++d) {
    absl::flat_hash_set<int64_t> starts;
    for (const TensorSlice* slice : slices) {
      starts.insert(slice->extents[d].start);
    }
    if (starts.size() > most) {
      most = starts.size();
      dim = d;
    }
  }
  std::vector<const TensorSlice*> order(slices.begin(), slices.end());
  std::sort(order.begin(), order.end(),
            [dim](const TensorSlice* a, const TensorSlice* b) {
              return a->extents[dim].start < b->extents[dim].start;
            });
  for (size_t i = 0; i < order.size(); ++i) {
    const TensorSlice::Extent& first = order[i]->extents[dim];
    for (size_t j = i + 1; j < order.size(); ++j) {
      if (order[j]->extents[dim].start >= first.start + first.length) break;
      if (++*pairs > kMaxPairs) return DataLoss("are too many to compare");
      if (Intersect(*order[i], *order[j])) return DataLoss("overlap");
    }
  }
  return absl::OkStatus();
}

void CopyBox(const TensorSlice& box, const Tensor& from,
             const TensorSlice& from_slice, Tensor* to,
             const TensorSlice& to_slice) {
  const int rank = static_cast<int>(box.extents.size());
  std::vector<int64_t> at(rank);
  for (int i = 0; i < rank; ++i) at[i] = box.extents[i].start;
  const int64_t run = rank == 0 ? 1 : box.extents[rank - 1].length;
  const int64_t element = static_cast<int64_t>(DataTypeSize(from.dtype()));
  while (true) {
    const int64_t source = OffsetOf(at, from_slice);
    const int64_t target = OffsetOf(at, to_slice);
    if (from.dtype() == DT_STRING) {
      std::copy_n(from.data<std::string>() + source, run,
                  to->mutable_data<std::string>() + target);
    } else {
      std::memcpy(static_cast<char*>(to->mutable_raw_data()) + target * element,
                  static_cast<const char*>(from.raw_data()) + source * element,
                  static_cast<size_t>(run * element));
    }
    // On to the next row of the box.
    int dim = rank - 2;
    for (; dim >= 0; --dim) {
      const TensorSlice::Extent& extent = box.extents[dim];
      if (++at[dim] < extent.start + extent.length) break;
      at[dim] = extent.start;
    }
    if (dim < 0) return;
  }
}

}  // namespace metagraph
