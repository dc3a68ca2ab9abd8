// Variables and their values.

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/error_details.h"
#include "core/base/status.h"
#include "core/base/wildcard.h"
#include "core/graph/collections.h"
#include "core/io/call_file_system.h"
#include "core/tensor/tensor_proto.h"
#include "server/handlers/describe.h"
#include "server/handlers/inspect_handler.h"
#include "server/handlers/message_size.h"
#include "server/handlers/value_box.h"

namespace metagraph {
namespace {

constexpr int64_t kDefaultChunk = 1 << 20;
// Well below what a message may hold.
constexpr int64_t kLargestChunk = 64 << 20;

// A checkpoint without a graph, of which only what is asked for is read.
struct OpenCheckpoint {
  OpenCheckpoint(FileSystem& of, const CallContext& call) : files(of, call) {}

  CallFileSystem files;
  std::unique_ptr<CheckpointReader> reader;
};

// The values of some variables, in pieces. Keeps the generation that it reads,
// and of a checkpoint alone the one value that it is at.
class ValueSource final : public MessageSource<v1::ReadVariablesResponse> {
 public:
  ValueSource(const v1::ReadVariablesRequest& request,
              std::shared_ptr<const ModelGraph> graph,
              std::shared_ptr<const Generation> generation,
              std::unique_ptr<OpenCheckpoint> alone, int64_t chunk)
      : request_(request),
        graph_(std::move(graph)),
        generation_(std::move(generation)),
        alone_(std::move(alone)),
        chunk_(chunk) {}

  // NOT_FOUND; FAILED_PRECONDITION: it has no value.
  absl::Status FindVariables() {
    if (request_.names_size() == 0) {
      for (const ModelVariable& variable : graph_->variables()) {
        if (HasValue(variable)) wanted_.push_back(&variable);
      }
    }
    for (const std::string& name : request_.names()) {
      ASSIGN_OR_RETURN(const ModelVariable* variable,
                       graph_->RequireVariable(name));
      if (!HasValue(*variable)) {
        return WithDetails(FailedPrecondition("variable \"", variable->name,
                                              "\" has no value"),
                           {{"name", variable->name}});
      }
      wanted_.push_back(variable);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Step> Next(CallContext& call,
                            v1::ReadVariablesResponse* piece) override {
    if (next_ == wanted_.size()) return Step::kEnd;
    RETURN_IF_ERROR(call.Check());
    const ModelVariable& variable = *wanted_[next_];
    if (!box_) {
      auto box = Open(variable);
      if (!box.ok()) {
        return Annotate(box.status(), "variable \"", variable.name, "\": ");
      }
      box_ = *std::move(box);
    }
    const int64_t end = box_->PieceEnd(begin_, chunk_);
    ASSIGN_OR_RETURN(const Tensor part, box_->Piece(begin_, end));
    RETURN_IF_ERROR(CheckTensorsFit({&variable.name, 1}, {&part, 1}).status());
    piece->set_name(variable.name);
    piece->mutable_type()->set_dtype(box_->dtype());
    box_->shape().ToProto(piece->mutable_type()->mutable_shape());
    TensorToProto(part, piece->mutable_tensor());
    piece->set_first_element(begin_);
    piece->set_last(end == box_->num_elements());
    piece->set_generation(generation_->number);
    begin_ = end;
    if (piece->last()) {
      box_.reset();
      begin_ = 0;
      ++next_;
    }
    return Step::kMessage;
  }

  // A piece of the largest variable; of one whose size is not known, a chunk.
  int64_t bytes() const override {
    int64_t largest = 0;
    for (const ModelVariable* variable : wanted_) {
      const bool known = alone_ == nullptr && variable->slot >= 0;
      largest = std::max(
          largest,
          known ? generation_->value(variable->slot).size_bytes() : chunk_);
      if (largest >= chunk_) return chunk_;
    }
    return largest;
  }

 private:
  bool HasValue(const ModelVariable& variable) const {
    return alone_ != nullptr ||
           (variable.slot >= 0 &&
            generation_->value(variable.slot).initialized());
  }
  absl::StatusOr<ValueBox> Open(const ModelVariable& variable) const {
    if (alone_ == nullptr) {
      return ValueBox::Of(request_, generation_->value(variable.slot));
    }
    ASSIGN_OR_RETURN(Tensor value, alone_->reader->Read(variable.name));
    return ValueBox::Of(request_, std::move(value));
  }

  const v1::ReadVariablesRequest& request_;
  const std::shared_ptr<const ModelGraph> graph_;
  const std::shared_ptr<const Generation> generation_;
  const std::unique_ptr<OpenCheckpoint> alone_;  // nullptr: there is a graph
  const int64_t chunk_;
  std::vector<const ModelVariable*> wanted_;
  size_t next_ = 0;              // in wanted_
  std::optional<ValueBox> box_;  // of that one, once it is begun
  int64_t begin_ = 0;            // of its next piece
};

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
    CallFileSystem files(model->files(), call);
    const auto reader = CheckpointReader::Open(files, checkpoint);
    RETURN_IF_ERROR(call.Check());
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

absl::StatusOr<std::unique_ptr<MessageSource<v1::ReadVariablesResponse>>>
InspectHandler::OpenVariables(const v1::ReadVariablesRequest& request,
                              CallContext& call) const {
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
  std::unique_ptr<OpenCheckpoint> alone;
  if (const ModelFolder& folder = model->folder(); folder.graph_path.empty()) {
    alone = std::make_unique<OpenCheckpoint>(model->files(), call);
    auto reader = CheckpointReader::Open(alone->files, folder.checkpoint);
    RETURN_IF_ERROR(call.Check());
    ASSIGN_OR_RETURN(alone->reader, std::move(reader));
  }
  auto source = std::make_unique<ValueSource>(
      request, model->graph(), std::move(generation), std::move(alone), chunk);
  RETURN_IF_ERROR(source->FindVariables());
  return source;
}

absl::Status InspectHandler::ReadVariables(
    const v1::ReadVariablesRequest& request, CallContext& call,
    const MessageSink<v1::ReadVariablesResponse>& sink) const {
  ASSIGN_OR_RETURN(const auto source, OpenVariables(request, call));
  return SendAll(*source, call, sink);
}

}  // namespace metagraph
