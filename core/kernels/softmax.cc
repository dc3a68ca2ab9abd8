// Softmax, its logarithm and the cross entropies on top of it.

#include "core/kernels/softmax.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <type_traits>

#include "Eigen/Core"
#include "core/kernels/reduce.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

// half and bfloat16 compute in float.
template <typename T>
using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <typename T>
using Row = Eigen::Array<T, Eigen::Dynamic, 1>;

// What T keeps of a number computed in U: TensorFlow rounds after each step.
template <typename T, typename U>
U Rounded(U x) {
  return static_cast<U>(static_cast<T>(x));
}

// Memory for a row, where Eigen's vectors begin with its first element.
template <typename U>
class RowScratch {
 public:
  explicit RowScratch(int64_t count) : memory_(count + kAlignment) {
    const auto address = reinterpret_cast<uintptr_t>(memory_.data());
    data_ = reinterpret_cast<U*>((address + kAlignment - 1) / kAlignment *
                                 kAlignment);
  }
  U* data() { return data_; }
  U& operator[](int64_t i) { return data_[i]; }

 private:
  static constexpr int64_t kAlignment = 64;

  Scratch<U> memory_;
  U* data_;
};

// Passes over NaN, as the sum that follows does not.
template <typename U>
struct LargestCombiner {
  using Acc = U;
  static U Identity() { return -std::numeric_limits<U>::infinity(); }
  static U Combine(U a, U b) { return b > a ? b : a; }
};

template <typename Combiner, typename U>
U CombineRow(const U* in, int64_t count) {
  U out;
  CombineLoops<Combiner, ValueLoader<U, U>>::Loops().run(in, count, &out);
  return out;
}

// shifted = in - max(in), and what its exponentials sum up to. `exps` gets
// them if it is not null.
template <typename T, typename U>
U ShiftAndSum(const T* in, int64_t count, U* shifted, U* exps) {
  if constexpr (std::is_same_v<T, U>) {
    const U largest = CombineRow<LargestCombiner<U>>(in, count);
    for (int64_t i = 0; i < count; ++i) shifted[i] = in[i] - largest;
    Eigen::Map<const Row<U>> row(shifted, count);
    if (exps == nullptr) return row.exp().sum();
    Eigen::Map<Row<U>>(exps, count) = row.exp();
    return CombineRow<SumCombiner<U>>(exps, count);
  }
  for (int64_t i = 0; i < count; ++i) shifted[i] = static_cast<U>(in[i]);
  U largest = -std::numeric_limits<U>::infinity();
  for (int64_t i = 0; i < count; ++i) {
    largest = shifted[i] > largest ? shifted[i] : largest;
  }
  for (int64_t i = 0; i < count; ++i) {
    shifted[i] = Rounded<T>(shifted[i] - largest);
  }
  U sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    const U value = Rounded<T>(std::exp(shifted[i]));
    if (exps != nullptr) exps[i] = value;
    sum += value;
  }
  return Rounded<T>(sum);
}

template <typename T, bool kLog>
class SoftmaxBase : public Kernel {
 public:
  using U = Wide<T>;

  absl::Status Compute(KernelContext& ctx) const override { return Run(ctx); }

  static absl::Status Run(KernelContext& ctx) {
    const Tensor& logits = ctx.input(0);
    if (logits.rank() < 1) {
      return InvalidArgument("logits must have >= 1 dimension, got ",
                             logits.shape().ToString());
    }
    ASSIGN_OR_RETURN(Tensor * out,
                     ctx.ForwardOrAllocateOutput({0}, 0, logits.shape()));
    if (logits.num_elements() == 0) return absl::OkStatus();
    const int64_t classes = logits.dim(logits.rank() - 1);
    const T* in = logits.data<T>();
    T* to = out->mutable_data<T>();
    return ctx.ParallelFor(logits.num_elements() / classes, 10 + 2 * classes,
                           [=](int64_t begin, int64_t end) {
                             RowScratch<U> scratch(classes);
                             for (int64_t r = begin; r < end; ++r) {
                               RunRow(in + r * classes, classes, scratch.data(),
                                      to + r * classes);
                             }
                           });
  }

  static void RunRow(const T* in, int64_t n, U* scratch, T* out) {
    const U sum = ShiftAndSum(in, n, scratch, kLog ? nullptr : scratch);
    if constexpr (kLog) {
      const U log_sum = Rounded<T>(std::log(sum));
      for (int64_t i = 0; i < n; ++i) {
        out[i] = static_cast<T>(scratch[i] - log_sum);
      }
    } else {
      const U scale = Rounded<T>(U(1) / sum);
      for (int64_t i = 0; i < n; ++i) {
        out[i] = static_cast<T>(scratch[i] * scale);
      }
    }
  }
};

template <typename T>
class Softmax final : public SoftmaxBase<T, false> {};
template <typename T>
class LogSoftmax final : public SoftmaxBase<T, true> {};

// loss = -sum(labels * log softmax(features)); backprop = softmax - labels.
template <typename T>
class SoftmaxCrossEntropyWithLogits final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    using U = Wide<T>;
    const TensorShape& features = ctx.input(0).shape();
    const TensorShape& labels = ctx.input(1).shape();
    if (std::max(features.rank(), labels.rank()) != 2) {
      return InvalidArgument(
          "logits and labels must be either 2-dimensional, "
          "or broadcasted to be 2-dimensional");
    }
    int64_t dims[2];
    // How far each operand moves per row and per class: 0 if broadcast.
    int64_t feature_step[2], label_step[2];
    for (int i = 0; i < 2; ++i) {
      const auto size = [i](const TensorShape& shape) {
        const int dim = i - (2 - shape.rank());
        return dim < 0 ? 1 : shape.dim(dim);
      };
      const int64_t f = size(features);
      const int64_t l = size(labels);
      if (f != l && f != 1 && l != 1) {
        return InvalidArgument(
            "logits and labels must be broadcastable: logits_size=",
            features.ToString(), " labels_size=", labels.ToString());
      }
      dims[i] = f == 1 ? l : f;
      feature_step[i] = f == 1                           ? 0
                        : i == 0 && features.rank() == 2 ? features.dim(1)
                                                         : 1;
      label_step[i] = l == 1                         ? 0
                      : i == 0 && labels.rank() == 2 ? labels.dim(1)
                                                     : 1;
    }
    const int64_t rows = dims[0];
    const int64_t classes = dims[1];
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build({{rows, classes}}));
    ASSIGN_OR_RETURN(Tensor * loss, ctx.AllocateOutput(0, {rows}));
    ASSIGN_OR_RETURN(Tensor * backprop, ctx.AllocateOutput(1, shape));
    const T* in = ctx.input(0).data<T>();
    const T* label = ctx.input(1).data<T>();
    T* losses = loss->mutable_data<T>();
    T* gradient = backprop->mutable_data<T>();
    if (classes == 0) {
      std::fill_n(losses, rows, T(0));
      return absl::OkStatus();
    }
    return ctx.ParallelFor(
        rows, 10 + 4 * classes, [&](int64_t begin, int64_t end) {
          Scratch<T> logits(classes);
          RowScratch<U> shifted(classes), exps(classes);
          for (int64_t r = begin; r < end; ++r) {
            for (int64_t c = 0; c < classes; ++c) {
              logits[c] = in[r * feature_step[0] + c * feature_step[1]];
            }
            const U sum = ShiftAndSum(logits.data(), classes, shifted.data(),
                                      exps.data());
            const U log_sum = std::log(sum);
            U total = 0;
            for (int64_t c = 0; c < classes; ++c) {
              const U y =
                  static_cast<U>(label[r * label_step[0] + c * label_step[1]]);
              total += y * (log_sum - shifted[c]);
              gradient[r * classes + c] = static_cast<T>(exps[c] / sum - y);
            }
            losses[r] = static_cast<T>(total);
          }
        });
  }
};

// As above with labels that name one class each.
template <typename T, typename Label>
class SparseSoftmaxCrossEntropyWithLogits final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    using U = Wide<T>;
    const Tensor& features = ctx.input(0);
    const Tensor& labels = ctx.input(1);
    if (features.rank() != 2) {
      return InvalidArgument("logits must be 2-D, but got shape ",
                             features.shape().ToString());
    }
    if (labels.rank() != 1) {
      return InvalidArgument("labels must be 1-D, but got shape ",
                             labels.shape().ToString());
    }
    const int64_t rows = features.dim(0);
    const int64_t classes = features.dim(1);
    if (labels.dim(0) != rows) {
      return InvalidArgument(
          "logits and labels must have the same first "
          "dimension, got logits shape ",
          features.shape().ToString(), " and labels shape ",
          labels.shape().ToString());
    }
    if (classes == 0) {
      return InvalidArgument(
          "Must have at least one class, but got logits shape ",
          features.shape().ToString());
    }
    const Label* label = labels.data<Label>();
    for (int64_t r = 0; r < rows; ++r) {
      if (label[r] < 0 || label[r] >= classes) {
        return InvalidArgument("Received a label value of ", label[r],
                               " which is outside the valid range of [0, ",
                               classes, ").");
      }
    }
    ASSIGN_OR_RETURN(Tensor * loss, ctx.AllocateOutput(0, labels.shape()));
    ASSIGN_OR_RETURN(Tensor * backprop,
                     ctx.AllocateOutput(1, features.shape()));
    const T* in = features.data<T>();
    T* losses = loss->mutable_data<T>();
    T* gradient = backprop->mutable_data<T>();
    return ctx.ParallelFor(
        rows, 10 + 4 * classes, [=](int64_t begin, int64_t end) {
          RowScratch<U> shifted(classes), exps(classes);
          for (int64_t r = begin; r < end; ++r) {
            const U sum = ShiftAndSum(in + r * classes, classes, shifted.data(),
                                      exps.data());
            losses[r] = static_cast<T>(std::log(sum) - shifted[label[r]]);
            for (int64_t c = 0; c < classes; ++c) {
              gradient[r * classes + c] =
                  static_cast<T>(exps[c] / sum - (c == label[r] ? U(1) : U(0)));
            }
          }
        });
  }
};

template <typename T>
using SparseInt32 = SparseSoftmaxCrossEntropyWithLogits<T, int32_t>;
template <typename T>
using SparseInt64 = SparseSoftmaxCrossEntropyWithLogits<T, int64_t>;

absl::Status SoftmaxRule(ShapeContext& ctx) {
  RETURN_IF_ERROR(CheckRankAtLeast(ctx.input(0), 1));
  return UnchangedRule(ctx);
}

absl::Status CrossEntropyRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape shape,
                   BroadcastShapes(ctx.input(0), ctx.input(1)));
  ASSIGN_OR_RETURN(shape, WithRank(shape, 2));
  ctx.SetOutput(0, PartialShape({shape.dim(0)}));
  ctx.SetOutput(1, std::move(shape));
  return absl::OkStatus();
}

absl::Status SparseCrossEntropyRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(PartialShape features, WithRank(ctx.input(0), 2));
  ASSIGN_OR_RETURN(const PartialShape labels, WithRank(ctx.input(1), 1));
  ASSIGN_OR_RETURN(const int64_t batch,
                   MergeDims(features.dim(0), labels.dim(0)));
  ctx.SetOutput(0, PartialShape({batch}));
  ctx.SetOutput(1, ReplaceDim(features, 0, batch));
  return absl::OkStatus();
}

template <typename T>
void AddSparse(OpBuilder& op) {
  op.KernelWhere<SparseInt32<T>>({{"T", kDataType<T>}, {"Tlabels", DT_INT32}});
  op.KernelWhere<SparseInt64<T>>({{"T", kDataType<T>}, {"Tlabels", DT_INT64}});
}

REGISTER_OP("Softmax", [](OpBuilder& op) {
  op.Input("logits: T").Output("softmax: T").Attr("T: type");
  op.Shape(SoftmaxRule);
  op.KernelForEach<Softmax, FloatTypes>("T");
});

REGISTER_OP("LogSoftmax", [](OpBuilder& op) {
  op.Input("logits: T").Output("logsoftmax: T").Attr("T: type");
  op.Shape(SoftmaxRule);
  op.KernelForEach<LogSoftmax, FloatTypes>("T");
});

REGISTER_OP("SoftmaxCrossEntropyWithLogits", [](OpBuilder& op) {
  op.Input("features: T").Input("labels: T");
  op.Output("loss: T").Output("backprop: T").Attr("T: type");
  op.Shape(CrossEntropyRule);
  op.KernelForEach<SoftmaxCrossEntropyWithLogits, FloatTypes>("T");
});

REGISTER_OP("SparseSoftmaxCrossEntropyWithLogits", [](OpBuilder& op) {
  op.Input("features: T").Input("labels: Tlabels");
  op.Output("loss: T").Output("backprop: T").Attr("T: type");
  op.Attr("Tlabels: type = DT_INT64");
  AddSparse<float>(op);
  AddSparse<double>(op);
  AddSparse<half>(op);
  AddSparse<bfloat16>(op);
  op.Shape(SparseCrossEntropyRule);
});

}  // namespace

SoftmaxRow RowOfSoftmax(bool log) {
  return log ? &SoftmaxBase<float, true>::RunRow
             : &SoftmaxBase<float, false>::RunRow;
}

absl::Status RunSoftmax(KernelContext& ctx, bool log) {
  return log ? SoftmaxBase<float, true>::Run(ctx)
             : SoftmaxBase<float, false>::Run(ctx);
}

}  // namespace metagraph
