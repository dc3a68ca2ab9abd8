#include "server/client_certificates.h"

#include "gmock/gmock.h"
#include "tests/support/certificates.h"
#include "tests/support/fake_clock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace metagraph {
namespace {

using absl::StatusCode;

constexpr absl::Duration kDay = absl::Hours(24);

class ClientCertificatesTest : public testing::Test {
 protected:
  ClientCertificatesTest() {
    // Certificates are made by the machine's clock, some of them later.
    clock_.Advance(Clock::Real().Now() + absl::Hours(1) - clock_.Now());
    made_.MakeRoot("root");
    made_.MakeRoot("stranger");
    made_.Make("good", "root", "DNS:a.test");
    made_.Make("forged", "stranger", "DNS:a.test");
    UseRoots("root");
    auto opened =
        ClientCertificates::Open(FileSystem::Posix(), clock_, dir_.Join("ca"));
    EXPECT_OK(opened);
    tested_ = *std::move(opened);
  }

  std::string Read(const std::string& name) {
    return *ReadFile(FileSystem::Posix(), dir_.Join(name), 1 << 20);
  }
  std::string Pem(const std::string& name) { return Read(name + ".crt"); }
  void UseRoots(const std::string& name) {
    ASSERT_OK(
        WriteFileAtomically(FileSystem::Posix(), dir_.Join("ca"), Pem(name)));
  }
  absl::Status Check(const std::string& name, const std::string& others = "") {
    return tested_->Check(Pem(name), others);
  }

  TempDir dir_;
  Certificates made_{dir_};
  FakeClock clock_;
  std::unique_ptr<ClientCertificates> tested_;
};

TEST_F(ClientCertificatesTest, ChecksSignaturesOnce) {
  EXPECT_OK(Check("good"));
  EXPECT_OK(Check("good"));
  EXPECT_EQ(tested_->num_verified(), 1);
  EXPECT_FALSE(Check("forged").ok());
  EXPECT_FALSE(Check("forged").ok());
  EXPECT_EQ(tested_->num_verified(), 2);
}

TEST_F(ClientCertificatesTest, RefusesWhatIsWrong) {
  made_.Make("server-only", "root", "DNS:a.test", 2,
             "extendedKeyUsage=serverAuth");
  made_.Make("client-only", "root", "DNS:a.test", 2,
             "extendedKeyUsage=clientAuth");
  // No authority, though it is from the root.
  made_.Make("below-good", "good", "DNS:a.test");
  EXPECT_OK(Check("client-only"));
  EXPECT_THAT(Check("forged"),
              HasCode(StatusCode::kUnauthenticated, "local issuer"));
  EXPECT_THAT(Check("stranger"),
              HasCode(StatusCode::kUnauthenticated, "self-signed"));
  EXPECT_THAT(Check("forged", Pem("stranger")),
              HasCode(StatusCode::kUnauthenticated,
                      "\"CN=forged\" signed by "
                      "\"CN=stranger\""));
  EXPECT_THAT(Check("server-only"),
              HasCode(StatusCode::kUnauthenticated, "purpose"));
  EXPECT_FALSE(Check("below-good", Pem("good")).ok());
}

TEST_F(ClientCertificatesTest, RefusesWhatCannotBeRead) {
  const std::string good = Pem("good");
  std::string damaged = good;
  damaged[damaged.size() / 2] = '!';
  for (const std::string& wrong : {std::string(), std::string("certificate"),
                                   damaged, good.substr(0, good.size() / 2),
                                   good + Pem("forged"), Read("good.key")}) {
    EXPECT_THAT(tested_->Check(wrong, ""),
                HasCode(StatusCode::kUnauthenticated, "cannot be read"));
  }
  EXPECT_THAT(tested_->Check(good, damaged),
              HasCode(StatusCode::kUnauthenticated, "cannot be read"));
  EXPECT_THAT(tested_->Check(std::string(1 << 18, 'a'), ""),
              HasCode(StatusCode::kUnauthenticated, "too large"));
}

TEST_F(ClientCertificatesTest, LooksAtTheClockAtEachCall) {
  made_.Make("expired", "root", "DNS:a.test", -1);
  EXPECT_THAT(Check("expired"),
              HasCode(StatusCode::kUnauthenticated, "has expired"));
  EXPECT_OK(Check("good"));
  clock_.Advance(3 * kDay);
  EXPECT_THAT(Check("good"),
              HasCode(StatusCode::kUnauthenticated, "has expired"));
  clock_.Advance(-3 * kDay);
  EXPECT_OK(Check("good"));
  clock_.Advance(-kDay);
  EXPECT_THAT(Check("good"),
              HasCode(StatusCode::kUnauthenticated, "not yet valid"));
  clock_.Advance(kDay);
  EXPECT_OK(Check("good"));
}

TEST_F(ClientCertificatesTest, ARefusalHoldsForAWhile) {
  made_.Make("middle", "root", "DNS:ca.test", 2, "basicConstraints=CA:TRUE");
  made_.Make("leaf", "middle", "DNS:a.test");
  EXPECT_FALSE(Check("leaf").ok());
  const int64_t verified = tested_->num_verified();
  EXPECT_FALSE(Check("leaf").ok());
  EXPECT_EQ(tested_->num_verified(), verified);
  clock_.Advance(ClientCertificates::kRefusalHolds);
  EXPECT_FALSE(Check("leaf").ok());
  EXPECT_EQ(tested_->num_verified(), verified + 1);
  // Not for those that come with what was missing.
  EXPECT_OK(Check("leaf", Pem("middle")));
  // A session that is resumed comes without what was between.
  EXPECT_OK(Check("leaf"));
}

TEST_F(ClientCertificatesTest, TakesOtherRootsFromTheFile) {
  EXPECT_OK(Check("good"));
  UseRoots("stranger");
  tested_->Look();
  EXPECT_FALSE(Check("good").ok());
  EXPECT_OK(Check("forged"));
}

TEST_F(ClientCertificatesTest, BelievesNoneWithoutTheFile) {
  EXPECT_OK(Check("good"));
  ASSERT_OK(FileSystem::Posix().Remove(dir_.Join("ca")));
  tested_->Look();
  EXPECT_THAT(Check("good"),
              HasCode(StatusCode::kUnauthenticated, "--tls_client_ca"));
  UseRoots("root");
  tested_->Look();
  EXPECT_OK(Check("good"));
  ASSERT_OK(WriteFileAtomically(FileSystem::Posix(), dir_.Join("ca"),
                                Pem("root") + Pem("root").substr(0, 99)));
  tested_->Look();
  EXPECT_FALSE(Check("good").ok());
}

TEST_F(ClientCertificatesTest, MustFindRootsAtTheStart) {
  const auto open = [&](const std::string& name) {
    return ClientCertificates::Open(FileSystem::Posix(), clock_,
                                    dir_.Join(name))
        .status();
  };
  EXPECT_THAT(open("none"), HasCode(StatusCode::kNotFound, "--tls_client_ca"));
  EXPECT_THAT(open("root.key"),
              HasCode(StatusCode::kInvalidArgument, "found none"));
}

TEST_F(ClientCertificatesTest, OthersDoNotPushOutWhoIsBelieved) {
  EXPECT_OK(Check("good"));
  for (size_t i = 0; i <= ClientCertificates::kMaxKnown; ++i) {
    EXPECT_FALSE(tested_->Check(std::to_string(i), "").ok());
  }
  const int64_t before = tested_->num_verified();
  EXPECT_OK(Check("good"));
  EXPECT_EQ(tested_->num_verified(), before);
}

}  // namespace
}  // namespace metagraph
