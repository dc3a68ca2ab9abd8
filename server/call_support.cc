#include "server/call_support.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "core/base/error_details.h"
#include "core/base/status.h"
#include "glog/logging.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/handlers/describe.h"
#include "server/handlers/message_size.h"

namespace metagraph {
namespace {

// Trailers are limited; clients see the rest of a long message as an error of
// the transport.
constexpr size_t kMaxMessage = 1024;
constexpr size_t kMaxDetails = 2048;
constexpr int kLinesPerSecond = 20;

std::string Shorten(absl::string_view message) {
  if (message.size() <= kMaxMessage) return std::string(message);
  constexpr absl::string_view kEnd = "...";
  size_t end = kMaxMessage - kEnd.size();
  // Not in the middle of a character.
  while (end > 0 && (message[end] & 0xc0) == 0x80) --end;
  return absl::StrCat(message.substr(0, end), kEnd);
}

Authorizer::Decision Decide(const CallSupport& support, const char* method,
                            const grpc::CallbackServerContext& context) {
  if (support.authorizer == nullptr) return {{}, kAllRoles, ""};
  return support.authorizer->Decide(method, context);
}

// A call that is not allowed takes no place.
absl::StatusOr<Admission::Ticket> EnterIf(const absl::Status& allowed,
                                          Admission& admission) {
  if (!allowed.ok()) return allowed;
  return admission.Enter();
}

}  // namespace

std::string ForLog(absl::string_view text) {
  std::string out = Shorten(text);
  for (char& c : out) {
    if (absl::ascii_iscntrl(c)) c = ' ';
  }
  return out;
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = static_cast<grpc::StatusCode>(status.code());
  const std::string message = ToUtf8(Shorten(status.message()));
  google::rpc::ErrorInfo info;
  size_t left = kMaxDetails;
  for (const auto& [key, value] : DetailsOf(status)) {
    if (key.size() + value.size() > left) continue;
    left -= key.size() + value.size();
    (*info.mutable_metadata())[key] = ToUtf8(value);
  }
  if (info.metadata().empty()) return grpc::Status(code, message);
  info.set_reason(absl::StatusCodeToString(status.code()));
  info.set_domain("metagraph");
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(message);
  details.add_details()->PackFrom(info);
  return grpc::Status(code, message, details.SerializeAsString());
}

absl::Time DeadlineOf(const grpc::CallbackServerContext& context) {
  const auto deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) {
    return absl::InfiniteFuture();
  }
  return absl::FromChrono(deadline);
}

void FailureLog::Add(absl::string_view method, const std::string& peer,
                     const absl::Status& status, int64_t nanos) {
  const bool internal = absl::IsInternal(status);
  if (internal) internal_errors_.fetch_add(1);
  int64_t left_out = 0;
  {
    const int64_t second = SteadyNanos() / 1'000'000'000;
    MutexLock lock(mu_);
    if (second != second_) {
      second_ = second;
      written_ = 0;
    }
    if (written_ >= kLinesPerSecond) {
      ++left_out_;
      return;
    }
    ++written_;
    std::swap(left_out, left_out_);
  }
  const std::string line = absl::StrCat(
      method, " from ", peer, " failed after ", nanos / 1000,
      " us: ", absl::StatusCodeToString(status.code()), ": ",
      ForLog(status.message()),
      left_out > 0 ? absl::StrCat(" (", left_out, " like it left out)") : "");
  if (internal) {
    LOG(ERROR) << line;
  } else {
    LOG(WARNING) << line;
  }
}

CallScope::CallScope(CallSupport& support, const char* method,
                     grpc::CallbackServerContext& context,
                     const google::protobuf::MessageLite* answer)
    : support_(support),
      method_(method),
      context_(context),
      answer_(answer),
      start_(SteadyNanos()),
      decision_(Decide(support, method, context)),
      ticket_(EnterIf(decision_.status, support.admission)) {}

CallScope::CallScope(CallSupport& support, Admission& admission,
                     const char* method, grpc::CallbackServerContext& context)
    : support_(support),
      method_(method),
      context_(context),
      answer_(nullptr),
      start_(SteadyNanos()),
      decision_(Decide(support, method, context)),
      ticket_(EnterIf(decision_.status, admission)) {}

grpc::Status CallScope::Close(absl::Status status) {
  if (status.ok() && answer_ != nullptr) status = CheckMessageSize(*answer_);
  if (!status.ok()) {
    // Only the log is told why a call was not allowed.
    const absl::Status logged = decision_.reason.empty()
                                    ? status
                                    : Annotate(status, decision_.reason, ": ");
    support_.failures.Add(method_, context_.peer(), logged,
                          SteadyNanos() - start_);
  } else {
    VLOG(1) << method_ << " from " << context_.peer() << " took "
            << (SteadyNanos() - start_) / 1000 << " us"
            << (answer_ == nullptr
                    ? ""
                    : absl::StrCat(", answers ", answer_->ByteSizeLong(),
                                   " bytes"));
  }
  return ToGrpcStatus(status);
}

}  // namespace metagraph
