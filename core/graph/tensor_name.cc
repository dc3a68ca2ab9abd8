#include "core/graph/tensor_name.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/status.h"

namespace metagraph {

std::string TensorName::ToString() const {
  return absl::StrCat(node, ":", index);
}

absl::StatusOr<TensorName> ParseTensorName(absl::string_view name) {
  const auto bad = [name](absl::string_view why) {
    return InvalidArgument("\"", name, "\" is no tensor name: ", why);
  };
  if (name.empty()) return InvalidArgument("a tensor name is empty");
  if (IsControlInput(name)) return bad("it names a control input");
  TensorName out;
  const size_t colon = name.rfind(':');
  out.node = name.substr(0, colon);
  if (out.node.empty()) return bad("there is no node before the colon");
  if (colon == absl::string_view::npos) return out;

  const absl::string_view digits = name.substr(colon + 1);
  bool is_number = !digits.empty() && (digits[0] != '0' || digits.size() == 1);
  for (char c : digits) is_number = is_number && absl::ascii_isdigit(c);
  if (!is_number || !absl::SimpleAtoi(digits, &out.index)) {
    return bad("the part after the colon is no output number");
  }
  return out;
}

}  // namespace metagraph
