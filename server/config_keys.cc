#include "server/config_keys.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/config_models.h"

namespace metagraph {
namespace {

using Kind = ConfigNode::Kind;

bool IsKey(const CLI::Option& option) {
  constexpr std::array kOthers = {"help",         "version",      "config",
                                  "check_config", "model",        "prefix",
                                  "map",          "skip_missing", "partial"};
  const auto& names = option.get_lnames();
  return !names.empty() &&
         std::find(kOthers.begin(), kOthers.end(), names[0]) == kOthers.end();
}

bool IsSwitch(const CLI::Option& option) {
  return option.get_items_expected_max() == 0;
}

bool IsRepeated(const CLI::Option& option) {
  return option.get_items_expected_max() > 1;
}

// Given on the command line, or by a variable.
bool IsGiven(const CLI::Option& option) {
  if (option.count() > 0) return true;
  const std::string variable = absl::StrCat(
      "METAGRAPHD_", absl::AsciiStrToUpper(option.get_lnames()[0]));
  const char* const value = std::getenv(variable.c_str());
  return value != nullptr && *value != '\0';
}

// What CLI11 says of a value, without the flag's name.
std::string Reason(const CLI::Error& error) {
  const std::string text = error.what();
  const size_t colon = text.find(": ");
  return absl::StartsWith(text, "--") && colon != std::string::npos
             ? text.substr(colon + 2)
             : text;
}

// The flag's check of one value; null if it has none.
CLI::Validator* CheckOf(CLI::Option& option) {
  constexpr int kFirst = 0;
  try {  // CLI11 throws if there is none.
    return option.get_validator(kFirst);
  } catch (const CLI::OptionNotFound&) {
    return nullptr;
  }
}

absl::Status SetOption(const ConfigNode& entry, CLI::Option& option) {
  const bool is_list = entry.kind == Kind::kList && IsRepeated(option);
  if (is_list && entry.items.empty()) {
    return ConfigError(entry, entry.key, ": expected a value, found none");
  }
  const std::vector<ConfigNode> nodes =
      is_list ? entry.items : std::vector<ConfigNode>{entry};
  const bool given = IsGiven(option);
  try {  // CLI11 reports by exceptions; they end here.
    CLI::Validator* const check = CheckOf(option);
    for (const ConfigNode& node : nodes) {
      ASSIGN_OR_RETURN(std::string value, ConfigText(node, entry.key));
      // Also where it does not count, so that a file is right or wrong
      // whatever stands around it.
      std::string wrong = check == nullptr ? "" : (*check)(value);
      if (IsSwitch(option) && value != "true" && value != "false") {
        wrong = absl::StrCat("expected true or false, found \"", value, "\"");
      }
      if (!wrong.empty()) return ConfigError(node, entry.key, ": ", wrong);
      if (!given) option.add_result(value);
    }
    if (!given) option.run_callback();
  } catch (const CLI::Error& error) {
    return ConfigError(entry, entry.key, ": ", Reason(error));
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<ConfigKey> KeysOf(const CLI::App& app) {
  std::vector<ConfigKey> out;
  for (const CLI::Option* option : app.get_options()) {
    if (!IsKey(*option)) continue;
    ConfigKey& key = out.emplace_back();
    key.name = option->get_lnames()[0];
    key.kind = IsSwitch(*option) ? "true or false" : option->get_type_name();
    key.help = option->get_description();
    key.default_value = option->get_default_str();
    key.repeated = IsRepeated(*option);
  }
  return out;
}

absl::Status ApplyKeys(const ConfigNode& root, CLI::App& app) {
  for (const ConfigNode& entry : root.items) {
    if (entry.key == "models" || entry.key == "listener_tls") continue;
    CLI::Option* const option =
        app.get_option_no_throw(absl::StrCat("--", entry.key));
    if (option == nullptr || !IsKey(*option)) {
      std::vector<std::string> known = {"models", "listener_tls"};
      for (const ConfigKey& key : KeysOf(app)) known.push_back(key.name);
      return UnknownKey(entry, known);
    }
    RETURN_IF_ERROR(SetOption(entry, *option));
  }
  return absl::OkStatus();
}

}  // namespace metagraph
