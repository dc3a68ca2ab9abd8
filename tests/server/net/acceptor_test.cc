#include "server/net/acceptor.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <utility>

#include "core/base/mutex.h"
#include "gtest/gtest.h"
#include "tests/server/net/tcp.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

class AcceptorTest : public testing::Test {
 protected:
  void Start(int64_t max = 100) {
    connections_ = std::make_unique<Connections>(max, absl::Hours(1));
    auto sockets = ListeningSocket::Open("127.0.0.1:0");
    ASSERT_OK(sockets);
    address_ = (*sockets)[0]->bound();
    std::vector<Acceptor::Source> sources;
    sources.push_back({std::move((*sockets)[0]), [this](int, int fd) {
                         MutexLock lock(mu_);
                         taken_.emplace_back(fd);
                         changed_.NotifyAll();
                       }});
    acceptor_ = std::make_unique<Acceptor>(std::move(sources), *connections_);
  }
  void WaitForTaken(size_t count) {
    MutexLock lock(mu_);
    while (taken_.size() < count) changed_.Wait(mu_);
  }

  Mutex mu_;
  CondVar changed_;
  std::vector<Descriptor> taken_ GUARDED_BY(mu_);
  std::string address_;
  std::unique_ptr<Connections> connections_;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, HandsConnectionsOn) {
  Start();
  const Descriptor client = ClientSocket();
  ASSERT_TRUE(Connect(client, address_));
  WaitForTaken(1);
  EXPECT_TRUE(IsOpen(client));
}

TEST_F(AcceptorTest, ClosesWhatIsTooMuch) {
  Start(/*max=*/1);
  const Descriptor first = ClientSocket();
  ASSERT_TRUE(Connect(first, address_));
  WaitForTaken(1);
  const Descriptor second = ClientSocket();
  ASSERT_TRUE(Connect(second, address_));
  EXPECT_TRUE(IsClosed(second));
  EXPECT_TRUE(IsOpen(first));
}

TEST_F(AcceptorTest, NobodyListensOnceItIsGone) {
  Start();
  acceptor_.reset();
  EXPECT_FALSE(Connect(ClientSocket(), address_));
}

// Leaves the process without a descriptor to spare.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit few = before_;
    few.rlim_cur = std::min<rlim_t>(before_.rlim_cur, 256);
    setrlimit(RLIMIT_NOFILE, &few);
    for (Descriptor next = Null(); next.valid(); next = Null()) {
      held_.push_back(std::move(next));
    }
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  static Descriptor Null() { return Descriptor(open("/dev/null", O_RDONLY)); }
  rlimit before_{};
  std::vector<Descriptor> held_;
};

TEST_F(AcceptorTest, GoesOnAfterDescriptorsHaveRunOut) {
  Start();
  const Descriptor refused = ClientSocket();
  const Descriptor later = ClientSocket();
  {
    const NoDescriptors none;
    ASSERT_TRUE(Connect(refused, address_));
    EXPECT_TRUE(IsClosed(refused));
  }
  ASSERT_TRUE(Connect(later, address_));
  WaitForTaken(1);
  EXPECT_TRUE(IsOpen(later));
}

}  // namespace
}  // namespace metagraph
