#include "core/op/op_builder.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

template <typename T>
class TypedKernel final : public Kernel {
 public:
  absl::Status Compute(KernelContext&) const override {
    return absl::OkStatus();
  }
};

class RefusingKernel final : public Kernel {
 public:
  absl::Status Init(KernelConstruction&) { return OutOfRange("not today"); }
  absl::Status Compute(KernelContext&) const override {
    return absl::OkStatus();
  }
};

class OpBuilderTest : public ::testing::Test {
 protected:
  OpBuilderTest() : op_(info_) { info_.def.set_name("Tested"); }
  const tensorflow::OpDef::AttrDef& attr(int i = 0) {
    return info_.def.attr(i);
  }

  OpInfo info_;
  OpBuilder op_;
};

TEST_F(OpBuilderTest, ReadsArguments) {
  op_.Input("x: float").Input("ys: N * DT_INT32").Input("v: Ref(T)");
  op_.Output("z: T");
  EXPECT_OK(op_.status());
  EXPECT_EQ(info_.def.input_arg(0).name(), "x");
  EXPECT_EQ(info_.def.input_arg(0).type(), DT_FLOAT);
  EXPECT_EQ(info_.def.input_arg(1).number_attr(), "N");
  EXPECT_EQ(info_.def.input_arg(1).type(), DT_INT32);
  EXPECT_TRUE(info_.def.input_arg(2).is_ref());
  EXPECT_EQ(info_.def.input_arg(2).type_attr(), "T");
  EXPECT_EQ(info_.def.output_arg(0).type_attr(), "T");
}

TEST_F(OpBuilderTest, ReadsListsOfReferences) {
  op_.Input("refs: Ref(N * T)");
  EXPECT_OK(op_.status());
  EXPECT_TRUE(info_.def.input_arg(0).is_ref());
  EXPECT_EQ(info_.def.input_arg(0).number_attr(), "N");
  EXPECT_EQ(info_.def.input_arg(0).type_attr(), "T");
}

TEST_F(OpBuilderTest, ReadsMinimaAndDefaults) {
  op_.Attr("N: int >= 2").Attr("axis: int = -1").Attr("k: int >= 1 = 3");
  EXPECT_OK(op_.status());
  EXPECT_EQ(attr(0).type(), "int");
  EXPECT_TRUE(attr(0).has_minimum());
  EXPECT_EQ(attr(0).minimum(), 2);
  EXPECT_FALSE(attr(0).has_default_value());
  EXPECT_EQ(attr(1).default_value().i(), -1);
  EXPECT_FALSE(attr(1).has_minimum());
  EXPECT_EQ(attr(2).minimum(), 1);
  EXPECT_EQ(attr(2).default_value().i(), 3);
}

TEST_F(OpBuilderTest, ReadsAllowedValues) {
  op_.Attr("T: {half, float} = float").Attr("Ts: list({int32,int64}) >= 1");
  op_.Attr("padding: {'SAME', 'VALID'}").Attr("ss: list({'a'}) = ['a']");
  op_.Attr("Us: list({int32}) >= 0 = []");
  ASSERT_OK(op_.status());
  EXPECT_EQ(attr(0).type(), "type");
  EXPECT_THAT(attr(0).allowed_values().list().type(),
              ::testing::ElementsAre(DT_HALF, DT_FLOAT));
  EXPECT_EQ(attr(0).default_value().type(), DT_FLOAT);
  EXPECT_EQ(attr(1).type(), "list(type)");
  EXPECT_THAT(attr(1).allowed_values().list().type(),
              ::testing::ElementsAre(DT_INT32, DT_INT64));
  EXPECT_EQ(attr(1).minimum(), 1);
  EXPECT_EQ(attr(2).type(), "string");
  EXPECT_THAT(attr(2).allowed_values().list().s(),
              ::testing::ElementsAre("SAME", "VALID"));
  EXPECT_FALSE(attr(2).has_default_value());
  EXPECT_EQ(attr(3).type(), "list(string)");
  EXPECT_EQ(attr(3).default_value().list().s(0), "a");
  EXPECT_TRUE(attr(4).has_minimum());
  EXPECT_TRUE(attr(4).has_default_value());
  EXPECT_EQ(attr(4).type(), "list(type)");
}

TEST_F(OpBuilderTest, RefusesBrokenAllowedValues) {
  for (const char* spec : {"T: {float", "T: {}float", "T: {nofloat}",
                           "Ts: list({float}", "T: {float} int"}) {
    OpInfo info;
    OpBuilder op(info);
    op.Attr(spec);
    EXPECT_FALSE(op.status().ok()) << spec;
  }
}

TEST_F(OpBuilderTest, ReadsDefaultsOfEveryKind) {
  op_.Attr("a: string = 'SAME'").Attr("b: string = ''");
  op_.Attr("c: bool = true").Attr("d: float = 1e-4");
  op_.Attr("e: type = DT_HALF").Attr("f: type = int64");
  op_.Attr("g: shape = {}").Attr("h: shape = []");
  op_.Attr("i: list(int) = [1, 2]").Attr("j: list(type) = []");
  op_.Attr("k: list(string) = ['x','y']").Attr("l: list(float) = [0.5]");
  ASSERT_OK(op_.status());
  EXPECT_EQ(attr(0).default_value().s(), "SAME");
  EXPECT_EQ(attr(1).default_value().value_case(), tensorflow::AttrValue::kS);
  EXPECT_TRUE(attr(2).default_value().b());
  EXPECT_FLOAT_EQ(attr(3).default_value().f(), 1e-4f);
  EXPECT_EQ(attr(4).default_value().type(), DT_HALF);
  EXPECT_EQ(attr(5).default_value().type(), DT_INT64);
  EXPECT_TRUE(attr(6).default_value().shape().unknown_rank());
  EXPECT_FALSE(attr(7).default_value().shape().unknown_rank());
  EXPECT_EQ(attr(8).default_value().list().i_size(), 2);
  EXPECT_EQ(attr(9).default_value().value_case(), tensorflow::AttrValue::kList);
  EXPECT_EQ(attr(10).default_value().list().s(1), "y");
  EXPECT_FLOAT_EQ(attr(11).default_value().list().f(0), 0.5f);
}

TEST_F(OpBuilderTest, RemembersWhatTheOpIsLike) {
  op_.SetIsStateful().SetAllowsUninitializedInput().SetWritesVariables();
  op_.SetReadsVariables().SetDeclaresVariable();
  EXPECT_TRUE(info_.def.is_stateful());
  EXPECT_TRUE(info_.def.allows_uninitialized_input());
  EXPECT_TRUE(info_.writes_variables);
  EXPECT_TRUE(info_.reads_variables);
  EXPECT_TRUE(info_.declares_variable);
}

TEST_F(OpBuilderTest, KeepsTheFirstMistake) {
  op_.Input("no type").Input(": float").Attr("x: int = many");
  EXPECT_THAT(op_.status(), HasCode(absl::StatusCode::kInternal,
                                    "op \"Tested\": cannot parse \"no type\""));
}

TEST_F(OpBuilderTest, RefusesMalformedSpecs) {
  for (const char* spec :
       {"x", "x:", ": int", "x: int = a", "x: int >= a", "x: bool = 1",
        "x: string = SAME", "x: type = DT_NONE", "x: shape = [1]",
        "x: list(int) = 1", "x: list(int) = [a]", "x: func = 1"}) {
    OpInfo info;
    OpBuilder op(info);
    op.Attr(spec);
    EXPECT_FALSE(op.status().ok()) << spec;
  }
  for (const char* spec : {"x", "x:", ": float", "x: Ref(T", "x: N *"}) {
    OpInfo info;
    OpBuilder op(info);
    op.Input(spec);
    EXPECT_FALSE(op.status().ok()) << spec;
  }
}

TEST_F(OpBuilderTest, AddsAKernelPerDtype) {
  op_.set_label("fast");
  op_.KernelFor<TypedKernel, float, std::string>("T");
  ASSERT_EQ(info_.kernels.size(), 2u);
  EXPECT_EQ(info_.kernels[1].types[0].first, "T");
  EXPECT_EQ(info_.kernels[1].types[0].second, DT_STRING);
  EXPECT_EQ(info_.kernels[1].label, "fast");
}

TEST_F(OpBuilderTest, MakesKernelsAndReportsWhatInitSays) {
  op_.Kernel<TypedKernel<float>>().Kernel<RefusingKernel>();
  tensorflow::NodeDef node;
  NodeSignature signature;
  SessionState state;
  KernelConstruction construction(node, info_.def, signature, state);
  EXPECT_OK(info_.kernels[0].factory(construction));
  EXPECT_THAT(info_.kernels[1].factory(construction),
              HasCode(absl::StatusCode::kOutOfRange, "not today"));
}

}  // namespace
}  // namespace metagraph
