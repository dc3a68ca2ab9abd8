#pragma once

// Flags whose values are checked here, so that what is wrong is said in our
// words: what was expected and what was found. `names` as CLI11 takes them.

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace metagraph {

inline constexpr int64_t kNoMaximum = std::numeric_limits<int64_t>::max();

// A whole number.
CLI::Option* AddInteger(CLI::App& app, const std::string& names, int64_t* value,
                        const std::string& help, int64_t min,
                        int64_t max = kNoMaximum);
CLI::Option* AddInteger(CLI::App& app, const std::string& names, int32_t* value,
                        const std::string& help, int64_t min,
                        int64_t max = std::numeric_limits<int32_t>::max());

// A number of bytes, with or without a unit; see ParseBytes.
CLI::Option* AddBytes(CLI::App& app, const std::string& names, int64_t* value,
                      const std::string& help, int64_t min,
                      int64_t max = kNoMaximum);

// A time, see ParseTime, of at most some months.
CLI::Option* AddTime(CLI::App& app, const std::string& names,
                     absl::Duration* value, const std::string& help);

// Text that is not empty.
CLI::Option* AddText(CLI::App& app, const std::string& names,
                     std::string* value, const std::string& help);

// An error if `found` is none of `choices`, of which there are some; "" if it
// is one.
std::string CheckChoice(const std::vector<std::string>& choices,
                        const std::string& found);

// One of some words, each with its value.
template <typename T>
CLI::Option* AddChoice(CLI::App& app, const std::string& names, T* value,
                       const std::vector<std::pair<std::string, T>>& choices,
                       const std::string& help) {
  std::vector<std::string> words;
  words.reserve(choices.size());
  for (const auto& [word, meaning] : choices) words.push_back(word);
  return app
      .add_option_function<std::string>(
          names,
          [value, choices](const std::string& text) {
            for (const auto& [word, meaning] : choices) {
              if (word == text) *value = meaning;
            }
          },
          help)
      ->type_name("WORD")
      ->check([words](const std::string& text) {
        return CheckChoice(words, text);
      });
}

// app.parse, which throws CLI::ParseError, of the words behind the program's
// name. A variable of the environment with a wrong value is an error, too: some
// versions of CLI11 pass over it.
void ParseArguments(CLI::App& app, std::vector<std::string> arguments);

}  // namespace metagraph
