#include "core/op/element_program.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"

namespace metagraph {
namespace {

struct NamedOp {
  absl::string_view name;
  ElementOp op;
};

// The first name of an op is the one that is printed.
constexpr NamedOp kOps[] = {
    {"Add", ElementOp::kAdd},
    {"AddV2", ElementOp::kAdd},
    {"Sub", ElementOp::kSub},
    {"Mul", ElementOp::kMul},
    {"RealDiv", ElementOp::kDiv},
    {"Div", ElementOp::kDiv},
    {"Maximum", ElementOp::kMaximum},
    {"Minimum", ElementOp::kMinimum},
    {"SquaredDifference", ElementOp::kSquaredDifference},
    {"Pow", ElementOp::kPow},
    {"BiasAdd", ElementOp::kBiasAdd},
    {"Neg", ElementOp::kNeg},
    {"Abs", ElementOp::kAbs},
    {"Square", ElementOp::kSquare},
    {"Sqrt", ElementOp::kSqrt},
    {"Rsqrt", ElementOp::kRsqrt},
    {"Reciprocal", ElementOp::kReciprocal},
    {"Inv", ElementOp::kReciprocal},
    {"Floor", ElementOp::kFloor},
    {"Exp", ElementOp::kExp},
    {"Expm1", ElementOp::kExpm1},
    {"Log", ElementOp::kLog},
    {"Log1p", ElementOp::kLog1p},
    {"Sin", ElementOp::kSin},
    {"Cos", ElementOp::kCos},
    {"Tanh", ElementOp::kTanh},
    {"Sigmoid", ElementOp::kSigmoid},
    {"Erf", ElementOp::kErf},
    {"Relu", ElementOp::kRelu},
    {"Relu6", ElementOp::kRelu6},
    {"LeakyRelu", ElementOp::kLeakyRelu},
    {"Elu", ElementOp::kElu},
    {"Selu", ElementOp::kSelu},
    {"Softplus", ElementOp::kSoftplus},
    {"Softsign", ElementOp::kSoftsign},
    {"Part", ElementOp::kPart},
    {"Softmax", ElementOp::kSoftmax},
    {"LogSoftmax", ElementOp::kLogSoftmax},
    {"Sum", ElementOp::kSum},
    {"Mean", ElementOp::kMean},
    {"Max", ElementOp::kMax},
    {"Min", ElementOp::kMin},
};

absl::string_view NameOf(ElementOp op) {
  for (const NamedOp& named : kOps) {
    if (named.op == op) return named.name;
  }
  return "";
}

std::string NameOf(int from) {
  return from < 0 ? absl::StrCat("x", ~from) : absl::StrCat("t", from);
}

// "x1" or "t0" of `num_inputs` inputs and the results of `num_steps` steps.
bool ParseValue(absl::string_view text, int num_inputs, int num_steps,
                int* from) {
  const bool is_input = absl::ConsumePrefix(&text, "x");
  if (!is_input && !absl::ConsumePrefix(&text, "t")) return false;
  int number = 0;
  if (!absl::SimpleAtoi(text, &number) || number < 0 ||
      number >= (is_input ? num_inputs : num_steps)) {
    return false;
  }
  *from = is_input ? ~number : number;
  return true;
}

// What stands behind the values in the parentheses.
bool ParseOption(absl::string_view text, ElementStep* step) {
  if (absl::ConsumePrefix(&text, "alpha=")) {
    return step->op == ElementOp::kLeakyRelu &&
           absl::SimpleAtof(text, &step->alpha);
  }
  if (absl::ConsumePrefix(&text, "part=")) {
    return step->op == ElementOp::kPart && absl::SimpleAtoi(text, &step->part);
  }
  if (absl::ConsumePrefix(&text, "of=")) {
    return step->op == ElementOp::kPart && absl::SimpleAtoi(text, &step->parts);
  }
  if (!IsReduction(step->op)) return false;
  if (text == "keep") {
    step->keep_dims = true;
    return true;
  }
  int32_t axis = 0;
  if (!absl::ConsumePrefix(&text, "axis=") || !absl::SimpleAtoi(text, &axis)) {
    return false;
  }
  step->axes.push_back(axis);
  return true;
}

// "t2=Mul(x0,t1)", where t2 is the next one.
bool ParseStep(absl::string_view text, int num_inputs, int number,
               ElementStep* step) {
  const std::pair<absl::string_view, absl::string_view> sides =
      absl::StrSplit(text, absl::MaxSplits('=', 1));
  absl::string_view call = sides.second;
  const size_t open = call.find('(');
  if (sides.first != NameOf(number) || open == absl::string_view::npos ||
      !absl::ConsumeSuffix(&call, ")") ||
      !FindElementOp(call.substr(0, open), &step->op)) {
    return false;
  }
  int place = 0;
  for (absl::string_view part : absl::StrSplit(call.substr(open + 1), ',')) {
    const bool good =
        place < step->num_inputs()
            ? ParseValue(part, num_inputs, number, &step->from[place])
            : ParseOption(part, step);
    if (!good) return false;
    ++place;
  }
  if (!IsBinary(step->op)) step->from[1] = step->from[0];
  if (step->op == ElementOp::kPart &&
      (step->from[0] >= 0 || step->part < 0 || step->part >= step->parts)) {
    return false;
  }
  return place >= step->num_inputs();
}

}  // namespace

bool IsBinary(ElementOp op) { return op <= ElementOp::kBiasAdd; }
bool IsOfRows(ElementOp op) {
  return op == ElementOp::kSoftmax || op == ElementOp::kLogSoftmax;
}
bool IsReduction(ElementOp op) { return op >= ElementOp::kSum; }

bool FindElementOp(absl::string_view type, ElementOp* op) {
  static const auto* kByName = [] {
    auto* map = new absl::flat_hash_map<absl::string_view, ElementOp>;
    for (const NamedOp& named : kOps) map->emplace(named.name, named.op);
    return map;
  }();
  const auto it = kByName->find(type);
  if (it == kByName->end()) return false;
  *op = it->second;
  return true;
}

std::string PrintElementProgram(const ElementProgram& program) {
  std::string out;
  for (size_t i = 0; i < program.size(); ++i) {
    const ElementStep& step = program[i];
    absl::StrAppend(&out, i == 0 ? "t" : " t", i, "=", NameOf(step.op), "(",
                    NameOf(step.from[0]));
    if (IsBinary(step.op)) absl::StrAppend(&out, ",", NameOf(step.from[1]));
    for (const int32_t axis : step.axes) absl::StrAppend(&out, ",axis=", axis);
    if (step.keep_dims) out += ",keep";
    if (step.op == ElementOp::kPart) {
      absl::StrAppend(&out, ",part=", step.part, ",of=", step.parts);
    }
    if (step.op == ElementOp::kLeakyRelu) {
      absl::StrAppendFormat(&out, ",alpha=%.9g", step.alpha);
    }
    out += ")";
  }
  return out;
}

absl::StatusOr<ElementProgram> ParseElementProgram(absl::string_view text,
                                                   int num_inputs) {
  // More than any that is made here; a strip does not ask for the deadline.
  constexpr size_t kMostSteps = 1 << 14;
  ElementProgram program;
  for (absl::string_view part : absl::StrSplit(text, ' ')) {
    const int number = static_cast<int>(program.size());
    if (program.size() == kMostSteps) {
      return InvalidArgument("a program of more than ", kMostSteps, " steps");
    }
    if (!ParseStep(part, num_inputs, number, &program.emplace_back())) {
      return InvalidArgument("\"", part, "\" is no step t", number,
                             " of a program of ", num_inputs, " inputs");
    }
  }
  return program;
}

}  // namespace metagraph
