// Complex numbers and their parts.

#include <cmath>
#include <complex>

#include "core/kernels/binary_kernel.h"
#include "core/kernels/unary_kernel.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

struct RealOp {
  template <typename C>
  static typename C::value_type Apply(C x) {
    return x.real();
  }
};
struct ImagOp {
  template <typename C>
  static typename C::value_type Apply(C x) {
    return x.imag();
  }
};
struct AbsOp {
  template <typename C>
  static typename C::value_type Apply(C x) {
    return std::abs(x);
  }
};
struct AngleOp {
  template <typename C>
  static typename C::value_type Apply(C x) {
    return std::arg(x);
  }
};
struct ConjOp {
  template <typename C>
  static C Apply(C x) {
    return std::conj(x);
  }
};

template <typename Op>
struct PartOf {
  template <typename C>
  using Kernel = UnaryKernel<Elementwise<Op, C, typename C::value_type, 4>>;
};

template <typename C>
using Conj = UnaryKernel<Elementwise<ConjOp, C>>;

template <typename T>
struct ComplexFn {
  using In = T;
  using Out = std::complex<T>;
  static constexpr int64_t kCost = 1;
  static Out Apply(T real, T imag) { return Out(real, imag); }
};

template <typename Op>
void DescribePart(OpBuilder& op, const char* input, const char* output) {
  op.Input(input).Output(output);
  op.Attr("T: type = DT_COMPLEX64").Attr("Tout: type = DT_FLOAT");
  using Kernels = PartOf<Op>;
  op.Shape(UnchangedRule);
  op.KernelWhere<typename Kernels::template Kernel<complex64>>(
      {{"T", DT_COMPLEX64}, {"Tout", DT_FLOAT}});
  op.KernelWhere<typename Kernels::template Kernel<complex128>>(
      {{"T", DT_COMPLEX128}, {"Tout", DT_DOUBLE}});
}

REGISTER_OP("Real", [](OpBuilder& op) {
  DescribePart<RealOp>(op, "input: T", "output: Tout");
});
REGISTER_OP("Imag", [](OpBuilder& op) {
  DescribePart<ImagOp>(op, "input: T", "output: Tout");
});
REGISTER_OP("Angle", [](OpBuilder& op) {
  DescribePart<AngleOp>(op, "input: T", "output: Tout");
});
REGISTER_OP("ComplexAbs",
            [](OpBuilder& op) { DescribePart<AbsOp>(op, "x: T", "y: Tout"); });

REGISTER_OP("Conj", [](OpBuilder& op) {
  op.Input("input: T").Output("output: T").Attr("T: type = DT_COMPLEX64");
  op.Shape(UnchangedRule);
  op.KernelForEach<Conj, ComplexTypes>("T");
});

REGISTER_OP("Complex", [](OpBuilder& op) {
  op.Input("real: T").Input("imag: T").Output("out: Tout");
  op.Attr("T: type = DT_FLOAT").Attr("Tout: type = DT_COMPLEX64");
  op.Shape(BroadcastRule);
  op.KernelWhere<Binary<ComplexFn>::Kernel<float>>(
      {{"T", DT_FLOAT}, {"Tout", DT_COMPLEX64}});
  op.KernelWhere<Binary<ComplexFn>::Kernel<double>>(
      {{"T", DT_DOUBLE}, {"Tout", DT_COMPLEX128}});
});

}  // namespace
}  // namespace metagraph
