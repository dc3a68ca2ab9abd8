#include "tests/core/kernels/tensor_list_fixture.h"

namespace metagraph::tensor_list_cut_test {

using Code = absl::StatusCode;

const PartialShape kUnknown;
const PartialShape kScalar(std::initializer_list<int64_t>{});

absl::StatusOr<Tensor> Run(const char* name,
                           const std::vector<Tensor>& inputs) {
  OpTester op(name);
  ASSIGN_OR_RETURN(auto out, RunOp(op, inputs));
  return out[0];
}
absl::StatusOr<Tensor> FromTensor(Tensor tensor, Tensor shape) {
  return Run("TensorListFromTensor", {tensor, shape});
}
absl::StatusOr<Tensor> Scatter(Tensor tensor, Tensor indices,
                               Tensor shape = Unknown()) {
  return Run("TensorListScatter", {tensor, indices, shape});
}
absl::StatusOr<Tensor> ScatterV2(Tensor tensor, Tensor indices, Tensor size) {
  return Run("TensorListScatterV2", {tensor, indices, Unknown(), size});
}
absl::StatusOr<Tensor> ScatterInto(Tensor list, Tensor tensor, Tensor indices) {
  return Run("TensorListScatterIntoExistingList", {list, tensor, indices});
}
absl::StatusOr<Tensor> Split(Tensor tensor, Tensor shape, Tensor lengths) {
  return Run("TensorListSplit", {tensor, shape, lengths});
}
template <typename StatusOr>
void ExpectInvalid(const StatusOr& result, const std::string& text) {
  EXPECT_THAT(result, HasCode(Code::kInvalidArgument, text));
}
Tensor Matrix(int64_t columns, const std::vector<float>& values) {
  const auto size = static_cast<int64_t>(values.size());
  return MakeTensor<float>({size / columns, columns}, values);
}

TEST(TensorListFromTensorTest, TakesRows) {
  const Tensor rows = Matrix(2, {1, 2, 3, 4});
  ASSERT_OK_AND_ASSIGN(Tensor list, FromTensor(rows, Ints({-1})));
  EXPECT_EQ(Show(list), "[1,2] [3,4]");
  EXPECT_EQ(ListOf(list).element_shape().ToString(), "[?]");
  EXPECT_TRUE(ListOf(list)[1].SharesBufferWith(rows));
  ASSERT_OK_AND_ASSIGN(list,
                       FromTensor(MakeTensor<float>({0, 3}, {}), Ints({3})));
  EXPECT_EQ(ListOf(list).size(), 0);
  ExpectInvalid(FromTensor(Float(1), Unknown()),
                "Tensor must be at least a vector, but saw shape: []");
  ExpectInvalid(FromTensor(rows, Ints({3})),
                "Specified a list with shape [3] from a tensor with shape [2]");
  ExpectInvalid(FromTensor(rows, MakeTensor<int32_t>({1, 1}, {1})),
                "TensorListFromTensor: element_shape must be at most rank 1 "
                "but has the shape of [1,1]");
}

TEST(TensorListScatterTest, PutsRowsWhereTheIndicesSay) {
  ASSERT_OK_AND_ASSIGN(Tensor list, Scatter(Floats({1, 2}), Ints({3, 0})));
  EXPECT_EQ(Show(list), "2 ? ? 1");
  ASSERT_OK_AND_ASSIGN(list, Scatter(Floats({1, 2}), Ints({1, 1})));
  EXPECT_EQ(Show(list), "? 2");
  ASSERT_OK_AND_ASSIGN(list, Scatter(Floats({}), Ints({})));
  EXPECT_EQ(Show(list), "");
  ASSERT_OK_AND_ASSIGN(list, ScatterV2(Floats({1, 2}), Ints({1, 0}), Int(3)));
  EXPECT_EQ(Show(list), "2 1 ?");
  ASSERT_OK_AND_ASSIGN(list, ScatterV2(Floats({1}), Ints({1}), Int(-1)));
  EXPECT_EQ(Show(list), "? 1");
}

TEST(TensorListScatterTest, RefusesWhatDoesNotFit) {
  ExpectInvalid(Scatter(Floats({1}), Ints({-1})),
                "Indices in TensorListScatter must all be non-negative.");
  ExpectInvalid(Scatter(Floats({1}), Ints({0, 1})),
                "Invalid number of rows in input tensor. Expected: 2 Actual: "
                "1");
  ExpectInvalid(Scatter(Float(1), Ints({0})),
                "Tensor must be at least a vector, but saw shape: []");
  ExpectInvalid(Scatter(Floats({1}), Ints({0}), Ints({2})),
                "Specified a list with shape [2] from a tensor with shape []");
  ExpectInvalid(ScatterV2(Floats({1, 2}), Ints({4, -1}), Int(3)),
                "TensorListScatter: Trying to scatter at index 4 in list with "
                "size 3");
  ExpectInvalid(ScatterV2(Floats({1}), Ints({0}), Int(0)),
                "TensorListScatter: Trying to scatter at index 0 in list with "
                "size 0");
  ExpectInvalid(ScatterV2(Floats({1}), Ints({0}), Int(-2)),
                "TensorListScatter expects num_elements >= -1, found: -2");
  ExpectInvalid(ScatterV2(Floats({1}), Ints({0}), Ints({3})),
                "num_elements must be a scalar");
}

TEST(TensorListScatterTest, ScattersIntoAListThatIsThere) {
  const Tensor list = FloatList(kScalar, {Float(1), Float(2)});
  ASSERT_OK_AND_ASSIGN(Tensor out,
                       ScatterInto(list, Floats({7, 8}), Ints({1, 3})));
  EXPECT_EQ(Show(out), "1 7 ? 8");
  EXPECT_EQ(Show(list), "1 2");
  ExpectInvalid(ScatterInto(list, Floats({7}), Ints({-1})),
                "Indices in TensorListScatter must all be non-negative.");
  ExpectInvalid(ScatterInto(list, Ints({7}), Ints({0})),
                "Invalid data types; input tensor type: int32 list "
                "element_type: float");
  ExpectInvalid(ScatterInto(list, Floats({7}), Ints({0, 1})),
                "Expected len(indices) == tensor.shape[0], but saw: 2 vs. 1");
  ExpectInvalid(ScatterInto(list, Floats({7}), Int(0)),
                "Expected indices to be a vector, but received shape: []");
  ExpectInvalid(ScatterInto(list, Float(7), Ints({0})),
                "Tensor must be at least a vector, but saw shape: []");
}

TEST(TensorListSplitTest, CutsPiecesOfTheLengths) {
  const Tensor rows = Matrix(1, {1, 2, 3});
  ASSERT_OK_AND_ASSIGN(Tensor list,
                       Split(rows, Ints({7, 1}), Longs({1, 0, 2})));
  EXPECT_EQ(Show(list), "[1] [] [2,3]");
  EXPECT_EQ(ListOf(list).element_shape().ToString(), "[7,1]");
  ExpectInvalid(Split(rows, Unknown(), Longs({1, 1})),
                "Unused values in tensor. Length of tensor: 3 Values used: 2");
  ExpectInvalid(Split(rows, Unknown(), Longs({1, 5})),
                "Attempting to slice [1, 6] from tensor with length 3");
  ExpectInvalid(Split(rows, Unknown(), Longs({1, INT64_MAX})),
                "Attempting to slice [1, 9223372036854775808] from tensor with "
                "length 3");
  ExpectInvalid(Split(rows, Unknown(), Longs({-1, 4})),
                "Invalid value in lengths: -1");
  ExpectInvalid(Split(rows, Ints({-1, 3}), Longs({3})),
                "tensor shape [3,1] is not compatible with element_shape "
                "[?,3]");
  ExpectInvalid(Split(rows, Ints({}), Longs({3})),
                "TensorListSplit requires element_shape to be at least of rank "
                "1, but saw: []");
  ExpectInvalid(Split(Float(1), Unknown(), Longs({1})),
                "Tensor must be at least a vector, but saw shape: []");
  ExpectInvalid(Split(rows, Unknown(), Tensor::Scalar<int64_t>(3)),
                "Expected lengths to be a vector, received shape: []");
}

}  // namespace metagraph::tensor_list_cut_test
