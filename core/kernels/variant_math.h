#pragma once

#include "absl/status/statusor.h"
#include "core/op/kernel_context.h"
#include "core/tensor/variant.h"

namespace metagraph {

// a + b: of lists and optionals element by element, nested ones too, however
// deep. What is not initialized counts as zeros. INVALID_ARGUMENT if they do
// not fit, INTERNAL (TensorFlow's code) if they are no two values of one type
// that can be added.
absl::StatusOr<Variant> AddVariants(const KernelContext& ctx, const Variant& a,
                                    const Variant& b);

// `x` with zeros for all that it holds; what is not initialized stays so.
// Errors as above.
absl::StatusOr<Variant> ZerosLikeVariant(const KernelContext& ctx,
                                         const Variant& x);

}  // namespace metagraph
