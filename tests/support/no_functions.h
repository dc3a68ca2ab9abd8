#pragma once

#include "core/base/status.h"
#include "core/op/callable.h"

namespace metagraph {

// For programs that call none.
struct NoFunctions final : FunctionResolver {
  absl::StatusOr<const Callable*> Find(const tensorflow::NameAttrList& function,
                                       absl::string_view) override {
    return Unimplemented("no function \"", function.name(), "\" in this test");
  }
};

}  // namespace metagraph
