// Whole saves, of data, meta graph and state file with retention, interrupted
// at every operation and on disks that are full at every 4 KB. Afterwards the
// folder is opened as after a restart.

#include <set>

#include "absl/strings/match.h"
#include "core/checkpoint/checkpoint_list.h"
#include "core/checkpoint/verify.h"
#include "tests/core/model/model_fixture.h"
#include "tests/support/fake_file_system.h"

namespace metagraph {
namespace {

using Loss = FakeFileSystem::Loss;
using testing::ElementsAre;
using testing::IsEmpty;

// How a save is done.
struct Way {
  const char* name;
  int shards = 1;
  bool same_name = false;  // overwrites the checkpoint that is served
  int format = 2;

  friend void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }
};

class SaveCrashTest : public testing::TestWithParam<Way> {
 protected:
  // A model of 32 KB, and one variable of a few bytes.
  static constexpr int64_t kElements = 4096;

  static tensorflow::MetaGraphDef Meta(int format) {
    TestGraph graph;
    for (const char* name : {"a", "b"}) {
      graph.Variable(name, Filled(0));
    }
    graph.Variable("c", FloatVector({0}));
    tensorflow::MetaGraphDef meta;
    *meta.mutable_saver_def() = format == 1 ? AddV1Saver(graph, {"a", "b", "c"})
                                            : AddSaver(graph, {"a", "b", "c"});
    meta.mutable_saver_def()->set_max_to_keep(2);
    *meta.mutable_graph_def() = graph.def();
    return meta;
  }
  static Tensor Filled(float value) {
    return FloatVector(std::vector<float>(kElements, value));
  }

  // A folder in which 1 and 2 were saved; the next save drops 1.
  static void Prepare(FakeFileSystem& fs) {
    const int format = GetParam().format;
    WriteMetaGraph(fs, "/d/start.meta", Meta(format));
    auto model = Open(fs);
    ASSERT_OK(model);
    for (float value : {1.0f, 2.0f}) ASSERT_OK(Save(**model, value, Way()));
    fs.Crash(Loss::kNothing);
  }

  static absl::StatusOr<std::unique_ptr<Model>> Open(FakeFileSystem& fs) {
    ModelEnvironment environment;
    environment.ops = &LinkedOps();
    environment.files = &fs;
    environment.clock = &Clock::Real();
    CallContext call;
    ASSIGN_OR_RETURN(const ModelFolder folder, FindModel(fs, "/d"));
    return Model::Load("m", folder, environment, call);
  }

  static absl::Status Save(Model& model, float value, const Way& way) {
    CallContext call;
    RETURN_IF_ERROR(model
                        .AssignVariables({{"a", Filled(value)},
                                          {"b", Filled(value)},
                                          {"c", FloatVector({value})}},
                                         -1, call)
                        .status());
    SaveOptions options;
    options.prefix = "m";
    options.global_step = way.same_name ? 2 : static_cast<int64_t>(value);
    options.shards = way.shards;
    return model.Save(options, nullptr, call).status();
  }

  // The value that all variables agree on; -1 for a mix.
  static float ValueOf(Model& model) {
    CallContext call;
    auto generation = model.Read(call);
    EXPECT_OK(generation);
    std::set<float> values;
    for (const Tensor& tensor : (*generation)->values) {
      for (const float value : tensor.values<float>()) values.insert(value);
    }
    return values.size() == 1 ? *values.begin() : -1;
  }

  // What a restart serves; everything that the folder lists must be whole.
  static float Reopened(FakeFileSystem& fs) {
    auto model = Open(fs);
    EXPECT_OK(model);
    if (!model.ok()) return -1;
    auto listed = ListCheckpoints(fs, "/d");
    EXPECT_OK(listed);
    for (const CheckpointInfo& info : *listed) {
      auto report = VerifyCheckpoint(fs, info.prefix);
      EXPECT_OK(report) << info.prefix;
      EXPECT_TRUE(report->ok()) << info.prefix;
    }
    return ValueOf(**model);
  }

  static std::vector<std::string> Strays(FakeFileSystem& fs) {
    std::vector<std::string> out;
    for (const std::string& path : fs.AllFiles()) {
      if (absl::StrContains(path, ".tempstate")) out.push_back(path);
    }
    for (const std::string& path : fs.folders()) {
      if (absl::StrContains(path, ".tempstate")) out.push_back(path);
    }
    return out;
  }
};

INSTANTIATE_TEST_SUITE_P(
    Ways, SaveCrashTest,
    testing::Values(Way{"New"}, Way{"Overwriting", 1, true}, Way{"Sharded", 2},
                    Way{"ShardedOverwriting", 2, true}, Way{"V1", 1, false, 1},
                    Way{"V1Overwriting", 1, true, 1}),
    [](const auto& way) { return way.param.name; });

TEST_P(SaveCrashTest, LeavesTheOldCheckpointOrTheNewOne) {
  for (const Loss loss : FakeFileSystem::kLosses) {
    for (int n = 0;; ++n) {
      SCOPED_TRACE(absl::StrCat("operation ", n, ", loss ", int(loss)));
      FakeFileSystem fs({"/d"});
      Prepare(fs);
      ASSERT_OK_AND_ASSIGN(auto model, Open(fs));
      fs.FailAfter(n);
      const bool saved = Save(*model, 3, GetParam()).ok();
      fs.Crash(loss);
      const float value = Reopened(fs);
      if (saved) {
        EXPECT_EQ(value, 3);
        EXPECT_GT(n, 15);
        break;
      }
      EXPECT_TRUE(value == 2 || value == 3) << value;
      // The next save goes through.
      ASSERT_OK_AND_ASSIGN(model, Open(fs));
      ASSERT_OK(Save(*model, 4, GetParam()));
      EXPECT_EQ(Reopened(fs), 4);
    }
  }
}

TEST_P(SaveCrashTest, FullDiskLeavesTheOldCheckpoint) {
  int refused = 0;
  for (int64_t room = 0;; room += 4096) {
    SCOPED_TRACE(absl::StrCat(room, " bytes left"));
    FakeFileSystem fs({"/d"});
    Prepare(fs);
    ASSERT_OK_AND_ASSIGN(auto model, Open(fs));
    const auto before = fs.AllFiles();
    fs.SetCapacity(fs.used() + room);
    const absl::Status status = Save(*model, 3, GetParam());
    if (status.ok()) break;
    ++refused;
    EXPECT_THAT(status,
                HasCode(absl::StatusCode::kResourceExhausted, "No space"));
    EXPECT_THAT(Strays(fs), IsEmpty());
    const float value = Reopened(fs);
    EXPECT_EQ(value == 3, absl::StrContains(status.message(), "whole"));
    if (value != 3) {
      EXPECT_EQ(value, 2);
      EXPECT_EQ(fs.AllFiles(), before);
    }
    EXPECT_TRUE(value == 2 || GetParam().same_name);
    // With room again a save goes through and leaves nothing behind.
    fs.SetCapacity(-1);
    ASSERT_OK(Save(*model, 4, GetParam()));
    EXPECT_EQ(Reopened(fs), 4);
    EXPECT_THAT(Strays(fs), IsEmpty());
  }
  EXPECT_GE(refused, 8);
}

}  // namespace
}  // namespace metagraph
