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

TEST_F(PlanCacheTest, DropsTheLeastRecentlyUsed) {
  TestGraph g;
  g.Const("c", F(3));
  Open(g);
  PlanCache cache(2);
  ASSERT_OK_AND_ASSIGN(auto plan, session_->Prepare({{}, {"c:0"}, {}}));
  cache.Insert("a", plan);
  cache.Insert("b", plan);
  EXPECT_NE(cache.Find("a"), nullptr);
  cache.Insert("c", plan);
  EXPECT_EQ(cache.Find("b"), nullptr);
  EXPECT_NE(cache.Find("a"), nullptr);
  EXPECT_EQ(cache.size(), 2u);
  cache.Clear();
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace metagraph
