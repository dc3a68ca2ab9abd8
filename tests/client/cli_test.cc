#include "client/cli.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "client/error_text.h"
#include "client/npy.h"
#include "core/base/error_details.h"
#include "core/tensor/tensor_proto.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/fake_backend.h"

namespace metagraph {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class CliTest : public testing::Test {
 protected:
  CliTest() {
    // The seed model: W3 is a float placeholder, add1 = W1 + W2 + W3.
    fake_.on_ListTensors.answer = [](const v1::ListTensorsRequest& request)
        -> absl::StatusOr<v1::ListTensorsResponse> {
      v1::ListTensorsResponse response;
      for (const std::string& name : request.names()) {
        if (name != "W3:0" && name != "W3") {
          absl::Status status = absl::NotFoundError("no tensor " + name);
          return WithDetails(status, {{"nearest", "W3:0"}});
        }
        v1::TensorDescription* tensor = response.add_tensors();
        tensor->set_name("W3:0");
        tensor->set_dtype(tensorflow::DT_FLOAT);
        tensor->set_op("Placeholder");
        tensor->set_runnable(true);
        tensor->add_roles(v1::TENSOR_ROLE_PLACEHOLDER);
        tensor->mutable_shape()->add_dim()->set_size(4);
      }
      return response;
    };
    fake_.on_Run.answer = [](const v1::RunRequest& request) {
      v1::RunResponse response;
      for (const std::string& fetch : request.fetch()) {
        tensorflow::NamedTensorProto* tensor = response.add_tensor();
        tensor->set_name(fetch);
        TensorToProto(Tensor::Vector<float>({5, 9, 15, 37}),
                      tensor->mutable_tensor());
      }
      response.set_generation(3);
      response.set_checkpoint("/models/add/model-20");
      response.set_global_step(20);
      return response;
    };
  }

  int Ctl(std::vector<std::string> arguments);

  std::string out() const { return out_.str(); }
  std::string err() const { return err_.str(); }

  FakeBackend fake_;
  std::stringstream in_, out_, err_;
  Console console_{in_, out_, err_};
  BackendOptions options_;  // that the last command line led to
};

int CliTest::Ctl(std::vector<std::string> arguments) {
  out_.str("");
  err_.str("");
  return RunCli(std::move(arguments), console_,
                [this](const BackendOptions& options)
                    -> absl::StatusOr<std::shared_ptr<Backend>> {
                  options_ = options;
                  return std::shared_ptr<Backend>(std::shared_ptr<void>(),
                                                  &fake_);  // not owned
                });
}

// --- command line ---------------------------------------------------------

TEST_F(CliTest, HelpAndVersionSucceed) {
  EXPECT_EQ(Ctl({"--help"}), 0);
  EXPECT_THAT(out(), HasSubstr("restore"));
  EXPECT_EQ(Ctl({"run", "--help"}), 0);
  EXPECT_THAT(out(), HasSubstr("--feed"));
  EXPECT_EQ(Ctl({"--version"}), 0);
  EXPECT_THAT(out(), StartsWith("metagraphctl "));
}

TEST_F(CliTest, WrongUsageIsTwoAndGoesToStandardError) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{
           {},
           {"fly"},
           {"run"},
           {"run", "add"},
           {"run", "add", "--fetch"},
           {"run", "add", "--fetch", "add1:0", "--no-such-flag"},
           {"run", "add", "--fetch", "add1:0", "--output", "xml"},
           {"run", "add", "--fetch", "add1:0", "--feed", "W3:0"},
           {"run", "add", "--fetch", "add1:0", "--feed", "=1"},
           {"run", "add@", "--fetch", "add1:0"},
           {"run", "add@-1", "--fetch", "add1:0"},
           {"models", "--output", "npy"},
           {"models", "--timeout", "-1"},
           {"tensors", "add", "--role", "king"},
           {"show", "add", "--skip-missing"},
           {"--prefix", "model/", "show", "add"},
           {"save", "add", "--global-step", "1", "--no-global-step"},
           {"init", "add", "W1", "--all"},
           {"read", "add", "W1", "--slice", "1"},
           {"read", "add", "W1", "--slice", "3:1"},
           {"--local", "/models/add", "restore"},
           {"--local", "/models/add", "models"}}) {
    EXPECT_EQ(Ctl(arguments), 2) << testing::PrintToString(arguments);
    EXPECT_THAT(err(), Not(IsEmpty())) << testing::PrintToString(arguments);
    EXPECT_THAT(out(), IsEmpty()) << testing::PrintToString(arguments);
  }
}

TEST_F(CliTest, SaysWhatIsWrongInItsOwnWords) {
  const auto says = [&](std::vector<std::string> arguments) {
    EXPECT_EQ(Ctl(arguments), 2) << testing::PrintToString(arguments);
    EXPECT_THAT(out(), IsEmpty());
    for (const char* raw : {"Value", "not in range", "Could not convert",
                            "required", "POSITIVE", "TEXT", "-->"}) {
      EXPECT_THAT(err(), Not(HasSubstr(raw)));
    }
    return err();
  };
  EXPECT_EQ(says({"watch", "--count", "0"}),
            "metagraphctl: --count: expected a whole number of at least 1, "
            "found \"0\"; see metagraphctl watch --help\n");
  EXPECT_THAT(says({"tensors", "add", "--role", "foo"}),
              HasSubstr("--role: expected placeholder, variable, leaf or "
                        "constant, found \"foo\""));
  EXPECT_THAT(says({"tensors", "add", "--rloe", "leaf"}),
              AllOf(HasSubstr("no flag --rloe; did you mean"),
                    HasSubstr("\"--role\"")));
  EXPECT_THAT(says({"models", "--sever", "x"}),
              HasSubstr("did you mean \"--server\"?"));
  EXPECT_THAT(says({"models", "add"}),
              HasSubstr("one argument too many: \"add\""));
  EXPECT_THAT(says({}), HasSubstr("no verb is given"));
  EXPECT_THAT(says({"tensors"}), HasSubstr("MODEL is missing"));
  EXPECT_THAT(says({"unload"}), HasSubstr("MODEL is missing"));
  EXPECT_THAT(says({"load", "add"}), HasSubstr("DIRECTORY is missing"));
  EXPECT_THAT(says({"--local", "/m", "show", "add"}),
              HasSubstr("with --local there is no MODEL"));
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{
           {"models", "--timeout", "soon"},
           {"models", "--server", ""},
           {"models", "--local", ""},
           {"models", "--output", "xml"},
           {"tensors", "add", "--limit", "-1"},
           {"tensors", "add", "--limit", "many"},
           {"read", "add", "--generation", "x"},
           {"read", "add", "--generation"},
           {"graph", "add", "--format", "svg"},
           {"graph", "add", "--format", "dot", "--output", "json"},
           {"rollback", "add", "x"},
           {"restore", "add", "--expected-generation", "x"},
           {"save", "add", "--global-step", "1e9"},
           {"save", "add", "--keep", "-2"},
           {"save", "add", "--keep", "99999999999"},
           {"save", "add", "--shards", "0"},
           {"run", "add", "--fetch", "x", "--limit-ms", "5s"},
           {"bench", "add", "--fetch", "x", "--runs", "0"},
           {"bench", "add", "--fetch", "x", "--callers", "2000"},
           {"watch", "--count", "99999999999999999999"},
           {"init", "add", "--yes=perhaps"},
           {"watch", "--count", "1", "--count", "2"}}) {
    says(wrong);
  }
}

TEST_F(CliTest, TimesTakeUnits) {
  fake_.on_ListModels.answer = [](const auto&) {
    return v1::ListModelsResponse();
  };
  EXPECT_EQ(Ctl({"models", "--timeout", "1500ms"}), 0) << err();
  EXPECT_EQ(options_.timeout, absl::Milliseconds(1500));
  EXPECT_EQ(Ctl({"models", "--timeout", "2"}), 0) << err();
  EXPECT_EQ(options_.timeout, absl::Seconds(2));
}

TEST_F(CliTest, HelpAsksForAModelOnlyWhereThereMustBeOne) {
  EXPECT_EQ(Ctl({"tensors", "--help"}), 0);
  EXPECT_THAT(out(), HasSubstr("with --local"));
  EXPECT_THAT(out(), Not(HasSubstr("REQUIRED")));
  EXPECT_EQ(Ctl({"--local", "/models/add", "tensors", "--help"}), 0);
  EXPECT_THAT(out(), Not(HasSubstr("MODEL ")));
  EXPECT_EQ(Ctl({"restore", "--help"}), 0);
  EXPECT_THAT(out(), HasSubstr("REQUIRED"));
}

TEST_F(CliTest, WhatIsOpenedLocallyGoesByItsPath) {
  EXPECT_EQ(Ctl({"--local", "/models/add@2", "tensors", "W3:0"}), 0);
  EXPECT_EQ(fake_.on_ListTensors.requests.back().model(), "/models/add@2");
}

TEST_F(CliTest, UnknownVerbsAreNamed) {
  EXPECT_EQ(Ctl({"--output", "json", "rum", "add"}), 2);
  EXPECT_THAT(err(), HasSubstr("there is no verb \"rum\"; did you mean "
                               "\"run\""));
}

TEST_F(CliTest, ServerAndTimeoutMayStandBeforeOrBehindTheVerb) {
  EXPECT_EQ(Ctl({"--server", "unix:/run/mg", "run", "add", "--fetch", "a:0"}),
            0);
  EXPECT_EQ(options_.connection.server, "unix:/run/mg");
  EXPECT_EQ(options_.timeout, absl::InfiniteDuration());
  EXPECT_EQ(Ctl({"run", "add", "--fetch", "a:0", "--server", "host:1",
                 "--timeout=2.5"}),
            0);
  EXPECT_EQ(options_.connection.server, "host:1");
  EXPECT_EQ(options_.timeout, absl::Milliseconds(2500));
}

TEST_F(CliTest, SaysHowToConnect) {
  EXPECT_EQ(Ctl({"run", "add", "--fetch", "a:0"}), 0);
  EXPECT_FALSE(options_.connection.wants_tls());
  EXPECT_EQ(Ctl({"--tls", "run", "add", "--fetch", "a:0"}), 0);
  EXPECT_TRUE(options_.connection.wants_tls());
  EXPECT_EQ(Ctl({"run", "add", "--fetch", "a:0", "--tls-ca=r", "--tls-cert",
                 "c", "--tls_key=k", "--tls-name", "n", "--token-file=t"}),
            0);
  const ConnectionOptions& found = options_.connection;
  EXPECT_TRUE(found.wants_tls());
  EXPECT_EQ(found.tls_ca, "r");
  EXPECT_EQ(found.tls_cert, "c");
  EXPECT_EQ(found.tls_key, "k");
  EXPECT_EQ(found.tls_name, "n");
  EXPECT_EQ(found.token_file, "t");
}

TEST_F(CliTest, UnderscoresInFlagsAreHyphens) {
  EXPECT_EQ(Ctl({"run", "add", "--fetch", "a_b:0", "--limit_ms=7"}), 0);
  EXPECT_EQ(fake_.on_Run.requests.at(0).timeout_ms(), 7);
  EXPECT_EQ(fake_.on_Run.requests.at(0).fetch(0), "a_b:0");
}

TEST_F(CliTest, ModelsMayNameAVersion) {
  EXPECT_EQ(Ctl({"run", "add@12", "--target", "train"}), 0);
  EXPECT_EQ(fake_.on_Run.requests.at(0).model(), "add");
  EXPECT_EQ(fake_.on_Run.requests.at(0).version(), 12);
}

TEST_F(CliTest, LocalTakesNoModelArgument) {
  EXPECT_EQ(Ctl({"--local", "/models/add", "tensors", "W3:0"}), 0);
  EXPECT_EQ(options_.local, "/models/add");
  EXPECT_THAT(fake_.on_ListTensors.requests.at(0).names(), ElementsAre("W3:0"));
}

TEST_F(CliTest, AFailedCallIsOneWithCodeAndNearestNames) {
  EXPECT_EQ(Ctl({"run", "add", "--fetch", "add1:0", "--feed", "W4:0=[1]"}), 1);
  EXPECT_EQ(err(),
            "metagraphctl: NOT_FOUND: no tensor W4:0\n"
            "  nearest: W3:0\n");
  EXPECT_THAT(out(), IsEmpty());
}

TEST_F(CliTest, AnAbsentServerIsNamed) {
  fake_.on_ListModels.answer = [](const auto&) {
    return absl::UnavailableError("connection refused");
  };
  EXPECT_EQ(Ctl({"models", "--server", "host:9"}), 1);
  EXPECT_THAT(err(), HasSubstr("UNAVAILABLE: connection refused"));
  EXPECT_THAT(err(), HasSubstr("host:9"));
}

// --- run --------------------------------------------------------------------

TEST_F(CliTest, RunFeedsJsonAsTheTypeThatTheTensorWants) {
  EXPECT_EQ(
      Ctl({"run", "add", "--feed", "W3:0=[1,2,3,4]", "--fetch", "add1:0"}), 0)
      << err();
  const v1::RunRequest& request = fake_.on_Run.requests.at(0);
  ASSERT_EQ(request.feed_size(), 1);
  const auto fed = TensorFromProto(request.feed(0).tensor());
  ASSERT_TRUE(fed.ok()) << fed.status();
  EXPECT_EQ(request.feed(0).name(), "W3:0");
  EXPECT_THAT(fed->values<float>(), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(out(), "add1:0\tfloat [4]\t[5, 9, 15, 37]\n");
}

TEST_F(CliTest, RunTakesFeedsAndFetchesRepeatedly) {
  EXPECT_EQ(Ctl({"run", "--fetch", "b:0", "--fetch", "a:0", "--target", "t",
                 "add", "--target=u", "--generation", "4"}),
            0)
      << err();
  const v1::RunRequest& request = fake_.on_Run.requests.at(0);
  EXPECT_EQ(request.model(), "add");
  EXPECT_THAT(request.fetch(), ElementsAre("b:0", "a:0"));
  EXPECT_THAT(request.target(), ElementsAre("t", "u"));
  EXPECT_EQ(request.generation(), 4);
  // Nothing fed, nothing asked.
  EXPECT_THAT(fake_.on_ListTensors.requests, IsEmpty());
}

TEST_F(CliTest, RunPrintsJsonForPrograms) {
  EXPECT_EQ(Ctl({"run", "add", "--fetch", "add1:0", "--output", "json"}), 0);
  EXPECT_EQ(out(),
            "{\"tensors\":[{\"name\":\"add1:0\",\"dtype\":\"float\","
            "\"shape\":[4],\"value\":[5,9,15,37]}],\"generation\":3,"
            "\"checkpoint\":\"/models/add/model-20\",\"global_step\":20}\n");
}

TEST_F(CliTest, RunReadsAndWritesNpy) {
  const auto npy = TensorToNpy(Tensor::Vector<double>({1, 2, 3, 4}));
  ASSERT_TRUE(npy.ok());
  in_.str(*npy);
  EXPECT_EQ(Ctl({"run", "add", "--feed", "W3:0=@-", "--fetch", "add1:0",
                 "--output", "npy"}),
            0)
      << err();
  // NumPy's doubles have become the floats that are wanted.
  EXPECT_EQ(fake_.on_Run.requests.at(0).feed(0).tensor().dtype(),
            tensorflow::DT_FLOAT);
  const auto answer = TensorFromNpy(out());
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_THAT(answer->values<float>(), ElementsAre(5, 9, 15, 37));
}

TEST_F(CliTest, RunWritesSeveralNpyFilesToAFolder) {
  EXPECT_EQ(Ctl({"run", "add", "--fetch", "a:0", "--fetch", "b:0", "--output",
                 "npy"}),
            2);
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / "cli_test_npy";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  EXPECT_EQ(Ctl({"run", "add", "--fetch", "../a:0", "--fetch", "b:0",
                 "--output", "npy", "--to", folder.string()}),
            0)
      << err();
  EXPECT_TRUE(std::filesystem::exists(folder / ".._a_0.npy"));
  EXPECT_TRUE(std::filesystem::exists(folder / "b_0.npy"));
}

TEST_F(CliTest, RunRefusesBadFeedsBeforeItRuns) {
  in_.str("[1,2,3,4]");
  for (const std::vector<std::string>& feeds :
       std::vector<std::vector<std::string>>{{"W3:0=[1,2"},
                                             {"W3:0=[1,\"x\"]"},
                                             {"W3:0=[1]", "W3:0=[2]"},
                                             {"W3:0=@-", "W3=@-"}}) {
    std::vector<std::string> arguments = {"run", "add", "--fetch", "a:0"};
    for (const std::string& feed : feeds) {
      arguments.push_back("--feed");
      arguments.push_back(feed);
    }
    EXPECT_EQ(Ctl(arguments), 2) << testing::PrintToString(feeds);
  }
  EXPECT_EQ(Ctl({"run", "add", "--fetch", "a:0", "--feed", "W3:0=@/no/file"}),
            1);
  EXPECT_THAT(err(), HasSubstr("NOT_FOUND: feed \"W3:0\": /no/file"));
  EXPECT_EQ(Ctl({"run", "add", "--fetch", "a:0", "--feed", "W3:0=@/tmp"}), 1);
  EXPECT_THAT(fake_.on_Run.requests, IsEmpty());
}

TEST_F(CliTest, BenchCountsItsRuns) {
  EXPECT_EQ(Ctl({"bench", "add", "--fetch", "a:0", "--runs", "5", "--output",
                 "json"}),
            0)
      << err();
  EXPECT_EQ(fake_.on_Run.requests.size(), 6u);  // one to warm up
  EXPECT_THAT(out(), HasSubstr("\"runs\":5,"));
}

TEST_F(CliTest, ExplainTakesNamesOfFeeds) {
  fake_.on_Explain.answer = [](const auto&) {
    v1::ExplainResponse response;
    response.set_code(3);
    response.set_error("placeholder W3 is not fed");
    response.add_missing_feeds()->set_name("W3:0");
    return response;
  };
  EXPECT_EQ(Ctl({"explain", "add", "--feed", "x:0=[1]", "--feed", "y:0",
                 "--fetch", "add1:0"}),
            0)
      << err();
  EXPECT_THAT(fake_.on_Explain.requests.at(0).feed(),
              ElementsAre("x:0", "y:0"));
  EXPECT_THAT(out(), HasSubstr("missing feed\tW3:0"));
  EXPECT_THAT(out(), HasSubstr("INVALID_ARGUMENT: placeholder W3"));
}

// --- looking ----------------------------------------------------------------

TEST_F(CliTest, ModelsIsATableOnATerminalAndLinesInAPipe) {
  fake_.on_ListModels.answer = [](const auto&) {
    v1::ListModelsResponse response;
    v1::Model* model = response.add_models();
    model->set_name("add");
    model->set_state(v1::MODEL_STATE_AVAILABLE);
    model->set_generation(2);
    model->set_checkpoint("model-20");
    return response;
  };
  EXPECT_EQ(Ctl({"models"}), 0);
  EXPECT_EQ(out(), "add\t0\tAVAILABLE\t2\t-\t0 B\tmodel-20\t-\t-\n");
  console_.out_is_terminal = true;
  EXPECT_EQ(Ctl({"models"}), 0);
  EXPECT_THAT(out(), StartsWith("MODEL  VERSION  STATE"));
  console_.out_is_terminal = false;
  EXPECT_EQ(Ctl({"models", "--output", "json"}), 0);
  EXPECT_THAT(out(), HasSubstr("\"name\":\"add\""));
  EXPECT_THAT(out(), HasSubstr("\"graph_version\":\"0\""));
}

TEST_F(CliTest, ModelsAndShowSayWhatIsWrongOrAwaited) {
  v1::Model failed;
  failed.set_name("bad");
  failed.set_state(v1::MODEL_STATE_FAILED);
  failed.set_error("no graph");
  v1::Model waiting;
  waiting.set_name("good");
  waiting.set_state(v1::MODEL_STATE_AVAILABLE);
  waiting.set_checkpoint("model-20");
  waiting.set_awaited("version 2 is not whole yet");
  waiting.add_labels("canary");
  waiting.add_labels("stable");
  fake_.on_ListModels.answer = [&](const auto&) {
    v1::ListModelsResponse response;
    *response.add_models() = failed;
    *response.add_models() = waiting;
    return response;
  };
  EXPECT_EQ(Ctl({"models"}), 0);
  EXPECT_EQ(out(),
            "bad\t0\tFAILED\t0\t-\t0 B\t\tno graph\t-\n"
            "good\t0\tAVAILABLE\t0\t-\t0 B\tmodel-20\t"
            "version 2 is not whole yet\tcanary, stable\n");
  fake_.on_GetModel.answer = [&](const auto&) {
    v1::GetModelResponse response;
    *response.mutable_model() = waiting;
    return response;
  };
  EXPECT_EQ(Ctl({"show", "good"}), 0);
  EXPECT_THAT(out(), HasSubstr("awaited\tversion 2 is not whole yet\n"));
  EXPECT_THAT(out(), HasSubstr("labels\tcanary, stable\n"));
}

TEST_F(CliTest, WatchSaysHowARestoreEnded) {
  fake_.on_Watch.answers.resize(2);
  for (v1::WatchResponse& event : fake_.on_Watch.answers) {
    event.set_model("add");
    event.set_kind(v1::EVENT_KIND_RESTORE);
    event.set_state(v1::MODEL_STATE_AVAILABLE);
    event.set_generation(3);
  }
  fake_.on_Watch.answers[1].set_code(15);
  fake_.on_Watch.answers[1].set_error("damaged");
  EXPECT_EQ(Ctl({"watch", "--count", "2"}), 0) << err();
  EXPECT_THAT(out(), HasSubstr("RESTORE  AVAILABLE  generation 3\n"));
  EXPECT_THAT(out(),
              HasSubstr("RESTORE  FAILED  generation 3  DATA_LOSS: damaged\n"));
}

TEST_F(CliTest, TensorsFollowsPages) {
  fake_.on_ListTensors.answer = [](const v1::ListTensorsRequest& request) {
    v1::ListTensorsResponse response;
    response.set_total_size(2);
    const bool first = request.page_token().empty();
    response.add_tensors()->set_name(first ? "a:0" : "b:0");
    if (first) response.set_next_page_token("next");
    return response;
  };
  EXPECT_EQ(Ctl({"tensors", "add", "--glob", "*", "--role", "leaf"}), 0);
  EXPECT_THAT(out(), HasSubstr("a:0\t"));
  EXPECT_THAT(out(), HasSubstr("b:0\t"));
  EXPECT_EQ(fake_.on_ListTensors.requests.at(1).page_token(), "next");
  EXPECT_EQ(fake_.on_ListTensors.requests.at(1).role(), v1::TENSOR_ROLE_LEAF);
  EXPECT_EQ(Ctl({"tensors", "add", "--limit", "1"}), 0);
  EXPECT_THAT(out(), Not(HasSubstr("b:0")));
}

TEST_F(CliTest, CollectionsShowsBytesAndWhatTheyNameBothWays) {
  fake_.on_GetCollection.answer = [](const auto&) {
    v1::GetCollectionResponse response;
    v1::CollectionEntry* entry = response.add_entries();
    entry->set_bytes_value("W1:0");
    entry->mutable_tensor()->set_name("W1:0");
    entry->mutable_tensor()->set_dtype(tensorflow::DT_FLOAT);
    entry = response.add_entries();
    entry->mutable_any_value()->set_type_url("type.googleapis.com/no.Such");
    entry->mutable_any_value()->set_value("x");
    return response;
  };
  EXPECT_EQ(Ctl({"collections", "add", "w1"}), 0);
  EXPECT_THAT(out(), HasSubstr("\"W1:0\"\ttensor W1:0 float"));
  EXPECT_EQ(Ctl({"collections", "add", "w1", "--output", "json"}), 0) << err();
  EXPECT_THAT(out(), HasSubstr("\"bytes_value\":\"eA==\""));
}

TEST_F(CliTest, ReadJoinsPiecesAndPrintsValues) {
  v1::ReadVariablesResponse piece;
  piece.set_name("W1");
  piece.mutable_type()->mutable_shape()->add_dim()->set_size(2);
  TensorToProto(Tensor::Vector<float>({1}), piece.mutable_tensor());
  fake_.on_ReadVariables.answers.push_back(piece);
  TensorToProto(Tensor::Vector<float>({2}), piece.mutable_tensor());
  piece.set_first_element(1);
  piece.set_last(true);
  fake_.on_ReadVariables.answers.push_back(piece);
  EXPECT_EQ(Ctl({"read", "add", "W1", "--slice", "0:2,5:,:3"}), 0) << err();
  EXPECT_EQ(out(), "W1\tfloat [2]\t[1, 2]\n");
  const v1::ReadVariablesRequest& request =
      fake_.on_ReadVariables.requests.at(0);
  EXPECT_THAT(request.begin(), ElementsAre(0, 5, 0));
  EXPECT_THAT(request.size(), ElementsAre(2, -1, 3));
  EXPECT_FALSE(request.has_generation());
  EXPECT_EQ(Ctl({"read", "add", "W1", "--output", "npy"}), 0);
  EXPECT_TRUE(TensorFromNpy(out()).ok());
}

TEST_F(CliTest, GraphWritesItsPieces) {
  v1::GetGraphResponse piece;
  piece.set_text("digraph ");
  fake_.on_GetGraph.answers.push_back(piece);
  piece.set_text("{}\n");
  fake_.on_GetGraph.answers.push_back(piece);
  EXPECT_EQ(Ctl({"graph", "add", "--format", "dot"}), 0);
  EXPECT_EQ(out(), "digraph {}\n");
  console_.out_is_terminal = true;
  EXPECT_EQ(Ctl({"graph", "add", "--format", "binary"}), 2);
  console_.out_is_terminal = false;
  EXPECT_EQ(Ctl({"graph", "add", "--to", "/no/such/folder/graph"}), 1);
}

TEST_F(CliTest, GraphIsPrintedAsJson) {
  tensorflow::MetaGraphDef graph;
  graph.mutable_graph_def()->add_node()->set_name("W3");
  const std::string bytes = graph.SerializeAsString();
  v1::GetGraphResponse piece;
  piece.set_data(bytes.substr(0, 3));
  fake_.on_GetGraph.answers.push_back(piece);
  piece.set_data(bytes.substr(3));
  fake_.on_GetGraph.answers.push_back(piece);
  EXPECT_EQ(Ctl({"graph", "add", "--output", "json"}), 0) << err();
  EXPECT_THAT(out(), StartsWith("{"));
  EXPECT_THAT(out(), HasSubstr("\"name\":\"W3\""));
  EXPECT_EQ(fake_.on_GetGraph.requests.back().format(),
            v1::GRAPH_FORMAT_BINARY);
  EXPECT_EQ(Ctl({"graph", "add"}), 0);
  EXPECT_EQ(fake_.on_GetGraph.requests.back().format(), v1::GRAPH_FORMAT_TEXT);
}

TEST_F(CliTest, SuggestsOnlyTensorsThatAre) {
  // The fake model has a tensor W3:0, and none of a NoOp.
  EXPECT_EQ(Ctl({"run", "add", "--fetch", "W3"}), 0);
  EXPECT_EQ(err(), "W3 ran as an operation; for its value fetch W3:0\n");
  EXPECT_EQ(Ctl({"run", "add", "--fetch", "init"}), 0);
  EXPECT_EQ(err(), "init ran as an operation\n");
}

TEST_F(CliTest, WatchStopsAfterTheCount) {
  fake_.on_Watch.answers.resize(5);
  fake_.on_Watch.answers[0].set_model("add");
  fake_.on_Watch.answers[0].set_kind(v1::EVENT_KIND_RESTORE);
  EXPECT_EQ(Ctl({"watch", "add", "--count", "2", "--output", "json"}), 0)
      << err();
  const std::string lines = out();
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 2) << lines;
  EXPECT_THAT(fake_.on_Watch.requests.at(0).models(), ElementsAre("add"));
}

// --- changing ---------------------------------------------------------------

TEST_F(CliTest, RestorePrintsTheReport) {
  v1::RestoreResponse update;
  update.mutable_progress()->set_bytes_done(1);
  fake_.on_Restore.answers.push_back(update);
  v1::RestoreResult* result = update.mutable_result();
  result->set_generation(2);
  result->set_checkpoint("model-20");
  result->mutable_report()->add_restored("W1");
  result->mutable_report()->add_missing("W9");
  fake_.on_Restore.answers.push_back(update);
  EXPECT_EQ(Ctl({"restore", "add", "model-20", "--partial",
                 "--expected-generation", "1"}),
            0)
      << err();
  EXPECT_EQ(out(),
            "restored model-20: 1 variables, generation 2\n"
            "W9\tmissing\tyes\tno\n");
  EXPECT_THAT(err(), IsEmpty());
  const v1::RestoreRequest& request = fake_.on_Restore.requests.at(0);
  EXPECT_EQ(request.mode(), v1::RESTORE_MODE_PARTIAL);
  EXPECT_EQ(request.expected_generation(), 1);
  EXPECT_EQ(request.checkpoint(), "model-20");
}

TEST_F(CliTest, LoadRestoreAndVerifySendTheMapping) {
  fake_.on_LoadModel.answer = [](const auto&) {
    v1::LoadModelResponse response;
    response.set_state(v1::MODEL_STATE_AVAILABLE);
    response.mutable_report()->add_missing("w/Adam");
    response.mutable_report()->add_training_only("w/Adam");
    auto* renamed = response.mutable_report()->add_renamed();
    renamed->set_name("model/w");
    renamed->set_found("w");
    response.set_note("a note");
    return response;
  };
  v1::RestoreResponse restored;
  restored.mutable_result()->set_checkpoint("model-20");
  fake_.on_Restore.answers.push_back(restored);
  fake_.on_VerifyCheckpoint.answer = [](const auto&) {
    v1::VerifyCheckpointResponse response;
    response.set_ok(true);
    response.set_note("object-based");
    return response;
  };
  const std::vector<std::string> options = {"--prefix",      "model/",
                                            "--map",         "old/=new/",
                                            "--map=(a)=\\1", "--skip-missing"};
  for (const char* verb : {"load", "restore", "verify"}) {
    std::vector<std::string> arguments = {verb, "add", "place"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    EXPECT_EQ(Ctl(arguments), 0) << verb << err();
    if (arguments[0] == "load") {
      EXPECT_EQ(out(),
                "add@0 AVAILABLE, generation 0\n"
                "w/Adam\tmissing\tyes, for training only\tno\n"
                "model/w\trenamed\tyes\tw\n"
                "a note\n");
    }
  }
  EXPECT_THAT(out(), HasSubstr("object-based"));
  for (const v1::RestoreMapping& mapping :
       {fake_.on_LoadModel.requests.at(0).mapping(),
        fake_.on_Restore.requests.at(0).mapping(),
        fake_.on_VerifyCheckpoint.requests.at(0).mapping()}) {
    EXPECT_EQ(mapping.prefix(), "model/");
    EXPECT_THAT(mapping.map(), ElementsAre("old/=new/", "(a)=\\1"));
    EXPECT_TRUE(mapping.skip_missing());
    EXPECT_FALSE(mapping.skip_mismatched());
  }
  EXPECT_EQ(fake_.on_Restore.requests.at(0).mode(), v1::RESTORE_MODE_STRICT);
}

TEST_F(CliTest, AMappingGoesWithLocalBeforeAndBehindTheVerb) {
  EXPECT_EQ(Ctl({"--local", "/m", "--prefix", "model/", "run", "--fetch",
                 "add1:0", "--partial"}),
            0)
      << err();
  EXPECT_EQ(options_.mapping.prefix, "model/");
  EXPECT_TRUE(options_.mapping.skip_missing);
  EXPECT_TRUE(options_.mapping.skip_mismatched);
  // The verb's own option of that name is not meant.
  EXPECT_EQ(Ctl({"--local", "/m", "tensors", "--prefix", "add"}), 0) << err();
  EXPECT_TRUE(options_.mapping.empty());
}

TEST_F(CliTest, ADryRunTellsWhetherARestoreWouldSucceed) {
  v1::RestoreResponse update;
  update.mutable_result()->set_checkpoint("c");
  update.mutable_result()->mutable_report()->add_missing("w/Adam");
  update.mutable_result()->set_would_restore(true);
  fake_.on_Restore.answers.push_back(update);
  EXPECT_EQ(Ctl({"restore", "add", "--dry-run", "--skip-missing"}), 0);
  EXPECT_THAT(out(), StartsWith("would restore c: 0 variables\n"));
  fake_.on_Restore.answers[0].mutable_result()->set_would_restore(false);
  EXPECT_EQ(Ctl({"restore", "add", "--dry-run"}), 1);
}

TEST_F(CliTest, ARestoreThatFailsTellsWhy) {
  fake_.on_Restore.status = absl::DataLossError("checksum does not match");
  EXPECT_EQ(Ctl({"restore", "add"}), 1);
  EXPECT_EQ(err(), "metagraphctl: DATA_LOSS: checksum does not match\n");
}

TEST_F(CliTest, AStreamWithoutAResultIsAFailure) {
  EXPECT_EQ(Ctl({"restore", "add"}), 1);
  EXPECT_EQ(Ctl({"save", "add"}), 1);
  EXPECT_THAT(err(), HasSubstr("INTERNAL"));
}

TEST_F(CliTest, SavePassesItsOptions) {
  v1::SaveResponse update;
  update.mutable_result()->set_checkpoint("/m/model-7");
  fake_.on_Save.answers.push_back(update);
  EXPECT_EQ(Ctl({"save", "add", "out/", "--global-step", "7", "--keep", "-1",
                 "--shards", "2", "--no-meta", "--no-state"}),
            0)
      << err();
  const v1::SaveRequest& request = fake_.on_Save.requests.at(0);
  EXPECT_EQ(request.prefix(), "out/");
  EXPECT_EQ(request.global_step(), 7);
  EXPECT_EQ(request.keep(), -1);
  EXPECT_EQ(request.shards(), 2);
  EXPECT_TRUE(request.skip_meta_graph());
  EXPECT_TRUE(request.skip_state_file());
  EXPECT_THAT(out(), StartsWith("saved /m/model-7"));
}

TEST_F(CliTest, RollbackGoesOneBackUnlessTold) {
  fake_.on_Rollback.answer = [](const auto&) { return v1::RollbackResponse(); };
  EXPECT_EQ(Ctl({"rollback", "add"}), 0) << err();
  EXPECT_FALSE(fake_.on_Rollback.requests.at(0).has_to_generation());
  EXPECT_EQ(Ctl({"rollback", "add", "3"}), 0) << err();
  EXPECT_EQ(fake_.on_Rollback.requests.at(1).to_generation(), 3);
}

TEST_F(CliTest, RollbackNamesACheckpointOnlyForItsOwnValues) {
  v1::RollbackResponse answer;
  answer.set_generation(5);
  answer.set_restored_generation(3);
  answer.set_checkpoint("/m/model-7");
  fake_.on_Rollback.answer = [&](const auto&) { return answer; };
  EXPECT_EQ(Ctl({"rollback", "add"}), 0);
  EXPECT_EQ(out(),
            "back at the values of generation 3, those of /m/model-7: "
            "generation 5\n");
  answer.set_written_since(true);
  EXPECT_EQ(Ctl({"rollback", "add"}), 0);
  EXPECT_EQ(out(),
            "back at the values of generation 3, written after /m/model-7 was "
            "restored: generation 5\n");
  answer.clear_checkpoint();
  EXPECT_EQ(Ctl({"rollback", "add"}), 0);
  EXPECT_EQ(out(), "back at the values of generation 3: generation 5\n");
}

TEST_F(CliTest, VerifyOfABadCheckpointFails) {
  v1::VerifyCheckpointResponse bad;
  bad.add_problems("checksum of W1");
  fake_.on_VerifyCheckpoint.answer = [&](const auto&) { return bad; };
  EXPECT_EQ(Ctl({"verify", "add"}), 1);
  EXPECT_THAT(out(), HasSubstr("checksum of W1"));
  EXPECT_THAT(err(), HasSubstr("DATA_LOSS"));
  bad.clear_problems();
  bad.mutable_report()->add_missing("W1");
  EXPECT_EQ(Ctl({"verify", "add"}), 1);
  EXPECT_THAT(err(), HasSubstr("FAILED_PRECONDITION"));
  bad.set_ok(true);
  EXPECT_EQ(Ctl({"verify", "add"}), 0);
}

TEST_F(CliTest, AssignSendsValuesOfTheVariablesDtype) {
  fake_.on_AssignVariables.answer = [](const auto&) {
    v1::AssignVariablesResponse response;
    response.set_generation(3);
    return response;
  };
  fake_.on_ListVariables.answer = [](const v1::ListVariablesRequest& request) {
    v1::ListVariablesResponse response;
    if (request.names(0) != "W3") return response;
    v1::Variable* variable = response.add_variables();
    variable->set_dtype(tensorflow::DT_FLOAT);  // of the values
    variable->set_is_resource(true);
    return response;
  };
  EXPECT_EQ(Ctl({"assign", "add", "W3=[1,2,3,4]"}), 0) << err();
  const auto& sent = fake_.on_AssignVariables.requests.back();
  ASSERT_EQ(sent.values_size(), 1);
  EXPECT_EQ(sent.values(0).name(), "W3");
  EXPECT_EQ(sent.values(0).tensor().dtype(), DT_FLOAT);
  EXPECT_THAT(out(), HasSubstr("assigned 1 variable; generation 3"));
  EXPECT_EQ(Ctl({"assign", "add", "W1"}), 2);
  EXPECT_THAT(err(), HasSubstr("expected NAME=VALUE"));
}

TEST_F(CliTest, ExtendSendsTheGraphOfAFile) {
  const std::string file = testing::TempDir() + "/extension.pbtxt";
  std::ofstream(file) << "node { name: \"n\" op: \"NoOp\" }";
  fake_.on_ExtendGraph.answer = [](const auto&) {
    v1::ExtendGraphResponse response;
    response.set_graph_version(1);
    response.set_added_nodes(1);
    return response;
  };
  EXPECT_EQ(Ctl({"extend", "add", file, "--prefix", "p"}), 0) << err();
  const auto& sent = fake_.on_ExtendGraph.requests.back();
  EXPECT_EQ(sent.meta_graph().graph_def().node(0).name(), "n");
  EXPECT_EQ(sent.import_prefix(), "p");
  EXPECT_THAT(out(), HasSubstr("added 1 nodes"));
  std::filesystem::remove(file);
  EXPECT_EQ(Ctl({"extend", "add", file}), 1);
  EXPECT_THAT(err(), HasSubstr("NOT_FOUND"));
  EXPECT_EQ(fake_.on_ExtendGraph.requests.size(), 1u);
}

class InitTest : public CliTest {
 protected:
  InitTest() {
    fake_.on_InitializeVariables.answer = [](const auto& request) {
      v1::InitializeVariablesResponse response;
      response.set_generation(8);
      response.add_initialized("W1");
      if (request.scope() != v1::INITIALIZE_SCOPE_UNINITIALIZED) {
        response.add_overwritten("W1");
      }
      return response;
    };
  }
  size_t calls() const { return fake_.on_InitializeVariables.requests.size(); }
  const v1::InitializeVariablesRequest& last() const {
    return fake_.on_InitializeVariables.requests.back();
  }
};

TEST_F(InitTest, InitialisesOnlyWhatHasNoValueWithoutAsking) {
  EXPECT_EQ(Ctl({"init", "add"}), 0) << err();
  EXPECT_EQ(calls(), 1u);
  EXPECT_EQ(last().scope(), v1::INITIALIZE_SCOPE_UNINITIALIZED);
}

TEST_F(InitTest, AsksBeforeItOverwrites) {
  console_.in_is_terminal = console_.err_is_terminal = true;
  in_.str("n\n");
  EXPECT_EQ(Ctl({"init", "add", "--all"}), 1);
  EXPECT_THAT(err(), HasSubstr("overwrites the values of 1 variables: W1"));
  EXPECT_EQ(calls(), 1u);
  EXPECT_TRUE(last().dry_run());
  in_.clear();
  in_.str("y\n");
  EXPECT_EQ(Ctl({"init", "add", "W1"}), 0) << err();
  EXPECT_EQ(last().scope(), v1::INITIALIZE_SCOPE_LISTED);
  EXPECT_FALSE(last().dry_run());
  // What was shown is what happens.
  EXPECT_EQ(last().expected_generation(), 8);
}

TEST_F(InitTest, NeedsYesWhereNobodyCanBeAsked) {
  in_.str("y\n");
  EXPECT_EQ(Ctl({"init", "add", "--all"}), 1);
  EXPECT_THAT(err(), HasSubstr("--yes"));
  EXPECT_EQ(calls(), 1u);
  EXPECT_EQ(Ctl({"init", "add", "--all", "--yes"}), 0);
  EXPECT_EQ(calls(), 2u);
  EXPECT_FALSE(last().dry_run());
}

TEST_F(InitTest, DryRunOnlyAsks) {
  EXPECT_EQ(Ctl({"init", "add", "--all", "--dry-run"}), 0);
  EXPECT_EQ(calls(), 1u);
  EXPECT_TRUE(last().dry_run());
  EXPECT_THAT(out(), StartsWith("would initialise 1"));
}

TEST_F(CliTest, LoadSendsAnAbsolutePathAndWaits) {
  fake_.on_LoadModel.answer = [](const auto&) {
    v1::LoadModelResponse response;
    response.set_state(v1::MODEL_STATE_AVAILABLE);
    return response;
  };
  EXPECT_EQ(Ctl({"load", "add", "models/add"}), 0) << err();
  const v1::LoadModelRequest& request = fake_.on_LoadModel.requests.at(0);
  EXPECT_THAT(request.directory(), StartsWith("/"));
  EXPECT_TRUE(request.wait());
  EXPECT_EQ(out(), "add@0 AVAILABLE, generation 0\n");
}

}  // namespace
}  // namespace metagraph
