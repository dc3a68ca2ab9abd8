#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor/dtype.h"
#include "core/tensor/tensor.h"
#include "core/tensor/tensor_shape.h"

namespace metagraph {

// Nested JSON arrays as a tensor.
//
//   numbers   for integer and float dtypes; integers must fit
//   "NaN", "Infinity", "-Infinity"  for float dtypes
//   true, false                     for bool
//   "text", {"b64": "AAE="}         for string
//   [re, im]  as innermost arrays, for complex dtypes
//
// `dtype` DT_INVALID takes what the values look like: string, bool, float,
// int32, or int64 if a value needs it. `declared` is used for empty arrays
// only, whose inner sizes JSON cannot tell.
// INVALID_ARGUMENT: not JSON, ragged, too deep, or a value that does not fit.
absl::StatusOr<Tensor> TensorFromJson(absl::string_view text, DataType dtype,
                                      const PartialShape& declared);

}  // namespace metagraph
