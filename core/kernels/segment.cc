// Rows of a tensor reduced by segment.

#include <algorithm>
#include <cstring>
#include <optional>
#include <type_traits>

#include "core/base/checked_math.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/looks.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// Each reduction: where an unsorted one starts, what an empty sorted segment
// holds, and how a value is added.
template <typename T>
struct Sum {
  static T Start() { return T(0); }
  static T Empty() { return T(0); }
  static T Combine(T a, T b) { return Add(a, b); }
};
template <typename T>
struct Mean : Sum<T> {};
template <typename T>
struct Prod {
  static T Start() { return T(1); }
  static T Empty() { return T(1); }
  static T Combine(T a, T b) { return Multiply(a, b); }
};
template <typename T>
struct Max {
  static T Start() { return Eigen::NumTraits<T>::lowest(); }
  static T Empty() { return T(0); }
  static T Combine(T a, T b) { return Larger(a, b); }
};
template <typename T>
struct Min {
  static T Start() { return Eigen::NumTraits<T>::highest(); }
  static T Empty() { return T(0); }
  static T Combine(T a, T b) { return Smaller(a, b); }
};

// The loops over elements, their type erased: checks and shapes are compiled
// once, only these for each op and dtype.
struct SegmentLoops {
  int64_t element_size;
  void (*start)(void* out, int64_t n);
  void (*empty)(void* out, int64_t n);
  void (*add)(const void* row, int64_t n, void* out);
  // By the number of rows that were added; null but for means.
  void (*divide)(void* out, int64_t n, int64_t count);
};

template <typename T>
void Divide(void* data, int64_t n, int64_t count) {
  T* row = static_cast<T*>(data);
  if constexpr (std::is_integral_v<T>) {
    // The count may be beyond T.
    using Wide = std::conditional_t<std::is_signed_v<T>, int64_t, uint64_t>;
    for (int64_t i = 0; i < n; ++i) {
      row[i] = static_cast<T>(row[i] / static_cast<Wide>(count));
    }
  } else {
    const T divisor = static_cast<T>(static_cast<double>(count));
    for (int64_t i = 0; i < n; ++i) row[i] = row[i] / divisor;
  }
}

template <typename Op, typename T>
constexpr SegmentLoops LoopsOf() {
  return {
      sizeof(T),
      [](void* out, int64_t n) {
        std::fill_n(static_cast<T*>(out), n, Op::Start());
      },
      [](void* out, int64_t n) {
        std::fill_n(static_cast<T*>(out), n, Op::Empty());
      },
      [](const void* row, int64_t n, void* out) {
        const T* from = static_cast<const T*>(row);
        T* to = static_cast<T*>(out);
        for (int64_t i = 0; i < n; ++i) to[i] = Op::Combine(to[i], from[i]);
      },
      std::is_same_v<Op, Mean<T>> ? &Divide<T> : nullptr,
  };
}

// How many segments sorted ids name. Errors in TensorFlow's order: the last id
// first, which tells how many there are, then each id where the one after it
// differs.
absl::StatusOr<int64_t> CountSegments(const Ints& ids) {
  if (ids.empty()) return 0;
  const std::optional<int64_t> count = CheckedAdd(ids.back(), 1);
  if (!count.has_value() || *count <= 0) {
    return InvalidArgument("segment ids must be >= 0");
  }
  for (size_t i = 1; i < ids.size(); ++i) {
    if (ids[i] < ids[i - 1]) {
      return InvalidArgument("segment ids are not increasing");
    }
    if (ids[i] != ids[i - 1] && ids[i - 1] < 0) {
      return InvalidArgument(
          "Segment id ", ids[i - 1], " out of range [0, ", *count,
          "), possibly because 'segment_ids' input is not sorted.");
    }
  }
  return *count;
}

// segment_ids is a sorted vector, one id for each row.
absl::Status ReduceSegments(KernelContext& ctx, const SegmentLoops& loops) {
  const Tensor& data = ctx.input(0);
  if (!ctx.input(1).shape().IsVector()) {
    return InvalidArgument("segment_ids should be a vector.");
  }
  if (data.rank() < 1) {
    return InvalidArgument("input must be at least rank 1");
  }
  const int64_t rows = ctx.input(1).dim(0);
  if (rows != data.dim(0)) {
    return InvalidArgument(
        "segment_ids should be the same size as dimension 0 of input.");
  }
  ASSIGN_OR_RETURN(const Ints ids, ReadInts(ctx.input(1)));
  Ints dims(data.shape().dims().begin(), data.shape().dims().end());
  ASSIGN_OR_RETURN(dims[0], CountSegments(ids));
  ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
  ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
  if (output->num_elements() == 0) return absl::OkStatus();

  const int64_t size = data.num_elements() / rows;
  const int64_t bytes = size * loops.element_size;
  const char* in = static_cast<const char*>(data.raw_data());
  char* out = static_cast<char*>(output->mutable_raw_data());
  int64_t next = 0;  // the first segment not yet written
  Looks looks(ctx);
  for (int64_t begin = 0; begin < rows;) {
    int64_t end = begin + 1;
    while (end < rows && ids[end] == ids[begin]) ++end;
    loops.empty(out + next * bytes, (ids[begin] - next) * size);
    char* segment = out + ids[begin] * bytes;
    std::memcpy(segment, in + begin * bytes, bytes);
    for (int64_t i = begin + 1; i < end; ++i) {
      RETURN_IF_ERROR(looks.After(1 + size / 4));
      loops.add(in + i * bytes, size, segment);
    }
    if (loops.divide != nullptr) loops.divide(segment, size, end - begin);
    next = ids[begin] + 1;
    begin = end;
    RETURN_IF_ERROR(looks.After(1 + size / 4));
  }
  return absl::OkStatus();
}

// segment_ids has the shape of the first dimensions of data, in any order;
// negative ids drop their rows.
absl::Status ReduceUnsortedSegments(KernelContext& ctx,
                                    const SegmentLoops& loops) {
  const Tensor& data = ctx.input(0);
  const Tensor& segment_ids = ctx.input(1);
  if (ctx.input(2).rank() != 0) {
    return InvalidArgument("num_segments should be a scalar, not shape ",
                           ctx.input(2).shape().ToString());
  }
  const int ids_rank = segment_ids.rank();
  if (data.rank() < ids_rank ||
      data.shape().dims().first(ids_rank) != segment_ids.shape().dims()) {
    return InvalidArgument("data.shape = ", data.shape().ToString(),
                           " does not start with segment_ids.shape = ",
                           segment_ids.shape().ToString());
  }
  ASSIGN_OR_RETURN(int64_t segments, ReadInt(ctx.input(2), "num_segments"));
  if (segments < 0) {
    return InvalidArgument("Input num_segments == ", segments,
                           " must not be negative.");
  }
  ASSIGN_OR_RETURN(const Ints ids, ReadInts(segment_ids));
  const bool is_empty = data.num_elements() == 0;
  for (size_t i = 0; i < ids.size() && !is_empty; ++i) {
    if (ids[i] >= segments) {
      return InvalidArgument("segment_ids",
                             PositionString(segment_ids.shape(), i), " = ",
                             ids[i], " is out of range [0, ", segments, ")");
    }
  }
  Ints dims = {segments};
  for (int i = ids_rank; i < data.rank(); ++i) dims.push_back(data.dim(i));
  ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
  ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
  char* out = static_cast<char*>(output->mutable_raw_data());
  loops.start(out, shape.num_elements());
  if (is_empty) return absl::OkStatus();
  const int64_t size = data.num_elements() / static_cast<int64_t>(ids.size());
  const int64_t bytes = size * loops.element_size;
  const char* in = static_cast<const char*>(data.raw_data());
  Looks looks(ctx);
  for (size_t i = 0; i < ids.size(); ++i) {
    RETURN_IF_ERROR(looks.After(1 + size / 4));
    if (ids[i] >= 0) loops.add(in + i * bytes, size, out + ids[i] * bytes);
  }
  return absl::OkStatus();
}

using Reduction = absl::Status (*)(KernelContext&, const SegmentLoops&);

template <typename T, template <typename> class Op, Reduction kReduce>
class SegmentKernel final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    static constexpr SegmentLoops kLoops = LoopsOf<Op<T>, T>();
    return kReduce(ctx, kLoops);
  }
};

template <template <typename> class Op>
struct Segment {
  template <typename T>
  using Sorted = SegmentKernel<T, Op, &ReduceSegments>;
  template <typename T>
  using Unsorted = SegmentKernel<T, Op, &ReduceUnsortedSegments>;
};

absl::Status SegmentRule(ShapeContext& ctx) {
  const PartialShape& data = ctx.input(0);
  RETURN_IF_ERROR(CheckRankAtLeast(data, 1));
  RETURN_IF_ERROR(WithRank(ctx.input(1), 1).status());
  // The ids are sorted: the last one is the largest.
  const std::optional<KnownInts> ids = ctx.Ints(1);
  int64_t rows = kUnknownDim;
  if (ids.has_value()) rows = ids->empty() ? 0 : AddDims(ids->back(), 1);
  ctx.SetOutput(0, Concatenated({rows}, Subshape(data, 1)));
  return absl::OkStatus();
}

absl::Status UnsortedSegmentRule(ShapeContext& ctx) {
  const PartialShape& data = ctx.input(0);
  const PartialShape& ids = ctx.input(1);
  RETURN_IF_ERROR(WithRank(ctx.input(2), 0).status());
  if (!data.known_rank() || !ids.known_rank()) return absl::OkStatus();
  RETURN_IF_ERROR(CheckRankAtLeast(data, ids.rank()));
  RETURN_IF_ERROR(MergeShapes(Subshape(data, 0, ids.rank()), ids).status());
  const int64_t count = ctx.Int(2).value_or(kUnknownDim);
  ctx.SetOutput(0, Concatenated({count < 0 ? kUnknownDim : count},
                                Subshape(data, ids.rank())));
  return absl::OkStatus();
}

void DescribeSegment(OpBuilder& op) {
  op.Input("data: T").Input("segment_ids: Tindices").Output("output: T");
  op.Attr("T: type").Attr("Tindices: type");
  op.Shape(SegmentRule);
}

void DescribeUnsorted(OpBuilder& op) {
  op.Input("data: T").Input("segment_ids: Tindices");
  op.Input("num_segments: Tnumsegments").Output("output: T");
  op.Attr("T: type").Attr("Tindices: type");
  op.Attr("Tnumsegments: type = DT_INT32");
  op.Shape(UnsortedSegmentRule);
}

template <template <typename> class K>
void AddRealKernels(OpBuilder& op) {
  op.KernelForEach<K, RealTypes>("T");
}
template <template <typename> class K>
void AddKernels(OpBuilder& op) {
  AddRealKernels<K>(op);
  op.KernelForEach<K, ComplexTypes>("T");
}

REGISTER_OP("SegmentSum", [](OpBuilder& op) {
  DescribeSegment(op);
  AddKernels<Segment<Sum>::Sorted>(op);
});
REGISTER_OP("SegmentMean", [](OpBuilder& op) {
  DescribeSegment(op);
  AddKernels<Segment<Mean>::Sorted>(op);
});
REGISTER_OP("SegmentProd", [](OpBuilder& op) {
  DescribeSegment(op);
  AddKernels<Segment<Prod>::Sorted>(op);
});
REGISTER_OP("SegmentMax", [](OpBuilder& op) {
  DescribeSegment(op);
  AddRealKernels<Segment<Max>::Sorted>(op);
});
REGISTER_OP("SegmentMin", [](OpBuilder& op) {
  DescribeSegment(op);
  AddRealKernels<Segment<Min>::Sorted>(op);
});
REGISTER_OP("UnsortedSegmentSum", [](OpBuilder& op) {
  DescribeUnsorted(op);
  AddKernels<Segment<Sum>::Unsorted>(op);
});
REGISTER_OP("UnsortedSegmentProd", [](OpBuilder& op) {
  DescribeUnsorted(op);
  AddKernels<Segment<Prod>::Unsorted>(op);
});
REGISTER_OP("UnsortedSegmentMax", [](OpBuilder& op) {
  DescribeUnsorted(op);
  AddRealKernels<Segment<Max>::Unsorted>(op);
});
REGISTER_OP("UnsortedSegmentMin", [](OpBuilder& op) {
  DescribeUnsorted(op);
  AddRealKernels<Segment<Min>::Unsorted>(op);
});

}  // namespace
}  // namespace metagraph
