#include "tests/support/op_tester.h"

namespace metagraph::scan_test {

using absl::StatusCode;

Tensor Scan(const char* name, int32_t axis, bool exclusive, bool reverse) {
  OpTester op(name);
  op.Attr("exclusive", exclusive).Attr("reverse", reverse).AllowForwarding();
  op.Input<float>({2, 3}, {1, 2, 3, 4, 5, 6}).Scalar<int32_t>(axis);
  EXPECT_OK(op.Run());
  return op.output(0);
}

TEST(ScanTest, SumsAlongAnAxis) {
  ExpectTensorEqual<float>(Scan("Cumsum", 1, false, false), {2, 3},
                           {1, 3, 6, 4, 9, 15});
  ExpectTensorEqual<float>(Scan("Cumsum", -2, false, false), {2, 3},
                           {1, 2, 3, 5, 7, 9});
  ExpectTensorEqual<float>(Scan("Cumsum", 1, true, false), {2, 3},
                           {0, 1, 3, 0, 4, 9});
  ExpectTensorEqual<float>(Scan("Cumsum", 1, false, true), {2, 3},
                           {6, 5, 3, 15, 11, 6});
  ExpectTensorEqual<float>(Scan("Cumprod", 1, true, true), {2, 3},
                           {6, 3, 1, 30, 6, 1});
}

TEST(ScanTest, TakesEmptyTensors) {
  OpTester op("Cumsum");
  op.Input<float>({2, 0}, {}).Scalar<int64_t>(0);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 0}, {});
}

TEST(ScanTest, RefusesWrongAxes) {
  const auto run = [](Tensor axis) {
    OpTester op("Cumprod");
    op.Input<float>({2, 2}, {1, 2, 3, 4}).Input(std::move(axis));
    return op.Run();
  };
  EXPECT_THAT(run(Tensor::Scalar<int32_t>(2)),
              HasCode(StatusCode::kInvalidArgument,
                      "ScanOp: Expected scan axis in the range [-2, 2), but "
                      "got 2"));
  EXPECT_THAT(run(MakeTensor<int32_t>({1}, {0})),
              HasCode(StatusCode::kInvalidArgument,
                      "ScanOp: axis must be a scalar, not [1]"));
}

}  // namespace metagraph::scan_test
