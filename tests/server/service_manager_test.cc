#include "server/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace metagraph {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// What systemd listens on.
class NotifySocket {
 public:
  // `name` as in NOTIFY_SOCKET.
  explicit NotifySocket(const std::string& name)
      : fd_(socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name[0] == '@') address.sun_path[0] = '\0';
    const auto size =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address), size), 0);
  }
  ~NotifySocket() { close(fd_); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  // The next message; waits for it.
  std::string Take() {
    char text[256];
    const ssize_t size = recv(fd_, text, sizeof(text), 0);
    return size < 0 ? "" : std::string(text, size);
  }
  bool Empty() {
    char c;
    return recv(fd_, &c, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
  }

 private:
  const int fd_;
};

TEST(ServiceManagerTest, TellsWhatTheDaemonDoes) {
  const TempDir dir;
  NotifySocket socket(dir.path() + "/notify");
  ServiceManager manager(dir.path() + "/notify", 0);
  manager.Ready("serving on 127.0.0.1:8500");
  EXPECT_EQ(socket.Take(), "READY=1\nSTATUS=serving on 127.0.0.1:8500");
  manager.Reloading();
  const std::string reloading = socket.Take();
  EXPECT_THAT(reloading, StartsWith("RELOADING=1\n"));
  EXPECT_THAT(reloading, HasSubstr("MONOTONIC_USEC="));
  manager.Stopping();
  EXPECT_THAT(socket.Take(), StartsWith("STOPPING=1\n"));
}

TEST(ServiceManagerTest, SpeaksToAbstractSockets) {
  const std::string name = absl::StrCat("@service_manager_test.", getpid());
  NotifySocket socket(name);
  ServiceManager(name, 0).Ready("up");
  EXPECT_EQ(socket.Take(), "READY=1\nSTATUS=up");
}

TEST(ServiceManagerTest, IsSilentWhereNobodyListens) {
  for (const std::string& address :
       {std::string(), std::string("/nobody/is/here"), std::string(300, 'x')}) {
    ServiceManager manager(address, 1000);
    manager.Ready("up");
    manager.Stopping();
  }
}

TEST(ServiceManagerTest, GivesSignsOfLifeAfterEachCheck) {
  const TempDir dir;
  NotifySocket socket(dir.path() + "/notify");
  std::atomic<int> checks = 0;
  {
    ServiceManager manager(dir.path() + "/notify", 3000);
    manager.WatchOver([&] { ++checks; });
    EXPECT_EQ(socket.Take(), "WATCHDOG=1");
    EXPECT_EQ(socket.Take(), "WATCHDOG=1");
  }
  EXPECT_GE(checks, 2);
}

TEST(ServiceManagerTest, WithoutAWatchdogNothingIsChecked) {
  const TempDir dir;
  NotifySocket socket(dir.path() + "/notify");
  std::atomic<int> checks = 0;
  {
    ServiceManager manager(dir.path() + "/notify", 0);
    manager.WatchOver([&] { ++checks; });
  }
  EXPECT_EQ(checks, 0);
  EXPECT_TRUE(socket.Empty());
}

TEST(ServiceManagerTest, ReadsTheEnvironment) {
  const TempDir dir;
  NotifySocket socket(dir.path() + "/notify");
  setenv("NOTIFY_SOCKET", (dir.path() + "/notify").c_str(), 1);
  setenv("WATCHDOG_USEC", "60000000", 1);
  setenv("WATCHDOG_PID", absl::StrCat(getpid()).c_str(), 1);
  auto manager = ServiceManager::FromEnvironment();
  manager->WatchOver([] {});
  EXPECT_EQ(socket.Take(), "WATCHDOG=1");

  // Another process is watched, not this one.
  setenv("WATCHDOG_PID", "1", 1);
  manager = ServiceManager::FromEnvironment();
  manager->WatchOver([] {});
  manager.reset();
  EXPECT_TRUE(socket.Empty());
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
    unsetenv(name);
  }
}

}  // namespace
}  // namespace metagraph
