#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "core/base/mutex.h"

namespace metagraph {

// Tells systemd what the daemon does: datagrams to the socket of NOTIFY_SOCKET,
// as sd_notify(3) describes them. Does nothing where nobody listens.
class ServiceManager {
 public:
  // Of the variables NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  static std::unique_ptr<ServiceManager> FromEnvironment();
  // A path or @NAME; empty: nobody. `watchdog_micros`: within which a sign of
  // life is awaited; 0: none.
  ServiceManager(std::string address, int64_t watchdog_micros);
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  // Start, or a reload, has ended; `status` is shown by `systemctl status`.
  void Ready(const std::string& status);
  void Reloading();
  void Stopping();
  // From now on signs of life, each after `check` has returned: it should take
  // the locks that calls need.
  void WatchOver(std::function<void()> check);

 private:
  void Send(const std::string& state) const;
  void KeepAlive(const std::function<void()>& check) EXCLUDES(mu_);

  const std::string address_;
  const int64_t watchdog_micros_;
  Mutex mu_;
  CondVar wake_;
  bool ended_ GUARDED_BY(mu_) = false;
  std::thread watchdog_;
};

}  // namespace metagraph
