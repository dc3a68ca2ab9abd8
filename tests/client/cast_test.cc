#include "client/cast.h"

#include <cstdint>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;

TEST(CastTensorTest, RoundsBetweenFloatTypes) {
  const auto out = CastTensor(Tensor::Vector<double>({0.5, 1e300}), DT_FLOAT);
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_EQ(out->dtype(), DT_FLOAT);
  EXPECT_EQ(out->values<float>()[0], 0.5f);
}

TEST(CastTensorTest, NarrowsIntegersThatFit) {
  const auto out = CastTensor(Tensor::Vector<int64_t>({-128, 127}), DT_INT8);
  ASSERT_TRUE(out.ok()) << out.status();
  EXPECT_THAT(out->values<int8_t>(), ElementsAre(-128, 127));
}

TEST(CastTensorTest, RefusesIntegersThatDoNotFit) {
  const auto out = CastTensor(Tensor::Vector<int64_t>({1, -1}), DT_UINT64);
  EXPECT_EQ(out.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(CastTensorTest, RefusesAnotherKind) {
  EXPECT_EQ(CastTensor(Tensor::Scalar<float>(1), DT_INT32).status().message(),
            "expected int32, found float");
  EXPECT_FALSE(CastTensor(Tensor::Scalar<int32_t>(1), DT_FLOAT).ok());
  EXPECT_FALSE(CastTensor(Tensor::Scalar<bool>(true), DT_INT32).ok());
}

}  // namespace
}  // namespace metagraph
