#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "glog/logging.h"

namespace metagraph {

enum class LogFormat { kText, kJson };

// Adds `text` to a line of JSON, in quotes. What is not UTF-8 is replaced.
void AppendJsonText(absl::string_view text, std::string* out);

// Writes what a line begins with: as glog does, "I20261129 09:41:59.123456 4711
// source] ", or an object's first fields up to "message":. For one thread.
class LineStart {
 public:
  explicit LineStart(LogFormat format);

  void Append(google::LogSeverity severity, absl::string_view source,
              absl::Time time, std::string* out);

 private:
  const LogFormat format_;
  const absl::TimeZone zone_;
  const pid_t thread_;
  // Text of a second: of many lines only microseconds differ.
  int64_t second_ = -1;
  std::string second_text_;
};

// One JSON object, and a line's end: time, severity, source, message.
std::string JsonLine(google::LogSeverity severity, const char* file, int line,
                     int64_t unix_micros, absl::string_view message);

// Has glog's lines written to standard error in this format, for the rest of
// the process.
void StartLogging(const char* program, LogFormat format);

// Writes whole lines where glog's go; none of either stands within another.
void WriteLogLines(absl::string_view lines);

}  // namespace metagraph
