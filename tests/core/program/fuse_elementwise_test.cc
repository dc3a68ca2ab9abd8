#include "core/program/passes/fuse_elementwise.h"

#include "core/program/passes/infer_shapes.h"
#include "core/program/passes/read_constants.h"
#include "tests/core/program/program_fixture.h"

namespace metagraph {
namespace {

using testing::HasSubstr;
using testing::Not;

class FuseElementwiseTest : public ProgramTest {
 protected:
  std::string Fused(absl::string_view text) {
    return After({ReadConstants, FindShapes, FuseElementwise, RemoveRest},
                 text);
  }
};

// The constant `name`, a vector of these axes.
std::string Axes(const std::string& name, const std::vector<int>& axes) {
  std::string out = absl::StrCat(
      name,
      " = Const() dtype=int32 value={tensor { dtype: DT_INT32 tensor_shape { "
      "dim { size: ",
      axes.size(), " } }");
  for (const int axis : axes) absl::StrAppend(&out, " int_val: ", axis);
  return out + " }}\n";
}

TEST_F(FuseElementwiseTest, AChainBecomesOneOpWithTheLastOnesName) {
  EXPECT_EQ(Fused("arg x float\n"
                  "arg y float\n"
                  "a = Add(x, y) T=float\n"
                  "b = Tanh(a) T=float\n"
                  "c = Mul(x, b) T=float\n"
                  "return c\n"),
            "arg x float\n"
            "arg y float\n"
            "c = _FusedElementwise(x, y) N=2 names={list { s: \"a\" s: \"b\" "
            "s: \"c\" }} program='t0=Add(x0,x1) t1=Tanh(t0) t2=Mul(x0,t1)'\n"
            "return c\n");
}

TEST_F(FuseElementwiseTest, WhatIsReadOutsideStaysReadable) {
  // By a result, by an op of another kind, by a control edge.
  for (const char* reader :
       {"return c, a\n", "s = Lgamma(a) T=float\nreturn c, s\n",
        "n = NoOp(^a)\nreturn c\nrun n\n"}) {
    const std::string fused =
        Fused(absl::StrCat("arg x float\n"
                           "a = Add(x, x) T=float\n"
                           "b = Tanh(a) T=float\n"
                           "c = Neg(b) T=float\n",
                           reader));
    EXPECT_THAT(fused, HasSubstr("a = Add(x, x)")) << fused;
    EXPECT_THAT(fused, HasSubstr("c = _FusedElementwise(a)")) << fused;
  }
}

TEST_F(FuseElementwiseTest, NothingOutsideStandsBetweenMembers) {
  // m reads a, and d reads both.
  const std::string fused = Fused(
      "arg x float\n"
      "a = Add(x, x) T=float\n"
      "b = Neg(a) T=float\n"
      "m = Lgamma(b) T=float\n"
      "d = Mul(a, m) T=float\n"
      "e = Exp(d) T=float\n"
      "return e\n");
  EXPECT_THAT(fused, HasSubstr("b = Neg(a)")) << fused;
  EXPECT_THAT(fused, HasSubstr("e = _FusedElementwise(a, m)")) << fused;
}

TEST_F(FuseElementwiseTest, WhatWaitsOrIsWaitedForIsNoMember) {
  const std::string fused = Fused(
      "arg x float\n"
      "n = NoOp()\n"
      "a = Neg(x, ^n) T=float\n"
      "b = Exp(a) T=float\n"
      "c = Tanh(b) T=float\n"
      "return c\n");
  EXPECT_THAT(fused, HasSubstr("a = Neg(x, ^n)")) << fused;
  EXPECT_THAT(fused, HasSubstr("c = _FusedElementwise(a)")) << fused;
}

TEST_F(FuseElementwiseTest, OtherDtypesAreLeftAlone) {
  for (const std::string dtype : {"double", "half", "int32"}) {
    const std::string text =
        absl::StrCat("arg x ", dtype,
                     "\n"
                     "a = Neg(x) T=",
                     dtype, "\nb = Square(a) T=", dtype, "\nreturn b\n");
    EXPECT_THAT(Fused(text), Not(HasSubstr("_Fused")));
  }
}

TEST_F(FuseElementwiseTest, LayerNormalizationIsOneOp) {
  const std::string fused = Fused(
      Axes("last", {-1}) + "eps = Const() dtype=float value=" + Float(1e-6f) +
      "\n"
      "arg x float\n"
      "arg g float\n"
      "m = Mean(x, last) T=float Tidx=int32 keep_dims=true\n"
      "q = SquaredDifference(x, m) T=float\n"
      "v = Mean(q, last) T=float Tidx=int32 keep_dims=true\n"
      "w = Add(v, eps) T=float\n"
      "r = Rsqrt(w) T=float\n"
      "d = Sub(x, m) T=float\n"
      "n = Mul(d, r) T=float\n"
      "y = Mul(n, g) T=float\n"
      "return y\n");
  EXPECT_THAT(fused, HasSubstr("y = _FusedElementwise(")) << fused;
  EXPECT_THAT(fused, Not(HasSubstr("= Mean("))) << fused;
  EXPECT_THAT(fused, HasSubstr("Mean(x")) << fused;
}

TEST_F(FuseElementwiseTest, OnlyReductionsOfTheLastDimensionsAreMembers) {
  const auto fused = [&](const std::vector<int>& axes) {
    return Fused(Axes("axes", axes) +
                 "arg x float\n"
                 "a = Exp(x) T=float\n"
                 "s = Sum(a, axes) T=float Tidx=int32 keep_dims=true\n"
                 "return s\n");
  };
  EXPECT_THAT(fused({-1}), HasSubstr("s = _FusedElementwise(x)"));
  EXPECT_THAT(fused({-1, -2}), HasSubstr("axis=-1,axis=-2,keep"));
  EXPECT_THAT(fused({-2}), HasSubstr("s = Sum("));
  // Of unknown rank.
  EXPECT_THAT(fused({1}), HasSubstr("s = Sum("));
  EXPECT_THAT(fused({}), HasSubstr("s = Sum("));
}

TEST_F(FuseElementwiseTest, AxesFromTheFrontNeedARank) {
  const std::string text =
      "arg x float\n"
      "shape = Const() dtype=int32 value={tensor { dtype: DT_INT32 "
      "tensor_shape { dim { size: 2 } } int_val: 4 int_val: 6 }}\n"
      "r = Reshape(x, shape) T=float Tshape=int32\n"
      "a = Exp(r) T=float\n"
      "s = Sum(a, axes) T=float Tidx=int32\n"
      "return s\n";
  EXPECT_THAT(Fused(Axes("axes", {1}) + text), HasSubstr("t1=Sum(t0,axis=-1)"));
  EXPECT_THAT(Fused(Axes("axes", {0}) + text), HasSubstr("s = Sum("));
}

TEST_F(FuseElementwiseTest, AReductionThatDropsDimensionsEndsAGroup) {
  const std::string fused = Fused(Axes("last", {-1}) +
                                  "arg x float\n"
                                  "a = Square(x) T=float\n"
                                  "s = Sum(a, last) T=float Tidx=int32\n"
                                  "b = Sqrt(s) T=float\n"
                                  "c = Neg(b) T=float\n"
                                  "return c\n");
  EXPECT_THAT(fused, HasSubstr("s = _FusedElementwise(x)")) << fused;
  EXPECT_THAT(fused, HasSubstr("c = _FusedElementwise(s)")) << fused;
}

TEST_F(FuseElementwiseTest, AttributesGoWithTheStep) {
  const std::string fused = Fused(
      "arg x float\n"
      "arg b float\n"
      "a = BiasAdd(x, b) T=float\n"
      "r = LeakyRelu(a) T=float alpha={f: 0.5}\n"
      "return r\n");
  EXPECT_THAT(fused, HasSubstr("t0=BiasAdd(x0,x1) t1=LeakyRelu(t0,alpha=0.5)"))
      << fused;
  EXPECT_THAT(Fused("arg x float\n"
                    "arg b float\n"
                    "a = BiasAdd(x, b) T=float data_format='NCHW'\n"
                    "r = Relu(a) T=float\n"
                    "return r\n"),
              HasSubstr("a = BiasAdd(x, b)"));
}

TEST_F(FuseElementwiseTest, AConstantOfALoopNeedNoRunOfItsOwn) {
  const std::string fused = Fused(
      "arg x float\n"
      "turn = Neg(x) T=float\n"
      "one = Const(^turn) dtype=float value=" +
      Float(1) +
      "\n"
      "a = Add(x, one) T=float\n"
      "b = Sigmoid(a) T=float\n"
      "return b\n");
  EXPECT_THAT(fused, HasSubstr("b = _FusedElementwise(x, one/unbound, ^turn)"))
      << fused;
  EXPECT_THAT(fused, Not(HasSubstr("one = Const"))) << fused;
}

class SplitTest : public FuseElementwiseTest {
 protected:
  // Gates of a value [?, 8], of which `reader` reads c and h too.
  std::string Gates(int axis, int parts, const std::string& reader,
                    const std::string& axis_waits_for = "") {
    std::string text = absl::StrCat(
        "arg x float\narg s float\n"
        "shape = Const() dtype=int32 value={tensor { dtype: DT_INT32 "
        "tensor_shape { dim { size: 2 } } int_val: -1 int_val: 8 }}\n"
        "r = Reshape(x, shape) T=float Tshape=int32\n"
        "before = Neg(s) T=float\n"
        "axis = Const(",
        axis_waits_for,
        ") dtype=int32 value={tensor { dtype: DT_INT32 "
        "tensor_shape { } int_val: ",
        axis, " }}\ng = Split(axis, r) T=float num_split=", parts, "\n",
        "i = Sigmoid(g) T=float\n"
        "j = Tanh(g:1) T=float\n"
        "c = Mul(i, j) T=float\n"
        "o = Sigmoid(g:1) T=float\n"
        "h = Mul(o, s) T=float\n",
        reader);
    return Fused(text);
  }
};

TEST_F(SplitTest, PartsOfTheLastDimensionAreReadInPlace) {
  for (const int axis : {1, -1}) {
    const std::string fused = Gates(axis, 2, "return c, h\n");
    EXPECT_THAT(fused, Not(HasSubstr("Split"))) << fused;
    EXPECT_THAT(fused, HasSubstr("c = _FusedElementwise(r) ")) << fused;
    EXPECT_THAT(fused, HasSubstr("t0=Part(x0,part=1,of=2)")) << fused;
    EXPECT_THAT(fused, HasSubstr("h = _FusedElementwise(r, s) ")) << fused;
  }
}

TEST_F(SplitTest, WhatTheAxisWaitsForTheOpDoes) {
  const std::string fused = Gates(1, 2, "return c, h\n", "^before");
  EXPECT_THAT(fused, Not(HasSubstr("Split"))) << fused;
  EXPECT_THAT(fused, HasSubstr("c = _FusedElementwise(r, ^before) ")) << fused;
  EXPECT_THAT(fused, HasSubstr("h = _FusedElementwise(r, s, ^before) "))
      << fused;
}

TEST_F(SplitTest, ASplitThatOthersReadStays) {
  EXPECT_THAT(Gates(1, 2, "return c, h, g\n"), HasSubstr("g = Split"));
  EXPECT_THAT(Gates(1, 2, "l = Lgamma(g) T=float\nreturn c, h, l\n"),
              HasSubstr("g = Split"));
  EXPECT_THAT(Gates(1, 2, "n = NoOp(^g)\nreturn c, h\nrun n\n"),
              HasSubstr("g = Split"));
  // A single op is no program.
  EXPECT_THAT(Gates(1, 2, "l = Exp(g) T=float\nreturn c, h, l\n"),
              HasSubstr("g = Split"));
}

TEST_F(SplitTest, ASplitOfAnotherDimensionStays) {
  EXPECT_THAT(Gates(0, 2, "return c, h\n"), HasSubstr("g = Split"));
}

TEST_F(FuseElementwiseTest, ReferencesAreReadWhereTheyWere) {
  EXPECT_THAT(Fused("v = VariableV2() dtype=float shape={shape { }}\n"
                    "a = Neg(v) T=float\n"
                    "b = Exp(a) T=float\n"
                    "return b\n"),
              Not(HasSubstr("_Fused")));
}

TEST_F(FuseElementwiseTest, ManyOpsTakeLittleTime) {
  // Each reads the one before twice: paths are without number.
  std::string text = "arg x float\nn0 = Neg(x) T=float\n";
  for (int i = 0; i < 10000; ++i) {
    absl::StrAppend(&text, "n", i + 1, " = Add(n", i, ", n", i, ") T=float\n");
  }
  const std::string fused = Fused(text + "return n10000\n");
  EXPECT_THAT(fused, HasSubstr("n10000 = _FusedElementwise("));
  EXPECT_THAT(fused, Not(HasSubstr("n9999 =")));
}

}  // namespace
}  // namespace metagraph
