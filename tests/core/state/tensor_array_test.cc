#include "core/state/tensor_array.h"

#include "tests/core/tensor/memory_limit.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tensors.h"

namespace metagraph {
namespace {

using Code = absl::StatusCode;

Tensor F(float value) { return Tensor::Scalar<float>(value); }

absl::Status AddFloats(Tensor& sum, const Tensor& value) {
  sum.mutable_data<float>()[0] += value.scalar<float>();
  return absl::OkStatus();
}
absl::Status MustNotAdd(Tensor&, const Tensor&) {
  return absl::InternalError("nothing to add");
}

std::shared_ptr<TensorArray> MakeArray(int64_t size) {
  TensorArray::Options options;
  options.dtype = DT_FLOAT;
  auto array = std::make_shared<TensorArray>("a", options);
  EXPECT_OK(array->Grow(size));
  return array;
}

TEST(TensorArrayTest, IsWrittenAndReadOnce) {
  const auto array = MakeArray(2);
  ASSERT_OK(array->Write(1, F(7), MustNotAdd));
  EXPECT_THAT(array->Write(1, F(8), MustNotAdd),
              HasCode(Code::kInvalidArgument, "already been written to"));
  EXPECT_THAT(array->Write(2, F(8), MustNotAdd),
              HasCode(Code::kInvalidArgument, "not resizeable and size is: 2"));
  ASSERT_OK_AND_ASSIGN(Tensor value, array->Read(1));
  EXPECT_EQ(value.scalar<float>(), 7);
  EXPECT_THAT(array->Read(1),
              HasCode(Code::kInvalidArgument, "Could not read index 1 twice"));
  array->Close();
  EXPECT_THAT(array->CheckNotClosed(),
              HasCode(Code::kInvalidArgument, "already been closed"));
}

TEST(TensorArrayTest, AGradientAddsUpByWhatTheWriterBrings) {
  const auto array = MakeArray(1);
  ASSERT_OK(array->Write(0, F(1), MustNotAdd));
  ASSERT_OK_AND_ASSIGN(auto gradient, array->Gradient("g", {}));
  ASSERT_OK_AND_ASSIGN(auto again, array->Gradient("g", {}));
  EXPECT_EQ(gradient, again);
  const Tensor first = F(2);
  ASSERT_OK(gradient->Write(0, first, AddFloats));
  ASSERT_OK(gradient->Write(0, F(3), AddFloats));
  ASSERT_OK_AND_ASSIGN(Tensor sum, gradient->Read(0));
  EXPECT_EQ(sum.scalar<float>(), 5);
  EXPECT_EQ(first.scalar<float>(), 2) << "what was written is left alone";
}

TEST(TensorArrayTest, AGradientGrowsWhereItIsRead) {
  TensorArray array("a", {.dtype = DT_FLOAT, .element_shape = {2}});
  ASSERT_OK(array.Grow(1));
  ASSERT_OK_AND_ASSIGN(auto gradient, array.Gradient("g", {}));
  ASSERT_OK_AND_ASSIGN(const Tensor zeros, gradient->Read(3));
  EXPECT_EQ(zeros.shape(), TensorShape({2}));
  EXPECT_EQ(zeros.data<float>()[1], 0);
  EXPECT_EQ(gradient->size(), 4);
  EXPECT_THAT(gradient->Read(-1),
              HasCode(Code::kInvalidArgument, "Tried to read from index -1"));
  EXPECT_THAT(array.Read(3),
              HasCode(Code::kInvalidArgument, "but array size is: 1"));
}

TEST(TensorArrayTest, GivesBackWhatItTookOfTheBudget) {
  const int64_t before = MemoryBudget::Process().used();
  {
    const auto array = MakeArray(1000);
    EXPECT_GT(MemoryBudget::Process().used(), before);
    const MemoryLimit limit(0);
    EXPECT_THAT(array->Grow(2000), HasCode(Code::kResourceExhausted, "2000"));
  }
  EXPECT_EQ(MemoryBudget::Process().used(), before);
}

}  // namespace
}  // namespace metagraph
