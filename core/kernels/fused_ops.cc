#include "core/kernels/fused_ops.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/kernels/broadcast_elements.h"
#include "core/kernels/sigmoid_tanh.h"

namespace metagraph {
namespace {

constexpr std::array<std::pair<const char*, Activation>, 6> kActivations = {
    {{"Relu", Activation::kRelu},
     {"Relu6", Activation::kRelu6},
     {"Elu", Activation::kElu},
     {"LeakyRelu", Activation::kLeakyRelu},
     {"Sigmoid", Activation::kSigmoid},
     {"Tanh", Activation::kTanh}}};

template <typename F>
void ForEachRow(int64_t rows, int64_t cols, const float* bias, const float* add,
                int64_t ld, float* c, F activate) {
  for (int64_t i = 0; i < rows; ++i, c += ld) {
    if (bias != nullptr && add != nullptr) {
      for (int64_t j = 0; j < cols; ++j) {
        c[j] = activate((c[j] + bias[j]) + add[j]);
      }
    } else if (bias != nullptr) {
      for (int64_t j = 0; j < cols; ++j) c[j] = activate(c[j] + bias[j]);
    } else if (add != nullptr) {
      for (int64_t j = 0; j < cols; ++j) c[j] = activate(c[j] + add[j]);
    } else {
      for (int64_t j = 0; j < cols; ++j) c[j] = activate(c[j]);
    }
    if (add != nullptr) add += ld;
  }
}

}  // namespace

absl::Status FusedOps::Parse(const KernelConstruction& construction) {
  std::vector<std::string> names;
  RETURN_IF_ERROR(
      construction.Bind("fused_ops", &names, "leakyrelu_alpha", &alpha));
  size_t next = 0;
  const auto take = [&](const char* name) {
    const bool is_next = next < names.size() && names[next] == name;
    if (is_next) ++next;
    return is_next;
  };
  bias = take("BiasAdd");
  add = take("Add");
  for (const auto& [name, value] : kActivations) {
    if (take(name)) {
      activation = value;
      break;
    }
  }
  if (next != names.size()) {
    return Unimplemented("fused_ops [", absl::StrJoin(names, ", "),
                         "]: BiasAdd, Add and an activation are fused here, "
                         "in this order");
  }
  const int args = construction.num_inputs() - 2;
  if (args != num_args()) {
    return InvalidArgument("fused_ops [", absl::StrJoin(names, ", "), "] take ",
                           num_args(), " args, the node has ", args);
  }
  for (int i = 2; i < construction.num_inputs(); ++i) {
    if (construction.input_type(i) == DT_FLOAT) continue;
    return Unimplemented("an arg of type ",
                         DataTypeName(construction.input_type(i)),
                         ": only float is fused here");
  }
  return absl::OkStatus();
}

void ApplyFusedOps(const FusedOps& ops, int64_t rows, int64_t cols,
                   const float* bias, const float* add, int64_t ld, float* c) {
  const auto run = [&](auto activate) {
    ForEachRow(rows, cols, bias, add, ld, c, activate);
  };
  switch (ops.activation) {
    case Activation::kNone:
      if (bias == nullptr && add == nullptr) return;
      return run([](float x) { return x; });
    case Activation::kRelu:
      return run([](float x) { return x < 0 ? 0.0f : x; });
    case Activation::kRelu6:
      return run([](float x) { return x < 0 ? 0.0f : x > 6 ? 6.0f : x; });
    case Activation::kElu:
      return run([](float x) { return x < 0 ? std::expm1(x) : x; });
    case Activation::kLeakyRelu:
      return run(
          [alpha = ops.alpha](float x) { return x > 0 ? x : x * alpha; });
    case Activation::kSigmoid:
      return run([](float x) { return Sigmoid(x); });
    case Activation::kTanh:
      return run([](float x) { return Tanh(x); });
  }
}

absl::StatusOr<Tensor> AddBroadcast(const FusedOps& ops, const Tensor& c,
                                    const Tensor& add) {
  ASSIGN_OR_RETURN(const Broadcast plan,
                   Broadcast::Make({&c.shape(), &add.shape()}));
  ASSIGN_OR_RETURN(Tensor out, Tensor::Allocate(DT_FLOAT, plan.shape()));
  const int64_t count = out.num_elements();
  if (count == 0) return out;
  float* to = out.mutable_data<float>();
  ForEachElement(plan, 0, count, [&](int64_t i, const Broadcast::Offsets& at) {
    to[i] = c.data<float>()[at[0]] + add.data<float>()[at[1]];
  });
  ApplyFusedOps({.activation = ops.activation, .alpha = ops.alpha}, 1, count,
                nullptr, nullptr, count, to);
  return out;
}

}  // namespace metagraph
