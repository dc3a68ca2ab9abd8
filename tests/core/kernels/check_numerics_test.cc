#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::check_numerics_test {

const float kNan = std::numeric_limits<float>::quiet_NaN();
const float kInf = std::numeric_limits<float>::infinity();

template <typename T>
absl::Status Check(const std::vector<T>& x) {
  OpTester op("CheckNumerics");
  op.Attr("message", "hey");
  op.Input<T>({static_cast<int64_t>(x.size())}, x);
  RETURN_IF_ERROR(op.Run());
  EXPECT_EQ(Values<T>(op.output(0)), x);
  return absl::OkStatus();
}

TEST(CheckNumericsTest, PassesFiniteNumbers) {
  EXPECT_OK(Check<float>({1, -2, 3e38f}));
  EXPECT_OK(Check<half>({half(1)}));
  EXPECT_OK(Check<double>({}));
}

TEST(CheckNumericsTest, NamesWhatItFound) {
  const auto code = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(Check<float>({1, kNan}),
              HasCode(code, "hey : Tensor had NaN values"));
  EXPECT_THAT(Check<float>({1, -kInf}),
              HasCode(code, "hey : Tensor had Inf values"));
  EXPECT_THAT(Check<float>({kInf, kNan}),
              HasCode(code, "hey : Tensor had Inf and NaN values"));
  EXPECT_THAT(Check<bfloat16>({bfloat16(kNan)}),
              HasCode(code, "hey : Tensor had NaN values"));
}

}  // namespace metagraph::check_numerics_test
