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

std::string CheckAddress(const std::string& address) {
  if (absl::StartsWith(address, "unix:")) return "";
  const size_t colon = address.rfind(':');
  int port = -1;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(address.substr(colon + 1), &port) || port < 0 ||
      port > 65535) {
    return absl::StrCat("\"", address,
                        "\" is no address: expected HOST:PORT or unix:PATH");
  }
  return "";
}

// A time that can be waited for: no NaN, at most some months.
std::string CheckSeconds(const std::string& text) {
  double seconds = 0;
  if (absl::SimpleAtod(text, &seconds) && seconds >= 0 && seconds <= 1e7) {
    return "";
  }
  return absl::StrCat("\"", text,
                      "\" is no number of seconds between 0 and 10000000");
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

  const auto add = [&](const char* flag, auto& value, const char* help) {
    return app.add_option(absl::StrCat("--", flag), value, help)
        ->envname(EnvName(flag))
        ->capture_default_str();
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
  double watch = 0;
  double drain_grace = 0;
  double drain_timeout = absl::ToDoubleSeconds(options.drain_timeout);
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
      "served on loopback addresses only");
  add("port_file", options.port_file,
      "write the bound addresses to this file when ready, one per line, the "
      "admin address last");
  app.add_flag("--require_checkpoint", options.require_checkpoint,
               "a model whose variables have no values, because no checkpoint "
               "was found or none fits, is an error")
      ->envname(EnvName("require_checkpoint"));
  add("watch", watch,
      "seconds between looks for newer checkpoints and versions; 0: never")
      ->check(CheckSeconds);
  app.add_flag("--watch_graph", options.watch_graph,
               "looks also take a graph file that was replaced by another "
               "graph, once its checkpoint has changed, too; the old one "
               "serves until the new one is ready")
      ->envname(EnvName("watch_graph"));
  add("threads", options.threads,
      "threads for computing; 0: as many as the machine gives")
      ->check(CLI::Range(0, 4096));
  add("max_inflight", options.max_inflight,
      "calls under way at once; more are refused")
      ->check(CLI::PositiveNumber);
  add("max_message_bytes", options.max_message_bytes, "largest request taken")
      ->check(CLI::Range(int64_t{1}, int64_t{0x7fffffff}));
  add("max_tensor_memory", options.max_tensor_memory,
      "bytes of tensors that may live at once; 0: 3/4 of the memory")
      ->check(CLI::NonNegativeNumber);
  add("drain_grace", drain_grace,
      "seconds between NOT_SERVING and the end of new calls, for balancers to "
      "notice")
      ->check(CheckSeconds);
  add("drain_timeout", drain_timeout,
      "seconds that calls under way get to finish")
      ->check(CheckSeconds);
  auto* roots = add_repeated(
      "file_root", options.file_roots,
      "folder that ops of models may use besides the model's; repeatable");
  add("verbosity", options.verbosity, "more log lines from 1 on");

  const auto stop = [&](int code, std::string message) {
    out.exit = true;
    out.exit_code = code;
    out.message = std::move(message);
    return out;
  };
  try {  // CLI11 reports by exceptions; they end here.
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream text;
    std::ostringstream error_text;
    const bool asked = app.exit(error, text, error_text) == 0;
    return stop(asked ? 0 : 2, asked ? text.str() : error_text.str());
  }
  ReadRepeated("model", model, &models);
  ReadRepeated("prefix", prefix, &mapping.prefixes);
  ReadRepeated("map", map, &mapping.rules);
  ReadRepeated("skip_missing", skip_missing, &mapping.skip_missing);
  ReadRepeated("partial", partial, &mapping.partial);
  ReadRepeated("listen", listen, &options.listen);
  ReadRepeated("file_root", roots, &options.file_roots);

  for (const std::string& text : models) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 ||
        equals + 1 == text.size()) {
      return stop(2,
                  absl::StrCat("--model: \"", text, "\" is not NAME=PATH\n"));
    }
    for (const ServerOptions::Model& other : options.models) {
      if (other.name != text.substr(0, equals)) continue;
      return stop(2, absl::StrCat("--model: the name \"", other.name,
                                  "\" is used twice\n"));
    }
    // Checkpoints are looked for beside the model, wherever that is from here.
    options.models.push_back(
        {text.substr(0, equals),
         std::filesystem::absolute(text.substr(equals + 1)).string()});
  }
  if (std::string wrong = mapping.Apply(options.models); !wrong.empty()) {
    return stop(2, absl::StrCat(wrong, "\n"));
  }
  std::vector<std::string> addresses = options.listen;
  if (!options.admin_listen.empty()) addresses.push_back(options.admin_listen);
  for (const std::string& address : addresses) {
    if (std::string wrong = CheckAddress(address); !wrong.empty()) {
      return stop(2, absl::StrCat(wrong, "\n"));
    }
  }
  options.watch = absl::Seconds(watch);
  options.drain_grace = absl::Seconds(drain_grace);
  options.drain_timeout = absl::Seconds(drain_timeout);
  return out;
}

}  // namespace metagraph
