#include "core/op/shape_context.h"

#include <algorithm>

#include "core/graph/op_signature.h"
#include "core/op/shape_rules.h"
#include "core/op/type_lists.h"

namespace metagraph {
namespace {

// What an int64 holds.
using SizeTypes =
    Types<int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t>;

}  // namespace

const ValueFacts& ShapeContext::facts(int i) const {
  static const ValueFacts kNothing;
  return i >= 0 && i < num_inputs() ? inputs_[i] : kNothing;
}

std::optional<KnownInts> IntsOf(const Tensor& tensor) {
  if (tensor.num_elements() > ShapeContext::kMaxInts) return {};
  KnownInts out;
  const bool integers =
      DispatchType(tensor.dtype(), SizeTypes(), [&]<typename T>() {
        for (T element : tensor.values<T>()) {
          out.push_back(static_cast<int64_t>(element));
        }
      });
  if (!integers) return {};
  return out;
}

std::optional<KnownInts> ShapeContext::Ints(int i) const {
  const ValueFacts& value = facts(i);
  if (value.constant != nullptr) return IntsOf(*value.constant);
  if (value.ints.has_value()) return value.ints;
  const int64_t count = ElementsOf(value.shape);
  if (count < 0 || count > kMaxInts) return {};
  return KnownInts(count, kUnknownInt);
}

std::optional<int64_t> ShapeContext::Int(int i) const {
  const std::optional<KnownInts> ints = Ints(i);
  if (!ints.has_value() || ints->size() != 1 || (*ints)[0] == kUnknownInt) {
    return {};
  }
  return (*ints)[0];
}

absl::StatusOr<PartialShape> ShapeContext::InputAsShape(int i) const {
  if (input(i).known_rank() && input(i).rank() > 1) {
    return InvalidArgument("Shape must be rank 1 but is rank ",
                           input(i).rank());
  }
  const std::optional<KnownInts> ints = Ints(i);
  // A scalar may be taken for a vector of one, or -1 for a shape of any rank.
  if (!ints.has_value() || input(i).rank() != 1) return PartialShape();
  KnownInts dims;
  for (int64_t size : *ints) {
    if (size < -1 && size != kUnknownInt) {
      return InvalidArgument("Invalid value in tensor used for shape: ", size);
    }
    dims.push_back(size < 0 ? -1 : size);
  }
  if (dims.size() > TensorShape::kMaxRank) return PartialShape();
  return PartialShape(dims);
}

const tensorflow::AttrValue* ShapeContext::RawAttr(
    absl::string_view name) const {
  return FindAttr(node_, op_, name);
}

void ShapeContext::SetOutputInts(int i, KnownInts ints) {
  const bool fits =
      ElementsOf(outputs_[i].shape) == static_cast<int64_t>(ints.size()) &&
      ints.size() <= kMaxInts;
  const bool known = std::any_of(ints.begin(), ints.end(), [](int64_t value) {
    return value != kUnknownInt;
  });
  if (!fits || !known) return;
  outputs_[i].ints = std::move(ints);
}

void ShapeContext::ForwardInput(int i, int o) { outputs_[o] = facts(i); }

}  // namespace metagraph
