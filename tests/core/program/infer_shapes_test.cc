#include "core/program/passes/infer_shapes.h"

#include "core/program/passes/pipeline.h"
#include "tests/core/program/program_fixture.h"

namespace metagraph {
namespace {

using testing::HasSubstr;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;

// A vector of so many ones.
std::string Ones(const std::string& name, int size) {
  return absl::StrCat(name,
                      " = Const() dtype=float value={tensor { dtype: DT_FLOAT "
                      "tensor_shape { dim { size: ",
                      size, " } } float_val: 1 }}\n");
}

class InferShapesPassTest : public ProgramTest {
 protected:
  absl::Status Find(absl::string_view text, const std::string& function = "") {
    body_ = Parse(text);
    body_.name = function;
    return FindShapes(body_, CompileEnv{library()});
  }
  std::string ShapeOf(absl::string_view name) const {
    for (const Op& op : body_.ops) {
      if (op.name == name) return op.shapes[0].ToString();
    }
    return "no such op";
  }

  Body body_;
};

TEST_F(InferShapesPassTest, ValuesGetTheirShapes) {
  EXPECT_OK(Find("arg x float\n" + Ones("a", 3) +
                 "sum = Add(a, a) T=float\n"
                 "any = Neg(x) T=float\n"
                 "row = ExpandDims(sum, axis) T=float Tdim=int32\n"
                 "axis = Const() dtype=int32 value={tensor { dtype: DT_INT32 "
                 "tensor_shape { } int_val: 0 }}\n"
                 "return row, any\n"));
  EXPECT_EQ(ShapeOf("sum"), "[3]");
  EXPECT_EQ(ShapeOf("row"), "[1,3]");
  EXPECT_EQ(ShapeOf("any"), "<unknown>");
  EXPECT_THAT(PrintBody(body_), HasSubstr("sum = Add(a, a) T=float  # [3]\n"));
  EXPECT_OK(ParseBody(PrintBody(body_), Ops()));
}

TEST_F(InferShapesPassTest, RefusesWhatCannotFit) {
  EXPECT_THAT(
      Find(Ones("a", 2) + Ones("b", 3) + "sum = Add(a, b) T=float\nreturn sum"),
      HasCode(kInvalid,
              "Dimensions must be equal, but are 2 and 3 for 'sum' (op: "
              "'Add') with input shapes: [2], [3].\n\t [[{{node sum}}]]"));
}

TEST_F(InferShapesPassTest, AFeedMayHaveAnyShape) {
  EXPECT_OK(Find("arg a float\n" + Ones("b", 3) +
                 "sum = Add(a, b) T=float\nreturn sum"));
}

TEST_F(InferShapesPassTest, AVariableMayHaveAnotherShapeThanItDeclares) {
  EXPECT_OK(
      Find("v = VariableV2() dtype=float shape={shape { dim { size: 2 } "
           "}}\n" +
           Ones("b", 3) + "sum = Add(v, b) T=float\nreturn sum"));
  EXPECT_EQ(ShapeOf("v"), "<unknown>");
}

TEST_F(InferShapesPassTest, ABranchThatMayNotBeTakenNeedNotFit) {
  const std::string text = "arg p bool\n" + Ones("a", 2) + Ones("b", 3) +
                           "s = Switch(a, p) T=float\n"
                           "sum = Add(s, b) T=float\n"
                           "m = Merge(sum, s:1) T=float N=2\n"
                           "return m\n";
  EXPECT_OK(Find(text));
  EXPECT_EQ(ShapeOf("m"), "<unknown>");
}

TEST_F(InferShapesPassTest, AFunctionThatMayNotBeCalledNeedNotFit) {
  const std::string text =
      Ones("a", 2) + Ones("b", 3) + "sum = Add(a, b) T=float\nreturn sum";
  EXPECT_OK(Find(text, "f"));
}

TEST_F(InferShapesPassTest, AnUnfedPlaceholderIsNotBlamedForItsShape) {
  EXPECT_OK(
      Find("x = Placeholder() dtype=float shape={shape { dim { size: 2 "
           "} }}\n" +
           Ones("b", 3) + "sum = Add(x, b) T=float\nreturn sum"));
}

TEST_F(InferShapesPassTest, RunsAtEveryLevel) {
  for (const CompileLevel level : {CompileLevel::kOff, CompileLevel::kFull}) {
    Body body = Parse(Ones("a", 2) + Ones("b", 3) +
                      "sum = Add(a, b) T=float\nreturn sum");
    EXPECT_THAT(RunPasses(body, CompileEnv{library()}, level),
                HasCode(kInvalid, "but are 2 and 3 for 'sum'"));
  }
}

}  // namespace
}  // namespace metagraph
