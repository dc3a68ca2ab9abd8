#include "server/start_models.h"

#include <functional>

#include "core/model/model_manager.h"
#include "gmock/gmock.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/seed_model.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

// Lets a client call in the middle of a load.
class BusyFileSystem : public FakeFileSystem {
 public:
  using FakeFileSystem::FakeFileSystem;
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForReading(
      const std::string& path) override {
    if (path == when) std::exchange(then, [] {})();
    return FakeFileSystem::OpenForReading(path);
  }
  std::string when;
  std::function<void()> then = [] {};
};

class StartModelsTest : public testing::Test {
 protected:
  StartModelsTest() {
    for (const char* folder : {"/a", "/b", "/c"})
      WriteSeedModel(files_, folder);
    for (const ServerOptions::Model& model : wanted_) {
      models_.Announce(model.name, model.path);
    }
  }
  ModelEnvironment Environment() {
    static const auto* ops = OpRegistry::Create()->release();
    ModelEnvironment out;
    out.ops = ops;
    out.files = &files_;
    out.clock = &Clock::Real();
    return out;
  }

  BusyFileSystem files_{"/a", "/b", "/c"};
  ModelManager models_{Environment()};
  CallContext call_;
  const std::vector<ServerOptions::Model> wanted_ = {{"a", "/a"}, {"b", "/b"}};
};

TEST_F(StartModelsTest, AModelThatAClientUnloadsIsNoFailure) {
  files_.when = "/b/model.meta";
  files_.then = [this] { EXPECT_OK(models_.Unload("a", {}, -1)); };
  EXPECT_OK(LoadModels(wanted_, /*serve_on_error=*/false, models_, call_));
  EXPECT_OK(models_.Find("b"));
  EXPECT_THAT(models_.Find("a"), HasCode(absl::StatusCode::kNotFound, "a"));
}

TEST_F(StartModelsTest, AModelThatAClientLoadsFirstIsTheirs) {
  files_.when = "/a/model.meta";
  files_.then = [this] { EXPECT_OK(models_.Load("b", "/c")); };
  EXPECT_OK(LoadModels(wanted_, /*serve_on_error=*/false, models_, call_));
  ASSERT_OK_AND_ASSIGN(const auto b, models_.Find("b"));
  EXPECT_EQ(b->folder().directory, "/c");
}

TEST_F(StartModelsTest, AModelThatCannotBeLoadedIsAFailure) {
  ASSERT_OK(files_.Remove("/b/model.data-00000-of-00001"));
  EXPECT_THAT(LoadModels(wanted_, /*serve_on_error=*/false, models_, call_),
              HasCode(absl::StatusCode::kDataLoss, "model \"b\""));
  ModelManager none(Environment());
  EXPECT_THAT(LoadModels({{"x", "/x"}}, /*serve_on_error=*/false, none, call_),
              HasCode(absl::StatusCode::kNotFound, "/x"));
}

TEST_F(StartModelsTest, ServesTheOthersIfThatIsWanted) {
  std::vector<ServerOptions::Model> wanted = {{"x", "/x"}};
  EXPECT_THAT(LoadModels(wanted, /*serve_on_error=*/false, models_, call_),
              testing::Not(IsOk()));
  wanted.insert(wanted.end(), wanted_.begin(), wanted_.end());
  EXPECT_OK(LoadModels(wanted, /*serve_on_error=*/true, models_, call_));
  EXPECT_OK(models_.Find(wanted_[0].name).status());
  EXPECT_THAT(models_.Find("x"),
              HasCode(absl::StatusCode::kFailedPrecondition, "/x"));
}

TEST_F(StartModelsTest, EndsInTheMiddleOfALoad) {
  files_.when = "/a/model.index";
  files_.then = [this] {
    call_.Cancel();
    models_.StopLoads();
  };
  EXPECT_THAT(LoadModels(wanted_, /*serve_on_error=*/true, models_, call_),
              HasCode(absl::StatusCode::kCancelled, ""));
  for (const char* name : {"a", "b"}) {
    EXPECT_THAT(models_.Find(name),
                HasCode(absl::StatusCode::kUnavailable, ""));
  }
  EXPECT_THAT(models_.Load("c", "/c"),
              HasCode(absl::StatusCode::kUnavailable, "ending"));
}

}  // namespace
}  // namespace metagraph
