#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "glog/logging.h"

namespace metagraph {

enum class LogFormat { kText, kJson };

// What a log line says, for programs: shown beside the message where lines are
// JSON.
class LogFields {
 public:
  void AddText(absl::string_view name, absl::string_view value) {
    texts_.emplace_back(name, value);
  }
  void AddNumber(absl::string_view name, int64_t value) {
    numbers_.emplace_back(name, value);
  }
  const auto& texts() const { return texts_; }
  const auto& numbers() const { return numbers_; }

  // The fields of the lines that this thread writes until the scope ends.
  class Scope {
   public:
    explicit Scope(const LogFields& fields);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;
  };
  // nullptr: none.
  static const LogFields* Current();

 private:
  std::vector<std::pair<std::string, std::string>> texts_;
  std::vector<std::pair<std::string, int64_t>> numbers_;
};

// One JSON object, and a line's end: time, severity, source, message, and the
// current fields. What is not UTF-8 is replaced.
std::string JsonLine(google::LogSeverity severity, const char* file, int line,
                     int64_t unix_micros, absl::string_view message);

// Has glog's lines written to standard error in this format, for the rest of
// the process.
void StartLogging(const char* program, LogFormat format);

}  // namespace metagraph
