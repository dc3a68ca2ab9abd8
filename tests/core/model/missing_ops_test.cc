#include "core/model/missing_ops.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/core/model/model_fixture.h"
#include "tests/support/test_graph.h"

namespace metagraph {
namespace {

// A graph whose functions hold ops without arguments, and its MissingOps.
class MissingOpsTest : public testing::Test {
 protected:
  // `ops` are the function's nodes.
  void AddFunction(const std::string& name,
                   const std::vector<std::string>& ops) {
    tensorflow::FunctionDef* function =
        graph_.def().mutable_library()->add_function();
    function->mutable_signature()->set_name(name);
    function->mutable_signature()->set_is_stateful(true);
    for (const std::string& op : ops) {
      tensorflow::NodeDef* node = function->add_node_def();
      node->set_name("n_" + op);
      node->set_op(op);
    }
  }
  void Find() {
    library_ = std::make_unique<Library>(graph_.Build(), LinkedOps());
    missing_ = std::make_unique<MissingOps>(*library_);
  }
  const Node& node(const std::string& name) const {
    return *library_->graph()->FindNode(name);
  }
  std::string First(const std::string& name) const {
    const auto first = missing_->FirstOf(node(name));
    return first ? absl::StrCat(first->what, " at ", first->Place()) : "";
  }
  std::vector<std::string> Summarize(
      const std::vector<std::string>& names) const {
    std::vector<int> ids;
    for (const std::string& name : names) ids.push_back(node(name).id);
    std::vector<std::string> out;
    for (const UnsupportedOp& op : missing_->Summarize(ids)) {
      out.push_back(absl::StrCat(op.op, " ", op.nodes, " ", op.examples[0]));
    }
    return out;
  }

  TestGraph graph_;
  std::unique_ptr<Library> library_;
  std::unique_ptr<MissingOps> missing_;
};

TEST_F(MissingOpsTest, FollowsCallsAlsoInCircles) {
  AddFunction("outer", {"inner", "NoOp"});
  AddFunction("inner", {"Ape", "outer"});
  AddFunction("good", {"NoOp"});
  graph_.Node("a", "outer").Node("b", "good").Node("c", "Bee");
  Find();
  EXPECT_EQ(First("a"), "Ape at node \"n_Ape\" in function \"inner\"");
  EXPECT_EQ(First("b"), "");
  EXPECT_FALSE(missing_->Has(node("b")));
  EXPECT_EQ(First("c"), "Bee at node \"c\"");
  EXPECT_THAT(Summarize({"a", "b", "c"}),
              testing::ElementsAre("Ape 1 inner/n_Ape", "Bee 1 c"));
  EXPECT_THAT(Summarize({"b"}), testing::IsEmpty());
}

TEST_F(MissingOpsTest, NamesTheOneThatIsNearest) {
  AddFunction("far", {"Ape"});
  AddFunction("near", {"Bee"});
  AddFunction("middle", {"far", "NoOp"});
  AddFunction("top", {"middle", "near"});
  graph_.Node("a", "top").Node("b", "middle");
  Find();
  EXPECT_EQ(First("a"), "Bee at node \"n_Bee\" in function \"near\"");
  EXPECT_EQ(First("b"), "Ape at node \"n_Ape\" in function \"far\"");
  EXPECT_THAT(Summarize({"a", "b"}),
              testing::ElementsAre("Ape 1 far/n_Ape", "Bee 1 near/n_Bee"));
}

// A walk for each call over all that it leads to would take half a minute.
TEST_F(MissingOpsTest, LooksOnceAtEachFunctionOfALongChain) {
  constexpr int kChain = 5000;
  for (int i = 0; i < kChain; ++i) {
    AddFunction(absl::StrCat("f", i),
                {i + 1 < kChain ? absl::StrCat("f", i + 1) : "Ape"});
    graph_.Node(absl::StrCat("call", i), absl::StrCat("f", i));
  }
  Find();
  EXPECT_EQ(First("call0"), First("call4999"));
  EXPECT_EQ(First("call0"), "Ape at node \"n_Ape\" in function \"f4999\"");
  std::vector<std::string> all;
  for (const Node& node : library_->graph()->nodes()) {
    all.push_back(node.name());
  }
  EXPECT_THAT(Summarize(all), testing::ElementsAre("Ape 1 f4999/n_Ape"));
}

TEST_F(MissingOpsTest, AFunctionThatIsNoProgramIsSaidAtTheCall) {
  AddFunction("broken", {"NoOp"});
  graph_.def()
      .mutable_library()
      ->mutable_function(0)
      ->mutable_node_def(0)
      ->add_input("nowhere:out:0");
  AddFunction("outer", {"broken"});
  graph_.Node("a", "outer");
  Find();
  const auto first = missing_->FirstOf(node("a"));
  ASSERT_TRUE(first.has_value());
  EXPECT_THAT(first->what, testing::HasSubstr("nowhere"));
  EXPECT_EQ(first->node, "a");
  EXPECT_EQ(first->function, "outer");
  EXPECT_EQ(Summarize({"a"}).size(), 1u);
}

}  // namespace
}  // namespace metagraph
