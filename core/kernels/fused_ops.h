#pragma once

// What a fused convolution or matrix product does to each element that it has
// made: TensorFlow's attribute `fused_ops`.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/op/kernel_construction.h"
#include "core/op/op_builder.h"
#include "core/op/shape_context.h"
#include "core/tensor/tensor.h"

namespace metagraph {

enum class Activation : uint8_t {
  kNone,
  kRelu,
  kRelu6,
  kElu,
  kLeakyRelu,
  kSigmoid,
  kTanh
};

// In the order in which they are done. Their operands are the node's inputs
// behind the product's own.
struct FusedOps {
  bool bias = false;  // "BiasAdd": a vector along the columns
  bool add = false;   // "Add": a tensor of the output's shape
  Activation activation = Activation::kNone;
  float alpha = 0.2f;  // of kLeakyRelu

  int num_args() const { return (bias ? 1 : 0) + (add ? 1 : 0); }

  // From `fused_ops` and `leakyrelu_alpha`. UNIMPLEMENTED for what is fused in
  // another order, not at all here, or of another type than float;
  // INVALID_ARGUMENT if the node has not two inputs and num_args() more.
  absl::Status Parse(const KernelConstruction& construction);
};

// The rule of the product alone; where something is added, which may be
// broadcast, nothing is said.
template <ShapeFn kProductRule>
absl::Status FusedRule(ShapeContext& ctx) {
  ASSIGN_OR_RETURN(const auto names,
                   ctx.Attr<std::vector<std::string>>("fused_ops"));
  for (const std::string& name : names) {
    if (name == "Add") return absl::OkStatus();
  }
  return kProductRule(ctx);
}

// c = activation(c + bias + add), for `rows` rows of c and add that are `ld`
// elements apart. `bias` and `add` are null where they are not wanted.
void ApplyFusedOps(const FusedOps& ops, int64_t rows, int64_t cols,
                   const float* bias, const float* add, int64_t ld, float* c);

// The last two steps where what is added has another shape than c and one of
// the two, or both, are broadcast. INVALID_ARGUMENT if they do not fit.
absl::StatusOr<Tensor> AddBroadcast(const FusedOps& ops, const Tensor& c,
                                    const Tensor& add);

}  // namespace metagraph
