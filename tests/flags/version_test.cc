#include "flags/version.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metagraph {
namespace {

TEST(VersionTest, TellsCommitBuildAndLibraries) {
  EXPECT_THAT(VersionText("metagraphd"),
              testing::MatchesRegex(
                  "metagraphd [0-9]+\\.[0-9]+\\.[0-9]+\n"
                  "commit ([0-9a-f]{7,40}(-dirty)?|unknown)\n"
                  "build [A-Za-z]+, for x86-64-v[1-4] and newer\n"
                  "gRPC 1\\.[0-9]+\\.[0-9]+, protobuf [0-9]+\\.[0-9]+\\.[0-9]+,"
                  " oneDNN [0-9]+\\.[0-9]+\\.[0-9]+"));
}

}  // namespace
}  // namespace metagraph
