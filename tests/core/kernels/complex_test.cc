#include "tests/support/op_tester.h"

namespace metagraph::complex_test {

const std::vector<complex64> kX = {{3, 4}, {0, -1}};

Tensor RunUnary(const char* name) {
  OpTester op(name);
  op.Input<complex64>({2}, kX);
  EXPECT_OK(op.Run());
  return op.output(0);
}

TEST(ComplexTest, TakesNumbersApart) {
  ExpectTensorEqual<float>(RunUnary("Real"), {2}, {3, 0});
  ExpectTensorEqual<float>(RunUnary("Imag"), {2}, {4, -1});
  ExpectTensorEqual<float>(RunUnary("ComplexAbs"), {2}, {5, 1});
  ExpectTensorNear<float>(RunUnary("Angle"), {2}, {0.9272952f, -1.5707964f});
  ExpectTensorEqual<complex64>(RunUnary("Conj"), {2}, {{3, -4}, {0, 1}});
}

TEST(ComplexTest, PutsNumbersTogether) {
  OpTester op("Complex");
  op.Attr("Tout", DT_COMPLEX128);
  op.Input<double>({2}, {1, 2}).Input<double>({}, {5});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<complex128>(op.output(0), {2}, {{1, 5}, {2, 5}});
}

TEST(ComplexTest, RefusesMixedPrecision) {
  OpTester op("Real");
  op.Attr("Tout", DT_DOUBLE).Input<complex64>({2}, kX);
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kUnimplemented, "Real"));
}

TEST(ComplexTest, TakesEmptyTensors) {
  OpTester op("Imag");
  op.Input<complex64>({0, 2}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {0, 2}, {});
}

}  // namespace metagraph::complex_test
