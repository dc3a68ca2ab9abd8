#include <algorithm>
#include <limits>
#include <numeric>
#include <set>
#include <string>

#include "core/kernels/philox.h"
#include "tests/core/tensor/memory_limit.h"
#include "tests/support/expiring_clock.h"
#include "tests/support/op_tester.h"

namespace metagraph::random_test {

using absl::StatusCode;

// Expected numbers are those that TensorFlow gives for the same seeds.

TEST(PhiloxTest, GivesTheKnownAnswers) {
  EXPECT_EQ(Philox(0, 0).Next(),
            (Philox::Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(Philox(87654321, 1).Next(),
            (Philox::Block{0xab1e98c7, 0xcdf5cfa7, 0xf1867731, 0x4c3f748e}));
}

TEST(PhiloxTest, SkippingIsDrawing) {
  Philox drawn(5, 1), skipped(5, 1);
  for (int i = 0; i < 300; ++i) drawn.Next();
  skipped.Skip(300);
  EXPECT_EQ(drawn.Next(), skipped.Next());
  // The counter carries into its upper half.
  Philox far(5, 1), near(5, 2);
  far.Skip(~uint64_t{0});
  far.Skip(1);
  EXPECT_EQ(far.Next(), near.Next());
}

OpTester& Seeded(OpTester& op, int64_t seed, int64_t seed2) {
  return op.Attr("seed", seed).Attr("seed2", seed2);
}

template <typename T>
Tensor Draw(const char* name, int64_t seed, int64_t seed2, int32_t n) {
  OpTester op(name);
  Seeded(op, seed, seed2).Attr("dtype", kDataType<T>);
  op.Input<int32_t>({1}, {n});
  EXPECT_OK(op.Run());
  return op.output(0);
}

TEST(RandomTest, UniformNumbers) {
  ExpectTensorNear<float>(Draw<float>("RandomUniform", 87654321, 1, 6), {6},
                          {0.23903739f, 0.92039955f, 0.05051243f, 0.49574447f,
                           0.83552229f, 0.02647042f},
                          0, 1e-8);
  ExpectTensorNear<float>(
      Draw<float>("RandomUniform", 5, 1, 5), {5},
      {0.38751841f, 0.74854553f, 0.54871905f, 0.97527564f, 0.91013908f}, 0,
      1e-8);
}

TEST(RandomTest, NormalNumbers) {
  ExpectTensorNear<float>(Draw<float>("RandomStandardNormal", 87654321, 1, 6),
                          {6},
                          {-0.8113182f, 1.4845988f, 0.0653294f, -2.4427042f,
                           0.0992484f, 0.5912243f},
                          1e-6);
  ExpectTensorNear<float>(Draw<float>("RandomStandardNormal", 5, 1, 4), {4},
                          {-1.3768897f, -0.01258316f, -0.169515f, 1.0824056f},
                          1e-6);
  ExpectTensorNear<float>(
      Draw<float>("TruncatedNormal", 87654321, 1, 6), {6},
      {-0.8113182f, 1.4845988f, 0.0653294f, 0.0992484f, 0.6396971f, 1.6108712f},
      1e-6);
}

TEST(RandomTest, OtherDtypesStayInRange) {
  for (const auto& values :
       {Values<double>(Draw<double>("RandomUniform", 1, 2, 1001))}) {
    for (const double x : values) EXPECT_TRUE(x >= 0 && x < 1) << x;
  }
  for (const half x : Values<half>(Draw<half>("RandomUniform", 1, 2, 1001))) {
    EXPECT_TRUE(x >= half(0) && x < half(1));
  }
  for (const bfloat16 x :
       Values<bfloat16>(Draw<bfloat16>("RandomUniform", 1, 2, 1001))) {
    EXPECT_TRUE(x >= bfloat16(0) && x < bfloat16(1));
  }
  for (const double x :
       Values<double>(Draw<double>("TruncatedNormal", 1, 2, 1001))) {
    EXPECT_LT(std::abs(x), 2);
  }
}

TEST(RandomTest, LaterRunsGoOnInTheStream) {
  OpTester op("RandomUniform");
  Seeded(op, 87654321, 1).Attr("dtype", DT_FLOAT);
  op.Input<int32_t>({1}, {1});
  for (const float want : {0.23903739f, 0.22267115f, 0.34304976f}) {
    ASSERT_OK(op.Run());
    ExpectTensorEqual<float>(op.output(0), {1}, {want});
  }
}

TEST(RandomTest, ThreadsDoNotShowInTheNumbers) {
  const std::vector<float> many =
      Values<float>(Draw<float>("RandomUniform", 3, 4, 100'003));
  const std::vector<float> few =
      Values<float>(Draw<float>("RandomUniform", 3, 4, 50));
  EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin()));
  Philox philox(3, 4);
  philox.Skip(25'000);
  EXPECT_EQ(many[100'000], UniformFloat(philox.Next()[0]));
}

TEST(RandomTest, UnseededStreamsDiffer) {
  const auto draw = [] {
    return Values<float>(Draw<float>("RandomUniform", 0, 0, 8));
  };
  EXPECT_NE(draw(), draw());
}

TEST(RandomTest, UniformIntegers) {
  OpTester op("RandomUniformInt");
  Seeded(op, 87654321, 1);
  op.Input<int64_t>({1}, {4}).Scalar<int32_t>(-3).Scalar<int32_t>(4);
  ASSERT_OK(op.Run());
  std::vector<int32_t> want;
  for (const uint32_t word : Philox(87654321, 1).Next()) {
    want.push_back(-3 + static_cast<int32_t>(word % 7));
  }
  ExpectTensorEqual<int32_t>(op.output(0), {4}, want);

  OpTester wide("RandomUniformInt");
  Seeded(wide, 1, 1);
  wide.Input<int64_t>({1}, {100});
  wide.Scalar<int64_t>(std::numeric_limits<int64_t>::min());
  wide.Scalar<int64_t>(std::numeric_limits<int64_t>::max());
  EXPECT_OK(wide.Run());
}

TEST(RandomTest, RefusesAnEmptyRangeUnlessNothingIsDrawn) {
  OpTester op("RandomUniformInt");
  op.Input<int32_t>({1}, {2}).Scalar<int32_t>(3).Scalar<int32_t>(3);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "Need minval < maxval, got 3 >= 3"));
  OpTester none("RandomUniformInt");
  none.Input<int32_t>({1}, {0}).Scalar<int32_t>(3).Scalar<int32_t>(3);
  EXPECT_OK(none.Run());
  OpTester vector("RandomUniformInt");
  vector.Input<int32_t>({1}, {2}).Input<int32_t>({1}, {3}).Scalar<int32_t>(4);
  EXPECT_THAT(vector.Run(), HasCode(StatusCode::kInvalidArgument,
                                    "minval must be 0-D, got shape [1]"));
}

TEST(RandomTest, RefusesHostileShapes) {
  const auto run = [](Tensor shape) {
    OpTester op("RandomStandardNormal");
    op.Attr("dtype", DT_FLOAT).Input(std::move(shape));
    return op.Run();
  };
  EXPECT_THAT(
      run(MakeTensor<int32_t>({1}, {-1})),
      HasCode(StatusCode::kInvalidArgument, "Dimension -1 must be >= 0"));
  EXPECT_THAT(run(MakeTensor<int32_t>({1, 1}, {1})),
              HasCode(StatusCode::kInvalidArgument,
                      "shape must be a vector of {int32,int64}, got shape "
                      "[1,1]"));
  const int64_t large = int64_t{1} << 40;
  EXPECT_THAT(run(MakeTensor<int64_t>({2}, {large, large})),
              HasCode(StatusCode::kInvalidArgument, ""));
  EXPECT_FALSE(run(MakeTensor<int64_t>({1}, {int64_t{1} << 60})).ok());
}

TEST(RandomShuffleTest, ShufflesAsTensorFlowDoes) {
  std::vector<int32_t> x(10);
  std::iota(x.begin(), x.end(), 0);
  OpTester op("RandomShuffle");
  Seeded(op, 1, 2).Input<int32_t>({10}, x);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {10},
                             {9, 0, 8, 6, 1, 3, 7, 2, 4, 5});
}

// Elements move where they stand, rows by a list of their numbers.
TEST(RandomShuffleTest, CountsWhatItWorksWithAgainstTheBudget) {
  constexpr int64_t kRows = 100'000;
  OpTester elements("RandomShuffle");
  Seeded(elements, 1, 2);
  elements.Input<int8_t>({kRows}, std::vector<int8_t>(kRows));
  OpTester rows("RandomShuffle");
  Seeded(rows, 1, 2);
  rows.Input<int8_t>({kRows, 1, 2}, std::vector<int8_t>(2 * kRows));
  {
    const MemoryLimit limit(kRows + 1000);
    EXPECT_OK(elements.Run());
  }
  const MemoryLimit limit(2 * kRows + 1000);
  EXPECT_THAT(rows.Run(),
              HasCode(StatusCode::kResourceExhausted, "bytes to work with"));
}

TEST(RandomShuffleTest, KeepsRowsTogether) {
  OpTester op("RandomShuffle");
  Seeded(op, 1, 2);
  op.Input<std::string>({3, 2}, {"a", "A", "b", "B", "c", "C"});
  ASSERT_OK(op.Run());
  const auto out = Values<std::string>(op.output(0));
  std::set<std::string> rows;
  for (int i = 0; i < 6; i += 2) rows.insert(out[i] + out[i + 1]);
  EXPECT_EQ(rows, (std::set<std::string>{"aA", "bB", "cC"}));
}

TEST(RandomShuffleTest, PassesScalarsAndEmptyTensors) {
  OpTester scalar("RandomShuffle");
  scalar.Scalar<float>(3);
  ASSERT_OK(scalar.Run());
  ExpectTensorEqual<float>(scalar.output(0), {}, {3});
  OpTester empty("RandomShuffle");
  empty.Input<float>({3, 0}, {});
  ASSERT_OK(empty.Run());
  ExpectTensorEqual<float>(empty.output(0), {3, 0}, {});
}

TEST(MultinomialTest, DrawsClassesByTheirWeight) {
  OpTester op("Multinomial");
  Seeded(op, 1, 2).Input<float>({2, 2}, {1, 2, 3, 4}).Scalar<int32_t>(8);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {2, 8},
                             {0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1});
}

TEST(MultinomialTest, ClassesWithoutFiniteLogitAreNeverDrawn) {
  const float inf = std::numeric_limits<float>::infinity();
  OpTester op("Multinomial");
  Seeded(op, 1, 2).Attr("output_dtype", DT_INT32);
  op.Input<float>({1, 3}, {-inf, 1, inf}).Scalar<int32_t>(3);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {1, 3}, {1, 1, 1});
}

TEST(MultinomialTest, ADeadlineEndsOneLongRow) {
  OpTester op("Multinomial");
  Seeded(op, 1, 2).Input<float>({1, 2}, {1, 2}).Scalar<int32_t>(1 << 22);
  ExpiringClock clock(5);
  op.SetDeadline(ExpiringClock::Deadline(), clock);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kDeadlineExceeded, ""));
}

TEST(MultinomialTest, RefusesWrongInputs) {
  const auto run = [](const TensorShape& logits, Tensor samples) {
    OpTester op("Multinomial");
    op.Input<float>(logits, std::vector<float>(logits.num_elements()));
    op.Input(std::move(samples));
    return op.Run();
  };
  const Tensor one = Tensor::Scalar<int32_t>(1);
  EXPECT_THAT(run({1}, one),
              HasCode(StatusCode::kInvalidArgument,
                      "logits should be a matrix, got shape [1]"));
  EXPECT_THAT(run({2, 2}, MakeTensor<int32_t>({1}, {1})),
              HasCode(StatusCode::kInvalidArgument,
                      "num_samples should be a scalar, got shape [1]"));
  EXPECT_THAT(run({2, 2}, Tensor::Scalar<int32_t>(-1)),
              HasCode(StatusCode::kInvalidArgument,
                      "num_samples should be non-negative, got -1"));
  EXPECT_THAT(run({2, 0}, one),
              HasCode(StatusCode::kInvalidArgument,
                      "num_classes should be positive, got 0"));
}

}  // namespace metagraph::random_test
