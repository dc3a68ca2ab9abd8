#pragma once

// What the kernels of TensorArrays have in common.
//
// Three spellings of each op came one after another. They differ in what
// stands for the array: a resource (V3), or the key under which the step
// keeps it (V2 and the oldest).

#include <memory>

#include "absl/status/statusor.h"
#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/op/shape_rules.h"
#include "core/state/tensor_array.h"

namespace metagraph {

inline constexpr char kTensorArrays[] = "_tensor_arrays";  // the container

// The array that input 0 stands for.
absl::StatusOr<std::shared_ptr<TensorArray>> FindArray(
    const KernelContext& ctx);
// The flow output carries nothing: it only puts ops in order.
void SetFlow(KernelContext& ctx, int output);

// Whether the array's dtype is that of the value, or the one that is wanted.
absl::Status CheckWrites(const TensorArray& array, const Tensor& value);
absl::Status CheckReads(const TensorArray& array, DataType wanted);
// sum += value: how gradient arrays add.
absl::Status Accumulate(Tensor& sum, const Tensor& value);

// The input that stands for the array, of dtype `handle`; ops on a resource are
// stateful.
void DescribeArrayHandle(OpBuilder& op, absl::string_view handle);

// Declares one op in each spelling: describe(op, dtype of the handle). The
// oldest one's handle is a reference to a string in TensorFlow; nothing ever
// writes it, so here it is a string.
#define REGISTER_ARRAY_OPS(name, describe)                               \
  REGISTER_OP(name, [](OpBuilder& op) { describe(op, "string"); });      \
  REGISTER_OP(name "V2", [](OpBuilder& op) { describe(op, "string"); }); \
  REGISTER_OP(name "V3", [](OpBuilder& op) { describe(op, "resource"); })

}  // namespace metagraph
