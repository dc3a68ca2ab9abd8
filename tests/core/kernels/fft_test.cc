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

// Of primes, and of what has a large one, as convolutions.
TEST(FftTest, TransformsAnyNumberOfElements) {
  using C = complex128;
  for (const int n : {67, 127, 251, 1009, 2 * 521, 9 * 67}) {
    std::vector<C> values(n), want(n);
    for (int i = 0; i < n; ++i) values[i] = C(std::sin(1 + i * i), i % 3);
    for (int k = 0; k < n; ++k) {
      for (int i = 0; i < n; ++i) {
        want[k] += values[i] * std::polar(1.0, -2 * 3.14159265358979323846 *
                                                   (int64_t{i} * k % n) / n);
      }
    }
    OpTester forward("FFT");
    ASSERT_OK(forward.Input<C>({n}, values).Run());
    ExpectComplexNear<C>(forward.output(0), {n}, want);
    OpTester back("IFFT");
    ASSERT_OK(back.Input(forward.output(0)).Run());
    ExpectComplexNear<C>(back.output(0), {n}, values);
    std::vector<float> reals(n);
    for (int i = 0; i < n; ++i) reals[i] = std::sin(2.0f + i);
    OpTester half("RFFT");
    ASSERT_OK(RunWith(half.Input<float>({n}, reals), n));
    OpTester real("IRFFT");
    ASSERT_OK(RunWith(real.Input(half.output(0)), n));
    ExpectTensorNear<float>(real.output(0), {n}, reals, 1e-5, 1e-5);
  }
}

// Of a large prime, which p * p steps would not end in any time.
TEST(FftTest, TransformsALargePrime) {
  constexpr int kPrime = 1000003;
  OpTester op("FFT");
  std::vector<complex64> values(kPrime);
  values[1] = 1;
  ASSERT_OK(op.Input<complex64>({kPrime}, values).Run());
  const auto got = Values<complex64>(op.output(0));
  for (const int64_t k : {0, 1, 77777, kPrime - 1}) {
    EXPECT_LE(std::abs(complex128(got[k]) -
                       std::polar(1.0, -2 * 3.14159265358979323846 *
                                           static_cast<double>(k) / kPrime)),
              1e-6);
  }
}

TEST(FftTest, RefusesMoreThanItCanCount) {
  OpTester op("IRFFT");
  op.Attr("Treal", DT_FLOAT).Attr("Tcomplex", DT_COMPLEX64);
  EXPECT_THAT(RunWith(op.Input<complex64>({0, 1}, {}), 1 << 28),
              HasCode(StatusCode::kInvalidArgument,
                      "at most 134217728 elements in one transform"));
}

TEST(FftTest, RefusesWhatDoesNotFit) {
  const auto expect = [](const TensorShape& shape, const Tensor& length,
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
