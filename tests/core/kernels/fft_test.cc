#include <cmath>
#include <complex>

#include "tests/support/op_tester.h"

namespace metagraph::fft_test {

using absl::StatusCode;

template <typename T>
void ExpectComplexNear(const Tensor& got, const TensorShape& shape,
                       const std::vector<T>& want) {
  EXPECT_EQ(got.shape().ToString(), shape.ToString());
  const std::vector<T> values = Values<T>(got);
  ASSERT_EQ(values.size(), want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    EXPECT_LE(std::abs(values[i] - want[i]), 1e-5) << "element " << i;
  }
}

absl::Status RunWith(OpTester& op, int32_t length) {
  return op.Input<int32_t>({1}, {length}).Run();
}

TEST(FftTest, GivesHalfOfTheSpectrumOfReals) {
  using C = complex64;
  OpTester op("RFFT");
  ASSERT_OK(RunWith(op.Input<float>({4}, {1, 2, 3, 4}), 4));
  ExpectComplexNear<C>(op.output(0), {3}, {C(10, 0), C(-2, 2), C(-2, 0)});
  // Of the first three elements.
  OpTester cut("RFFT");
  ASSERT_OK(RunWith(cut.Input<float>({4}, {1, 2, 3, 4}), 3));
  ExpectComplexNear<C>(cut.output(0), {2}, {C(6, 0), C(-1.5f, .8660254f)});
  OpTester rows("RFFT");
  rows.Attr("Treal", DT_DOUBLE).Attr("Tcomplex", DT_COMPLEX128);
  ASSERT_OK(RunWith(rows.Input<double>({2, 2}, {1, 2, 3, 5}), 2));
  ExpectComplexNear<complex128>(rows.output(0), {2, 2},
                                {{3, 0}, {-1, 0}, {8, 0}, {-2, 0}});
  OpTester none("RFFT");
  ASSERT_OK(RunWith(none.Input<float>({0, 4}, {}), 4));
  EXPECT_EQ(none.output(0).shape(), TensorShape({0, 3}));
}

TEST(FftTest, GoesBack) {
  using C = complex64;
  for (const int n : {1, 2, 5, 8, 12}) {
    std::vector<float> values(n);
    for (int i = 0; i < n; ++i) values[i] = std::sin(1.0f + i * i);
    OpTester forward("RFFT");
    ASSERT_OK(RunWith(forward.Input<float>({n}, values), n));
    OpTester back("IRFFT");
    ASSERT_OK(RunWith(back.Input(forward.output(0)), n));
    ExpectTensorNear<float>(back.output(0), {n}, values, 1e-5, 1e-5);
  }
  OpTester single("FFT");
  ASSERT_OK(single.Input<C>({2, 1}, {C(1, 2), C(3, 4)}).Run());
  ExpectComplexNear<C>(single.output(0), {2, 1}, {C(1, 2), C(3, 4)});
  OpTester whole("FFT");
  ASSERT_OK(whole
                .Input<C>({2, 3}, {C(1, 0), C(2, 1), C(3, 0), C(1, 1), C(0, 0),
                                   C(0, 0)})
                .Run());
  EXPECT_LE(std::abs(Values<C>(whole.output(0))[0] - C(6, 1)), 1e-5);
  OpTester inverse("IFFT");
  ASSERT_OK(inverse.Input(whole.output(0)).Run());
  ExpectComplexNear<C>(inverse.output(0), {2, 3},
                       {C(1, 0), C(2, 1), C(3, 0), C(1, 1), C(0, 0), C(0, 0)});
}

TEST(FftTest, RefusesWhatDoesNotFit) {
  const auto expect = [](const TensorShape& shape, Tensor length,
                         const char* text) {
    for (const char* name : {"RFFT", "IRFFT"}) {
      OpTester op(name);
      if (std::string(name) == "RFFT") {
        op.Input<float>(shape, std::vector<float>(shape.num_elements()));
      } else {
        op.Input<complex64>(shape,
                            std::vector<complex64>(shape.num_elements()));
      }
      EXPECT_THAT(op.Input(length).Run(),
                  HasCode(StatusCode::kInvalidArgument, text));
    }
  };
  expect({2}, Tensor::Vector<int32_t>({6}),
         "Input dimension 0 must have length of at least");
  expect({2}, Tensor::Vector<int32_t>({-2}),
         "fft_length[0] must >= 0, but got: -2");
  expect({2}, Tensor::Vector<int32_t>({2, 2}),
         "fft_length must have shape [1]");
  expect({2}, Tensor::Scalar<int32_t>(2), "fft_length must have shape [1]");
  expect({}, Tensor::Vector<int32_t>({2}),
         "Input must have rank of at least 1 but got: []");
  OpTester scalar("FFT");
  EXPECT_THAT(scalar.Scalar<complex64>({1, 0}).Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Input must have rank of at least 1"));
}

}  // namespace metagraph::fft_test
