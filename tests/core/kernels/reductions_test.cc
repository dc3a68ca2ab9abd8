#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "tests/support/op_tester.h"

namespace metagraph::reductions_test {

using absl::StatusCode;

const float kNan = std::numeric_limits<float>::quiet_NaN();

template <typename T>
Tensor Reduce(const char* name, const TensorShape& shape,
              const std::vector<T>& values, const std::vector<int32_t>& axes,
              bool keep_dims = false) {
  OpTester op(name);
  op.Attr("keep_dims", keep_dims);
  op.Input<T>(shape, values);
  op.Input<int32_t>({static_cast<int64_t>(axes.size())}, axes);
  EXPECT_OK(op.Run());
  return op.output(0);
}

std::vector<float> Iota(int64_t n) {
  std::vector<float> values(n);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

TEST(ReductionsTest, SumsInnerOuterAndAllDimensions) {
  const std::vector<float> x = {1, 2, 3, 4, 5, 6};
  ExpectTensorEqual<float>(Reduce("Sum", {2, 3}, x, {1}), {2}, {6, 15});
  ExpectTensorEqual<float>(Reduce("Sum", {2, 3}, x, {0}), {3}, {5, 7, 9});
  ExpectTensorEqual<float>(Reduce("Sum", {2, 3}, x, {0, 1}), {}, {21});
  ExpectTensorEqual<float>(Reduce("Sum", {2, 3}, x, {-1}), {2}, {6, 15});
  ExpectTensorEqual<float>(Reduce("Sum", {2, 3}, x, {}), {2, 3}, x);
  ExpectTensorEqual<float>(Reduce("Sum", {2, 3}, x, {1}, true), {2, 1},
                           {6, 15});
  ExpectTensorEqual<float>(Reduce<float>("Sum", {}, {5.0f}, {}), {}, {5});
}

// Every subset of the dimensions of [3,1,4,2,5], against plain loops.
TEST(ReductionsTest, SumsOverAnySubsetOfDimensions) {
  const int64_t dims[] = {3, 1, 4, 2, 5};
  const std::vector<float> x = Iota(120);
  for (int mask = 0; mask < 32; ++mask) {
    std::vector<int32_t> axes;
    int64_t out_stride[5] = {};
    int64_t out_size = 1;
    for (int d = 4; d >= 0; --d) {
      if (mask >> d & 1) {
        axes.push_back(d);
      } else {
        out_stride[d] = out_size;
        out_size *= dims[d];
      }
    }
    std::vector<float> want(out_size, 0);
    for (int64_t i = 0; i < 120; ++i) {
      int64_t rest = i, at = 0;
      for (int d = 4; d >= 0; --d) {
        at += rest % dims[d] * out_stride[d];
        rest /= dims[d];
      }
      want[at] += x[i];
    }
    SCOPED_TRACE(mask);
    const Tensor out = Reduce<float>("Sum", {3, 1, 4, 2, 5}, x, axes);
    EXPECT_EQ(Values<float>(out), want);
  }
}

TEST(ReductionsTest, LongSumsStayAccurate) {
  const int64_t n = 3'000'000;
  const std::vector<float> x(n, 0.1f);
  const float want = static_cast<float>(n * static_cast<double>(0.1f));
  ExpectTensorNear<float>(Reduce("Sum", {n}, x, {0}), {}, {want}, 1e-6);
  ExpectTensorNear<float>(Reduce("Sum", {n / 2, 2}, x, {0}), {2},
                          {want / 2, want / 2}, 5e-6);
  ExpectTensorNear<float>(Reduce("Mean", {n / 3, 3}, x, {0, 1}), {}, {0.1f},
                          5e-6);
}

// Terms are added in pairs: one after the other the rows' errors are twice, the
// columns' three times as large.
TEST(ReductionsTest, ShortSumsRoundLittle) {
  const int64_t rows = 64, columns = 100;
  std::mt19937 random(1);
  std::vector<float> x(rows * columns);
  for (float& value : x) {
    value = static_cast<float>(random()) / 4294967296.0f - 0.5f;
  }
  // The root mean square of the errors, in roundings of the terms' sum.
  const auto error = [&](int axis) {
    const Tensor out = Reduce<float>("Sum", {rows, columns}, x, {axis});
    const int64_t outputs = axis == 0 ? columns : rows;
    double squares = 0;
    for (int64_t i = 0; i < outputs; ++i) {
      double sum = 0, magnitude = 0;
      for (int64_t k = 0; k < rows * columns / outputs; ++k) {
        const double term = axis == 0 ? x[k * columns + i] : x[i * columns + k];
        sum += term;
        magnitude += std::abs(term);
      }
      const double off = (out.data<float>()[i] - sum) / (magnitude * 0x1p-24);
      squares += off * off;
    }
    return std::sqrt(squares / static_cast<double>(outputs));
  };
  EXPECT_LT(error(1), 0.2);
  EXPECT_LT(error(0), 0.3);
}

TEST(ReductionsTest, WideRowsAreCutIntoTiles) {
  const int64_t columns = 5000;
  const std::vector<float> x = Iota(3 * columns);
  const Tensor out = Reduce<float>("Sum", {3, columns}, x, {0});
  for (int64_t c = 0; c < columns; ++c) {
    ASSERT_EQ(out.data<float>()[c], x[c] + x[c + columns] + x[c + 2 * columns]);
  }
}

TEST(ReductionsTest, HalfAddsUpInFloat) {
  ExpectTensorEqual<half>(
      Reduce("Sum", {4096}, std::vector<half>(4096, half(1)), {0}), {},
      {half(4096)});
}

TEST(ReductionsTest, MeansOfIntegersAreCut) {
  ExpectTensorEqual<int32_t>(Reduce<int32_t>("Mean", {4}, {1, 2, -6, -2}, {0}),
                             {}, {-1});
  ExpectTensorEqual<uint8_t>(Reduce<uint8_t>("Mean", {3}, {200, 200, 200}, {0}),
                             {}, {200});
  ExpectTensorEqual<int8_t>(Reduce<int8_t>("Sum", {2}, {100, 100}, {0}), {},
                            {-56});
}

TEST(ReductionsTest, EmptyReductionsGiveTheIdentity) {
  ExpectTensorEqual<float>(Reduce<float>("Sum", {2, 0}, {}, {1}), {2}, {0, 0});
  ExpectTensorEqual<float>(Reduce<float>("Mean", {2, 0}, {}, {1}), {2},
                           {kNan, kNan});
  ExpectTensorEqual<int32_t>(Reduce<int32_t>("Mean", {0}, {}, {0}), {}, {0});
  ExpectTensorEqual<float>(Reduce<float>("Sum", {2, 0}, {}, {0}), {0}, {});
}

TEST(ReductionsTest, Norms) {
  ExpectTensorNear<float>(
      Reduce<float>("EuclideanNorm", {2, 2}, {1, 2, 3, 4}, {0}), {2},
      {3.1622777f, 4.472136f});
  ExpectTensorEqual<int32_t>(Reduce<int32_t>("EuclideanNorm", {2}, {3, 5}, {0}),
                             {}, {5});
  ExpectTensorNear<float>(Reduce<float>("EuclideanNorm", {2}, {-3, 4}, {}), {2},
                          {3, 4});
  OpTester loss("L2Loss");
  loss.Input<float>({2, 2}, {1, 2, 3, 4});
  ASSERT_OK(loss.Run());
  ExpectTensorEqual<float>(loss.output(0), {}, {15});
  OpTester none("L2Loss");
  none.Input<float>({0}, {});
  ASSERT_OK(none.Run());
  ExpectTensorEqual<float>(none.output(0), {}, {0});
}

TEST(ReductionsTest, TakesAxesOfAnyShapeAndInt64) {
  OpTester op("Sum");
  op.Input<float>({2, 2}, {1, 2, 3, 4}).Input<int64_t>({1, 2}, {0, 1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {}, {10});
}

TEST(ReductionsTest, RefusesWrongAxes) {
  const auto run = [](const std::vector<int64_t>& axes) {
    OpTester op("Sum");
    op.Input<float>({2, 2}, {1, 2, 3, 4});
    op.Input<int64_t>({static_cast<int64_t>(axes.size())}, axes);
    return op.Run();
  };
  EXPECT_THAT(run({5}),
              HasCode(StatusCode::kInvalidArgument,
                      "Invalid reduction dimension (5 for input with 2 "
                      "dimension(s)"));
  EXPECT_THAT(run({-3}), HasCode(StatusCode::kInvalidArgument,
                                 "Invalid reduction dimension (-3"));
  EXPECT_THAT(run({std::numeric_limits<int64_t>::min()}),
              HasCode(StatusCode::kInvalidArgument, "dimension"));
  EXPECT_THAT(run({0, -2}), HasCode(StatusCode::kInvalidArgument,
                                    "Axes contains duplicate dimension: 0"));
}

TEST(ReductionsTest, RefusesAResultThatIsTooLarge) {
  OpTester op("Sum");
  const int64_t large = int64_t{1} << 40;
  auto shape = TensorShape::Build({large, 0, large});
  if (!shape.ok()) return;  // refused even earlier
  op.Input(*Tensor::Allocate(DT_FLOAT, *shape)).Input<int32_t>({1}, {1});
  EXPECT_FALSE(op.Run().ok());
}

// Squares wrap before the root is taken, as in TensorFlow.
TEST(ReductionsTest, NormsOfNarrowIntegers) {
  ExpectTensorEqual<uint8_t>(Reduce<uint8_t>("EuclideanNorm", {2}, {3, 4}, {0}),
                             {}, {5});
  ExpectTensorEqual<int8_t>(
      Reduce<int8_t>("EuclideanNorm", {2}, {100, 100}, {0}), {}, {5});
  ExpectTensorEqual<uint16_t>(
      Reduce<uint16_t>("EuclideanNorm", {2}, {300, 100}, {0}), {}, {185});
}

}  // namespace metagraph::reductions_test
