#include "core/graph/expand_calls.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/core/graph/text_proto.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using Code = absl::StatusCode;

constexpr char kCall[] = R"(
  node { name: 'x' op: 'Const' }
  node { name: 'call' op: 'PartitionedCall' input: 'x'
         attr { key: 'f' value { func { name: 'f' } } } }
)";

absl::StatusOr<std::shared_ptr<const Graph>> Expand(const std::string& text) {
  const auto graph = MakeGraph(text);
  const Node* call = graph->FindNode("call");
  return ExpandCalls(*graph, {call->id});
}

TEST(ExpandCallsTest, BodiesStandBesideTheCalls) {
  const auto expanded = Expand(absl::StrCat(kCall, R"(
    library { function {
      signature { name: 'f' input_arg { name: 'a' type: DT_FLOAT }
                  output_arg { name: 'b' type: DT_FLOAT } }
      node_def { name: 'n' op: 'Neg' input: 'a' }
      ret { key: 'b' value: 'n:y:0' } } })"));
  ASSERT_OK(expanded);
  const Node* inner = (*expanded)->FindNode("call/n");
  ASSERT_NE(inner, nullptr);
  EXPECT_EQ(inner->def->input(0), "x");
  EXPECT_EQ((*expanded)->FindNode("call")->def->input(0), "call/n:0");
}

TEST(ExpandCallsTest, FunctionsThatCallThemselvesEnd) {
  EXPECT_THAT(Expand(absl::StrCat(kCall, R"(
                library { function {
                  signature { name: 'f' input_arg { name: 'a' type: DT_FLOAT }
                              output_arg { name: 'b' type: DT_FLOAT } }
                  node_def { name: 'n' op: 'f' input: 'a' }
                  ret { key: 'b' value: 'n:b:0' } } })")),
              HasCode(Code::kResourceExhausted, "more than 1000 calls"));
}

TEST(ExpandCallsTest, LargeBodiesAreNotCopiedWithoutEnd) {
  const std::string megabyte(1 << 20, 'a');
  EXPECT_THAT(Expand(absl::StrCat(kCall, R"(
        library { function {
          signature { name: 'f' input_arg { name: 'a' type: DT_FLOAT }
                      output_arg { name: 'b' type: DT_FLOAT } }
          node_def { name: 'n' op: 'f' input: 'a' }
          node_def { name: 'large' op: 'Const' attr { key: 'value' value { s: ')",
                                  megabyte, R"(' } } }
          ret { key: 'b' value: 'n:b:0' } } })")),
              HasCode(Code::kResourceExhausted, "64 MiB"));
}

}  // namespace
}  // namespace metagraph
