#include <thread>

#include "tests/core/session/session_fixture.h"

namespace metagraph {
namespace {

class SessionRunTest : public SessionTest {
 protected:
  static TestGraph AddGraph() {
    TestGraph g;
    g.Placeholder("x", DT_FLOAT);
    g.Const("one", F(1));
    g.Node("y", "Add", {"x", "one"}, {{"T", DT_FLOAT}});
    g.Node("z", "Mul", {"y", "y"}, {{"T", DT_FLOAT}});
    return g;
  }
};

TEST_F(SessionRunTest, FeedsAndFetchesAnyTensor) {
  Open(AddGraph());
  EXPECT_EQ(RunScalar({{"x:0", F(2)}}, "z:0"), 9);
  EXPECT_EQ(RunScalar({{"x", F(2)}}, "z"), 9) << "bare names are :0";
  EXPECT_EQ(RunScalar({{"y:0", F(5)}}, "z:0"), 25) << "x is not needed then";
  EXPECT_EQ(RunScalar({{"one:0", F(4)}, {"x:0", F(1)}}, "y:0"), 5)
      << "a constant can be fed";
}

TEST_F(SessionRunTest, AnswersInTheOrderAsked) {
  Open(AddGraph());
  ASSERT_OK_AND_ASSIGN(auto result,
                       Run({{"x:0", F(2)}}, {"z:0", "one:0", "y:0", "z:0"}));
  ASSERT_EQ(result.outputs.size(), 4u);
  EXPECT_EQ(result.outputs[0].scalar<float>(), 9);
  EXPECT_EQ(result.outputs[1].scalar<float>(), 1);
  EXPECT_EQ(result.outputs[2].scalar<float>(), 3);
  EXPECT_EQ(result.outputs[3].scalar<float>(), 9);
}

TEST_F(SessionRunTest, LeavesFedTensorsAndConstantsUnchanged) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Const("c", F(-7));
  g.Node("a", "Neg", {"x"}, {{"T", DT_FLOAT}});
  g.Node("b", "Neg", {"a"}, {{"T", DT_FLOAT}});
  g.Node("d", "Neg", {"c"}, {{"T", DT_FLOAT}});
  Open(g);
  const Tensor x = F(3);
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(auto result, Run({{"x:0", x}}, {"b:0", "d:0", "c:0"}));
    EXPECT_EQ(result.outputs[0].scalar<float>(), 3);
    EXPECT_EQ(result.outputs[1].scalar<float>(), 7);
    EXPECT_EQ(result.outputs[2].scalar<float>(), -7);
  }
  EXPECT_EQ(x.scalar<float>(), 3);
}

TEST_F(SessionRunTest, KeepsAnsweredTensorsApartFromLaterRuns) {
  Open(AddGraph());
  ASSERT_OK_AND_ASSIGN(auto first, Run({{"x:0", F(1)}}, {"y:0"}));
  ASSERT_OK_AND_ASSIGN(auto second, Run({{"x:0", F(10)}}, {"y:0"}));
  EXPECT_EQ(first.outputs[0].scalar<float>(), 2);
  EXPECT_EQ(second.outputs[0].scalar<float>(), 11);
}

TEST_F(SessionRunTest, ValueReadBySeveralNodesIsNotOverwritten) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  g.Node("a", "Neg", {"x"}, {{"T", DT_FLOAT}});
  g.Node("b", "Neg", {"a"}, {{"T", DT_FLOAT}});
  g.Node("c", "Sub", {"a", "b"}, {{"T", DT_FLOAT}});
  g.Node("d", "Mul", {"a", "c"}, {{"T", DT_FLOAT}});
  Open(g);
  // a = -3, b = 3, c = -6, d = 18
  EXPECT_EQ(RunScalar({{"x:0", F(3)}}, "d:0"), 18);
}

TEST_F(SessionRunTest, RunsOnlyWhatIsReached) {
  TestGraph g = AddGraph();
  g.Node("broken", "NoSuchOp", {"x"});
  g.Node("needs_broken", "Neg", {"broken"}, {{"T", DT_FLOAT}});
  Open(g);
  EXPECT_EQ(RunScalar({{"x:0", F(2)}}, "z:0"), 9);
  EXPECT_EQ(RunScalar({{"broken:0", F(2)}}, "needs_broken:0"), -2);
  EXPECT_THAT(Run({{"x:0", F(2)}}, {"needs_broken:0"}),
              HasCode(absl::StatusCode::kUnimplemented, "NoSuchOp"));
}

TEST_F(SessionRunTest, SeveralCallersShareAPlan) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  std::string last = "x";
  for (int i = 0; i < 50; ++i) {
    const std::string name = absl::StrCat("n", i);
    g.Node(name, "Add", {last, "x"}, {{"T", DT_FLOAT}});
    last = name;
  }
  Open(g);
  std::vector<std::thread> callers;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([this, t, last] {
      for (int i = 0; i < 50; ++i) {
        const float x = static_cast<float>(t * 100 + i);
        EXPECT_EQ(RunScalar({{"x:0", F(x)}}, last), 51 * x);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

TEST_F(SessionRunTest, WidePlansGiveTheSameInParallel) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT);
  std::vector<std::string> ends;
  for (int branch = 0; branch < 20; ++branch) {
    std::string last = "x";
    for (int i = 0; i < 10; ++i) {
      const std::string name = absl::StrCat("b", branch, "_", i);
      g.Node(name, i % 2 ? "Add" : "Mul", {last, "x"}, {{"T", DT_FLOAT}});
      last = name;
    }
    ends.push_back(last);
  }
  g.Node("sum", "AddN", ends, {{"T", DT_FLOAT}, {"N", 20}});
  Open(g);
  ASSERT_OK_AND_ASSIGN(auto executor,
                       session_->Prepare({{"x:0"}, {"sum:0"}, {}}));
  const float expected = RunScalar({{"x:0", F(1)}}, "sum:0");
  // A plan that has proved slow runs in parallel.
  executor->plan().Observe(int64_t{1} << 40);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(RunScalar({{"x:0", F(1)}}, "sum:0"), expected);
    executor->plan().Observe(int64_t{1} << 40);
  }
}

// Clients compare the handles of two runs.
TEST_F(SessionRunTest, StepResourcesOfTwoRunsHaveTwoNames) {
  TestGraph graph;
  graph.Node("a", "Stack", {}, {{"elem_type", DT_FLOAT}, {"stack_name", "s"}});
  Open(graph);
  ASSERT_OK_AND_ASSIGN(const RunResult first, Run({}, {"a:0"}));
  ASSERT_OK_AND_ASSIGN(const RunResult second, Run({}, {"a:0"}));
  EXPECT_NE(first.outputs[0].data<std::string>()[1],
            second.outputs[0].data<std::string>()[1]);
}

TEST_F(SessionRunTest, ExtendsTheGraph) {
  Open(AddGraph());
  EXPECT_EQ(RunScalar({{"x:0", F(2)}}, "z:0"), 9);
  TestGraph more;
  more.Node("w", "Neg", {"z"}, {{"T", DT_FLOAT}});
  EXPECT_THAT(session_->Extend(more.def(), 7),
              HasCode(absl::StatusCode::kAborted, "Current version is 0"));
  ASSERT_OK_AND_ASSIGN(const int64_t version, session_->Extend(more.def(), 0));
  EXPECT_EQ(version, 1);
  EXPECT_EQ(RunScalar({{"x:0", F(2)}}, "w:0"), -9);
  EXPECT_THAT(session_->Extend(more.def(), 1),
              HasCode(absl::StatusCode::kInvalidArgument, "w"));
}

TEST_F(SessionRunTest, AnExtensionLetsTheOldGraphAndItsPlansGo) {
  Open(AddGraph());
  EXPECT_EQ(RunScalar({{"x:0", F(2)}}, "z:0"), 9);
  const std::weak_ptr<const Graph> old = session_->graph();
  TestGraph more;
  more.Node("w", "Neg", {"z"}, {{"T", DT_FLOAT}});
  ASSERT_OK(session_->Extend(more.def(), -1));
  EXPECT_TRUE(old.expired());
}

TEST_F(SessionRunTest, ExtensionsAtTheSameTimeAreAllThereOrRefused) {
  Open(AddGraph());
  std::atomic<int> extended{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 3; ++t) {
    callers.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        TestGraph more;
        const std::string name = absl::StrCat("more", t, "_", i);
        more.Node(name, "Neg", {"x"}, {{"T", DT_FLOAT}});
        // Enough that one takes long, so that they meet.
        for (int k = 0; k < 3000; ++k) {
          more.Node(absl::StrCat(name, "_", k), "NoOp");
        }
        const auto version = session_->Extend(more.def(), -1);
        if (!version.ok()) {
          EXPECT_THAT(version, HasCode(absl::StatusCode::kAborted, ""));
          continue;
        }
        ++extended;
        EXPECT_NE(session_->graph()->FindNode(name), nullptr);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(session_->graph()->version(), extended);
}

}  // namespace
}  // namespace metagraph
