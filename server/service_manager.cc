#include "server/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/base/clock.h"

namespace metagraph {
namespace {

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

std::unique_ptr<ServiceManager> ServiceManager::FromEnvironment() {
  int64_t micros = 0;
  int64_t pid = 0;
  if (!absl::SimpleAtoi(Variable("WATCHDOG_USEC"), &micros)) micros = 0;
  if (absl::SimpleAtoi(Variable("WATCHDOG_PID"), &pid) && pid != getpid()) {
    micros = 0;  // meant for the process that started this one
  }
  return std::make_unique<ServiceManager>(Variable("NOTIFY_SOCKET"), micros);
}

ServiceManager::ServiceManager(std::string address, int64_t watchdog_micros)
    : address_(std::move(address)), watchdog_micros_(watchdog_micros) {}

ServiceManager::~ServiceManager() {
  {
    MutexLock lock(mu_);
    ended_ = true;
    wake_.NotifyAll();
  }
  if (watchdog_.joinable()) watchdog_.join();
}

void ServiceManager::Ready(const std::string& status) {
  Send(absl::StrCat("READY=1\nSTATUS=", status));
}

void ServiceManager::Reloading() {
  Send(absl::StrCat("RELOADING=1\nMONOTONIC_USEC=", SteadyNanos() / 1000));
}

void ServiceManager::Stopping() { Send("STOPPING=1\nSTATUS=draining"); }

void ServiceManager::WatchOver(std::function<void()> check) {
  if (address_.empty() || watchdog_micros_ <= 0) return;
  watchdog_ =
      std::thread([this, check = std::move(check)] { KeepAlive(check); });
}

void ServiceManager::KeepAlive(const std::function<void()>& check) {
  const std::chrono::microseconds pause(watchdog_micros_ / 3);
  while (true) {
    check();
    Send("WATCHDOG=1");
    MutexLock lock(mu_);
    if (!ended_) wake_.WaitFor(mu_, pause);
    if (ended_) return;
  }
}

void ServiceManager::Send(const std::string& state) const {
  sockaddr_un to = {};
  to.sun_family = AF_UNIX;
  if (address_.size() < 2 || address_.size() >= sizeof(to.sun_path)) return;
  std::memcpy(to.sun_path, address_.data(), address_.size());
  if (address_[0] == '@') to.sun_path[0] = '\0';  // an abstract name
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const auto size =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  // Whoever does not listen any more misses nothing that matters to calls.
  (void)sendto(fd, state.data(), state.size(), MSG_NOSIGNAL,
               reinterpret_cast<const sockaddr*>(&to), size);
  close(fd);
}

}  // namespace metagraph
