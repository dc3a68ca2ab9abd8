#include "core/program/passes/read_constants.h"

#include <utility>

#include "core/base/status.h"
#include "core/program/connect.h"

namespace metagraph {

absl::Status ReadConstants(Body& body, const CompileEnv& env) {
  for (Op& op : body.ops) {
    if (op.type() != "Const" || op.constant != nullptr) continue;
    auto value = env.library.Constant(op);
    if (!value.ok()) return AtNode(value.status(), op.name);
    op.constant = *std::move(value);
  }
  return absl::OkStatus();
}

}  // namespace metagraph
