#include "server/credentials.h"

#include <sys/stat.h>

#include "glog/logging.h"
#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace metagraph {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr char kToken[] = "0123456789abcdef";
// echo -n 0123456789abcdef | sha256sum
constexpr char kTokenHash[] =
    "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f";

TEST(CredentialsTest, FindsTokensAndNames) {
  const auto credentials = Credentials::Parse(
      "# comment\n"
      "\n"
      "infer 0123456789abcdef\r\n"
      "  infer,inspect\tabcdefghijklmnop  \n"
      "admin san:ops.example.org\n"
      "inspect san:spiffe://example/looker");
  ASSERT_OK(credentials);
  EXPECT_EQ(credentials->num_tokens(), 2u);
  EXPECT_EQ(credentials->num_names(), 2u);
  EXPECT_EQ(credentials->OfToken(kToken), kInfer);
  EXPECT_EQ(credentials->OfToken("abcdefghijklmnop"), kInfer | kInspect);
  EXPECT_EQ(credentials->OfToken("0123456789abcdeF"), kNoRole);
  EXPECT_EQ(credentials->OfToken("0123456789abcde"), kNoRole);
  EXPECT_EQ(credentials->OfToken(""), kNoRole);
  EXPECT_EQ(credentials->OfToken("san:ops.example.org"), kNoRole);
  EXPECT_EQ(credentials->OfName("ops.example.org"), kAllRoles);
  EXPECT_EQ(credentials->OfName("spiffe://example/looker"), kInspect);
  EXPECT_EQ(credentials->OfName("example.org"), kNoRole);
  EXPECT_EQ(credentials->OfName(""), kNoRole);
}

TEST(CredentialsTest, KnowsATokenByItsDigest) {
  const auto credentials =
      Credentials::Parse(absl::StrCat("inspect sha256:", kTokenHash));
  ASSERT_OK(credentials);
  EXPECT_EQ(credentials->OfToken(kToken), kInspect);
  EXPECT_EQ(credentials->OfToken(kTokenHash), kNoRole);
  EXPECT_EQ(credentials->OfToken(absl::StrCat("sha256:", kTokenHash)), kNoRole);
}

TEST(CredentialsTest, TellsTheWrongLineWithoutWhatItHolds) {
  const auto error = [](const std::string& line) {
    return Credentials::Parse("# first\n" + line).status();
  };
  const std::string secret(17, 's');
  EXPECT_THAT(error(secret), HasCode(StatusCode::kInvalidArgument,
                                     "line 2: expected ROLE[,ROLE]"));
  EXPECT_THAT(error(secret + " infer"),
              HasCode(StatusCode::kInvalidArgument, "line 2: expected roles"));
  EXPECT_THAT(error("infer " + secret + " " + secret),
              HasCode(StatusCode::kInvalidArgument, "line 2: "));
  EXPECT_THAT(error("infer " + secret + "\xc3\xa4"),
              HasCode(StatusCode::kInvalidArgument, "ASCII"));
  EXPECT_THAT(
      error("infer 0123456789abcde"),
      HasCode(StatusCode::kInvalidArgument, "15 characters, expected 16"));
  EXPECT_THAT(error("infer " + std::string(4097, 's')),
              HasCode(StatusCode::kInvalidArgument, "4097 characters"));
  EXPECT_OK(error("infer " + std::string(4096, 's')));
  EXPECT_THAT(error("infer sha256:12"),
              HasCode(StatusCode::kInvalidArgument, "64 hexadecimal digits"));
  EXPECT_THAT(error("infer sha256:" + std::string(64, 'g')),
              HasCode(StatusCode::kInvalidArgument, "64 hexadecimal digits"));
  EXPECT_THAT(error("infer san:"),
              HasCode(StatusCode::kInvalidArgument, "a name behind san:"));
  EXPECT_THAT(error("infer san:a\ninfer san:a"),
              HasCode(StatusCode::kInvalidArgument, "line 3: "));
  EXPECT_THAT(
      error(absl::StrCat("infer ", kToken, "\ninfer sha256:", kTokenHash)),
      HasCode(StatusCode::kInvalidArgument, "line 3: the token"));
  for (const std::string& line :
       {secret, secret + " infer", "infer " + secret + " " + secret}) {
    EXPECT_THAT(error(line).message(), Not(HasSubstr("sss")));
  }
}

TEST(CredentialsTest, BoundsTheNumberOfTokens) {
  std::string text;
  for (size_t i = 0; i < Credentials::kMaxTokens; ++i) {
    absl::StrAppend(&text, "infer token-number-", 10'000 + i, "\n");
  }
  EXPECT_OK(Credentials::Parse(text));
  EXPECT_THAT(Credentials::Parse(text + "infer another-token-number"),
              HasCode(StatusCode::kInvalidArgument, "more than 1000 tokens"));
}

class CredentialFileTest : public testing::Test, public google::LogSink {
 protected:
  CredentialFileTest() { google::AddLogSink(this); }
  ~CredentialFileTest() override { google::RemoveLogSink(this); }
  void send(google::LogSeverity, const char*, const char*, int,
            const google::LogMessageTime&, const char* message,
            size_t size) override {
    MutexLock lock(mu_);
    lines_.emplace_back(message, size);
  }
  std::vector<std::string> TakeLines() {
    MutexLock lock(mu_);
    return std::exchange(lines_, {});
  }
  void Write(const std::string& text, mode_t mode = 0600) {
    const std::string path = dir_.Join("tokens");
    ASSERT_OK(WriteFileAtomically(FileSystem::Posix(), path, text));
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
  }
  auto Open() {
    return CredentialFile::Open(FileSystem::Posix(), dir_.Join("tokens"));
  }

  TempDir dir_;
  Mutex mu_;
  std::vector<std::string> lines_ GUARDED_BY(mu_);
};

TEST_F(CredentialFileTest, TakesWhatChanged) {
  Write(absl::StrCat("infer ", kToken));
  auto file = Open();
  ASSERT_OK(file);
  const auto before = (*file)->current();
  EXPECT_EQ(before->OfToken(kToken), kInfer);
  (*file)->Look();
  EXPECT_EQ((*file)->current(), before);
  EXPECT_THAT(TakeLines(), testing::IsEmpty());
  Write(absl::StrCat("inspect ", kToken, "\nadmin san:a"));
  (*file)->Look();
  EXPECT_EQ((*file)->current()->OfToken(kToken), kInspect);
  EXPECT_THAT(TakeLines(), testing::Contains(HasSubstr("1 tokens, 1 names")));
}

TEST_F(CredentialFileTest, KeepsWhatItHasAndSaysSoOnce) {
  Write(absl::StrCat("infer ", kToken));
  auto file = Open();
  ASSERT_OK(file);
  Write("infer short");
  (*file)->Look();
  (*file)->Look();
  EXPECT_EQ((*file)->current()->OfToken(kToken), kInfer);
  EXPECT_THAT(TakeLines(), testing::ElementsAre(AllOf(
                               HasSubstr("line 1: "), HasSubstr("still holds"),
                               Not(HasSubstr("short")))));
  ASSERT_OK(FileSystem::Posix().Remove(dir_.Join("tokens")));
  (*file)->Look();
  (*file)->Look();
  EXPECT_EQ((*file)->current()->OfToken(kToken), kInfer);
  EXPECT_EQ(TakeLines().size(), 1u);
  // The same trouble later is told again.
  Write(absl::StrCat("infer ", kToken));
  (*file)->Look();
  Write("infer short");
  (*file)->Look();
  EXPECT_EQ(TakeLines().size(), 1u);
}

TEST_F(CredentialFileTest, RefusesToStartWithWhatIsWrong) {
  EXPECT_THAT(Open(), HasCode(StatusCode::kNotFound, "--tokens"));
  Write("infer short");
  EXPECT_THAT(Open(), HasCode(StatusCode::kInvalidArgument, "tokens, line 1"));
  Write(std::string(Credentials::kMaxFile + 1, '\n'));
  EXPECT_THAT(Open(), HasCode(StatusCode::kResourceExhausted, "--tokens"));
}

TEST_F(CredentialFileTest, WarnsOfAFileThatOthersMayRead) {
  Write("", 0640);
  ASSERT_OK(Open());
  EXPECT_THAT(TakeLines(), testing::IsEmpty());
  Write("", 0644);
  ASSERT_OK(Open());
  EXPECT_THAT(TakeLines(), testing::ElementsAre(HasSubstr("chmod o-rwx")));
}

}  // namespace
}  // namespace metagraph
