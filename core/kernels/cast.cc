// Cast and Bitcast.

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/base/status.h"
#include "core/kernels/arithmetic.h"
#include "core/kernels/kernel_types.h"
#include "core/op/kernel.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

// A real number to an integer towards zero. What does not fit gives what the
// processor's conversion gives, as in TensorFlow: the smallest integer of the
// register, of which narrow types keep the low bits.
template <typename To, typename From>
To TruncateTo(From x) {
  if constexpr (std::is_same_v<To, int64_t> || std::is_same_v<To, uint64_t>) {
    constexpr From kLimit = 9223372036854775808.0;  // 2^63
    if (x >= -kLimit && x < kLimit) {
      return static_cast<To>(static_cast<int64_t>(x));
    }
    if (std::is_same_v<To, uint64_t> && x >= kLimit && x < 2 * kLimit) {
      return static_cast<To>(static_cast<uint64_t>(x));
    }
    return static_cast<To>(std::numeric_limits<int64_t>::min());
  } else if constexpr (std::is_same_v<To, uint32_t>) {
    constexpr From kLimit = 2147483648.0;  // 2^31
    if (x >= -kLimit && x < 2 * kLimit) {
      return static_cast<To>(static_cast<int64_t>(x));
    }
    return To{1} << 31;
  } else {
    constexpr From kLimit = 2147483648.0;
    // The largest float below 2^31 is exact, so the comparison is too.
    const int32_t wide = x >= -kLimit && x < kLimit
                             ? static_cast<int32_t>(x)
                             : std::numeric_limits<int32_t>::min();
    return static_cast<To>(wide);
  }
}

template <typename To, typename From>
To Convert(From x) {
  if constexpr (std::is_same_v<From, To>) {
    return x;
  } else if constexpr (kIsComplex<From>) {
    if constexpr (kIsComplex<To>) {
      return To(static_cast<typename To::value_type>(x.real()),
                static_cast<typename To::value_type>(x.imag()));
    } else {
      return Convert<To>(x.real());
    }
  } else if constexpr (kIsSmallFloat<From> && std::is_same_v<To, bool>) {
    // By its bits: as a float it may be too small to differ from 0.
    return (Eigen::numext::bit_cast<uint16_t>(x) & 0x7fff) != 0;
  } else if constexpr (kIsSmallFloat<From>) {
    return Convert<To>(static_cast<float>(x));
  } else if constexpr (kIsComplex<To>) {
    return To(Convert<typename To::value_type>(x));
  } else if constexpr (kIsSmallFloat<To>) {
    return To(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, bool>) {
    return x != From(0);
  } else if constexpr (std::is_floating_point_v<From> &&
                       std::is_integral_v<To>) {
    return TruncateTo<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

using CastFunction = void (*)(const void* from, void* to, int64_t n);

template <typename From, typename To>
void CastElements(const void* from, void* to, int64_t n) {
  const From* in = static_cast<const From*>(from);
  To* out = static_cast<To*>(to);
  for (int64_t i = 0; i < n; ++i) out[i] = Convert<To>(in[i]);
}

// Null if there is none.
CastFunction Find(DataType from, DataType to) {
  CastFunction found = nullptr;
  DispatchType(from, PlainTypes(), [&]<typename From>() {
    DispatchType(to, PlainTypes(),
                 [&]<typename To>() { found = &CastElements<From, To>; });
  });
  return found;
}

// For Truncate=true: the bits of `From` that `To` has no room for; of each part
// of a complex number.
int DroppedBits(DataType from, DataType to) {
  const auto mantissa = [](DataType dtype) {
    switch (dtype) {
      case DT_DOUBLE:
      case DT_COMPLEX128:
        return 52;
      case DT_FLOAT:
      case DT_COMPLEX64:
        return 23;
      case DT_HALF:
        return 10;
      case DT_BFLOAT16:
        return 7;
      default:
        return 0;
    }
  };
  if (mantissa(from) < 23 || mantissa(to) == 0) return 0;
  // TensorFlow rounds these by way of float.
  if (to == DT_BFLOAT16 && from != DT_FLOAT) return 0;
  return std::max(0, mantissa(from) - mantissa(to));
}

class Cast final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    const DataType from = construction.input_type(0);
    const DataType to = construction.output_type(0);
    same_ = from == to;
    if (same_) return absl::OkStatus();
    function_ = Find(from, to);
    if (function_ == nullptr) {
      return Unimplemented("Cast ", DataTypeName(from), " to ",
                           DataTypeName(to), " is not supported");
    }
    ASSIGN_OR_RETURN(const bool truncate, construction.Attr<bool>("Truncate"));
    if (truncate) dropped_bits_ = DroppedBits(from, to);
    if (IsComplexType(from)) parts_ = 2;
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& x = ctx.input(0);
    if (same_) {
      ctx.SetOutput(0, x);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(Tensor * y,
                     ctx.ForwardOrAllocateOutput({0}, 0, x.shape()));
    const int64_t in_size = static_cast<int64_t>(DataTypeSize(x.dtype()));
    const int64_t out_size = static_cast<int64_t>(DataTypeSize(y->dtype()));
    const char* in = static_cast<const char*>(x.raw_data());
    char* out = static_cast<char*>(y->mutable_raw_data());
    return ctx.ParallelFor(
        x.num_elements(), 1, [&](int64_t begin, int64_t end) {
          if (dropped_bits_ > 0) {
            return RunTruncated(in + begin * in_size, in_size,
                                out + begin * out_size, out_size, end - begin);
          }
          function_(in + begin * in_size, out + begin * out_size, end - begin);
        });
  }

 private:
  void RunTruncated(const char* in, int64_t in_size, char* out,
                    int64_t out_size, int64_t n) const {
    const int64_t part_size = in_size / parts_;
    for (int64_t i = 0; i < n; ++i) {
      uint64_t bits[2] = {0, 0};
      // Parts lie one behind the other, whatever their size.
      char* part = reinterpret_cast<char*>(bits);
      std::memcpy(part, in + i * in_size, in_size);
      for (int p = 0; p < parts_; ++p, part += part_size) {
        uint64_t value = 0;
        std::memcpy(&value, part, part_size);
        value &= ~uint64_t{0} << dropped_bits_;
        std::memcpy(part, &value, part_size);
      }
      function_(bits, out + i * out_size, 1);
    }
  }

  bool same_ = false;
  CastFunction function_ = nullptr;
  int dropped_bits_ = 0;
  int parts_ = 1;  // of an element: 2 if it is complex
};

// The same bytes; a trailing dimension appears or goes with the size.
class Bitcast final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    from_ = construction.input_type(0);
    to_ = construction.output_type(0);
    if (!IsPlainData(from_) || !IsPlainData(to_) || from_ == DT_BOOL ||
        to_ == DT_BOOL) {
      return InvalidArgument("Cannot bitcast from ", DataTypeName(from_),
                             " to ", DataTypeName(to_));
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& input = ctx.input(0);
    const int64_t in_size = static_cast<int64_t>(DataTypeSize(from_));
    const int64_t out_size = static_cast<int64_t>(DataTypeSize(to_));
    if (in_size == out_size) {
      ctx.SetOutput(0, input.BitcastTo(to_));
      return absl::OkStatus();
    }
    absl::InlinedVector<int64_t, 8> dims(input.shape().dims().begin(),
                                         input.shape().dims().end());
    if (in_size > out_size) {
      dims.push_back(in_size / out_size);
    } else {
      if (dims.empty() || dims.back() != out_size / in_size) {
        return InvalidArgument("Cannot bitcast from ", DataTypeName(from_),
                               " to ", DataTypeName(to_), ": shape ",
                               input.shape().ToString());
      }
      dims.pop_back();
    }
    ASSIGN_OR_RETURN(const TensorShape shape, TensorShape::Build(dims));
    ASSIGN_OR_RETURN(Tensor * output, ctx.AllocateOutput(0, shape));
    const absl::string_view bytes = input.bytes();
    if (!bytes.empty()) {
      std::memcpy(output->mutable_raw_data(), bytes.data(), bytes.size());
    }
    return absl::OkStatus();
  }

 private:
  DataType from_ = DT_INVALID;
  DataType to_ = DT_INVALID;
};

absl::Status CastRule(ShapeContext& ctx) {
  ctx.SetOutput(0, ctx.input(0));
  DataType to;
  RETURN_IF_ERROR(ctx.Bind("DstT", &to));
  std::optional<KnownInts> ints = ctx.Ints(0);
  if (!ints.has_value() || (to != DT_INT32 && to != DT_INT64)) {
    return absl::OkStatus();
  }
  for (int64_t& value : *ints) {
    if (to == DT_INT32 && value != static_cast<int32_t>(value)) {
      value = kUnknownInt;
    }
  }
  ctx.SetOutputInts(0, *std::move(ints));
  return absl::OkStatus();
}

absl::Status BitcastRule(ShapeContext& ctx) {
  DataType from, to;
  RETURN_IF_ERROR(ctx.Bind("T", &from, "type", &to));
  const int64_t in_size = static_cast<int64_t>(DataTypeSize(from));
  const int64_t out_size = static_cast<int64_t>(DataTypeSize(to));
  const PartialShape& input = ctx.input(0);
  if (!input.known_rank() || in_size == out_size) return UnchangedRule(ctx);
  if (in_size > out_size) {
    ctx.SetOutput(0, Concatenated(input, {in_size / out_size}));
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(CheckRankAtLeast(input, 1));
  const int64_t parts = out_size / in_size;
  if (DimOf(input, -1) >= 0 && DimOf(input, -1) != parts) {
    return InvalidArgument("Cannot bitcast due to shape. ", DimOf(input, -1),
                           " does not match ", parts);
  }
  ctx.SetOutput(0, Subshape(input, 0, -1));
  return absl::OkStatus();
}

REGISTER_OP("Cast", [](OpBuilder& op) {
  op.Input("x: SrcT").Output("y: DstT");
  op.Attr("SrcT: type").Attr("DstT: type").Attr("Truncate: bool = false");
  op.Shape(CastRule);
  op.Kernel<Cast>();
});

REGISTER_OP("Bitcast", [](OpBuilder& op) {
  op.Input("input: T").Output("output: type");
  op.Attr("T: type").Attr("type: type");
  op.Shape(BitcastRule);
  op.Kernel<Bitcast>();
});

}  // namespace
}  // namespace metagraph
