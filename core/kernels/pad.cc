// Pad, PadV2, MirrorPad and its gradient.

#include "absl/algorithm/container.h"
#include "core/base/checked_math.h"
#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/rank_checks.h"
#include "core/kernels/strided_copy.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// How many elements come before and after each dimension.
struct Paddings {
  Ints before;
  Ints after;
};

absl::StatusOr<Paddings> ReadPaddings(const Tensor& input,
                                      const Tensor& paddings,
                                      absl::string_view word) {
  const TensorShape& shape = paddings.shape();
  if (!shape.IsMatrix() || shape.dim(1) != 2) {
    return InvalidArgument("paddings must be a matrix with 2 columns: ",
                           shape.ToString());
  }
  if (shape.dim(0) != input.rank()) {
    return InvalidArgument(
        "The first dimension of paddings must be the rank of inputs",
        shape.ToString(), " ", input.shape().ToString());
  }
  ASSIGN_OR_RETURN(Ints values, ReadInts(paddings));
  Paddings out;
  for (int i = 0; i < input.rank(); ++i) {
    const int64_t before = values[2 * i];
    const int64_t after = values[2 * i + 1];
    if (before < 0 || after < 0) {
      return InvalidArgument(word, " must be non-negative: ", before, " ",
                             after);
    }
    out.before.push_back(before);
    out.after.push_back(after);
  }
  return out;
}

absl::StatusOr<TensorShape> PaddedShape(const TensorShape& shape,
                                        const Paddings& paddings) {
  Ints dims(shape.rank());
  for (int i = 0; i < shape.rank(); ++i) {
    auto size = CheckedAdd(shape.dim(i), paddings.before[i]);
    if (size) size = CheckedAdd(*size, paddings.after[i]);
    if (!size) return InvalidArgument("padded dimension ", i, " is too large");
    dims[i] = *size;
  }
  return TensorShape::Build(dims);
}

// Writes each element of the output once: padding before, the dimension's
// own rows, padding after.
class ConstantPadder {
 public:
  ConstantPadder(const Tensor& input, const Paddings& paddings,
                 const void* value, Tensor* output)
      : input_(input),
        paddings_(paddings),
        value_(value),
        to_(output->mutable_raw_data()),
        dtype_(output->dtype()),
        copier_(output->dtype()),
        from_strides_(ElementStrides(input.shape())),
        to_strides_(ElementStrides(output->shape())) {
    // Inner dimensions without padding are copied as one run.
    last_ = input.rank() - 1;
    while (last_ > 0 && paddings.before[last_] == 0 &&
           paddings.after[last_] == 0) {
      --last_;
    }
  }

  absl::Status Run(const KernelContext& ctx) {
    const int64_t rows = input_.dim(0);
    Fill(0, paddings_.before[0] * to_strides_[0]);
    const int64_t first = paddings_.before[0];
    Fill((first + rows) * to_strides_[0], paddings_.after[0] * to_strides_[0]);
    if (last_ == 0) {
      copier_.Copy(input_.raw_data(), 0, to_, first * to_strides_[0],
                   rows * to_strides_[0]);
      return absl::OkStatus();
    }
    return ctx.ParallelFor(
        rows, copier_.Cost(to_strides_[0]), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            Dimension(1, i * from_strides_[0], (first + i) * to_strides_[0]);
          }
        });
  }

 private:
  void Fill(int64_t at, int64_t count) const {
    if (count > 0) FillElements(dtype_, value_, to_, at, count);
  }

  void Dimension(int d, int64_t from, int64_t to) const {
    const int64_t stride = to_strides_[d];
    const int64_t rows = input_.dim(d);
    Fill(to, paddings_.before[d] * stride);
    to += paddings_.before[d] * stride;
    if (d == last_) {
      copier_.Copy(input_.raw_data(), from, to_, to, rows * stride);
    } else {
      for (int64_t i = 0; i < rows; ++i) {
        Dimension(d + 1, from + i * from_strides_[d], to + i * stride);
      }
    }
    Fill(to + rows * stride, paddings_.after[d] * stride);
  }

  const Tensor& input_;
  const Paddings& paddings_;
  const void* const value_;
  void* const to_;
  const DataType dtype_;
  const ElementCopier copier_;
  const Ints from_strides_;
  const Ints to_strides_;
  int last_;
};

class Pad final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(Paddings paddings,
                     ReadPaddings(input, ctx.input(1), "Paddings"));
    ASSIGN_OR_RETURN(TensorShape shape, PaddedShape(input.shape(), paddings));
    ASSIGN_OR_RETURN(Tensor value, PadValue(ctx));
    if (shape == input.shape()) {
      ctx.SetOutput(0, input);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    if (output->num_elements() == 0) return absl::OkStatus();
    RETURN_IF_ERROR(ChargeStrings(input, 1, output));
    RETURN_IF_ERROR(ChargeStrings(
        value, output->num_elements() - input.num_elements(), output));
    if (input.num_elements() == 0) {
      return FillTensor(ctx, value.raw_data(), output);
    }
    return ConstantPadder(input, paddings, value.raw_data(), output).Run(ctx);
  }

 private:
  static absl::StatusOr<Tensor> PadValue(const KernelContext& ctx) {
    if (ctx.num_inputs() == 3) {
      RETURN_IF_ERROR(RequireScalar(
          ctx.input(2), "constant_values must be a scalar. Found: "));
      return ctx.input(2);
    }
    ASSIGN_OR_RETURN(Tensor zero, ctx.AllocateTemp(ctx.input(0).dtype(), {}));
    ZeroTensor(&zero);
    return zero;
  }
};

// Which element of a dimension of `size` stands at `i` of the padded one.
// `offset` is 1 if the border is not repeated (REFLECT), 0 if it is.
int64_t Mirrored(int64_t i, int64_t before, int64_t size, int64_t offset) {
  i -= before;
  if (i < 0) return -i - 1 + offset;
  if (i >= size) return 2 * size - i - 1 - offset;
  return i;
}

class MirrorPadBase : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(std::string mode, construction.Attr<std::string>("mode"));
    if (mode != "REFLECT" && mode != "SYMMETRIC") {
      return InvalidArgument("mode must be either REFLECT or SYMMETRIC.");
    }
    offset_ = mode == "REFLECT" ? 1 : 0;
    return absl::OkStatus();
  }

 protected:
  // `size`: of the dimension without its padding; `whose` names it in words.
  absl::Status CheckPadding(absl::string_view whose, int64_t before,
                            int64_t after, int64_t size) const {
    if (before <= size - offset_ && after <= size - offset_) {
      return absl::OkStatus();
    }
    if (offset_ == 1) {
      return InvalidArgument("paddings must be less than the ", whose,
                             "dimension size: ", before, ", ", after,
                             " not less than ", size);
    }
    return InvalidArgument("paddings must be no greater than the ", whose,
                           "dimension size: ", before, ", ", after,
                           " greater than ", size);
  }

  int64_t offset_ = 0;
};

class MirrorPad final : public MirrorPadBase {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(Paddings paddings,
                     ReadPaddings(input, ctx.input(1), "paddings"));
    for (int i = 0; i < input.rank(); ++i) {
      RETURN_IF_ERROR(CheckPadding("", paddings.before[i], paddings.after[i],
                                   input.dim(i)));
    }
    ASSIGN_OR_RETURN(TensorShape shape, PaddedShape(input.shape(), paddings));
    if (shape == input.shape()) {
      ctx.SetOutput(0, input);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    if (output->num_elements() == 0) return absl::OkStatus();
    RETURN_IF_ERROR(ChargeLongest(input, output->num_elements(), output));

    // Lines along the last dimension; each knows its line of the input.
    const int last = input.rank() - 1;
    const Ints from_strides = ElementStrides(input.shape());
    const int64_t size = input.dim(last);
    const int64_t before = paddings.before[last];
    const int64_t line = shape.dim(last);
    const ElementCopier copier(input.dtype());
    void* to = output->mutable_raw_data();
    return ctx.ParallelFor(
        shape.num_elements() / line, copier.Cost(line) + 4 * input.rank(),
        [&](int64_t begin, int64_t end) {
          for (int64_t l = begin; l < end; ++l) {
            int64_t from = 0;
            int64_t rest = l;
            for (int d = last - 1; d >= 0; --d) {
              const int64_t at = rest % shape.dim(d);
              rest /= shape.dim(d);
              from += from_strides[d] *
                      Mirrored(at, paddings.before[d], input.dim(d), offset_);
            }
            const int64_t start = l * line;
            copier.Copy(input.raw_data(), from, to, start + before, size);
            for (int64_t i = 0; i < line; ++i) {
              if (i == before) i += size;
              if (i >= line) break;
              copier.Copy(input.raw_data(),
                          from + Mirrored(i, before, size, offset_), to,
                          start + i, 1);
            }
          }
        });
  }
};

// The gradient of MirrorPad: each padded element's share goes to the element
// it mirrors.
template <typename T>
class MirrorPadGrad final : public MirrorPadBase {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    ASSIGN_OR_RETURN(Paddings paddings,
                     ReadPaddings(input, ctx.input(1), "paddings"));
    const int rank = input.rank();
    TensorShape shape = input.shape();
    for (int i = 0; i < rank; ++i) {
      const int64_t before = paddings.before[i];
      const int64_t after = paddings.after[i];
      const auto total = CheckedAdd(before, after);
      if (!total || *total >= input.dim(i)) {
        return InvalidArgument(
            "Total paddings must be less than the input dimension size: ",
            total ? absl::StrCat(*total) : absl::StrCat(before, " + ", after),
            " was not less than ", input.dim(i));
      }
      const int64_t size = input.dim(i) - *total;
      RETURN_IF_ERROR(CheckPadding("output ", before, after, size));
      shape.SetDim(i, size);
    }
    if (shape == input.shape()) {
      ctx.SetOutput(0, input);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    if (output->num_elements() == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(Tensor folded,
                     ctx.AllocateTemp(input.dtype(), input.shape()));
    absl::c_copy(input.values<T>(), folded.mutable_data<T>());
    const Ints strides = ElementStrides(input.shape());
    const Ints to_strides = ElementStrides(shape);
    absl::InlinedVector<StridedDim, 8> inside;
    int64_t start = 0;
    for (int i = 0; i < rank; ++i) {
      RETURN_IF_ERROR(ctx.CheckCancelled());
      Fold(folded.mutable_values<T>(), input.dim(i), strides[i],
           paddings.before[i], shape.dim(i));
      inside.push_back({shape.dim(i), strides[i], to_strides[i]});
      start += paddings.before[i] * strides[i];
    }
    return CopyStrided(ctx, input.dtype(), inside, folded.raw_data(), start,
                       output->mutable_raw_data(), 0);
  }

 private:
  // Adds the padding of one dimension to what it mirrors. One dimension after
  // the other, and the front of each before its back: in TensorFlow's order,
  // which roundings show.
  void Fold(absl::Span<T> values, int64_t padded, int64_t stride,
            int64_t before, int64_t size) const {
    const int64_t block = padded * stride;
    for (int64_t i = 0; i < padded; ++i) {
      if (i == before) i += size;
      if (i >= padded) return;
      const int64_t target = before + Mirrored(i, before, size, offset_);
      for (T* at = values.begin(); at != values.end(); at += block) {
        const T* from = at + i * stride;
        T* to = at + target * stride;
        for (int64_t k = 0; k < stride; ++k) to[k] += from[k];
      }
    }
  }
};

// Padding added, or taken away.
template <bool kAdds>
absl::Status PadRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape pairs, WithRank(ctx.input(1), 2));
  RETURN_IF_ERROR(WithValue(pairs.dim(1), 2).status());
  PartialShape input = ctx.input(0);
  if (!input.known_rank()) {
    if (pairs.dim(0) < 0 || pairs.dim(0) > TensorShape::kMaxRank) {
      return absl::OkStatus();
    }
    input = UnknownDims(static_cast<int>(pairs.dim(0)));
  }
  RETURN_IF_ERROR(WithValue(pairs.dim(0), input.rank()).status());
  const std::optional<KnownInts> values = ctx.Ints(1);
  Ints dims(input.rank(), kUnknownDim);
  for (int i = 0; values.has_value() && i < input.rank(); ++i) {
    const int64_t before = (*values)[2 * i];
    const int64_t after = (*values)[2 * i + 1];
    if (before == kUnknownInt || after == kUnknownInt) continue;
    if (before < 0 || after < 0) {
      return InvalidArgument("Paddings must be non-negative: ", before, " ",
                             after);
    }
    const int64_t both = AddDims(before, after);
    dims[i] =
        kAdds ? AddDims(input.dim(i), both) : SubtractDims(input.dim(i), both);
  }
  ctx.SetOutput(0, PartialShape(dims));
  return absl::OkStatus();
}

void DescribePad(OpBuilder& op) {
  op.Input("input: T").Input("paddings: Tpaddings").Output("output: T");
  op.Attr("T: type").Attr("Tpaddings: type = DT_INT32");
  op.Shape(PadRule<true>);
}

REGISTER_OP("Pad", [](OpBuilder& op) {
  DescribePad(op);
  op.Kernel<Pad>();
});
REGISTER_OP("PadV2", [](OpBuilder& op) {
  op.Input("input: T").Input("paddings: Tpaddings");
  op.Input("constant_values: T").Output("output: T");
  op.Attr("T: type").Attr("Tpaddings: type = DT_INT32");
  op.Shape(PadRule<true>);
  op.Kernel<Pad>();
});
REGISTER_OP("MirrorPad", [](OpBuilder& op) {
  DescribePad(op);
  op.Attr("mode: string");
  op.Kernel<MirrorPad>();
});
REGISTER_OP("MirrorPadGrad", [](OpBuilder& op) {
  DescribePad(op);
  op.Attr("mode: string");
  op.Shape(PadRule<false>);
  op.KernelForEach<MirrorPadGrad, NumberTypes>("T");
});

}  // namespace
}  // namespace metagraph
