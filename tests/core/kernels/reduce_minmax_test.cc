#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::reduce_minmax_test {

const float kNan = std::numeric_limits<float>::quiet_NaN();
const float kInf = std::numeric_limits<float>::infinity();

template <typename T>
Tensor Reduce(const char* name, const TensorShape& shape,
              const std::vector<T>& values, const std::vector<int32_t>& axes) {
  OpTester op(name);
  op.Input<T>(shape, values);
  op.Input<int32_t>({static_cast<int64_t>(axes.size())}, axes);
  EXPECT_OK(op.Run());
  return op.output(0);
}

TEST(ReduceMinMaxTest, FindsExtremesAndProducts) {
  const std::vector<float> x = {1, -2, 3, 4, 5, -6};
  ExpectTensorEqual<float>(Reduce("Max", {2, 3}, x, {1}), {2}, {3, 5});
  ExpectTensorEqual<float>(Reduce("Max", {2, 3}, x, {0}), {3}, {4, 5, 3});
  ExpectTensorEqual<float>(Reduce("Min", {2, 3}, x, {0, 1}), {}, {-6});
  ExpectTensorEqual<float>(Reduce("Prod", {2, 3}, x, {1}), {2}, {-6, -120});
  ExpectTensorEqual<int64_t>(Reduce<int64_t>("Prod", {3}, {2, 3, 7}, {0}), {},
                             {42});
  ExpectTensorEqual<complex64>(
      Reduce<complex64>("Prod", {2}, {{0, 1}, {0, 1}}, {0}), {}, {{-1, 0}});
  ExpectTensorEqual<half>(Reduce<half>("Max", {2}, {half(1), half(2)}, {0}), {},
                          {half(2)});
}

TEST(ReduceMinMaxTest, NaNWinsWhereverItStands) {
  for (const int at : {0, 1, 31, 32, 63, 64, 96, 99}) {
    std::vector<float> x(100, 1);
    x[at] = kNan;
    ExpectTensorEqual<float>(Reduce("Max", {100}, x, {0}), {}, {kNan});
    ExpectTensorEqual<float>(Reduce("Min", {100, 1}, x, {0}), {1}, {kNan});
  }
}

TEST(ReduceMinMaxTest, FindsTheOneLargestOfMany) {
  const int64_t n = 200'000;
  for (const int64_t at : {int64_t{0}, int64_t{70'001}, n - 1}) {
    std::vector<int32_t> x(n, -5);
    x[at] = 7;
    ExpectTensorEqual<int32_t>(Reduce("Max", {n}, x, {0}), {}, {7});
  }
}

TEST(ReduceMinMaxTest, EmptyReductionsGiveTheIdentity) {
  ExpectTensorEqual<float>(Reduce<float>("Max", {1, 0}, {}, {1}), {1}, {-kInf});
  ExpectTensorEqual<float>(Reduce<float>("Min", {1, 0}, {}, {1}), {1}, {kInf});
  ExpectTensorEqual<float>(Reduce<float>("Prod", {1, 0}, {}, {1}), {1}, {1});
  ExpectTensorEqual<int32_t>(Reduce<int32_t>("Max", {0}, {}, {0}), {},
                             {std::numeric_limits<int32_t>::min()});
  ExpectTensorEqual<bool>(Reduce<bool>("All", {0}, {}, {0}), {}, {true});
  ExpectTensorEqual<bool>(Reduce<bool>("Any", {0}, {}, {0}), {}, {false});
}

TEST(ReduceMinMaxTest, AllAndAny) {
  const std::vector<bool> x = {true, false, true, true};
  ExpectTensorEqual<bool>(Reduce("All", {2, 2}, x, {1}), {2}, {false, true});
  ExpectTensorEqual<bool>(Reduce("Any", {2, 2}, x, {0}), {2}, {true, true});
}

TEST(ReduceMinMaxTest, RefusesWrongAxes) {
  OpTester op("All");
  op.Input<bool>({1}, {true}).Input<int32_t>({}, {1});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "Invalid reduction dimension (1"));
}

}  // namespace metagraph::reduce_minmax_test
