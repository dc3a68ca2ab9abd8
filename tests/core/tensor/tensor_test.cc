#include "core/tensor/tensor.h"

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tensors.h"

namespace metagraph {
namespace {

TEST(TensorTest, DefaultHoldsNothing) {
  EXPECT_FALSE(Tensor().initialized());
  EXPECT_FALSE(Tensor().OwnsBufferAlone());
}

TEST(TensorTest, CopiesShareTheBuffer) {
  Tensor a = MakeTensor<int32_t>({2}, {1, 2});
  EXPECT_TRUE(a.OwnsBufferAlone());
  const Tensor b = a;
  EXPECT_FALSE(a.OwnsBufferAlone());
  EXPECT_TRUE(a.SharesBufferWith(b));
}

TEST(TensorTest, CloneOwnsItsElements) {
  Tensor a = MakeTensor<std::string>({2}, {"x", "y"});
  ASSERT_OK_AND_ASSIGN(Tensor b, a.Clone());
  b.mutable_data<std::string>()[0] = "z";
  ExpectTensorEqual<std::string>(a, {2}, {"x", "y"});
  ExpectTensorEqual<std::string>(b, {2}, {"z", "y"});
}

TEST(TensorTest, RowsAreAViewOfTheSameBuffer) {
  const Tensor a = MakeTensor<float>({3, 2}, {0, 1, 2, 3, 4, 5});
  const Tensor rows = a.Rows(1, 3);
  ExpectTensorEqual<float>(rows, {2, 2}, {2, 3, 4, 5});
  EXPECT_TRUE(rows.SharesBufferWith(a));
  EXPECT_EQ(MakeTensor<float>({0, 2}, {}).Rows(0, 0).num_elements(), 0);
}

TEST(TensorTest, ReshapeAndBitcastKeepTheBytes) {
  const Tensor a = MakeTensor<float>({2, 2}, {1, 2, 3, 4});
  ExpectTensorEqual<float>(a.Reshaped({4}), {4}, {1, 2, 3, 4});
  EXPECT_EQ(a.BitcastTo(DT_INT32).data<int32_t>()[0], 0x3f800000);
  EXPECT_EQ(a.Describe(), "float [2,2]");
}

}  // namespace
}  // namespace metagraph
