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

absl::StatusOr<std::vector<Argument>> Parse(absl::Span<const std::string> texts,
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
        return Annotate(content.status(), "feed \"", argument.name, "\": ");
      }
      argument.value = *std::move(content);
    }
    out.push_back(std::move(argument));
  }
  return out;
}

absl::StatusOr<Tensor> MakeTensor(const Argument& argument,
                                  const v1::TensorDescription& wanted) {
  const DataType dtype = BaseType(wanted.dtype());
  if (LooksLikeNpy(argument.value)) {
    ASSIGN_OR_RETURN(Tensor tensor, TensorFromNpy(argument.value));
    if (dtype == DT_INVALID) return tensor;
    return CastTensor(tensor, dtype);
  }
  absl::StatusOr<PartialShape> shape = PartialShape::Build(wanted.shape());
  if (!shape.ok()) shape = PartialShape();
  return TensorFromJson(argument.value, dtype, *shape);
}

}  // namespace

std::string FeedName(const std::string& argument) {
  return argument.substr(0, argument.find('='));
}

absl::StatusOr<std::vector<tensorflow::NamedTensorProto>> MakeFeeds(
    absl::Span<const std::string> arguments, const ModelRef& model,
    Backend& backend, std::istream& in) {
  std::vector<tensorflow::NamedTensorProto> out;
  if (arguments.empty()) return out;
  ASSIGN_OR_RETURN(const std::vector<Argument> parsed, Parse(arguments, in));

  v1::ListTensorsRequest request;
  model.Set(&request);
  for (const Argument& argument : parsed) request.add_names(argument.name);
  ASSIGN_OR_RETURN(const v1::ListTensorsResponse wanted,
                   backend.ListTensors(request));
  if (wanted.tensors_size() != static_cast<int>(parsed.size())) {
    return Internal("asked for ", parsed.size(), " tensors, the server told ",
                    wanted.tensors_size());
  }

  for (size_t i = 0; i < parsed.size(); ++i) {
    absl::StatusOr<Tensor> tensor =
        MakeTensor(parsed[i], wanted.tensors(static_cast<int>(i)));
    if (!tensor.ok()) {
      return UsageError(absl::StrCat("feed \"", parsed[i].name,
                                     "\": ", tensor.status().message()));
    }
    tensorflow::NamedTensorProto& feed = out.emplace_back();
    feed.set_name(parsed[i].name);
    TensorToProto(*tensor, feed.mutable_tensor());
  }
  return out;
}

}  // namespace metagraph
