#include "core/kernels/reduce.h"

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

bool ReductionPass::Remains(const std::vector<ReductionPlan::Group>& groups) {
  return std::any_of(groups.begin(), groups.end(),
                     [](const auto& group) { return group.reduced; });
}

ReductionPass ReductionPass::Next(std::vector<ReductionPlan::Group>& groups) {
  // Long middle dimensions are cut, for accuracy and so that several threads
  // find work.
  constexpr int64_t kRunChunk = 65536;
  constexpr int64_t kColumnChunk = 128;

  size_t at = groups.size() - 1;
  while (!groups[at].reduced) --at;
  ReductionPass pass;
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

}  // namespace metagraph
