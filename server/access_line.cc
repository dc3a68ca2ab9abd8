#include "server/access_line.h"

#include <array>

#include "absl/strings/str_cat.h"

namespace metagraph {
namespace {

// A line of this program's source would tell nothing.
constexpr absl::string_view kSource = "access_log.cc:1";

// What is known of a call in numbers, in the order of the line.
struct CallNumber {
  const char* words;
  const char* unit;
  const char* key;  // of JSON
  int64_t value;    // -1: not known
};

int64_t Micros(int64_t nanos) { return nanos < 0 ? -1 : nanos / 1000; }

std::array<CallNumber, 8> NumbersOf(const CallRecord& call) {
  return {{
      {"version ", "", "version", call.version},
      {"generation ", "", "generation", call.generation},
      {"queue ", " us", "queue_us", Micros(call.queue_nanos)},
      {"decode ", " us", "decode_us", Micros(call.decode_nanos)},
      {"run ", " us", "run_us", Micros(call.run_nanos)},
      {"encode ", " us", "encode_us", Micros(call.encode_nanos)},
      {"bytes in ", "", "request_bytes", call.request_bytes},
      {"bytes out ", "", "response_bytes", call.response_bytes},
  }};
}

// "a/B from ipv4:1.2.3.4:5 took 85 us (model "add", version 3)".
void AppendMessage(const AccessLine& line, std::string* out) {
  const CallRecord& call = line.call;
  absl::StrAppend(out, call.method, " from ", line.peer,
                  line.is_failure ? " failed after " : " took ",
                  Micros(call.total_nanos));
  absl::StrAppend(out, " us");
  if (call.code != absl::StatusCode::kOk) {
    absl::StrAppend(out, ": ", absl::StatusCodeToString(call.code), ": ",
                    line.error);
  }
  const char* between = " (";
  if (!line.model.empty()) {
    absl::StrAppend(out, between, "model \"", line.model, "\"");
    between = ", ";
  }
  for (const CallNumber& number : NumbersOf(call)) {
    if (number.value < 0) continue;
    absl::StrAppend(out, between, number.words, number.value, number.unit);
    between = ", ";
  }
  if (!line.traceparent.empty()) {
    absl::StrAppend(out, between, "traceparent ", line.traceparent);
    between = ", ";
  }
  if (between[0] == ',') *out += ')';
  if (line.left_out > 0) {
    absl::StrAppend(out, " (", line.left_out, " like it left out)");
  }
}

void AppendField(const char* key, absl::string_view text, std::string* out) {
  absl::StrAppend(out, ",\"", key, "\":");
  AppendJsonText(text, out);
}

void AppendField(const char* key, int64_t number, std::string* out) {
  absl::StrAppend(out, ",\"", key, "\":", number);
}

void AppendFields(const AccessLine& line, std::string* out) {
  const CallRecord& call = line.call;
  AppendField("method", call.method, out);
  AppendField("peer", line.peer, out);
  AppendField("code", absl::StatusCodeToString(call.code), out);
  if (!line.model.empty()) AppendField("model", line.model, out);
  if (!line.traceparent.empty()) {
    AppendField("traceparent", line.traceparent, out);
  }
  if (call.code != absl::StatusCode::kOk) AppendField("error", line.error, out);
  AppendField("total_us", Micros(call.total_nanos), out);
  for (const CallNumber& number : NumbersOf(call)) {
    if (number.value >= 0) AppendField(number.key, number.value, out);
  }
  if (line.left_out > 0) AppendField("left_out", line.left_out, out);
}

}  // namespace

google::LogSeverity SeverityOf(absl::StatusCode code, bool is_failure) {
  if (code == absl::StatusCode::kInternal) return google::GLOG_ERROR;
  return is_failure ? google::GLOG_WARNING : google::GLOG_INFO;
}

void AccessText::Append(const AccessLine& line, std::string* out) {
  start_.Append(SeverityOf(line.call.code, line.is_failure), kSource, line.end,
                out);
  if (format_ == LogFormat::kText) {
    AppendMessage(line, out);
    *out += '\n';
    return;
  }
  message_.clear();
  AppendMessage(line, &message_);
  AppendJsonText(message_, out);
  AppendFields(line, out);
  *out += "}\n";
}

void AccessText::AppendDropped(int64_t count, absl::Time now,
                               std::string* out) {
  start_.Append(google::GLOG_WARNING, kSource, now, out);
  const std::string message = absl::StrCat(
      count, count == 1 ? " access line was" : " access lines were",
      " dropped: calls end faster than the log can be written");
  if (format_ == LogFormat::kText) {
    absl::StrAppend(out, message, "\n");
    return;
  }
  AppendJsonText(message, out);
  AppendField("dropped", count, out);
  *out += "}\n";
}

}  // namespace metagraph
