// Which thread a call is answered on: only what is quick and cannot block may
// hold up a connection.

#include <pthread.h>

#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "tests/integration/server_fixture.h"

namespace metagraph {
namespace {

// Gives the name of its thread; takes at least `nanos`.
class ThreadName final : public Kernel {
 public:
  absl::Status Init(KernelConstruction& construction) {
    ASSIGN_OR_RETURN(nanos_, construction.Attr<int64_t>("nanos"));
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    const int64_t end = SteadyNanos() + nanos_;
    while (SteadyNanos() < end) {
    }
    char name[16] = "";
    pthread_getname_np(pthread_self(), name, sizeof(name));
    ctx.SetOutput(0, Tensor::Scalar<std::string>(name));
    return absl::OkStatus();
  }

 private:
  int64_t nanos_ = 0;
};

REGISTER_OP("TestThreadName", [](OpBuilder& op) {
  op.Output("name: string").Attr("nanos: int");
  op.Kernel<ThreadName>();
});

// Gives the name of the thread that made it.
class MakerName final : public Kernel {
 public:
  absl::Status Init(KernelConstruction&) {
    pthread_getname_np(pthread_self(), maker_, sizeof(maker_));
    return absl::OkStatus();
  }
  absl::Status Compute(KernelContext& ctx) const override {
    ctx.SetOutput(0, Tensor::Scalar<std::string>(maker_));
    return absl::OkStatus();
  }

 private:
  char maker_[16] = "";
};

REGISTER_OP("TestMakerName", [](OpBuilder& op) {
  op.Output("name: string");
  op.Kernel<MakerName>();
});

class ThreadsTest : public ServerTest {
 protected:
  // "name:0" gives the thread's name, "slow:0" after a while; "looped:0" in a
  // loop of one turn; "written" is a variable's update.
  void StartProbe() {
    TestGraph g;
    g.Node("name", "TestThreadName", {}, {{"nanos", int64_t{0}}});
    g.Node("slow", "TestThreadName", {}, {{"nanos", int64_t{5'000'000}}});
    g.Node("enter", "Enter", {"name"},
           {{"T", DT_STRING}, {"frame_name", "loop"}});
    g.Node("looped", "Exit", {"enter"}, {{"T", DT_STRING}});
    g.Variable("v", Tensor::Scalar<float>(1));
    g.Node("maker", "TestMakerName");
    g.Placeholder("x", DT_FLOAT);
    g.def().mutable_versions()->set_producer(134);
    ASSERT_OK(WriteFileAtomically(fs(), Path("probe.pb"),
                                  g.def().SerializeAsString()));
    options_.models.push_back({"probe", Path("probe.pb")});
    Start();
  }
  std::string ThreadOf(const std::string& fetch, const std::string& target) {
    v1::RunRequest request;
    request.set_model("probe");
    if (feed_ != nullptr) {
      request.add_feed()->set_name("x:0");
      auto* tensor = request.mutable_feed(0)->mutable_tensor();
      TensorToProto(*feed_, tensor);
      if (one_value_) {
        tensor->clear_tensor_content();
        tensor->add_float_val(1);
      }
    }
    request.add_fetch(fetch);
    if (!target.empty()) request.add_target(target);
    v1::RunResponse response;
    const grpc::Status status = Run(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return status.ok() ? response.tensor(0).tensor().string_val(0) : "";
  }
  // Whether all of some runs are done on the pool. The first ones are, before
  // it is known how long they take.
  bool AllOnThePool(const std::string& fetch, const std::string& target = "") {
    bool all = true;
    for (int i = 0; i < 10; ++i) all &= ThreadOf(fetch, target) == "requests";
    return all;
  }

  const Tensor* feed_ = nullptr;  // of x:0, which nothing reads
  bool one_value_ = false;        // sent in place of all of them
};

TEST_F(ThreadsTest, QuickReadsAreAnsweredWhereTheyArrive) {
  StartProbe();
  EXPECT_EQ(ThreadOf("name:0", ""), "requests") << "not known to be quick";
  // A machine that is busy may make any run seem slow for a while.
  for (int i = 0; ThreadOf("name:0", "") == "requests"; ++i) {
    ASSERT_LT(i, 10'000);
  }
}

TEST_F(ThreadsTest, PlansAreCompiledOnThePool) {
  StartProbe();
  EXPECT_EQ(ThreadOf("maker:0", ""), "requests");
  // Others keep the plan, and with it the kernel.
  EXPECT_EQ(ThreadOf("maker:0", ""), "requests");
}

TEST_F(ThreadsTest, WritesLoopsAndSlowRunsAreNot) {
  StartProbe();
  EXPECT_TRUE(AllOnThePool("name:0", "v/Assign"));
  EXPECT_TRUE(AllOnThePool("looped:0"));
  EXPECT_TRUE(AllOnThePool("slow:0"));
}

// Before the run is known to be quick, its request must be decoded.
TEST_F(ThreadsTest, LargeRequestsAreDecodedOnThePool) {
  StartProbe();
  const Tensor large = *Tensor::Allocate(DT_FLOAT, {(1 << 18) + 1});
  feed_ = &large;
  EXPECT_TRUE(AllOnThePool("name:0"));
}

TEST_F(ThreadsTest, OneValueForALargeTensorIsDecodedOnThePool) {
  StartProbe();
  const Tensor large = *Tensor::Allocate(DT_FLOAT, {(1 << 20) + 1});
  feed_ = &large;
  one_value_ = true;
  EXPECT_TRUE(AllOnThePool("name:0"));
}

}  // namespace
}  // namespace metagraph
