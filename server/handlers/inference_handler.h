#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/model/model_manager.h"
#include "metagraph/v1/inference.pb.h"
#include "tensorflow/session_service.pb.h"

namespace metagraph {

// Runs models: metagraph.v1.Inference and TensorFlow Serving's SessionService.
// Knows no gRPC. Thread-safe.
class InferenceHandler {
 public:
  // `models` outlives the handler.
  explicit InferenceHandler(ModelManager& models) : models_(models) {}

  // A request that was looked up and found good, ready to run.
  struct Prepared {
    std::shared_ptr<Model> model;
    // Null: it must be compiled first, and that was not wanted.
    std::shared_ptr<const Executor> executor;
    RunRequest run;
    // Asked for room for the values of the answer, in bytes, before it is made;
    // null: there is always room.
    std::function<absl::Status(int64_t bytes)> take_room;
    // For who measures: set by Prepare and Run; -1: not known.
    int64_t rows = -1;  // the first dimension of what is fed
    int64_t prepare_nanos = -1;
    int64_t run_nanos = -1;
    int64_t encode_nanos = -1;
    int64_t generation = -1;  // whose values were read, or that was left
  };
  // Whether to look no further than what is compiled, where waiting is out of
  // the question.
  enum class Plans { kCompile, kCachedOnly };

  // Whether the model that the request means can be run; else why not.
  absl::Status FindModel(const v1::RunRequest& request) const;
  absl::Status FindModel(
      const tensorflow::serving::SessionRunRequest& request) const;

  absl::StatusOr<Prepared> Prepare(const v1::RunRequest& request,
                                   CallContext& call,
                                   Plans plans = Plans::kCompile) const;
  absl::Status Run(Prepared& prepared, const v1::RunRequest& request,
                   CallContext& call, v1::RunResponse* response) const;
  // Both in one.
  absl::Status Run(const v1::RunRequest& request, CallContext& call,
                   v1::RunResponse* response) const;

  absl::StatusOr<Prepared> Prepare(
      const tensorflow::serving::SessionRunRequest& request, CallContext& call,
      Plans plans = Plans::kCompile) const;
  absl::Status Run(Prepared& prepared,
                   const tensorflow::serving::SessionRunRequest& request,
                   CallContext& call,
                   tensorflow::serving::SessionRunResponse* response) const;
  absl::Status SessionRun(
      const tensorflow::serving::SessionRunRequest& request, CallContext& call,
      tensorflow::serving::SessionRunResponse* response) const;

 private:
  ModelManager& models_;
};

}  // namespace metagraph
