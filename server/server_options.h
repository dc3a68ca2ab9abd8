#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "core/checkpoint/name_map.h"
#include "core/model/model_manager.h"
#include "core/program/passes/pass.h"
#include "server/access_log.h"
#include "server/config_key.h"
#include "server/log_format.h"

namespace metagraph {

// PEM files of a listener that speaks TLS; all empty: in the clear.
struct TlsFiles {
  std::string cert;  // with the certificates between it and the root
  std::string key;
  std::string client_ca;  // clients show a certificate that one of these signed
};

struct ServerOptions {
  struct Model {
    std::string name;
    std::string path;
    RestoreMapping mapping = {};
    VersionPolicy versions = {};
    std::map<std::string, int64_t> labels = {};

    bool operator==(const Model& other) const = default;
  };
  std::vector<Model> models;
  // Folders that the ops of models may use besides the models' own.
  std::vector<std::string> file_roots;

  std::vector<std::string> listen = {"127.0.0.1:8500"};
  std::string admin_listen;  // empty: with the others, where that is safe
  // /metrics, /healthz, /readyz; empty: off. Unless somebody asked for it, the
  // default address, which another daemon may have taken already.
  std::optional<std::string> metrics_listen;
  static constexpr char kDefaultMetricsListen[] = "127.0.0.1:8501";
  std::string port_file;
  // Of all addresses but unix: and those that have their own.
  TlsFiles tls;
  std::map<std::string, TlsFiles> listener_tls;  // by address as given
  // Who may do what, see server/credentials.h; empty: callers are not asked.
  std::string tokens;
  bool reflection = true;
  bool channelz = false;

  // A model that cannot be loaded at the start is missing, and no reason to
  // exit.
  bool serve_on_load_error = false;
  bool require_checkpoint = false;  // no model whose variables have no values
  absl::Duration watch;             // between looks at the folders; 0: never
  bool watch_graph = false;         // another graph in them is taken, too
  int retain_generations = 1;       // that a rollback finds in memory
  CompileLevel compile = CompileLevel::kFull;
  int threads = 0;              // for computing; 0: what the machine has
  int64_t max_inflight = 1024;  // calls
  int64_t max_message_bytes = int64_t{256} << 20;  // received
  // What connections may cost, and how long they live.
  struct Transport {
    int64_t max_connections = 0;  // 0: what the process's descriptors allow
    int max_streams = 512;        // calls of one connection at a time
    int64_t max_metadata_bytes = 16 << 10;  // of a call
    int64_t max_memory = 0;  // of messages in transit, bytes; 0: an eighth
    // gRPC inflates a message before it looks at its size.
    bool accept_compression = false;
    absl::Duration handshake_timeout = absl::Seconds(10);
    absl::Duration keepalive_time = absl::Minutes(2);  // 0 here: never
    absl::Duration keepalive_timeout = absl::Seconds(20);
    absl::Duration max_connection_idle = absl::Minutes(30);
    absl::Duration max_connection_age;
    absl::Duration max_connection_age_grace = absl::Seconds(30);
  };
  Transport transport;
  // Bytes of programs for one generation; 0: a quarter of the tensors'.
  int64_t compile_memory = 0;
  int64_t max_tensor_memory = 0;  // bytes; 0: three quarters of the machine's
  absl::Duration drain_grace;     // NOT_SERVING before the listeners close
  absl::Duration drain_timeout = absl::Seconds(30);  // for calls under way
  int verbosity = 0;
  LogFormat log_format = LogFormat::kText;
  AccessLogMode access_log = AccessLogMode::kErrors;
};

// What the command line asks for.
struct CommandLine {
  ServerOptions options;
  // Help or version text, or what is wrong: print it and exit so.
  bool exit = false;
  int exit_code = 0;
  std::string message;
  // What the file of --config says besides models: as it is written, by key.
  std::map<std::string, std::string> settings;
};

// Reads flags, for those not given the environment: --max_inflight is also
// METAGRAPHD_MAX_INFLIGHT, and then the file of --config, see config.md. Of a
// repeatable flag the variable holds several values separated by commas.
CommandLine ParseCommandLine(int argc, const char* const* argv);

// The keys whose settings differ.
std::vector<std::string> ChangedSettings(const CommandLine& before,
                                         const CommandLine& after);

// All flags that are also keys of the file.
std::vector<ConfigKey> ConfigKeys();

// Whether only this machine reaches the address.
bool IsLocalAddress(const std::string& address);

}  // namespace metagraph
