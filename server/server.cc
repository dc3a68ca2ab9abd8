#include "server/server.h"

#include <algorithm>
#include <array>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/checkpoint/folder_wait.h"
#include "core/tensor/block_cache.h"
#include "core/tensor/buffer.h"
#include "glog/logging.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/ext/channelz_service_plugin.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "server/apply_models.h"
#include "server/call_support.h"
#include "server/credentials.h"
#include "server/event_log.h"
#include "server/folder_watcher.h"
#include "server/handlers/admin_handler.h"
#include "server/handlers/inference_handler.h"
#include "server/handlers/inspect_handler.h"
#include "server/health_reporter.h"
#include "server/listener.h"
#include "server/log_format.h"
#include "server/log_text.h"
#include "server/machine.h"
#include "server/memory_return.h"
#include "server/metrics_page.h"
#include "server/model_table.h"
#include "server/monitoring.h"
#include "server/net/connections.h"
#include "server/net/descriptors.h"
#include "server/readiness.h"
#include "server/start_models.h"
#include "server/transport.h"

namespace metagraph {
namespace {

constexpr int kLifecycleThreads = 3;
constexpr int kStreams = 64;    // of one host half, as of the next two
constexpr int kRunThreads = 5;  // three for a model and a host, see RunPool
constexpr int kReaderThreads = 4;
constexpr int kCheckThreads = 2;
constexpr int kAdminThreads = 8;
constexpr int kWatches = 256;
constexpr int kChecks = 64;
constexpr int kInspections = 256;
constexpr int kChanges = 64;
constexpr int kInspectionThreads = 2;

LogControl GlogControl() {
  LogControl out;
  out.level = [] { return static_cast<v1::LogLevel>(FLAGS_minloglevel + 1); };
  out.set_level = [](v1::LogLevel level) { FLAGS_minloglevel = level - 1; };
  out.verbosity = [] { return FLAGS_v; };
  out.set_verbosity = [](int32_t verbosity) { FLAGS_v = verbosity; };
  return out;
}

// Whether the file can be written, before models take their time to load.
absl::Status CheckPortFile(FileSystem& files, const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  const std::string probe = TempPathFor(path);
  absl::Status status = files.Create(probe).status();
  if (status.ok()) status = files.Remove(probe);
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      absl::StrCat("--port_file ", path,
                                   " cannot be written; its folder must be "
                                   "there and writable: ",
                                   status.message()));
}

TlsFiles TlsOf(const ServerOptions& options, const std::string& address) {
  const auto own = options.listener_tls.find(address);
  if (own != options.listener_tls.end()) return own->second;
  return absl::StartsWith(address, "unix:") ? TlsFiles() : options.tls;
}

// Of messages that come and go, in bytes.
size_t MessageMemory(const ServerOptions& options, FileSystem& files) {
  const int64_t asked = options.transport.max_memory;
  return static_cast<size_t>(asked > 0 ? asked
                                       : std::min(4 * options.max_message_bytes,
                                                  UsableMemory(files) / 8));
}

// What unread messages of streams may take: a small part of the memory, and
// enough for four streams with the largest pieces.
int64_t StreamBytes(FileSystem& files) {
  return std::clamp<int64_t>(UsableMemory(files) / 16, 16 << 20, 512 << 20);
}

}  // namespace

Platform Platform::Real() {
  return {&FileSystem::Posix(), &Clock::Real(), WriteLogLines};
}

// In the order of their making; what comes later uses what comes before.
class Server::Parts {
 public:
  Parts(const ServerOptions& options, const Platform& platform,
        std::unique_ptr<const OpRegistry> registry,
        std::unique_ptr<CredentialFile> known, int threads)
      : ops(std::move(registry)),
        compute("compute", threads),
        lifecycle("lifecycle", kLifecycleThreads),
        compile("compile", 1),
        runs(std::max(kRunThreads, 2 * threads + 1), options.max_inflight),
        inspection("inspection", kInspectionThreads),
        readers("readers", kReaderThreads),
        checks("checks", kCheckThreads),
        admin_calls("admin", kAdminThreads),
        models(EnvironmentOf(options, platform)),
        event_log(models),
        inspect(models),
        inference(models),
        admin(models, GlogControl()),
        readiness(NamesOf(options.models), models),
        connections(options.transport.max_connections > 0
                        ? options.transport.max_connections
                        : DescriptorsForConnections(RaiseDescriptorLimit())),
        // Each lies there twice, as a message and as its bytes.
        unsent(
            static_cast<int64_t>(MessageMemory(options, *platform.files)) / 2,
            MemoryBudget::Process().limit(),
            [this](const std::string& peer) { connections.End(peer); }),
        received(static_cast<int64_t>(MessageMemory(options, *platform.files))),
        running(options.max_inflight, "runs"),
        inspecting(kInspections, "looks at models"),
        changing(kChanges, "changes of models"),
        checking(kChecks, "checks of checkpoints", kChecks / 2),
        reading(kStreams, "streams of values and graphs", kStreams / 2),
        watching(kWatches, "watches", kWatches / 2),
        streams(StreamBytes(*platform.files)),
        log(options.access_log, {.format = options.log_format,
                                 .clock = platform.clock,
                                 .write = platform.write_log}),
        metrics({.models = models,
                 .files = *platform.files,
                 .calls = running,
                 .streams = reading,
                 .watches = watching,
                 .counts = counts,
                 .log = log,
                 .readiness = readiness}),
        support{.running = running,
                .inspecting = inspecting,
                .changing = changing,
                .checking = checking,
                .reading = reading,
                .watching = watching,
                .unsent = unsent,
                .received = received,
                .log = log,
                .runs = runs,
                .inspection = inspection,
                .readers = readers,
                .checks = checks,
                .admin = admin_calls,
                .streams = streams,
                .counts = counts,
                .metrics = options.metrics_listen.value_or("on").empty()
                               ? nullptr
                               : &metrics.calls()},
        credentials(std::move(known)),
        message_memory("messages"),
        local(inspect, inference, admin, support,
              {.serves_admin = options.admin_listen.empty()}, connections),
        open(inspect, inference, admin, support,
             {.serves_admin =
                  options.admin_listen.empty() && credentials != nullptr,
              .credentials = credentials.get()},
             connections),
        apart(inspect, inference, admin, support,
              {.credentials = IsLocalAddress(options.admin_listen)
                                  ? nullptr
                                  : credentials.get()},
              connections) {
    message_memory.Resize(MessageMemory(options, *platform.files));
    memory_return = std::make_unique<MemoryReturn>(
        *platform.files, [this] { return running.in_flight(); });
    streams.timers.Start();
  }

  std::array<Listener*, 3> listeners() { return {&local, &open, &apart}; }
  std::array<Admission*, 6> admissions() {
    return {&running, &inspecting, &changing, &checking, &reading, &watching};
  }

  const std::unique_ptr<const OpRegistry> ops;
  ThreadPool compute;
  MemoryBudget compile_memory{0};
  ThreadPool lifecycle;
  ThreadPool compile;  // programs for what is run often; frees by lifecycle
  RunPool runs;
  ThreadPool inspection;
  ThreadPool readers;
  ThreadPool checks;
  ThreadPool admin_calls;
  ModelManager models;
  EventLog event_log;
  InspectHandler inspect;
  InferenceHandler inference;
  AdminHandler admin;
  Readiness readiness;
  Connections connections;
  UnsentAnswers unsent;
  MemoryBudget received;
  Admission running;
  Admission inspecting;
  Admission changing;
  Admission checking;
  Admission reading;
  Admission watching;
  StreamBounds streams;
  AccessLog log;
  CallCounts counts;
  MetricsPage metrics;
  CallSupport support;
  const std::unique_ptr<CredentialFile> credentials;
  grpc::ResourceQuota message_memory;
  Listener local;  // --listen on this machine only: callers are not asked
  Listener open;   // the other ones
  Listener apart;  // --admin_listen
  std::unique_ptr<HealthReporter> health;
  std::vector<ServerOptions::Model> configured;  // for the watcher's thread
  std::unique_ptr<FolderWatcher> watcher;
  std::unique_ptr<Monitoring> monitoring;
  std::unique_ptr<MemoryReturn> memory_return;

  // An address that is not to be had is an error only if somebody asked for it.
  absl::Status StartMonitoring(const std::optional<std::string>& asked) {
    const std::string address =
        asked.value_or(ServerOptions::kDefaultMetricsListen);
    if (address.empty()) return absl::OkStatus();
    auto started =
        Monitoring::Start(address, {[this] { return metrics.Text(); },
                                    [this] { return readiness.Reasons(); }});
    if (started.ok()) {
      monitoring = *std::move(started);
      LOG(INFO) << "metrics on http://" << monitoring->address() << "/metrics";
      return absl::OkStatus();
    }
    if (asked) return Annotate(started.status(), "--metrics_listen: ");
    LOG(WARNING) << started.status().message()
                 << "; serving without, see --metrics_listen";
    return absl::OkStatus();
  }

  void ReportHealth() {
    health = std::make_unique<HealthReporter>(
        models, readiness, Listener::Services(),
        [this](const std::string& service, bool serving) {
          for (Listener* listener : listeners()) {
            listener->SetServing(service, serving);
          }
        });
  }
  // At once, whatever else is going on: callers are told to go elsewhere.
  void AnnounceEnd() {
    readiness.SetDraining();
    if (health != nullptr) health->Update();
  }

  static std::vector<std::string> NamesOf(
      const std::vector<ServerOptions::Model>& models) {
    std::vector<std::string> out;
    out.reserve(models.size());
    for (const ServerOptions::Model& model : models) out.push_back(model.name);
    return out;
  }

 private:
  ModelEnvironment EnvironmentOf(const ServerOptions& options,
                                 const Platform& platform) {
    ModelEnvironment out;
    out.ops = ops.get();
    out.files = platform.files;
    out.clock = platform.clock;
    out.compute_pool = &compute;
    out.hot_plans.pool = &compile;
    out.hot_plans.budget = &compile_memory;
    out.lifecycle_pool = &lifecycle;
    out.file_roots = options.file_roots;
    out.require_checkpoint = options.require_checkpoint;
    out.retained_generations = static_cast<size_t>(options.retain_generations);
    out.compile = options.compile;
    return out;
  }
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const ServerOptions& options, const Platform& platform) {
  CallContext call;
  return Start(options, platform, call);
}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const ServerOptions& options, const Platform& platform, CallContext& call) {
  const int64_t memory = options.max_tensor_memory > 0
                             ? options.max_tensor_memory
                             : UsableMemory(*platform.files) / 4 * 3;
  MemoryBudget::Process().set_limit(memory);
  BlockCache::Process().set_max_bytes(memory / 16);
  TellFolderWaits([](const std::string& folder) {
    LOG(WARNING) << "a save waits for the folder \"" << ForLog(folder)
                 << "\": another process holds its lock";
  });
  ASSIGN_OR_RETURN(auto ops, OpRegistry::Create());
  const int threads =
      options.threads > 0 ? options.threads : UsableCpus(*platform.files);
  // Once per process: both have no effect on servers built before.
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  if (options.channelz) grpc::channelz::experimental::InitChannelzService();
  // The built-in health service has no descriptor of its own; this one makes
  // the linker keep ours, for reflection.
  grpc::health::v1::HealthCheckRequest::descriptor();

  std::unique_ptr<CredentialFile> credentials;
  if (!options.tokens.empty()) {
    ASSIGN_OR_RETURN(credentials,
                     CredentialFile::Open(*platform.files, options.tokens));
  }
  std::unique_ptr<Server> server(new Server);
  server->parts_ = std::make_unique<Parts>(options, platform, std::move(ops),
                                           std::move(credentials), threads);
  Parts& parts = *server->parts_;
  parts.compile_memory.set_limit(
      options.compile_memory > 0 ? options.compile_memory : memory / 4);

  RETURN_IF_ERROR(CheckPortFile(*platform.files, options.port_file));
  RETURN_IF_ERROR(parts.StartMonitoring(options.metrics_listen));
  // Calls that come before a model's load has begun find it loading.
  for (const ServerOptions::Model& model : options.models) {
    parts.models.Announce(model.name, model.path);
  }
  // Bound first: a port in use is found at once, and health can be asked for
  // while models load.
  RETURN_IF_ERROR(server->Listen(options, platform));
  parts.ReportHealth();

  const int64_t on_end = call.OnCancel([&parts] {
    parts.AnnounceEnd();
    parts.models.StopLoads();
  });
  const absl::Status loaded = LoadModels(
      options.models, options.serve_on_load_error, parts.models, call);
  call.RemoveCallback(on_end);
  if (absl::Status ended = call.Check(); !ended.ok()) {
    server->Drain(absl::ZeroDuration(), options.drain_timeout);
    return ended;
  }
  RETURN_IF_ERROR(loaded);
  if (!options.models.empty()) {
    LOG(INFO) << "models:\n" << ModelTable(parts.models.List());
  }
  parts.configured = options.models;
  parts.watcher = std::make_unique<FolderWatcher>(parts.models, options.watch,
                                                  options.watch_graph);
  parts.readiness.SetStarted();
  parts.health->Update();

  std::vector<std::string> lines = server->addresses_;
  if (!server->admin_address_.empty()) lines.push_back(server->admin_address_);
  if (options.metrics_listen && parts.monitoring != nullptr) {
    server->metrics_address_ = parts.monitoring->address();
  }
  if (!options.port_file.empty()) {
    if (!server->metrics_address_.empty()) {
      lines.push_back("http://" + server->metrics_address_);
    }
    RETURN_IF_ERROR(
        WriteFileAtomically(*platform.files, options.port_file,
                            absl::StrCat(absl::StrJoin(lines, "\n"), "\n")));
  }
  LOG(INFO) << "serving on " << absl::StrJoin(lines, ", ");
  return server;
}

absl::Status Server::Listen(const ServerOptions& options,
                            const Platform& platform) {
  Parts& parts = *parts_;
  const bool tokens = parts.credentials != nullptr;
  std::vector<Listener::Address> local;
  std::vector<Listener::Address> open;
  std::vector<Listener::Address> apart;
  const auto add = [&](const std::string& address,
                       std::vector<Listener::Address>& to) -> absl::Status {
    const TlsFiles tls = TlsOf(options, address);
    ASSIGN_OR_RETURN(
        auto credentials,
        MakeServerCredentials(*platform.files, *platform.clock, tls, tokens));
    if (tokens && tls.cert.empty() && !IsLocalAddress(address)) {
      LOG(WARNING) << "tokens come in the clear on " << address
                   << ": it has no --tls_cert";
    }
    to.push_back({address, std::move(credentials)});
    return absl::OkStatus();
  };
  for (const std::string& address : options.listen) {
    RETURN_IF_ERROR(add(address, IsLocalAddress(address) ? local : open));
  }
  if (!options.admin_listen.empty()) {
    RETURN_IF_ERROR(add(options.admin_listen, apart));
  }
  if (!local.empty()) {
    RETURN_IF_ERROR(parts.local.Start(local, options, parts.message_memory,
                                      options.channelz));
  }
  if (!open.empty()) {
    RETURN_IF_ERROR(parts.open.Start(open, options, parts.message_memory,
                                     /*channelz=*/false));
  }
  if (!apart.empty()) {
    // It tells of callers, and cannot ask for a role.
    const bool roles = tokens && !IsLocalAddress(options.admin_listen);
    if (options.channelz && roles) {
      LOG(WARNING) << "--channelz: not on " << options.admin_listen
                   << ", whose callers have roles that it cannot ask for; use "
                      "an address on loopback";
    }
    RETURN_IF_ERROR(parts.apart.Start(apart, options, parts.message_memory,
                                      options.channelz && !roles));
    admin_address_ = parts.apart.bound()[0];
  }
  size_t next_local = 0;
  size_t next_open = 0;
  for (const std::string& address : options.listen) {
    addresses_.push_back(IsLocalAddress(address)
                             ? parts.local.bound()[next_local++]
                             : parts.open.bound()[next_open++]);
  }
  return absl::OkStatus();
}

Server::~Server() {
  if (parts_ != nullptr) Drain(absl::ZeroDuration(), absl::Seconds(10));
}

ModelManager& Server::models() { return parts_->models; }

int64_t Server::calls_in_flight() const {
  int64_t out = 0;
  for (const Admission* admission : parts_->admissions()) {
    if (admission != &parts_->watching) out += admission->in_flight();
  }
  return out;
}

void Server::RescanModels() {
  if (parts_->watcher != nullptr) parts_->watcher->Ask();
}

void Server::ApplyModels(std::vector<ServerOptions::Model> wanted) {
  if (parts_->watcher == nullptr) return;
  Parts& parts = *parts_;
  parts.watcher->Ask([&parts, wanted = std::move(wanted)](CallContext& call) {
    if (wanted == parts.configured) return;
    const absl::Status applied =
        metagraph::ApplyModels(parts.configured, wanted, parts.models, call);
    if (!applied.ok()) {
      if (call.cancelled()) return;  // the end
      // The next time begins from here again: what is done is found done.
      LOG(ERROR) << "the configuration of models is not applied: "
                 << ForLog(applied.ToString());
      return;
    }
    parts.configured = wanted;
    parts.readiness.SetNames(Parts::NamesOf(wanted));
    parts.health->Update();
    LOG(INFO) << "the configuration is applied, " << wanted.size() << " models";
  });
}

void Server::HurryDrain() {
  MutexLock lock(mu_);
  hurried_ = true;
  hurry_.NotifyAll();
}

void Server::Drain(absl::Duration grace, absl::Duration timeout) {
  {
    MutexLock lock(mu_);
    if (drained_) return;
    drained_ = true;
  }
  parts_->AnnounceEnd();
  if (grace > absl::ZeroDuration()) {
    const int64_t end = SteadyNanos() + absl::ToInt64Nanoseconds(grace);
    MutexLock lock(mu_);
    while (!hurried_ && SteadyNanos() < end) {
      hurry_.WaitFor(mu_, std::chrono::nanoseconds(end - SteadyNanos()));
    }
  }
  for (Admission* admission : parts_->admissions()) {
    admission->StartDraining();
  }
  parts_->models.StopLoads();
  if (parts_->watcher != nullptr) parts_->watcher->Stop();
  for (Listener* listener : parts_->listeners()) listener->EndWatches();
  // Calls that do not end by themselves get most of the time; what is left is
  // for the rest to end.
  const absl::Duration patience =
      timeout - std::min(timeout / 10, absl::Seconds(1));
  parts_->counts.drain_end = SteadyNanos() + absl::ToInt64Nanoseconds(patience);
  EndConnections();
  for (Listener* listener : parts_->listeners()) {
    listener->Shutdown(Clock::Real().Now());
  }
  parts_->watcher.reset();
  parts_->log.Flush();
  LOG(INFO) << "drained, " << parts_->counts.dropped << " calls dropped";
}

void Server::EndConnections() {
  constexpr absl::Duration kLook = absl::Milliseconds(2);
  // gRPC does not tell when a small answer has left; this is plenty.
  constexpr int64_t kToLeaveNanos = 20'000'000;
  constexpr int64_t kToCloseNanos = 500'000'000;
  Parts& parts = *parts_;
  // Until then, or no such thing is there any more.
  const auto wait = [&](int64_t until, const auto& is_there) {
    while (is_there() && SteadyNanos() < until) {
      std::this_thread::sleep_for(absl::ToChronoNanoseconds(kLook));
    }
  };
  const int64_t end = parts.counts.drain_end;
  for (Listener* listener : parts.listeners()) listener->StopListening();
  wait(end, [&] {
    return calls_in_flight() + parts.watching.in_flight() > 0 ||
           parts.unsent.bytes() > 0;
  });
  wait(std::min(end, SteadyNanos() + kToLeaveNanos), [] { return true; });
  parts.connections.EndReading();
  wait(std::min(end, SteadyNanos() + kToCloseNanos),
       [&] { return parts.connections.count() > 0; });
  parts.connections.EndAll();
  wait(SteadyNanos() + kToCloseNanos,
       [&] { return parts.connections.count() > 0; });
}

}  // namespace metagraph
