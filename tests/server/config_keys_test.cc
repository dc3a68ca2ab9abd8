// Every key of the configuration file: what it takes, what it refuses with the
// line, its row in server/config.md and its example. A new key without a case
// here fails.

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "server/config_models.h"
#include "server/server_options.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace metagraph {
namespace {

struct KeyCase {
  const char* good;
  bool (*taken)(const ServerOptions& options);
  const char* bad;
  const char* error;
};

// Of flags that are keys, too.
const std::map<std::string, KeyCase>& FlagCases() {
  static const auto* const cases = new std::map<std::string, KeyCase>{
      {"listen",
       {"[127.0.0.1:1, 'unix:/s']",
        [](const ServerOptions& o) { return o.listen.size() == 2; }, "nowhere",
        "expected HOST:PORT or unix:PATH"}},
      {"admin_listen",
       {"127.0.0.1:2",
        [](const ServerOptions& o) { return o.admin_listen == "127.0.0.1:2"; },
        "nowhere", "expected HOST:PORT or unix:PATH"}},
      {"port_file",
       {"/tmp/p",
        [](const ServerOptions& o) { return o.port_file == "/tmp/p"; }, "''",
        "expected a value"}},
      {"metrics_listen",
       {"127.0.0.1:3",
        [](const ServerOptions& o) {
          return o.metrics_listen == "127.0.0.1:3";
        },
        "nowhere", "expected HOST:PORT"}},
      {"on_load_error",
       {"serve", [](const ServerOptions& o) { return o.serve_on_load_error; },
        "ignore", "expected exit or serve"}},
      {"log_format",
       {"json",
        [](const ServerOptions& o) { return o.log_format == LogFormat::kJson; },
        "xml", "expected text or json"}},
      {"access_log",
       {"all",
        [](const ServerOptions& o) {
          return o.access_log == AccessLogMode::kAll;
        },
        "some", "expected off, errors, sampled or all"}},
      {"tls_cert",
       {"/c\ntls_key: /k",
        [](const ServerOptions& o) { return o.tls.cert == "/c"; }, "''",
        "expected a value"}},
      {"tls_key",
       {"/k\ntls_cert: /c",
        [](const ServerOptions& o) { return o.tls.key == "/k"; }, "[/k]",
        "expected a value, found a list"}},
      {"tls_client_ca",
       {"/ca\ntls_cert: /c\ntls_key: /k",
        [](const ServerOptions& o) { return o.tls.client_ca == "/ca"; }, "",
        "expected a value, found nothing"}},
      {"tokens",
       {"/t", [](const ServerOptions& o) { return o.tokens == "/t"; }, "{}",
        "expected a value, found a map"}},
      {"reflection",
       {"off", [](const ServerOptions& o) { return !o.reflection; }, "maybe",
        "expected on or off"}},
      {"channelz",
       {"on", [](const ServerOptions& o) { return o.channelz; }, "maybe",
        "expected on or off"}},
      {"require_checkpoint",
       {"true", [](const ServerOptions& o) { return o.require_checkpoint; },
        "maybe", "expected true or false"}},
      {"watch",
       {"5s",
        [](const ServerOptions& o) { return o.watch == absl::Seconds(5); },
        "often", "expected a time"}},
      {"watch_graph",
       {"true", [](const ServerOptions& o) { return o.watch_graph; }, "2",
        "expected true or false"}},
      {"compile",
       {"safe",
        [](const ServerOptions& o) { return o.compile == CompileLevel::kSafe; },
        "on", "expected off, safe or full"}},
      {"threads",
       {"3", [](const ServerOptions& o) { return o.threads == 3; }, "-1",
        "expected a whole number"}},
      {"max_inflight",
       {"7", [](const ServerOptions& o) { return o.max_inflight == 7; }, "0",
        "expected a whole number"}},
      {"max_message_bytes",
       {"64MiB",
        [](const ServerOptions& o) {
          return o.max_message_bytes == int64_t{64} << 20;
        },
        "3GiB", "expected at most"}},
      {"compile_memory",
       {"1GiB",
        [](const ServerOptions& o) {
          return o.compile_memory == int64_t{1} << 30;
        },
        "much", "expected a size"}},
      {"max_tensor_memory",
       {"2GiB",
        [](const ServerOptions& o) {
          return o.max_tensor_memory == int64_t{2} << 30;
        },
        "2QB", "expected a size"}},
      {"drain_grace",
       {"500ms",
        [](const ServerOptions& o) {
          return o.drain_grace == absl::Milliseconds(500);
        },
        "-1", "expected a time"}},
      {"drain_timeout",
       {"1m",
        [](const ServerOptions& o) {
          return o.drain_timeout == absl::Minutes(1);
        },
        "{a: 1}", "expected a value, found a map"}},
      {"file_root",
       {"[/x, /y]",
        [](const ServerOptions& o) { return o.file_roots.size() == 2; },
        "[/x, '']", "expected a value"}},
      {"max_connections",
       {"7",
        [](const ServerOptions& o) { return o.transport.max_connections == 7; },
        "-1", "expected a whole number"}},
      {"max_streams_per_connection",
       {"7",
        [](const ServerOptions& o) { return o.transport.max_streams == 7; },
        "0", "expected a whole number"}},
      {"max_metadata_bytes",
       {"4KiB",
        [](const ServerOptions& o) {
          return o.transport.max_metadata_bytes == 4096;
        },
        "4", "expected at least 1024 bytes"}},
      {"max_message_memory",
       {"1GiB",
        [](const ServerOptions& o) {
          return o.transport.max_memory == 1 << 30;
        },
        "lots", "lots"}},
      {"accept_compression",
       {"on",
        [](const ServerOptions& o) { return o.transport.accept_compression; },
        "perhaps", "expected on or off"}},
      {"handshake_timeout",
       {"3s",
        [](const ServerOptions& o) {
          return o.transport.handshake_timeout == absl::Seconds(3);
        },
        "soon", "soon"}},
      {"keepalive_time",
       {"3s",
        [](const ServerOptions& o) {
          return o.transport.keepalive_time == absl::Seconds(3);
        },
        "soon", "soon"}},
      {"keepalive_timeout",
       {"3s",
        [](const ServerOptions& o) {
          return o.transport.keepalive_timeout == absl::Seconds(3);
        },
        "soon", "soon"}},
      {"max_connection_idle",
       {"3s",
        [](const ServerOptions& o) {
          return o.transport.max_connection_idle == absl::Seconds(3);
        },
        "soon", "soon"}},
      {"max_connection_age",
       {"3s",
        [](const ServerOptions& o) {
          return o.transport.max_connection_age == absl::Seconds(3);
        },
        "soon", "soon"}},
      {"max_connection_age_grace",
       {"3s",
        [](const ServerOptions& o) {
          return o.transport.max_connection_age_grace == absl::Seconds(3);
        },
        "soon", "soon"}},
      {"retain_generations",
       {"3", [](const ServerOptions& o) { return o.retain_generations == 3; },
        "-1", "expected a whole number"}},
      {"verbosity",
       {"1", [](const ServerOptions& o) { return o.verbosity == 1; }, "x",
        "expected a whole number"}},
  };
  return *cases;
}

// Of a model's keys.
const std::map<std::string, KeyCase>& ModelCases() {
  static const auto* const cases = new std::map<std::string, KeyCase>{
      {"name",
       {"m", [](const ServerOptions& o) { return o.models[0].name == "m"; },
        "m@3", "holds an @"}},
      {"path",
       {"/m", [](const ServerOptions& o) { return o.models[0].path == "/m"; },
        "[/m]", "path: expected a value, found a list"}},
      {"versions",
       {"latest 2",
        [](const ServerOptions& o) {
          return o.models[0].versions == VersionPolicy{2, {}};
        },
        "latest 0", "expected latest, latest N, all or a list"}},
      {"labels",
       {"{stable: 3, canary: 4}",
        [](const ServerOptions& o) {
          return o.models[0].labels.at("stable") == 3 &&
                 o.models[0].labels.at("canary") == 4;
        },
        "{stable: new}", "expected the number of a version, found \"new\""}},
      {"prefix",
       {"model/",
        [](const ServerOptions& o) {
          return o.models[0].mapping.prefix == "model/";
        },
        "/", "prefix"}},
      {"map",
       {"[old/=new/]",
        [](const ServerOptions& o) {
          return o.models[0].mapping.rules.size() == 1;
        },
        "[nonsense]", "nonsense"}},
      {"skip_missing",
       {"true",
        [](const ServerOptions& o) { return o.models[0].mapping.skip_missing; },
        "1", "expected true or false"}},
      {"partial",
       {"true",
        [](const ServerOptions& o) {
          return o.models[0].mapping.skip_mismatched &&
                 o.models[0].mapping.skip_missing;
        },
        "perhaps", "expected true or false"}},
  };
  return *cases;
}

class ConfigKeysTest : public testing::Test {
 protected:
  CommandLine Parse(const std::string& text,
                    std::vector<const char*> arguments = {}) {
    const std::string path = dir_.Join("config.yaml");
    std::ofstream(path) << text;
    arguments.insert(arguments.begin(),
                     {"metagraphd", "--config", path.c_str()});
    return ParseCommandLine(static_cast<int>(arguments.size()),
                            arguments.data());
  }
  // The text of a model of which all but `key` is right.
  static std::string ModelWith(const std::string& key,
                               const std::string& value) {
    std::string out = "models:\n  -\n";
    if (key != "name") out += "    name: m\n";
    if (key != "path") out += "    path: /m\n";
    return absl::StrCat(out, "    ", key, ": ", value, "\n");
  }
  static int LineOf(const std::string& text, const std::string& key) {
    const auto before = text.substr(0, text.find("    " + key + ":"));
    return static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1;
  }
  static std::string ReadSource(const std::string& path) {
    std::ifstream in(absl::StrCat(MG_TEST_DATA_DIR, "/../", path));
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

  TempDir dir_;
};

TEST_F(ConfigKeysTest, EveryFlagsGoodCaseAndBadCase) {
  for (const ConfigKey& key : ConfigKeys()) {
    SCOPED_TRACE(key.name);
    ASSERT_TRUE(FlagCases().contains(key.name)) << "has no case in this test";
    const KeyCase& c = FlagCases().at(key.name);
    const CommandLine good = Parse(absl::StrCat(key.name, ": ", c.good, "\n"));
    ASSERT_FALSE(good.exit) << good.message;
    EXPECT_TRUE(c.taken(good.options));
    EXPECT_FALSE(c.taken(ServerOptions())) << "says nothing";
    const CommandLine bad =
        Parse(absl::StrCat("# a line\n\n", key.name, ": ", c.bad, "\n"));
    EXPECT_EQ(bad.exit_code, 2);
    EXPECT_THAT(bad.message,
                testing::HasSubstr(absl::StrCat("line 3: ", key.name, ": ")));
    EXPECT_THAT(bad.message, testing::HasSubstr(c.error));
  }
}

TEST_F(ConfigKeysTest, EveryModelKeysGoodCaseAndBadCase) {
  for (const ModelKey& key : ModelKeys()) {
    SCOPED_TRACE(key.name);
    ASSERT_TRUE(ModelCases().contains(key.name)) << "has no case in this test";
    const KeyCase& c = ModelCases().at(key.name);
    const CommandLine good = Parse(ModelWith(key.name, c.good));
    ASSERT_FALSE(good.exit) << good.message;
    ASSERT_EQ(good.options.models.size(), 1u);
    EXPECT_TRUE(c.taken(good.options));
    const std::string wrong = ModelWith(key.name, c.bad);
    const CommandLine bad = Parse(wrong);
    EXPECT_EQ(bad.exit_code, 2);
    EXPECT_THAT(bad.message, testing::HasSubstr(absl::StrCat(
                                 "line ", LineOf(wrong, key.name), ": ")));
    EXPECT_THAT(bad.message, testing::HasSubstr(c.error));
  }
}

TEST_F(ConfigKeysTest, AnAddressHasItsOwnTlsFiles) {
  const std::string listen = "listen: ['0.0.0.0:1']\n";
  for (const TlsKey& key : TlsKeys()) {
    SCOPED_TRACE(key.name);
    std::map<std::string, std::string> files = {{"cert", "/c"}, {"key", "/k"}};
    files[key.name] = "/this";
    std::string text = listen + "listener_tls:\n  0.0.0.0:1:\n";
    for (const auto& [name, path] : files) {
      absl::StrAppend(&text, "    ", name, ": ", path, "\n");
    }
    const CommandLine good = Parse(text);
    ASSERT_FALSE(good.exit) << good.message;
    EXPECT_EQ(good.options.listener_tls.at("0.0.0.0:1").*(key.value), "/this");
    const CommandLine bad = Parse(absl::StrCat(
        listen, "listener_tls:\n  0.0.0.0:1:\n    ", key.name, ": []\n"));
    EXPECT_EQ(bad.exit_code, 2);
    EXPECT_THAT(bad.message, testing::HasSubstr(absl::StrCat(
                                 "line 4: ", key.name, ": expected a value")));
  }
  EXPECT_THAT(Parse("listener_tls:\n  0.0.0.0:1: {cert: /c}\n").message,
              testing::HasSubstr("line 2: listener_tls: \"0.0.0.0:1\" needs"));
  EXPECT_THAT(Parse("listener_tls:\n  x:1: {cret: /c}\n").message,
              testing::HasSubstr("line 2: there is no key \"cret\""));
  // It would be served in the clear.
  EXPECT_THAT(
      Parse(listen + "listener_tls:\n  0.0.0.0:2: {cert: /c, key: /k}\n")
          .message,
      testing::HasSubstr("\"0.0.0.0:2\" is none of the addresses"));
}

TEST_F(ConfigKeysTest, ThePageAndTheExampleHaveEveryKey) {
  const std::string page = ReadSource("server/config.md");
  const std::string example = ReadSource("deploy/example/config.yaml");
  size_t rows = 0;
  for (const ModelKey& key : ModelKeys()) {
    ++rows;
    EXPECT_THAT(
        page, testing::HasSubstr(absl::StrCat("| `", key.name, "` | ", key.kind,
                                              " | ", key.help, " |\n")));
    EXPECT_THAT(example, testing::ContainsRegex(
                             absl::StrCat("\n  [- ] ", key.name, ":")));
  }
  for (const ConfigKey& key : ConfigKeys()) {
    ++rows;
    const std::string help = key.help.substr(0, key.help.find(" (Env:"));
    EXPECT_THAT(
        page, testing::HasSubstr(absl::StrCat("| `", key.name, "` | ", key.kind,
                                              " | ", help, " |\n")));
    EXPECT_THAT(example,
                testing::ContainsRegex(absl::StrCat("\n", key.name, ":")));
  }
  for (const TlsKey& key : TlsKeys()) {
    ++rows;
    EXPECT_THAT(page, testing::HasSubstr(absl::StrCat(
                          "| `", key.name, "` | path | ", key.help, " |\n")));
    EXPECT_THAT(example,
                testing::ContainsRegex(absl::StrCat("\n    ", key.name, ":")));
  }
  size_t found = 0;
  for (const absl::string_view line : absl::StrSplit(page, '\n')) {
    found += absl::StartsWith(line, "| `") ? 1 : 0;
  }
  EXPECT_EQ(found, rows) << "server/config.md has keys that are none";
}

TEST_F(ConfigKeysTest, TheExampleIsRight) {
  const std::string path =
      absl::StrCat(MG_TEST_DATA_DIR, "/../deploy/example/config.yaml");
  const char* const argv[] = {"metagraphd", "--check_config", "--config",
                              path.c_str()};
  const CommandLine line = ParseCommandLine(4, argv);
  EXPECT_TRUE(line.exit);
  EXPECT_EQ(line.exit_code, 0) << line.message;
}

TEST_F(ConfigKeysTest, ChecksAndExits) {
  const CommandLine right = Parse("threads: 2\n", {"--check_config"});
  EXPECT_TRUE(right.exit);
  EXPECT_EQ(right.exit_code, 0);
  EXPECT_EQ(Parse("threads: x\n", {"--check_config"}).exit_code, 2);
  EXPECT_EQ(Parse("threads: 2\n", {"--check_config", "--watch=x"}).exit_code,
            2);
  const char* const none[] = {"metagraphd", "--check_config",
                              "--config=/no/such/file"};
  const CommandLine missing = ParseCommandLine(3, none);
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.message, testing::HasSubstr("/no/such/file"));
}

TEST_F(ConfigKeysTest, FlagsWinOverVariablesAndTheseOverTheFile) {
  const std::string text =
      "threads: 3\nlisten: ['127.0.0.1:3']\nwatch_graph: true\n"
      "models:\n  - {name: a, path: /file, prefix: file/}\n"
      "  - {name: b, path: /b}\n";
  CommandLine line = Parse(text);
  EXPECT_EQ(line.options.threads, 3);
  EXPECT_THAT(line.options.listen, testing::ElementsAre("127.0.0.1:3"));
  ASSERT_EQ(line.options.models.size(), 2u);
  setenv("METAGRAPHD_THREADS", "4", 1);
  setenv("METAGRAPHD_LISTEN", "127.0.0.1:4", 1);
  setenv("METAGRAPHD_MODEL", "a=/env", 1);
  line = Parse(text);
  EXPECT_EQ(line.options.threads, 4);
  EXPECT_THAT(line.options.listen, testing::ElementsAre("127.0.0.1:4"));
  ASSERT_EQ(line.options.models.size(), 2u);
  EXPECT_EQ(line.options.models[0].path, "/env");
  EXPECT_EQ(line.options.models[0].mapping.prefix, "");
  EXPECT_EQ(line.options.models[1].path, "/b");
  line = Parse(text, {"--threads=5", "--listen=127.0.0.1:5", "--model=a=/flag",
                      "--watch_graph=false"});
  unsetenv("METAGRAPHD_THREADS");
  unsetenv("METAGRAPHD_LISTEN");
  unsetenv("METAGRAPHD_MODEL");
  EXPECT_EQ(line.options.threads, 5);
  EXPECT_THAT(line.options.listen, testing::ElementsAre("127.0.0.1:5"));
  EXPECT_EQ(line.options.models[0].path, "/flag");
  EXPECT_FALSE(line.options.watch_graph);
  // A flag renames alone.
  EXPECT_EQ(Parse(text, {"--prefix=a:flag/"}).options.models[0].mapping.prefix,
            "flag/");
}

TEST_F(ConfigKeysTest, UnknownKeysAreErrorsWithTheLineAndTheNearest) {
  EXPECT_THAT(Parse("\nlissten: x\n").message,
              testing::HasSubstr("line 2: there is no key \"lissten\"; did you "
                                 "mean \"listen\"?"));
  EXPECT_THAT(
      Parse("models:\n - name: a\n   pth: /a\n").message,
      testing::HasSubstr("line 3: there is no key \"pth\"; did you mean "
                         "\"path\"?"));
  // Flags that are no keys.
  for (const char* flag : {"model", "help", "config", "prefix"}) {
    EXPECT_EQ(Parse(absl::StrCat(flag, ": x\n")).exit_code, 2) << flag;
  }
  EXPECT_EQ(Parse("- a\n").exit_code, 2);
  EXPECT_EQ(Parse("").exit_code, 0);
}

TEST_F(ConfigKeysTest, ModelsAreWholeAndTheirNamesDiffer) {
  const auto says = [&](const char* models, const char* error) {
    EXPECT_THAT(Parse(absl::StrCat("models:\n", models)).message,
                testing::HasSubstr(error));
  };
  says("  - {name: a}\n", "line 2: model \"a\" has no path");
  says("  - {path: /a}\n", "line 2: a model without name");
  says("  - a=/a\n", "line 2: expected a model");
  says("  {name: a}\n", "models: expected a list");
  says("  - {name: a, path: /a}\n  - {name: a, path: /b}\n",
       "line 3: the name \"a\" is used twice");
  says("  - {name: a, path: /a, versions: [1, 2], labels: {stable: 3}}\n",
       "label \"stable\" is for version 3, which is not among its versions");
  EXPECT_EQ(Parse("models:\n - {name: a, path: /a, versions: all}\n")
                .options.models[0]
                .versions.newest,
            VersionPolicy::kAll);
  EXPECT_THAT(Parse("models:\n - {name: a, path: /a, versions: [1, 7]}\n")
                  .options.models[0]
                  .versions.numbers,
              testing::ElementsAre(1, 7));
}

TEST_F(ConfigKeysTest, ChangedSettingsAreNamed) {
  const CommandLine before = Parse("threads: 2\nwatch: 1s\n");
  EXPECT_THAT(ChangedSettings(before, Parse("watch: 1s\nthreads: 2\n")),
              testing::IsEmpty());
  EXPECT_THAT(ChangedSettings(before, Parse("threads: 3\nlisten: 'unix:/x'\n")),
              testing::UnorderedElementsAre("threads", "watch", "listen"));
}

}  // namespace
}  // namespace metagraph
