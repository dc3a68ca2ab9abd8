#include "server/access_log.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "glog/logging.h"
#include "server/log_format.h"
#include "server/log_text.h"

namespace metagraph {
namespace {

constexpr size_t kMaxName = 200;

// Adds `nanos` in microseconds, unless it is not known.
void AddTime(const char* name, int64_t nanos, std::string* text,
             LogFields* fields) {
  if (nanos < 0) return;
  absl::StrAppend(text, text->empty() ? "" : ", ", name, " ", nanos / 1000,
                  " us");
  fields->AddNumber(absl::StrCat(name, "_us"), nanos / 1000);
}

void AddCount(const char* name, const char* key, int64_t count,
              std::string* text, LogFields* fields) {
  if (count < 0) return;
  absl::StrAppend(text, text->empty() ? "" : ", ", name, " ", count);
  fields->AddNumber(key, count);
}

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

int64_t AccessLog::Rate::Take() {
  const int64_t second = SteadyNanos() / 1'000'000'000;
  MutexLock lock(mu_);
  if (second != second_) {
    second_ = second;
    written_ = 0;
  }
  if (written_ >= lines_) {
    ++left_out_;
    return -1;
  }
  ++written_;
  return std::exchange(left_out_, 0);
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
  const int64_t left_out = WhetherToWrite(status, is_failure);
  if (left_out < 0) return;

  const std::string peer = context.peer();
  const std::string code = absl::StatusCodeToString(status.code());
  LogFields fields;
  fields.AddText("method", call.method);
  fields.AddText("peer", peer);
  fields.AddText("code", code);
  fields.AddNumber("total_us", call.total_nanos / 1000);
  std::string more;
  if (!call.model.empty()) {
    const std::string model = ForLog(call.model.substr(0, kMaxName));
    more = absl::StrCat("model \"", model, "\"");
    fields.AddText("model", model);
  }
  AddCount("version", "version", call.version, &more, &fields);
  AddCount("generation", "generation", call.generation, &more, &fields);
  AddTime("queue", call.queue_nanos, &more, &fields);
  AddTime("decode", call.decode_nanos, &more, &fields);
  AddTime("run", call.run_nanos, &more, &fields);
  AddTime("encode", call.encode_nanos, &more, &fields);
  AddCount("bytes in", "request_bytes", call.request_bytes, &more, &fields);
  AddCount("bytes out", "response_bytes", call.response_bytes, &more, &fields);
  if (const absl::string_view trace = TraceParentOf(context); !trace.empty()) {
    absl::StrAppend(&more, more.empty() ? "" : ", ", "traceparent ", trace);
    fields.AddText("traceparent", trace);
  }
  std::string line = absl::StrCat(call.method, " from ", peer,
                                  is_failure ? " failed after " : " took ",
                                  call.total_nanos / 1000, " us");
  if (!status.ok()) {
    const std::string message = ForLog(status.message());
    absl::StrAppend(&line, ": ", code, ": ", message);
    fields.AddText("error", message);
  }
  if (!more.empty()) absl::StrAppend(&line, " (", more, ")");
  if (left_out > 0) {
    absl::StrAppend(&line, " (", left_out, " like it left out)");
    fields.AddNumber("left_out", left_out);
  }
  const LogFields::Scope scope(fields);
  if (absl::IsInternal(status)) {
    LOG(ERROR) << line;
  } else if (is_failure) {
    LOG(WARNING) << line;
  } else {
    LOG(INFO) << line;
  }
}

}  // namespace metagraph
