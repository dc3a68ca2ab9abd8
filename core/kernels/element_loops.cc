#include "core/kernels/element_loops.h"

#include <algorithm>
#include <cstdint>

namespace metagraph {
namespace {

constexpr int64_t kVector = 8;

int CostOf(ElementOp op) {
  switch (op) {
    case ElementOp::kPow:
      return 300;
    case ElementOp::kExp:
    case ElementOp::kExpm1:
    case ElementOp::kLog:
    case ElementOp::kLog1p:
    case ElementOp::kSin:
    case ElementOp::kCos:
    case ElementOp::kTanh:
    case ElementOp::kSigmoid:
    case ElementOp::kErf:
    case ElementOp::kElu:
    case ElementOp::kSelu:
    case ElementOp::kSoftplus:
      return 16;
    case ElementOp::kSoftmax:
    case ElementOp::kLogSoftmax:
      return 24;
    case ElementOp::kDiv:
    case ElementOp::kSqrt:
    case ElementOp::kRsqrt:
    case ElementOp::kReciprocal:
    case ElementOp::kSoftsign:
      return 6;
    default:
      return 2;
  }
}

// Those that Eigen computes, or Sigmoid as TensorFlow has it.
bool IsByPlace(ElementOp op) {
  switch (op) {
    case ElementOp::kExp:
    case ElementOp::kExpm1:
    case ElementOp::kLog:
    case ElementOp::kLog1p:
    case ElementOp::kSin:
    case ElementOp::kCos:
    case ElementOp::kSigmoid:
    case ElementOp::kElu:
    case ElementOp::kSelu:
    case ElementOp::kSoftplus:
      return true;
    default:
      return false;
  }
}

const BinaryLoops* BinaryOf(ElementOp op) {
  // The bias is broadcast as any other operand.
  if (op == ElementOp::kBiasAdd) op = ElementOp::kAdd;
  for (const auto family :
       {ArithmeticLoops, DivisionLoops, BinaryMathLoops, LeakyReluLoops}) {
    if (const BinaryLoops* loops = family(op)) return loops;
  }
  return nullptr;
}

const UnaryLoop* UnaryOf(ElementOp op) {
  for (const auto family :
       {UnarySimpleLoop, UnaryMathLoop, ReluLoop, ActivationLoop}) {
    if (const UnaryLoop* loop = family(op)) return loop;
  }
  return nullptr;
}

bool IsAligned(const float* p) {
  return reinterpret_cast<uintptr_t>(p) % (kVector * sizeof(float)) == 0;
}

}  // namespace

ElementLoops LoopsOf(ElementOp op) {
  ElementLoops out;
  out.cost = CostOf(op);
  out.by_place = IsByPlace(op);
  if (IsReduction(op)) {
    out.reduction = SumReduction(op);
    if (out.reduction == nullptr) out.reduction = ExtremeReduction(op);
    return out;
  }
  if (IsOfRows(op)) {
    out.row = RowOfSoftmax(op == ElementOp::kLogSoftmax);
    return out;
  }
  out.binary = BinaryOf(op);
  if (out.binary == nullptr) out.unary = UnaryOf(op);
  return out;
}

void RunByPlace(const UnaryLoop& loop, const float* x, float* out, int64_t n,
                int64_t begin, int64_t total) {
  const int64_t whole = total / kVector * kVector;
  const int64_t in_vectors = std::clamp<int64_t>(whole - begin, 0, n);
  if (in_vectors > 0 && in_vectors % kVector == 0 && IsAligned(out)) {
    loop.run(x, out, in_vectors);
  } else {
    // As if they stood where vectors begin; each element is computed by itself.
    constexpr int64_t kPart = 256;
    alignas(64) float part[kPart];
    for (int64_t i = 0; i < in_vectors; i += kPart) {
      const int64_t count = std::min(kPart, in_vectors - i);
      const int64_t padded = (count + kVector - 1) / kVector * kVector;
      std::copy_n(x + i, count, part);
      std::fill(part + count, part + padded, 0.0f);
      loop.run(part, part, padded);
      std::copy_n(part, count, out + i);
    }
  }
  for (int64_t i = in_vectors; i < n; ++i) loop.run(x + i, out + i, 1);
}

}  // namespace metagraph
