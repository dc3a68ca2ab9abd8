#include <limits>
#include <string>

#include "tests/support/op_tester.h"

namespace metagraph::arg_reduce_test {

using absl::StatusCode;

const float kNan = std::numeric_limits<float>::quiet_NaN();
const float kInf = std::numeric_limits<float>::infinity();

template <typename T>
Tensor Arg(const char* name, const TensorShape& shape,
           const std::vector<T>& values, int32_t dimension) {
  OpTester op(name);
  op.Input<T>(shape, values);
  op.Scalar<int32_t>(dimension);
  EXPECT_OK(op.Run());
  return op.output(0);
}

TEST(ArgReduceTest, FindsTheFirstBest) {
  const std::vector<float> x = {1, 3, 3, 9, 0, 0};
  ExpectTensorEqual<int64_t>(Arg("ArgMax", {2, 3}, x, 1), {2}, {1, 0});
  ExpectTensorEqual<int64_t>(Arg("ArgMax", {2, 3}, x, -2), {3}, {1, 0, 0});
  ExpectTensorEqual<int64_t>(Arg("ArgMin", {2, 3}, x, 1), {2}, {0, 1});
  ExpectTensorEqual<int64_t>(Arg<bool>("ArgMax", {2}, {false, true}, 0), {},
                             {1});
}

TEST(ArgReduceTest, PassesOverNaN) {
  ExpectTensorEqual<int64_t>(
      Arg<float>("ArgMax", {2, 3}, {kNan, 1, 2, 1, kNan, 2}, 1), {2}, {2, 2});
  ExpectTensorEqual<int64_t>(
      Arg<float>("ArgMin", {2, 3}, {kNan, 1, 2, 1, kNan, 2}, 1), {2}, {1, 0});
  ExpectTensorEqual<int64_t>(Arg<float>("ArgMax", {2}, {kNan, kNan}, 0), {},
                             {0});
  ExpectTensorEqual<int64_t>(Arg<float>("ArgMax", {2}, {-kInf, -kInf}, 0), {},
                             {0});
}

TEST(ArgReduceTest, FindsItInALongRow) {
  for (const int64_t at : {0, 15, 16, 500, 1000}) {
    std::vector<float> x(1001, -1);
    x[at] = 2;
    ExpectTensorEqual<int64_t>(Arg("ArgMax", {1001}, x, 0), {}, {at});
  }
}

TEST(ArgReduceTest, GivesInt32IfAsked) {
  OpTester op("ArgMax");
  op.Attr("output_type", DT_INT32);
  op.Input<int8_t>({2, 2}, {1, 2, 3, 4}).Scalar<int64_t>(0);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {2}, {1, 1});
}

TEST(ArgReduceTest, EmptyResultsAreFineEmptyRowsAreNot) {
  ExpectTensorEqual<int64_t>(Arg<float>("ArgMax", {2, 0}, {}, 0), {0}, {});
  OpTester op("ArgMax");
  op.Input<float>({2, 0}, {}).Scalar<int32_t>(1);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "Reduction axis 1 is empty in shape [2,0]"));
}

TEST(ArgReduceTest, RefusesWrongDimensions) {
  const auto run = [](Tensor dimension) {
    OpTester op("ArgMin");
    op.Input<float>({2, 2}, {1, 2, 3, 4}).Input(std::move(dimension));
    return op.Run();
  };
  EXPECT_THAT(run(Tensor::Scalar<int32_t>(5)),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected dimension in the range [-2, 2), but got 5"));
  EXPECT_THAT(run(Tensor::Scalar<int64_t>(int64_t{1} << 32)),
              HasCode(StatusCode::kInvalidArgument, "Expected dimension"));
  EXPECT_THAT(run(MakeTensor<int32_t>({1}, {0})),
              HasCode(StatusCode::kInvalidArgument,
                      "dim must be a scalar, but received tensor of shape: "
                      "[1]"));
}

TEST(ArgReduceTest, RefusesScalarsAndStrings) {
  OpTester scalar("ArgMax");
  scalar.Scalar<float>(1).Scalar<int32_t>(0);
  EXPECT_THAT(scalar.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected dimension in the range [0, 0), but got 0"));
  OpTester text("ArgMax");
  text.Scalar<std::string>("a").Scalar<int32_t>(0);
  EXPECT_THAT(
      text.Run(),
      HasCode(StatusCode::kInvalidArgument,
              "attr 'T' of string is not in the list of allowed values"));
}

TEST(ArgReduceTest, HasEveryOutputAndDimensionType) {
  const auto run = [](OpTester& op, DataType output, Tensor dimension) {
    op.Attr("output_type", output);
    op.Input<float>({2, 3}, {1, 5, 3, 9, 2, 4}).Input(std::move(dimension));
    return op.Run();
  };
  OpTester narrow("ArgMax");
  ASSERT_OK(run(narrow, DT_INT16, Tensor::Scalar<int16_t>(-1)));
  ExpectTensorEqual<int16_t>(narrow.output(0), {2}, {1, 0});
  OpTester columns("ArgMax");
  ASSERT_OK(run(columns, DT_UINT16, Tensor::Scalar<int64_t>(0)));
  ExpectTensorEqual<uint16_t>(columns.output(0), {3}, {1, 0, 1});
}

TEST(ArgMaxTest, IndicesMayBeShort) {
  OpTester op("ArgMax");
  op.Attr("output_type", DT_INT16).Input<float>({3}, {1, 5, 2});
  op.Scalar<int32_t>(0);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int16_t>(op.output(0), {}, {1});
  OpTester unsigned_op("ArgMax");
  unsigned_op.Attr("output_type", DT_UINT16).Input<float>({2}, {1, 5});
  unsigned_op.Scalar<int32_t>(-1);
  ASSERT_OK(unsigned_op.Run());
  ExpectTensorEqual<uint16_t>(unsigned_op.output(0), {}, {1});
}

}  // namespace metagraph::arg_reduce_test
