#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/model/model.h"
#include "core/model/model_manager.h"
#include "gmock/gmock.h"
#include "tests/support/seed_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tensors.h"

namespace metagraph {

// As AddSaver, but a saver from before SaveV2.
inline tensorflow::SaverDef AddV1Saver(TestGraph& graph,
                                       const std::vector<std::string>& names) {
  graph.Const("save/Const", Tensor::Scalar<std::string>("model"));
  std::vector<std::string> assigned;
  for (const std::string& name : names) {
    const std::string scope = "save/" + name + "/";
    graph.Const(scope + "name", Tensor::Scalar<std::string>(name));
    graph.Node(scope + "restore", "Restore", {"save/Const", scope + "name"},
               {{"dt", DT_FLOAT}, {"preferred_shard", int64_t{-1}}});
    graph.Node(scope + "Assign", "Assign", {name, scope + "restore"},
               {{"T", DT_FLOAT}, {"validate_shape", true}});
    assigned.push_back("^" + scope + "Assign");
  }
  graph.Node("save/restore_all", "NoOp", assigned);
  tensorflow::SaverDef saver;
  saver.set_filename_tensor_name("save/Const:0");
  saver.set_restore_op_name("save/restore_all");
  saver.set_max_to_keep(2);
  return saver;
}

inline const OpRegistry& LinkedOps() {
  static const auto* registry = OpRegistry::Create()->release();
  return *registry;
}

// A folder for one model, and what a model needs.
class ModelTest : public testing::Test {
 protected:
  ModelTest() {
    environment_.ops = &LinkedOps();
    environment_.files = &fs();
    environment_.clock = &Clock::Real();
    environment_.lifecycle_pool = &pool_;
  }

  static FileSystem& fs() { return FileSystem::Posix(); }
  std::string folder() const { return dir_.path(); }
  std::string Path(const std::string& name) const { return dir_.Join(name); }

  absl::StatusOr<std::unique_ptr<Model>> Load(const std::string& path) {
    auto found = FindModel(fs(), path);
    if (!found.ok()) return found.status();
    return Model::Load("m", *found, environment_, call_);
  }
  void LoadSeed() {
    WriteSeedModel(fs(), folder());
    auto loaded = Load(folder());
    ASSERT_OK(loaded);
    model_ = *std::move(loaded);
  }

  static absl::StatusOr<RunResult> Run(Model& model, RunRequest request) {
    PlanRequest plan;
    for (const auto& feed : request.feeds) plan.feeds.push_back(feed.first);
    plan.fetches = request.fetches;
    plan.targets = request.targets;
    auto executor = model.Prepare(plan);
    if (!executor.ok()) return executor.status();
    CallContext call;
    return model.Run(**executor, request, call);
  }
  // add1 for W3 = [1,2,3,4].
  static std::vector<float> Add1(Model& model) {
    RunRequest request;
    request.feeds = {{"W3:0", FloatVector({1, 2, 3, 4})}};
    request.fetches = {"add1:0"};
    auto result = Run(model, request);
    EXPECT_OK(result);
    return result.ok() ? Values<float>(result->outputs[0])
                       : std::vector<float>();
  }
  absl::StatusOr<RestoreResult> Restore(const std::string& checkpoint,
                                        RestoreMode mode = RestoreMode::kStrict,
                                        int64_t expected = -1) {
    RestoreOptions options;
    options.checkpoint = checkpoint;
    options.mode = mode;
    options.expected_generation = expected;
    return model_->Restore(options, nullptr, call_);
  }

  TempDir dir_;
  ThreadPool pool_{"lifecycle", 2};
  ModelEnvironment environment_;
  CallContext call_;
  std::unique_ptr<Model> model_;
};

}  // namespace metagraph
