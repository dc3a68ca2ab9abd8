// Ops that cut, join and change strings.

#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "core/base/checked_math.h"
#include "core/kernels/broadcast.h"
#include "core/kernels/elements.h"
#include "core/kernels/int_inputs.h"
#include "core/kernels/string_hash.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/tensor/scratch.h"

namespace metagraph {
namespace {

class StringJoin final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("separator", &separator_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    // Scalars join every element of the others.
    TensorShape shape;
    bool found = false;
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      const TensorShape& input = ctx.input(i).shape();
      if (input.IsScalar()) continue;
      if (found && !(input == shape)) {
        return InvalidArgument("Input shapes do not match: ", shape.ToString(),
                               " vs. ", input.ToString());
      }
      shape = input;
      found = true;
    }
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    std::string* out = output->mutable_data<std::string>();
    // Charged before they are made.
    for (int i = 0; i < ctx.num_inputs(); ++i) {
      const bool repeats = ctx.input(i).rank() == 0;
      RETURN_IF_ERROR(ChargeStrings(
          ctx.input(i), repeats ? shape.num_elements() : 1, output));
    }
    const auto separators =
        CheckedMul(static_cast<int64_t>(separator_.size()) * ctx.num_inputs(),
                   shape.num_elements());
    if (!separators) return ResourceExhausted("separators are too long");
    RETURN_IF_ERROR(output->ChargeBudget(*separators));
    for (int64_t e = 0; e < shape.num_elements(); ++e) {
      for (int i = 0; i < ctx.num_inputs(); ++i) {
        if (i > 0) out[e] += separator_;
        const Tensor& input = ctx.input(i);
        out[e] += input.data<std::string>()[input.rank() == 0 ? 0 : e];
      }
    }
    return absl::OkStatus();
  }

 private:
  std::string separator_;
};

// Applies fn(const std::string&) -> T to each element of input 0. Where T is a
// string it is no longer than the element.
template <typename T, typename Fn>
absl::Status MapStrings(KernelContext& ctx, const Fn& fn) {
  const Tensor& input = ctx.input(0);
  ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, input.shape()));
  if constexpr (std::is_same_v<T, std::string>) {
    RETURN_IF_ERROR(ChargeStrings(input, 1, output));
  }
  const std::string* in = input.data<std::string>();
  T* out = output->mutable_data<T>();
  return ctx.ParallelFor(input.num_elements(), 50,
                         [&](int64_t begin, int64_t end) {
                           for (int64_t i = begin; i < end; ++i) {
                             out[i] = fn(in[i]);
                           }
                         });
}

class StringStrip final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    return MapStrings<std::string>(ctx, [](const std::string& text) {
      return std::string(absl::StripAsciiWhitespace(text));
    });
  }
};

template <bool kUpper>
class StringCase final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(std::string encoding,
                     construction.Attr<std::string>("encoding"));
    if (!encoding.empty() && encoding != "utf-8") {
      return InvalidArgument(
          "only utf-8 or '' (no encoding) is supported, received ", encoding);
    }
    utf8_ = !encoding.empty();
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    if (utf8_) {
      for (const std::string& text : ctx.input(0).values<std::string>()) {
        if (std::any_of(text.begin(), text.end(),
                        [](unsigned char c) { return c > 127; })) {
          return Unimplemented("case of letters beyond ASCII");
        }
      }
    }
    return MapStrings<std::string>(ctx, [](const std::string& text) {
      return kUpper ? absl::AsciiStrToUpper(text) : absl::AsciiStrToLower(text);
    });
  }

 private:
  bool utf8_ = false;
};

// Whether a byte begins a UTF-8 character.
bool BeginsCharacter(char c) { return (c & 0xc0) != 0x80; }

absl::StatusOr<bool> ReadUnitIsCharacter(KernelConstruction& construction) {
  ASSIGN_OR_RETURN(std::string unit, construction.Attr<std::string>("unit"));
  if (unit != "BYTE" && unit != "UTF8_CHAR") {
    return InvalidArgument("attr 'unit' is \"", unit,
                           "\", expected BYTE or UTF8_CHAR");
  }
  return unit == "UTF8_CHAR";
}

class StringLength final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(characters_, ReadUnitIsCharacter(construction));
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    return MapStrings<int32_t>(ctx, [this](const std::string& text) {
      const int64_t length =
          characters_ ? std::count_if(text.begin(), text.end(), BeginsCharacter)
                      : static_cast<int64_t>(text.size());
      return static_cast<int32_t>(
          std::min<int64_t>(length, std::numeric_limits<int32_t>::max()));
    });
  }

 private:
  bool characters_ = false;
};

// `length` bytes or characters of each string from `pos` on.
class Substr final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(characters_, ReadUnitIsCharacter(construction));
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    if (!(ctx.input(1).shape() == ctx.input(2).shape())) {
      return InvalidArgument("pos and len should have the same shape, got: ",
                             ctx.input(1).shape().ToString(), " vs. ",
                             ctx.input(2).shape().ToString());
    }
    ASSIGN_OR_RETURN(const Ints pos, ReadInts(ctx.input(1)));
    ASSIGN_OR_RETURN(const Ints length, ReadInts(ctx.input(2)));
    ASSIGN_OR_RETURN(const Broadcast plan,
                     Broadcast::Make({&input.shape(), &ctx.input(1).shape()}));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, plan.shape()));
    RETURN_IF_ERROR(ChargeLongest(input, output->num_elements(), output));
    const std::string* text = input.data<std::string>();
    std::string* out = output->mutable_data<std::string>();
    absl::Status status;
    plan.ForEachRow(
        0, plan.rows(), [&](int64_t at, const Broadcast::Offsets& from) {
          for (int64_t j = 0; j < plan.row_size() && status.ok(); ++j) {
            const int64_t p = from[1] + j * plan.row_stride(1);
            status = Cut(text[from[0] + j * plan.row_stride(0)], pos[p],
                         length[p], at + j, &out[at + j]);
          }
        });
    return status;
  }

 private:
  absl::Status Cut(absl::string_view text, int64_t pos, int64_t length,
                   int64_t element, std::string* out) const {
    // Offsets of the characters, or none if bytes are counted.
    absl::InlinedVector<size_t, 32, ScratchAllocator<size_t>> starts;
    if (characters_) {
      for (size_t i = 0; i < text.size(); ++i) {
        if (BeginsCharacter(text[i])) starts.push_back(i);
      }
    }
    const int64_t size = characters_ ? static_cast<int64_t>(starts.size())
                                     : static_cast<int64_t>(text.size());
    if (pos < -size || pos > size) {
      return InvalidArgument("pos ", pos, " out of range for string b'", text,
                             "' at index ", element);
    }
    const int64_t begin = pos < 0 ? pos + size : pos;
    // A negative length takes the rest, as a huge one does.
    const int64_t end =
        length < 0 ? size : begin + std::min(length, size - begin);
    const auto byte = [&](int64_t i) {
      if (!characters_) return static_cast<size_t>(i);
      return i == size ? text.size() : starts[i];
    };
    *out = std::string(text.substr(byte(begin), byte(end) - byte(begin)));
    return absl::OkStatus();
  }

  bool characters_ = false;
};

// Joins along dimensions; the one named first runs fastest.
class ReduceJoin final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    return construction.Bind("keep_dims", &keep_dims_, "separator",
                             &separator_);
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    const int rank = input.rank();
    ASSIGN_OR_RETURN(Ints axes, ReadInts(ctx.input(1)));
    absl::InlinedVector<bool, 8> joined(rank, false);
    for (int64_t& axis : axes) {
      const int64_t canonical = CanonicalAxis(axis, rank);
      if (canonical < 0) {
        return OutOfRange("Invalid reduction dimension ", axis,
                          " for input with ", rank, " dimension(s)");
      }
      if (joined[canonical]) {
        return InvalidArgument("Duplicate reduction dimension ", canonical);
      }
      joined[canonical] = true;
      axis = canonical;
    }
    if (axes.empty()) {
      ctx.SetOutput(0, input);
      return absl::OkStatus();
    }
    const Ints strides = ElementStrides(input.shape());
    Ints dims;
    Ints kept;
    for (int i = 0; i < rank; ++i) {
      if (!joined[i]) {
        kept.insert(kept.begin(), i);
        dims.push_back(input.dim(i));
      } else if (keep_dims_) {
        dims.push_back(1);
      }
    }
    ASSIGN_OR_RETURN(TensorShape shape, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    std::string* out = output->mutable_data<std::string>();
    int64_t count = 1;
    for (int64_t axis : axes) count *= input.dim(axis);
    RETURN_IF_ERROR(ChargeStrings(input, 1, output));
    const auto separators = CheckedMul(static_cast<int64_t>(separator_.size()),
                                       input.num_elements());
    if (!separators) return ResourceExhausted("separators are too long");
    RETURN_IF_ERROR(output->ChargeBudget(*separators));
    for (int64_t o = 0; o < shape.num_elements(); ++o) {
      const int64_t base = Offset(o, kept, input.shape(), strides);
      for (int64_t i = 0; i < count; ++i) {
        if (i > 0) out[o] += separator_;
        out[o] +=
            input.data<std::string>()[base +
                                      Offset(i, axes, input.shape(), strides)];
      }
    }
    return absl::OkStatus();
  }

 private:
  // Where the `flat`-th index of the dimensions lies, the first fastest.
  static int64_t Offset(int64_t flat, const Ints& axes,
                        const TensorShape& shape, const Ints& strides) {
    int64_t offset = 0;
    for (int64_t axis : axes) {
      offset += flat % shape.dim(axis) * strides[axis];
      flat /= shape.dim(axis);
    }
    return offset;
  }

  bool keep_dims_ = false;
  std::string separator_;
};

class HashBucketBase : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(construction.Bind("num_buckets", &buckets_));
    if (buckets_ < 1) return InvalidArgument("num_buckets must be >= 1");
    return absl::OkStatus();
  }

 protected:
  // hash(text) is an uint64_t.
  template <typename Hash>
  absl::Status Put(KernelContext& ctx, const Hash& hash) const {
    return MapStrings<int64_t>(ctx, [&](const std::string& text) {
      return static_cast<int64_t>(hash(text) % static_cast<uint64_t>(buckets_));
    });
  }

 private:
  int64_t buckets_ = 1;
};

template <uint64_t (*kHash)(absl::string_view)>
class HashBucketBy final : public HashBucketBase {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    return Put(ctx, [](absl::string_view text) { return kHash(text); });
  }
};

class HashBucketStrong final : public HashBucketBase {
 public:
  absl::Status Init(KernelConstruction& construction) {
    RETURN_IF_ERROR(HashBucketBase::Init(construction));
    RETURN_IF_ERROR(construction.Bind("key", &key_));
    if (key_.size() == 2) return absl::OkStatus();
    return InvalidArgument("Key must have 2 elements");
  }

  absl::Status Compute(KernelContext& ctx) const override {
    return Put(ctx, [this](absl::string_view text) {
      return SipHash24(key_[0], key_[1], text);
    });
  }

 private:
  std::vector<int64_t> key_;
};

absl::Status StringJoinRule(ShapeContext& ctx) {
  PartialShape shape;
  bool all_scalars = true;
  for (int i = 0; i < ctx.num_inputs(); ++i) {
    const PartialShape& input = ctx.input(i);
    if (input.rank() == 0) continue;
    all_scalars = false;
    // What is not known may be a scalar.
    if (!input.known_rank()) continue;
    ASSIGN_OR_RETURN(shape, MergeShapes(shape, input));
  }
  if (all_scalars) shape = PartialShape({});
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

absl::Status SubstrRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const PartialShape pos,
                   MergeShapes(ctx.input(1), ctx.input(2)));
  ASSIGN_OR_RETURN(PartialShape shape, BroadcastShapes(ctx.input(0), pos));
  ctx.SetOutput(0, std::move(shape));
  return absl::OkStatus();
}

// The kernel answers OUT_OF_RANGE for an axis that is not there.
absl::Status ReduceJoinRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const bool keep_dims, ctx.Attr<bool>("keep_dims"));
  auto shape = ReducedShape(ctx.input(0), ctx.Ints(1), keep_dims);
  if (shape.ok()) ctx.SetOutput(0, *std::move(shape));
  return absl::OkStatus();
}

REGISTER_OP("StringJoin", [](OpBuilder& op) {
  op.Input("inputs: N * string").Output("output: string");
  op.Attr("N: int >= 0").Attr("separator: string = ''");
  op.Shape(StringJoinRule);
  op.Kernel<StringJoin>();
});
REGISTER_OP("StringStrip", [](OpBuilder& op) {
  op.Input("input: string").Output("output: string");
  op.Shape(UnchangedRule);
  op.Kernel<StringStrip>();
});
REGISTER_OP("StringLower", [](OpBuilder& op) {
  op.Input("input: string").Output("output: string");
  op.Attr("encoding: string = ''");
  op.Shape(UnchangedRule);
  op.Kernel<StringCase<false>>();
});
REGISTER_OP("StringUpper", [](OpBuilder& op) {
  op.Input("input: string").Output("output: string");
  op.Attr("encoding: string = ''");
  op.Shape(UnchangedRule);
  op.Kernel<StringCase<true>>();
});
REGISTER_OP("StringLength", [](OpBuilder& op) {
  op.Input("input: string").Output("output: int32");
  op.Attr("unit: string = 'BYTE'");
  op.Shape(UnchangedRule);
  op.Kernel<StringLength>();
});
REGISTER_OP("Substr", [](OpBuilder& op) {
  op.Input("input: string").Input("pos: T").Input("len: T");
  op.Output("output: string").Attr("T: type").Attr("unit: string = 'BYTE'");
  op.Shape(SubstrRule);
  op.Kernel<Substr>();
});
REGISTER_OP("ReduceJoin", [](OpBuilder& op) {
  op.Input("inputs: string").Input("reduction_indices: int32");
  op.Output("output: string");
  op.Attr("keep_dims: bool = false").Attr("separator: string = ''");
  op.Shape(ReduceJoinRule);
  op.Kernel<ReduceJoin>();
});
REGISTER_OP("StringToHashBucketFast", [](OpBuilder& op) {
  op.Input("input: string").Output("output: int64");
  op.Attr("num_buckets: int >= 1");
  op.Shape(UnchangedRule);
  op.Kernel<HashBucketBy<Fingerprint64>>();
});
REGISTER_OP("StringToHashBucketStrong", [](OpBuilder& op) {
  op.Input("input: string").Output("output: int64");
  op.Attr("num_buckets: int >= 1").Attr("key: list(int)");
  op.Shape(UnchangedRule);
  op.Kernel<HashBucketStrong>();
});
REGISTER_OP("StringToHashBucket", [](OpBuilder& op) {
  op.Input("string_tensor: string").Output("output: int64");
  op.Attr("num_buckets: int >= 1");
  op.Shape(UnchangedRule);
  op.Kernel<HashBucketBy<MurmurHash64>>();
});

}  // namespace
}  // namespace metagraph
