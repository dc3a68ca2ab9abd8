#include "server/server_options.h"

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metagraph {
namespace {

CommandLine Parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "metagraphd");
  return ParseCommandLine(static_cast<int>(arguments.size()), arguments.data());
}

TEST(ServerOptionsTest, ReadsFlags) {
  const CommandLine line =
      Parse({"--model", "a=/x", "--model=b=/y=z", "--listen", "0.0.0.0:1",
             "--listen=unix:/s", "--watch=0.5", "--max_inflight=7"});
  ASSERT_FALSE(line.exit) << line.message;
  ASSERT_EQ(line.options.models.size(), 2u);
  EXPECT_EQ(line.options.models[1].name, "b");
  EXPECT_EQ(line.options.models[1].path, "/y=z");
  EXPECT_THAT(line.options.listen,
              testing::ElementsAre("0.0.0.0:1", "unix:/s"));
  EXPECT_EQ(line.options.watch, absl::Milliseconds(500));
  EXPECT_EQ(line.options.max_inflight, 7);
}

TEST(ServerOptionsTest, FlagsWinOverTheEnvironment) {
  setenv("METAGRAPHD_MODEL", "a=/x,b=/y", 1);
  setenv("METAGRAPHD_THREADS", "3", 1);
  EXPECT_EQ(Parse({}).options.models.size(), 2u);
  EXPECT_EQ(Parse({}).options.threads, 3);
  EXPECT_EQ(Parse({"--threads=5"}).options.threads, 5);
  EXPECT_EQ(Parse({"--model=c=/z"}).options.models.size(), 1u);
  unsetenv("METAGRAPHD_MODEL");
  unsetenv("METAGRAPHD_THREADS");
}

TEST(ServerOptionsTest, AMappingIsForOneModelOrForAll) {
  const CommandLine line =
      Parse({"--model=a=/x", "--model=b=/y", "--prefix=a:model/", "--map",
             "old/=new/", "--map=b:(x)=\\1", "--skip-missing=b"});
  ASSERT_FALSE(line.exit) << line.message;
  const RestoreMapping& a = line.options.models[0].mapping;
  const RestoreMapping& b = line.options.models[1].mapping;
  EXPECT_EQ(a.prefix, "model/");
  EXPECT_EQ(b.prefix, "");
  EXPECT_THAT(a.rules, testing::ElementsAre("old/=new/"));
  EXPECT_THAT(b.rules, testing::ElementsAre("old/=new/", "(x)=\\1"));
  EXPECT_FALSE(a.skip_missing);
  EXPECT_TRUE(b.skip_missing);
  EXPECT_FALSE(b.skip_mismatched);
}

TEST(ServerOptionsTest, ProgramsAreCompiledAsFarAsAsked) {
  EXPECT_EQ(Parse({}).options.compile, CompileLevel::kFull);
  EXPECT_EQ(Parse({"--compile=off"}).options.compile, CompileLevel::kOff);
  EXPECT_EQ(Parse({"--compile", "safe"}).options.compile, CompileLevel::kSafe);
  EXPECT_EQ(Parse({"--compile=full"}).options.compile, CompileLevel::kFull);
  const CommandLine wrong = Parse({"--compile=on"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.message,
              testing::HasSubstr("expected off, safe or full, found \"on\""));
}

TEST(ServerOptionsTest, SkippingNeedsNoValue) {
  for (const char* flag : {"--skip_missing", "--skip-missing", "--partial",
                           "--skip_missing=true", "--partial=1"}) {
    const CommandLine line = Parse({flag, "--model", "a=/x"});
    ASSERT_FALSE(line.exit) << line.message;
    EXPECT_TRUE(line.options.models[0].mapping.skip_missing) << flag;
  }
  setenv("METAGRAPHD_SKIP_MISSING", "a", 1);
  EXPECT_TRUE(Parse({"--model=a=/x"}).options.models[0].mapping.skip_missing);
  unsetenv("METAGRAPHD_SKIP_MISSING");
}

TEST(ServerOptionsTest, TheEnvironmentMapsNamesToo) {
  setenv("METAGRAPHD_PREFIX", "a:model/", 1);
  setenv("METAGRAPHD_MAP", "old/=new/", 1);
  setenv("METAGRAPHD_FILE_ROOT", "/x,/y", 1);
  const CommandLine line = Parse({"--model=a=/x", "--model=b=/y"});
  unsetenv("METAGRAPHD_PREFIX");
  unsetenv("METAGRAPHD_MAP");
  unsetenv("METAGRAPHD_FILE_ROOT");
  ASSERT_FALSE(line.exit) << line.message;
  EXPECT_EQ(line.options.models[0].mapping.prefix, "model/");
  EXPECT_EQ(line.options.models[1].mapping.prefix, "");
  EXPECT_THAT(line.options.models[1].mapping.rules,
              testing::ElementsAre("old/=new/"));
  EXPECT_THAT(line.options.file_roots, testing::ElementsAre("/x", "/y"));
}

TEST(ServerOptionsTest, AMappingThatIsNoneIsWrongUsage) {
  for (const char* wrong :
       {"--map=nonsense", "--map=(=x", "--skip_missing=b", "--prefix=/"}) {
    const CommandLine line = Parse({"--model=a=/x", wrong});
    EXPECT_EQ(line.exit_code, 2) << wrong;
    EXPECT_NE(line.message, "") << wrong;
  }
}

TEST(ServerOptionsTest, WrongUsageExitsWithTwo) {
  for (const char* wrong :
       {"--no_such_flag", "--model=nameless", "--model==x", "--listen=nowhere",
        "--threads=-1", "--max_inflight=0", "--watch=-3", "--watch=nan",
        "--watch=1e300", "--listen=127.0.0.1:99999", "stray"}) {
    const CommandLine line = Parse({wrong});
    EXPECT_TRUE(line.exit) << wrong;
    EXPECT_EQ(line.exit_code, 2) << wrong;
    EXPECT_NE(line.message, "") << wrong;
  }
  EXPECT_EQ(Parse({"--model=a=/x", "--model=a=/y"}).exit_code, 2);
}

TEST(ServerOptionsTest, TellsWhetherMetricsWereAskedFor) {
  EXPECT_EQ(Parse({}).options.metrics_listen, std::nullopt);
  EXPECT_EQ(Parse({"--metrics_listen=:0x"}).exit_code, 2);
  EXPECT_EQ(Parse({"--metrics_listen=unix:/s"}).exit_code, 2);
  EXPECT_EQ(Parse({"--metrics_listen=off"}).options.metrics_listen, "");
  EXPECT_EQ(Parse({"--metrics_listen=127.0.0.1:8501"}).options.metrics_listen,
            "127.0.0.1:8501");
  setenv("METAGRAPHD_METRICS_LISTEN", "0.0.0.0:9", 1);
  EXPECT_EQ(Parse({}).options.metrics_listen, "0.0.0.0:9");
  unsetenv("METAGRAPHD_METRICS_LISTEN");
}

TEST(ServerOptionsTest, ReadsWhatTheLogIsLike) {
  const ServerOptions given =
      Parse({"--log_format=json", "--access_log=sampled",
             "--on_load_error=serve"})
          .options;
  EXPECT_EQ(given.log_format, LogFormat::kJson);
  EXPECT_EQ(given.access_log, AccessLogMode::kSampled);
  EXPECT_TRUE(given.serve_on_load_error);
  EXPECT_FALSE(Parse({}).options.serve_on_load_error);
  EXPECT_EQ(Parse({"--access_log=some"}).exit_code, 2);
}

TEST(ServerOptionsTest, SizesAndTimesTakeUnits) {
  const CommandLine line =
      Parse({"--max_tensor_memory=2GiB", "--max_message_bytes=64MB",
             "--watch=1500ms", "--drain_timeout=2m", "--drain_grace=3"});
  ASSERT_FALSE(line.exit) << line.message;
  EXPECT_EQ(line.options.max_tensor_memory, int64_t{2} << 30);
  EXPECT_EQ(line.options.max_message_bytes, 64'000'000);
  EXPECT_EQ(line.options.watch, absl::Milliseconds(1500));
  EXPECT_EQ(line.options.drain_timeout, absl::Minutes(2));
  EXPECT_EQ(line.options.drain_grace, absl::Seconds(3));
}

TEST(ServerOptionsTest, SaysWhatIsWrongInItsOwnWords) {
  EXPECT_EQ(Parse({"--max_tensor_memory=2QB"}).message,
            "metagraphd: --max_tensor_memory: expected a size such as 512MB or "
            "2GiB, or a number of bytes, found \"2QB\"\n"
            "metagraphd --help tells all flags.\n");
  const auto says = [](const char* text) {
    return testing::StartsWith(absl::StrCat("metagraphd: ", text));
  };
  EXPECT_THAT(Parse({"--modle", "a=/x"}).message,
              says("there is no flag --modle; did you mean \"--model\"?"));
  EXPECT_THAT(Parse({"--model=nameless"}).message,
              says("--model: expected NAME=PATH, found \"nameless\""));
  EXPECT_THAT(Parse({"--admin_listen=nowhere"}).message,
              says("--admin_listen: expected HOST:PORT or unix:PATH"));
  EXPECT_THAT(Parse({"--listen=unix:"}).message,
              says("--listen: expected HOST:PORT or unix:PATH"));
  EXPECT_THAT(Parse({"--file_root="}).message,
              says("--file_root needs a value"));
  EXPECT_THAT(Parse({"--file_root", ""}).message,
              says("--file_root: the value is empty"));
  EXPECT_THAT(Parse({"--port_file="}).message,
              says("--port_file needs a value"));
  EXPECT_THAT(Parse({"--tls_cert=a"}).message,
              says("--tls_cert needs --tls_key"));
  EXPECT_THAT(Parse({"--tls_key=a"}).message,
              says("--tls_key needs --tls_cert"));
  EXPECT_THAT(Parse({"--tls_client_ca=a"}).message,
              says("--tls_client_ca needs --tls_cert and --tls_key"));
  EXPECT_THAT(Parse({"--tokens="}).message, says("--tokens needs a value"));
  EXPECT_THAT(Parse({"--reflection=no"}).message, says("--reflection: "));
  setenv("METAGRAPHD_WATCH", "often", 1);
  EXPECT_THAT(Parse({}).message, says("METAGRAPHD_WATCH: expected a time"));
  unsetenv("METAGRAPHD_WATCH");
  setenv("METAGRAPHD_MODEL", "nameless", 1);
  EXPECT_THAT(Parse({}).message, says("METAGRAPHD_MODEL: expected NAME=PATH"));
  unsetenv("METAGRAPHD_MODEL");
  // None of CLI11's own words reach anybody.
  for (const char* wrong :
       {"--watch=x", "--threads=x", "--max_inflight=0", "--max_message_bytes=0",
        "--max_message_bytes=3GiB", "--max_tensor_memory=-1",
        "--drain_grace=-1", "--drain_timeout=x", "--verbosity=x", "--model",
        "--listen", "--threads", "--threads=", "--watch=", "--verbosity=-1"}) {
    const CommandLine line = Parse({wrong});
    EXPECT_EQ(line.exit_code, 2) << wrong;
    for (const char* raw : {"Value", "not in range", "Could not convert",
                            "required", "Failed", "TEXT", "POSITIVE"}) {
      EXPECT_THAT(line.message, testing::Not(testing::HasSubstr(raw))) << wrong;
    }
  }
}

TEST(ServerOptionsTest, HelpAndVersionExitWithZero) {
  for (const char* flag : {"--help", "--version"}) {
    const CommandLine line = Parse({flag});
    EXPECT_TRUE(line.exit);
    EXPECT_EQ(line.exit_code, 0);
    EXPECT_NE(line.message, "");
  }
  EXPECT_THAT(Parse({"--help"}).message, testing::HasSubstr("--max_inflight"));
}

TEST(ServerOptionsTest, TellsLocalAddresses) {
  EXPECT_TRUE(IsLocalAddress("127.0.0.1:8500"));
  EXPECT_TRUE(IsLocalAddress("[::1]:8500"));
  EXPECT_TRUE(IsLocalAddress("localhost:0"));
  EXPECT_TRUE(IsLocalAddress("unix:/tmp/x"));
  EXPECT_FALSE(IsLocalAddress("0.0.0.0:8500"));
  EXPECT_FALSE(IsLocalAddress("127.example.org:8500"));
  EXPECT_FALSE(IsLocalAddress("[::]:8500"));
}

TEST(ServerOptionsTest, RelativeModelFoldersBecomeAbsolute) {
  const char* const argv[] = {"metagraphd", "--model", "a=models/a"};
  const CommandLine line = ParseCommandLine(3, argv);
  ASSERT_EQ(line.options.models.size(), 1u);
  EXPECT_EQ(line.options.models[0].path,
            (std::filesystem::current_path() / "models/a").string());
}

TEST(ServerOptionsTest, TakesWhatSecuresListeners) {
  const CommandLine none = Parse({});
  EXPECT_EQ(none.options.tls.cert, "");
  EXPECT_EQ(none.options.tokens, "");
  EXPECT_TRUE(none.options.reflection);
  EXPECT_FALSE(none.options.channelz);
  const CommandLine all =
      Parse({"--tls_cert=c", "--tls_key=k", "--tls_client_ca=r", "--tokens=t",
             "--reflection=off", "--channelz=on"});
  EXPECT_EQ(all.options.tls.cert, "c");
  EXPECT_EQ(all.options.tls.key, "k");
  EXPECT_EQ(all.options.tls.client_ca, "r");
  EXPECT_EQ(all.options.tokens, "t");
  EXPECT_FALSE(all.options.reflection);
  EXPECT_TRUE(all.options.channelz);
}

}  // namespace
}  // namespace metagraph
