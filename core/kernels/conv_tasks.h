#pragma once

// What a convolution and its input's gradient have in common. Both are matrix
// products whose left rows are windows, given as pointers to their pieces (one
// per tap), so that no window is ever copied; both are cut into tasks for the
// compute pool.

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "core/kernels/conv.h"
#include "core/kernels/gemm.h"
#include "core/op/kernel_context.h"

namespace metagraph {

inline int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// The product of MultiplyRows (gemm.h) for double: a loop that the compiler
// vectorises along the columns.
void MultiplyRows(const double* const* table, int64_t m, int64_t taps,
                  int64_t depth, const double* b, int64_t ldb, int64_t n,
                  double* c, int64_t ldc, bool accumulate, double* scratch);

// A product of `groups` times [rows, taps * depth] by [taps * depth, cols].
struct ConvProduct {
  int64_t groups;
  int64_t rows;
  int64_t cols;
  int64_t taps;
  int64_t depth;
};

// How its rows and columns are cut into tasks.
struct ConvTasks {
  int64_t rows, row_blocks;
  int64_t cols, col_blocks;
};
ConvTasks CutTasks(const KernelContext& ctx, const ConvProduct& product);

// The part of a product that one task makes, with memory for it: a table of
// pointers as MultiplyRows takes it, and its scratch.
template <typename T>
struct ConvTask {
  int64_t group;
  int64_t row, rows;
  int64_t col, cols;
  const T** table;
  T* scratch;
};

// Runs fn(task) for all tasks. fn returns nothing. RESOURCE_EXHAUSTED without
// memory, CANCELLED or DEADLINE_EXCEEDED as the call.
template <typename T, typename F>
absl::Status RunTasks(const KernelContext& ctx, const ConvProduct& product,
                      F fn) {
  const ConvTasks cut = CutTasks(ctx, product);
  const int64_t tasks = product.groups * cut.row_blocks * cut.col_blocks;
  const double work =
      double(cut.rows) * cut.cols * product.taps * product.depth;
  std::atomic<bool> out_of_memory = false;
  RETURN_IF_ERROR(ctx.ParallelFor(
      tasks, static_cast<int64_t>(std::min(work / 40 + 100, 1e9)),
      [&](int64_t begin, int64_t end) {
        auto scratch = Tensor::Allocate(kDataType<T>, {kMultiplyScratch});
        auto table = Tensor::Allocate(DT_INT64, {cut.rows * product.taps});
        if (!scratch.ok() || !table.ok()) {
          out_of_memory = true;
          return;
        }
        static_assert(sizeof(const T*) == sizeof(int64_t));
        ConvTask<T> task;
        task.table = static_cast<const T**>(table->mutable_raw_data());
        task.scratch = scratch->template mutable_data<T>();
        for (int64_t i = begin; i < end; ++i) {
          task.col = i % cut.col_blocks * cut.cols;
          task.cols = std::min(cut.cols, product.cols - task.col);
          const int64_t rest = i / cut.col_blocks;
          task.row = rest % cut.row_blocks * cut.rows;
          task.rows = std::min(cut.rows, product.rows - task.row);
          task.group = rest / cut.row_blocks;
          fn(task);
        }
      }));
  if (out_of_memory) return ResourceExhausted("no memory for a convolution");
  return absl::OkStatus();
}

// Fills a task's table. A row is a pixel of the output of `s`: find(n, d, y, x,
// pointer) sets the first pointer of `taps` that stand kTileRows apart.
template <typename T, typename F>
void FillTable(const ConvShape& s, int64_t taps, const ConvTask<T>& task,
               F find) {
  const int64_t filled = CeilDiv(task.rows, kTileRows) * kTileRows;
  int64_t x = task.row % s.axes[2].output;
  int64_t rest = task.row / s.axes[2].output;
  int64_t y = rest % s.axes[1].output;
  rest /= s.axes[1].output;
  int64_t d = rest % s.axes[0].output;
  int64_t n = rest / s.axes[0].output;
  for (int64_t i = 0; i < filled; ++i) {
    find(n, d, y, x,
         task.table + i / kTileRows * taps * kTileRows + i % kTileRows);
    if (i >= task.rows - 1) continue;  // the last row fills the group up
    if (++x < s.axes[2].output) continue;
    x = 0;
    if (++y < s.axes[1].output) continue;
    y = 0;
    if (++d < s.axes[0].output) continue;
    d = 0;
    ++n;
  }
}

}  // namespace metagraph
