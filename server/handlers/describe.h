#pragma once

// What is known about models, as messages of metagraph.v1.

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/base/call_context.h"
#include "core/model/explain.h"
#include "core/model/graph_catalog.h"
#include "core/model/model_manager.h"
#include "google/protobuf/timestamp.pb.h"
#include "metagraph/v1/common.pb.h"
#include "metagraph/v1/inspect.pb.h"

namespace metagraph {

// The model that a request names; `version` as in the request. Errors as
// ModelManager::Find, INVALID_ARGUMENT without a name.
template <typename Request>
absl::StatusOr<std::shared_ptr<Model>> FindModelOf(const ModelManager& models,
                                                   const Request& request);
absl::StatusOr<std::shared_ptr<Model>> FindServed(
    const ModelManager& models, const std::string& name,
    std::optional<int64_t> version);

template <typename Request>
absl::StatusOr<std::shared_ptr<Model>> FindModelOf(const ModelManager& models,
                                                   const Request& request) {
  return FindServed(models, request.model(),
                    request.has_version()
                        ? std::optional<int64_t>(request.version())
                        : std::nullopt);
}

void ToProto(absl::Time time, google::protobuf::Timestamp* out);
void ToProto(const TensorDetails& tensor, const Graph& graph,
             v1::TensorDescription* out);
// Text as a message may carry it: what is not UTF-8 with its bytes escaped.
std::string ToUtf8(const std::string& bytes);
// Its message, cut where it is very long: answers hold many of them.
std::string ErrorTextOf(const absl::Status& status);

void ToProto(const CheckpointReport& report, v1::CheckpointReport* out);
void ToProto(const RestoreMapping& mapping, v1::RestoreMapping* out);
RestoreMapping MappingFrom(const v1::RestoreMapping& mapping);
void ToProto(const UnsupportedOp& op, v1::UnsupportedOp* out);
void ToProto(const Outcome& outcome, v1::OperationOutcome* out);
// `detailed`: with what only GetModel answers.
void ToProto(const ManagedModel& managed, bool detailed, v1::Model* out);
void ToProto(const Progress& progress, v1::Progress* out);
v1::ModelState ToProto(ModelState state, bool failed);

// A page of a list of `total` entries: where it starts and ends, and the token
// of the next one.
// INVALID_ARGUMENT for a token that is none.
struct Page {
  int64_t begin = 0;
  int64_t end = 0;
  std::string next_token;
};
absl::StatusOr<Page> PageOf(const std::string& token, int32_t page_size,
                            int64_t total);
// Whether a page of so many bytes takes no more entries: names in graphs may be
// very long.
bool IsFull(int64_t bytes);

}  // namespace metagraph
