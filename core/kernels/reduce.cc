#include "core/kernels/reduce.h"

#include <algorithm>
#include <utility>

#include "core/base/status.h"

namespace metagraph {
namespace {

template <typename Index>
absl::Status MarkAxes(const Tensor& axes, std::vector<bool>& reduced) {
  const int64_t rank = static_cast<int64_t>(reduced.size());
  for (const Index axis : axes.values<Index>()) {
    if (axis < -rank || axis >= rank) {
      return InvalidArgument("Invalid reduction dimension (", axis,
                             " for input with ", rank, " dimension(s)");
    }
    const int64_t d = axis < 0 ? axis + rank : axis;
    if (reduced[d]) {
      return InvalidArgument(
          "Invalid reduction arguments: Axes contains "
          "duplicate dimension: ",
          d);
    }
    reduced[d] = true;
  }
  return absl::OkStatus();
}

// One pass: input [outer, size, inner] to output [outer, chunks, inner], each
// chunk of the middle dimension reduced by itself.
struct Pass {
  int64_t outputs() const { return outer * chunks * inner; }

  int64_t outer = 1;
  int64_t size = 1;
  int64_t inner = 1;
  int64_t chunk = 1;  // elements per chunk; the last may have fewer
  int64_t chunks = 1;
};

bool PassRemains(const std::vector<ReductionPlan::Group>& groups) {
  return std::any_of(groups.begin(), groups.end(),
                     [](const auto& group) { return group.reduced; });
}

// The pass over the innermost reduced group; updates the groups to what it
// leaves. REQUIRES: PassRemains(groups).
Pass NextPass(std::vector<ReductionPlan::Group>& groups) {
  // Long middle dimensions are cut, for accuracy and so that several threads
  // find work.
  constexpr int64_t kRunChunk = 65536;
  constexpr int64_t kColumnChunk = 128;

  size_t at = groups.size() - 1;
  while (!groups[at].reduced) --at;
  Pass pass;
  pass.size = groups[at].size;
  for (size_t i = 0; i < at; ++i) pass.outer *= groups[i].size;
  for (size_t i = at + 1; i < groups.size(); ++i) {
    pass.inner *= groups[i].size;
  }
  pass.chunk = std::min(pass.size, pass.inner == 1 ? kRunChunk : kColumnChunk);
  pass.chunks = (pass.size + pass.chunk - 1) / pass.chunk;
  if (pass.chunks > 1) {
    groups[at].size = pass.chunks;
    return pass;
  }
  groups.erase(groups.begin() + at);
  return pass;
}

constexpr int64_t kColumns = 1024;  // of one unit of work

// First row of a chunk, counted over all of [outer, size], and their number.
std::pair<int64_t, int64_t> ChunkOf(const Pass& pass, int64_t index) {
  if (pass.chunks == 1) return {index * pass.size, pass.size};
  const int64_t start = index % pass.chunks * pass.chunk;
  return {index / pass.chunks * pass.size + start,
          std::min(pass.chunk, pass.size - start)};
}

absl::Status RunPass(KernelContext& ctx, const Pass& pass,
                     const ReductionLoops& loops, const Tensor& input,
                     Tensor* output) {
  const char* in = static_cast<const char*>(input.raw_data());
  char* out = static_cast<char*>(output->mutable_raw_data());
  const auto out_size = static_cast<int64_t>(DataTypeSize(output->dtype()));
  if (pass.inner == 1) {
    return ctx.ParallelFor(
        pass.outer * pass.chunks, pass.chunk, [&](int64_t begin, int64_t end) {
          for (int64_t unit = begin; unit < end; ++unit) {
            const auto [from, rows] = ChunkOf(pass, unit);
            loops.run(in + from * loops.in_size, rows, out + unit * out_size);
          }
        });
  }
  const int64_t tiles = (pass.inner + kColumns - 1) / kColumns;
  return ctx.ParallelFor(
      pass.outer * pass.chunks * tiles,
      pass.chunk * std::min(pass.inner, kColumns),
      [&](int64_t begin, int64_t end) {
        for (int64_t unit = begin; unit < end; ++unit) {
          const auto [from, rows] = ChunkOf(pass, unit / tiles);
          const int64_t column = unit % tiles * kColumns;
          loops.columns(in + (from * pass.inner + column) * loops.in_size, rows,
                        pass.inner, std::min(kColumns, pass.inner - column),
                        out + (unit / tiles * pass.inner + column) * out_size);
        }
      });
}

}  // namespace

absl::StatusOr<ReductionPlan> ReductionPlan::Make(const TensorShape& shape,
                                                  const Tensor& axes,
                                                  bool keep_dims) {
  std::vector<bool> reduced(shape.rank(), false);
  RETURN_IF_ERROR(axes.dtype() == DT_INT64 ? MarkAxes<int64_t>(axes, reduced)
                                           : MarkAxes<int32_t>(axes, reduced));
  ReductionPlan plan;
  absl::InlinedVector<int64_t, 8> kept;
  for (int d = 0; d < shape.rank(); ++d) {
    const int64_t size = shape.dim(d);
    if (!reduced[d]) {
      kept.push_back(size);
    } else {
      if (keep_dims) kept.push_back(1);
      // Beside a 0 the product may exceed int64: then 0 comes out anyway.
      if (__builtin_mul_overflow(plan.reduced_elements, size,
                                 &plan.reduced_elements)) {
        plan.reduced_elements = 0;
      }
    }
    if (size == 1) continue;
    if (!plan.groups.empty() && plan.groups.back().reduced == reduced[d] &&
        shape.num_elements() > 0) {
      plan.groups.back().size *= size;
    } else {
      plan.groups.push_back({size, reduced[d]});
    }
  }
  // Without the reduced sizes a 0 may be gone, so it can be too large now.
  ASSIGN_OR_RETURN(plan.output, TensorShape::Build(kept));
  return plan;
}

absl::Status Reduce(KernelContext& ctx, const Tensor& input,
                    const ReductionPlan& plan, const Reduction& reduction,
                    Tensor* output) {
  void* out = output->mutable_raw_data();
  const int64_t outputs = output->num_elements();
  if (outputs == 0) return absl::OkStatus();
  if (input.num_elements() == 0) {
    reduction.finish_empty(out, outputs);
    return absl::OkStatus();
  }
  std::vector<ReductionPlan::Group> groups = plan.groups;
  if (!PassRemains(groups)) {
    reduction.finish_single(input.raw_data(), out, outputs);
    return absl::OkStatus();
  }
  // The first pass loads the input, each later one combines what the one
  // before it accumulated.
  Pass pass = NextPass(groups);
  ASSIGN_OR_RETURN(Tensor temp,
                   ctx.AllocateTemp(reduction.acc_dtype, {pass.outputs()}));
  RETURN_IF_ERROR(RunPass(ctx, pass, reduction.first, input, &temp));
  while (PassRemains(groups)) {
    const Tensor previous = std::move(temp);
    pass = NextPass(groups);
    ASSIGN_OR_RETURN(temp,
                     ctx.AllocateTemp(reduction.acc_dtype, {pass.outputs()}));
    RETURN_IF_ERROR(RunPass(ctx, pass, reduction.later, previous, &temp));
  }
  reduction.finish(temp.raw_data(), out, outputs, plan.reduced_elements);
  return absl::OkStatus();
}

}  // namespace metagraph
