#include "core/model/rescanner.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "core/checkpoint/file_names.h"
#include "tensorflow/meta_graph.pb.h"
#include "tests/core/model/model_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_file_system.h"

namespace stdfs = std::filesystem;

namespace metagraph {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class RescannerTest : public ModelTest {
 protected:
  RescannerTest() : manager_(Synchronous()), rescanner_(manager_) {}

  // What is unloaded is gone at once.
  const ModelEnvironment& Synchronous() {
    environment_.lifecycle_pool = nullptr;
    return environment_;
  }

  absl::Status LoadAndWait(const std::string& name, const std::string& path,
                           std::optional<int64_t> version = {}) {
    auto loading = manager_.Load(name, path, version);
    if (!loading.ok()) return loading.status();
    return manager_.WaitUntilLoaded(name, *loading, call_);
  }
  std::string Awaited() { return manager_.List().front().awaited; }
  void WriteVersion(const std::string& version, float weight) {
    stdfs::create_directories(Path(version));
    RemoveCheckpointOf(version + "/model");
    WriteMetaGraph(fs(), Path(version + "/model.meta"), SeedMetaGraph());
    const std::vector<float> w(4, weight);
    WriteSeedCheckpoint(fs(), Path(version + "/model"), w, w);
  }
  // A checkpoint that is written over another gets other data files.
  void RemoveCheckpointOf(const std::string& prefix) {
    const std::string meta[] = {MetaGraphPath(Path(prefix))};
    ASSERT_OK(RemoveCheckpoint(fs(), Path(prefix), meta));
  }
  // The version that serves, and what W1 + W2 is in it.
  std::pair<int64_t, float> Served() {
    auto model = manager_.Find("seed");
    EXPECT_OK(model);
    if (!model.ok()) return {-1, 0};
    return {(*model)->version(), Add1(**model)[0] - 1};
  }

  // What a look had to say, warnings or the rest.
  static std::vector<std::string> Texts(const RescanReport& report,
                                        bool warnings) {
    std::vector<std::string> out;
    for (const RescanNote& note : report.notes) {
      if (note.warning == warnings) out.push_back(note.text);
    }
    return out;
  }
  std::vector<std::string> WarningsOfALook() {
    return Texts(rescanner_.Look(false, call_), true);
  }

  ModelManager manager_;
  Rescanner rescanner_;
};

TEST_F(RescannerTest, TriesAFailedLoadAgainWhenAsked) {
  ASSERT_OK(WriteFileAtomically(fs(), Path("model.meta"), "no graph"));
  EXPECT_FALSE(LoadAndWait("bad", folder()).ok());
  // Who asked for the load knows.
  EXPECT_THAT(rescanner_.Look(false, call_).notes, IsEmpty());
  EXPECT_THAT(Awaited(), HasSubstr("model.meta"));
  WriteSeedModel(fs(), folder());
  rescanner_.Look(/*retry_failed=*/true, call_);
  EXPECT_OK(manager_.Find("bad"));
}

TEST_F(RescannerTest, RestoresANewCheckpointOnce) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK_AND_ASSIGN(auto model, manager_.Find("seed"));
  const int64_t first = model->generation_number();
  rescanner_.Look(false, call_);
  EXPECT_EQ(model->generation_number(), first);
  WriteSeedCheckpoint(fs(), Path("model-5"), {0, 0, 0, 0}, {0, 0, 0, 0});
  rescanner_.Look(false, call_);
  EXPECT_THAT(Add1(*model), ElementsAre(1, 2, 3, 4));
  const int64_t second = model->generation_number();
  rescanner_.Look(false, call_);
  EXPECT_EQ(model->generation_number(), second);
  // What the model saved itself is no news to it.
  SaveOptions options;
  options.global_step = 6;
  ASSERT_OK(model->Save(options, nullptr, call_));
  rescanner_.Look(false, call_);
  EXPECT_EQ(model->generation_number(), second);
}

TEST_F(RescannerTest, AwaitsDataFilesOfACheckpoint) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK_AND_ASSIGN(auto model, manager_.Find("seed"));
  WriteSeedCheckpoint(fs(), Path("model-5"), {0, 0, 0, 0}, {0, 0, 0, 0});
  const std::string data = Path("model-5.data-00000-of-00001");
  ASSERT_OK(fs().Rename(data, Path("aside")));  // still being copied
  const int64_t first = model->generation_number();
  rescanner_.Look(false, call_);
  EXPECT_EQ(model->generation_number(), first);
  EXPECT_THAT(Awaited(), HasSubstr("model-5.data-00000-of-00001"));
  ASSERT_OK(fs().Rename(Path("aside"), data));
  rescanner_.Look(false, call_);
  EXPECT_THAT(Add1(*model), ElementsAre(1, 2, 3, 4));
}

TEST_F(RescannerTest, FollowsASlowCopy) {
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
    rescanner_.Look(false, call_);
  }
  EXPECT_THAT(Add1(*model), ElementsAre(1, 2, 3, 4));
}

TEST_F(RescannerTest, LoadsAGraphThatWasHalfThere) {
  WriteSeedModel(fs(), folder());
  auto bytes = ReadFile(fs(), Path("model.meta"));
  ASSERT_OK(bytes);
  std::ofstream(Path("model.meta"), std::ios::binary)
      << bytes->substr(0, bytes->size() / 2);
  EXPECT_FALSE(LoadAndWait("seed", folder()).ok());
  rescanner_.Look(false, call_);
  EXPECT_FALSE(manager_.Find("seed").ok());
  std::ofstream(Path("model.meta"), std::ios::binary) << *bytes;
  rescanner_.Look(false, call_);
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

TEST_F(RescannerTest, LeavesTheModelsOwnSaveAlone) {
  WatchedFileSystem files({"/d"});
  WriteSeedModel(files, "/d");
  environment_.files = &files;
  ModelManager manager(environment_);
  ASSERT_OK(manager.Load("seed", "/d"));
  ASSERT_OK(manager.WaitUntilLoaded("seed", 0, call_));
  ASSERT_OK_AND_ASSIGN(auto model, manager.Find("seed"));
  Rescanner rescanner(manager);
  const int64_t generation = model->generation_number();
  int looks = 0;
  files.after_rename = [&] {
    ++looks;
    rescanner.Look(false, call_);
  };
  SaveOptions options;
  options.global_step = 7;
  ASSERT_OK(model->Save(options, nullptr, call_));
  EXPECT_EQ(looks, 4) << "data, index, meta graph, state file";
  EXPECT_EQ(model->generation_number(), generation);
}

TEST_F(RescannerTest, FollowsAFolderThatIsRenamed) {
  ASSERT_OK(fs().CreateDirectory(Path("live")));
  ASSERT_OK(fs().CreateDirectory(Path("next")));
  WriteSeedModel(fs(), Path("live"));
  ASSERT_OK(LoadAndWait("seed", Path("live")));
  ASSERT_OK_AND_ASSIGN(auto model, manager_.Find("seed"));
  WriteSeedModel(fs(), Path("next"));
  WriteSeedCheckpoint(fs(), Path("next/model"), {0, 0, 0, 0}, {0, 0, 0, 0});
  // Between the two renames there is nothing.
  std::filesystem::rename(Path("live"), Path("old"));
  rescanner_.Look(false, call_);
  EXPECT_THAT(Add1(*model), ElementsAre(5, 9, 15, 37));
  std::filesystem::rename(Path("next"), Path("live"));
  rescanner_.Look(false, call_);
  EXPECT_THAT(Add1(*model), ElementsAre(1, 2, 3, 4));
}

TEST_F(RescannerTest, IsNotPutOffByCallersConditions) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK_AND_ASSIGN(auto model, manager_.Find("seed"));
  WriteSeedCheckpoint(fs(), Path("model-5"), {0, 0, 0, 0}, {0, 0, 0, 0});
  RestoreOptions options;
  options.expected_generation = 999;
  EXPECT_THAT(model->Restore(options, nullptr, call_),
              HasCode(absl::StatusCode::kAborted, "999"));
  rescanner_.Look(false, call_);
  EXPECT_THAT(Add1(*model), ElementsAre(1, 2, 3, 4));
}

TEST_F(RescannerTest, MovesToANewVersion) {
  ASSERT_OK(fs().CreateDirectory(Path("1")));
  WriteSeedModel(fs(), Path("1"));
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK(fs().CreateDirectory(Path("2")));
  WriteSeedModel(fs(), Path("2"));
  rescanner_.Look(false, call_);
  ASSERT_OK_AND_ASSIGN(auto model, manager_.Find("seed"));
  EXPECT_EQ(model->version(), 2);
  EXPECT_FALSE(manager_.Find("seed", 1).ok());
}

// Every order in which the files of a SavedModel can come, and with the data
// growing.
TEST_F(RescannerTest, KeepsTheNewestAndThoseWithALabel) {
  WriteVersion("1", 1);
  WriteVersion("2", 2);
  ASSERT_OK(LoadAndWait("seed", folder()));
  manager_.SetPolicy("seed", {2, {}});
  rescanner_.Look(false, call_);
  EXPECT_OK(manager_.Find("seed", 1));
  ASSERT_OK(manager_.SetLabels("seed", {{"stable", 1}}));
  EXPECT_THAT(manager_.SetLabels("seed", {{"stable", 2}, {"next", 3}}),
              HasCode(absl::StatusCode::kFailedPrecondition, "\"next\""));
  WriteVersion("3", 3);
  WriteVersion("4", 4);
  rescanner_.Look(false, call_);
  EXPECT_OK(manager_.Find("seed", 4));
  EXPECT_OK(manager_.Find("seed", 3));
  EXPECT_FALSE(manager_.Find("seed", 2).ok());
  ASSERT_OK_AND_ASSIGN(const auto stable, manager_.Find("seed@stable"));
  EXPECT_EQ(stable->version(), 1);
  ASSERT_OK(manager_.SetLabels("seed", {}));
  rescanner_.Look(false, call_);
  EXPECT_FALSE(manager_.Find("seed", 1).ok());
}

TEST_F(RescannerTest, AwaitsAVersionUntilItIsWhole) {
  const auto write_saved_model = [&](const std::string& path, float weight) {
    tensorflow::SavedModel saved;
    saved.set_saved_model_schema_version(1);
    *saved.add_meta_graphs() = SeedMetaGraph();
    auto* asset = saved.mutable_meta_graphs(0)->add_asset_file_def();
    asset->mutable_tensor_info()->set_name("save/filename/input:0");
    asset->set_filename("words");
    stdfs::remove_all(path);
    stdfs::create_directories(path + "/variables");
    stdfs::create_directories(path + "/assets");
    ASSERT_OK(WriteFileAtomically(fs(), path + "/saved_model.pb",
                                  saved.SerializeAsString()));
    ASSERT_OK(WriteFileAtomically(fs(), path + "/assets/words", "a"));
    const std::vector<float> w(4, weight);
    WriteCheckpoint(fs(), path + "/variables/variables",
                    {{"Variable", FloatVector(w)},
                     {"W1", FloatVector(w)},
                     {"W2", FloatVector(w)}});
  };
  write_saved_model(Path("1"), 1);
  ASSERT_OK(LoadAndWait("seed", folder()));
  std::vector<std::string> files = {"assets/words", "saved_model.pb",
                                    "variables/variables.data-00000-of-00001",
                                    "variables/variables.index"};
  int64_t version = 1;
  do {
    const float weight = static_cast<float>(++version);
    write_saved_model(Path("next"), weight);
    const std::string to = Path(std::to_string(version));
    stdfs::create_directories(to + "/variables");
    stdfs::create_directories(to + "/assets");
    for (const std::string& file : files) {
      ASSERT_OK_AND_ASSIGN(std::string bytes,
                           ReadFile(fs(), Path("next/" + file)));
      for (const size_t part : {bytes.size() / 2, bytes.size()}) {
        if (part == 0) continue;  // an asset's size is not known
        EXPECT_EQ(Served(), std::make_pair(version - 1, 2 * (weight - 1)))
            << "before " << file;
        std::ofstream(to + "/" + file, std::ios::binary)
            << bytes.substr(0, part);
        EXPECT_THAT(WarningsOfALook(), IsEmpty()) << file;
        const bool whole = file == files.back() && part == bytes.size();
        EXPECT_EQ(Awaited().empty(), whole) << file << Awaited();
      }
    }
    EXPECT_EQ(Served(), std::make_pair(version, 2 * weight));
  } while (std::next_permutation(files.begin(), files.end()));
}

TEST_F(RescannerTest, SaysWhatIsAwaitedOnceForEachCause) {
  WriteVersion("1", 1);
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK(fs().CreateDirectory(Path("2")));
  WriteMetaGraph(fs(), Path("2/model.meta"), SeedMetaGraph());
  EXPECT_THAT(Texts(rescanner_.Look(false, call_), false),
              ElementsAre(HasSubstr("version 2")));
  EXPECT_THAT(Awaited(), HasSubstr("no checkpoint"));
  EXPECT_THAT(rescanner_.Look(false, call_).notes, IsEmpty());
  EXPECT_THAT(Awaited(), HasSubstr("no checkpoint"));
  WriteVersion("2", 2);
  EXPECT_THAT(Texts(rescanner_.Look(false, call_), false),
              ElementsAre(HasSubstr("version 2 is served"),
                          HasSubstr("version 1 is unloaded")));
  EXPECT_THAT(Awaited(), IsEmpty());
}

TEST_F(RescannerTest, ServesTheHighestVersionThatRemains) {
  for (const char* version : {"1", "2", "3"}) {
    WriteVersion(version, static_cast<float>(version[0] - '0'));
  }
  ASSERT_OK(LoadAndWait("seed", folder()));
  EXPECT_EQ(Served(), std::make_pair(int64_t{3}, 6.0f));
  // Removed file by file.
  ASSERT_OK(fs().Remove(Path("3/model.meta")));
  rescanner_.Look(false, call_);
  EXPECT_EQ(Served(), std::make_pair(int64_t{3}, 6.0f));
  stdfs::remove_all(Path("3"));
  rescanner_.Look(false, call_);
  EXPECT_EQ(Served(), std::make_pair(int64_t{2}, 4.0f));
  EXPECT_THAT(manager_.List(), SizeIs(1));
  stdfs::rename(Path("2"), Path("aside"));
  rescanner_.Look(false, call_);
  EXPECT_EQ(Served(), std::make_pair(int64_t{1}, 2.0f));
  // Nothing is left: it serves on, and says so once.
  stdfs::remove_all(Path("1"));
  EXPECT_THAT(WarningsOfALook(),
              ElementsAre(HasSubstr("goes on serving from memory")));
  EXPECT_THAT(WarningsOfALook(), IsEmpty());
  EXPECT_EQ(Served(), std::make_pair(int64_t{1}, 2.0f));
  stdfs::rename(Path("aside"), Path("2"));
  rescanner_.Look(false, call_);
  EXPECT_EQ(Served(), std::make_pair(int64_t{2}, 4.0f));
}

TEST_F(RescannerTest, VersionsThatWereAskedForByNumberStay) {
  WriteVersion("1", 1);
  WriteVersion("2", 2);
  ASSERT_OK(LoadAndWait("seed", folder(), 1));
  rescanner_.Look(false, call_);
  EXPECT_EQ(Served().first, 1);
  stdfs::remove_all(Path("1"));
  EXPECT_THAT(WarningsOfALook(), ElementsAre(HasSubstr("version 1 is gone")));
  EXPECT_EQ(Served(), std::make_pair(int64_t{1}, 2.0f));
}

TEST_F(RescannerTest, AVersionThatWasUnloadedByNumberIsNotLoadedAgain) {
  WriteVersion("1", 1);
  WriteVersion("2", 2);
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK(manager_.Unload("seed", 2, -1));
  rescanner_.Look(false, call_);
  EXPECT_EQ(Served().first, 1);
  ASSERT_OK(LoadAndWait("seed", folder(), 2));
  rescanner_.Look(false, call_);
  EXPECT_EQ(Served().first, 2);
}

TEST_F(RescannerTest, AVersionThatCannotBeLoadedIsTriedOnceAndNamed) {
  WriteVersion("1", 1);
  ASSERT_OK(LoadAndWait("seed", folder()));
  WriteVersion("2", 2);
  ASSERT_OK(WriteFileAtomically(fs(), Path("2/model.data-00000-of-00001"),
                                std::string(48, 'x')));
  EXPECT_THAT(WarningsOfALook(), ElementsAre(HasSubstr("could not be loaded")));
  const int64_t serial = manager_.List().back().serial;
  EXPECT_THAT(WarningsOfALook(), IsEmpty());
  EXPECT_EQ(manager_.List().back().serial, serial);
  EXPECT_EQ(Served().first, 1);
  EXPECT_THAT(Awaited(), HasSubstr("DATA_LOSS"));
  WriteVersion("2", 2);
  rescanner_.Look(false, call_);
  EXPECT_EQ(Served().first, 2);
}

TEST_F(RescannerTest, AFailedRestoreIsSaidOnceForEachCause) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK(LoadAndWait("seed", folder()));
  for (const char* prefix : {"model-5", "model-6"}) {
    WriteSeedCheckpoint(fs(), Path(prefix), {0, 0, 0, 0}, {0, 0, 0, 0});
    ASSERT_OK(WriteFileAtomically(
        fs(), Path(std::string(prefix) + ".data-00000-of-00001"),
        std::string(48, 'x')));
    EXPECT_THAT(WarningsOfALook(), ElementsAre(HasSubstr("DATA_LOSS")));
    EXPECT_THAT(WarningsOfALook(), IsEmpty());
  }
  EXPECT_THAT(rescanner_.Look(/*retry_failed=*/true, call_).notes, IsEmpty());
  // Mended, and broken once more.
  WriteSeedCheckpoint(fs(), Path("model-6"), {0, 0, 0, 0}, {0, 0, 0, 0});
  EXPECT_THAT(WarningsOfALook(), IsEmpty());
  RemoveCheckpointOf("model-6");
  WriteSeedCheckpoint(fs(), Path("model-6"), {0, 0, 0, 0}, {0, 0, 0, 0});
  ASSERT_OK(WriteFileAtomically(fs(), Path("model-6.data-00000-of-00001"),
                                std::string(48, 'x')));
  EXPECT_THAT(WarningsOfALook(), ElementsAre(HasSubstr("DATA_LOSS")));
}

// As if the disk did not answer.
class FailingFileSystem : public FakeFileSystem {
 public:
  using FakeFileSystem::FakeFileSystem;
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForReading(
      const std::string& path) override {
    ASSIGN_OR_RETURN(auto file, FakeFileSystem::OpenForReading(path));
    if (path.find(".data-") == std::string::npos) return file;
    return std::make_unique<File>(std::move(file), *this);
  }
  bool failing = false;
  absl::Status error = absl::UnknownError("; Input/output error");

 private:
  class File final : public RandomAccessFile {
   public:
    File(std::unique_ptr<RandomAccessFile> file, const FailingFileSystem& disk)
        : file_(std::move(file)), disk_(disk) {}
    absl::Status Read(uint64_t offset, size_t size, void* out) const override {
      if (disk_.failing) return disk_.error;
      return file_->Read(offset, size, out);
    }
    uint64_t size() const override { return file_->size(); }

   private:
    const std::unique_ptr<RandomAccessFile> file_;
    const FailingFileSystem& disk_;
  };
};

// Each read takes a minute, where it is told so.
class SlowFileSystem : public FakeFileSystem {
 public:
  SlowFileSystem(std::initializer_list<std::string> folders, FakeClock& clock)
      : FakeFileSystem(folders), clock_(clock) {}
  absl::StatusOr<std::unique_ptr<RandomAccessFile>> OpenForReading(
      const std::string& path) override {
    if (absl::StartsWith(path, slow_folder)) clock_.Advance(absl::Minutes(2));
    return FakeFileSystem::OpenForReading(path);
  }
  absl::StatusOr<std::vector<std::string>> List(
      const std::string& path) override {
    if (path == slow_list) clock_.Advance(absl::Minutes(2));
    return FakeFileSystem::List(path);
  }
  std::string slow_folder = "none";
  std::string slow_list = "none";

 private:
  FakeClock& clock_;
};

TEST_F(RescannerTest, ALongLookAtOneModelIsEndedAndTheOthersHaveTheirTurn) {
  FakeClock clock;
  SlowFileSystem files({"/a", "/b"}, clock);
  WriteSeedModel(files, "/a");
  WriteSeedModel(files, "/b");
  environment_.files = &files;
  environment_.clock = &clock;
  ModelManager manager(environment_);
  Rescanner rescanner(manager);
  for (const char* name : {"a", "b"}) {
    ASSERT_OK(manager.Load(name, absl::StrCat("/", name)));
    ASSERT_OK(manager.WaitUntilLoaded(name, 0, call_));
  }
  const auto step = [&](const char* name) {
    auto model = manager.Find(name);
    EXPECT_OK(model);
    return (*model)->Peek()->checkpoint;
  };
  for (const char* prefix : {"/a/model-5", "/b/model-5"}) {
    WriteSeedCheckpoint(files, prefix, {0, 0, 0, 0}, {0, 0, 0, 0});
  }
  files.slow_folder = "/a";
  clock.Advance(absl::Hours(1));
  EXPECT_THAT(Texts(rescanner.Look(false, call_), true),
              ElementsAre(HasSubstr("took longer than 1m: given up")));
  EXPECT_EQ(step("a"), "/a/model");
  EXPECT_EQ(step("b"), "/b/model-5");
  // Not again at once, but when somebody asks, or some time later.
  const absl::Time before = clock.Now();
  rescanner.Look(false, call_);
  EXPECT_EQ(clock.Now(), before);
  EXPECT_THAT(Texts(rescanner.Look(true, call_), true),
              ElementsAre(HasSubstr("given up")));
  files.slow_folder = "none";
  clock.Advance(absl::Minutes(11));
  rescanner.Look(false, call_);
  rescanner.Look(false, call_);
  EXPECT_EQ(step("a"), "/a/model-5");
}

// It has not come to the versions: they are neither gone nor unsettled.
TEST_F(RescannerTest, ALookThatIsEndedSaysNothingOfWhatItDidNotSee) {
  for (const absl::Duration settle : {absl::ZeroDuration(), absl::Seconds(1)}) {
    FakeClock clock;
    SlowFileSystem files({"/a", "/a/1"}, clock);
    WriteSeedModel(files, "/a/1");
    environment_.files = &files;
    environment_.clock = &clock;
    ModelManager manager(environment_);
    Rescanner rescanner(manager, {.settle = settle});
    ASSERT_OK(manager.Load("a", "/a"));
    ASSERT_OK(manager.WaitUntilLoaded("a", 1, call_));
    clock.Advance(absl::Hours(1));
    rescanner.Look(false, call_);
    files.slow_list = "/a";
    const RescanReport report = rescanner.Look(false, call_);
    EXPECT_THAT(Texts(report, true), ElementsAre(HasSubstr("given up")));
    EXPECT_FALSE(report.unsettled);
  }
}

TEST_F(RescannerTest, OnlyWhoAsksEndsThePauseOfASlowModel) {
  FakeClock clock;
  SlowFileSystem files({"/a"}, clock);
  WriteSeedModel(files, "/a");
  environment_.files = &files;
  environment_.clock = &clock;
  ModelManager manager(environment_);
  Rescanner rescanner(manager);
  ASSERT_OK(manager.Load("a", "/a"));
  ASSERT_OK(manager.WaitUntilLoaded("a", 0, call_));
  files.slow_list = "/a";
  rescanner.Look(false, call_);
  const absl::Time before = clock.Now();
  rescanner.Look(true, call_, /*is_second=*/true);
  EXPECT_EQ(clock.Now(), before);
  rescanner.Look(true, call_);
  EXPECT_GT(clock.Now(), before);
  // Nor is it of another model that has its name.
  ASSERT_OK(manager.Unload("a", {}, -1));
  rescanner.Look(false, call_);
  files.slow_list = "none";
  ASSERT_OK(manager.Load("a", "/a"));
  ASSERT_OK(manager.WaitUntilLoaded("a", 0, call_));
  WriteSeedCheckpoint(files, "/a/model-5", {0, 0, 0, 0}, {0, 0, 0, 0});
  rescanner.Look(false, call_);
  ASSERT_OK_AND_ASSIGN(auto model, manager.Find("a"));
  EXPECT_EQ(model->Peek()->checkpoint, "/a/model-5");
}

TEST_F(RescannerTest, ADiskThatFailsIsTriedAgainAndSaidOnce) {
  FailingFileSystem files({"/d"});
  WriteSeedModel(files, "/d");
  environment_.files = &files;
  ModelManager manager(environment_);
  Rescanner rescanner(manager);
  ASSERT_OK(manager.Load("seed", "/d"));
  ASSERT_OK(manager.WaitUntilLoaded("seed", 0, call_));
  ASSERT_OK_AND_ASSIGN(auto model, manager.Find("seed"));
  WriteSeedCheckpoint(files, "/d/model-5", {0, 0, 0, 0}, {0, 0, 0, 0});
  files.failing = true;
  EXPECT_THAT(Texts(rescanner.Look(false, call_), true),
              ElementsAre(HasSubstr("Input/output error")));
  EXPECT_THAT(rescanner.Look(false, call_).notes, IsEmpty());
  files.failing = false;
  // A trial by hand is no news either.
  RestoreOptions trial;
  trial.mode = RestoreMode::kDryRun;
  ASSERT_OK(model->Restore(trial, nullptr, call_));
  rescanner.Look(false, call_);
  EXPECT_THAT(Add1(*model), ElementsAre(1, 2, 3, 4));
}

// A restore that another try may save is tried again after a while only.
TEST_F(RescannerTest, AFailedRestoreIsNotTriedAtEveryLook) {
  FailingFileSystem files({"/d"});
  FakeClock clock;
  WriteSeedModel(files, "/d");
  environment_.files = &files;
  environment_.clock = &clock;
  ModelManager manager(environment_);
  Rescanner rescanner(manager, {false, absl::Seconds(1)});
  ASSERT_OK(manager.Load("seed", "/d"));
  WriteSeedCheckpoint(files, "/d/model-5", {0, 0, 0, 0}, {0, 0, 0, 0});
  int tries = 0;
  const int64_t token =
      manager.events().Subscribe([&tries](const ModelEvent& event) {
        if (event.kind == ModelEvent::Kind::kRestore) ++tries;
      });
  files.failing = true;
  files.error = absl::ResourceExhaustedError("in use 1");
  clock.Advance(absl::Hours(1));
  EXPECT_THAT(Texts(rescanner.Look(false, call_), true),
              ElementsAre(HasSubstr("in use 1")));
  EXPECT_EQ(tries, 1);
  // Another text of the same cause.
  files.error = absl::ResourceExhaustedError("in use 2");
  for (int look = 0; look < 3; ++look) {
    clock.Advance(absl::Seconds(2));
    EXPECT_THAT(rescanner.Look(false, call_).notes, IsEmpty());
  }
  EXPECT_EQ(tries, 1);
  clock.Advance(absl::Minutes(1));
  EXPECT_THAT(rescanner.Look(false, call_).notes, IsEmpty());
  EXPECT_EQ(tries, 2);
  files.failing = false;
  clock.Advance(absl::Minutes(1));
  EXPECT_THAT(Texts(rescanner.Look(false, call_), false),
              ElementsAre(HasSubstr("is restored")));
  manager.events().Unsubscribe(token);
}

// Who stops the daemon is told of no failure.
TEST_F(RescannerTest, ALoadThatIsCutOffIsNoFailure) {
  WriteVersion("1", 1);
  ASSERT_OK(LoadAndWait("seed", folder()));
  WriteVersion("2", 2);
  CallContext stopping;
  const int64_t token =
      manager_.events().Subscribe([&stopping](const ModelEvent& event) {
        if (event.version == 2) stopping.Cancel();
      });
  ASSERT_OK(WriteFileAtomically(fs(), Path("2/model.data-00000-of-00001"),
                                std::string(48, 'x')));
  EXPECT_THAT(Texts(rescanner_.Look(false, stopping), true), IsEmpty());
  EXPECT_THAT(manager_.List(), SizeIs(2));
  manager_.events().Unsubscribe(token);
  EXPECT_THAT(WarningsOfALook(), ElementsAre(HasSubstr("DATA_LOSS")));
}

TEST_F(RescannerTest, AVersionOnADiskThatFailsIsTriedAgain) {
  FailingFileSystem files({"/d", "/d/1", "/d/2"});
  WriteSeedModel(files, "/d/1");
  environment_.files = &files;
  ModelManager manager(environment_);
  Rescanner rescanner(manager);
  ASSERT_OK(manager.Load("seed", "/d"));
  WriteSeedModel(files, "/d/2");
  files.failing = true;
  EXPECT_THAT(Texts(rescanner.Look(false, call_), true),
              ElementsAre(HasSubstr("Input/output error")));
  EXPECT_THAT(rescanner.Look(false, call_).notes, IsEmpty());
  files.failing = false;
  rescanner.Look(false, call_);
  ASSERT_OK_AND_ASSIGN(auto model, manager.Find("seed"));
  EXPECT_EQ(model->version(), 2);
}

TEST_F(RescannerTest, AwaitsTheCheckpointThatTheStateFileNames) {
  WriteSeedModel(fs(), folder());
  ASSERT_OK(LoadAndWait("seed", folder()));
  ASSERT_OK(WriteFileAtomically(fs(), Path("checkpoint"),
                                "model_checkpoint_path: \"model-5\"\n"
                                "all_model_checkpoint_paths: \"model\"\n"
                                "all_model_checkpoint_paths: \"model-5\""));
  EXPECT_THAT(Texts(rescanner_.Look(false, call_), false),
              ElementsAre(HasSubstr("\"model-5\"")));
  EXPECT_THAT(Awaited(), HasSubstr("not there yet"));
  WriteSeedCheckpoint(fs(), Path("model-5"), {0, 0, 0, 0}, {0, 0, 0, 0});
  rescanner_.Look(false, call_);
  EXPECT_THAT(Awaited(), IsEmpty());
  EXPECT_EQ(Served(), std::make_pair(int64_t{0}, 0.0f));
}

// As rsync, scp, browsers and object stores name files until they are whole.
TEST_F(RescannerTest, TemporaryNamesAreNoModelAndNoCheckpoint) {
  WriteVersion("1", 1);
  WriteVersion("next", 2);
  ASSERT_OK(LoadAndWait("seed", folder()));
  for (const char* name :
       {".2.Xa8f2Q", "2.part", "2.tmp", "2._COPYING_", "~2", "2~"}) {
    stdfs::copy(Path("next"), Path(name));
  }
  EXPECT_THAT(rescanner_.Look(false, call_).notes, IsEmpty());
  ASSERT_OK(fs().CreateDirectory(Path("2")));
  for (const char* name : {".model.meta", "model.meta.part", "model.meta.tmp",
                           ".model.meta.Q2x"}) {
    stdfs::copy(Path("next/model.meta"), Path("2/") + name);
    rescanner_.Look(false, call_);
    EXPECT_THAT(Awaited(), HasSubstr("no model in")) << name;
  }
  for (const char* name : {"model.index", "model.data-00000-of-00001"}) {
    stdfs::copy(Path("next/") + name, Path("1/.") + name + ".Xa8f2Q");
    stdfs::copy(Path("next/") + name, Path("1/") + name + ".part");
  }
  EXPECT_THAT(WarningsOfALook(), IsEmpty());
  EXPECT_EQ(Served(), std::make_pair(int64_t{1}, 2.0f));
}

// Time moves only when the test says so.
class SteppingClock final : public Clock {
 public:
  absl::Time Now() override { return now; }
  absl::Time now = Clock::Real().Now();
};

TEST_F(RescannerTest, FilesThatWereJustChangedAreLeftAlone) {
  SteppingClock clock;
  environment_.clock = &clock;
  ModelManager manager(environment_);
  Rescanner rescanner(manager, {false, absl::Seconds(10)});
  WriteVersion("1", 1);
  ASSERT_OK(manager.Load("seed", folder()));
  ASSERT_OK(manager.WaitUntilLoaded("seed", 1, call_));
  const auto version = [&] {
    auto model = manager.Find("seed");
    return model.ok() ? (*model)->version() : -1;
  };
  WriteVersion("2", 2);
  EXPECT_TRUE(rescanner.Look(false, call_).unsettled);
  EXPECT_THAT(manager.List().front().awaited, HasSubstr("still changing"));
  clock.now += absl::Seconds(9);
  std::ofstream(Path("2/model.meta"), std::ios::app) << "";
  stdfs::last_write_time(Path("2/model.meta"),
                         stdfs::file_time_type::clock::now() +
                             std::chrono::hours(1));  // another clock
  EXPECT_TRUE(rescanner.Look(false, call_).unsettled);
  clock.now += absl::Seconds(9);
  EXPECT_TRUE(rescanner.Look(false, call_).unsettled);
  EXPECT_EQ(version(), 1);
  clock.now += absl::Seconds(1);
  EXPECT_FALSE(rescanner.Look(false, call_).unsettled);
  EXPECT_EQ(version(), 2);
  // A folder that is swapped is gone for a moment.
  WriteVersion("1", 1);
  stdfs::rename(Path("2"), Path("aside"));
  clock.now += absl::Hours(1);
  EXPECT_TRUE(rescanner.Look(false, call_).unsettled);
  EXPECT_EQ(version(), 2);
  stdfs::rename(Path("aside"), Path("2"));
  clock.now += absl::Hours(1);
  rescanner.Look(false, call_);
  EXPECT_EQ(version(), 2);
}

TEST_F(RescannerTest, AVersionThatCameBackHasItsTimeAgainWhenItGoes) {
  SteppingClock clock;
  environment_.clock = &clock;
  ModelManager manager(environment_);
  Rescanner rescanner(manager, {false, absl::Seconds(10)});
  WriteVersion("1", 1);
  WriteVersion("2", 2);
  const auto load = [&] {
    ASSERT_OK(manager.Load("seed", folder()));
    ASSERT_OK(manager.WaitUntilLoaded("seed", 2, call_));
  };
  const auto version = [&] {
    auto model = manager.Find("seed");
    return model.ok() ? (*model)->version() : -1;
  };
  load();
  stdfs::rename(Path("2"), Path("aside"));
  clock.now += absl::Hours(1);
  EXPECT_TRUE(rescanner.Look(false, call_).unsettled);
  clock.now += absl::Hours(1);
  rescanner.Look(false, call_);
  EXPECT_EQ(version(), 1);
  // It comes and goes between two looks.
  stdfs::rename(Path("aside"), Path("2"));
  load();
  stdfs::rename(Path("2"), Path("aside"));
  clock.now += absl::Hours(1);
  EXPECT_TRUE(rescanner.Look(false, call_).unsettled);
  EXPECT_EQ(version(), 2);
}

// The seed model, but y is add1 times ten.
tensorflow::MetaGraphDef OtherGraph() {
  tensorflow::MetaGraphDef meta = SeedMetaGraph();
  for (auto& node : *meta.mutable_graph_def()->mutable_node()) {
    if (node.name() == "add1") node.set_op("Mul");
  }
  return meta;
}

class GraphRescanTest : public RescannerTest {
 protected:
  void SetUp() override {
    WriteSeedModel(fs(), folder());
    ASSERT_OK(LoadAndWait("seed", folder()));
  }
  std::vector<float> Answer() {
    auto model = manager_.Find("seed");
    EXPECT_OK(model);
    return model.ok() ? Add1(**model) : std::vector<float>();
  }
  void WriteOtherGraph() {
    WriteMetaGraph(fs(), Path("model.meta"), OtherGraph());
  }
  void WriteOtherWeights() {
    RemoveCheckpointOf("model");
    WriteSeedCheckpoint(fs(), Path("model"), {1, 1, 1, 1}, {2, 2, 2, 2});
  }

  Rescanner with_graphs_{manager_, {/*watch_graph=*/true, {}}};
};

TEST_F(GraphRescanTest, SaysOnceWhatToDoAboutAnotherGraph) {
  WriteOtherGraph();
  EXPECT_THAT(WarningsOfALook(), ElementsAre(testing::AllOf(
                                     HasSubstr("node \"add1\" differs in op"),
                                     HasSubstr("--watch_graph"),
                                     HasSubstr("metagraphctl load seed"))));
  EXPECT_THAT(Awaited(), HasSubstr("--watch_graph"));
  EXPECT_THAT(WarningsOfALook(), IsEmpty());
  // Nor is every further checkpoint of it a cause of its own.
  WriteMetaGraph(fs(), Path("model-5.meta"), OtherGraph());
  WriteSeedCheckpoint(fs(), Path("model-5"), {1, 3, 10, 15}, {3, 4, 2, 18});
  EXPECT_THAT(WarningsOfALook(), IsEmpty());
  EXPECT_THAT(Answer(), ElementsAre(5, 9, 15, 37));
}

// A saver writes the meta graph with every checkpoint.
TEST_F(GraphRescanTest, TheSameGraphWrittenAgainIsNoNews) {
  tensorflow::MetaGraphDef meta = SeedMetaGraph();
  meta.mutable_meta_info_def()->set_tensorflow_version("2.21.0");
  (*meta.mutable_collection_def())["more"].mutable_bytes_list()->add_value("x");
  WriteMetaGraph(fs(), Path("model.meta"), meta);
  WriteOtherWeights();
  ASSERT_OK_AND_ASSIGN(auto model, manager_.Find("seed"));
  EXPECT_THAT(Texts(with_graphs_.Look(false, call_), true), IsEmpty());
  EXPECT_EQ(*manager_.Find("seed"), model);
  EXPECT_THAT(Answer(), ElementsAre(4, 5, 6, 7));
}

TEST_F(GraphRescanTest, TakesAnotherGraphWithItsWeights) {
  ASSERT_OK_AND_ASSIGN(auto before, manager_.Find("seed"));
  WriteOtherGraph();
  with_graphs_.Look(false, call_);
  // Its weights have not come yet, though the old ones fit.
  EXPECT_THAT(Awaited(), HasSubstr("has not changed"));
  EXPECT_THAT(Answer(), ElementsAre(5, 9, 15, 37));
  WriteOtherWeights();
  EXPECT_THAT(Texts(with_graphs_.Look(false, call_), false),
              ElementsAre(HasSubstr("is served with the graph of")));
  EXPECT_THAT(Answer(), ElementsAre(4, 6, 8, 10));
  EXPECT_THAT(Awaited(), IsEmpty());
  EXPECT_THAT(with_graphs_.Look(false, call_).notes, IsEmpty());
  // Who still holds the old one keeps it.
  EXPECT_THAT(Add1(*before), ElementsAre(5, 9, 15, 37));
  before.reset();
  EXPECT_THAT(manager_.List(), SizeIs(1));
  EXPECT_OK(manager_.Unload("seed", {}, -1));
}

TEST_F(GraphRescanTest, TakesAnotherGraphWithTheOldWeightsWhenAsked) {
  WriteOtherGraph();
  with_graphs_.Look(/*retry_failed=*/true, call_);
  EXPECT_THAT(Answer(), ElementsAre(6, 20, 26, 342));
}

TEST_F(GraphRescanTest, AGraphThatCannotBeLoadedChangesNothing) {
  WriteOtherGraph();
  WriteOtherWeights();
  ASSERT_OK(WriteFileAtomically(fs(), Path("model.data-00000-of-00001"),
                                std::string(48, 'x')));
  EXPECT_THAT(Texts(with_graphs_.Look(false, call_), true),
              ElementsAre(HasSubstr("could not be loaded")));
  EXPECT_THAT(Texts(with_graphs_.Look(false, call_), true), IsEmpty());
  EXPECT_THAT(Answer(), ElementsAre(5, 9, 15, 37));
  WriteOtherWeights();
  with_graphs_.Look(false, call_);
  EXPECT_THAT(Answer(), ElementsAre(4, 6, 8, 10));
}

TEST_F(GraphRescanTest, AHalfWrittenGraphIsAwaited) {
  const std::string bytes = OtherGraph().SerializeAsString();
  std::ofstream(Path("model.meta"), std::ios::binary)
      << bytes.substr(0, bytes.size() / 2);
  WriteOtherWeights();
  with_graphs_.Look(false, call_);
  EXPECT_THAT(Awaited(), HasSubstr("not whole"));
  EXPECT_THAT(Answer(), ElementsAre(5, 9, 15, 37));
  WriteOtherGraph();
  with_graphs_.Look(false, call_);
  EXPECT_THAT(Answer(), ElementsAre(4, 6, 8, 10));
}

}  // namespace
}  // namespace metagraph
