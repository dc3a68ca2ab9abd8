#include "server/call_support.h"

#include "absl/strings/str_cat.h"
#include "core/base/error_details.h"
#include "core/base/status.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/call_metrics.h"
#include "server/handlers/describe.h"
#include "server/handlers/message_size.h"
#include "server/host_bound.h"
#include "server/log_text.h"
#include "server/retry_after.h"

namespace metagraph {
namespace {

// Trailers are limited; clients see the rest of a long message as an error of
// the transport.
constexpr size_t kMaxMessage = 1024;
constexpr size_t kMaxDetails = 2048;
constexpr absl::Duration kRetryUnavailable = absl::Milliseconds(100);

Authorizer::Decision Decide(const CallSupport& support, const char* method,
                            const grpc::CallbackServerContext& context) {
  if (support.authorizer == nullptr) return {{}, kAllRoles, ""};
  return support.authorizer->Decide(method, context);
}

// A call that is not allowed takes no place.
absl::StatusOr<Admission::Ticket> EnterIf(const absl::Status& allowed,
                                          Admission& admission,
                                          const grpc::ServerContextBase& call) {
  if (!allowed.ok()) return allowed;
  // The peer's name is a string of its own, made each time.
  if (!admission.is_bound_by_host()) return admission.Enter();
  return admission.Enter(HostBound::HostOf(call.peer()));
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const std::string message = ToUtf8(Shorten(status.message(), kMaxMessage));
  google::rpc::ErrorInfo info;
  size_t left = kMaxDetails;
  for (const auto& [key, value] : DetailsOf(status)) {
    if (key.size() + value.size() > left) continue;
    left -= key.size() + value.size();
    (*info.mutable_metadata())[key] = ToUtf8(value);
  }
  absl::Duration retry_after = RetryAfter(status);
  if (retry_after == absl::ZeroDuration() && absl::IsUnavailable(status)) {
    retry_after = kRetryUnavailable;  // it is loading, say
  }
  if (info.metadata().empty() && retry_after == absl::ZeroDuration()) {
    return grpc::Status(code, message);
  }
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(message);
  if (!info.metadata().empty()) {
    info.set_reason(absl::StatusCodeToString(status.code()));
    info.set_domain("metagraph");
    details.add_details()->PackFrom(info);
  }
  if (retry_after > absl::ZeroDuration()) {
    google::rpc::RetryInfo retry;
    const int64_t nanos = absl::ToInt64Nanoseconds(retry_after);
    retry.mutable_retry_delay()->set_seconds(nanos / 1'000'000'000);
    retry.mutable_retry_delay()->set_nanos(
        static_cast<int32_t>(nanos % 1'000'000'000));
    details.add_details()->PackFrom(retry);
  }
  return grpc::Status(code, message, details.SerializeAsString());
}

absl::Time DeadlineOf(const grpc::CallbackServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) {
    return absl::InfiniteFuture();
  }
  return absl::FromChrono(deadline);
}

CallScope::CallScope(CallSupport& support, Admission& admission,
                     const char* method, grpc::CallbackServerContext& context,
                     const google::protobuf::MessageLite* answer)
    : support_(support),
      context_(context),
      answer_(answer),
      start_(SteadyNanos()),
      decision_(Decide(support, method, context)),
      ticket_(EnterIf(decision_.status, admission, context)),
      room_(support.unsent) {
  record_.method = method;
  // So that a proxy in between need not know the trace to go on with it.
  if (const absl::string_view trace = TraceParentOf(context); !trace.empty()) {
    context.AddTrailingMetadata("traceparent", std::string(trace));
  }
}

bool BudgetShare::Take(MemoryBudget& budget, int64_t bytes) {
  if (!budget.Take(bytes)) {
    if (budget.used() > 0) return false;
    budget.Give(-bytes);
  }
  budget_ = &budget;
  bytes_ = bytes;
  return true;
}

void CallScope::HoldRequest() {
  // Smaller ones are bounded by how many calls are admitted.
  const int64_t bytes = record_.request_bytes;
  if (!ticket_.ok() || bytes < UnsentAnswers::kLarge) return;
  if (received_.Take(support_.received, bytes)) return;
  ticket_->Leave();
  ticket_ = WithRetryAfter(
      absl::ResourceExhaustedError(absl::StrCat(
          "no room for a request of ", bytes, " bytes: those that wait hold ",
          support_.received.used(), " of ", support_.received.limit(),
          ", see --max_message_memory")),
      absl::Milliseconds(100));
}

absl::Status CallScope::TakeRoom(int64_t bytes) {
  // The peer's name is a string of its own, made for each call.
  const bool large = bytes >= UnsentAnswers::kLarge;
  return room_.Take(bytes, large ? context_.peer() : "", SteadyNanos());
}

grpc::Status CallScope::Close(absl::Status status, bool is_failure) {
  if (status.ok() && answer_ != nullptr) {
    status = CheckMessageSize(*answer_);
    // Known since the check, which has refused what an int cannot count.
    if (status.ok()) record_.response_bytes = answer_->GetCachedSize();
  }
  if (ticket_.ok()) ticket_->Leave();
  record_.code = status.code();
  const int64_t now = SteadyNanos();
  record_.total_nanos = now - start_;
  if (is_failure && absl::IsCancelled(status) &&
      now >= support_.counts.drain_end) {
    support_.counts.dropped.fetch_add(1);
  }
  if (support_.metrics != nullptr) support_.metrics->Add(record_);
  // Only the log is told why a call was not allowed.
  support_.log.Add(record_, context_,
                   decision_.reason.empty() || status.ok()
                       ? status
                       : Annotate(status, decision_.reason, ": "),
                   is_failure && !status.ok());
  return ToGrpcStatus(status);
}

}  // namespace metagraph
