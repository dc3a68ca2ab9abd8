#include "core/session/plan_cache.h"

#include "tests/core/session/session_fixture.h"

namespace metagraph {
namespace {

using PlanCacheTest = SessionTest;

TEST_F(PlanCacheTest, GivesTheSamePlanForTheSameRequest) {
  TestGraph g;
  g.Placeholder("x", DT_FLOAT).Node("y", "Neg", {"x"}, {{"T", DT_FLOAT}});
  Open(g);
  ASSERT_OK_AND_ASSIGN(auto first, session_->Prepare({{"x:0"}, {"y:0"}, {}}));
  ASSERT_OK_AND_ASSIGN(auto second, session_->Prepare({{"x:0"}, {"y:0"}, {}}));
  EXPECT_EQ(first, second);
}

TEST_F(PlanCacheTest, TellsTargetsFromFetchesOfTheSameName) {
  TestGraph g;
  g.Const("c", F(3));
  Open(g);
  ASSERT_OK_AND_ASSIGN(auto target, Run({}, {}, {"c:0"}));
  EXPECT_EQ(target.outputs.size(), 0u);
  ASSERT_OK_AND_ASSIGN(auto fetch, Run({}, {"c:0"}));
  EXPECT_EQ(fetch.outputs.size(), 1u);
}

// Names come from outside and may hold any byte.
TEST_F(PlanCacheTest, NeverTakesOneRequestForAnother) {
  TestGraph g;
  g.Const("c", F(3)).Const("d", F(4));
  Open(g);
  ASSERT_OK(Run({}, {"c:0", "d:0"}));
  ASSERT_OK(Run({}, {"c:0"}, {"d"}));
  for (const char* name : {"c:0\x01"
                           "d:0",
                           "c:0\x01",
                           "c:0\x01\x02"
                           "d"}) {
    EXPECT_THAT(Run({}, {name}), HasCode(absl::StatusCode::kNotFound, ""));
  }
  ASSERT_OK(Run({{"c:0", F(1)}}, {"d:0"}));
  EXPECT_THAT(Run({{"c:0\x01\x02"
                    "d:0",
                    F(1)}},
                  {}, {"c"}),
              HasCode(absl::StatusCode::kNotFound, ""));
}

// What is in the cache, by the name of the only fetch.
class FilledPlanCacheTest : public PlanCacheTest {
 protected:
  void SetUp() override {
    TestGraph g;
    g.Const("c", F(3)).Placeholder("x", DT_FLOAT);
    g.Node("y", "Neg", {"x"}, {{"T", DT_FLOAT}});
    Open(g);
    ASSERT_OK_AND_ASSIGN(plan_, session_->Prepare({{"x"}, {"y"}, {}}));
  }
  void Insert(PlanCache& cache, const std::string& fetch) {
    CallContext call;
    EXPECT_OK(cache.FindOrCompile(
        1, {{}, {fetch}, {}}, call,
        [&]() -> absl::StatusOr<std::shared_ptr<const Executor>> {
          return plan_;
        }));
  }
  static bool Has(PlanCache& cache, const std::string& fetch) {
    return cache.Find({{}, {fetch}, {}}) != nullptr;
  }

  std::shared_ptr<const Executor> plan_;
};

constexpr int64_t kMuch = int64_t{1} << 40;

TEST_F(FilledPlanCacheTest, DropsTheLeastRecentlyUsed) {
  PlanCache cache(2, kMuch);
  Insert(cache, "a");
  Insert(cache, "b");
  EXPECT_TRUE(Has(cache, "a"));
  Insert(cache, "c");
  EXPECT_FALSE(Has(cache, "b"));
  EXPECT_TRUE(Has(cache, "a"));
  EXPECT_EQ(cache.size(), 2u);
}

TEST_F(FilledPlanCacheTest, HoldsNoMoreBytesThanItMay) {
  const int64_t bytes = plan_->plan().bytes;
  ASSERT_GT(bytes, 0);
  PlanCache cache(10, 2 * bytes);
  Insert(cache, "a");
  Insert(cache, "b");
  EXPECT_EQ(cache.bytes(), 2 * bytes);
  Insert(cache, "c");
  EXPECT_FALSE(Has(cache, "a"));
  EXPECT_EQ(cache.bytes(), 2 * bytes);
  PlanCache tiny(10, 1);
  Insert(tiny, "a");
  EXPECT_TRUE(Has(tiny, "a")) << "the newest stays";
  Insert(tiny, "b");
  EXPECT_EQ(tiny.size(), 1u);
}

TEST_F(PlanCacheTest, AnExtensionKeepsPlans) {
  TestGraph g;
  g.Const("c", F(3));
  Open(g);
  ASSERT_OK_AND_ASSIGN(const auto before, session_->Prepare({{}, {"c"}, {}}));
  EXPECT_THAT(session_->Prepare({{}, {"d"}, {}}),
              HasCode(absl::StatusCode::kNotFound, "d"));
  TestGraph more;
  more.Const("d", F(4));
  ASSERT_OK(session_->Extend(more.def(), -1));
  EXPECT_EQ(*session_->Prepare({{}, {"c"}, {}}), before);
  EXPECT_EQ(RunScalar({}, "d"), 4);
}

}  // namespace
}  // namespace metagraph
