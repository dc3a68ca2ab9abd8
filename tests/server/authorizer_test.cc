#include "server/authorizer.h"

#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace metagraph {
namespace {

using absl::StatusCode;

constexpr char kRun[] = "metagraph.v1.Inference/Run";
constexpr char kRestore[] = "metagraph.v1.Admin/Restore";

class AuthorizerTest : public testing::Test {
 protected:
  AuthorizerTest() {
    const std::string path = dir_.Join("tokens");
    EXPECT_OK(WriteFileAtomically(FileSystem::Posix(), path,
                                  "infer token-of-infer-1\n"
                                  "admin token-of-admin-1\n"
                                  "inspect san:looker.test\n"));
    auto opened = CredentialFile::Open(FileSystem::Posix(), path);
    EXPECT_OK(opened);
    credentials_ = *std::move(opened);
  }

  TempDir dir_;
  std::unique_ptr<CredentialFile> credentials_;
};

TEST_F(AuthorizerTest, AsksNobodyWithoutCredentials) {
  const Authorizer all({});
  EXPECT_OK(all.Decide(kRestore, "", {}).status);
  EXPECT_EQ(all.Decide(kRun, "", {}).roles, kAllRoles);
  EXPECT_THAT(all.Decide("other.Service/Call", "", {}).status,
              HasCode(StatusCode::kPermissionDenied, ""));
  const Authorizer no_admin({.serves_admin = false});
  EXPECT_EQ(no_admin.Decide(kRun, "", {}).roles, kInfer | kInspect);
  EXPECT_THAT(no_admin.Decide(kRestore, "", {}).status,
              HasCode(StatusCode::kPermissionDenied, "--admin_listen"));
}

TEST_F(AuthorizerTest, TakesBearerTokensOnly) {
  const Authorizer authorizer({.credentials = credentials_.get()});
  EXPECT_OK(authorizer.Decide(kRun, "Bearer token-of-infer-1", {}).status);
  EXPECT_OK(authorizer.Decide(kRun, "bearer  token-of-infer-1 ", {}).status);
  for (const char* wrong :
       {"", "token-of-infer-1", "Basic token-of-infer-1", "Bearer ",
        "Bearer token-of-infer-2", "Bearertoken-of-infer-1"}) {
    const auto decision = authorizer.Decide(kRun, wrong, {});
    EXPECT_THAT(decision.status, HasCode(StatusCode::kUnauthenticated, ""));
    EXPECT_EQ(decision.status.message(), "the call needs valid credentials");
    EXPECT_NE(decision.reason, "");
    EXPECT_EQ(decision.roles, kNoRole);
  }
}

TEST_F(AuthorizerTest, AddsTheRolesOfCertificates) {
  const Authorizer authorizer({.credentials = credentials_.get()});
  const std::vector<std::string> looker = {"other.test", "looker.test"};
  EXPECT_EQ(
      authorizer.Decide("metagraph.v1.Inspect/GetModel", "", looker).roles,
      kInspect);
  EXPECT_THAT(authorizer.Decide(kRun, "", looker).status,
              HasCode(StatusCode::kPermissionDenied, ""));
  EXPECT_EQ(authorizer.Decide(kRun, "Bearer token-of-infer-1", looker).roles,
            kInfer | kInspect);
  EXPECT_THAT(authorizer.Decide(kRun, "Bearer wrong-token-1234", looker).status,
              HasCode(StatusCode::kUnauthenticated, ""));
  const auto unknown = authorizer.Decide(kRun, "", {"nobody.test"});
  EXPECT_THAT(unknown.status, HasCode(StatusCode::kUnauthenticated, ""));
  EXPECT_THAT(unknown.reason, testing::HasSubstr("nobody.test"));
}

TEST_F(AuthorizerTest, KeepsAdminFromAddressesThatDoNotServeIt) {
  const Authorizer authorizer(
      {.serves_admin = false, .credentials = credentials_.get()});
  EXPECT_EQ(authorizer.Decide(kRun, "Bearer token-of-admin-1", {}).roles,
            kInfer | kInspect);
  EXPECT_THAT(authorizer.Decide(kRestore, "Bearer token-of-admin-1", {}).status,
              HasCode(StatusCode::kPermissionDenied, "--admin_listen"));
  // Who is not known is not told what is served.
  EXPECT_THAT(authorizer.Decide(kRestore, "", {}).status,
              HasCode(StatusCode::kUnauthenticated, ""));
}

}  // namespace
}  // namespace metagraph
