#include "server/server.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/tensor/buffer.h"
#include "glog/logging.h"
#include "grpc/health/v1/health.pb.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "server/call_support.h"
#include "server/folder_watcher.h"
#include "server/handlers/admin_handler.h"
#include "server/handlers/inference_handler.h"
#include "server/handlers/inspect_handler.h"
#include "server/listener.h"
#include "server/load_log.h"
#include "server/machine.h"
#include "server/start_models.h"

namespace metagraph {
namespace {

constexpr int kLifecycleThreads = 3;
constexpr int kReaders = 32;  // a thread each: they mostly wait
constexpr int kCheckThreads = 2;
constexpr int kAdminThreads = 8;
constexpr int kWatches = 256;
constexpr int kInspectionThreads = 2;

// What Watch tells, for those who read logs.
void LogEvent(const ModelEvent& event) {
  if (!VLOG_IS_ON(1)) return;
  const v1::WatchResponse shown = InspectHandler::EventToProto(event);
  VLOG(1) << v1::EventKind_Name(shown.kind()) << " "
          << v1::ModelState_Name(shown.state()) << ": model \"" << event.model
          << "\" version " << event.version << ", generation "
          << event.generation
          << (event.checkpoint.empty() ? "" : ", " + event.checkpoint)
          << (event.status.ok() ? "" : ": " + ForLog(event.status.ToString()));
}

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

}  // namespace

Platform Platform::Real() { return {&FileSystem::Posix(), &Clock::Real()}; }

// In the order of their making; what comes later uses what comes before.
class Server::Parts {
 public:
  Parts(const ServerOptions& options, const Platform& platform,
        std::unique_ptr<const OpRegistry> registry, int threads)
      : ops(std::move(registry)),
        compute("compute", threads),
        lifecycle("lifecycle", kLifecycleThreads),
        requests("requests", std::max(4, 2 * threads)),
        inspection("inspection", kInspectionThreads),
        readers("readers", kReaders),
        checks("checks", kCheckThreads),
        admin_calls("admin", kAdminThreads),
        models(EnvironmentOf(options, platform)),
        load_log(models),
        inspect(models),
        inference(models),
        admin(models, GlogControl()),
        event_log(models.events().Subscribe(LogEvent)),
        admission(options.max_inflight),
        reading(kReaders, "streams of values and graphs"),
        watching(kWatches, "watches"),
        support{admission, failures,    requests, inspection, readers,
                checks,    admin_calls, reading,  watching},
        trusted(inspect, inference, admin, support, /*allow_admin=*/true),
        open(inspect, inference, admin, support, /*allow_admin=*/false) {}

  const std::unique_ptr<const OpRegistry> ops;
  ThreadPool compute;
  ThreadPool lifecycle;
  ThreadPool requests;
  ThreadPool inspection;
  ThreadPool readers;
  ThreadPool checks;
  ThreadPool admin_calls;
  ModelManager models;
  LoadLog load_log;
  InspectHandler inspect;
  InferenceHandler inference;
  AdminHandler admin;
  const int64_t event_log;
  Admission admission;
  Admission reading;
  Admission watching;
  FailureLog failures;
  CallSupport support;
  Listener trusted;  // where calls that change state are allowed
  Listener open;
  std::unique_ptr<FolderWatcher> watcher;

 private:
  ModelEnvironment EnvironmentOf(const ServerOptions& options,
                                 const Platform& platform) {
    ModelEnvironment out;
    out.ops = ops.get();
    out.files = platform.files;
    out.clock = platform.clock;
    out.compute_pool = &compute;
    out.lifecycle_pool = &lifecycle;
    out.file_roots = options.file_roots;
    out.require_checkpoint = options.require_checkpoint;
    out.compile = options.compile;
    return out;
  }
};

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const ServerOptions& options, const Platform& platform) {
  const int64_t memory = options.max_tensor_memory > 0
                             ? options.max_tensor_memory
                             : UsableMemory(*platform.files) / 4 * 3;
  MemoryBudget::Process().set_limit(memory);
  ASSIGN_OR_RETURN(auto ops, OpRegistry::Create());
  const int threads =
      options.threads > 0 ? options.threads : UsableCpus(*platform.files);
  // Once per process: both have no effect on servers built before.
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // The built-in health service has no descriptor of its own; this one makes
  // the linker keep ours, for reflection.
  grpc::health::v1::HealthCheckRequest::descriptor();

  std::unique_ptr<Server> server(new Server);
  server->parts_ =
      std::make_unique<Parts>(options, platform, std::move(ops), threads);
  Parts& parts = *server->parts_;

  RETURN_IF_ERROR(CheckPortFile(*platform.files, options.port_file));
  // Calls that come before a model's load has begun find it loading.
  for (const ServerOptions::Model& model : options.models) {
    parts.models.Announce(model.name, model.path);
  }
  // Bound first: a port in use is found at once, and health can be asked for
  // while models load.
  std::vector<std::string> trusted;
  std::vector<std::string> open;
  for (const std::string& address : options.listen) {
    const bool local = options.admin_listen.empty() && IsLocalAddress(address);
    (local ? trusted : open).push_back(address);
  }
  if (!options.admin_listen.empty()) trusted.push_back(options.admin_listen);
  if (!trusted.empty()) RETURN_IF_ERROR(parts.trusted.Start(trusted, options));
  if (!open.empty()) RETURN_IF_ERROR(parts.open.Start(open, options));
  size_t next_trusted = 0;
  size_t next_open = 0;
  for (const std::string& address : options.listen) {
    const bool local = options.admin_listen.empty() && IsLocalAddress(address);
    server->addresses_.push_back(local ? parts.trusted.bound()[next_trusted++]
                                       : parts.open.bound()[next_open++]);
  }
  if (!options.admin_listen.empty()) {
    server->admin_address_ = parts.trusted.bound().back();
  }

  RETURN_IF_ERROR(LoadModels(options.models, parts.models));
  parts.watcher = std::make_unique<FolderWatcher>(parts.models, options.watch,
                                                  options.watch_graph);
  parts.trusted.SetServing(true);
  parts.open.SetServing(true);

  std::vector<std::string> lines = server->addresses_;
  if (!server->admin_address_.empty()) lines.push_back(server->admin_address_);
  if (!options.port_file.empty()) {
    RETURN_IF_ERROR(
        WriteFileAtomically(*platform.files, options.port_file,
                            absl::StrCat(absl::StrJoin(lines, "\n"), "\n")));
  }
  LOG(INFO) << "serving on " << absl::StrJoin(lines, ", ");
  return server;
}

Server::~Server() {
  if (parts_ != nullptr) Drain(absl::ZeroDuration(), absl::Seconds(10));
}

ModelManager& Server::models() { return parts_->models; }

int64_t Server::calls_in_flight() const {
  return parts_->admission.in_flight() + parts_->reading.in_flight();
}

void Server::RescanModels() {
  if (parts_->watcher != nullptr) parts_->watcher->Ask();
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
  parts_->trusted.SetServing(false);
  parts_->open.SetServing(false);
  if (grace > absl::ZeroDuration()) {
    const int64_t end = SteadyNanos() + absl::ToInt64Nanoseconds(grace);
    MutexLock lock(mu_);
    while (!hurried_ && SteadyNanos() < end) {
      hurry_.WaitFor(mu_, std::chrono::nanoseconds(end - SteadyNanos()));
    }
  }
  for (Admission* admission :
       {&parts_->admission, &parts_->reading, &parts_->watching}) {
    admission->StartDraining();
  }
  parts_->watcher.reset();
  parts_->trusted.EndWatches();
  parts_->open.EndWatches();
  const absl::Time deadline = Clock::Real().Now() + timeout;
  parts_->trusted.Shutdown(deadline);
  parts_->open.Shutdown(deadline);
}

}  // namespace metagraph
