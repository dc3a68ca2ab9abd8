#include "core/op/kernel_construction.h"

#include "core/op/input_names.h"

namespace metagraph {

template <>
absl::StatusOr<InputNames> KernelConstruction::Attr<InputNames>(
    absl::string_view) const {
  return InputNames{{node_.input().begin(), node_.input().end()}};
}

}  // namespace metagraph
