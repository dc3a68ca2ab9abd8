#include "server/access_log.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "core/base/clock.h"
#include "glog/logging.h"
#include "server/log_text.h"

namespace metagraph {
namespace {

constexpr size_t kMaxName = 200;

}  // namespace

absl::string_view TraceParentOf(const grpc::CallbackServerContext& context) {
  const auto& sent = context.client_metadata();
  const auto found = sent.find("traceparent");
  if (found == sent.end()) return "";
  const absl::string_view text(found->second.data(), found->second.size());
  constexpr absl::string_view kForm =
      "00-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
  if (text.size() != kForm.size()) return "";
  for (size_t i = 0; i < text.size(); ++i) {
    const bool fits = kForm[i] == 'x' ? absl::ascii_isxdigit(text[i]) &&
                                            !absl::ascii_isupper(text[i])
                                      : text[i] == kForm[i];
    if (!fits) return "";
  }
  return text;
}

int64_t AccessLog::WhetherToWrite(const absl::Status& status, bool is_failure) {
  if (mode_ == AccessLogMode::kAll) return 0;
  if (is_failure) {
    const bool wanted =
        mode_ != AccessLogMode::kOff || absl::IsInternal(status);
    return wanted ? failures_.Take() : -1;
  }
  if (VLOG_IS_ON(1)) return 0;
  return mode_ == AccessLogMode::kSampled ? samples_.Take() : -1;
}

void AccessLog::Add(const CallRecord& call,
                    const grpc::CallbackServerContext& context,
                    const absl::Status& status, bool is_failure) {
  if (absl::IsInternal(status)) internal_errors_.fetch_add(1);
  if (SeverityOf(status.code(), is_failure) < FLAGS_minloglevel) return;
  const int64_t left_out = WhetherToWrite(status, is_failure);
  if (left_out < 0) return;
  AccessLine line;
  line.end = clock_.Now();
  line.call = call;
  line.call.model = "";
  line.call.code = status.code();
  if (!call.model.empty()) {
    line.model = ForLog(call.model.substr(0, kMaxName));
  }
  line.peer = context.peer();
  line.traceparent = std::string(TraceParentOf(context));
  if (!status.ok()) line.error = ForLog(status.message());
  line.is_failure = is_failure;
  line.left_out = left_out;
  writer_.Add(std::move(line));
}

}  // namespace metagraph
