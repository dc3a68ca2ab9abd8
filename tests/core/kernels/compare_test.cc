#include <limits>
#include <string>

#include "tests/support/op_tester.h"

namespace metagraph::compare_test {

using absl::StatusCode;

const float kNan = std::numeric_limits<float>::quiet_NaN();

template <typename T>
void ExpectCompares(const char* name, const std::vector<T>& x,
                    const std::vector<T>& y, const std::vector<bool>& want) {
  OpTester op(name);
  op.Input<T>({static_cast<int64_t>(x.size())}, x);
  op.Input<T>({static_cast<int64_t>(y.size())}, y);
  ASSERT_OK(op.Run()) << name;
  ExpectTensorEqual<bool>(op.output(0), {static_cast<int64_t>(want.size())},
                          want);
}

TEST(CompareTest, ComparesFloatsAndNaN) {
  const std::vector<float> x = {1, 2, 3, kNan}, y = {2, 2, 2, kNan};
  ExpectCompares("Equal", x, y, {false, true, false, false});
  ExpectCompares("NotEqual", x, y, {true, false, true, true});
  ExpectCompares("Less", x, y, {true, false, false, false});
  ExpectCompares("LessEqual", x, y, {true, true, false, false});
  ExpectCompares("Greater", x, y, {false, false, true, false});
  ExpectCompares("GreaterEqual", x, y, {false, true, true, false});
}

TEST(CompareTest, ComparesOtherTypes) {
  ExpectCompares<std::string>("Equal", {"a", "b"}, {"a"}, {true, false});
  ExpectCompares<bool>("NotEqual", {true, false}, {true}, {false, true});
  ExpectCompares<uint8_t>("Greater", {200, 1}, {100}, {true, false});
  ExpectCompares<half>("Less", {half(1)}, {half(2)}, {true});
  ExpectCompares<complex64>("Equal", {{1, 2}}, {{1, 2}}, {true});
}

TEST(CompareTest, BroadcastsAndTakesEmptyTensors) {
  OpTester op("Less");
  op.Input<int32_t>({2, 1}, {1, 3}).Input<int32_t>({2}, {2, 4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<bool>(op.output(0), {2, 2}, {true, true, false, true});
  ExpectCompares<float>("Equal", {}, {1}, {});
}

TEST(CompareTest, ShapesThatDoNotFitAreAnErrorUnlessTheyMayBeUnequal) {
  OpTester strict("Equal");
  strict.Input<float>({2}, {1, 2}).Input<float>({3}, {1, 2, 3});
  EXPECT_THAT(strict.Run(), HasCode(StatusCode::kInvalidArgument,
                                    "Incompatible shapes: [2] vs. [3]"));
  for (const auto& [name, want] :
       {std::pair{"Equal", false}, std::pair{"NotEqual", true}}) {
    OpTester op(name);
    op.Attr("incompatible_shape_error", false);
    op.Input<float>({2}, {1, 2}).Input<float>({3}, {1, 2, 3});
    ASSERT_OK(op.Run());
    ExpectTensorEqual<bool>(op.output(0), {}, {want});
  }
}

TEST(CompareTest, ApproximateEqualHasATolerance) {
  OpTester op("ApproximateEqual");
  op.Attr("tolerance", 0.01f);
  op.Input<float>({3}, {1, 2, kNan}).Input<float>({3}, {1.005f, 2.1f, kNan});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<bool>(op.output(0), {3}, {true, false, false});

  OpTester wrong("ApproximateEqual");
  wrong.Input<float>({1}, {1}).Input<float>({2}, {1, 2});
  EXPECT_THAT(wrong.Run(), HasCode(StatusCode::kInvalidArgument,
                                   "x and y must be of the same shape"));
}

TEST(CompareTest, RefusesStrings) {
  OpTester op("Less");
  op.Scalar<std::string>("a").Scalar<std::string>("b");
  EXPECT_THAT(
      op.Run(),
      HasCode(StatusCode::kInvalidArgument,
              "attr 'T' of string is not in the list of allowed values"));
}

TEST(CompareTest, ComparesQuantisedNumbers) {
  for (const char* name : {"Equal", "NotEqual"}) {
    OpTester op(name);
    op.Input<qint8>({2}, {{1}, {-2}}).Input<qint8>({2}, {{1}, {2}});
    ASSERT_OK(op.Run());
    const bool equal = absl::string_view(name) == "Equal";
    ExpectTensorEqual<bool>(op.output(0), {2}, {equal, !equal});
  }
}

}  // namespace metagraph::compare_test
