// Variables and their values.

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/error_details.h"
#include "core/base/status.h"
#include "core/base/wildcard.h"
#include "core/checkpoint/slice_copy.h"
#include "core/graph/collections.h"
#include "core/tensor/tensor_proto.h"
#include "server/handlers/describe.h"
#include "server/handlers/inspect_handler.h"
#include "server/handlers/message_size.h"

namespace metagraph {
namespace {

constexpr int64_t kDefaultChunk = 1 << 20;
// Well below what a message may hold.
constexpr int64_t kLargestChunk = 64 << 20;

// The box of `value` that the request asks for.
absl::StatusOr<Tensor> Cut(const v1::ReadVariablesRequest& request,
                           const Tensor& value) {
  if (request.begin_size() == 0 && request.size_size() == 0) return value;
  if (request.begin_size() != value.rank() ||
      request.size_size() != value.rank()) {
    return InvalidArgument("begin and size have ", request.begin_size(),
                           " and ", request.size_size(),
                           " entries for a variable of rank ", value.rank());
  }
  TensorSlice box;
  TensorShape shape;
  for (int i = 0; i < value.rank(); ++i) {
    const int64_t begin = request.begin(i);
    int64_t size = request.size(i);
    if (size == -1) size = value.dim(i) - begin;
    if (begin < 0 || size < 0 || size > value.dim(i) - begin) {
      return InvalidArgument("[", begin, ", ", request.size(i),
                             "] is not within dimension ", i, " of size ",
                             value.dim(i));
    }
    box.extents.push_back({begin, size});
    shape.AddDim(size);
  }
  ASSIGN_OR_RETURN(Tensor out, Tensor::Allocate(value.dtype(), shape));
  TensorSlice whole;
  for (int64_t dim : value.shape().dims()) whole.extents.push_back({0, dim});
  if (shape.num_elements() > 0) CopyBox(box, value, whole, &out, box);
  return out;
}

// How many elements from `begin` on fit a piece of `chunk` bytes, at least 1.
int64_t PieceEnd(const Tensor& flat, int64_t begin, int64_t chunk) {
  const int64_t count = flat.num_elements();
  if (flat.dtype() != DT_STRING) {
    const int64_t width = std::max<int64_t>(DataTypeSize(flat.dtype()), 1);
    return std::min(count, begin + std::max<int64_t>(chunk / width, 1));
  }
  const std::string* strings = flat.data<std::string>();
  int64_t bytes = 0;
  int64_t end = begin;
  while (end < count && (end == begin || bytes < chunk)) {
    bytes += static_cast<int64_t>(strings[end++].size()) + 8;
  }
  return end;
}

absl::Status SendValue(const std::string& name, const Tensor& value,
                       int64_t generation, int64_t chunk, CallContext& call,
                       const MessageSink<v1::ReadVariablesResponse>& sink) {
  const int64_t count = value.num_elements();
  const Tensor flat = value.Reshaped({count});
  int64_t begin = 0;
  do {
    RETURN_IF_ERROR(call.Check());
    const int64_t end = PieceEnd(flat, begin, chunk);
    v1::ReadVariablesResponse piece;
    piece.set_name(name);
    piece.mutable_type()->set_dtype(value.dtype());
    value.shape().ToProto(piece.mutable_type()->mutable_shape());
    const Tensor part =
        begin == 0 && end == count ? value : flat.Rows(begin, end);
    RETURN_IF_ERROR(CheckTensorsFit({&name, 1}, {&part, 1}).status());
    TensorToProto(part, piece.mutable_tensor());
    piece.set_first_element(begin);
    piece.set_last(end == count);
    piece.set_generation(generation);
    if (!sink(piece)) return absl::CancelledError("the caller went away");
    begin = end;
  } while (begin < count);
  return absl::OkStatus();
}

}  // namespace

absl::Status InspectHandler::ListVariables(
    const v1::ListVariablesRequest& request, CallContext& call,
    v1::ListVariablesResponse* response) const {
  ASSIGN_OR_RETURN(const auto model, FindModelOf(models_, request));
  const auto graph = model->graph();
  if (!request.collection().empty()) {
    // The text for a collection that is not there.
    RETURN_IF_ERROR(
        metagraph::GetCollection(graph->meta(), request.collection()).status());
  }
  ASSIGN_OR_RETURN(const auto generation, model->Read(call));
  std::vector<const ModelVariable*> found;
  const auto consider = [&](const ModelVariable& variable) {
    const auto& in = variable.collections;
    if (!absl::StartsWith(variable.name, request.prefix()) ||
        (!request.glob().empty() &&
         !WildcardMatches(request.glob(), variable.name)) ||
        (!request.collection().empty() &&
         std::find(in.begin(), in.end(), request.collection()) == in.end())) {
      return;
    }
    if (request.only_uninitialized() && variable.slot >= 0 &&
        generation->value(variable.slot).initialized()) {
      return;
    }
    found.push_back(&variable);
  };
  if (request.names_size() > 0) {
    for (const std::string& name : request.names()) {
      ASSIGN_OR_RETURN(const ModelVariable* variable,
                       graph->RequireVariable(name));
      consider(*variable);
    }
  } else {
    for (const ModelVariable& variable : graph->variables()) {
      consider(variable);
    }
  }
  const bool alone = model->folder().graph_path.empty();
  const std::string& checkpoint =
      alone ? model->folder().checkpoint : generation->checkpoint;
  std::map<std::string, uint64_t> stored;  // bytes
  if (!checkpoint.empty()) {
    const auto reader = CheckpointReader::Open(model->files(), checkpoint);
    if (reader.ok()) {
      for (const CheckpointTensor& tensor : (*reader)->tensors()) {
        stored.emplace(tensor.name, tensor.stored_bytes);
      }
    }
  }
  const int64_t total = static_cast<int64_t>(found.size());
  ASSIGN_OR_RETURN(Page page,
                   PageOf(request.page_token(), request.page_size(), total));
  int64_t bytes = 0;
  for (int64_t i = page.begin; i < page.end; ++i) {
    const ModelVariable& variable = *found[i];
    v1::Variable* out = response->add_variables();
    out->set_name(variable.name);
    out->set_dtype(variable.dtype);
    PartialShape shape = variable.shape;
    if (variable.slot >= 0) {
      const Tensor& value = generation->value(variable.slot);
      out->set_initialized(value.initialized());
      if (value.initialized()) {
        out->set_size_bytes(value.size_bytes());
        shape = PartialShape(value.shape());
      }
    }
    if (alone) {  // its values are where the checkpoint is
      out->set_initialized(true);
      out->set_size_bytes(static_cast<int64_t>(stored[variable.name]));
    }
    shape.ToProto(out->mutable_shape());
    out->set_trainable(variable.trainable);
    out->set_is_resource(variable.is_resource);
    *out->mutable_collections() = {variable.collections.begin(),
                                   variable.collections.end()};
    const std::string& key = variable.checkpoint_key;
    out->set_in_checkpoint(!key.empty() && stored.count(key) > 0);
    if (key != variable.name) out->set_checkpoint_key(key);
    bytes += static_cast<int64_t>(out->ByteSizeLong());
    if (IsFull(bytes) && i + 1 < total) {
      page.next_token = absl::StrCat(i + 1);
      break;
    }
  }
  response->set_next_page_token(page.next_token);
  response->set_total_size(total);
  response->set_generation(generation->number);
  return absl::OkStatus();
}

absl::Status InspectHandler::ReadVariables(
    const v1::ReadVariablesRequest& request, CallContext& call,
    const MessageSink<v1::ReadVariablesResponse>& sink) const {
  ASSIGN_OR_RETURN(const auto model, FindModelOf(models_, request));
  if (request.chunk_bytes() < 0) {
    return InvalidArgument("chunk_bytes is ", request.chunk_bytes(),
                           ", expected 0 or more");
  }
  const int64_t chunk =
      request.chunk_bytes() == 0
          ? kDefaultChunk
          : std::min<int64_t>(request.chunk_bytes(), kLargestChunk);
  std::shared_ptr<const Generation> generation;
  if (request.has_generation()) {
    ASSIGN_OR_RETURN(generation,
                     model->FindGeneration(request.generation(), call));
  } else {
    ASSIGN_OR_RETURN(generation, model->Read(call));
  }
  // Of a checkpoint without a graph only what is asked for is read.
  std::unique_ptr<CheckpointReader> reader;
  if (const ModelFolder& folder = model->folder(); folder.graph_path.empty()) {
    ASSIGN_OR_RETURN(reader,
                     CheckpointReader::Open(model->files(), folder.checkpoint));
  }
  const auto value_of = [&](const ModelVariable& variable) -> const Tensor& {
    static const Tensor kNone;
    return variable.slot >= 0 ? generation->value(variable.slot) : kNone;
  };
  const auto has_value = [&](const ModelVariable& variable) {
    return reader != nullptr || value_of(variable).initialized();
  };
  const auto graph = model->graph();
  std::vector<const ModelVariable*> wanted;
  if (request.names_size() == 0) {
    for (const ModelVariable& variable : graph->variables()) {
      if (has_value(variable)) wanted.push_back(&variable);
    }
  }
  for (const std::string& name : request.names()) {
    ASSIGN_OR_RETURN(const ModelVariable* variable,
                     graph->RequireVariable(name));
    if (!has_value(*variable)) {
      return WithDetails(
          FailedPrecondition("variable \"", variable->name, "\" has no value"),
          {{"name", variable->name}});
    }
    wanted.push_back(variable);
  }
  for (const ModelVariable* variable : wanted) {
    absl::StatusOr<Tensor> value =
        reader != nullptr ? reader->Read(variable->name) : value_of(*variable);
    if (value.ok()) value = Cut(request, *value);
    if (!value.ok()) {
      return Annotate(value.status(), "variable \"", variable->name, "\": ");
    }
    RETURN_IF_ERROR(SendValue(variable->name, *value, generation->number, chunk,
                              call, sink));
  }
  return absl::OkStatus();
}

}  // namespace metagraph
