#pragma once

// The loops that element-wise ops and reductions of floats run, for kernels
// that run several of them: what is computed is what the op's own kernel
// computes, bit by bit.

#include "core/kernels/binary_kernel.h"
#include "core/kernels/reduce.h"
#include "core/kernels/softmax.h"
#include "core/kernels/unary_kernel.h"
#include "core/op/element_program.h"

namespace metagraph {

struct ElementLoops {
  const UnaryLoop* unary = nullptr;
  // LeakyRelu, too: its second operand is alpha.
  const BinaryLoops* binary = nullptr;
  const Reduction* reduction = nullptr;
  SoftmaxRow row = nullptr;
  // A unary loop that computes the elements of whole vectors of 8 otherwise
  // than the few that are left at the end.
  bool by_place = false;
  // Nanoseconds for 16 elements, when memory is no matter.
  int cost = 1;
};

ElementLoops LoopsOf(ElementOp op);

// out = loop(x) for elements [begin, begin + n) of `total`, as the loop would
// compute them together with all others.
void RunByPlace(const UnaryLoop& loop, const float* x, float* out, int64_t n,
                int64_t begin, int64_t total);

// What BiasAdd refuses, with channels last.
absl::Status CheckBiasAdd(const Tensor& value, const Tensor& bias);

// Of the ops of one file each; nullptr if it is another's.
const BinaryLoops* ArithmeticLoops(ElementOp op);
const BinaryLoops* DivisionLoops(ElementOp op);
const BinaryLoops* BinaryMathLoops(ElementOp op);
const BinaryLoops* LeakyReluLoops(ElementOp op);
const UnaryLoop* UnarySimpleLoop(ElementOp op);
const UnaryLoop* UnaryMathLoop(ElementOp op);
const UnaryLoop* ReluLoop(ElementOp op);
const UnaryLoop* ActivationLoop(ElementOp op);
const Reduction* SumReduction(ElementOp op);
const Reduction* ExtremeReduction(ElementOp op);

}  // namespace metagraph
