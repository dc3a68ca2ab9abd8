#include "core/program/passes/fold_constants.h"
#include "core/program/passes/forward_identities.h"
#include "core/program/passes/pipeline.h"
#include "core/program/passes/read_constants.h"
#include "core/program/passes/read_loop_constants.h"
#include "core/program/passes/share_equal.h"
#include "core/program/passes/simplify.h"
#include "tests/core/program/program_fixture.h"
#include "tests/support/expiring_clock.h"

namespace metagraph {
namespace {

using testing::HasSubstr;
using testing::Not;

class PassesTest : public ProgramTest {
 protected:
  std::string Folded(absl::string_view text) {
    return After({ReadConstants, FoldConstants, RemoveRest}, text);
  }
};

TEST_F(PassesTest, ConstantsAreComputedOnce) {
  EXPECT_EQ(Folded("a = Const() dtype=float value=" + Float(2) +
                   "\n"
                   "b = Neg(a) T=float\n"
                   "c = Mul(a, b) T=float\n"
                   "return c\n"),
            "c = Const() dtype=float value={tensor { dtype: DT_FLOAT "
            "tensor_shape { } tensor_content: \"\\000\\000\\200\\300\" }}\n"
            "return c\n");
}

TEST_F(PassesTest, WhatAnArgumentChangesIsNotFolded) {
  const std::string text =
      "arg x float\n"
      "b = Neg(x) T=float\n"
      "return b\n";
  EXPECT_EQ(Folded(text), text);
}

TEST_F(PassesTest, EffectsAndOrderAreNotFolded) {
  // A random op, one that waits, and one whose constant waits.
  const std::string shape =
      "shape = Const() dtype=int32 value={tensor { dtype: DT_INT32 "
      "tensor_shape { dim { size: 1 } } int_val: 2 }}\n";
  EXPECT_THAT(Folded(shape + "r = RandomUniform(shape) T=int32 dtype=float\n"
                             "return r"),
              HasSubstr("RandomUniform"));
  const std::string late =
      "wait = NoOp()\n"
      "a = Const(^wait) dtype=float value=" +
      Float(2) + "\n";
  EXPECT_THAT(Folded(late + "b = Neg(a) T=float\nreturn b"),
              HasSubstr("b = Neg(a)"));
  EXPECT_THAT(Folded("wait = NoOp()\na = Const() dtype=float value=" +
                     Float(2) + "\nb = Neg(a, ^wait) T=float\nreturn b"),
              HasSubstr("b = Neg(a, ^wait)"));
}

TEST_F(PassesTest, WhatFailsOrGrowsIsLeftForTheRun) {
  EXPECT_THAT(Folded("a = Const() dtype=int32 value={tensor { dtype: DT_INT32 "
                     "tensor_shape { } int_val: 0 }}\n"
                     "b = FloorDiv(a, a) T=int32\n"
                     "return b"),
              HasSubstr("FloorDiv"));
  EXPECT_THAT(
      Folded("dims = Const() dtype=int32 value={tensor { dtype: DT_INT32 "
             "tensor_shape { dim { size: 1 } } int_val: 2000000000 }}\n"
             "zero = Const() dtype=float value=" +
             Float(0) +
             "\n"
             "b = Fill(dims, zero) T=float index_type=int32\n"
             "return b"),
      HasSubstr("Fill"));
  // A little more than may be kept.
  EXPECT_THAT(
      Folded("dims = Const() dtype=int32 value={tensor { dtype: DT_INT32 "
             "tensor_shape { dim { size: 1 } } int_val: 300000 }}\n"
             "zero = Const() dtype=float value=" +
             Float(0) +
             "\n"
             "b = Fill(dims, zero) T=float index_type=int32\n"
             "return b"),
      HasSubstr("Fill"));
  // A product of vectors that are small themselves.
  const std::string column =
      "a = Const() dtype=float value={tensor { dtype: DT_FLOAT tensor_shape { "
      "dim { size: 5000 } dim { size: 1 } } float_val: 1 }}\n"
      "b = Const() dtype=float value={tensor { dtype: DT_FLOAT tensor_shape { "
      "dim { size: 1 } dim { size: 5000 } } float_val: 1 }}\n";
  EXPECT_THAT(Folded(column + "c = Add(a, b) T=float\nreturn c"),
              HasSubstr("c = Add"));
}

TEST_F(PassesTest, StringsDoNotGrowWithoutEnd) {
  std::string text =
      "s0 = Const() dtype=string value={tensor { dtype: DT_STRING "
      "tensor_shape { } string_val: \"0123456789abcdef\" }}\n";
  for (int i = 0; i < 40; ++i) {
    absl::StrAppend(&text, "s", i + 1, " = StringJoin(s", i, ", s", i,
                    ") N=2\n");
  }
  const std::string folded = Folded(text + "return s40\n");
  EXPECT_THAT(folded, HasSubstr("s40 = StringJoin(s39, s39)"));
  EXPECT_THAT(folded, Not(HasSubstr("s3 = StringJoin")));
}

TEST_F(PassesTest, AllThatIsFoldedIsBounded) {
  std::string text =
      "n0 = Const() dtype=float value={tensor { dtype: DT_FLOAT tensor_shape { "
      "dim { size: 250000 } } float_val: 1 }}\n";
  for (int i = 0; i < 200; ++i) {
    absl::StrAppend(&text, "n", i + 1, " = Neg(n", i, ") T=float\n");
  }
  const int64_t before = MemoryBudget::Process().used();
  const std::string folded = Folded(text + "return n200\n");
  EXPECT_THAT(folded, HasSubstr("n200 = Neg(n199)"));
  EXPECT_EQ(MemoryBudget::Process().used(), before);
}

TEST_F(PassesTest, ReadersGoPastIdentities) {
  EXPECT_EQ(After({ForwardIdentities, RemoveRest},
                  "arg x float\n"
                  "a = Neg(x) T=float\n"
                  "b = Identity(a) T=float\n"
                  "c = StopGradient(b) T=float\n"
                  "d = Neg(c, ^b) T=float\n"
                  "e = Identity(x) T=float\n"
                  "return d, e\n"
                  "run c\n"),
            "arg x float\n"
            "a = Neg(x) T=float\n"
            "d = Neg(a, ^a) T=float\n"
            "return d, x\n"
            "run a\n");
}

TEST_F(PassesTest, IdentitiesThatMeanSomethingStay) {
  const std::string text =
      "arg x float\n"
      "arg p bool\n"
      "v = VariableV2() dtype=float shape={shape { }}\n"
      "read = Identity(v) T=float\n"
      "switch = Switch(x, p) T=float\n"
      "pivot = Identity(switch:1) T=float\n"
      "late = Identity(x, ^pivot) T=float\n"
      "return read, late\n";
  EXPECT_EQ(After({ForwardIdentities}, text), text);
}

TEST_F(PassesTest, OpsThatChangeNothingBecomeIdentities) {
  const std::string numbers =
      "arg x int32\narg p bool\narg f float\n"
      "zero = Const() dtype=int32 value={tensor { dtype: DT_INT32 "
      "tensor_shape { } int_val: 0 }}\n"
      "one = Const() dtype=int32 value={tensor { dtype: DT_INT32 tensor_shape "
      "{ } int_val: 1 }}\n";
  const auto simplified = [&](const std::string& op) {
    return After({ReadConstants, Simplify, ForwardIdentities, RemoveRest},
                 absl::StrCat(numbers, op, "\nreturn y\n"));
  };
  for (const char* op :
       {"y = Mul(x, one) T=int32", "y = Mul(one, x) T=int32",
        "y = Add(x, zero) T=int32", "y = AddV2(zero, x) T=int32",
        "y = Sub(x, zero) T=int32", "y = Cast(x) DstT=int32 SrcT=int32",
        "n = Neg(x) T=int32\ny = Neg(n) T=int32"}) {
    EXPECT_THAT(simplified(op), HasSubstr("return x")) << op;
  }
  EXPECT_THAT(simplified("n = LogicalNot(p)\ny = LogicalNot(n)"),
              HasSubstr("return p"));
  for (const char* op : {"y = Mul(x, zero) T=int32", "y = Sub(zero, x) T=int32",
                         "y = Cast(x) DstT=int64 SrcT=int32",
                         "n = Neg(x) T=int32\ny = Abs(n) T=int32"}) {
    EXPECT_THAT(simplified(op), HasSubstr("return y")) << op;
  }
}

TEST_F(PassesTest, OperandsThatBroadcastAreNoIdentities) {
  EXPECT_THAT(
      After({ReadConstants, Simplify},
            "arg x int32\n"
            "ones = Const() dtype=int32 value={tensor { dtype: DT_INT32 "
            "tensor_shape { dim { size: 2 } } int_val: 1 }}\n"
            "y = Mul(x, ones) T=int32\n"
            "return y\n"),
      HasSubstr("y = Mul"));
}

TEST_F(PassesTest, FloatsTimesOneMayFlushToZero) {
  EXPECT_THAT(After({ReadConstants, Simplify},
                    "arg x float\none = Const() dtype=float value=" + Float(1) +
                        "\ny = Mul(x, one) T=float\nreturn y\n"),
              HasSubstr("y = Mul"));
}

TEST_F(PassesTest, ControlEdgesAlongsideDataMeanNothing) {
  EXPECT_EQ(After({Simplify},
                  "arg x float\narg p bool\n"
                  "a = Neg(x) T=float\n"
                  "other = NoOp()\n"
                  "b = Abs(a, ^a, ^other) T=float\n"
                  "s = Switch(x, p) T=float\n"
                  "c = Abs(s, ^s) T=float\n"
                  "return b, c\n"),
            "arg x float\narg p bool\n"
            "a = Neg(x) T=float\n"
            "other = NoOp()\n"
            "b = Abs(a, ^other) T=float\n"
            "s = Switch(x, p) T=float\n"
            "c = Abs(s, ^s) T=float\n"
            "return b, c\n");
}

TEST_F(PassesTest, EqualOpsAreShared) {
  EXPECT_EQ(
      After({ReadConstants, ShareEqual, RemoveRest},
            "arg x float\n"
            "one = Const() dtype=float value=" +
                Float(1) + "\nuno = Const() dtype=float value=" + Float(1) +
                "\n"
                "a = Add(x, one) T=float\n"
                "b = Add(x, uno) T=float\n"
                "c = Sub(x, uno) T=float\n"
                "d = Neg(b, ^a) T=float\n"
                "return a, b, c, d\n"
                "run b\n"),
      "arg x float\n"
      "one = Const() dtype=float value={tensor { dtype: DT_FLOAT "
      "tensor_shape { } float_val: 1 }}\n"
      "a = Add(x, one) T=float\n"
      "c = Sub(x, one) T=float\n"
      "d = Neg(a, ^a) T=float\n"
      "return a, a, c, d\n"
      "run a\n");
}

TEST_F(PassesTest, CallsAreNotShared) {
  const std::string call =
      " = PartitionedCall(x) Tin={list { type: DT_FLOAT }} "
      "Tout={list { type: DT_FLOAT }} f=@f\n";
  const std::string text =
      absl::StrCat("arg x float\na", call, "b", call, "return a, b\n");
  EXPECT_EQ(After({ShareEqual}, text), text);
}

TEST_F(PassesTest, OpsThatOnlyLookEqualAreNotShared) {
  const std::string text =
      "arg x float\n"
      "shape = Const() dtype=int32 value={tensor { dtype: DT_INT32 "
      "tensor_shape { dim { size: 1 } } int_val: 2 }}\n"
      "r1 = RandomUniform(shape) T=int32 dtype=float\n"
      "r2 = RandomUniform(shape) T=int32 dtype=float\n"
      "i = Cast(x) DstT=int32 SrcT=float\n"
      "l = Cast(x) DstT=int64 SrcT=float\n"
      "zero = Const() dtype=float value={tensor { dtype: DT_FLOAT tensor_shape "
      "{ } float_val: 0 }}\n"
      "minus_zero = Const() dtype=float value={tensor { dtype: DT_FLOAT "
      "tensor_shape { } float_val: -0 }}\n"
      "p1 = Placeholder() dtype=float\n"
      "p2 = Placeholder() dtype=float\n"
      "return r1, r2, i, l, zero, minus_zero, p1, p2\n";
  EXPECT_EQ(After({ReadConstants, ShareEqual}, text), text);
}

TEST_F(PassesTest, ThePipelineDoesWhatItsLevelSays) {
  const std::string text = "a = Const() dtype=float value=" + Float(2) +
                           "\n"
                           "b = Neg(a) T=float\n"
                           "return b\n";
  Body off = Parse(text);
  ASSERT_OK(RunPasses(off, CompileEnv{library()}, CompileLevel::kOff));
  EXPECT_THAT(PrintBody(off), HasSubstr("Neg"));
  EXPECT_NE(off.ops[0].constant, nullptr);
  Body full = Parse(text);
  ASSERT_OK(RunPasses(full, CompileEnv{library()}, CompileLevel::kFull));
  EXPECT_THAT(PrintBody(full), Not(HasSubstr("Neg")));
}

TEST_F(PassesTest, PassesEndWithTheCall) {
  CallContext call;
  call.Cancel();
  Body body = Parse("n = NoOp()\nrun n\n");
  EXPECT_THAT(
      RunPasses(body, CompileEnv{library(), &call}, CompileLevel::kFull),
      HasCode(absl::StatusCode::kCancelled, ""));
}

TEST_F(PassesTest, WhatIsFoldedEndsWithTheCall) {
  Body body = Parse(
      "a = Const() dtype=float value={tensor { dtype: DT_FLOAT tensor_shape { "
      "dim { size: 100000 } } float_val: 2 }}\n"
      "b = Neg(a) T=float\n"
      "return b\n");
  ASSERT_OK(ReadConstants(body, CompileEnv{library()}));
  // The kernel asks for its first block.
  ExpiringClock clock(1);
  CallContext call(ExpiringClock::Deadline(), clock);
  EXPECT_THAT(FoldConstants(body, CompileEnv{library(), &call}),
              HasCode(absl::StatusCode::kDeadlineExceeded, ""));
}

// Enter(x) is the turn's value, the others are carried into it.
std::string Carried(const std::string& op) {
  const auto enter = [](const std::string& name, const std::string& input,
                        const char* constant) {
    return absl::StrCat(name, " = Enter(", input,
                        ") T=float frame_name='f' is_constant=", constant,
                        " parallel_iterations=10\n");
  };
  return "arg x float\n"
         "c = Const() dtype=float value=" +
         Float(2) + "\n" + enter("turn", "x", "false") +
         enter("weight", "c", "true") + enter("given", "x", "true") +
         enter("inner", "weight", "true") + op + "return y\n";
}

TEST_F(PassesTest, ACircleOfEntersCarriesNothing) {
  const std::string enters =
      "arg x float\n"
      "e = Enter(f) T=float frame_name='f' is_constant=true "
      "parallel_iterations=10\n"
      "f = Enter(e) T=float frame_name='f' is_constant=true "
      "parallel_iterations=10\n"
      "y = Mul(e, x) T=float\n"
      "return y\n";
  EXPECT_THAT(After({ReadLoopConstants}, enters), HasSubstr("y = Mul(e, x)"));
}

TEST_F(PassesTest, LoopsReadConstantsThemselves) {
  const auto after = [&](const std::string& op) {
    return After({ReadConstants, ReadLoopConstants, RemoveRest}, Carried(op));
  };
  EXPECT_THAT(after("y = Mul(turn, weight) T=float\n"),
              HasSubstr("y = Mul(turn, c)"));
  EXPECT_THAT(after("y = Mul(inner, turn) T=float\n"),
              HasSubstr("y = Mul(c, turn)"));
  EXPECT_THAT(after("y = Mul(turn, given) T=float\n"),
              HasSubstr("y = Mul(turn, given)"));
  EXPECT_THAT(after("y = Mul(weight, weight) T=float\n"),
              HasSubstr("y = Mul(weight, weight)"))
      << "nothing else tells that there is a turn";
}

}  // namespace
}  // namespace metagraph
