#include "flags/usage_text.h"

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/nearest_names.h"

namespace metagraph {
namespace {

// The options that could have been typed: those of the program and of the verb.
std::vector<const CLI::Option*> Options(const CLI::App& app) {
  std::vector<const CLI::Option*> out = app.get_options();
  for (const CLI::App* verb : app.get_subcommands()) {
    for (const CLI::Option* option : verb->get_options()) {
      out.push_back(option);
    }
  }
  return out;
}

std::string UnknownText(const CLI::App& app,
                        const std::vector<std::string>& extras) {
  for (const std::string& extra : extras) {
    if (!absl::StartsWith(extra, "-") || extra.size() < 2) continue;
    const std::string flag = extra.substr(0, extra.find('='));
    std::vector<std::string> names;
    for (const CLI::Option* option : Options(app)) {
      for (const std::string& name : option->get_lnames()) {
        names.push_back("--" + name);
      }
    }
    const std::vector<absl::string_view> known(names.begin(), names.end());
    return absl::StrCat("there is no flag ", flag,
                        DidYouMean(NearestNames(flag, known)));
  }
  return absl::StrCat("one argument too many: \"",
                      extras.empty() ? "" : extras[0], "\"");
}

// "--threads: text" with the variable's name if it was not typed.
std::string BlameRightly(const CLI::App& app, std::string text,
                         const std::vector<std::string>& arguments) {
  const std::string flag = text.substr(0, text.find_first_of(": "));
  if (!absl::StartsWith(flag, "--")) return text;
  for (const std::string& argument : arguments) {
    if (argument.substr(0, argument.find('=')) == flag) return text;
  }
  for (const CLI::Option* option : Options(app)) {
    if (!option->check_name(flag) || option->get_envname().empty()) continue;
    if (std::getenv(option->get_envname().c_str()) == nullptr) continue;
    return absl::StrCat(option->get_envname(), text.substr(flag.size()));
  }
  return text;
}

}  // namespace

std::string UsageText(const CLI::App& app, const CLI::ParseError& error,
                      const std::vector<std::string>& arguments) {
  const auto kind = static_cast<CLI::ExitCodes>(error.get_exit_code());
  std::string said = error.what();
  const std::string name = said.substr(0, said.find_first_of(": "));
  if (kind == CLI::ExitCodes::ExtrasError)
    return UnknownText(app, app.remaining(true));
  if (kind == CLI::ExitCodes::RequiredError) {
    const absl::string_view what = absl::StripSuffix(said, " is required");
    if (what == "A subcommand") return "no verb is given";
    return absl::StrCat(what, " is missing");
  }
  if (kind == CLI::ExitCodes::ExcludesError) {
    const size_t at = said.find(" excludes ");
    if (at == std::string::npos) return said;
    return absl::StrCat(said.substr(0, at), " and ", said.substr(at + 10),
                        " do not go together");
  }
  if (kind == CLI::ExitCodes::ArgumentMismatch) {
    if (absl::StrContains(said, "override")) {
      return absl::StrCat(name, " takes no value");
    }
    if (absl::StrContains(said, "Most")) {
      return absl::StrCat(name, " is given more than once");
    }
    return absl::StrCat(name, " needs a value");
  }
  if (kind == CLI::ExitCodes::ConversionError) {
    // All that has a value is read by us; this is a flag that needs none:
    // "Could not convert: --yes = perhaps".
    const absl::string_view what =
        absl::StripPrefix(said, "Could not convert: ");
    const size_t equals = what.find(" = ");
    if (equals == absl::string_view::npos) return said;
    return BlameRightly(
        app,
        absl::StrCat(what.substr(0, equals),
                     ": expected true, false or no value, found \"",
                     what.substr(equals + 3), "\""),
        arguments);
  }
  return BlameRightly(app, said, arguments);
}

}  // namespace metagraph
