#include "server/server_options.h"

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "flags/flags.h"
#include "flags/usage_text.h"

namespace metagraph {
namespace {

constexpr char kAbout[] =
    "metagraphd serves TensorFlow 1 meta graphs and their checkpoints over "
    "gRPC.\n"
    "Example: metagraphd --model add=/models/add";

// METAGRAPHD_FLAG of every option; read here only for repeatable ones.
std::string EnvName(absl::string_view flag) {
  return absl::StrCat("METAGRAPHD_", absl::AsciiStrToUpper(flag));
}

void ReadRepeated(absl::string_view flag, const CLI::Option* option,
                  std::vector<std::string>* values) {
  const char* text = std::getenv(EnvName(flag).c_str());
  if (option->count() > 0 || text == nullptr) return;
  *values = absl::StrSplit(text, ',', absl::SkipEmpty());
}

std::string CheckCompile(const std::string& level) {
  if (level == "off" || level == "safe" || level == "full") return "";
  return absl::StrCat("expected off, safe or full, found \"", level, "\"");
}

std::string CheckAddress(const std::string& address) {
  if (absl::StartsWith(address, "unix:") && address.size() > 5) return "";
  const size_t colon = address.rfind(':');
  int port = -1;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 0 ||
      port > 65535) {
    return absl::StrCat("expected HOST:PORT or unix:PATH, found \"", address,
                        "\"");
  }
  return "";
}

// A flag that holds for the model that its value names before a colon, or else
// for all. `value` loses the name.
std::vector<ServerOptions::Model*> ModelsMeant(
    std::vector<ServerOptions::Model>& models, std::string& value) {
  std::vector<ServerOptions::Model*> out;
  for (ServerOptions::Model& model : models) {
    absl::string_view rest = value;
    if (!absl::ConsumePrefix(&rest, model.name)) continue;
    if (!rest.empty() && !absl::ConsumePrefix(&rest, ":")) continue;
    value = std::string(rest);
    return {&model};
  }
  out.reserve(models.size());
  for (ServerOptions::Model& model : models) out.push_back(&model);
  return out;
}

// The texts of the flags that say how names of checkpoints are read.
struct MappingFlags {
  std::vector<std::string> prefixes;
  std::vector<std::string> rules;
  std::vector<std::string> skip_missing;
  std::vector<std::string> partial;

  // Answers what is wrong; empty if nothing.
  std::string Apply(std::vector<ServerOptions::Model>& models) const {
    for (std::string prefix : prefixes) {
      for (auto* model : ModelsMeant(models, prefix)) {
        if (!model->mapping.prefix.empty()) {
          return absl::StrCat("--prefix: model \"", model->name,
                              "\" has one already; --map takes more");
        }
        model->mapping.prefix = prefix;
      }
    }
    for (std::string rule : rules) {
      for (auto* model : ModelsMeant(models, rule)) {
        model->mapping.rules.push_back(rule);
      }
    }
    for (const auto& [flag, names] :
         {std::pair("--skip_missing", &skip_missing),
          std::pair("--partial", &partial)}) {
      for (std::string name : *names) {
        const bool all = name.empty() || name == "true" || name == "1";
        if (all) name.clear();
        const auto meant = ModelsMeant(models, name);
        if (!name.empty()) {
          return absl::StrCat(flag, ": no --model is called \"", name, "\"");
        }
        for (auto* model : meant) {
          model->mapping.skip_missing = true;
          if (names == &partial) model->mapping.skip_mismatched = true;
        }
      }
    }
    for (const ServerOptions::Model& model : models) {
      const auto map = NameMap::Parse(model.mapping);
      if (!map.ok()) return std::string(map.status().message());
    }
    return "";
  }
};

}  // namespace

bool IsLocalAddress(const std::string& address) {
  if (absl::StartsWith(address, "unix:")) return true;
  const std::string host = address.substr(0, address.rfind(':'));
  return host == "localhost" || host == "[::1]" ||
         absl::StartsWith(host, "127.");
}

CommandLine ParseCommandLine(int argc, const char* const* argv) {
  CommandLine out;
  ServerOptions& options = out.options;
  CLI::App app(kAbout, "metagraphd");
  app.set_version_flag("--version", "metagraphd " METAGRAPH_VERSION);
  app.get_formatter()->column_width(34);

  const auto set_up = [](const char* flag, CLI::Option* option) {
    return option->envname(EnvName(flag));
  };
  const auto add = [&](const char* flag, std::string& value, const char* help) {
    return set_up(flag, AddText(app, absl::StrCat("--", flag), &value, help));
  };
  const auto add_integer = [&](const char* flag, auto& value, const char* help,
                               int64_t min, int64_t max) {
    const std::string name = absl::StrCat("--", flag);
    return set_up(flag, AddInteger(app, name, &value, help, min, max))
        ->default_str(absl::StrCat(value));
  };
  const auto add_bytes = [&](const char* flag, int64_t& value, const char* help,
                             int64_t min, int64_t max) {
    const std::string name = absl::StrCat("--", flag);
    return set_up(flag, AddBytes(app, name, &value, help, min, max))
        ->default_str(absl::StrCat(value));
  };
  const auto add_time = [&](const char* flag, absl::Duration& value,
                            const char* help) {
    const std::string name = absl::StrCat("--", flag);
    return set_up(flag, AddTime(app, name, &value, help))
        ->default_str(absl::FormatDuration(value));
  };
  const auto add_repeated = [&](absl::string_view flag,
                                std::vector<std::string>& values,
                                const char* help) {
    return app.add_option(absl::StrCat("--", flag), values, help)
        ->allow_extra_args(false)
        ->capture_default_str()
        ->description(absl::StrCat(
            help, " (Env:", EnvName(flag.substr(0, flag.find(','))),
            ", separated by commas)"));
  };
  std::vector<std::string> models;

  auto* model = add_repeated("model", models,
                             "NAME=PATH of a model: a folder with .meta and "
                             "checkpoints, a SavedModel, a frozen graph, a "
                             "folder of version folders; or one graph file or "
                             "checkpoint of several in a folder; repeatable");
  MappingFlags mapping;
  auto* prefix = add_repeated(
      "prefix", mapping.prefixes,
      "[NAME:]SCOPE that stands before the names of one side only, the graph's "
      "or the checkpoint's; of model NAME, or of all; repeatable");
  auto* map = add_repeated(
      "map", mapping.rules,
      "[NAME:]OLD=NEW: what it is called in the checkpoint and in the graph: a "
      "name, a scope (old/=new/), or a regular expression (RE2) with \\1 in "
      "NEW; of model NAME, or of all; repeatable");
  auto* skip_missing = add_repeated(
      "skip_missing,--skip-missing", mapping.skip_missing,
      "variables that are not in the checkpoint stay without a value; of model "
      "NAME, or of all");
  skip_missing->expected(0, 1)->type_name("[NAME]")->default_str("");
  auto* partial = add_repeated(
      "partial", mapping.partial,
      "as --skip_missing, and so do those of another type or shape");
  partial->expected(0, 1)->type_name("[NAME]")->default_str("");
  auto* listen =
      add_repeated("listen", options.listen,
                   "HOST:PORT or unix:PATH; port 0 is any; repeatable");
  add("admin_listen", options.admin_listen,
      "address where calls that change state are served; without it they are "
      "served on loopback addresses only")
      ->check(CheckAddress);
  add("port_file", options.port_file,
      "write the bound addresses to this file when ready, one per line, the "
      "admin address last");
  app.add_flag("--require_checkpoint", options.require_checkpoint,
               "a model whose variables have no values, because no checkpoint "
               "was found or none fits, is an error")
      ->envname(EnvName("require_checkpoint"));
  add_time("watch", options.watch,
           "time between looks for newer checkpoints and versions, as in 5s or "
           "500ms; a number is seconds; 0: never");
  app.add_flag("--watch_graph", options.watch_graph,
               "looks also take a graph file that was replaced by another "
               "graph, once its checkpoint has changed, too; the old one "
               "serves until the new one is ready")
      ->envname(EnvName("watch_graph"));
  std::string compile = "full";
  add("compile", compile,
      "how far programs are compiled: off, ops run as they stand in the graph; "
      "safe, what keeps every bit of the answers; full, all")
      ->check(CheckCompile);
  add_integer("threads", options.threads,
              "threads for computing; 0: as many as the machine gives", 0,
              4096);
  add_integer("max_inflight", options.max_inflight,
              "calls under way at once; more are refused", 1, 1'000'000'000);
  add_bytes("max_message_bytes", options.max_message_bytes,
            "largest request taken, as in 64MiB", 1, 0x7fffffff);
  add_bytes("max_tensor_memory", options.max_tensor_memory,
            "tensors that may live at once, as in 2GiB or 512MB; 0: 3/4 of the "
            "memory",
            0, kNoMaximum);
  add_time("drain_grace", options.drain_grace,
           "time between NOT_SERVING and the end of new calls, for balancers "
           "to notice");
  add_time("drain_timeout", options.drain_timeout,
           "time that calls under way get to finish");
  auto* roots = add_repeated(
      "file_root", options.file_roots,
      "folder that ops of models may use besides the model's; repeatable");
  add_integer("verbosity", options.verbosity,
              "1: a log line for each call and event; 2: also what runs are "
              "asked for",
              0, 9);

  const auto stop = [&](int code, std::string message) {
    out.exit = true;
    out.exit_code = code;
    out.message = std::move(message);
    return out;
  };
  const auto wrong_usage = [&](absl::string_view what) {
    return stop(2, absl::StrCat("metagraphd: ", what,
                                "\nmetagraphd --help tells all flags.\n"));
  };
  try {  // CLI11 reports by exceptions; they end here.
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream text;
    if (app.exit(error, text, text) == 0) return stop(0, text.str());
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    return wrong_usage(UsageText(app, error, arguments));
  }
  options.compile = compile == "off"    ? CompileLevel::kOff
                    : compile == "safe" ? CompileLevel::kSafe
                                        : CompileLevel::kFull;
  ReadRepeated("model", model, &models);
  ReadRepeated("prefix", prefix, &mapping.prefixes);
  ReadRepeated("map", map, &mapping.rules);
  ReadRepeated("skip_missing", skip_missing, &mapping.skip_missing);
  ReadRepeated("partial", partial, &mapping.partial);
  ReadRepeated("listen", listen, &options.listen);
  ReadRepeated("file_root", roots, &options.file_roots);

  // What a repeatable flag's values came from.
  const auto blame = [&](const char* flag) {
    const std::string name = absl::StrCat("--", flag);
    return app.get_option(name)->count() > 0 ? name : EnvName(flag);
  };
  for (const std::string& text : models) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 ||
        equals + 1 == text.size()) {
      return wrong_usage(absl::StrCat(
          blame("model"), ": expected NAME=PATH, found \"", text, "\""));
    }
    for (const ServerOptions::Model& other : options.models) {
      if (other.name != text.substr(0, equals)) continue;
      return wrong_usage(absl::StrCat(blame("model"), ": the name \"",
                                      other.name, "\" is used twice"));
    }
    // Checkpoints are looked for beside the model, wherever that is from here.
    options.models.push_back(
        {text.substr(0, equals),
         std::filesystem::absolute(text.substr(equals + 1)).string()});
  }
  if (std::string wrong = mapping.Apply(options.models); !wrong.empty()) {
    return wrong_usage(wrong);
  }
  for (const std::string& address : options.listen) {
    if (std::string wrong = CheckAddress(address); !wrong.empty()) {
      return wrong_usage(absl::StrCat(blame("listen"), ": ", wrong));
    }
  }
  for (std::string& root : options.file_roots) {
    if (root.empty()) {  // would be every file
      return wrong_usage(
          absl::StrCat(blame("file_root"), ": the value is empty"));
    }
    root = std::filesystem::absolute(root).string();
  }
  return out;
}

}  // namespace metagraph
