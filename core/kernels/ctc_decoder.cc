// CTCGreedyDecoder: the most likely class of each time step, without blanks.

#include <algorithm>
#include <cstdint>

#include "core/kernels/sparse_inputs.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// inputs [time, batch, classes], sequence_length [batch].
template <typename T>
class CtcGreedyDecoder final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(construction.Bind("merge_repeated", &merge_repeated_));
    // Graphs of TensorFlow 1 have no such attribute.
    if (construction.HasAttr("blank_index")) {
      RETURN_IF_ERROR(construction.Bind("blank_index", &blank_));
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& inputs = ctx.input(0);
    const Tensor& lengths = ctx.input(1);
    RETURN_IF_ERROR(CheckInputs(inputs, lengths));
    const int64_t batch = inputs.dim(1), classes = inputs.dim(2);
    const int64_t blank = blank_ < 0 ? blank_ + classes : blank_;
    if (blank < 0 || blank >= classes) {
      return InvalidArgument("blank_index expected to be between ", -classes,
                             " and ", classes - 1, " but was ", blank_);
    }
    ASSIGN_OR_RETURN(Tensor * scores, ctx.AllocateOutput(3, {batch, 1}));
    // All of what is decoded, and where each sequence of the batch ends.
    Scratch<int64_t> values, ends(batch);
    int64_t longest = 0;
    for (int64_t b = 0; b < batch; ++b) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      const auto begin = static_cast<int64_t>(values.size());
      T score = T(0);
      int64_t last = -1;
      for (int64_t t = 0; t < lengths.data<int32_t>()[b]; ++t) {
        const T* row = inputs.data<T>() + (t * batch + b) * classes;
        int64_t best = 0;
        for (int64_t c = 1; c < classes; ++c) {
          if (row[best] < row[c]) best = c;
        }
        score += -row[best];
        if (best != blank && !(merge_repeated_ && best == last)) {
          values.push_back(best);
        }
        last = best;
      }
      scores->mutable_data<T>()[b] = score;
      ends[b] = static_cast<int64_t>(values.size());
      longest = std::max(longest, ends[b] - begin);
    }
    return SetDecoded(ctx, values, ends, longest);
  }

 private:
  static absl::Status CheckInputs(const Tensor& inputs, const Tensor& lengths) {
    if (inputs.rank() != 3) return InvalidArgument("inputs is not a 3-Tensor");
    if (inputs.num_elements() == 0) {
      return InvalidArgument("inputs must not be empty");
    }
    if (!lengths.shape().IsVector()) {
      return InvalidArgument("sequence_length is not a vector");
    }
    if (lengths.dim(0) != inputs.dim(1)) {
      return FailedPrecondition(
          "len(sequence_length) != batch_size.  len(sequence_length):  ",
          lengths.dim(0), " batch_size: ", inputs.dim(1));
    }
    for (int64_t b = 0; b < lengths.dim(0); ++b) {
      if (lengths.data<int32_t>()[b] > inputs.dim(0)) {
        return FailedPrecondition("sequence_length(", b,
                                  ") <= ", inputs.dim(0));
      }
    }
    return absl::OkStatus();
  }

  static absl::Status SetDecoded(KernelContext& ctx,
                                 const Scratch<int64_t>& values,
                                 const Scratch<int64_t>& ends,
                                 int64_t longest) {
    const auto count = static_cast<int64_t>(values.size());
    ASSIGN_OR_RETURN(Tensor * indices, ctx.AllocateOutput(0, {count, 2}));
    ASSIGN_OR_RETURN(Tensor * decoded, ctx.AllocateOutput(1, {count}));
    std::copy(values.begin(), values.end(), decoded->mutable_data<int64_t>());
    int64_t* index = indices->mutable_data<int64_t>();
    int64_t begin = 0;
    for (size_t b = 0; b < ends.size(); ++b) {
      for (int64_t i = begin; i < ends[b]; ++i) {
        *index++ = static_cast<int64_t>(b);
        *index++ = i - begin;
      }
      begin = ends[b];
    }
    return SetShapeOutput(ctx, 2, {static_cast<int64_t>(ends.size()), longest});
  }

  bool merge_repeated_ = false;
  int64_t blank_ = -1;
};

absl::Status CtcGreedyDecoderRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape inputs, WithRank(ctx.input(0), 3));
  RETURN_IF_ERROR(WithRank(ctx.input(1), 1).status());
  ctx.SetOutput(0, PartialShape({kUnknownDim, 2}));
  ctx.SetOutput(1, UnknownDims(1));
  ctx.SetOutput(2, PartialShape({2}));
  ctx.SetOutput(3, PartialShape({DimOf(inputs, 1), 1}));
  return absl::OkStatus();
}

REGISTER_OP("CTCGreedyDecoder", [](OpBuilder& op) {
  op.Input("inputs: T").Input("sequence_length: int32");
  op.Output("decoded_indices: int64").Output("decoded_values: int64");
  op.Output("decoded_shape: int64").Output("log_probability: T");
  op.Attr("merge_repeated: bool = false").Attr("blank_index: int = -1");
  op.Attr("T: type = DT_FLOAT");
  op.Shape(CtcGreedyDecoderRule);
  op.KernelFor<CtcGreedyDecoder, float, double>("T");
});

}  // namespace
}  // namespace metagraph
