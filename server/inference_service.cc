#include "server/inference_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/tensor/out_of_memory.h"
#include "glog/logging.h"
#include "server/host_bound.h"
#include "server/log_text.h"
#include "server/unary_call.h"

namespace metagraph {
namespace {

// A run this quick costs less than handing it to another thread.
constexpr int64_t kInlineNanos = 200'000;
constexpr size_t kInlineBytes = 1 << 20;

// Whether a run may be done on the thread that serves the connection: it is
// known to be quick, and cannot block or turn round in a loop, so that it need
// not be cancelled from outside. Pins the values that it will read.
bool IsQuick(InferenceHandler::Prepared& prepared) {
  const Plan& plan = prepared.executor->plan();
  const bool is_quick = plan.sequential && !plan.writes_variables &&
                        plan.expected_nanos() > 0 &&
                        plan.expected_nanos() < kInlineNanos;
  if (!is_quick || !plan.reads_variables ||
      prepared.run.generation != nullptr) {
    return is_quick;
  }
  prepared.run.generation = prepared.model->TryRead();
  return prepared.run.generation != nullptr;
}

// Whether decoding the feeds takes long: by what was sent, and by what it
// becomes, since one value may stand for a whole tensor.
// REQUIRES: the request has been described, so that its sizes are cached.
template <typename Request>
bool IsLarge(const Request& request) {
  size_t bytes = 0;
  for (const tensorflow::NamedTensorProto& feed : request.feed()) {
    bytes += static_cast<size_t>(feed.tensor().GetCachedSize());
    const auto shape = TensorShape::Build(feed.tensor().tensor_shape());
    // One that cannot be is refused before anything is made of it.
    if (!shape.ok()) continue;
    const auto elements = static_cast<size_t>(shape->num_elements());
    if (elements > kInlineBytes) return true;
    bytes += elements * DataTypeSize(BaseType(feed.tensor().dtype()));
  }
  // Both count values that are sent as they are.
  return bytes > 2 * kInlineBytes;
}

// To look for a generation may take a wait.
bool NamesGeneration(const v1::RunRequest& request) {
  return request.has_generation();
}
bool NamesGeneration(const tensorflow::serving::SessionRunRequest&) {
  return false;
}

void Record(const InferenceHandler::Prepared& from, CallRecord& call) {
  call.version = from.model->version();
  call.generation = from.generation;
  call.rows = from.rows;
  call.decode_nanos = from.prepare_nanos;
  call.run_nanos = from.run_nanos;
  call.encode_nanos = from.encode_nanos;
}

// "fed W3:0 float [4]; fetches add1:0".
template <typename Request>
std::string RunText(const Request& request) {
  std::string out = "fed";
  for (const tensorflow::NamedTensorProto& feed : request.feed()) {
    const auto shape = TensorShape::Build(feed.tensor().tensor_shape());
    absl::StrAppend(&out, " ", feed.name(), " ",
                    DataTypeName(feed.tensor().dtype()), " ",
                    shape.ok() ? shape->ToString() : "?");
  }
  absl::StrAppend(&out, "; fetches ", absl::StrJoin(request.fetch(), " "));
  if (request.target_size() > 0) {
    absl::StrAppend(&out, "; targets ", absl::StrJoin(request.target(), " "));
  }
  return ForLog(out);
}

absl::Status CheckMayRun(const InferenceHandler::Prepared& prepared,
                         bool may_change_state) {
  const Plan& plan = prepared.executor->plan();
  const bool changes = plan.writes_variables || plan.changes_files_or_tables;
  return changes && !may_change_state ? MayNotChangeState() : absl::OkStatus();
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* StartRun(const InferenceHandler& handler,
                                   CallSupport& support, const char* method,
                                   grpc::CallbackServerContext& context,
                                   const Request& request, Response* response) {
  CallScope scope(support, support.running, method, context, response);
  scope.Describe(request);
  if (const absl::Status status = scope.admitted(); !status.ok()) {
    return FinishNow(context, scope.Close(status));
  }
  VLOG(2) << method << ": " << RunText(request);
  const absl::Time deadline = DeadlineOf(context);
  const bool may_change_state = scope.may_change_state();
  const auto start_pooled = [&](int64_t expected_nanos, auto work) {
    std::string model(scope.record().model);
    std::string host = HostBound::HostOf(context.peer());
    auto* call = new PooledUnary<decltype(work)>(std::move(scope), deadline,
                                                 std::move(work));
    call->Start(support.runs, std::move(model), std::move(host),
                expected_nanos);
    return call;
  };
  // Outlives this function, as what it refers to does.
  const auto run = [&handler, &request, response](
                       InferenceHandler::Prepared& prepared, CallContext& call,
                       CallScope& of) {
    prepared.take_room = [&of](int64_t bytes) { return of.TakeRoom(bytes); };
    absl::Status status = handler.Run(prepared, request, call, response);
    Record(prepared, of.record());
    return status;
  };
  const auto start_from_scratch = [&]() -> grpc::ServerUnaryReactor* {
    // Callers may make up names: only models have a place in the queue.
    if (const absl::Status found = handler.FindModel(request); !found.ok()) {
      return FinishNow(context, scope.Close(found));
    }
    return start_pooled(
        /*expected_nanos=*/0,
        [run, &handler, &request, may_change_state](
            CallContext& call, CallScope& of) -> absl::Status {
          ASSIGN_OR_RETURN(auto prepared, handler.Prepare(request, call));
          RETURN_IF_ERROR(CheckMayRun(prepared, may_change_state));
          return run(prepared, call, of);
        });
  };
  if (IsLarge(request) || NamesGeneration(request)) return start_from_scratch();
  CallContext call(deadline);
  auto prepared =
      handler.Prepare(request, call, InferenceHandler::Plans::kCachedOnly);
  if (!prepared.ok()) {
    return FinishNow(context, scope.Close(prepared.status()));
  }
  if (prepared->executor == nullptr) return start_from_scratch();
  if (const absl::Status status = CheckMayRun(*prepared, may_change_state);
      !status.ok()) {
    return FinishNow(context, scope.Close(status));
  }
  if (IsQuick(*prepared)) {
    CallScope& kept =
        ArenaAllocator<Request, Response>::Keep(context, std::move(scope));
    const absl::Status ran =
        CatchOutOfMemory([&] { return run(*prepared, call, kept); });
    return FinishNow(context, kept.Close(ran));
  }
  const int64_t expected_nanos = prepared->executor->plan().expected_nanos();
  return start_pooled(expected_nanos,
                      [run, ready = *std::move(prepared)](
                          CallContext& pooled_call, CallScope& of) mutable {
                        return run(ready, pooled_call, of);
                      });
}

}  // namespace

InferenceService::InferenceService(const InferenceHandler& handler,
                                   CallSupport& support)
    : handler_(handler), support_(support) {
  SetMessageAllocatorFor_Run(&allocator_);
}

grpc::ServerUnaryReactor* InferenceService::Run(
    grpc::CallbackServerContext* context, const v1::RunRequest* request,
    v1::RunResponse* response) {
  return StartRun(handler_, support_, "metagraph.v1.Inference/Run", *context,
                  *request, response);
}

SessionService::SessionService(const InferenceHandler& handler,
                               CallSupport& support)
    : handler_(handler), support_(support) {
  SetMessageAllocatorFor_SessionRun(&allocator_);
}

grpc::ServerUnaryReactor* SessionService::SessionRun(
    grpc::CallbackServerContext* context,
    const tensorflow::serving::SessionRunRequest* request,
    tensorflow::serving::SessionRunResponse* response) {
  return StartRun(handler_, support_,
                  "tensorflow.serving.SessionService/SessionRun", *context,
                  *request, response);
}

}  // namespace metagraph
