#include "client/cli.h"

#include <algorithm>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/error_text.h"
#include "client/verb.h"
#include "core/base/nearest_names.h"
#include "flags/flags.h"
#include "flags/usage_text.h"
#include "flags/version.h"

namespace metagraph {
namespace {

constexpr int kSuccess = 0;
constexpr int kCallFailed = 1;
constexpr int kWrongUsage = 2;

constexpr char kDescription[] =
    "Talks to metagraphd: looks at models, runs them, restores and saves "
    "them.\n"
    "Exit code: 0 success, 1 the call failed, 2 wrong usage.";
constexpr char kFooter[] =
    "Examples:\n"
    "  metagraphctl tensors add --role placeholder\n"
    "  metagraphctl run add --feed W3:0='[1,2,3,4]' --fetch add1:0\n"
    "  metagraphctl run add --feed W3:0=@w3.npy --fetch collection:add1\n"
    "  metagraphctl restore add\n"
    "  metagraphctl --local /models/add show\n"
    "`metagraphctl VERB --help` tells more.";

// --dry_run is --dry-run.
void AcceptUnderscores(std::vector<std::string>* arguments) {
  for (std::string& argument : *arguments) {
    if (argument == "--") return;
    if (!absl::StartsWith(argument, "--")) continue;
    const auto end = std::find(argument.begin(), argument.end(), '=');
    std::replace(argument.begin(), end, '_', '-');
  }
}

// Whether there is a MODEL argument must be known before the rest is parsed.
bool HasLocal(const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    if (argument == "--") return false;
    if (argument == "--local" || absl::StartsWith(argument, "--local=")) {
      return true;
    }
  }
  return false;
}

absl::StatusOr<ModelRef> ParseModel(const std::string& text) {
  ModelRef model;
  const size_t at = text.rfind('@');
  model.name = text.substr(0, at);
  if (at == std::string::npos) return model;
  const std::string what = text.substr(at + 1);
  int64_t version;
  if (!absl::SimpleAtoi(what, &version) || version < 0) {
    if (!what.empty() && absl::ascii_isalpha(what[0])) {
      model.name = text;  // a label: the server knows what it stands for
      return model;
    }
    return UsageError(absl::StrCat(
        "model \"", text, "\": expected NAME, NAME@VERSION or NAME@LABEL"));
  }
  model.version = version;
  return model;
}

int Report(const absl::Status& status, Console& console) {
  if (status.ok()) return kSuccess;
  if (IsUsageError(status)) {
    console.err << "metagraphctl: " << status.message() << "\n";
    return kWrongUsage;
  }
  console.err << "metagraphctl: " << ErrorText(status) << "\n";
  return kCallFailed;
}

// Where it stands how to type it.
std::string HelpFor(const CLI::App& app) {
  const auto verbs = app.get_subcommands();
  return absl::StrCat("metagraphctl ",
                      verbs.empty() ? "" : verbs[0]->get_name() + " ",
                      "--help");
}

// CLI11 does not name a verb that it does not know.
absl::Status CheckVerb(const CLI::App& app,
                       const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (absl::StartsWith(argument, "-")) {
      const CLI::Option* option =
          app.get_option_no_throw(argument.substr(0, argument.find('=')));
      const bool takes_value = option != nullptr &&
                               option->get_expected_min() > 0 &&
                               !absl::StrContains(argument, '=');
      if (takes_value) ++i;
      continue;
    }
    std::vector<std::string> names;
    for (const CLI::App* verb : app.get_subcommands(nullptr)) {
      names.push_back(verb->get_name());
    }
    if (absl::c_linear_search(names, argument)) break;
    const std::vector<absl::string_view> views(names.begin(), names.end());
    return UsageError(absl::StrCat("there is no verb \"", argument, "\"",
                                   DidYouMean(NearestNames(argument, views)),
                                   "; metagraphctl --help lists them"));
  }
  return absl::OkStatus();
}

// Options, verb and place must go together.
absl::Status CheckFits(const VerbSet& verbs, bool local,
                       const BackendOptions& options, OutputFormat output) {
  const VerbSet::Verb& verb = verbs.Chosen();
  const std::string name = verb.command->get_name();
  if (local && verb.kind != VerbKind::kLocal &&
      verb.kind != VerbKind::kLocalModel) {
    return UsageError(absl::StrCat("\"", name, "\" needs a server"));
  }
  if (!local && !options.mapping.empty()) {
    return UsageError(absl::StrCat(
        "\"", options.mapping.ToOptions(),
        "\" is for load, restore, verify, or any verb with --local"));
  }
  if (output == OutputFormat::kNpy && name != "run" && name != "read") {
    return UsageError("--output npy is for run and read");
  }
  if (!local && verb.needs_model() && verbs.model().empty()) {
    return UsageError(
        absl::StrCat("MODEL is missing; see metagraphctl ", name, " --help"));
  }
  return absl::OkStatus();
}

void AddConnectionOptions(CLI::App& app, ConnectionOptions* options) {
  AddText(app, "--server", &options->server,
          "The daemon: HOST:PORT or unix:PATH")
      ->envname("METAGRAPHCTL_SERVER")
      ->default_val("127.0.0.1:8500");
  app.add_flag("--tls", options->tls, "Speak TLS; as any of the next four, too")
      ->envname("METAGRAPHCTL_TLS");
  AddText(app, "--tls-ca", &options->tls_ca,
          "PEM file with the roots of the daemon's certificate; without it the "
          "machine's")
      ->envname("METAGRAPHCTL_TLS_CA");
  AddText(app, "--tls-cert", &options->tls_cert,
          "PEM file with the certificate to show")
      ->envname("METAGRAPHCTL_TLS_CERT");
  AddText(app, "--tls-key", &options->tls_key, "PEM file with its key")
      ->envname("METAGRAPHCTL_TLS_KEY");
  AddText(app, "--tls-name", &options->tls_name,
          "The name that the daemon's certificate has, if it is not the host's")
      ->envname("METAGRAPHCTL_TLS_NAME");
  AddText(app, "--token-file", &options->token_file,
          "File with the token to show, by TLS or on this machine only; "
          "without it the token in METAGRAPHCTL_TOKEN, if set")
      ->envname("METAGRAPHCTL_TOKEN_FILE");
}

}  // namespace

int RunCli(std::vector<std::string> arguments, Console& console,
           const BackendFactory& make_backend) {
  AcceptUnderscores(&arguments);
  const bool local = HasLocal(arguments);

  CLI::App app(kDescription, "metagraphctl");
  app.footer(kFooter);
  app.set_version_flag("--version", VersionText("metagraphctl"));
  app.require_subcommand(1);
  app.fallthrough();  // options of all verbs may stand behind the verb
  BackendOptions options;
  AddConnectionOptions(app, &options.connection);
  AddText(
      app, "--local", &options.local,
      "Open this model, a folder, a graph file or a checkpoint, in place of "
      "asking a server; there is no MODEL argument then");
  AddMappingOptions(&app, &options.mapping);
  absl::Duration timeout;
  AddTime(app, "--timeout", &timeout,
          "How long a call may take, as in 5s or 500ms; a number is seconds; "
          "0: no limit");
  OutputFormat output = OutputFormat::kText;
  AddChoice<OutputFormat>(app, "--output", &output,
                          {{"text", OutputFormat::kText},
                           {"json", OutputFormat::kJson},
                           {"npy", OutputFormat::kNpy}},
                          "text, json, or npy (run and read)");

  VerbSet verbs(&app, local);
  AddInspectVerbs(&verbs);
  AddCheckpointVerbs(&verbs);
  AddInferenceVerbs(&verbs);
  AddAdminVerbs(&verbs);

  if (absl::Status known = CheckVerb(app, arguments); !known.ok()) {
    return Report(known, console);
  }
  try {
    // CLI11 wants them last first.
    ParseArguments(app, arguments);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {  // help or version
      app.exit(error, console.out, console.err);
      return kSuccess;
    }
    std::string text = UsageText(app, error, arguments);
    if (local && error.get_exit_code() ==
                     static_cast<int>(CLI::ExitCodes::ExtrasError)) {
      absl::StrAppend(&text, "; with --local there is no MODEL argument");
    }
    return Report(UsageError(absl::StrCat(text, "; see ", HelpFor(app))),
                  console);
  }

  const VerbSet::Verb& verb = verbs.Chosen();
  if (absl::Status fits = CheckFits(verbs, local, options, output);
      !fits.ok()) {
    return Report(fits, console);
  }
  // What is opened goes by its path.
  const absl::StatusOr<ModelRef> model =
      local ? ModelRef{options.local, {}} : ParseModel(verbs.model());
  if (!model.ok()) return Report(model.status(), console);
  if (timeout > absl::ZeroDuration()) options.timeout = timeout;

  absl::StatusOr<std::shared_ptr<Backend>> backend = make_backend(options);
  if (!backend.ok()) return Report(backend.status(), console);
  VerbContext context{**backend, console, output, *model};
  absl::Status status = verb.run(context);
  console.out.flush();
  if (status.ok() && !console.out) {
    status = absl::DataLossError("standard output could not be written");
  }
  if (absl::IsUnavailable(status) && !local) {
    const int code = Report(status, console);
    console.err << "  asked: " << options.connection.server << "\n";
    return code;
  }
  return Report(status, console);
}

}  // namespace metagraph
