#pragma once

#include <string>
#include <vector>

#include "core/op/kernel_construction.h"

namespace metagraph {

// A node's inputs as its author wrote them, control inputs ("^a") last.
struct InputNames {
  std::vector<std::string> names;
};

// The few kernels that name an input in an error ask for this in place of an
// attribute; the argument does not matter. Never fails.
template <>
absl::StatusOr<InputNames> KernelConstruction::Attr<InputNames>(
    absl::string_view) const;

}  // namespace metagraph
