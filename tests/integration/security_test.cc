// Who may call what, over real connections: listener, credential, role, call.

#include <atomic>
#include <thread>

#include "absl/strings/str_split.h"
#include "glog/logging.h"
#include "grpc/support/log.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/auth_context.h"
#include "server/handshake_log.h"
#include "tests/integration/server_fixture.h"
#include "tests/support/certificates.h"
#include "tests/support/fake_clock.h"

namespace metagraph {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kInferToken[] = "infer-token-0123456789";
constexpr char kInspectToken[] = "inspect-token-0123456789";
constexpr char kAdminToken[] = "admin-token-0123456789";

class Log final : public google::LogSink {
 public:
  Log() { google::AddLogSink(this); }
  ~Log() override { google::RemoveLogSink(this); }
  void send(google::LogSeverity, const char*, const char*, int,
            const google::LogMessageTime&, const char* message,
            size_t size) override {
    MutexLock lock(mu_);
    lines_.emplace_back(message, size);
  }
  std::vector<std::string> lines() {
    MutexLock lock(mu_);
    return lines_;
  }

 private:
  Mutex mu_;
  std::vector<std::string> lines_ GUARDED_BY(mu_);
};

class SecurityTest : public ServerTest {
 protected:
  SecurityTest() : certificates_(dir_) {
    certificates_.MakeRoot("root");
    certificates_.MakeRoot("other-root");
    certificates_.Make("server", "root", "DNS:server.test");
    WriteTokens("");
    AddSeedModel();
  }

  void WriteTokens(const std::string& more) {
    ASSERT_OK(WriteFileAtomically(
        fs(), Path("tokens"),
        absl::StrCat("# who may do what\ninfer ", kInferToken, "\ninspect ",
                     kInspectToken, "\nadmin ", kAdminToken,
                     "\ninfer san:infer.test\nadmin san:ops.test\n", more)));
  }

  // A channel of its own, whose connection no other has.
  static std::shared_ptr<grpc::Channel> Channel(
      const std::string& address,
      const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetSslTargetNameOverride("server.test");
    return grpc::CreateCustomChannel(address, credentials, arguments);
  }
  // "" for a certificate: none.
  std::shared_ptr<grpc::ChannelCredentials> Tls(
      const std::string& certificate) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = *ReadFile(fs(), certificates_.Path("root"));
    if (!certificate.empty()) {
      options.pem_cert_chain = *ReadFile(fs(), certificates_.Path(certificate));
      options.pem_private_key = options.pem_cert_chain;
    }
    return grpc::SslCredentials(options);
  }
  static std::string OnThisMachine(const std::string& address) {
    return "127.0.0.1" + address.substr(address.rfind(':'));
  }
  static void Show(const std::string& token, grpc::ClientContext* context) {
    context->set_deadline(std::chrono::system_clock::now() +
                          std::chrono::seconds(60));
    if (!token.empty()) {
      context->AddMetadata("authorization", "Bearer " + token);
    }
  }
  grpc::Status RunAs(const std::string& token, const v1::RunRequest& request) {
    grpc::ClientContext context;
    Show(token, &context);
    v1::RunResponse response;
    return inference_->Run(&context, request, &response);
  }
  void ConnectTo(const std::shared_ptr<grpc::Channel>& channel) {
    inference_ = v1::Inference::NewStub(channel);
    inspect_ = v1::Inspect::NewStub(channel);
    admin_ = v1::Admin::NewStub(channel);
    session_ = tensorflow::serving::SessionService::NewStub(channel);
    health_ = grpc::health::v1::Health::NewStub(channel);
  }

  Certificates certificates_;
};

enum class How { kClear, kTls, kMutual };

struct Place {
  const char* name;
  const char* address;
  bool admin;   // it is --admin_listen
  bool tokens;  // --tokens is given
  How how;
};
constexpr Place kLoopback = {"loopback", "127.0.0.1:0", false, true,
                             How::kClear};
constexpr Place kLoopbackTls = {"loopback, TLS", "127.0.0.1:0", false, true,
                                How::kTls};
constexpr Place kLoopbackMutual = {"loopback, mTLS", "127.0.0.1:0", false,
                                   false, How::kMutual};
constexpr Place kOpen = {"open", "0.0.0.0:0", false, false, How::kClear};
constexpr Place kOpenTokens = {"open, tokens", "0.0.0.0:0", false, true,
                               How::kClear};
constexpr Place kOpenTls = {"open, tokens, TLS", "0.0.0.0:0", false, true,
                            How::kTls};
constexpr Place kOpenMutual = {"open, mTLS", "0.0.0.0:0", false, false,
                               How::kMutual};
constexpr Place kOpenBoth = {"open, tokens, mTLS", "0.0.0.0:0", false, true,
                             How::kMutual};
constexpr Place kAdminMutual = {"admin, mTLS", "0.0.0.0:0", true, false,
                                How::kMutual};
constexpr Place kAdminTokens = {"admin, tokens, TLS", "0.0.0.0:0", true, true,
                                How::kTls};
constexpr Place kAdminLoopback = {"admin on loopback, tokens", "127.0.0.1:0",
                                  true, true, How::kClear};

struct Row {
  Place place;
  const char* token;
  const char* certificate;
  // A letter for each of Calls(): o OK, u UNAUTHENTICATED, p
  // PERMISSION_DENIED, x no connection.
  const char* outcomes;
};

constexpr char kWrongToken[] = "wrong-token-0123456789";
// Calls: Run, SessionRun, ListModels, Restore, a run that assigns, one that
// saves, health.
constexpr Row kMatrix[] = {
    {kLoopback, "", "", "ooooooo"},
    {kLoopback, kInferToken, "", "ooooooo"},
    {kLoopback, kWrongToken, "", "ooooooo"},
    {kLoopbackTls, "", "", "ooooooo"},

    {kOpen, "", "", "ooopppo"},
    {kOpen, kAdminToken, "", "ooopppo"},

    {kOpenTokens, "", "", "uuuuuuo"},
    {kOpenTokens, kWrongToken, "", "uuuuuuo"},
    {kOpenTokens, kInferToken, "", "ooppppo"},
    {kOpenTokens, kInspectToken, "", "ppopppo"},
    {kOpenTokens, kAdminToken, "", "ooooooo"},

    {kOpenTls, "", "", "uuuuuuo"},
    {kOpenTls, kWrongToken, "", "uuuuuuo"},
    {kOpenTls, kInferToken, "", "ooppppo"},
    {kOpenTls, kInspectToken, "", "ppopppo"},
    {kOpenTls, kAdminToken, "", "ooooooo"},
    // A certificate that nobody asks for says nothing.
    {kOpenTls, "", "ops", "uuuuuuo"},

    // What is wrong with a certificate is wrong for health, too.
    {kOpenMutual, "", "", "uuuuuuu"},
    {kOpenMutual, kAdminToken, "", "uuuuuuu"},
    {kOpenMutual, "", "nobody", "ooopppo"},
    {kOpenMutual, "", "ops", "ooopppo"},
    {kOpenMutual, "", "expired", "uuuuuuu"},
    {kOpenMutual, "", "forged", "uuuuuuu"},
    {kOpenMutual, "", "server-only", "uuuuuuu"},
    {kOpenMutual, "", "other-root", "uuuuuuu"},
    // Who does not have the key is no client at all.
    {kOpenMutual, "", "stolen", "xxxxxxx"},

    {kOpenBoth, "", "", "uuuuuuo"},
    {kOpenBoth, kInferToken, "", "ooppppo"},
    {kOpenBoth, kAdminToken, "", "ooooooo"},
    {kOpenBoth, "", "infer", "ooppppo"},
    {kOpenBoth, "", "ops", "ooooooo"},
    {kOpenBoth, "", "nobody", "uuuuuuo"},
    {kOpenBoth, "", "expired", "uuuuuuu"},
    {kOpenBoth, "", "forged", "uuuuuuu"},
    {kOpenBoth, "", "server-only", "uuuuuuu"},
    {kOpenBoth, kAdminToken, "forged", "uuuuuuu"},
    {kOpenBoth, kAdminToken, "expired", "uuuuuuu"},
    // Together they have the roles of both; a wrong token is wrong anyway.
    {kOpenBoth, kInspectToken, "infer", "ooopppo"},
    {kOpenBoth, kWrongToken, "ops", "uuuuuuo"},

    {kAdminMutual, "", "", "uuuuuuu"},
    {kAdminMutual, "", "nobody", "ooooooo"},
    {kAdminMutual, "", "forged", "uuuuuuu"},
    {kAdminMutual, "", "expired", "uuuuuuu"},

    // Loopback asks for no role, but an address of TLS for its certificates.
    {kLoopbackMutual, "", "", "uuuuuuu"},
    {kLoopbackMutual, "", "nobody", "ooooooo"},
    {kLoopbackMutual, "", "forged", "uuuuuuu"},

    {kAdminTokens, "", "", "uuuuuuo"},
    {kAdminTokens, kInferToken, "", "ooppppo"},
    {kAdminTokens, kAdminToken, "", "ooooooo"},
    {kAdminLoopback, "", "", "ooooooo"},
};

class MatrixTest : public SecurityTest {
 protected:
  MatrixTest() {
    certificates_.Make("infer", "root", "DNS:infer.test");
    certificates_.Make("ops", "root", "DNS:unknown.test,DNS:ops.test");
    certificates_.Make("nobody", "root", "DNS:nobody.test");
    certificates_.Make("expired", "root", "DNS:ops.test", -1);
    certificates_.Make("forged", "other-root", "DNS:ops.test");
    certificates_.Make("server-only", "root", "DNS:ops.test", 2,
                       "extendedKeyUsage=serverAuth");
    certificates_.Steal("stolen", "ops", "nobody");
  }

  void StartAt(const Place& place) {
    server_.reset();
    options_.tls = {};
    if (place.how != How::kClear) {
      options_.tls.cert = options_.tls.key = certificates_.Path("server");
    }
    if (place.how == How::kMutual) {
      options_.tls.client_ca = certificates_.Path("root");
    }
    options_.tokens = place.tokens ? Path("tokens") : "";
    options_.listen = {place.admin ? "127.0.0.1:0" : place.address};
    options_.admin_listen = place.admin ? place.address : "";
    auto started = Server::Start(options_, platform_);
    ASSERT_OK(started);
    server_ = *std::move(started);
    address_ = OnThisMachine(place.admin ? server_->admin_address()
                                         : server_->addresses()[0]);
  }

  // The letter of each call, as in Row.
  std::string Outcomes(const std::string& token) {
    v1::RunRequest assigns;
    assigns.set_model("seed");
    assigns.add_target("save/restore_all");
    auto* feed = assigns.add_feed();
    feed->set_name("save/Const:0");
    TensorToProto(Tensor::Scalar<std::string>(Path("seed/model")),
                  feed->mutable_tensor());
    v1::RunRequest saves = assigns;
    saves.clear_target();
    saves.add_fetch("save/control_dependency:0");
    TensorToProto(Tensor::Scalar<std::string>(Path("seed/saved")),
                  saves.mutable_feed(0)->mutable_tensor());
    std::string out;
    Add(RunAs(token, SeedRun()), &out);
    {
      grpc::ClientContext context;
      Show(token, &context);
      tensorflow::serving::SessionRunRequest request;
      request.mutable_model_spec()->set_name("seed");
      *request.add_feed() = SeedRun().feed(0);
      request.add_fetch("add1:0");
      tensorflow::serving::SessionRunResponse response;
      Add(session_->SessionRun(&context, request, &response), &out);
    }
    {
      grpc::ClientContext context;
      Show(token, &context);
      v1::ListModelsResponse response;
      Add(inspect_->ListModels(&context, {}, &response), &out);
    }
    {
      grpc::ClientContext context;
      Show(token, &context);
      v1::RestoreRequest request;
      request.set_model("seed");
      const auto reader = admin_->Restore(&context, request);
      v1::RestoreResponse response;
      while (reader->Read(&response)) {
      }
      Add(reader->Finish(), &out);
    }
    Add(RunAs(token, assigns), &out);
    Add(RunAs(token, saves), &out);
    {
      grpc::ClientContext context;
      Show(token, &context);
      grpc::health::v1::HealthCheckResponse response;
      Add(health_->Check(&context, {}, &response), &out);
    }
    return out;
  }
  static void Add(const grpc::Status& status, std::string* out) {
    switch (status.error_code()) {
      case grpc::StatusCode::OK:
        out->push_back('o');
        return;
      case grpc::StatusCode::UNAUTHENTICATED:
        out->push_back('u');
        return;
      case grpc::StatusCode::PERMISSION_DENIED:
        out->push_back('p');
        return;
      case grpc::StatusCode::UNAVAILABLE:
        out->push_back('x');
        return;
      default:
        *out += "(" + status.error_message() + ")";
    }
  }

  Platform platform_ = Platform::Real();
  std::string address_;
};

TEST_F(MatrixTest, EachCallerGetsWhatItsRolesAllow) {
  const char* running = "";
  for (const Row& row : kMatrix) {
    SCOPED_TRACE(std::string(row.place.name) + ", token \"" + row.token +
                 "\", certificate \"" + row.certificate + "\"");
    if (std::string(running) != row.place.name) {
      ASSERT_NO_FATAL_FAILURE(StartAt(row.place));
      running = row.place.name;
    }
    ConnectTo(Channel(address_, row.place.how == How::kClear
                                    ? grpc::InsecureChannelCredentials()
                                    : Tls(row.certificate)));
    EXPECT_EQ(Outcomes(row.token), row.outcomes);
  }
}

TEST_F(MatrixTest, WhatMayNotBeWrittenIsNot) {
  ASSERT_NO_FATAL_FAILURE(StartAt(kOpenTokens));
  ConnectTo(Channel(address_, grpc::InsecureChannelCredentials()));
  EXPECT_EQ(Outcomes(kInferToken), "ooppppo");
  EXPECT_FALSE(fs().Stat(Path("seed/saved.index")).ok());
  EXPECT_EQ(Outcomes(kAdminToken), "ooooooo");
  EXPECT_OK(fs().Stat(Path("seed/saved.index")));
  // What is compiled by now is refused as well.
  EXPECT_EQ(Outcomes(kInferToken), "ooppppo");
}

TEST_F(MatrixTest, TheClearAndTlsDoNotTalk) {
  ASSERT_NO_FATAL_FAILURE(StartAt(kOpenTls));
  ConnectTo(Channel(address_, grpc::InsecureChannelCredentials()));
  EXPECT_EQ(RunAs(kAdminToken, SeedRun()).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  // Nor does a client trust a server whose root it does not know.
  grpc::SslCredentialsOptions stranger;
  stranger.pem_root_certs = *ReadFile(fs(), certificates_.Path("other-root"));
  ConnectTo(Channel(address_, grpc::SslCredentials(stranger)));
  EXPECT_EQ(RunAs(kAdminToken, SeedRun()).error_code(),
            grpc::StatusCode::UNAVAILABLE);

  ASSERT_NO_FATAL_FAILURE(StartAt(kOpenTokens));
  ConnectTo(Channel(address_, Tls("")));
  EXPECT_EQ(RunAs(kAdminToken, SeedRun()).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(MatrixTest, ARefusalIsOneLineAndTellsTheCallerNothing) {
  std::string log;
  platform_.write_log = [&log](absl::string_view lines) {
    log.append(lines.data(), lines.size());
  };
  ASSERT_NO_FATAL_FAILURE(StartAt(kOpenTokens));
  ConnectTo(Channel(address_, grpc::InsecureChannelCredentials()));
  const grpc::Status missing = RunAs("", SeedRun());
  const grpc::Status wrong = RunAs(kWrongToken, SeedRun());
  EXPECT_EQ(missing.error_message(), wrong.error_message());
  EXPECT_EQ(wrong.error_details(), "");
  const grpc::Status role = RunAs(kInspectToken, SeedRun());
  EXPECT_THAT(role.error_message(), Not(HasSubstr("infer")));
  server_.reset();  // writes what it has still to tell
  const std::vector<std::string> lines =
      absl::StrSplit(log, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0], HasSubstr("neither token nor certificate"));
  EXPECT_THAT(lines[1], HasSubstr("the token is not known"));
  EXPECT_THAT(lines[2], HasSubstr("the role is not given"));
  for (const std::string& line : lines) {
    EXPECT_THAT(line, HasSubstr("metagraph.v1.Inference/Run from ipv4:"));
    EXPECT_THAT(line, Not(HasSubstr("token-0123456789")));
  }
}

TEST_F(MatrixTest, ACertificateIsRefusedAsATokenIs) {
  ASSERT_NO_FATAL_FAILURE(StartAt(kOpenBoth));
  ConnectTo(Channel(address_, Tls("")));
  const grpc::Status token = RunAs(kWrongToken, SeedRun());
  for (const char* wrong : {"expired", "forged"}) {
    ConnectTo(Channel(address_, Tls(wrong)));
    const grpc::Status status = RunAs("", SeedRun());
    EXPECT_EQ(status.error_code(), token.error_code());
    EXPECT_EQ(status.error_message(), token.error_message());
    EXPECT_EQ(status.error_details(), "");
  }
}

TEST_F(MatrixTest, ARefusedCertificateIsALine) {
  ASSERT_NO_FATAL_FAILURE(StartAt(kOpenMutual));
  ConnectTo(Channel(address_, Tls("expired")));
  Log log;
  EXPECT_EQ(RunAs("", SeedRun()).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_THAT(log.lines(), testing::ElementsAre(testing::AllOf(
                               HasSubstr("/metagraph.v1.Inference/Run"),
                               HasSubstr("CN=expired"), HasSubstr("CN=root"),
                               HasSubstr("certificate has expired"))));
}

TEST_F(MatrixTest, ACertificateThatExpiresEndsItsConnectionsCalls) {
  FakeClock clock;
  clock.Advance(Clock::Real().Now() - clock.Now());
  options_.listen = {"0.0.0.0:0"};
  options_.tls = {certificates_.Path("server"), certificates_.Path("server"),
                  certificates_.Path("root")};
  platform_.clock = &clock;
  auto started = Server::Start(options_, platform_);
  ASSERT_OK(started);
  server_ = *std::move(started);
  ConnectTo(Channel(OnThisMachine(server_->addresses()[0]), Tls("ops")));
  EXPECT_TRUE(RunAs("", SeedRun()).ok());
  clock.Advance(absl::Hours(3 * 24));
  EXPECT_EQ(RunAs("", SeedRun()).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  server_.reset();  // before its clock
}

TEST_F(MatrixTest, AConnectionThatFailsIsALine) {
  ASSERT_NO_FATAL_FAILURE(StartAt(kOpenMutual));
  ConnectTo(Channel(address_, grpc::InsecureChannelCredentials()));
  LogFailedHandshakes();
  Log log;
  EXPECT_EQ(RunAs("", SeedRun()).error_code(), grpc::StatusCode::UNAVAILABLE);
  server_.reset();
  gpr_set_log_function(nullptr);
  EXPECT_THAT(log.lines(), testing::Contains(testing::AllOf(
                               HasSubstr("failed in its TLS handshake"),
                               HasSubstr("wrong version number"))));
}

TEST_F(SecurityTest, RotationLosesNoCall) {
  options_.listen = {"0.0.0.0:0"};
  options_.tls.cert = options_.tls.key = certificates_.Path("server");
  options_.tokens = Path("tokens");
  auto started = Server::Start(options_, Platform::Real());
  ASSERT_OK(started);
  server_ = *std::move(started);
  const std::string address = OnThisMachine(server_->addresses()[0]);
  const auto tls = Tls("");

  std::atomic<const char*> token = kInferToken;
  std::atomic<bool> done = false;
  std::atomic<int64_t> calls = 0;
  std::atomic<int64_t> failed = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&, renews = i % 2 == 0] {
      auto stub = v1::Inference::NewStub(Channel(address, tls));
      while (!done) {
        if (renews) stub = v1::Inference::NewStub(Channel(address, tls));
        grpc::ClientContext context;
        Show(token.load(), &context);
        v1::RunResponse response;
        if (!stub->Run(&context, SeedRun(), &response).ok()) ++failed;
        ++calls;
      }
    });
  }
  // What a new connection meets: the certificate, or "" if the token is wrong.
  const auto probe = [&](const char* shown) -> std::string {
    auto stub = v1::Inference::NewStub(Channel(address, tls));
    grpc::ClientContext context;
    Show(shown, &context);
    v1::RunResponse response;
    if (!stub->Run(&context, SeedRun(), &response).ok()) return "";
    const auto found = context.auth_context()->FindPropertyValues(
        GRPC_X509_PEM_CERT_PROPERTY_NAME);
    return found.empty() ? "?" : std::string(found[0].data(), found[0].size());
  };
  constexpr int kMaxProbes = 100'000;
  constexpr char kNewToken[] = "new-infer-token-0123456789";
  const std::string first = probe(kInferToken);
  EXPECT_THAT(first, HasSubstr("BEGIN CERTIFICATE"));

  // Certificate and key in one file change at once.
  certificates_.Make("next", "root", "DNS:server.test");
  ASSERT_OK(
      fs().Rename(certificates_.Path("next"), certificates_.Path("server")));
  int probes = 0;
  while (probe(kInferToken) == first && ++probes < kMaxProbes) {
  }
  EXPECT_LT(probes, kMaxProbes);

  // Tokens: the new one is added, taken up, and the old one goes.
  WriteTokens(absl::StrCat("infer ", kNewToken, "\n"));
  while (probe(kNewToken).empty() && ++probes < kMaxProbes) {
  }
  token = kNewToken;
  // Callers have begun a call with the new one each.
  const int64_t before = calls;
  while (calls < before + 100) std::this_thread::yield();
  // A file that is being written wrongly changes nothing.
  ASSERT_OK(WriteFileAtomically(fs(), Path("tokens"), "infer\n"));
  const int64_t wrong = calls;
  while (calls < wrong + 1000) std::this_thread::yield();
  ASSERT_OK(WriteFileAtomically(fs(), Path("tokens"),
                                absl::StrCat("infer ", kNewToken, "\n")));
  while (!probe(kInferToken).empty() && ++probes < kMaxProbes) {
  }
  EXPECT_LT(probes, kMaxProbes);
  EXPECT_FALSE(probe(kNewToken).empty());
  done = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
  EXPECT_GT(calls, 1000);
}

// What a call with an empty message is answered.
grpc::StatusCode CodeOf(const std::string& address, const std::string& method) {
  grpc::GenericStub stub(
      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::Slice nothing;
  const grpc::ByteBuffer message(&nothing, 1);
  const auto call = stub.PrepareUnaryCall(&context, method, message, &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  call->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status.error_code();
}

TEST_F(SecurityTest, ReflectionAndChannelzHaveSwitches) {
  const std::string reflection =
      "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo";
  const std::string channelz = "/grpc.channelz.v1.Channelz/GetTopChannels";
  constexpr auto kOff = grpc::StatusCode::UNIMPLEMENTED;
  options_.listen = {"127.0.0.1:0", "0.0.0.0:0"};
  // Once on, channelz's part stays in the process: a listener must drop it.
  for (const bool on : {false, true, false}) {
    options_.reflection = on;
    options_.channelz = on;
    Start();
    const std::string local = server_->addresses()[0];
    const std::string open = OnThisMachine(server_->addresses()[1]);
    EXPECT_EQ(CodeOf(local, reflection) == kOff, !on);
    EXPECT_EQ(CodeOf(open, reflection) == kOff, !on);
    EXPECT_EQ(CodeOf(local, channelz), on ? grpc::StatusCode::OK : kOff);
    EXPECT_EQ(CodeOf(open, channelz), kOff);
    server_.reset();
  }
}

TEST_F(SecurityTest, ChannelzIsNotWhereCallersHaveRoles) {
  const std::string channelz = "/grpc.channelz.v1.Channelz/GetTopChannels";
  options_.channelz = true;
  options_.admin_listen = "0.0.0.0:0";
  for (const bool roles : {false, true}) {
    options_.tokens = roles ? Path("tokens") : "";
    Start();
    EXPECT_EQ(CodeOf(OnThisMachine(server_->admin_address()), channelz),
              roles ? grpc::StatusCode::UNIMPLEMENTED : grpc::StatusCode::OK);
    EXPECT_EQ(CodeOf(server_->addresses()[0], channelz), grpc::StatusCode::OK);
    server_.reset();
  }
}

TEST_F(SecurityTest, ListenersHaveTheirOwnCertificates) {
  options_.listen = {"127.0.0.1:0", "localhost:0"};
  options_.tls.cert = options_.tls.key = certificates_.Path("server");
  options_.listener_tls["127.0.0.1:0"] = {};
  auto started = Server::Start(options_, Platform::Real());
  ASSERT_OK(started);
  server_ = *std::move(started);
  ConnectTo(
      Channel(server_->addresses()[0], grpc::InsecureChannelCredentials()));
  EXPECT_TRUE(RunAs("", SeedRun()).ok());
  ConnectTo(Channel(server_->addresses()[1], Tls("")));
  EXPECT_TRUE(RunAs("", SeedRun()).ok());
}

TEST_F(SecurityTest, StartTellsWhichFileIsWrong) {
  const auto start = [&](TlsFiles tls) {
    options_.tls = std::move(tls);
    return Server::Start(options_, Platform::Real()).status();
  };
  const std::string good = certificates_.Path("server");
  EXPECT_THAT(start({Path("none.pem"), good, ""}),
              HasCode(absl::StatusCode::kNotFound, "--tls_cert: "));
  EXPECT_THAT(
      start({Path("tokens"), good, ""}),
      HasCode(absl::StatusCode::kInvalidArgument, "holds no certificate"));
  EXPECT_THAT(
      start({good, Path("root.crt"), ""}),
      HasCode(absl::StatusCode::kInvalidArgument, "holds no private key"));
  EXPECT_THAT(start({good, Path("root.key"), ""}),
              HasCode(absl::StatusCode::kInvalidArgument, "is not the key of"));
  EXPECT_THAT(start({good, good, Path("root.key")}),
              HasCode(absl::StatusCode::kInvalidArgument, "--tls_client_ca"));
  options_.tokens = Path("none");
  EXPECT_THAT(start({}), HasCode(absl::StatusCode::kNotFound, "--tokens"));
}

}  // namespace
}  // namespace metagraph
