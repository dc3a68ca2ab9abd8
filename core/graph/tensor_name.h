#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metagraph {

// "op:index" taken apart; "op" alone is index 0. Views into the input.
struct TensorName {
  absl::string_view node;
  int index = 0;

  std::string ToString() const;
};

// INVALID_ARGUMENT for "^op", an empty node name or an index that is no
// number.
absl::StatusOr<TensorName> ParseTensorName(absl::string_view name);

// Whether `input` is a control input, "^op".
inline bool IsControlInput(absl::string_view input) {
  return !input.empty() && input[0] == '^';
}

}  // namespace metagraph
