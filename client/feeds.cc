#include "client/feeds.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "client/cast.h"
#include "client/error_text.h"
#include "client/npy.h"
#include "client/tensor_json.h"
#include "core/base/status.h"
#include "core/tensor/tensor_proto.h"

namespace metagraph {
namespace {

struct Argument {
  std::string name;
  std::string value;  // JSON or .npy, read from wherever it was
};

std::string ReadAll(std::istream& in) {
  return std::string(std::istreambuf_iterator<char>(in), {});
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::ErrnoToStatus(errno, absl::StrCat(path));
  // A folder opens, but does not read.
  file.peek();
  if (file.bad()) return FailedPrecondition(path, ": cannot be read");
  file.clear();
  return ReadAll(file);
}

// `what` the values are, for errors.
absl::StatusOr<std::vector<Argument>> Parse(absl::string_view what,
                                            absl::Span<const std::string> texts,
                                            std::istream& in) {
  std::vector<Argument> out;
  std::set<std::string> names;
  bool stdin_used = false;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      return UsageError(absl::StrCat("\"", text, "\": expected NAME=VALUE"));
    }
    Argument argument{text.substr(0, equals), text.substr(equals + 1)};
    if (!names.insert(argument.name).second) {
      return UsageError(absl::StrCat("\"", argument.name, "\" is given twice"));
    }
    if (argument.value == "@-") {
      if (std::exchange(stdin_used, true)) {
        return UsageError("standard input can be read only once");
      }
      argument.value = ReadAll(in);
    } else if (absl::StartsWith(argument.value, "@")) {
      absl::StatusOr<std::string> content = ReadFile(argument.value.substr(1));
      if (!content.ok()) {
        return Annotate(content.status(), what, " \"", argument.name, "\": ");
      }
      argument.value = *std::move(content);
    }
    out.push_back(std::move(argument));
  }
  return out;
}

// What a value is to be.
struct Wanted {
  DataType dtype = DT_INVALID;  // unknown
  tensorflow::TensorShapeProto shape;
};

absl::StatusOr<Tensor> MakeTensor(const Argument& argument,
                                  const Wanted& wanted) {
  const DataType dtype = BaseType(wanted.dtype);
  if (LooksLikeNpy(argument.value)) {
    ASSIGN_OR_RETURN(Tensor tensor, TensorFromNpy(argument.value));
    if (dtype == DT_INVALID) return tensor;
    return CastTensor(tensor, dtype);
  }
  absl::StatusOr<PartialShape> shape = PartialShape::Build(wanted.shape);
  if (!shape.ok()) shape = PartialShape();
  return TensorFromJson(argument.value, dtype, *shape);
}

// `wanted` has an element for each argument.
absl::StatusOr<std::vector<tensorflow::NamedTensorProto>> MakeAll(
    const std::vector<Argument>& arguments, const std::vector<Wanted>& wanted) {
  std::vector<tensorflow::NamedTensorProto> out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    absl::StatusOr<Tensor> tensor = MakeTensor(arguments[i], wanted[i]);
    if (!tensor.ok()) {
      return UsageError(absl::StrCat("\"", arguments[i].name,
                                     "\": ", tensor.status().message()));
    }
    tensorflow::NamedTensorProto& named = out.emplace_back();
    named.set_name(arguments[i].name);
    TensorToProto(*tensor, named.mutable_tensor());
  }
  return out;
}

}  // namespace

std::string FeedName(const std::string& argument) {
  return argument.substr(0, argument.find('='));
}

absl::StatusOr<std::vector<tensorflow::NamedTensorProto>> MakeFeeds(
    absl::Span<const std::string> arguments, const ModelRef& model,
    Backend& backend, std::istream& in) {
  if (arguments.empty()) return std::vector<tensorflow::NamedTensorProto>();
  ASSIGN_OR_RETURN(const std::vector<Argument> parsed,
                   Parse("feed", arguments, in));

  v1::ListTensorsRequest request;
  model.Set(&request);
  for (const Argument& argument : parsed) request.add_names(argument.name);
  ASSIGN_OR_RETURN(const v1::ListTensorsResponse response,
                   backend.ListTensors(request));
  if (response.tensors_size() != static_cast<int>(parsed.size())) {
    return Internal("asked for ", parsed.size(), " tensors, the server told ",
                    response.tensors_size());
  }
  std::vector<Wanted> wanted;
  for (const v1::TensorDescription& tensor : response.tensors()) {
    wanted.push_back({tensor.dtype(), tensor.shape()});
  }
  return MakeAll(parsed, wanted);
}

absl::StatusOr<std::vector<tensorflow::NamedTensorProto>> MakeAssignments(
    absl::Span<const std::string> arguments, const ModelRef& model,
    Backend& backend, std::istream& in) {
  ASSIGN_OR_RETURN(const std::vector<Argument> parsed,
                   Parse("value of", arguments, in));
  std::vector<Wanted> wanted;
  for (const Argument& argument : parsed) {
    v1::ListVariablesRequest request;
    model.Set(&request);
    request.add_names(argument.name);
    ASSIGN_OR_RETURN(const v1::ListVariablesResponse response,
                     backend.ListVariables(request));
    // One that is not known is for the call itself to refuse.
    Wanted& one = wanted.emplace_back();
    if (response.variables_size() != 1) continue;
    one = {response.variables(0).dtype(), response.variables(0).shape()};
  }
  return MakeAll(parsed, wanted);
}

}  // namespace metagraph
