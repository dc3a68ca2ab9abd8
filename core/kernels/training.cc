// Optimizers: Apply* on references and ResourceApply* on resources. Each takes
// a variable with its slots (moments, accumulators), some scalars and a
// gradient, and moves them all by one step.

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

#include "core/kernels/variable_access.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"

namespace metagraph {
namespace {

struct Flags {
  bool use_nesterov = false;
  bool update_slots = true;
  bool multiply_linear_by_lr = false;
};

using Eigen::numext::abs;
using Eigen::numext::pow;
using Eigen::numext::sqrt;

template <typename T>
T Sign(T x) {
  return x > T(0) ? T(1) : x < T(0) ? T(-1) : T(0);
}

// A rule says how many of its inputs are variables, what all are called, and
// moves elements [begin, end): x[i] are the variables, s the scalars in the
// order of the inputs, g the gradient.

struct GradientDescent {
  static constexpr int kVariables = 1;
  static constexpr std::array kInputs = {"var", "alpha", "delta"};
  static constexpr int kGradient = 2;
  template <typename T>
  static void Step(T* const* x, const T* s, const Flags&, const T* g,
                   int64_t begin, int64_t end) {
    T* const var = x[0];
    const T alpha = s[0];
    for (int64_t i = begin; i < end; ++i) var[i] = var[i] - alpha * g[i];
  }
};

struct Momentum {
  static constexpr int kVariables = 2;
  static constexpr std::array kInputs = {"var", "accum", "lr", "grad",
                                         "momentum"};
  static constexpr int kGradient = 3;
  template <typename T>
  static void Step(T* const* x, const T* s, const Flags& flags, const T* g,
                   int64_t begin, int64_t end) {
    T* const var = x[0];
    T* const accum = x[1];
    const T lr = s[0], momentum = s[1];
    for (int64_t i = begin; i < end; ++i) {
      accum[i] = accum[i] * momentum + g[i];
      var[i] =
          var[i] - (flags.use_nesterov ? g[i] * lr + accum[i] * momentum * lr
                                       : accum[i] * lr);
    }
  }
};

struct KerasMomentum {
  static constexpr int kVariables = 2;
  static constexpr std::array kInputs = {"var", "accum", "lr", "grad",
                                         "momentum"};
  static constexpr int kGradient = 3;
  template <typename T>
  static void Step(T* const* x, const T* s, const Flags& flags, const T* g,
                   int64_t begin, int64_t end) {
    T* const var = x[0];
    T* const accum = x[1];
    const T lr = s[0], momentum = s[1];
    for (int64_t i = begin; i < end; ++i) {
      accum[i] = accum[i] * momentum - g[i] * lr;
      var[i] = var[i] + (flags.use_nesterov ? accum[i] * momentum - g[i] * lr
                                            : accum[i]);
    }
  }
};

struct Adam {
  static constexpr int kVariables = 3;
  static constexpr std::array kInputs = {
      "var", "m",     "v",     "beta1_power", "beta2_power",
      "lr",  "beta1", "beta2", "epsilon",     "grad"};
  static constexpr int kGradient = 9;
  template <typename T>
  static void Step(T* const* x, const T* s, const Flags& flags, const T* g,
                   int64_t begin, int64_t end) {
    T* const var = x[0];
    T* const m = x[1];
    T* const v = x[2];
    const T beta1 = s[3], beta2 = s[4], epsilon = s[5];
    const T alpha = s[2] * sqrt(T(1) - s[1]) / (T(1) - s[0]);
    for (int64_t i = begin; i < end; ++i) {
      m[i] = m[i] + (g[i] - m[i]) * (T(1) - beta1);
      v[i] = v[i] + (g[i] * g[i] - v[i]) * (T(1) - beta2);
      const T mean =
          flags.use_nesterov ? g[i] * (T(1) - beta1) + beta1 * m[i] : m[i];
      var[i] = var[i] - mean * alpha / (sqrt(v[i]) + epsilon);
    }
  }
};

struct RMSProp {
  static constexpr int kVariables = 3;
  static constexpr std::array kInputs = {"var", "ms",       "mom",     "lr",
                                         "rho", "momentum", "epsilon", "grad"};
  static constexpr int kGradient = 7;
  template <typename T>
  static void Step(T* const* x, const T* s, const Flags&, const T* g,
                   int64_t begin, int64_t end) {
    T* const var = x[0];
    T* const ms = x[1];
    T* const mom = x[2];
    const T lr = s[0], rho = s[1], momentum = s[2], epsilon = s[3];
    for (int64_t i = begin; i < end; ++i) {
      ms[i] = ms[i] + (g[i] * g[i] - ms[i]) * (T(1) - rho);
      mom[i] = mom[i] * momentum + g[i] * lr / sqrt(ms[i] + epsilon);
      var[i] = var[i] - mom[i];
    }
  }
};

struct CenteredRMSProp {
  static constexpr int kVariables = 4;
  static constexpr std::array kInputs = {
      "var", "mg", "ms", "mom", "lr", "rho", "momentum", "epsilon", "grad"};
  static constexpr int kGradient = 8;
  template <typename T>
  static void Step(T* const* x, const T* s, const Flags&, const T* g,
                   int64_t begin, int64_t end) {
    T* const var = x[0];
    T* const mg = x[1];
    T* const ms = x[2];
    T* const mom = x[3];
    const T lr = s[0], rho = s[1], momentum = s[2], epsilon = s[3];
    for (int64_t i = begin; i < end; ++i) {
      ms[i] = ms[i] + (g[i] * g[i] - ms[i]) * (T(1) - rho);
      mg[i] = mg[i] + (g[i] - mg[i]) * (T(1) - rho);
      const T variance = ms[i] - mg[i] * mg[i] + epsilon;
      mom[i] = mom[i] * momentum + g[i] * lr / sqrt(variance);
      var[i] = var[i] - mom[i];
    }
  }
};

struct Adagrad {
  static constexpr int kVariables = 2;
  static constexpr std::array kInputs = {"var", "accum", "lr", "grad"};
  static constexpr int kGradient = 3;
  template <typename T>
  static void Step(T* const* x, const T* s, const Flags& flags, const T* g,
                   int64_t begin, int64_t end) {
    T* const var = x[0];
    T* const accum = x[1];
    for (int64_t i = begin; i < end; ++i) {
      if (flags.update_slots) accum[i] = accum[i] + g[i] * g[i];
      var[i] = var[i] - g[i] * s[0] * (T(1) / sqrt(accum[i]));
    }
  }
};

struct AdagradV2 {
  static constexpr int kVariables = 2;
  static constexpr std::array kInputs = {"var", "accum", "lr", "epsilon",
                                         "grad"};
  static constexpr int kGradient = 4;
  template <typename T>
  static void Step(T* const* x, const T* s, const Flags& flags, const T* g,
                   int64_t begin, int64_t end) {
    T* const var = x[0];
    T* const accum = x[1];
    for (int64_t i = begin; i < end; ++i) {
      if (flags.update_slots) accum[i] = accum[i] + g[i] * g[i];
      var[i] = var[i] - g[i] * s[0] / (sqrt(accum[i]) + s[1]);
    }
  }
};

struct Adadelta {
  static constexpr int kVariables = 3;
  static constexpr std::array kInputs = {"var", "accum",   "accum_update", "lr",
                                         "rho", "epsilon", "grad"};
  static constexpr int kGradient = 6;
  template <typename T>
  static void Step(T* const* x, const T* s, const Flags&, const T* g,
                   int64_t begin, int64_t end) {
    T* const var = x[0];
    T* const accum = x[1];
    T* const accum_update = x[2];
    const T lr = s[0], rho = s[1], epsilon = s[2];
    for (int64_t i = begin; i < end; ++i) {
      accum[i] = accum[i] * rho + g[i] * g[i] * (T(1) - rho);
      const T update = sqrt(accum_update[i] + epsilon) *
                       (T(1) / sqrt(accum[i] + epsilon)) * g[i];
      var[i] = var[i] - update * lr;
      accum_update[i] = accum_update[i] * rho + update * update * (T(1) - rho);
    }
  }
};

// Ftrl and, with `l2_shrinkage`, FtrlV2. If `multiply`, `linear` holds what it
// would otherwise times `lr`.
template <typename T>
void FtrlStep(T* const* x, T lr, T l1, T l2, T l2_shrinkage, T lr_power,
              bool multiply, const T* g, int64_t begin, int64_t end) {
  T* const var = x[0];
  T* const accum = x[1];
  T* const linear = x[2];
  const auto power = [&](T a) {
    return lr_power == T(-0.5) ? T(sqrt(a)) : T(pow(a, -lr_power));
  };
  for (int64_t i = begin; i < end; ++i) {
    const T shrunk = g[i] + T(2) * l2_shrinkage * var[i];
    const T sum = accum[i] + g[i] * g[i];
    if (multiply) {
      linear[i] =
          linear[i] + shrunk * lr - (power(sum) - power(accum[i])) * var[i];
      const T limit = l1 * lr;
      const T numerator = limit * Sign(linear[i]) - linear[i];
      // Also of NaN it makes 0, as below.
      var[i] = abs(linear[i]) > limit
                   ? numerator / (power(sum) + T(2) * l2 * lr)
                   : T(0);
      accum[i] = sum;
      continue;
    }
    linear[i] =
        linear[i] + shrunk - (power(sum) - power(accum[i])) / lr * var[i];
    const T numerator = l1 * Sign(linear[i]) - linear[i];
    var[i] =
        abs(linear[i]) > l1 ? numerator / (power(sum) / lr + T(2) * l2) : T(0);
    accum[i] = sum;
  }
}

struct Ftrl {
  static constexpr int kVariables = 3;
  static constexpr std::array kInputs = {"var", "accum", "linear", "grad",
                                         "lr",  "l1",    "l2",     "lr_power"};
  static constexpr int kGradient = 3;
  template <typename T>
  static void Step(T* const* x, const T* s, const Flags& flags, const T* g,
                   int64_t begin, int64_t end) {
    FtrlStep<T>(x, s[0], s[1], s[2], T(0), s[3], flags.multiply_linear_by_lr, g,
                begin, end);
  }
};

struct FtrlV2 {
  static constexpr int kVariables = 3;
  static constexpr std::array kInputs = {"var",  "accum",        "linear",
                                         "grad", "lr",           "l1",
                                         "l2",   "l2_shrinkage", "lr_power"};
  static constexpr int kGradient = 3;
  template <typename T>
  static void Step(T* const* x, const T* s, const Flags& flags, const T* g,
                   int64_t begin, int64_t end) {
    FtrlStep<T>(x, s[0], s[1], s[2], s[3], s[4], flags.multiply_linear_by_lr, g,
                begin, end);
  }
};

// The proximal step of size `rate` from `x`.
template <typename T>
T Proximal(T x, T rate, T l1, T l2) {
  if (l1 > T(0)) {
    const T rest = abs(x) - rate * l1;
    x = Sign(x) * (rest <= T(0) ? T(0) : rest);  // NaN stays
  }
  return x / (T(1) + l2 * rate);
}

struct ProximalGradientDescent {
  static constexpr int kVariables = 1;
  static constexpr std::array kInputs = {"var", "alpha", "l1", "l2", "delta"};
  static constexpr int kGradient = 4;
  template <typename T>
  static void Step(T* const* x, const T* s, const Flags&, const T* g,
                   int64_t begin, int64_t end) {
    T* const var = x[0];
    for (int64_t i = begin; i < end; ++i) {
      var[i] = Proximal<T>(var[i] - g[i] * s[0], s[0], s[1], s[2]);
    }
  }
};

struct ProximalAdagrad {
  static constexpr int kVariables = 2;
  static constexpr std::array kInputs = {"var", "accum", "lr",
                                         "l1",  "l2",    "grad"};
  static constexpr int kGradient = 5;
  template <typename T>
  static void Step(T* const* x, const T* s, const Flags&, const T* g,
                   int64_t begin, int64_t end) {
    T* const var = x[0];
    T* const accum = x[1];
    for (int64_t i = begin; i < end; ++i) {
      accum[i] = accum[i] + g[i] * g[i];
      const T rate = s[0] * (T(1) / sqrt(accum[i]));
      var[i] = Proximal<T>(var[i] - g[i] * rate, rate, s[1], s[2]);
    }
  }
};

// `value` is that of variable input i.
absl::Status CheckVariable(const KernelContext& ctx, int i, const Tensor& value,
                           const char* name, const Tensor& first,
                           const Tensor& gradient) {
  if (!value.initialized()) {
    std::string called;
    if (ctx.input_is_ref(i)) {
      called = ctx.session().variables.Get(ctx.input_variable(i)).name;
    } else {
      called = ctx.input(i).scalar<ResourceHandle>().name;
    }
    return FailedPrecondition("Attempting to use uninitialized variables: ",
                              called);
  }
  if (value.dtype() != gradient.dtype()) {
    return InvalidArgument(
        "Trying to update variable with wrong dtype. "
        "Expected ",
        DataTypeName(value.dtype()), " got ", DataTypeName(gradient.dtype()));
  }
  if (!(value.shape() == first.shape())) {
    return InvalidArgument("var and ", name, " do not have the same shape",
                           first.shape().ToString(), " ",
                           value.shape().ToString());
  }
  return absl::OkStatus();
}

template <typename T, typename Rule>
class Apply final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    if (construction.HasAttr("use_nesterov")) {
      ASSIGN_OR_RETURN(flags_.use_nesterov,
                       construction.Attr<bool>("use_nesterov"));
    }
    if (construction.HasAttr("update_slots")) {
      ASSIGN_OR_RETURN(flags_.update_slots,
                       construction.Attr<bool>("update_slots"));
    }
    if (construction.HasAttr("multiply_linear_by_lr")) {  // of newer graphs
      ASSIGN_OR_RETURN(flags_.multiply_linear_by_lr,
                       construction.Attr<bool>("multiply_linear_by_lr"));
    }
    return absl::OkStatus();
  }

  absl::Status Compute(KernelContext& ctx) const override {
    const Tensor& gradient = ctx.input(Rule::kGradient);
    std::array<T, kCount> scalars{};
    int next = 0;
    for (int i = Rule::kVariables; i < kCount; ++i) {
      if (i == Rule::kGradient) continue;
      if (ctx.input(i).rank() != 0) {
        return InvalidArgument(Rule::kInputs[i], " is not a scalar: ",
                               ctx.input(i).shape().ToString());
      }
      scalars[next++] = ctx.input(i).template scalar<T>();
    }
    std::array<int, Rule::kVariables> slots;
    for (int i = 0; i < Rule::kVariables; ++i) {
      ASSIGN_OR_RETURN(slots[i], ctx.VariableSlot(i));
    }
    const auto update =
        [&](absl::Span<LiveVariable* const> variables) -> absl::Status {
      for (int i = 0; i < Rule::kVariables; ++i) {
        RETURN_IF_ERROR(CheckVariable(ctx, i, variables[i]->value(),
                                      Rule::kInputs[i], variables[0]->value(),
                                      gradient));
      }
      const TensorShape& shape = variables[0]->value().shape();
      if (!(shape == gradient.shape())) {
        return InvalidArgument("var and ", Rule::kInputs[Rule::kGradient],
                               " do not have the same shape", shape.ToString(),
                               " ", gradient.shape().ToString());
      }
      return Move(ctx, variables, scalars, gradient);
    };
    RETURN_IF_ERROR(ctx.variables().Update(slots, update));
    ReturnRef(ctx);
    return absl::OkStatus();
  }

 private:
  static constexpr int kCount = static_cast<int>(Rule::kInputs.size());

  // Variables that readers may hold get new buffers: filled piece by piece, so
  // that the rule finds each piece in the cache.
  absl::Status Move(KernelContext& ctx,
                    absl::Span<LiveVariable* const> variables,
                    const std::array<T, kCount>& scalars,
                    const Tensor& gradient) const {
    RETURN_IF_ERROR(ctx.CheckCancelled());
    std::array<Tensor, Rule::kVariables> old;
    std::array<T*, Rule::kVariables> x;
    for (int i = 0; i < Rule::kVariables; ++i) {
      const auto value = variables[i]->MakeOverwritable(&old[i]);
      if (!value.ok()) {
        // The new buffers so far hold nothing.
        for (int j = 0; j < i; ++j) {
          if (old[j].template data<T>() != x[j]) {
            variables[j]->Set(std::move(old[j]));
          }
        }
        return value.status();
      }
      x[i] = (*value)->template mutable_data<T>();
    }
    // To the end, whoever gives up: half a move is no state to leave behind.
    constexpr int64_t kPiece = 4096;
    const auto move = [&](int64_t begin, int64_t end) {
      for (int64_t next; begin < end; begin = next) {
        next = std::min(end, begin + kPiece);
        for (int i = 0; i < Rule::kVariables; ++i) {
          const T* from = old[i].template data<T>();
          if (from == x[i]) continue;
          std::copy(from + begin, from + next, x[i] + begin);
        }
        Rule::template Step<T>(x.data(), scalars.data(), flags_,
                               gradient.data<T>(), begin, next);
      }
    };
    UninterruptedFor(ctx, gradient.num_elements(), kPiece, move);
    return absl::OkStatus();
  }

  Flags flags_;
};

// Whether a rule compares numbers, so that they cannot be complex.
template <typename Rule>
inline constexpr bool kNeedsOrder =
    std::is_same_v<Rule, Ftrl> || std::is_same_v<Rule, FtrlV2> ||
    std::is_same_v<Rule, ProximalGradientDescent> ||
    std::is_same_v<Rule, ProximalAdagrad>;

template <typename Rule>
void Describe(OpBuilder& op, bool is_resource) {
  for (int i = 0; i < static_cast<int>(Rule::kInputs.size()); ++i) {
    const char* type = i >= Rule::kVariables ? "T"
                       : is_resource         ? "resource"
                                             : "Ref(T)";
    op.Input(absl::StrCat(Rule::kInputs[i], ": ", type));
  }
  if (is_resource) {
    op.SetIsStateful();
  } else {
    op.Output("out: Ref(T)");
  }
  // A reference goes on.
  op.Shape(is_resource ? UnknownRule : UnchangedRule);
  op.Attr("T: type").Attr("use_locking: bool = false").SetWritesVariables();
  op.KernelWhere<Apply<float, Rule>>({{"T", DT_FLOAT}});
  op.KernelWhere<Apply<double, Rule>>({{"T", DT_DOUBLE}});
  op.KernelWhere<Apply<half, Rule>>({{"T", DT_HALF}});
  op.KernelWhere<Apply<bfloat16, Rule>>({{"T", DT_BFLOAT16}});
  if constexpr (!kNeedsOrder<Rule>) {
    op.KernelWhere<Apply<complex64, Rule>>({{"T", DT_COMPLEX64}});
    op.KernelWhere<Apply<complex128, Rule>>({{"T", DT_COMPLEX128}});
  }
}

// Attributes beyond those that all have.
void NoAttr(OpBuilder&) {}
void NesterovAttr(OpBuilder& op) { op.Attr("use_nesterov: bool = false"); }
void SlotsAttr(OpBuilder& op) { op.Attr("update_slots: bool = true"); }

#define REGISTER_OPTIMIZER(name, Rule, AddAttr)         \
  REGISTER_OP("Apply" name, [](OpBuilder& op) {         \
    Describe<Rule>(op, /*is_resource=*/false);          \
    AddAttr(op);                                        \
  });                                                   \
  REGISTER_OP("ResourceApply" name, [](OpBuilder& op) { \
    Describe<Rule>(op, /*is_resource=*/true);           \
    AddAttr(op);                                        \
  })
REGISTER_OPTIMIZER("GradientDescent", GradientDescent, NoAttr);
REGISTER_OPTIMIZER("Momentum", Momentum, NesterovAttr);
REGISTER_OPTIMIZER("Adam", Adam, NesterovAttr);
REGISTER_OPTIMIZER("RMSProp", RMSProp, NoAttr);
REGISTER_OPTIMIZER("CenteredRMSProp", CenteredRMSProp, NoAttr);
REGISTER_OPTIMIZER("Adagrad", Adagrad, SlotsAttr);
REGISTER_OPTIMIZER("AdagradV2", AdagradV2, SlotsAttr);
REGISTER_OPTIMIZER("Adadelta", Adadelta, NoAttr);
REGISTER_OPTIMIZER("Ftrl", Ftrl, NoAttr);
REGISTER_OPTIMIZER("FtrlV2", FtrlV2, NoAttr);
REGISTER_OPTIMIZER("ProximalGradientDescent", ProximalGradientDescent, NoAttr);
REGISTER_OPTIMIZER("ProximalAdagrad", ProximalAdagrad, NoAttr);
#undef REGISTER_OPTIMIZER

REGISTER_OP("ResourceApplyKerasMomentum", [](OpBuilder& op) {
  Describe<KerasMomentum>(op, /*is_resource=*/true);
  NesterovAttr(op);
});

}  // namespace
}  // namespace metagraph
