#include <set>

#include "core/op/kernel_context.h"
#include "core/op/op_builder.h"
#include "core/tensor/tensor_list.h"
#include "core/tensor/tensor_proto.h"
#include "tests/core/session/session_fixture.h"
#include "tests/core/tensor/memory_limit.h"

namespace metagraph {
namespace {

// Lists as feeds, fetches and constants, and through the wire in between.
class SessionListsTest : public SessionTest {
 protected:
  static Tensor List(const std::vector<float>& values) {
    Variant out = Variant::Make<TensorList>(DT_FLOAT, PartialShape());
    for (const float value : values) {
      EXPECT_OK(out.Mutable<TensorList>()->PushBack(F(value)));
    }
    return Tensor::Scalar<Variant>(std::move(out));
  }
  static Tensor ThroughTheWire(const Tensor& tensor) {
    tensorflow::TensorProto proto;
    TensorToProto(tensor, &proto);
    tensorflow::TensorProto back;
    EXPECT_TRUE(back.ParseFromString(proto.SerializeAsString()));
    auto out = TensorFromProto(back);
    EXPECT_OK(out);
    return out.ok() ? *out : Tensor();
  }
  static std::vector<float> ValuesOf(const Tensor& tensor) {
    std::vector<float> out;
    const auto* list = tensor.scalar<Variant>().As<TensorList>();
    EXPECT_NE(list, nullptr);
    if (list == nullptr) return out;
    for (const Tensor& element : list->elements()) {
      out.push_back(element.scalar<float>());
    }
    return out;
  }
  // x, a list, with 7 and 8 behind it.
  static TestGraph PushGraph() {
    TestGraph g;
    g.Placeholder("x", DT_VARIANT).Const("held", List({1, 2}));
    g.Const("seven", F(7)).Const("eight", F(8));
    for (const char* from : {"x", "held"}) {
      const std::string one = absl::StrCat(from, "_7");
      g.Node(one, "TensorListPushBack", {from, "seven"},
             {{"element_dtype", DT_FLOAT}});
      g.Node(absl::StrCat(from, "_8"), "TensorListPushBack", {one, "eight"},
             {{"element_dtype", DT_FLOAT}});
    }
    return g;
  }
};

using Floats = std::vector<float>;

TEST_F(SessionListsTest, AreFedAndFetched) {
  Open(PushGraph());
  const Tensor fed = ThroughTheWire(List({5}));
  for (int run = 0; run < 2; ++run) {
    ASSERT_OK_AND_ASSIGN(auto result, Run({{"x:0", fed}}, {"x_8:0", "x_7:0"}));
    EXPECT_EQ(ValuesOf(ThroughTheWire(result.outputs[0])), (Floats{5, 7, 8}));
    EXPECT_EQ(ValuesOf(result.outputs[1]), (Floats{5, 7}));
  }
  EXPECT_EQ(ValuesOf(fed), (Floats{5}));
}

TEST_F(SessionListsTest, StandInTheGraphAndStayAsTheyAre) {
  Open(PushGraph());
  for (int run = 0; run < 2; ++run) {
    ASSERT_OK_AND_ASSIGN(auto result, Run({}, {"held_8:0", "held:0"}));
    EXPECT_EQ(ValuesOf(result.outputs[0]), (Floats{1, 2, 7, 8}));
    EXPECT_EQ(ValuesOf(result.outputs[1]), (Floats{1, 2}));
  }
}

// sum is pushed onto l, in a loop of n turns; l is what is left of it.
TestGraph LoopGraph() {
  TestGraph g;
  const TestGraph::Attrs enter = {{"T", DT_VARIANT}, {"frame_name", "loop"}};
  const TestGraph::Attrs list = {{"T", DT_VARIANT}};
  const TestGraph::Attrs number = {{"T", DT_INT32}};
  g.Placeholder("n", DT_INT32);
  g.Const("any", Tensor::Scalar<int32_t>(-1));
  g.Const("zero", Tensor::Scalar<int32_t>(0));
  g.Node("empty", "EmptyTensorList", {"any", "any"},
         {{"element_dtype", DT_INT32}, {"shape_type", DT_INT32}});
  g.Node("l_in", "Enter", {"empty"}, enter);
  g.Node("i_in", "Enter", {"zero"}, {{"T", DT_INT32}, {"frame_name", "loop"}});
  g.Node("n_in", "Enter", {"n"},
         {{"T", DT_INT32}, {"frame_name", "loop"}, {"is_constant", true}});
  g.Node("l", "Merge", {"l_in", "l_next"}, {{"T", DT_VARIANT}, {"N", 2}});
  g.Node("i", "Merge", {"i_in", "i_next"}, {{"T", DT_INT32}, {"N", 2}});
  g.Node("less", "Less", {"i", "n_in"}, number);
  g.Node("go", "LoopCond", {"less"});
  g.Node("l_switch", "Switch", {"l", "go"}, list);
  g.Node("i_switch", "Switch", {"i", "go"}, number);
  g.Node("one", "Const", {"^i_switch"},
         {{"dtype", DT_INT32}, {"value", Tensor::Scalar<int32_t>(1)}});
  g.Node("i_add", "Add", {"i_switch:1", "one"}, number);
  g.Node("pushed", "TensorListPushBack", {"l_switch:1", "i_add"},
         {{"element_dtype", DT_INT32}});
  g.Node("l_next", "NextIteration", {"pushed"}, list);
  g.Node("i_next", "NextIteration", {"i_add"}, number);
  g.Node("l_out", "Exit", {"l_switch"}, list);
  g.Node("stacked", "TensorListStack", {"l_out", "any"},
         {{"element_dtype", DT_INT32}});
  return g;
}

// Hands a list on and notes where it lies.
std::set<const VariantValue*> places;
class NotePlace final : public Kernel {
 public:
  absl::Status Compute(KernelContext& ctx) const override {
    places.insert(ctx.input(0).scalar<Variant>().get());
    ctx.ForwardInput(0, 0);
    return absl::OkStatus();
  }
};
REGISTER_OP("NotePlace", [](OpBuilder& op) {
  op.Input("list: variant").Output("same: variant");
  op.Kernel<NotePlace>();
});

TEST_F(SessionListsTest, GrowInLoopsWithoutCopies) {
  TestGraph graph = LoopGraph();
  graph.Node("noted", "NotePlace", {"pushed"});
  for (auto& node : *graph.def().mutable_node()) {
    if (node.name() == "l_next") node.set_input(0, "noted");
  }
  Open(graph);
  places.clear();
  const int32_t turns = 100;
  ASSERT_OK_AND_ASSIGN(
      auto result,
      Run({{"n:0", Tensor::Scalar<int32_t>(turns)}}, {"stacked:0"}));
  ASSERT_EQ(result.outputs[0].num_elements(), turns);
  EXPECT_EQ(result.outputs[0].data<int32_t>()[turns - 1], turns);
  // A copy lies elsewhere than what it is a copy of.
  EXPECT_EQ(places.size(), 1u);
}

TEST_F(SessionListsTest, EndlessGrowthIsRefused) {
  Open(LoopGraph());
  const MemoryLimit limit(1 << 20);
  EXPECT_THAT(Run({{"n:0", Tensor::Scalar<int32_t>(INT32_MAX)}}, {"stacked:0"}),
              HasCode(absl::StatusCode::kResourceExhausted, "OOM"));
}

}  // namespace
// They cost nothing to send, but each would take its place.
TEST_F(SessionTest, ATensorArrayRefusesMoreEmptyRowsThanItCanKeep) {
  TestGraph g;
  g.Placeholder("rows", DT_FLOAT);
  g.Const("size", Tensor::Scalar<int32_t>(0));
  g.Const("flow", F(0));
  g.Node("array", "TensorArray", {"size"},
         {{"dtype", DT_FLOAT}, {"dynamic_size", true}});
  g.Node("unpack", "TensorArrayUnpack", {"array", "rows", "flow"},
         {{"T", DT_FLOAT}});
  Open(g);
  EXPECT_THAT(Run({{"rows:0", MakeTensor<float>({int64_t{1} << 33, 0}, {})}},
                  {"unpack:0"}),
              HasCode(absl::StatusCode::kResourceExhausted,
                      "no memory for 8589934592"));
}

}  // namespace metagraph
