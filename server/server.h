#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/call_context.h"
#include "core/base/clock.h"
#include "core/base/mutex.h"
#include "core/io/file_system.h"
#include "core/model/model_manager.h"
#include "server/server_options.h"

namespace metagraph {

// What the process gets from the machine; tests hand in fakes.
struct Platform {
  FileSystem* files = nullptr;
  Clock* clock = nullptr;
  // Takes whole lines of the access log.
  std::function<void(absl::string_view)> write_log = nullptr;

  static Platform Real();
};

// The daemon: makes the pools and the parts, and ties them together.
class Server {
 public:
  // Returns when all models are available and calls are answered.
  // Errors: a model that cannot be loaded, an address that cannot be used.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const ServerOptions& options, const Platform& platform);
  // The same, until `call` is cancelled: health is NOT_SERVING at once, loads
  // under way end, calls get options.drain_timeout to end. Then CANCELLED.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const ServerOptions& options, const Platform& platform,
      CallContext& call);
  // Drains without grace, if that has not been done.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // As asked for, with the ports that were bound: --listen in its order.
  const std::vector<std::string>& addresses() const { return addresses_; }
  const std::string& admin_address() const { return admin_address_; }
  // HOST:PORT of /metrics; empty unless asked for.
  const std::string& metrics_address() const { return metrics_address_; }
  ModelManager& models();
  int64_t calls_in_flight() const;

  // Looks for new versions and checkpoints in the background.
  void RescanModels();
  // The same, after models were added, removed or changed as this
  // configuration wants, see apply_models.h. The log tells how it ended.
  void ApplyModels(std::vector<ServerOptions::Model> wanted);
  // NOT_SERVING; after the grace nobody connects, new calls are UNAVAILABLE
  // and calls under way may finish; when none is left, connections end. What
  // is left when `timeout` is about to end is cut, which callers see as
  // UNAVAILABLE.
  void Drain(absl::Duration grace, absl::Duration timeout) EXCLUDES(mu_);
  // Cuts the grace of a Drain on another thread short.
  void HurryDrain() EXCLUDES(mu_);

 private:
  class Parts;

  Server() = default;

  absl::Status Listen(const ServerOptions& options, const Platform& platform);
  void EndConnections();

  std::unique_ptr<Parts> parts_;
  std::vector<std::string> addresses_;
  std::string admin_address_;
  std::string metrics_address_;
  Mutex mu_;
  CondVar hurry_;
  bool hurried_ GUARDED_BY(mu_) = false;
  bool drained_ GUARDED_BY(mu_) = false;
};

}  // namespace metagraph
