#include "client/connection.h"

#include <cstdlib>

#include "core/io/file_system.h"
#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace metagraph {
namespace {

using absl::StatusCode;

class ConnectionTest : public testing::Test {
 protected:
  ConnectionTest() {
    unsetenv("METAGRAPHCTL_TOKEN");
    options_.server = "127.0.0.1:1";
  }
  ~ConnectionTest() override { unsetenv("METAGRAPHCTL_TOKEN"); }

  std::string Write(const std::string& text) {
    const std::string path = dir_.Join("file");
    EXPECT_OK(WriteFileAtomically(FileSystem::Posix(), path, text));
    return path;
  }

  TempDir dir_;
  ConnectionOptions options_;
};

TEST_F(ConnectionTest, TakesTheTokenFromItsFileOrElseTheEnvironment) {
  EXPECT_EQ(Connect(options_)->token, "");
  setenv("METAGRAPHCTL_TOKEN", " from-environment\n", 1);
  EXPECT_EQ(Connect(options_)->token, "from-environment");
  options_.token_file = Write("from-file\n");
  EXPECT_EQ(Connect(options_)->token, "from-file");
}

TEST_F(ConnectionTest, TellsWhichFileIsWrong) {
  options_.token_file = Write("two words");
  EXPECT_THAT(Connect(options_),
              HasCode(StatusCode::kInvalidArgument, "spaces"));
  options_.token_file = Write("\n");
  EXPECT_THAT(Connect(options_),
              HasCode(StatusCode::kInvalidArgument, "is empty"));
  options_.token_file = dir_.Join("none");
  EXPECT_THAT(Connect(options_),
              HasCode(StatusCode::kNotFound, "--token-file"));
  options_.token_file = "";
  options_.tls_ca = dir_.Join("none");
  EXPECT_THAT(Connect(options_), HasCode(StatusCode::kNotFound, "--tls-ca"));
  options_.tls_ca = "";
  options_.tls_cert = Write("");
  EXPECT_THAT(Connect(options_),
              HasCode(StatusCode::kInvalidArgument, "go together"));
}

TEST_F(ConnectionTest, ShowsNoTokenToOthersOnTheWay) {
  options_.token_file = Write("from-file\n");
  for (const char* near :
       {"127.0.0.1:8500", "127.1.2.3:8500", "localhost:8500", "[::1]:8500",
        "unix:/run/socket", "unix-abstract:name", "dns:///localhost:8500",
        "dns:localhost:8500", "ipv4:127.0.0.1:8500", "ipv6:[::1]:8500"}) {
    options_.server = near;
    EXPECT_OK(Connect(options_)) << near;
  }
  for (const char* far :
       {"10.0.0.1:8500", "metagraphd:8500", "127.0.0.1.example.org:8500",
        "localhost.example.org:8500", "[2001:db8::1]:8500", "0.0.0.0:8500",
        "dns://10.0.0.1/localhost:8500", "dns:///metagraphd:8500",
        "ipv4:127.0.0.1:1,10.0.0.1:2", "xds:///localhost:8500"}) {
    options_.server = far;
    options_.tls = false;
    EXPECT_THAT(Connect(options_),
                HasCode(StatusCode::kInvalidArgument, "--tls"))
        << far;
    options_.tls = true;
    EXPECT_OK(Connect(options_)) << far;
  }
  // Without a token there is nothing to read.
  options_.token_file = "";
  options_.tls = false;
  EXPECT_OK(Connect(options_));
}

}  // namespace
}  // namespace metagraph
