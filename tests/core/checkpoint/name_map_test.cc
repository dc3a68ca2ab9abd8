#include "core/checkpoint/name_map.h"

#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;
using Views = std::vector<absl::string_view>;

absl::StatusOr<NameMap::Names> Resolve(const RestoreMapping& mapping,
                                       const Views& keys, const Views& names) {
  auto map = NameMap::Parse(mapping);
  if (!map.ok()) return map.status();
  return map->Resolve(keys, names);
}
RestoreMapping Rules(std::vector<std::string> rules) {
  RestoreMapping out;
  out.rules = std::move(rules);
  return out;
}
RestoreMapping Prefix(const std::string& prefix) {
  RestoreMapping out;
  out.prefix = prefix;
  return out;
}

TEST(NameMapTest, APrefixIsCutOffWhereverItIsTooMuch) {
  for (const char* prefix : {"model/", "model"}) {
    ASSERT_OK_AND_ASSIGN(const auto in_graph,
                         Resolve(Prefix(prefix), {"model/a", "model/b", "step"},
                                 {"a", "b", "step"}));
    EXPECT_THAT(in_graph.by_key, UnorderedElementsAre(Pair("model/a", "a"),
                                                      Pair("model/b", "b")));
    ASSERT_OK_AND_ASSIGN(
        const auto in_checkpoint,
        Resolve(Prefix(prefix), {"a", "b"}, {"model/a", "model/b", "step"}));
    EXPECT_THAT(
        in_checkpoint.by_key,
        UnorderedElementsAre(Pair("a", "model/a"), Pair("b", "model/b")));
  }
}

TEST(NameMapTest, AScopeIsMoved) {
  ASSERT_OK_AND_ASSIGN(const auto names,
                       Resolve(Rules({"old/=new/", "=top/", "cut/="}),
                               {"new/a", "new/in/b", "top/c", "d", "old/e"},
                               {"old/a", "old/in/b", "c", "cut/d", "old/e"}));
  EXPECT_THAT(
      names.by_key,
      UnorderedElementsAre(Pair("new/a", "old/a"), Pair("new/in/b", "old/in/b"),
                           Pair("top/c", "c"), Pair("d", "cut/d")));
  EXPECT_THAT(names.idle, IsEmpty());
}

TEST(NameMapTest, APatternRewritesItsFirstMatch) {
  ASSERT_OK_AND_ASSIGN(
      const auto names,
      Resolve(Rules({R"(layer_(\d+)/(kernel|bias)=block\1/conv/\2)"}),
              {"net/block3/conv/kernel", "net/block3/conv/bias"},
              {"net/layer_3/kernel", "net/layer_3/bias", "other"}));
  EXPECT_THAT(
      names.by_key,
      UnorderedElementsAre(Pair("net/block3/conv/kernel", "net/layer_3/kernel"),
                           Pair("net/block3/conv/bias", "net/layer_3/bias")));
}

TEST(NameMapTest, TheFirstRuleForAVariableCounts) {
  ASSERT_OK_AND_ASSIGN(const auto names,
                       Resolve(Rules({"x=new/a", "old/=new/"}),
                               {"new/a", "new/b"}, {"old/a", "old/b", "x"}));
  EXPECT_THAT(names.by_key,
              UnorderedElementsAre(Pair("new/a", "x"), Pair("new/b", "old/b")));
}

TEST(NameMapTest, OneTensorMayFillTwoVariables) {
  ASSERT_OK_AND_ASSIGN(const auto names,
                       Resolve(Rules({"w:0=left/w:0", "w=right/w"}),
                               {"left/w", "right/w"}, {"w"}));
  EXPECT_THAT(names.by_key,
              UnorderedElementsAre(Pair("left/w", "w"), Pair("right/w", "w")));
}

TEST(NameMapTest, TellsWhichRulesAreIdle) {
  ASSERT_OK_AND_ASSIGN(const auto names,
                       Resolve(Rules({"old/=new/", "x=b", "(q)=\\1"}),
                               {"new/a", "b"}, {"new/a", "b"}));
  EXPECT_THAT(names.by_key, IsEmpty());
  EXPECT_THAT(names.idle, ElementsAre("old/=new/", "x=b", "(q)=\\1"));
}

TEST(NameMapTest, RefusesRulesThatAreNone) {
  for (const char* rule :
       {"", "=", "old", "old/=new", "old=new/", "(=x", "(a)=\\2"}) {
    EXPECT_THAT(NameMap::Parse(Rules({rule})),
                HasCode(absl::StatusCode::kInvalidArgument, rule));
  }
  EXPECT_THAT(NameMap::Parse(Prefix("/")),
              HasCode(absl::StatusCode::kInvalidArgument, "no scope"));
}

// Whoever may verify a checkpoint may name rules.
TEST(NameMapTest, RefusesRulesThatTakeAllMemoryOrTime) {
  std::string large;
  for (int i = 0; i < 200000; ++i) large += "\\pL";
  EXPECT_THAT(Resolve(Rules({large + "=a"}), {"a"}, {"b"}),
              HasCode(absl::StatusCode::kInvalidArgument, "pattern too large"));
  const std::string name(10000, 'a');
  const Views names(100, name);
  std::string slow = ".*a";
  for (int i = 0; i < 20; ++i) slow += ".{900}";
  EXPECT_THAT(
      Resolve(Rules({slow + "=a"}), {"a"}, names),
      HasCode(absl::StatusCode::kResourceExhausted, "may take too long"));
  const std::vector<std::string> many(100000, "/=a/");
  EXPECT_THAT(
      Resolve(Rules(many), {"a/b"}, names),
      HasCode(absl::StatusCode::kResourceExhausted, "may take too long"));
}

TEST(NameMapTest, RefusesWhatTheGraphDoesNotHave) {
  EXPECT_THAT(
      Resolve(Rules({"a=nev/w"}), {"new/w"}, {"a"}),
      HasCode(absl::StatusCode::kInvalidArgument, "did you mean \"new/w\""));
  EXPECT_THAT(Resolve(Rules({"old=new"}), {"new/w"}, {"old/w"}),
              HasCode(absl::StatusCode::kInvalidArgument, "old/=new/"));
  EXPECT_THAT(Resolve(Rules({"old/=nev/"}), {"new/w"}, {"old/w"}),
              HasCode(absl::StatusCode::kInvalidArgument, "scope \"nev/\""));
  EXPECT_THAT(Resolve(Rules({"[ab]/=x/"}), {"x/w"}, {"a/w", "b/w"}),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "of both \"a/w\" and \"b/w\""));
}

TEST(NameMapTest, IsWrittenAsOptions) {
  RestoreMapping mapping = Rules({"a/=b/", "(x)=\\1"});
  mapping.prefix = "model/";
  mapping.skip_missing = true;
  EXPECT_EQ(mapping.ToOptions(),
            R"(--prefix model/ --map a/=b/ --map '(x)=\1' --skip-missing)");
  mapping = {};
  mapping.skip_missing = mapping.skip_mismatched = true;
  EXPECT_EQ(mapping.ToOptions(), "--partial");
}

// A map handed to the first option that people see.
TEST(NameMapTest, APrefixMayBeARule) {
  ASSERT_OK_AND_ASSIGN(const auto names,
                       Resolve(Prefix("old/=new/"), {"new/a"}, {"old/a"}));
  EXPECT_THAT(names.by_key, UnorderedElementsAre(Pair("new/a", "old/a")));
}

}  // namespace
}  // namespace metagraph
