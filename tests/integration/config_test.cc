// Configurations that are applied while callers go on.

#include <atomic>
#include <thread>

#include "core/base/mutex.h"
#include "tests/integration/server_fixture.h"

namespace metagraph {
namespace {

// Waits for what the server's events may have made true.
class EventWaiter {
 public:
  explicit EventWaiter(ModelManager& models)
      : models_(models), token_(models.events().Subscribe([this](const auto&) {
          MutexLock lock(mu_);
          ++events_;
          changed_.NotifyAll();
        })) {}
  ~EventWaiter() { models_.events().Unsubscribe(token_); }

  template <typename Condition>
  void Until(Condition condition) {
    while (true) {
      int64_t seen = 0;
      {
        MutexLock lock(mu_);
        seen = events_;
      }
      if (condition()) return;
      MutexLock lock(mu_);
      while (events_ == seen) changed_.Wait(mu_);
    }
  }

 private:
  ModelManager& models_;
  Mutex mu_;
  CondVar changed_;
  int64_t events_ GUARDED_BY(mu_) = 0;
  const int64_t token_;
};

class ConfigTest : public ServerTest {
 protected:
  // A folder with versions 1 to 3 of the seed model.
  void AddVersions() {
    ASSERT_OK(fs().CreateDirectory(Path("v")));
    for (const char* version : {"v/1", "v/2", "v/3"}) {
      ASSERT_OK(fs().CreateDirectory(Path(version)));
      WriteSeedModel(fs(), Path(version));
    }
    ServerOptions::Model model = {"v", Path("v")};
    model.versions = {2, {}};
    model.labels = {{"stable", 2}, {"canary", 3}};
    options_.models.push_back(std::move(model));
  }
  bool IsServed(const std::string& name) {
    return server_->models().Find(name).ok();
  }
};

TEST_F(ConfigTest, NoCallFailsWhileConfigurationsAreApplied) {
  AddSeedModel();
  AddVersions();
  Start();
  EventWaiter events(server_->models());
  std::atomic<bool> done = false;
  std::atomic<int> failed = 0;
  std::atomic<int> answered = 0;
  std::vector<std::thread> callers;
  for (const char* name : {"seed", "v@stable", "v@canary", "v"}) {
    callers.emplace_back([&, name] {
      v1::RunRequest request = SeedRun();
      request.set_model(name);
      // At least some, at most many.
      for (int call = 0; call < 20 || (!done && call < 100000); ++call) {
        v1::RunResponse response;
        const grpc::Status status = Run(request, &response);
        if (!status.ok()) {
          ++failed;
          ADD_FAILURE() << name << ": " << status.error_message();
          return;
        }
        ++answered;
      }
    });
  }
  std::vector<ServerOptions::Model> with = options_.models;
  with.push_back({"extra", Path("seed")});
  for (ServerOptions::Model& model : with) {
    model.mapping.skip_missing = model.name == "seed";
  }
  with[1].versions = {VersionPolicy::kAll, {}};
  with[1].labels["stable"] = 1;
  for (int round = 0; round < 3; ++round) {
    server_->ApplyModels(with);
    events.Until([&] { return IsServed("extra"); });
    server_->ApplyModels(options_.models);
    events.Until([&] { return !IsServed("extra"); });
  }
  done = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
  EXPECT_GE(answered, 80);
}

TEST_F(ConfigTest, NoCallFailsWhileAModelMovesToAnotherPath) {
  AddSeedModel();
  ASSERT_OK(fs().CreateDirectory(Path("other")));
  WriteSeedModel(fs(), Path("other"));
  Start();
  EventWaiter events(server_->models());
  std::atomic<bool> done = false;
  std::atomic<int> answered = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int call = 0; call < 20 || (!done && call < 100000); ++call) {
        v1::RunResponse response;
        const grpc::Status status = Run(SeedRun(), &response);
        ASSERT_TRUE(status.ok()) << status.error_message();
        ++answered;
      }
    });
  }
  std::vector<ServerOptions::Model> moved = options_.models;
  moved[0].path = Path("other");
  const auto served_from = [&](const std::string& path) {
    const auto model = server_->models().Find("seed");
    return model.ok() && (*model)->folder().directory == path;
  };
  for (int round = 0; round < 5; ++round) {
    server_->ApplyModels(moved);
    events.Until([&] { return served_from(moved[0].path); });
    server_->ApplyModels(options_.models);
    events.Until([&] { return served_from(options_.models[0].path); });
  }
  done = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_GE(answered, 80);
}

TEST_F(ConfigTest, AWrongOneChangesNothing) {
  AddSeedModel();
  Start();
  EventWaiter events(server_->models());
  server_->ApplyModels({{"other", Path("seed")}, {"gone", Path("nowhere")}});
  // The next one goes from what was before.
  std::vector<ServerOptions::Model> right = options_.models;
  right.push_back({"extra", Path("seed")});
  server_->ApplyModels(right);
  events.Until([&] { return IsServed("extra"); });
  EXPECT_TRUE(IsServed("seed"));
  EXPECT_FALSE(IsServed("other"));
}

}  // namespace
}  // namespace metagraph
