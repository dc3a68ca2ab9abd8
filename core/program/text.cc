#include "core/program/text.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/base/status.h"
#include "core/io/text_proto.h"
#include "core/program/attributes.h"
#include "core/program/connect.h"
#include "core/tensor/tensor_proto.h"
#include "google/protobuf/text_format.h"

namespace metagraph {
namespace {

using tensorflow::AttrValue;

// Larger values are not shown.
constexpr int64_t kMaxShownBytes = 256;

std::string InBraces(const AttrValue& value) {
  std::string text;
  google::protobuf::TextFormat::Printer printer;
  printer.SetSingleLineMode(true);
  if (!printer.PrintToString(value, &text)) return "{}";
  return absl::StrCat("{", absl::StripTrailingAsciiWhitespace(text), "}");
}

std::string PrintAttr(const AttrValue& value) {
  switch (value.value_case()) {
    case AttrValue::kType:
      return std::string(DataTypeName(static_cast<DataType>(value.type())));
    case AttrValue::kI:
      return absl::StrCat(value.i());
    case AttrValue::kB:
      return value.b() ? "true" : "false";
    case AttrValue::kS:
      return absl::StrCat("'", absl::CEscape(value.s()), "'");
    case AttrValue::kFunc:
      if (value.func().attr().empty()) {
        return absl::StrCat("@", value.func().name());
      }
      return InBraces(value);
    case AttrValue::kTensor:
      if (value.tensor().ByteSizeLong() > kMaxShownBytes) return "{…}";
      return InBraces(value);
    default:
      return InBraces(value);
  }
}

std::string PrintConstant(const Tensor& value) {
  AttrValue attr;
  if (value.size_bytes() > kMaxShownBytes) {
    return "{…}";
  }
  TensorToProto(value, attr.mutable_tensor());
  return InBraces(attr);
}

// What is known of the outputs, as a comment; the end of the line.
std::string PrintShapes(const Op& op) {
  bool known = false;
  std::vector<std::string> shapes;
  for (const PartialShape& shape : op.shapes) {
    known |= shape.known_rank();
    shapes.push_back(shape.known_rank() ? shape.ToString() : "?");
  }
  if (!known) return "\n";
  return absl::StrCat("  # ", absl::StrJoin(shapes, ", "), "\n");
}

std::string PrintOp(const Body& body, const Op& op) {
  std::vector<std::string> inputs;
  for (const ValueRef& input : op.inputs) {
    inputs.push_back(NameOf(body, input));
  }
  for (int control : op.controls) {
    inputs.push_back(absl::StrCat("^", body.ops[control].name));
  }
  const bool folded =
      op.constant != nullptr &&
      (op.type() != "Const" || !op.node->attr().contains("value"));
  std::string out = absl::StrCat(op.name, " = ", folded ? "Const" : op.type(),
                                 "(", absl::StrJoin(inputs, ", "), ")");
  if (folded) {
    absl::StrAppend(
        &out, " dtype=", DataTypeName(op.constant->dtype()), " value=",
        absl::StrReplaceAll(PrintConstant(*op.constant), {{"#", "\\043"}}));
    return out + PrintShapes(op);
  }
  for (const auto& [name, value] : SortedAttrs(op.node->attr())) {
    // What follows the sign would be a comment; it stands in strings only.
    absl::StrAppend(&out, " ", name, "=",
                    absl::StrReplaceAll(PrintAttr(*value), {{"#", "\\043"}}));
  }
  return out + PrintShapes(op);
}

// The value of an attribute as written; nullopt-like false if it is none.
bool ParseAttr(absl::string_view text, AttrValue* out) {
  int64_t number = 0;
  if (text == "true" || text == "false") {
    out->set_b(text == "true");
  } else if (text.size() >= 2 && text.front() == '\'' && text.back() == '\'') {
    std::string value;
    if (!absl::CUnescape(text.substr(1, text.size() - 2), &value)) return false;
    out->set_s(value);
  } else if (absl::ConsumePrefix(&text, "@")) {
    out->mutable_func()->set_name(std::string(text));
  } else if (text.size() >= 2 && text.front() == '{' && text.back() == '}') {
    return ParseTextProto(text.substr(1, text.size() - 2),
                          UnknownFields::kRefuse, out)
        .ok();
  } else if (absl::SimpleAtoi(text, &number)) {
    out->set_i(number);
  } else {
    const DataType dtype = DataTypeFromName(text);
    if (dtype == DT_INVALID) return false;
    out->set_type(dtype);
  }
  return true;
}

// Takes "name=value" off the front: a value in braces or quotes may hold
// spaces.
bool TakeAttr(absl::string_view* rest, std::string* name, AttrValue* value) {
  const size_t equals = rest->find('=');
  if (equals == absl::string_view::npos) return false;
  *name = std::string(rest->substr(0, equals));
  rest->remove_prefix(equals + 1);
  size_t end = 0;
  int depth = 0;
  bool quoted = false;
  for (; end < rest->size(); ++end) {
    const char c = (*rest)[end];
    if (c == '\\' && quoted) {
      ++end;
    } else if (c == '\'' && depth == 0) {
      quoted = !quoted;
    } else if (!quoted && c == '{') {
      ++depth;
    } else if (!quoted && c == '}') {
      --depth;
    } else if (c == ' ' && !quoted && depth == 0) {
      break;
    }
  }
  end = std::min(end, rest->size());
  const bool good = ParseAttr(rest->substr(0, end), value);
  rest->remove_prefix(end);
  *rest = absl::StripAsciiWhitespace(*rest);
  return good;
}

std::vector<absl::string_view> SplitList(absl::string_view text) {
  std::vector<absl::string_view> out;
  for (absl::string_view part : absl::StrSplit(text, ',')) {
    part = absl::StripAsciiWhitespace(part);
    if (!part.empty()) out.push_back(part);
  }
  return out;
}

class Parser {
 public:
  explicit Parser(const OpRegistry& ops) : ops_(ops) {}

  absl::StatusOr<Body> Parse(absl::string_view text) {
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      ++line_;
      line = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
      if (line.empty()) continue;
      const absl::Status status = ParseLine(line);
      if (!status.ok()) return AtLine(status, line_);
    }
    for (size_t i = 0; i < uses_.size(); ++i) {
      const absl::Status status = uses_[i].resolve();
      if (!status.ok()) return AtLine(status, uses_[i].line);
    }
    return std::move(body_);
  }

 private:
  // Names are resolved when all are known.
  struct Use {
    int line;
    std::function<absl::Status()> resolve;
  };

  static absl::Status AtLine(const absl::Status& status, int line) {
    return Annotate(status, "line ", line, ": ");
  }

  absl::Status ParseLine(absl::string_view line) {
    if (absl::ConsumePrefix(&line, "arg ")) return ParseArgument(line);
    if (absl::ConsumePrefix(&line, "return ")) {
      for (absl::string_view name : SplitList(line)) {
        uses_.push_back({line_, [this, name = std::string(name)] {
                           ValueRef value;
                           RETURN_IF_ERROR(FindValue(name, &value));
                           body_.results.push_back({value, name});
                           return absl::OkStatus();
                         }});
      }
      return absl::OkStatus();
    }
    if (absl::ConsumePrefix(&line, "run ")) {
      for (absl::string_view name : SplitList(line)) {
        uses_.push_back({line_, [this, name = std::string(name)] {
                           int op = -1;
                           RETURN_IF_ERROR(FindOp(name, &op));
                           body_.targets.push_back(op);
                           return absl::OkStatus();
                         }});
      }
      return absl::OkStatus();
    }
    return ParseOp(line);
  }

  absl::Status ParseArgument(absl::string_view line) {
    const std::vector<absl::string_view> parts =
        absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (parts.size() != 2)
      return InvalidArgument("expected \"arg NAME DTYPE\"");
    const DataType dtype = DataTypeFromName(parts[1]);
    if (dtype == DT_INVALID) {
      return InvalidArgument("no dtype is called \"", parts[1], "\"");
    }
    body_.args.push_back({std::string(parts[0]), dtype});
    return absl::OkStatus();
  }

  absl::Status ParseOp(absl::string_view line) {
    const size_t equals = line.find(" = ");
    const size_t open = line.find('(');
    const size_t close = line.find(')');
    if (equals == absl::string_view::npos || open == absl::string_view::npos ||
        close == absl::string_view::npos || open < equals || close < open) {
      return InvalidArgument("expected \"NAME = OP(INPUTS) ATTRIBUTES\"");
    }
    auto node = std::make_shared<tensorflow::NodeDef>();
    Op op;
    op.name = std::string(line.substr(0, equals));
    node->set_name(op.name);
    node->set_op(std::string(absl::StripAsciiWhitespace(
        line.substr(equals + 3, open - equals - 3))));
    op.info = ops_.Find(node->op());
    if (op.info == nullptr) {
      return InvalidArgument("no op is called \"", node->op(), "\"");
    }
    absl::string_view rest = absl::StripAsciiWhitespace(line.substr(close + 1));
    while (!rest.empty()) {
      std::string name;
      AttrValue value;
      if (!TakeAttr(&rest, &name, &value)) {
        return InvalidArgument("attribute \"", name, "\" has no value");
      }
      (*node->mutable_attr())[name] = std::move(value);
    }
    op.kind = KindOf(node->op());
    ASSIGN_OR_RETURN(op.signature, ResolveSignature(*node, op.info->def));
    op.node = std::move(node);
    const int place = static_cast<int>(body_.ops.size());
    if (!place_of_.emplace(op.name, place).second) {
      return InvalidArgument("two ops are called \"", op.name, "\"");
    }
    body_.ops.push_back(std::move(op));
    const absl::string_view inputs = line.substr(open + 1, close - open - 1);
    uses_.push_back({line_, [this, place, inputs = std::string(inputs)] {
                       return Connect(place, inputs);
                     }});
    return absl::OkStatus();
  }

  absl::Status Connect(int place, absl::string_view inputs) {
    Op& op = body_.ops[place];
    for (absl::string_view name : SplitList(inputs)) {
      if (absl::ConsumePrefix(&name, "^")) {
        int control = -1;
        RETURN_IF_ERROR(FindOp(name, &control));
        op.controls.push_back(control);
        continue;
      }
      ValueRef value;
      RETURN_IF_ERROR(FindValue(name, &value));
      const size_t i = op.inputs.size();
      if (i < op.signature.inputs.size()) {
        RETURN_IF_ERROR(
            CheckInputType(op, static_cast<int>(i), body_.TypeOf(value), name));
      }
      op.inputs.push_back(value);
    }
    if (op.inputs.size() != op.signature.inputs.size()) {
      return InvalidArgument(op.type(), " takes ", op.signature.inputs.size(),
                             " inputs, not ", op.inputs.size());
    }
    return absl::OkStatus();
  }

  absl::Status FindOp(absl::string_view name, int* op) const {
    const auto it = place_of_.find(std::string(name));
    if (it == place_of_.end()) {
      return InvalidArgument("no op is called \"", name, "\"");
    }
    *op = it->second;
    return absl::OkStatus();
  }

  absl::Status FindValue(absl::string_view name, ValueRef* value) const {
    for (size_t i = 0; i < body_.args.size(); ++i) {
      if (body_.args[i].name == name) {
        *value = {-1, static_cast<int>(i)};
        return absl::OkStatus();
      }
    }
    const size_t colon = name.rfind(':');
    if (colon != absl::string_view::npos &&
        !absl::SimpleAtoi(name.substr(colon + 1), &value->output)) {
      return InvalidArgument("\"", name, "\" is no value");
    }
    RETURN_IF_ERROR(FindOp(name.substr(0, colon), &value->op));
    const auto& outputs = body_.ops[value->op].signature.outputs;
    if (value->output < 0 ||
        value->output >= static_cast<int>(outputs.size())) {
      return InvalidArgument("\"", name, "\" is no value: the op has ",
                             outputs.size(), " outputs");
    }
    return absl::OkStatus();
  }

  const OpRegistry& ops_;
  int line_ = 0;
  Body body_;
  std::map<std::string, int> place_of_;
  std::vector<Use> uses_;
};

}  // namespace

std::string PrintBody(const Body& body) {
  std::string out;
  for (const Argument& arg : body.args) {
    absl::StrAppend(&out, "arg ", arg.name, " ", DataTypeName(arg.dtype), "\n");
  }
  for (const Op& op : body.ops) out += PrintOp(body, op);
  std::vector<std::string> results;
  for (const Result& result : body.results) {
    results.push_back(NameOf(body, result.value));
  }
  if (!results.empty()) {
    absl::StrAppend(&out, "return ", absl::StrJoin(results, ", "), "\n");
  }
  std::vector<std::string> targets;
  for (int target : body.targets) targets.push_back(body.ops[target].name);
  if (!targets.empty()) {
    absl::StrAppend(&out, "run ", absl::StrJoin(targets, ", "), "\n");
  }
  return out;
}

absl::StatusOr<Body> ParseBody(absl::string_view text, const OpRegistry& ops) {
  return Parser(ops).Parse(text);
}

}  // namespace metagraph
