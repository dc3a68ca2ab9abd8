#include "tests/support/shape_check.h"

#include <utility>

#include "absl/strings/str_join.h"
#include "core/op/infer_shapes.h"
#include "gtest/gtest.h"

namespace metagraph {
namespace {

using Code = absl::StatusCode;

// The shape with every second size unknown, starting at `first`.
PartialShape EverySecond(const TensorShape& shape, size_t first) {
  std::vector<int64_t> dims(shape.dims().begin(), shape.dims().end());
  for (size_t i = first % 2; i < dims.size(); i += 2) dims[i] = -1;
  return PartialShape(dims);
}

std::string Describe(const std::vector<ValueFacts>& facts) {
  return absl::StrJoin(facts, ", ",
                       [](std::string* out, const ValueFacts& fact) {
                         absl::StrAppend(out, fact.shape.ToString());
                       });
}

}  // namespace

std::string Contradiction(const ValueFacts& facts, const Tensor& tensor) {
  if (!facts.shape.IsCompatibleWith(tensor.shape())) {
    return absl::StrCat("is ", tensor.shape().ToString(), ", said was ",
                        facts.shape.ToString());
  }
  if (!facts.ints.has_value()) return "";
  const auto ints = IntsOf(tensor);
  if (!ints.has_value()) return "is no small tensor of integers, as was said";
  for (size_t i = 0; i < ints->size(); ++i) {
    const int64_t said = (*facts.ints)[i];
    if (said != kUnknownInt && said != (*ints)[i]) {
      return absl::StrCat("has ", (*ints)[i], " at ", i, ", said was ", said);
    }
  }
  return "";
}

ShapeCheck::ShapeCheck(const OpInfo& op, const tensorflow::NodeDef& node,
                       absl::Span<const Tensor* const> inputs,
                       size_t num_outputs)
    : node_(node) {
  constexpr const char* kKnown[] = {"all",         "shapes", "ranks",
                                    "some values", "others", "nothing"};
  for (size_t level = 0; level < std::size(kKnown); ++level) {
    Answer& answer = answers_.emplace_back();
    answer.known = kKnown[level];
    for (size_t i = 0; i < inputs.size(); ++i) {
      ValueFacts& facts = answer.inputs.emplace_back();
      if (inputs[i] == nullptr || level == 5) continue;
      const Tensor& tensor = *inputs[i];
      facts.shape = PartialShape(tensor.shape());
      if (level == 0) facts.constant = &tensor;
      if (level == 2) {
        facts.shape = PartialShape(std::vector<int64_t>(tensor.rank(), -1));
      }
      if (level == 3 || level == 4) {
        facts.shape = EverySecond(tensor.shape(), i + level);
        if ((i + level) % 2 == 0) {
          if (auto ints = IntsOf(tensor)) {
            facts.shape = PartialShape(tensor.shape());
            facts.ints = *std::move(ints);
            for (size_t k = 1; k < facts.ints->size(); k += 2) {
              (*facts.ints)[k] = kUnknownInt;
            }
          }
        }
      }
    }
    answer.outputs.resize(num_outputs);
    answer.status =
        InferOutputs(op, node, answer.inputs, absl::MakeSpan(answer.outputs));
    for (ValueFacts& facts : answer.inputs) facts.constant = nullptr;
  }
}

void ShapeCheck::Expect(const absl::Status& ran,
                        absl::Span<const Value> outputs) const {
  for (const Answer& answer : answers_) {
    const std::string where =
        absl::StrCat("with ", answer.known, " known of ",
                     Describe(answer.inputs), ": ", node_.ShortDebugString());
    if (!answer.status.ok()) {
      EXPECT_FALSE(ran.ok())
          << "the shape rule refuses what runs " << where << "\n"
          << answer.status;
      const bool alike = ran.code() == answer.status.code() ||
                         ran.code() == Code::kResourceExhausted || ran.ok();
      EXPECT_TRUE(alike) << "the shape rule says " << answer.status
                         << ", the kernel " << ran << " " << where;
      continue;
    }
    for (size_t i = 0; ran.ok() && i < outputs.size(); ++i) {
      if (outputs[i].kind != Value::Kind::kTensor) continue;
      EXPECT_EQ(Contradiction(answer.outputs[i], outputs[i].tensor), "")
          << "output " << i << " " << where;
    }
  }
}

}  // namespace metagraph
