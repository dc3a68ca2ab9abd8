#pragma once

#include <utility>

#include "core/tensor/tensor.h"

namespace metagraph {

// What travels along a data edge: a tensor, a reference to a variable (the
// ref edges of VariableV2, Assign, …) or nothing (a dead edge).
struct Value {
  enum class Kind : uint8_t { kNone, kTensor, kRef };

  Kind kind = Kind::kNone;
  int variable = -1;  // slot in the VariableStore, if kRef
  Tensor tensor;      // if kTensor

  void SetTensor(Tensor t) {
    kind = Kind::kTensor;
    tensor = std::move(t);
  }
  void SetRef(int slot) {
    kind = Kind::kRef;
    variable = slot;
    tensor.Reset();
  }
  void Reset() {
    kind = Kind::kNone;
    tensor.Reset();
  }
  bool has_value() const { return kind != Kind::kNone; }
};

}  // namespace metagraph
