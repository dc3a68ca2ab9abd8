#include "flags/flags.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/nearest_names.h"
#include "core/base/units.h"

namespace metagraph {
namespace {

constexpr absl::Duration kLongest = absl::Seconds(10'000'000);

std::string CheckInteger(const std::string& text, int64_t min, int64_t max) {
  int64_t value = 0;
  if (absl::SimpleAtoi(text, &value) && value >= min && value <= max) return "";
  const std::string range = max == kNoMaximum
                                ? absl::StrCat("of at least ", min)
                                : absl::StrCat("from ", min, " to ", max);
  return absl::StrCat("expected a whole number ", range, ", found \"", text,
                      "\"");
}

template <typename T>
CLI::Option* AddIntegerOf(CLI::App& app, const std::string& names, T* value,
                          const std::string& help, int64_t min, int64_t max) {
  return app
      .add_option_function<std::string>(
          names,
          [value](const std::string& text) {
            int64_t parsed = 0;
            if (absl::SimpleAtoi(text, &parsed)) *value = parsed;
          },
          help)
      ->type_name("N")
      ->check([min, max](const std::string& text) {
        return CheckInteger(text, min, max);
      });
}

std::string CheckBytes(const std::string& text, int64_t min, int64_t max) {
  const absl::StatusOr<int64_t> bytes = ParseBytes(text);
  if (!bytes.ok()) return std::string(bytes.status().message());
  if (*bytes < min) {
    return absl::StrCat("expected at least ", min, " bytes, found \"", text,
                        "\"");
  }
  if (*bytes > max) {
    return absl::StrCat("expected at most ", max, " bytes, found \"", text,
                        "\"");
  }
  return "";
}

std::string CheckTime(const std::string& text) {
  const absl::StatusOr<absl::Duration> time = ParseTime(text);
  if (!time.ok()) return std::string(time.status().message());
  if (*time <= kLongest) return "";
  return absl::StrCat("expected at most ", absl::ToInt64Seconds(kLongest),
                      " seconds, found \"", text, "\"");
}

}  // namespace

CLI::Option* AddInteger(CLI::App& app, const std::string& names, int64_t* value,
                        const std::string& help, int64_t min, int64_t max) {
  return AddIntegerOf(app, names, value, help, min, max);
}

CLI::Option* AddInteger(CLI::App& app, const std::string& names, int32_t* value,
                        const std::string& help, int64_t min, int64_t max) {
  return AddIntegerOf(app, names, value, help, min, max);
}

CLI::Option* AddBytes(CLI::App& app, const std::string& names, int64_t* value,
                      const std::string& help, int64_t min, int64_t max) {
  return app
      .add_option_function<std::string>(
          names,
          [value](const std::string& text) { *value = *ParseBytes(text); },
          help)
      ->type_name("SIZE")
      ->check([min, max](const std::string& text) {
        return CheckBytes(text, min, max);
      });
}

CLI::Option* AddTime(CLI::App& app, const std::string& names,
                     absl::Duration* value, const std::string& help) {
  return app
      .add_option_function<std::string>(
          names,
          [value](const std::string& text) { *value = *ParseTime(text); }, help)
      ->type_name("TIME")
      ->check(CheckTime);
}

CLI::Option* AddText(CLI::App& app, const std::string& names,
                     std::string* value, const std::string& help) {
  return app.add_option(names, *value, help)
      ->check([](const std::string& text) -> std::string {
        return text.empty() ? "the value is empty" : "";
      });
}

std::string CheckChoice(const std::vector<std::string>& choices,
                        const std::string& found) {
  for (const std::string& choice : choices) {
    if (choice == found) return "";
  }
  const std::vector<absl::string_view> known(choices.begin(), choices.end());
  std::string expected = choices[0];
  for (size_t i = 1; i < choices.size(); ++i) {
    absl::StrAppend(&expected, i + 1 < choices.size() ? ", " : " or ",
                    choices[i]);
  }
  return absl::StrCat("expected ", expected, ", found \"", found, "\"",
                      DidYouMean(NearestNames(found, known)));
}

void ParseArguments(CLI::App& app, std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
  app.parse(std::move(arguments));
  std::vector<CLI::Option*> options = app.get_options();
  for (CLI::App* verb : app.get_subcommands()) {
    for (CLI::Option* option : verb->get_options()) options.push_back(option);
  }
  for (CLI::Option* option : options) {
    if (option->get_envname().empty() || option->count() > 0) continue;
    const char* value = std::getenv(option->get_envname().c_str());
    if (value == nullptr || *value == '\0') continue;
    option->add_result(value);
    option->run_callback();  // checks it
  }
}

}  // namespace metagraph
