#include "server/net/listening_socket.h"

#include <sys/stat.h>
#include <sys/un.h>

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "tests/server/net/tcp.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace metagraph {
namespace {

using testing::StartsWith;

TEST(ListeningSocketTest, ChoosesAPort) {
  ASSERT_OK_AND_ASSIGN(const auto sockets,
                       ListeningSocket::Open("127.0.0.1:0"));
  ASSERT_EQ(sockets.size(), 1);
  EXPECT_THAT(sockets[0]->bound(), StartsWith("127.0.0.1:"));
  EXPECT_NE(sockets[0]->bound(), "127.0.0.1:0");
  const Descriptor client = ClientSocket();
  EXPECT_TRUE(Connect(client, sockets[0]->bound()));
}

TEST(ListeningSocketTest, AddressesOfANameShareThePort) {
  ASSERT_OK_AND_ASSIGN(const auto sockets,
                       ListeningSocket::Open("localhost:0"));
  for (const auto& socket : sockets) {
    EXPECT_EQ(socket->bound(), sockets[0]->bound());
  }
}

TEST(ListeningSocketTest, SaysWhyAnAddressIsNotToBeHad) {
  ASSERT_OK_AND_ASSIGN(const auto sockets,
                       ListeningSocket::Open("127.0.0.1:0"));
  EXPECT_THAT(ListeningSocket::Open(sockets[0]->bound()),
              HasCode(absl::StatusCode::kUnavailable, "in use"));
  EXPECT_THAT(ListeningSocket::Open("no.such.host.invalid:1"),
              HasCode(absl::StatusCode::kUnavailable, "no.such.host"));
  EXPECT_THAT(ListeningSocket::Open("unix:" + std::string(200, 'x')),
              HasCode(absl::StatusCode::kUnavailable, "longer than 107"));
  EXPECT_THAT(ListeningSocket::Open("unix:/no/such/folder/socket"),
              HasCode(absl::StatusCode::kUnavailable, "No such file"));
}

class UnixSocketTest : public testing::Test {
 protected:
  TempDir dir_;
  const std::string path_ = dir_.Join("socket");
  const std::string address_ = "unix:" + path_;

  // A file of a socket that nobody listens on any more.
  void LeaveOver() {
    const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path_.copy(name.sun_path, sizeof(name.sun_path) - 1);
    ASSERT_EQ(
        bind(socket.get(), reinterpret_cast<sockaddr*>(&name), sizeof(name)),
        0);
  }
};

TEST_F(UnixSocketTest, IsRemovedAtTheEnd) {
  ASSERT_OK_AND_ASSIGN(auto sockets, ListeningSocket::Open(address_));
  EXPECT_TRUE(std::filesystem::exists(path_));
  sockets.clear();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixSocketTest, OneThatSomebodyListensOnIsNotTaken) {
  ASSERT_OK_AND_ASSIGN(const auto first, ListeningSocket::Open(address_));
  EXPECT_THAT(ListeningSocket::Open(address_),
              HasCode(absl::StatusCode::kUnavailable, "another process"));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixSocketTest, OneThatWasLeftOverIs) {
  LeaveOver();
  EXPECT_OK(ListeningSocket::Open(address_));
}

TEST_F(UnixSocketTest, AFileThatIsNoSocketStays) {
  std::ofstream(path_) << "text";
  EXPECT_THAT(ListeningSocket::Open(address_),
              HasCode(absl::StatusCode::kUnavailable, "no socket"));
  EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(UnixSocketTest, AnotherOnesFileIsNotRemoved) {
  ASSERT_OK_AND_ASSIGN(auto sockets, ListeningSocket::Open(address_));
  // Kept, so that its number is not given to the new one.
  std::filesystem::rename(path_, path_ + ".old");
  LeaveOver();
  sockets.clear();
  EXPECT_TRUE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace metagraph
