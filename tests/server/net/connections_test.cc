#include "server/net/connections.h"

#include <sys/socket.h>

#include <vector>

#include "gtest/gtest.h"
#include "server/net/listening_socket.h"
#include "tests/server/net/tcp.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

class ConnectionsTest : public testing::Test {
 protected:
  struct Pair {
    Descriptor client;
    Descriptor server;
  };
  Pair Connected() {
    Pair out{ClientSocket(), Descriptor()};
    EXPECT_TRUE(Connect(out.client, sockets_[0]->bound()));
    pollfd polled{sockets_[0]->fd(), POLLIN, 0};
    poll(&polled, 1, -1);
    out.server = Descriptor(accept(sockets_[0]->fd(), nullptr, nullptr));
    return out;
  }
  // One that has asked for something.
  Pair Talking() {
    Pair out = Connected();
    const std::string request(400, 'x');
    EXPECT_EQ(send(out.client.get(), request.data(), request.size(), 0), 400);
    pollfd polled{out.server.get(), POLLIN, 0};
    poll(&polled, 1, -1);
    return out;
  }

  std::vector<std::unique_ptr<ListeningSocket>> sockets_ =
      *ListeningSocket::Open("127.0.0.1:0");
  // Of four, three are for one host.
  Connections connections_{4, absl::ZeroDuration()};
};

TEST_F(ConnectionsTest, EndsTheSilentForThoseWhoCome) {
  std::vector<Pair> talking;
  for (int i = 0; i < 2; ++i) {
    talking.push_back(Talking());
    EXPECT_TRUE(connections_.Add(talking.back().server.get()));
  }
  const Pair silent = Connected();
  EXPECT_TRUE(connections_.Add(silent.server.get()));
  const Pair next = Talking();
  EXPECT_TRUE(connections_.Add(next.server.get()));
  EXPECT_TRUE(IsClosed(silent.client));
  for (const Pair& pair : talking) EXPECT_TRUE(IsOpen(pair.client));
  EXPECT_TRUE(IsOpen(next.client));
}

TEST_F(ConnectionsTest, RefusesWhereAllAreOfUse) {
  std::vector<Pair> pairs;
  for (int i = 0; i < 3; ++i) {
    pairs.push_back(Talking());
    EXPECT_TRUE(connections_.Add(pairs.back().server.get()));
  }
  const Pair refused = Talking();
  EXPECT_FALSE(connections_.Add(refused.server.get()));
  // Room is found again once one has been closed.
  pairs.pop_back();
  EXPECT_TRUE(connections_.Add(refused.server.get()));
}

TEST_F(ConnectionsTest, TheYoungAreLeftInPeace) {
  Connections connections(4, absl::Hours(1));
  std::vector<Pair> pairs;
  for (int i = 0; i < 3; ++i) {
    pairs.push_back(Connected());
    EXPECT_TRUE(connections.Add(pairs.back().server.get()));
  }
  const Pair next = Connected();
  EXPECT_FALSE(connections.Add(next.server.get()));
}

TEST_F(ConnectionsTest, CountsThoseThatAreOpen) {
  Pair first = Connected();
  const Pair second = Connected();
  connections_.Add(first.server.get());
  connections_.Add(second.server.get());
  EXPECT_EQ(connections_.count(), 2);
  first.server.Close();
  EXPECT_EQ(connections_.count(), 1);
}

TEST_F(ConnectionsTest, EndsTheSilentOnesOrAll) {
  const Pair silent = Connected();
  const Pair talking = Talking();
  connections_.Add(silent.server.get());
  connections_.Add(talking.server.get());
  connections_.EndSilent();
  EXPECT_TRUE(IsClosed(silent.client));
  EXPECT_TRUE(IsOpen(talking.client));
  connections_.EndAll();
  EXPECT_TRUE(IsClosed(talking.client));
}

TEST_F(ConnectionsTest, EndsThatOfAPeer) {
  const Pair one = Connected();
  const Pair other = Connected();
  connections_.Add(one.server.get());
  connections_.Add(other.server.get());
  sockaddr_in name{};
  socklen_t size = sizeof(name);
  getsockname(one.client.get(), reinterpret_cast<sockaddr*>(&name), &size);
  connections_.End("ipv4:127.0.0.1:" + std::to_string(ntohs(name.sin_port)));
  EXPECT_TRUE(IsClosed(one.client));
  EXPECT_TRUE(IsOpen(other.client));
  for (const char* nonsense : {"", "unix:", "ipv4:127.0.0.1", "ipv4:x:99999"}) {
    connections_.End(nonsense);
  }
  EXPECT_TRUE(IsOpen(other.client));
}

TEST_F(ConnectionsTest, EndsReadingSoThatAnswersStillLeave) {
  const Pair pair = Connected();
  connections_.Add(pair.server.get());
  connections_.EndReading();
  char byte = 0;
  EXPECT_EQ(recv(pair.server.get(), &byte, 1, MSG_DONTWAIT), 0);
  EXPECT_EQ(send(pair.server.get(), "!", 1, 0), 1);
  EXPECT_EQ(recv(pair.client.get(), &byte, 1, 0), 1);
  EXPECT_EQ(byte, '!');
}

// A descriptor that stands for something else by now is not ours to end.
TEST_F(ConnectionsTest, LeavesAloneWhatCameAfterAConnection) {
  Pair gone = Connected();
  connections_.Add(gone.server.get());
  Pair other = Talking();
  ASSERT_EQ(dup2(other.server.get(), gone.server.get()), gone.server.get());
  connections_.EndAll();
  EXPECT_TRUE(IsOpen(other.client));
}

}  // namespace
}  // namespace metagraph
