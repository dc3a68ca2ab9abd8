#include "server/server_options.h"

#include <arpa/inet.h>

#include <algorithm>
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
#include "core/base/status.h"
#include "core/io/file_system.h"
#include "flags/flags.h"
#include "flags/usage_text.h"
#include "flags/version.h"
#include "server/config_file.h"
#include "server/config_keys.h"
#include "server/config_models.h"
#include "server/daemon_flags.h"
#include "server/model_flags.h"

namespace metagraph {
namespace {

constexpr char kAbout[] =
    "metagraphd serves TensorFlow 1 meta graphs and their checkpoints over "
    "gRPC.\n"
    "Example: metagraphd --model add=/models/add";

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

// "off" or empty for none.
std::string CheckMetricsAddress(const std::string& address) {
  if (address.empty() || address == "off") return "";
  if (absl::StartsWith(address, "unix:")) {
    return absl::StrCat("expected HOST:PORT, found \"", address, "\"");
  }
  return CheckAddress(address);
}

struct AddressTexts {
  std::string metrics_listen = ServerOptions::kDefaultMetricsListen;
};

void AddAddressFlags(DaemonFlags& flags, AddressTexts& texts,
                     ServerOptions& options) {
  flags
      .Repeated("listen", &options.listen,
                "HOST:PORT or unix:PATH; port 0 is any; repeatable")
      ->check(CheckAddress);
  flags
      .Text("admin_listen", &options.admin_listen,
            "address where calls that change state are served; without it they "
            "are "
            "served on loopback addresses only")
      ->check(CheckAddress);
  flags
      .Text("metrics_listen", &texts.metrics_listen,
            "HOST:PORT of /metrics for Prometheus, /healthz and /readyz, in "
            "plain HTTP; off: nowhere. If the default port is taken the daemon "
            "goes on without")
      ->check(CheckMetricsAddress);
  flags.Text(
      "port_file", &options.port_file,
      "write the bound addresses to this file when ready, one per line, the "
      "admin address last, and after it http://HOST:PORT of the metrics where "
      "--metrics_listen is given");
}

void AddTransportFlags(DaemonFlags& flags, ServerOptions::Transport& limits) {
  flags.Integer("max_connections", &limits.max_connections,
                "connections open at once, of one host at most three quarters "
                "of them; 0: 4096, or what file descriptors allow",
                0, 1'000'000);
  flags.Integer("max_streams_per_connection", &limits.max_streams,
                "calls of one connection at a time; a client holds back more",
                1, 1'000'000);
  flags.Bytes("max_metadata_bytes", &limits.max_metadata_bytes,
              "metadata that a call may bring, as in 16KiB", 1024, 16 << 20);
  flags.Bytes("max_message_memory", &limits.max_memory,
              "what messages on their way in and out may take of memory, as in "
              "512MiB; 0: 1/8 of the memory, and 4 x --max_message_bytes at "
              "most",
              0, kNoMaximum);
  flags
      .Choice<bool>("accept_compression", &limits.accept_compression,
                    {{"on", true}, {"off", false}},
                    "whether messages may come compressed; a small one may "
                    "become a thousand times --max_message_bytes before it is "
                    "refused, so only for callers that are trusted")
      ->default_str("off");
  flags.Time("handshake_timeout", &limits.handshake_timeout,
             "time that a connection has for TLS and HTTP/2's first frames");
  flags.Time("keepalive_time", &limits.keepalive_time,
             "a connection of which nothing is heard for this long is asked "
             "whether it lives; 0: never");
  flags.Time("keepalive_timeout", &limits.keepalive_timeout,
             "and closed when no answer comes for this long");
  flags.Time("max_connection_idle", &limits.max_connection_idle,
             "a connection without calls is closed after this; 0: never");
  flags.Time("max_connection_age", &limits.max_connection_age,
             "a connection is asked to go after this, give or take a tenth, so "
             "that balancers spread callers anew; 0: never");
  flags.Time("max_connection_age_grace", &limits.max_connection_age_grace,
             "time that its calls get then; 0: as long as they take");
}

void AddSecurityFlags(DaemonFlags& flags, ServerOptions& options) {
  flags.Text("tls_cert", &options.tls.cert,
             "PEM file with the certificate of all addresses but unix:, and "
             "those between it and the root; taken again when it changes");
  flags.Text("tls_key", &options.tls.key,
             "PEM file with its key; may be the same file, so that both change "
             "at once");
  flags.Text("tls_client_ca", &options.tls.client_ca,
             "PEM file with the roots that client certificates must come "
             "from; without --tokens every client must have one; read again "
             "when it changes");
  flags.Text("tokens", &options.tokens,
             "file that gives roles to tokens and client certificates: lines "
             "of ROLE[,ROLE] (infer, inspect, admin) and a token, sha256:HEX "
             "or san:NAME; then calls need a role, but not on loopback; read "
             "again when it changes");
  flags
      .Choice<bool>("reflection", &options.reflection,
                    {{"on", true}, {"off", false}},
                    "whether the API tells of itself, to grpcurl say")
      ->default_str("on");
  flags
      .Choice<bool>("channelz", &options.channelz,
                    {{"on", true}, {"off", false}},
                    "whether gRPC tells of its connections, on loopback and "
                    "--admin_listen; it cannot ask for a role: with --tokens "
                    "on loopback only")
      ->default_str("off");
}

// Answers what is wrong; empty if nothing.
std::string CheckTls(const TlsFiles& tls) {
  if (tls.cert.empty() != tls.key.empty()) {
    return tls.cert.empty() ? "--tls_key needs --tls_cert"
                            : "--tls_cert needs --tls_key";
  }
  if (!tls.client_ca.empty() && tls.cert.empty()) {
    return "--tls_client_ca needs --tls_cert and --tls_key";
  }
  return "";
}

void AddFolderFlags(DaemonFlags& flags, ServerOptions& options) {
  flags.Switch("require_checkpoint", &options.require_checkpoint,
               "a model whose variables have no values, because no checkpoint "
               "was found or none fits, is an error");
  flags.Time(
      "watch", &options.watch,
      "time between looks for newer checkpoints and versions, as in 5s or "
      "500ms; a number is seconds; 0: never");
  flags.Switch("watch_graph", &options.watch_graph,
               "looks also take a graph file that was replaced by another "
               "graph, once its checkpoint has changed, too; the old one "
               "serves until the new one is ready");
}

void AddMemoryFlags(DaemonFlags& flags, ServerOptions& options) {
  flags.Integer("retain_generations", &options.retain_generations,
                "generations of a model that are kept in memory for rollback; "
                "given up where a restore needs their memory",
                0, 1000);
}

void AddRunFlags(DaemonFlags& flags, ServerOptions& options) {
  flags
      .Choice<CompileLevel>(
          "compile", &options.compile,
          {{"off", CompileLevel::kOff},
           {"safe", CompileLevel::kSafe},
           {"full", CompileLevel::kFull}},
          "how far programs are compiled: off, ops run as they stand in the "
          "graph; safe, what keeps every bit of the answers; full, all")
      ->default_str("full");
  flags.Bytes("compile_memory", &options.compile_memory,
              "what programs that are compiled for the weights may take beside "
              "them; 0: a quarter of --max_tensor_memory",
              0, kNoMaximum);
  flags.Integer("threads", &options.threads,
                "threads for computing; 0: as many as the machine gives", 0,
                4096);
  flags.Integer(
      "max_inflight", &options.max_inflight,
      "runs under way at once, those that wait too; more are refused; other "
      "calls have bounds of their own",
      1, 1'000'000'000);
  flags.Bytes("max_message_bytes", &options.max_message_bytes,
              "largest request taken, as in 64MiB", 1, 0x7fffffff);
  flags.Bytes(
      "max_tensor_memory", &options.max_tensor_memory,
      "tensors that may live at once, as in 2GiB or 512MB; 0: 3/4 of the "
      "memory",
      0, kNoMaximum);
  flags.Time("drain_grace", &options.drain_grace,
             "time between NOT_SERVING and the end of new calls, for balancers "
             "to notice");
  flags.Time(
      "drain_timeout", &options.drain_timeout,
      "time from then to the end of the process: calls under way may finish, "
      "but for the last moment");
  flags.Repeated(
      "file_root", &options.file_roots,
      "folder that ops of models may use besides the model's; repeatable");
  flags
      .Choice<bool>("on_load_error", &options.serve_on_load_error,
                    {{"exit", false}, {"serve", true}},
                    "what a model that cannot be loaded at the start does: "
                    "exit, the daemon ends; serve, the others are served, and "
                    "/readyz tells which is missing")
      ->default_str("exit");
  flags
      .Choice<LogFormat>(
          "log_format", &options.log_format,
          {{"text", LogFormat::kText}, {"json", LogFormat::kJson}},
          "lines of the log: glog's text, or JSON objects")
      ->default_str("text");
  flags
      .Choice<AccessLogMode>("access_log", &options.access_log,
                             {{"off", AccessLogMode::kOff},
                              {"errors", AccessLogMode::kErrors},
                              {"sampled", AccessLogMode::kSampled},
                              {"all", AccessLogMode::kAll}},
                             "which calls get a log line: off, none but those "
                             "with INTERNAL; errors, at most 20 a second that "
                             "fail; sampled, also 10 a second of the others; "
                             "all")
      ->default_str("errors");
  flags.Integer("verbosity", &options.verbosity,
                "1: a log line for each call and event; 2: also what runs are "
                "asked for",
                0, 9);
}

// Answers what is wrong with the values of repeatable flags; empty if nothing.
std::string CheckRepeated(const DaemonFlags& flags, ServerOptions& options) {
  for (const std::string& address : options.listen) {
    if (std::string wrong = CheckAddress(address); !wrong.empty()) {
      return absl::StrCat(flags.Source("listen"), ": ", wrong);
    }
  }
  for (std::string& root : options.file_roots) {
    if (root.empty()) {  // would be every file
      return absl::StrCat(flags.Source("file_root"), ": the value is empty");
    }
    root = std::filesystem::absolute(root).string();
  }
  return "";
}

// An address that is misspelt would be served in the clear. Answers what is
// wrong; empty if nothing.
std::string CheckListenerTls(const ServerOptions& options) {
  for (const auto& [address, files] : options.listener_tls) {
    if (address == options.admin_listen ||
        std::find(options.listen.begin(), options.listen.end(), address) !=
            options.listen.end()) {
      continue;
    }
    return absl::StrCat("listener_tls: \"", address,
                        "\" is none of the addresses of listen and "
                        "admin_listen");
  }
  return "";
}

void AddFlags(DaemonFlags& flags, ModelTexts& texts, AddressTexts& addresses,
              ServerOptions& options) {
  AddModelFlags(flags, texts);
  AddAddressFlags(flags, addresses, options);
  AddTransportFlags(flags, options.transport);
  AddSecurityFlags(flags, options);
  AddFolderFlags(flags, options);
  AddMemoryFlags(flags, options);
  AddRunFlags(flags, options);
}

// A node as text that is the same for the same values.
std::string TextOf(const ConfigNode& node) {
  std::string out = absl::StrCat(node.key, ": ", node.text, "\n");
  for (const ConfigNode& item : node.items) {
    absl::StrAppend(&out, TextOf(item));
  }
  return out;
}

// Reads the file: models into out.options, all else into flags not given.
absl::Status ApplyConfig(const std::string& path, CLI::App& app,
                         CommandLine& out) {
  ASSIGN_OR_RETURN(const std::string text,
                   ReadFile(FileSystem::Posix(), path, kLargestConfig));
  ASSIGN_OR_RETURN(const ConfigNode root, ParseConfig(text));
  if (root.kind == ConfigNode::Kind::kNull) return absl::OkStatus();
  if (root.kind != ConfigNode::Kind::kMap) {
    return ConfigError(root, "expected KEY: VALUE");
  }
  RETURN_IF_ERROR(ApplyKeys(root, app));
  for (const ConfigNode& entry : root.items) {
    if (entry.key == "models") {
      ASSIGN_OR_RETURN(out.options.models, ReadModels(entry));
      continue;
    }
    if (entry.key == "listener_tls") {
      ASSIGN_OR_RETURN(out.options.listener_tls, ReadListenerTls(entry));
    }
    out.settings[entry.key] = TextOf(entry);
  }
  return absl::OkStatus();
}

// Ends the program with a text.
CommandLine Exit(int code, std::string message) {
  CommandLine out;
  out.exit = true;
  out.exit_code = code;
  out.message = std::move(message);
  return out;
}

CommandLine WrongUsage(absl::string_view what) {
  return Exit(2, absl::StrCat("metagraphd: ", what,
                              "\nmetagraphd --help tells all flags.\n"));
}

}  // namespace

bool IsLocalAddress(const std::string& address) {
  if (absl::StartsWith(address, "unix:")) return true;
  const std::string host = address.substr(0, address.rfind(':'));
  in_addr v4{};
  return host == "localhost" || host == "[::1]" ||
         (inet_pton(AF_INET, host.c_str(), &v4) == 1 &&
          (ntohl(v4.s_addr) >> 24) == 127);
}

std::vector<std::string> ChangedSettings(const CommandLine& before,
                                         const CommandLine& after) {
  std::vector<std::string> out;
  for (const auto& [key, text] : before.settings) {
    const auto now = after.settings.find(key);
    if (now == after.settings.end() || now->second != text) out.push_back(key);
  }
  for (const auto& [key, text] : after.settings) {
    if (!before.settings.contains(key)) out.push_back(key);
  }
  return out;
}

std::vector<ConfigKey> ConfigKeys() {
  ServerOptions options;
  ModelTexts texts;
  CLI::App app;
  DaemonFlags flags(app);
  AddressTexts addresses;
  AddFlags(flags, texts, addresses, options);
  return KeysOf(app);
}

CommandLine ParseCommandLine(int argc, const char* const* argv) {
  CommandLine out;
  ServerOptions& options = out.options;
  CLI::App app(kAbout, "metagraphd");
  app.set_version_flag("--version", VersionText("metagraphd"));
  app.get_formatter()->column_width(34);
  DaemonFlags flags(app);
  ModelTexts texts;
  std::string config;
  bool check_config = false;
  flags.Text("config", &config,
             "YAML file with models and with values of flags, see config.md; "
             "flags and variables win; at HUP its models are read again");
  app.add_flag("--check_config", check_config,
               "check flags, variables and --config, and exit with 0 or 2");
  AddressTexts addresses;
  AddFlags(flags, texts, addresses, options);

  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {  // CLI11 reports by exceptions; they end here.
    ParseArguments(app, arguments);
  } catch (const CLI::ParseError& error) {
    std::ostringstream text;
    if (app.exit(error, text, text) == 0) return Exit(0, text.str());
    return WrongUsage(UsageText(app, error, arguments));
  }
  flags.ReadEnvironment();
  if (!config.empty()) {
    const absl::Status read = ApplyConfig(config, app, out);
    if (!read.ok()) {
      return Exit(
          2, absl::StrCat("metagraphd: ", config, ": ", read.message(), "\n"));
    }
  }
  if (app.get_option("--metrics_listen")->count() > 0) {
    options.metrics_listen =
        addresses.metrics_listen == "off" ? "" : addresses.metrics_listen;
  }
  std::string wrong = SetModels(texts, flags, options);
  if (wrong.empty()) wrong = CheckRepeated(flags, options);
  if (wrong.empty()) wrong = CheckTls(options.tls);
  if (wrong.empty()) wrong = CheckListenerTls(options);
  if (!wrong.empty()) return WrongUsage(wrong);
  if (check_config) {
    return Exit(0, absl::StrCat("metagraphd: the configuration is right: ",
                                options.models.size(), " models\n"));
  }
  return out;
}

}  // namespace metagraph
