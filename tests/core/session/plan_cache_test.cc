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

TEST_F(PlanCacheTest, DropsTheLeastRecentlyUsed) {
  TestGraph g;
  g.Const("c", F(3));
  Open(g);
  PlanCache cache(2);
  ASSERT_OK_AND_ASSIGN(auto plan, session_->Prepare({{}, {"c:0"}, {}}));
  const PlanRequest a = {{}, {"a"}, {}};
  const PlanRequest b = {{}, {"b"}, {}};
  const PlanRequest c = {{}, {"c"}, {}};
  const auto insert = [&](const PlanRequest& request) {
    CallContext call;
    EXPECT_OK(cache.FindOrCompile(
        1, request, call,
        [&]() -> absl::StatusOr<std::shared_ptr<const Executor>> {
          return plan;
        }));
  };
  insert(a);
  insert(b);
  EXPECT_NE(cache.Find(1, a), nullptr);
  EXPECT_EQ(cache.Find(2, a), nullptr) << "another version of the graph";
  insert(c);
  EXPECT_EQ(cache.Find(1, b), nullptr);
  EXPECT_NE(cache.Find(1, a), nullptr);
  EXPECT_EQ(cache.size(), 2u);
  cache.Clear();
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace metagraph
