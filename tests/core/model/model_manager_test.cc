#include "core/model/model_manager.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/core/model/model_fixture.h"
#include "tests/support/fake_file_system.h"

namespace metagraph {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class ModelManagerTest : public ModelTest {
 protected:
  ModelManagerTest() : manager_(environment_) {}

  absl::Status LoadAndWait(const std::string& name, const std::string& path) {
    auto version = manager_.Load(name, path);
    if (!version.ok()) return version.status();
    return manager_.WaitUntilLoaded(name, *version, call_);
  }

  ModelManager manager_;
};

TEST_F(ModelManagerTest, LoadsInTheBackgroundAndFinds) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK_AND_ASSIGN(auto model, manager_.Find("seed"));
  EXPECT_THAT(Add1(*model), ElementsAre(5, 9, 15, 37));
  EXPECT_THAT(manager_.Find("sed"),
              HasCode(absl::StatusCode::kNotFound, "did you mean \"seed\""));
  EXPECT_THAT(manager_.Find("seed", 3),
              HasCode(absl::StatusCode::kNotFound, "version 3"));
  EXPECT_THAT(manager_.Load("seed", folder()),
              HasCode(absl::StatusCode::kFailedPrecondition, "in use"));
  EXPECT_THAT(manager_.Load("x", Path("absent")),
              HasCode(absl::StatusCode::kNotFound, "absent"));
}

TEST_F(ModelManagerTest, KeepsTheReasonOfAFailedLoad) {
  ASSERT_OK(WriteFileAtomically(fs(), Path("model.meta"), "no graph"));
  EXPECT_FALSE(LoadAndWait("bad", folder()).ok());
  const auto all = manager_.List();
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].state, ModelState::kEnd);
  EXPECT_FALSE(all[0].error.ok());
  EXPECT_THAT(manager_.Find("bad"),
              HasCode(absl::StatusCode::kFailedPrecondition, "model.meta"));
  // Repaired and asked for again.
  WriteSeedModel(fs(), folder());
  manager_.Rescan(/*retry_failed=*/true, call_);
  EXPECT_OK(manager_.Find("bad"));
}

TEST_F(ModelManagerTest, UnloadsWhenTheLastRunLetsGo) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK_AND_ASSIGN(auto held, manager_.Find("seed"));
  EXPECT_THAT(manager_.Unload("seed", {}, 999),
              HasCode(absl::StatusCode::kAborted, "expected 999"));
  ASSERT_OK(manager_.Unload("seed", {}, -1));
  EXPECT_THAT(manager_.Find("seed"),
              HasCode(absl::StatusCode::kUnavailable, "unloaded"));
  EXPECT_EQ(manager_.List()[0].state, ModelState::kUnloading);
  EXPECT_THAT(Add1(*held), ElementsAre(5, 9, 15, 37));
  EXPECT_THAT(manager_.Unload("other", {}, -1),
              HasCode(absl::StatusCode::kNotFound, "other"));
}

TEST_F(ModelManagerTest, RescanRestoresANewCheckpointOnce) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK_AND_ASSIGN(auto model, manager_.Find("seed"));
  const int64_t first = model->generation_number();
  manager_.Rescan(false, call_);
  EXPECT_EQ(model->generation_number(), first);
  WriteSeedCheckpoint(fs(), Path("model-5"), {0, 0, 0, 0}, {0, 0, 0, 0});
  manager_.Rescan(false, call_);
  EXPECT_THAT(Add1(*model), ElementsAre(1, 2, 3, 4));
  const int64_t second = model->generation_number();
  manager_.Rescan(false, call_);
  EXPECT_EQ(model->generation_number(), second);
  // What the model saved itself is no news to it.
  SaveOptions options;
  options.global_step = 6;
  ASSERT_OK(model->Save(options, nullptr, call_));
  manager_.Rescan(false, call_);
  EXPECT_EQ(model->generation_number(), second);
}

TEST_F(ModelManagerTest, RescanTriesAgainWhenTheFilesChange) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK_AND_ASSIGN(auto model, manager_.Find("seed"));
  WriteSeedCheckpoint(fs(), Path("model-5"), {0, 0, 0, 0}, {0, 0, 0, 0});
  const std::string data = Path("model-5.data-00000-of-00001");
  ASSERT_OK(fs().Rename(data, Path("aside")));  // still being copied
  const int64_t first = model->generation_number();
  manager_.Rescan(false, call_);
  ASSERT_TRUE(model->last_restore().has_value());
  EXPECT_EQ(model->last_restore()->status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(model->generation_number(), first);
  EXPECT_TRUE(model->seen().HasSeen(Path("model-5")));
  ASSERT_OK(fs().Rename(Path("aside"), data));
  manager_.Rescan(false, call_);
  EXPECT_THAT(Add1(*model), ElementsAre(1, 2, 3, 4));
}

TEST_F(ModelManagerTest, RescanFollowsASlowCopy) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK_AND_ASSIGN(auto model, manager_.Find("seed"));
  ASSERT_OK(fs().CreateDirectory(Path("from")));
  WriteSeedCheckpoint(fs(), Path("from/model-5"), {0, 0, 0, 0}, {0, 0, 0, 0});
  // Each file is there at its full size, and fills up from the front.
  const auto copy = [&](const std::string& name, size_t done) {
    auto bytes = ReadFile(fs(), Path("from/" + name));
    ASSERT_OK(bytes);
    std::fill(bytes->begin() + std::min(done, bytes->size()), bytes->end(),
              '\0');
    std::ofstream(Path(name), std::ios::binary) << *bytes;
  };
  const std::string data = "model-5.data-00000-of-00001";
  constexpr size_t kAll = 1 << 20;
  const std::vector<std::pair<std::string, size_t>> steps = {
      {"checkpoint", 10},
      {"checkpoint", kAll},
      {"model-5.index", 20},
      {"model-5.index", kAll},
      {data, 0},
      {data, 13},
      {data, kAll}};
  for (const auto& [name, done] : steps) {
    EXPECT_THAT(Add1(*model), ElementsAre(5, 9, 15, 37)) << name << done;
    copy(name, done);
    manager_.Rescan(false, call_);
  }
  EXPECT_THAT(Add1(*model), ElementsAre(1, 2, 3, 4));
}

TEST_F(ModelManagerTest, RescanLoadsAGraphThatWasHalfThere) {
  WriteSeedModel(fs(), folder());
  auto bytes = ReadFile(fs(), Path("model.meta"));
  ASSERT_OK(bytes);
  std::ofstream(Path("model.meta"), std::ios::binary)
      << bytes->substr(0, bytes->size() / 2);
  EXPECT_FALSE(LoadAndWait("seed", folder()).ok());
  manager_.Rescan(false, call_);
  EXPECT_FALSE(manager_.Find("seed").ok());
  std::ofstream(Path("model.meta"), std::ios::binary) << *bytes;
  manager_.Rescan(false, call_);
  EXPECT_OK(manager_.Find("seed"));
}

// A file system in which the test may act between two steps of a save.
class WatchedFileSystem : public FakeFileSystem {
 public:
  using FakeFileSystem::FakeFileSystem;
  absl::Status Rename(const std::string& from, const std::string& to) override {
    const absl::Status status = FakeFileSystem::Rename(from, to);
    if (after_rename) after_rename();
    return status;
  }
  std::function<void()> after_rename;
};

TEST_F(ModelManagerTest, RescanLeavesTheModelsOwnSaveAlone) {
  WatchedFileSystem files({"/d"});
  WriteSeedModel(files, "/d");
  environment_.files = &files;
  ModelManager manager(environment_);
  ASSERT_OK(manager.Load("seed", "/d"));
  ASSERT_OK(manager.WaitUntilLoaded("seed", 0, call_));
  ASSERT_OK_AND_ASSIGN(auto model, manager.Find("seed"));
  const int64_t generation = model->generation_number();
  int looks = 0;
  files.after_rename = [&] {
    ++looks;
    manager.Rescan(false, call_);
  };
  SaveOptions options;
  options.global_step = 7;
  ASSERT_OK(model->Save(options, nullptr, call_));
  EXPECT_EQ(looks, 4) << "data, index, meta graph, state file";
  EXPECT_EQ(model->generation_number(), generation);
}

TEST_F(ModelManagerTest, RescanFollowsAFolderThatIsRenamed) {
  ASSERT_OK(fs().CreateDirectory(Path("live")));
  ASSERT_OK(fs().CreateDirectory(Path("next")));
  WriteSeedModel(fs(), Path("live"));
  ASSERT_OK(LoadAndWait("seed", Path("live")));
  ASSERT_OK_AND_ASSIGN(auto model, manager_.Find("seed"));
  WriteSeedModel(fs(), Path("next"));
  WriteSeedCheckpoint(fs(), Path("next/model"), {0, 0, 0, 0}, {0, 0, 0, 0});
  // Between the two renames there is nothing.
  std::filesystem::rename(Path("live"), Path("old"));
  manager_.Rescan(false, call_);
  EXPECT_THAT(Add1(*model), ElementsAre(5, 9, 15, 37));
  std::filesystem::rename(Path("next"), Path("live"));
  manager_.Rescan(false, call_);
  EXPECT_THAT(Add1(*model), ElementsAre(1, 2, 3, 4));
}

TEST_F(ModelManagerTest, RescanIsNotPutOffByCallersConditions) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK_AND_ASSIGN(auto model, manager_.Find("seed"));
  WriteSeedCheckpoint(fs(), Path("model-5"), {0, 0, 0, 0}, {0, 0, 0, 0});
  RestoreOptions options;
  options.expected_generation = 999;
  EXPECT_THAT(model->Restore(options, nullptr, call_),
              HasCode(absl::StatusCode::kAborted, "999"));
  manager_.Rescan(false, call_);
  EXPECT_THAT(Add1(*model), ElementsAre(1, 2, 3, 4));
}

TEST_F(ModelManagerTest, RescanMovesToANewVersion) {
  ASSERT_OK(fs().CreateDirectory(Path("1")));
  WriteSeedModel(fs(), Path("1"));
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK(fs().CreateDirectory(Path("2")));
  WriteSeedModel(fs(), Path("2"));
  manager_.Rescan(false, call_);
  ASSERT_OK_AND_ASSIGN(auto model, manager_.Find("seed"));
  EXPECT_EQ(model->version(), 2);
  EXPECT_FALSE(manager_.Find("seed", 1).ok());
}

TEST_F(ModelManagerTest, OfSeveralVersionsTheHighestAnswers) {
  for (const char* version : {"1", "2", "10"}) {
    ASSERT_OK(fs().CreateDirectory(Path(version)));
    WriteSeedModel(fs(), Path(version));
  }
  for (const int64_t version : {10, 1, 2}) {
    ASSERT_OK(manager_.Load("m", folder(), version));
    ASSERT_OK(manager_.WaitUntilLoaded("m", version, call_));
  }
  const auto served = [&](std::optional<int64_t> version) -> int64_t {
    const auto model = manager_.Find("m", version);
    return model.ok() ? (*model)->version() : -1;
  };
  EXPECT_EQ(served({}), 10);
  EXPECT_EQ(served(1), 1);
  EXPECT_EQ(served(2), 2);
  EXPECT_EQ(served(3), -1);
  EXPECT_THAT(manager_.Load("m", folder(), 2),
              HasCode(absl::StatusCode::kFailedPrecondition, "in use"));
  EXPECT_THAT(manager_.Load("m", Path("1")),
              HasCode(absl::StatusCode::kFailedPrecondition, "in use"));
  ASSERT_OK(manager_.Unload("m", 10, -1));
  EXPECT_EQ(served({}), 2);
  ASSERT_OK(manager_.Unload("m", {}, -1));
  EXPECT_EQ(served({}), -1);
}

}  // namespace
}  // namespace metagraph
