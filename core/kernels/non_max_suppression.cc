// The best boxes that do not overlap each other too much.

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/kernels/rank_checks.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// Corners in any order.
struct Box {
  float y1, x1, y2, x2;

  Box(float a, float b, float c, float d)
      : y1(std::min(a, c)),
        x1(std::min(b, d)),
        y2(std::max(a, c)),
        x2(std::max(b, d)) {}
  float Area() const { return (y2 - y1) * (x2 - x1); }
};

float Overlap(const Box& a, const Box& b) {
  const float area_a = a.Area();
  const float area_b = b.Area();
  if (area_a <= 0 || area_b <= 0) return 0;
  const float shared =
      std::max(std::min(a.y2, b.y2) - std::max(a.y1, b.y1), 0.0f) *
      std::max(std::min(a.x2, b.x2) - std::max(a.x1, b.x1), 0.0f);
  return shared / (area_a + area_b - shared);
}

// A scalar of float or half.
absl::StatusOr<float> Threshold(const Tensor& tensor, absl::string_view name) {
  if (!tensor.shape().IsScalar()) {
    return InvalidArgument(name, " must be 0-D, got shape ",
                           tensor.shape().ToString());
  }
  return tensor.dtype() == DT_HALF ? static_cast<float>(tensor.scalar<half>())
                                   : tensor.scalar<float>();
}

// V1 has its threshold as an attribute, V2 as input 3, V3 adds a threshold of
// scores, V4 pads, V5 lowers scores of overlapping boxes instead of dropping
// them (sigma > 0).
template <typename T, int kVersion>
class NonMaxSuppressionBase : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    if (kVersion == 1) {
      ASSIGN_OR_RETURN(iou_threshold_,
                       construction.Attr<float>("iou_threshold"));
      RETURN_IF_ERROR(CheckThreshold(iou_threshold_));
    }
    if (kVersion >= 4) {
      ASSIGN_OR_RETURN(pad_, construction.Attr<bool>("pad_to_max_output_size"));
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& boxes = ctx.input(0);
    const Tensor& scores = ctx.input(1);
    RETURN_IF_ERROR(
        RequireScalar(ctx.input(2), "max_output_size must be 0-D, got shape "));
    const int64_t wanted = ctx.input(2).scalar<int32_t>();
    if (wanted < 0) {
      return InvalidArgument("output size must be non-negative");
    }
    float iou_threshold = iou_threshold_;
    if (kVersion >= 2) {
      ASSIGN_OR_RETURN(iou_threshold, Threshold(ctx.input(3), "iou_threshold"));
      RETURN_IF_ERROR(CheckThreshold(iou_threshold));
    }
    float score_threshold = -std::numeric_limits<float>::infinity();
    if (kVersion >= 3) {
      ASSIGN_OR_RETURN(score_threshold,
                       Threshold(ctx.input(4), "score_threshold"));
    }
    float sigma = 0;
    if (kVersion >= 5) {
      ASSIGN_OR_RETURN(sigma, Threshold(ctx.input(5), "soft_nms_sigma"));
      if (!(sigma >= 0)) {
        return InvalidArgument("soft_nms_sigma_val must be >= 0, got ", sigma);
      }
    }
    if (boxes.rank() != 2 || boxes.dim(1) != 4) {
      return InvalidArgument("boxes must be 2-D with 4 columns, got shape ",
                             boxes.shape().ToString());
    }
    const int64_t count = boxes.dim(0);
    if (scores.rank() != 1 || scores.dim(0) != count) {
      return InvalidArgument("scores has incompatible shape ",
                             scores.shape().ToString(), " for ", count,
                             " boxes");
    }

    Scratch<Box> all;
    all.reserve(count);
    const T* corner = boxes.data<T>();
    for (int64_t i = 0; i < count; ++i, corner += 4) {
      all.emplace_back(
          static_cast<float>(corner[0]), static_cast<float>(corner[1]),
          static_cast<float>(corner[2]), static_cast<float>(corner[3]));
    }
    // Best score first; equal ones in their order. NaN is never chosen.
    Scratch<Candidate> heap;
    for (int64_t i = 0; i < count; ++i) {
      const float score = static_cast<float>(scores.data<T>()[i]);
      if (score > score_threshold || (kVersion < 3 && !std::isnan(score))) {
        heap.push_back({score, static_cast<int32_t>(i), 0});
      }
    }
    std::make_heap(heap.begin(), heap.end());
    Scratch<Candidate> selected;
    while (!heap.empty() && std::ssize(selected) < wanted) {
      std::pop_heap(heap.begin(), heap.end());
      Candidate next = heap.back();
      heap.pop_back();
      RETURN_IF_ERROR(ctx.CheckCancelled());
      const float original = next.score;
      bool dropped = false;
      // Newest first: a neighbour is most likely there. Those that this
      // candidate was already weighed against are left out.
      for (int64_t j = std::ssize(selected) - 1; j >= next.weighed; --j) {
        const float overlap = Overlap(all[next.index], all[selected[j].index]);
        if (sigma > 0) {
          next.score *= std::exp(-overlap * overlap / (2 * sigma));
        } else if (overlap > iou_threshold) {
          dropped = true;
        }
        if (dropped || next.score <= score_threshold) {
          dropped = dropped || sigma > 0;
          break;
        }
      }
      next.weighed = static_cast<int32_t>(selected.size());
      if (dropped) continue;
      if (next.score == original) {
        selected.push_back(next);
      } else if (next.score > score_threshold) {
        heap.push_back(next);
        std::push_heap(heap.begin(), heap.end());
      }
    }
    return Emit(ctx, selected, wanted);
  }

 private:
  struct Candidate {
    float score;
    int32_t index;
    int32_t weighed;

    bool operator<(const Candidate& other) const {
      return score != other.score ? score < other.score : index > other.index;
    }
  };

  static absl::Status CheckThreshold(float threshold) {
    if (threshold >= 0 && threshold <= 1) return absl::OkStatus();
    return InvalidArgument("iou_threshold must be in [0, 1]");
  }

  absl::Status Emit(KernelContext& ctx, const Scratch<Candidate>& selected,
                    int64_t wanted) const {
    const int64_t count = std::ssize(selected);
    const int64_t size = pad_ ? wanted : count;
    ASSIGN_OR_RETURN(Tensor * out, ctx.AllocateOutput(0, {size}));
    int32_t* indices = out->mutable_data<int32_t>();
    std::fill_n(indices, size, 0);
    for (int64_t i = 0; i < count; ++i) indices[i] = selected[i].index;
    if (kVersion == 5) {
      ASSIGN_OR_RETURN(Tensor * kept, ctx.AllocateOutput(1, {size}));
      T* values = kept->mutable_data<T>();
      std::fill_n(values, size, T(0));
      for (int64_t i = 0; i < count; ++i) values[i] = T(selected[i].score);
    }
    if (kVersion >= 4) {
      ctx.SetOutput(kVersion == 5 ? 2 : 1,
                    Tensor::Scalar<int32_t>(static_cast<int32_t>(count)));
    }
    return absl::OkStatus();
  }

  float iou_threshold_ = 0.5f;
  bool pad_ = false;
};

using NonMaxSuppression = NonMaxSuppressionBase<float, 1>;
template <typename T>
using V2 = NonMaxSuppressionBase<T, 2>;
template <typename T>
using V3 = NonMaxSuppressionBase<T, 3>;
template <typename T>
using V4 = NonMaxSuppressionBase<T, 4>;
template <typename T>
using V5 = NonMaxSuppressionBase<T, 5>;

// Vectors of what is selected, and last, in V4 and V5, how many that are.
absl::Status SelectedRule(ShapeContext& ctx) {
  bool pads = false;
  if (ctx.HasAttr("pad_to_max_output_size")) {
    RETURN_IF_ERROR(ctx.Bind("pad_to_max_output_size", &pads));
  }
  const std::optional<int64_t> most = ctx.Int(2);
  const bool known = pads && most.has_value() && *most >= 0;
  const int vectors = std::max(1, ctx.num_outputs() - 1);
  for (int i = 0; i < vectors; ++i) {
    ctx.SetOutput(i, PartialShape({known ? *most : kUnknownDim}));
  }
  if (ctx.num_outputs() > 1) ctx.SetOutput(vectors, PartialShape({}));
  return absl::OkStatus();
}

void DescribeInputs(OpBuilder& op) {
  op.Input("boxes: T").Input("scores: T").Input("max_output_size: int32");
  op.Input("iou_threshold: T_threshold");
  op.Attr("T: type = DT_FLOAT").Attr("T_threshold: type = DT_FLOAT");
}

REGISTER_OP("NonMaxSuppression", [](OpBuilder& op) {
  op.Input("boxes: float").Input("scores: float");
  op.Input("max_output_size: int32").Output("selected_indices: int32");
  op.Attr("iou_threshold: float = 0.5");
  op.Shape(SelectedRule);
  op.Kernel<NonMaxSuppression>();
});

REGISTER_OP("NonMaxSuppressionV2", [](OpBuilder& op) {
  DescribeInputs(op);
  op.Output("selected_indices: int32");
  op.Shape(SelectedRule);
  op.KernelFor<V2, float, half>("T");
});

REGISTER_OP("NonMaxSuppressionV3", [](OpBuilder& op) {
  DescribeInputs(op);
  op.Input("score_threshold: T_threshold").Output("selected_indices: int32");
  op.Shape(SelectedRule);
  op.KernelFor<V3, float, half>("T");
});

REGISTER_OP("NonMaxSuppressionV4", [](OpBuilder& op) {
  DescribeInputs(op);
  op.Input("score_threshold: T_threshold").Output("selected_indices: int32");
  op.Output("valid_outputs: int32");
  op.Attr("pad_to_max_output_size: bool = false");
  op.Shape(SelectedRule);
  op.KernelFor<V4, float, half>("T");
});

REGISTER_OP("NonMaxSuppressionV5", [](OpBuilder& op) {
  op.Input("boxes: T").Input("scores: T").Input("max_output_size: int32");
  op.Input("iou_threshold: T").Input("score_threshold: T");
  op.Input("soft_nms_sigma: T").Output("selected_indices: int32");
  op.Output("selected_scores: T").Output("valid_outputs: int32");
  op.Attr("T: type = DT_FLOAT");
  op.Attr("pad_to_max_output_size: bool = false");
  op.Shape(SelectedRule);
  op.KernelFor<V5, float, half>("T");
});

}  // namespace
}  // namespace metagraph
