#include "core/op/element_program.h"

#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(ElementProgramTest, IsPrintedAsItIsParsed) {
  const std::string text =
      "t0=Mean(x0,axis=-1,keep) t1=SquaredDifference(x0,t0) "
      "t2=Sum(t1,axis=-2,axis=-1) t3=LeakyRelu(t2,alpha=0.200000003) "
      "t4=Rsqrt(t3) t5=BiasAdd(t4,x1) t6=Part(x1,part=2,of=3)";
  const auto program = ParseElementProgram(text, 2);
  ASSERT_OK(program);
  EXPECT_EQ(PrintElementProgram(*program), text);
}

TEST(ElementProgramTest, SaysWhatEachStepReads) {
  const auto program =
      ParseElementProgram("t0=Neg(x1) t1=Sub(t0,x0) t2=Max(t1,axis=2)", 2);
  ASSERT_OK(program);
  ASSERT_EQ(program->size(), 3u);
  EXPECT_EQ((*program)[0].op, ElementOp::kNeg);
  EXPECT_THAT((*program)[0].from, ElementsAre(~1, ~1));
  EXPECT_THAT((*program)[1].from, ElementsAre(0, ~0));
  EXPECT_THAT((*program)[2].axes, ElementsAre(2));
  EXPECT_FALSE((*program)[2].keep_dims);
}

TEST(ElementProgramTest, RefusesWhatIsNoProgram) {
  for (const char* text : {"",
                           "t0",
                           "t0=",
                           "t0=Neg",
                           "t0=Neg()",
                           "t0=Neg(x0",
                           "t1=Neg(x0)",
                           "t0=Neg(x2)",
                           "t0=Neg(x-1)",
                           "t0=Neg(t0)",
                           "t0=Neg(t1) t1=Neg(x0)",
                           "t0=Add(x0)",
                           "t0=Add(x0,x1,x0)",
                           "t0=Neg(x0,keep)",
                           "t0=MatMul(x0,x1)",
                           "t0=Sum(x0,axis=a)",
                           "t0=Neg(x0,alpha=1)",
                           "t0=Neg(x0)  t1=Neg(t0)",
                           "t0=Sum(x0,axis=4294967296)",
                           "t0=Neg(x0) ",
                           "t0=Part(x0,part=2,of=2)",
                           "t0=Part(x0,part=-1,of=2)",
                           "t0=Neg(x0,of=2)",
                           "t0=Neg(x0) t1=Part(t0,part=0,of=2)"}) {
    const auto program = ParseElementProgram(text, 2);
    EXPECT_EQ(program.status().code(), absl::StatusCode::kInvalidArgument)
        << text;
    EXPECT_THAT(program.status().message(), HasSubstr("is no step t")) << text;
  }
}

TEST(ElementProgramTest, RefusesEndlessPrograms) {
  std::string text = "t0=Neg(x0)";
  for (int i = 1; i < 1 << 14; ++i) {
    absl::StrAppend(&text, " t", i, "=Neg(t", i - 1, ")");
  }
  EXPECT_OK(ParseElementProgram(text, 1));
  EXPECT_THAT(ParseElementProgram(text + " t16384=Neg(x0)", 1),
              HasCode(absl::StatusCode::kInvalidArgument, "more than 16384"));
}

TEST(ElementProgramTest, KnowsOpsByAllTheirNames) {
  ElementOp op;
  ASSERT_TRUE(FindElementOp("AddV2", &op));
  EXPECT_EQ(op, ElementOp::kAdd);
  EXPECT_TRUE(IsBinary(op));
  ASSERT_TRUE(FindElementOp("Min", &op));
  EXPECT_TRUE(IsReduction(op));
  EXPECT_FALSE(FindElementOp("Lgamma", &op));
}

}  // namespace
}  // namespace metagraph
