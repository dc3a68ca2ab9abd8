#include "server/log_format.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/base/clock.h"
#include "nlohmann/json.hpp"

namespace metagraph {
namespace {

class JsonSink final : public google::LogSink {
 public:
  void send(google::LogSeverity severity, const char*, const char* file,
            int line, const google::LogMessageTime&, const char* message,
            size_t size) override {
    WriteLogLines(JsonLine(severity, file, line,
                           absl::ToUnixMicros(Clock::Real().Now()),
                           absl::string_view(message, size)));
  }
};

}  // namespace

void AppendJsonText(absl::string_view text, std::string* out) {
  // Nearly every text, and most of what a line costs.
  if (std::all_of(text.begin(), text.end(), absl::ascii_isprint)) {
    *out += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') *out += '\\';
      *out += c;
    }
    *out += '"';
    return;
  }
  *out += nlohmann::json(std::string(text))
              .dump(/*indent=*/-1, ' ', /*ensure_ascii=*/false,
                    nlohmann::json::error_handler_t::replace);
}

LineStart::LineStart(LogFormat format)
    : format_(format),
      zone_(format == LogFormat::kJson ? absl::UTCTimeZone()
                                       : absl::LocalTimeZone()),
      thread_(gettid()) {}

void LineStart::Append(google::LogSeverity severity, absl::string_view source,
                       absl::Time time, std::string* out) {
  const bool is_json = format_ == LogFormat::kJson;
  if (const int64_t second = absl::ToUnixSeconds(time); second != second_) {
    second_ = second;
    second_text_ = absl::FormatTime(
        is_json ? "%Y-%m-%dT%H:%M:%S" : "%Y%m%d %H:%M:%S", time, zone_);
  }
  const absl::Dec micros(
      absl::ToInt64Microseconds(time - absl::FromUnixSeconds(second_)),
      absl::kZeroPad6);
  const char* const name = google::GetLogSeverityName(severity);
  if (is_json) {
    absl::StrAppend(out, "{\"time\":\"", second_text_, ".", micros);
    absl::StrAppend(out, "Z\",\"severity\":\"", name, "\",\"source\":\"",
                    source, "\",\"message\":");
  } else {
    absl::StrAppend(out, absl::string_view(name, 1), second_text_, ".", micros);
    absl::StrAppend(out, " ", absl::Dec(thread_, absl::kSpacePad5), " ", source,
                    "] ");
  }
}

std::string JsonLine(google::LogSeverity severity, const char* file, int line,
                     int64_t unix_micros, absl::string_view message) {
  std::string out;
  LineStart(LogFormat::kJson)
      .Append(severity, absl::StrCat(file, ":", line),
              absl::FromUnixMicros(unix_micros), &out);
  AppendJsonText(message, &out);
  out += "}\n";
  return out;
}

void StartLogging(const char* program, LogFormat format) {
  if (format == LogFormat::kText) {
    FLAGS_logtostderr = true;
  } else {
    // The sink writes what glog would: it keeps no files and stays silent, but
    // for the last words of a process that dies.
    FLAGS_stderrthreshold = google::GLOG_FATAL;
    for (int severity = 0; severity < google::NUM_SEVERITIES; ++severity) {
      google::SetLogDestination(severity, "");
    }
    static JsonSink* const sink = new JsonSink;  // glog may use it at exit
    google::AddLogSink(sink);
  }
  google::InitGoogleLogging(program);
}

void WriteLogLines(absl::string_view lines) {
  // Under the stream's lock, which glog takes for each of its lines, too.
  std::fwrite(lines.data(), 1, lines.size(), stderr);
}

}  // namespace metagraph
