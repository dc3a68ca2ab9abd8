#include "core/kernels/strided_copy.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "absl/container/inlined_vector.h"
#include "core/kernels/elements.h"

namespace metagraph {
namespace {

using Dims = absl::InlinedVector<StridedDim, 8>;

// Drops sizes of one and merges neighbours that are one run in both layouts.
Dims Normalised(absl::Span<const StridedDim> dims) {
  Dims out;
  for (const StridedDim& dim : dims) {
    if (dim.size == 1) continue;
    if (!out.empty()) {
      StridedDim& last = out.back();
      if (last.from_stride == dim.from_stride * dim.size &&
          last.to_stride == dim.to_stride * dim.size) {
        last = {last.size * dim.size, dim.from_stride, dim.to_stride};
        continue;
      }
    }
    out.push_back(dim);
  }
  return out;
}

// Walks the offsets of all indices of some dimensions, last fastest.
class Odometer {
 public:
  // Starts at the `position`-th index.
  Odometer(absl::Span<const StridedDim> dims, int64_t position)
      : dims_(dims), index_(dims.size()) {
    for (int i = static_cast<int>(dims.size()) - 1; i >= 0; --i) {
      index_[i] = position % dims[i].size;
      position /= dims[i].size;
      from_ += index_[i] * dims[i].from_stride;
      to_ += index_[i] * dims[i].to_stride;
    }
  }

  void Next() {
    for (int i = static_cast<int>(dims_.size()) - 1; i >= 0; --i) {
      from_ += dims_[i].from_stride;
      to_ += dims_[i].to_stride;
      if (++index_[i] < dims_[i].size) return;
      from_ -= dims_[i].from_stride * dims_[i].size;
      to_ -= dims_[i].to_stride * dims_[i].size;
      index_[i] = 0;
    }
  }

  int64_t from() const { return from_; }
  int64_t to() const { return to_; }

 private:
  const absl::Span<const StridedDim> dims_;
  absl::InlinedVector<int64_t, 8> index_;
  int64_t from_ = 0;
  int64_t to_ = 0;
};

// The innermost loop: one line of `n` elements.
template <typename T>
void CopyLine(const T* from, int64_t from_stride, T* to, int64_t to_stride,
              int64_t n) {
  if (to_stride != 1) {
    for (int64_t i = 0; i < n; ++i) to[i * to_stride] = from[i * from_stride];
  } else if (from_stride == 0) {
    std::fill_n(to, n, *from);
  } else if (from_stride == 1) {
    std::copy_n(from, n, to);
  } else {
    for (int64_t i = 0; i < n; ++i) to[i] = from[i * from_stride];
  }
}

constexpr int64_t kTile = 8;

// GCC warns of vector types as template arguments, which are Eigen's way.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-attributes"

// A full 8x8 tile: to[r * to_stride + c] = from[c * from_stride + r].
template <typename T>
void TransposeTile(const T* from, int64_t from_stride, T* to,
                   int64_t to_stride) {
#ifdef __AVX__
  if constexpr (sizeof(T) == sizeof(float)) {
    using Packet = Eigen::internal::Packet8f;
    Eigen::internal::PacketBlock<Packet, 8> block;
    for (int i = 0; i < kTile; ++i) {
      block.packet[i] = Eigen::internal::ploadu<Packet>(
          reinterpret_cast<const float*>(from + i * from_stride));
    }
    Eigen::internal::ptranspose(block);
    for (int i = 0; i < kTile; ++i) {
      Eigen::internal::pstoreu(reinterpret_cast<float*>(to + i * to_stride),
                               block.packet[i]);
    }
    return;
  }
#endif
  for (int64_t r = 0; r < kTile; ++r) {
    for (int64_t c = 0; c < kTile; ++c) {
      to[r * to_stride + c] = from[c * from_stride + r];
    }
  }
}

#pragma GCC diagnostic pop

// to[r * to_stride + c] = from[c * from_stride + r], r < rows, c < columns.
template <typename T>
void TransposeBlock(const T* from, int64_t from_stride, T* to,
                    int64_t to_stride, int64_t rows, int64_t columns) {
  const int64_t full_columns = columns / kTile * kTile;
  int64_t r = 0;
  for (; r + kTile <= rows; r += kTile) {
    for (int64_t c = 0; c < full_columns; c += kTile) {
      TransposeTile(from + c * from_stride + r, from_stride,
                    to + r * to_stride + c, to_stride);
    }
    for (int64_t i = r; i < r + kTile; ++i) {
      for (int64_t c = full_columns; c < columns; ++c) {
        to[i * to_stride + c] = from[c * from_stride + i];
      }
    }
  }
  for (; r < rows; ++r) {
    for (int64_t c = 0; c < columns; ++c) {
      to[r * to_stride + c] = from[c * from_stride + r];
    }
  }
}

int64_t CountOf(absl::Span<const StridedDim> dims) {
  int64_t count = 1;
  for (const StridedDim& dim : dims) count *= dim.size;
  return count;
}

// Reads run along dimension `row`, writes along the last: moves square blocks
// so that both stay in the cache.
template <typename T>
absl::Status TransposeCopy(const KernelContext& ctx, Dims dims, int row,
                           const T* from, T* to) {
  constexpr int64_t kBlock = 64;
  const StridedDim row_dim = dims[row];
  const StridedDim column_dim = dims.back();
  dims.pop_back();
  dims.erase(dims.begin() + row);
  // The blocks of rows are one more outer dimension, the fastest.
  const int64_t blocks = (row_dim.size + kBlock - 1) / kBlock;
  dims.push_back({blocks, kBlock, kBlock * row_dim.to_stride});
  const int64_t cost = kBlock * column_dim.size * sizeof(T) / 4;
  return ctx.ParallelFor(CountOf(dims), cost, [&](int64_t begin, int64_t end) {
    Odometer at(dims, begin);
    for (int64_t i = begin; i < end; ++i, at.Next()) {
      const int64_t first_row = i % blocks * kBlock;
      const int64_t rows = std::min(kBlock, row_dim.size - first_row);
      for (int64_t c = 0; c < column_dim.size; c += kBlock) {
        TransposeBlock(from + at.from() + c * column_dim.from_stride,
                       column_dim.from_stride, to + at.to() + c,
                       row_dim.to_stride, rows,
                       std::min(kBlock, column_dim.size - c));
      }
    }
  });
}

template <typename T>
absl::Status CopyLines(const KernelContext& ctx, const Dims& dims,
                       const T* from, T* to) {
  const StridedDim line = dims.back();
  const auto outer = absl::MakeConstSpan(dims).first(dims.size() - 1);
  const int64_t element_cost = std::is_trivially_copyable_v<T> ? 1 : 30;
  return ctx.ParallelFor(CountOf(outer), 2 + line.size * element_cost / 2,
                         [&](int64_t begin, int64_t end) {
                           Odometer at(outer, begin);
                           for (int64_t i = begin; i < end; ++i, at.Next()) {
                             CopyLine(from + at.from(), line.from_stride,
                                      to + at.to(), line.to_stride, line.size);
                           }
                         });
}

template <typename T>
absl::Status Copy(const KernelContext& ctx, const Dims& dims, const T* from,
                  T* to) {
  if (dims.empty()) {
    *to = *from;
    return absl::OkStatus();
  }
  const StridedDim& line = dims.back();
  if (line.to_stride == 1 && line.from_stride != 1 && line.size >= 4) {
    for (int i = 0; i + 1 < static_cast<int>(dims.size()); ++i) {
      if (dims[i].from_stride == 1 && dims[i].size >= 4) {
        return TransposeCopy(ctx, dims, i, from, to);
      }
    }
  }
  if (dims.size() == 1 && line.from_stride == 1 && line.to_stride == 1) {
    return ctx.ParallelFor(line.size, 1, [=](int64_t begin, int64_t end) {
      std::copy_n(from + begin, end - begin, to + begin);
    });
  }
  return CopyLines(ctx, dims, from, to);
}

}  // namespace

absl::Status CopyStrided(const KernelContext& ctx, DataType dtype,
                         absl::Span<const StridedDim> dims, const void* from,
                         int64_t from_offset, void* to, int64_t to_offset) {
  for (const StridedDim& dim : dims) {
    if (dim.size <= 0) return absl::OkStatus();
  }
  const Dims normalised = Normalised(dims);
  return WithElementType(dtype, [&]<typename T>() {
    return Copy(ctx, normalised, static_cast<const T*>(from) + from_offset,
                static_cast<T*>(to) + to_offset);
  });
}

}  // namespace metagraph
