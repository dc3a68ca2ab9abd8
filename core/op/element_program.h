#pragma once

// What one _FusedElementwise op computes: element-wise ops, softmax, and
// reductions of the last dimensions, all of floats, each of what it is given or
// of what came before.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metagraph {

enum class ElementOp : uint8_t {
  // Of two values, broadcast.
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMaximum,
  kMinimum,
  kSquaredDifference,
  kPow,
  kBiasAdd,  // the second is a vector along the last dimension
  // Of one value.
  kNeg,
  kAbs,
  kSquare,
  kSqrt,
  kRsqrt,
  kReciprocal,
  kFloor,
  kExp,
  kExpm1,
  kLog,
  kLog1p,
  kSin,
  kCos,
  kTanh,
  kSigmoid,
  kErf,
  kRelu,
  kRelu6,
  kLeakyRelu,
  kElu,
  kSelu,
  kSoftplus,
  kSoftsign,
  // A part of an input's last dimension, as Split cuts it.
  kPart,
  // Of the rows along the last dimension of one value.
  kSoftmax,
  kLogSoftmax,
  // Of the last dimensions of one value.
  kSum,
  kMean,
  kMax,
  kMin,
};

bool IsBinary(ElementOp op);
bool IsOfRows(ElementOp op);
bool IsReduction(ElementOp op);
// As TensorFlow calls it; false if it is not such an op.
bool FindElementOp(absl::string_view type, ElementOp* op);

struct ElementStep {
  ElementOp op = ElementOp::kAdd;
  bool keep_dims = false;  // a reduction
  float alpha = 0;         // LeakyRelu
  int32_t part = 0;        // kPart: which one …
  int32_t parts = 1;       // … of how many
  // What it reads: the result of an earlier step, or input i, as ~i. Where it
  // reads one value, both are that.
  std::array<int, 2> from = {0, 0};
  std::vector<int32_t> axes;  // a reduction; negative ones count from the end

  int num_inputs() const { return IsBinary(op) ? 2 : 1; }
};

// Steps in their order; the last one's result is the output.
using ElementProgram = std::vector<ElementStep>;

// "t0=Part(x0,part=1,of=4) t1=Mean(t0,axis=-1,keep)
// t2=LeakyRelu(t1,alpha=0.5)": x are the inputs, t the results.
std::string PrintElementProgram(const ElementProgram& program);
// INVALID_ARGUMENT: not such a text, no step, or a step that reads what is not
// there before it.
absl::StatusOr<ElementProgram> ParseElementProgram(absl::string_view text,
                                                   int num_inputs);

}  // namespace metagraph
