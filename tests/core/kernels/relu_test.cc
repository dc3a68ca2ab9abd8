#include <cmath>
#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph {
namespace {

TEST(ReluTest, ClampsNegativeValuesAndKeepsNaN) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  OpTester op("Relu");
  op.Input<float>({2, 3}, {-1, 0, 2, nan, inf, -inf});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 3}, {0, 0, 2, nan, inf, 0});
}

TEST(ReluTest, TakesAnEmptyTensor) {
  OpTester op("Relu");
  op.Input<float>({0, 3}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {0, 3}, {});
}

TEST(ReluTest, WritesInPlaceWhenItMay) {
  OpTester op("Relu");
  op.Input<float>({2}, {-1, 1}).AllowForwarding();
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2}, {0, 1});
}

TEST(ReluTest, RefusesDtypeWithoutKernel) {
  OpTester op("Relu");
  op.Input<bool>({1}, {true});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kUnimplemented, "T=bool"));
}

}  // namespace
}  // namespace metagraph
