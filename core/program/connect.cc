#include "core/program/connect.h"

#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace metagraph {

bool WantsRef(const Op& op, int i, DataType given) {
  if (op.kind != OpKind::kPlain && !IsRefType(given)) return false;
  return IsRefType(op.signature.inputs[i]);
}

absl::Status CheckInputType(const Op& op, int i, DataType given,
                            absl::string_view source) {
  const DataType wanted = op.signature.inputs[i];
  if (BaseType(given) == BaseType(wanted) &&
      (!WantsRef(op, i, given) || IsRefType(given))) {
    return absl::OkStatus();
  }
  return InvalidArgument("Input ", i, " of node ", op.name, " was passed ",
                         DataTypeName(given), " from ", source,
                         " incompatible with expected ", DataTypeName(wanted),
                         ".");
}

absl::Status AtNode(const absl::Status& status, absl::string_view node) {
  if (status.ok()) return status;
  absl::Status out(status.code(), absl::StrCat(status.message(),
                                               "\n\t [[{{node ", node, "}}]]"));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) {
    out.SetPayload(url, payload);
  });
  return out;
}

}  // namespace metagraph
