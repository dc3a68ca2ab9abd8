#include "server/log_format.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "core/base/clock.h"
#include "nlohmann/json.hpp"

namespace metagraph {
namespace {

thread_local const LogFields* current_fields = nullptr;

class JsonSink final : public google::LogSink {
 public:
  void send(google::LogSeverity severity, const char*, const char* file,
            int line, const google::LogMessageTime&, const char* message,
            size_t size) override {
    const std::string text =
        JsonLine(severity, file, line, absl::ToUnixMicros(Clock::Real().Now()),
                 absl::string_view(message, size));
    // Whole lines: glog calls this under its lock.
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
};

}  // namespace

LogFields::Scope::Scope(const LogFields& fields) { current_fields = &fields; }
LogFields::Scope::~Scope() { current_fields = nullptr; }
const LogFields* LogFields::Current() { return current_fields; }

std::string JsonLine(google::LogSeverity severity, const char* file, int line,
                     int64_t unix_micros, absl::string_view message) {
  nlohmann::ordered_json out;
  out["time"] =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ",
                       absl::FromUnixMicros(unix_micros), absl::UTCTimeZone());
  out["severity"] = google::GetLogSeverityName(severity);
  out["source"] = absl::StrCat(file, ":", line);
  out["message"] = std::string(message);
  if (const LogFields* fields = LogFields::Current()) {
    for (const auto& [name, value] : fields->texts()) out[name] = value;
    for (const auto& [name, value] : fields->numbers()) out[name] = value;
  }
  return out.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/false,
                  nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
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

}  // namespace metagraph
