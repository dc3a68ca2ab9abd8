// Kernels that keep something of their inputs from one run to the next.

#include "tests/core/session/session_fixture.h"

namespace metagraph {
namespace {

class SessionConvLoopTest : public SessionTest {
 protected:
  static constexpr auto kFloat = DT_FLOAT;

  static Tensor Filled(const TensorShape& shape, float value) {
    Tensor out = *Tensor::Allocate(DT_FLOAT, shape);
    for (float& element : out.mutable_values<float>()) element = value;
    return out;
  }

  // while i < 3: out = Conv2D(x, v); v += 1, with the kernel of that label.
  // `update` is the op that moves v.
  void OpenLoop(const char* label, const std::string& update) {
    TestGraph g;
    g.Const("x", Filled({1, 16, 16, 8}, 1));
    g.Variable("v", Filled({1, 1, 8, 64}, 1));
    g.Const("zero", F(0)).Const("three", F(3)).Const("minus", F(-1));
    g.Const("ones", Filled({1, 1, 8, 64}, 1));
    g.Const("start", Filled({1, 16, 16, 64}, 0));
    const auto enter = [&](const std::string& name, const std::string& input,
                           const char* op, bool constant) {
      g.Node(name, op, {input},
             {{"T", kFloat},
              {"frame_name", "loop"},
              {"is_constant", constant},
              {"parallel_iterations", 1}});
    };
    enter("i_enter", "zero", "Enter", false);
    enter("out_enter", "start", "Enter", false);
    enter("x_enter", "x", "Enter", true);
    enter("ones_enter", "ones", "Enter", true);
    enter("minus_enter", "minus", "Enter", true);
    enter("n_enter", "three", "Enter", true);
    enter("v_enter", "v", "RefEnter", true);
    g.Node("i", "Merge", {"i_enter", "i_next"}, {{"T", kFloat}, {"N", 2}});
    g.Node("out", "Merge", {"out_enter", "out_next"},
           {{"T", kFloat}, {"N", 2}});
    g.Node("less", "Less", {"i", "n_enter"}, {{"T", kFloat}});
    g.Node("cond", "LoopCond", {"less"});
    g.Node("i_switch", "Switch", {"i", "cond"}, {{"T", kFloat}});
    g.Node("out_switch", "Switch", {"out", "cond"}, {{"T", kFloat}});
    g.Node("i_body", "Identity", {"i_switch:1"}, {{"T", kFloat}});
    g.Const("one", F(1), {"^i_body"});
    g.Node("v_read", "Identity", {"v_enter", "^i_body"}, {{"T", kFloat}});
    g.Node("conv", "Conv2D", {"x_enter", "v_read"},
           {{"T", kFloat}, {"padding", "SAME"}, {"_kernel", label}});
    tensorflow::AttrValue& strides =
        (*g.def()
              .mutable_node(g.def().node_size() - 1)
              ->mutable_attr())["strides"];
    for (int i = 0; i < 4; ++i) strides.mutable_list()->add_i(1);
    std::vector<std::string> inputs = {"v_enter", "ones_enter", "^conv"};
    if (update == "ApplyGradientDescent") {
      inputs = {"v_enter", "minus_enter", "ones_enter", "^conv"};
    }
    g.Node("bump", update, inputs, {{"T", kFloat}});
    g.Node("i_add", "Add", {"i_body", "one", "^bump"}, {{"T", kFloat}});
    g.Node("i_next", "NextIteration", {"i_add"}, {{"T", kFloat}});
    // What this turn computed; the switch's value only has to be consumed.
    g.Node("out_next", "NextIteration", {"conv"}, {{"T", kFloat}});
    g.Node("i_exit", "Exit", {"i_switch:0"}, {{"T", kFloat}});
    g.Node("out_exit", "Exit", {"out_switch:0"}, {{"T", kFloat}});
    Open(g);
    ASSERT_OK(Run({}, {}, {"v/Assign"}));
  }
  float LastOutput() {
    auto result = Run({}, {"out_exit:0"});
    EXPECT_OK(result);
    return result.ok() ? result->outputs[0].values<float>()[0] : -1;
  }
};

TEST_F(SessionConvLoopTest, SeesAFilterThatIsWrittenInPlaceInTheSameStep) {
  for (const char* label : {"onednn", "eigen"}) {
    for (const char* update : {"AssignAdd", "ApplyGradientDescent"}) {
      SCOPED_TRACE(absl::StrCat(label, " ", update));
      OpenLoop(label, update);
      // 8 channels of ones; the filter is 1, 2, 3 in the three turns.
      EXPECT_EQ(LastOutput(), 24);
      EXPECT_EQ(LastOutput(), 48);
    }
  }
}

}  // namespace
}  // namespace metagraph
