#include <limits>

#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::scatter_test {

using absl::StatusCode;

TEST(ScatterNdTest, AddsUpdatesToZeros) {
  OpTester op("ScatterNd");
  op.Input<int32_t>({3, 1}, {1, 3, 1}).Input<float>({3}, {1, 2, 4});
  op.Input<int32_t>({1}, {4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {4}, {0, 5, 0, 2});
  OpTester rows("ScatterNd");
  rows.Input<int64_t>({1, 1}, {1}).Input<std::string>({1, 2}, {"a", "b"});
  rows.Input<int64_t>({2}, {2, 2});
  ASSERT_OK(rows.Run());
  ExpectTensorEqual<std::string>(rows.output(0), {2, 2}, {"", "", "a", "b"});
}

TEST(ScatterNdTest, JoinsStringsOfOneElement) {
  OpTester op("ScatterNd");
  op.Input<int32_t>({4, 1}, {1, 0, 1, 1});
  op.Input<std::string>({4}, {"a", "b", "", std::string(99, 'c')});
  op.Input<int32_t>({1}, {2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {2},
                                 {"b", "a" + std::string(99, 'c')});
}

// Strings that take no memory beside their tensor may do so together.
TEST(ScatterNdTest, ChargesWhatStringsGrowTo) {
  constexpr int64_t kCount = 1 << 18;
  OpTester op("ScatterNd");
  op.Input<int32_t>({kCount, 1}, std::vector<int32_t>(kCount, 0));
  op.Input<std::string>({kCount}, std::vector<std::string>(kCount, "12345678"));
  op.Input<int32_t>({1}, {1});
  {
    const MemoryLimit limit(3 << 20);  // of which the offsets take 2
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kResourceExhausted, "memory"));
  }
  const MemoryLimit limit(7 << 20);
  ASSERT_OK(op.Run());
  EXPECT_EQ(Values<std::string>(op.output(0))[0].size(), 8 * kCount);
}

TEST(ScatterNdTest, IntegersWrapAround) {
  OpTester op("ScatterNd");
  const int32_t max = std::numeric_limits<int32_t>::max();
  op.Input<int32_t>({2, 1}, {0, 0}).Input<int32_t>({2}, {max, 1});
  op.Input<int32_t>({1}, {1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int32_t>(op.output(0), {1},
                             {std::numeric_limits<int32_t>::min()});
}

TEST(ScatterNdTest, RefusesBadIndicesAndShapes) {
  const auto run = [](int32_t index, const TensorShape& updates, int32_t size) {
    OpTester op("ScatterNd");
    op.Input<int32_t>({1, 1}, {index});
    op.Input(*Tensor::Allocate(DT_FLOAT, updates));
    op.Input<int32_t>({1}, {size});
    return op.Run();
  };
  EXPECT_THAT(run(5, {1}, 5),
              HasCode(StatusCode::kInvalidArgument,
                      "indices[0] = [5] does not index into shape [5]"));
  EXPECT_THAT(run(-1, {1}, 5),
              HasCode(StatusCode::kInvalidArgument,
                      "indices[0] = [-1] does not index into shape [5]"));
  EXPECT_THAT(run(0, {2}, 5),
              HasCode(StatusCode::kInvalidArgument,
                      "Dimensions [0,1) of indices[shape=[1,1]] must match "
                      "dimensions [0,1) of updates[shape=[2]]"));
  EXPECT_THAT(run(0, {1, 2}, 5), HasCode(StatusCode::kInvalidArgument, ""));
  EXPECT_THAT(run(0, {1}, 0),
              HasCode(StatusCode::kInvalidArgument,
                      "Indices and updates specified for empty output.  "
                      "indices shape: [1,1]"));
  EXPECT_THAT(run(0, {1}, -1), HasCode(StatusCode::kInvalidArgument, ">= 0"));
}

Tensor TensorScatter(const char* name, bool in_place) {
  OpTester op(name);
  op.Input<float>({3}, {1, 2, 3}).Input<int32_t>({2, 1}, {0, 2});
  op.Input<float>({2}, {10, -20});
  if (in_place) op.AllowForwarding();
  EXPECT_OK(op.Run());
  return op.output(0);
}

TEST(TensorScatterTest, ChangesACopyOrTheTensorItself) {
  for (bool in_place : {false, true}) {
    ExpectTensorEqual<float>(TensorScatter("TensorScatterUpdate", in_place),
                             {3}, {10, 2, -20});
    ExpectTensorEqual<float>(TensorScatter("TensorScatterAdd", in_place), {3},
                             {11, 2, -17});
    ExpectTensorEqual<float>(TensorScatter("TensorScatterSub", in_place), {3},
                             {-9, 2, 23});
    ExpectTensorEqual<float>(TensorScatter("TensorScatterMin", in_place), {3},
                             {1, 2, -20});
    ExpectTensorEqual<float>(TensorScatter("TensorScatterMax", in_place), {3},
                             {10, 2, 3});
  }
}

TEST(TensorScatterTest, ChargesStrings) {
  const std::string text(1 << 20, 'a');
  OpTester op("TensorScatterUpdate");
  op.Input<std::string>({2}, {text, ""}).Input<int64_t>({1, 1}, {1});
  op.Input<std::string>({1}, {text});
  {
    const MemoryLimit limit((2 << 20) - 1);
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kResourceExhausted, "memory"));
  }
  const MemoryLimit limit(3 << 20);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<std::string>(op.output(0), {2}, {text, text});
}

TEST(TensorScatterTest, RefusesBadIndices) {
  OpTester op("TensorScatterUpdate");
  op.Input<std::string>({1}, {"a"}).Input<int64_t>({1, 1}, {1});
  op.Input<std::string>({1}, {"b"});
  EXPECT_THAT(op.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "indices[0] = [1] does not index into shape [1]"));
}

TEST(SparseToDenseTest, SetsElements) {
  OpTester op("SparseToDense");
  op.Input<int64_t>({2, 2}, {0, 1, 1, 0}).Input<int64_t>({2}, {2, 2});
  op.Input<float>({2}, {5, 6}).Scalar<float>(-1);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 2}, {-1, 5, 6, -1});
  OpTester one("SparseToDense");
  one.Scalar<int32_t>(1).Input<int32_t>({1}, {3});
  one.Scalar<std::string>("x").Scalar<std::string>("");
  ASSERT_OK(one.Run());
  ExpectTensorEqual<std::string>(one.output(0), {3}, {"", "x", ""});
}

TEST(SparseToDenseTest, WantsIndicesInOrderIfItValidates) {
  const auto run = [](const std::vector<int64_t>& indices, bool validate) {
    OpTester op("SparseToDense");
    op.Attr("validate_indices", validate);
    op.Input<int64_t>({2, 2}, indices).Input<int64_t>({2}, {2, 2});
    op.Scalar<float>(1).Scalar<float>(0);
    return op.Run();
  };
  EXPECT_THAT(run({1, 0, 0, 1}, true),
              HasCode(StatusCode::kInvalidArgument,
                      "indices[1] = [0,1] is out of order. Many sparse ops "
                      "require sorted indices."));
  EXPECT_THAT(
      run({0, 1, 0, 1}, true),
      HasCode(StatusCode::kInvalidArgument, "indices[1] = [0,1] is repeated"));
  EXPECT_OK(run({1, 0, 0, 1}, false));
  EXPECT_THAT(run({1, 0, 0, 2}, false),
              HasCode(StatusCode::kInvalidArgument,
                      "indices[1] = [0,2] is out of bounds: need 0 <= index < "
                      "[2,2]"));
}

TEST(SparseToDenseTest, RefusesAnotherNumberOfValues) {
  OpTester op("SparseToDense");
  op.Input<int64_t>({3}, {0, 1, 2}).Input<int64_t>({1}, {3});
  op.Input<float>({2}, {5, 6}).Scalar<float>(0);
  EXPECT_THAT(op.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "sparse_values has incorrect shape [2], should be [] or "
                      "[3]"));
}

TEST(ScatterNdTest, PassesOverIndicesWithoutElements) {
  OpTester op("ScatterNd");
  op.Input<int64_t>({int64_t{1} << 40, 0}, {});
  op.Input<float>({int64_t{1} << 40, 0}, {}).Input<int64_t>({1}, {0});
  ASSERT_OK(op.Run());
  EXPECT_EQ(op.output(0).num_elements(), 0);
}

}  // namespace metagraph::scatter_test
