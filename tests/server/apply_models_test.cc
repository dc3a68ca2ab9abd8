#include "server/apply_models.h"

#include <functional>

#include "gmock/gmock.h"
#include "server/start_models.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/seed_model.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using absl::StatusCode;
using Configured = ServerOptions::Model;

// Looks at what is served in the middle of a load.
class WatchedFileSystem : public FakeFileSystem {
 public:
  using FakeFileSystem::FakeFileSystem;
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForReading(
      const std::string& path) override {
    if (path == when) then();
    return FakeFileSystem::OpenForReading(path);
  }
  std::string when;
  std::function<void()> then = [] {};
};

class ApplyModelsTest : public testing::Test {
 protected:
  ApplyModelsTest() {
    for (const char* folder : {"/a", "/b", "/v/1", "/v/2", "/v/3"}) {
      WriteSeedModel(files_, folder);
    }
  }
  static ModelEnvironment Environment(FileSystem& files) {
    static const auto* ops = OpRegistry::Create()->release();
    ModelEnvironment out;
    out.ops = ops;
    out.files = &files;
    out.clock = &Clock::Real();
    return out;
  }
  static Configured Versions(VersionPolicy policy,
                             std::map<std::string, int64_t> labels = {}) {
    Configured out = {"v", "/v"};
    out.versions = std::move(policy);
    out.labels = std::move(labels);
    return out;
  }
  absl::Status Apply(std::vector<Configured> wanted) {
    const absl::Status applied = ApplyModels(now_, wanted, models_, call_);
    if (applied.ok()) now_ = std::move(wanted);
    return applied;
  }
  // "a v/3" for what is available.
  std::vector<std::string> Served() const {
    std::vector<std::string> out;
    for (const ManagedModel& model : models_.List()) {
      if (model.state != ModelState::kAvailable) continue;
      out.push_back(model.version == 0
                        ? model.name
                        : absl::StrCat(model.name, "/", model.version));
    }
    return out;
  }

  WatchedFileSystem files_{"/a", "/b", "/v", "/v/1", "/v/2", "/v/3"};
  ModelManager models_{Environment(files_)};
  std::vector<Configured> now_;
  CallContext call_;
};

TEST_F(ApplyModelsTest, AddsAndRemoves) {
  ASSERT_OK(Apply({{"a", "/a"}}));
  ASSERT_OK_AND_ASSIGN(const auto a, models_.Find("a"));
  ASSERT_OK(Apply({{"a", "/a"}, {"b", "/b"}}));
  EXPECT_THAT(Served(), testing::ElementsAre("a", "b"));
  EXPECT_EQ(*models_.Find("a"), a) << "was loaded again";
  ASSERT_OK(Apply({{"b", "/b"}}));
  EXPECT_THAT(Served(), testing::ElementsAre("b"));
}

TEST_F(ApplyModelsTest, AnErrorChangesNothing) {
  ASSERT_OK(Apply({{"a", "/a"}}));
  EXPECT_THAT(Apply({{"b", "/b"}, {"x", "/x"}}),
              HasCode(StatusCode::kNotFound, "model \"x\""));
  EXPECT_THAT(Served(), testing::ElementsAre("a"));
  EXPECT_THAT(models_.Find("x"), HasCode(StatusCode::kNotFound, ""));
  // Found only when it is loaded.
  ASSERT_OK(files_.Remove("/v/3/model.data-00000-of-00001"));
  EXPECT_FALSE(Apply({{"b", "/b"}, Versions({0, {3}})}).ok());
  EXPECT_THAT(Served(), testing::ElementsAre("a"));
  EXPECT_THAT(models_.Find("b"), HasCode(StatusCode::kNotFound, ""));
  EXPECT_THAT(models_.Find("v"), HasCode(StatusCode::kNotFound, ""));
}

TEST_F(ApplyModelsTest, WhatCallersDidToAModelThatIsLikeBeforeStays) {
  ASSERT_OK(Apply({{"a", "/a"}}));
  ASSERT_OK(models_.Unload("a", {}, -1));
  ASSERT_OK(models_.Load("c", "/b"));
  ASSERT_OK(Apply({{"a", "/a"}, {"b", "/b"}}));
  EXPECT_THAT(Served(), testing::ElementsAre("b", "c"));
}

TEST_F(ApplyModelsTest, PoliciesLoadAndUnloadVersions) {
  ASSERT_OK(Apply({Versions({1, {}})}));
  EXPECT_THAT(Served(), testing::ElementsAre("v/3"));
  ASSERT_OK(Apply({Versions({2, {}})}));
  EXPECT_THAT(Served(), testing::ElementsAre("v/2", "v/3"));
  ASSERT_OK(Apply({Versions({VersionPolicy::kAll, {}})}));
  EXPECT_THAT(Served(), testing::ElementsAre("v/1", "v/2", "v/3"));
  ASSERT_OK(Apply({Versions({0, {1, 3}})}));
  EXPECT_THAT(Served(), testing::ElementsAre("v/1", "v/3"));
  EXPECT_EQ((*models_.Find("v"))->folder().version, 3);
}

TEST_F(ApplyModelsTest, LabelsMoveWhileCallsGoOn) {
  ASSERT_OK(Apply({Versions({2, {}}, {{"stable", 2}, {"canary", 3}})}));
  EXPECT_EQ((*models_.Find("v@stable"))->folder().version, 2);
  EXPECT_EQ((*models_.Find("v@canary"))->folder().version, 3);
  EXPECT_THAT(models_.List()[0].labels, testing::ElementsAre("stable"));
  EXPECT_THAT(models_.List()[1].labels, testing::ElementsAre("canary"));
  ASSERT_OK(Apply({Versions({2, {}}, {{"stable", 3}})}));
  EXPECT_EQ((*models_.Find("v@stable"))->folder().version, 3);
  EXPECT_THAT(models_.Find("v@canary"),
              HasCode(StatusCode::kNotFound, "has no label \"canary\""));
  EXPECT_THAT(models_.Find("v@stabel"),
              HasCode(StatusCode::kNotFound, "did you mean \"stable\"?"));
}

TEST_F(ApplyModelsTest, ALabelOfAVersionThatIsNotLoadedIsAnError) {
  EXPECT_THAT(
      LoadModels({Versions({1, {}}, {{"stable", 2}})}, false, models_, call_),
      HasCode(StatusCode::kFailedPrecondition,
              "label \"stable\" is for version 2, which is not loaded"));
  ASSERT_OK(models_.Unload("v", {}, -1));
  ASSERT_OK(Apply({Versions({1, {}}, {{"stable", 3}})}));
  EXPECT_THAT(Apply({{"a", "/a"}, Versions({1, {}}, {{"stable", 7}})}),
              HasCode(StatusCode::kFailedPrecondition,
                      "label \"stable\" is for version 7"));
  EXPECT_THAT(Served(), testing::ElementsAre("v/3"));
  EXPECT_OK(models_.Find("v@stable"));
}

TEST_F(ApplyModelsTest, AnotherMappingIsLoadedWhileTheModelServes) {
  ASSERT_OK(Apply({{"a", "/a"}}));
  ASSERT_OK_AND_ASSIGN(const auto before, models_.Find("a"));
  Configured skipping = {"a", "/a"};
  skipping.mapping.skip_missing = true;
  ASSERT_OK(Apply({skipping}));
  ASSERT_OK_AND_ASSIGN(const auto after, models_.Find("a"));
  EXPECT_NE(before, after);
  EXPECT_TRUE(models_.Sources()[0].options.mapping.skip_missing);
}

TEST_F(ApplyModelsTest, TheOldPathAnswersUntilTheNewOneTakesOver) {
  ASSERT_OK(Apply({{"a", "/a"}}));
  ASSERT_OK_AND_ASSIGN(const auto before, models_.Find("a"));
  files_.when = "/b/model.index";
  int looks = 0;
  files_.then = [&] {
    ++looks;
    EXPECT_EQ(*models_.Find("a"), before);
  };
  ASSERT_OK(Apply({{"a", "/b"}}));
  EXPECT_GT(looks, 0);
  ASSERT_OK_AND_ASSIGN(const auto a, models_.Find("a"));
  EXPECT_EQ(a->folder().directory, "/b");
  EXPECT_EQ(models_.Sources()[0].path, "/b");
}

TEST_F(ApplyModelsTest, AnotherPathMayHaveVersionsAndLabels) {
  ASSERT_OK(Apply({{"v", "/a"}}));
  ASSERT_OK(Apply({Versions({2, {1}}, {{"stable", 1}, {"canary", 3}})}));
  EXPECT_THAT(Served(), testing::ElementsAre("v/1", "v/2", "v/3"));
  EXPECT_EQ((*models_.Find("v"))->version(), 3);
  EXPECT_EQ((*models_.Find("v@stable"))->version(), 1);
  // And back: what had the versions is gone.
  ASSERT_OK(Apply({{"v", "/a"}}));
  EXPECT_THAT(Served(), testing::ElementsAre("v"));
}

TEST_F(ApplyModelsTest, WhatCannotTakeOverLeavesTheOldOneAsItIs) {
  ASSERT_OK(Apply({{"a", "/a"}}));
  ASSERT_OK_AND_ASSIGN(const auto before, models_.Find("a"));
  ASSERT_OK(files_.Remove("/b/model.data-00000-of-00001"));
  EXPECT_THAT(Apply({{"a", "/b"}, {"c", "/a"}}),
              HasCode(StatusCode::kDataLoss,
                      "not this: model \"a\" goes on as it is: "));
  EXPECT_EQ(*models_.Find("a"), before);
  EXPECT_EQ(models_.Sources()[0].path, "/a");
  EXPECT_OK(models_.Find("c")) << "the other change is applied";
}

TEST_F(ApplyModelsTest, WhatDoesNotFitBesideTheOldOneIsNotTakenOver) {
  ASSERT_OK(Apply({{"a", "/a"}}));
  ASSERT_OK_AND_ASSIGN(const auto before, models_.Find("a"));
  MemoryBudget& budget = MemoryBudget::Process();
  const int64_t limit = budget.limit();
  budget.set_limit(budget.used());
  const absl::Status applied = Apply({{"a", "/b"}});
  Configured skipping = {"a", "/a"};
  skipping.mapping.skip_missing = true;
  const absl::Status mapped = Apply({skipping});
  budget.set_limit(limit);
  EXPECT_THAT(applied, HasCode(StatusCode::kResourceExhausted,
                               "do not fit into the memory together"));
  EXPECT_THAT(mapped, HasCode(StatusCode::kResourceExhausted, "together"));
  EXPECT_EQ(*models_.Find("a"), before);
  EXPECT_TRUE(models_.Sources()[0].options.mapping.empty());
}

TEST_F(ApplyModelsTest, ANameThatACallerUsesIsLeftToThem) {
  ASSERT_OK(Apply({{"a", "/a"}}));
  ASSERT_OK(models_.Unload("a", {}, -1));
  ASSERT_OK(models_.Load("a", "/v/1"));
  EXPECT_THAT(Apply({{"a", "/b"}}),
              HasCode(StatusCode::kAborted, "somebody else has loaded"));
  EXPECT_EQ((*models_.Find("a"))->folder().directory, "/v/1");
}

// As when it could not be loaded at the start.
TEST_F(ApplyModelsTest, APathThatFailedIsReplacedByOneThatIsWhole) {
  now_ = {{"a", "/x"}};
  models_.SetFailed("a", "/x", absl::NotFoundError("nothing there"));
  files_.when = "/b/model.index";
  files_.then = [&] {
    EXPECT_THAT(models_.Find("a"),
                HasCode(StatusCode::kUnavailable, "loading"));
  };
  ASSERT_OK(Apply({{"a", "/b"}}));
  EXPECT_THAT(Served(), testing::ElementsAre("a"));
}

}  // namespace
}  // namespace metagraph
