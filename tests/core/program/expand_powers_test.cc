#include "core/program/passes/expand_powers.h"

#include "core/program/passes/read_constants.h"
#include "tests/core/program/program_fixture.h"

namespace metagraph {
namespace {

using testing::HasSubstr;

class ExpandPowersTest : public ProgramTest {
 protected:
  std::string PowerOf(float exponent) {
    return After({ReadConstants, ExpandPowers, RemoveRest},
                 "arg x float\n"
                 "e = Const() dtype=float value=" +
                     Float(exponent) +
                     "\n"
                     "p = Pow(x, e) T=float\n"
                     "return p\n");
  }
};

TEST_F(ExpandPowersTest, SmallPowersAreProductsRootsAndQuotients) {
  EXPECT_EQ(PowerOf(2),
            "arg x float\n"
            "p = Square(x) T=float\n"
            "return p\n");
  EXPECT_EQ(PowerOf(3),
            "arg x float\n"
            "p = Mul(x, p/square) T=float\n"
            "p/square = Square(x) T=float\n"
            "return p\n");
  EXPECT_THAT(PowerOf(0.5), HasSubstr("p = Pow(x"));
  EXPECT_THAT(PowerOf(-0.5), HasSubstr("p = Pow(x"));
  EXPECT_THAT(PowerOf(-1), HasSubstr("p = Reciprocal(x)"));
}

TEST_F(ExpandPowersTest, OthersStay) {
  for (const float exponent : {0.0f, 1.0f, 4.0f, -2.0f, 1.5f}) {
    EXPECT_THAT(PowerOf(exponent), HasSubstr("p = Pow(x, e)"));
  }
  // Not a constant, one that may wait, and integers, which may not be negative.
  EXPECT_THAT(After({ExpandPowers},
                    "arg x float\narg e float\np = Pow(x, e) T=float\n"
                    "return p\n"),
              HasSubstr("Pow(x, e)"));
  EXPECT_THAT(After({ReadConstants, ExpandPowers},
                    "arg x float\n"
                    "n = NoOp()\n"
                    "e = Const(^n) dtype=float value=" +
                        Float(2) + "\np = Pow(x, e) T=float\nreturn p\n"),
              HasSubstr("Pow(x, e)"));
  EXPECT_THAT(After({ReadConstants, ExpandPowers},
                    "arg x int32\n"
                    "e = Const() dtype=int32 value={tensor { dtype: DT_INT32 "
                    "tensor_shape { } int_val: 2 }}\n"
                    "p = Pow(x, e) T=int32\nreturn p\n"),
              HasSubstr("Pow(x, e)"));
}

TEST_F(ExpandPowersTest, AnExponentOfAShapeMayGiveThePowerThatShape) {
  EXPECT_THAT(After({ReadConstants, ExpandPowers},
                    "arg x float\n"
                    "e = Const() dtype=float value={tensor { dtype: DT_FLOAT "
                    "tensor_shape { dim { size: 2 } } float_val: 2 }}\n"
                    "p = Pow(x, e) T=float\nreturn p\n"),
              HasSubstr("Pow(x, e)"));
}

}  // namespace
}  // namespace metagraph
