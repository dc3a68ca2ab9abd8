#include "core/program/passes/pipeline.h"

#include "core/base/status.h"
#include "core/program/passes/expand_powers.h"
#include "core/program/passes/fold_constants.h"
#include "core/program/passes/forward_identities.h"
#include "core/program/passes/fuse_elementwise.h"
#include "core/program/passes/fuse_products.h"
#include "core/program/passes/infer_shapes.h"
#include "core/program/passes/inline_calls.h"
#include "core/program/passes/read_constants.h"
#include "core/program/passes/read_loop_constants.h"
#include "core/program/passes/read_weights.h"
#include "core/program/passes/remove_unused.h"
#include "core/program/passes/share_equal.h"
#include "core/program/passes/simplify.h"
#include "core/program/passes/trim_calls.h"

namespace metagraph {

namespace {

// The passes below may ask each op what it is.
absl::Status CheckAllKnown(const Body& body) {
  for (const Op& op : body.ops) {
    if (op.info != nullptr) continue;
    return Unimplemented("op ", op.type(), " has no kernel here (node \"",
                         op.name, "\")");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status RunPasses(Body& body, const CompileEnv& env, CompileLevel level) {
  RETURN_IF_ERROR(CheckAllKnown(body));
  RETURN_IF_ERROR(TrimCalls(body, env));
  if (level == CompileLevel::kOff) {
    RETURN_IF_ERROR(ReadConstants(body, env));
    return FindShapes(body, env);
  }
  // Trimmed again, as calls stand in what was inlined.
  for (const Pass pass : {InlineCalls, TrimCalls, ReadConstants, ReadWeights,
                          FoldConstants, FindShapes, Simplify,
                          ForwardIdentities, ReadLoopConstants, ShareEqual}) {
    if (env.call != nullptr) RETURN_IF_ERROR(env.call->Check());
    RETURN_IF_ERROR(pass(body, env));
  }
  if (level == CompileLevel::kFull) RETURN_IF_ERROR(ExpandPowers(body, env));
  for (const Pass fuse : {FuseProducts, FuseElementwise}) {
    // Who reads a value is known when nobody reads it in vain.
    RemoveUnused(body);
    RETURN_IF_ERROR(fuse(body, env));
  }
  RemoveUnused(body);
  return absl::OkStatus();
}

}  // namespace metagraph
