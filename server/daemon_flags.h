#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "flags/flags.h"

namespace metagraph {

// The daemon's flags: each is also a variable of the environment, and shows its
// default. `flag` without dashes.
class DaemonFlags {
 public:
  explicit DaemonFlags(CLI::App& app) : app_(app) {}

  CLI::Option* Text(const char* flag, std::string* value, const char* help) {
    return WithVariable(flag, AddText(app_, Dashed(flag), value, help));
  }
  template <typename T>
  void Integer(const char* flag, T* value, const char* help, int64_t min,
               int64_t max) {
    WithVariable(flag, AddInteger(app_, Dashed(flag), value, help, min, max))
        ->default_str(absl::StrCat(*value));
  }
  void Bytes(const char* flag, int64_t* value, const char* help, int64_t min,
             int64_t max) {
    WithVariable(flag, AddBytes(app_, Dashed(flag), value, help, min, max))
        ->default_str(absl::StrCat(*value));
  }
  void Time(const char* flag, absl::Duration* value, const char* help) {
    WithVariable(flag, AddTime(app_, Dashed(flag), value, help))
        ->default_str(absl::FormatDuration(*value));
  }
  void Switch(const char* flag, bool* value, const char* help) {
    WithVariable(flag, app_.add_flag(Dashed(flag), *value, help));
  }
  template <typename T>
  CLI::Option* Choice(const char* flag, T* value,
                      const std::vector<std::pair<std::string, T>>& choices,
                      const char* help) {
    return WithVariable(flag,
                        AddChoice(app_, Dashed(flag), value, choices, help));
  }

  // May be given several times. CLI11 would take one value of the environment:
  // ReadEnvironment splits it.
  // `flag` may be followed by other names of it, with their dashes.
  CLI::Option* Repeated(absl::string_view flag,
                        std::vector<std::string>* values, const char* help) {
    const std::string variable = EnvName(flag.substr(0, flag.find(',')));
    CLI::Option* option =
        app_.add_option(Dashed(flag), *values, help)
            ->allow_extra_args(false)
            ->capture_default_str()
            ->description(absl::StrCat(help, " (Env:", variable,
                                       ", separated by commas)"));
    repeated_.push_back({variable, option, values});
    return option;
  }
  // REQUIRES: the command line has been parsed.
  void ReadEnvironment() const {
    for (const auto& [variable, option, values] : repeated_) {
      const char* text = std::getenv(variable.c_str());
      if (option->count() > 0 || text == nullptr) continue;
      *values = absl::StrSplit(text, ',', absl::SkipEmpty());
    }
  }

  // What a flag's values came from, for errors.
  std::string Source(const char* flag) const {
    const std::string name = Dashed(flag);
    return app_.get_option(name)->count() > 0 ? name : EnvName(flag);
  }

 private:
  // METAGRAPHD_FLAG of every option.
  static std::string EnvName(absl::string_view flag) {
    return absl::StrCat("METAGRAPHD_", absl::AsciiStrToUpper(flag));
  }
  struct RepeatedFlag {
    std::string variable;
    const CLI::Option* option;
    std::vector<std::string>* values;
  };

  static std::string Dashed(absl::string_view flag) {
    return absl::StrCat("--", flag);
  }
  static CLI::Option* WithVariable(const char* flag, CLI::Option* option) {
    return option->envname(EnvName(flag));
  }

  CLI::App& app_;
  std::vector<RepeatedFlag> repeated_;
};

}  // namespace metagraph
