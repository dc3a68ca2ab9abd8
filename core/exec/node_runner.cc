#include "core/exec/node_runner.h"

#include <string>

#include "absl/strings/str_replace.h"
#include "core/base/error_details.h"
#include "core/base/status.h"
#include "core/op/member_error.h"
#include "core/program/connect.h"

namespace metagraph {
namespace {

constexpr size_t kMaxErrorBytes = 8192;

}  // namespace

absl::Status UninitializedError(absl::string_view name,
                                absl::string_view consumer) {
  std::string message =
      absl::StrCat("Attempting to use uninitialized value ", name);
  if (!consumer.empty()) {
    absl::StrAppend(&message, "\n\t [[{{node ", consumer, "}}]]");
  }
  return WithDetails(FailedPrecondition(message),
                     {{"name", std::string(name)}});
}

absl::Status AddNodeName(absl::Status status, const PlanNode& node) {
  const std::string member = TakeMember(status);
  // The caller's own limits are not the node's doing.
  if (absl::IsCancelled(status) || absl::IsDeadlineExceeded(status)) {
    return status;
  }
  // Calls within calls add theirs; hundreds help nobody.
  if (status.message().size() > kMaxErrorBytes) return status;
  return AtNode(status, member.empty() ? node.name : member);
}

absl::Status CheckOutputsSet(const PlanNode& node, const Value* outputs) {
  for (size_t i = 0; i < node.output_types.size(); ++i) {
    if (node.output_used[i] && !outputs[i].has_value()) {
      return Internal("Missing ", i, "-th output from {{node ", node.name,
                      "}}");
    }
  }
  return absl::OkStatus();
}

absl::Status FetchVariable(const PlanFetch& fetch, int variable,
                           const StepContext& step, Tensor* out) {
  Tensor scratch;
  *out = step.variables->Read(variable, &scratch);
  if (out->initialized()) return absl::OkStatus();
  const absl::string_view name =
      absl::string_view(fetch.name).substr(0, fetch.name.find(':'));
  return UninitializedError(
      name, absl::StrCat("_send_", absl::StrReplaceAll(name, {{":", "_"}}), "_",
                         fetch.output));
}

}  // namespace metagraph
