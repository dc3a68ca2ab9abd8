#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::sparse_cross_test {

using absl::StatusCode;

struct Column {
  TensorShape indices_shape;
  std::vector<int64_t> indices;
  Tensor values;
  std::vector<int64_t> shape;
};

Tensor Words(const std::vector<std::string>& words) {
  return Tensor::Vector<std::string>(words);
}
const Column& A() {
  static const Column a = {
      {3, 2}, {0, 0, 1, 0, 1, 1}, Words({"a", "b", "c"}), {2, 2}};
  return a;
}

// SparseCross, not yet run. Hashed: over int64, of that many buckets.
std::unique_ptr<OpTester> Cross(const std::vector<Column>& columns,
                                const std::vector<Tensor>& dense,
                                bool hashed = false, int64_t buckets = 0) {
  auto op = std::make_unique<OpTester>("SparseCross");
  std::vector<DataType> sparse_types, dense_types;
  for (const Column& c : columns)
    op->Input<int64_t>(c.indices_shape, c.indices);
  for (const Column& c : columns) {
    op->Input(c.values);
    sparse_types.push_back(c.values.dtype());
  }
  for (const Column& c : columns) {
    op->Input<int64_t>({static_cast<int64_t>(c.shape.size())}, c.shape);
  }
  for (const Tensor& tensor : dense) {
    op->Input(tensor);
    dense_types.push_back(tensor.dtype());
  }
  const DataType type = hashed ? DT_INT64 : DT_STRING;
  op->Attr("N", static_cast<int64_t>(columns.size()));
  op->Attr("sparse_types", sparse_types).Attr("dense_types", dense_types);
  op->Attr("hashed_output", hashed).Attr("num_buckets", buckets);
  op->Attr("hash_key", int64_t{956888297470});
  op->Attr("out_type", type).Attr("internal_type", type);
  return op;
}

TEST(SparseCrossTest, JoinsOneFeatureOfEachColumn) {
  auto op = Cross({A(), {{2, 2}, {0, 0, 1, 0}, Words({"1", "2"}), {2, 1}}},
                  {MakeTensor<std::string>({2, 2}, {"p", "q", "r", "s"})});
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(op->output(0), {6, 2},
                             {0, 0, 0, 1, 1, 0, 1, 1, 1, 2, 1, 3});
  ExpectTensorEqual<std::string>(op->output(1), {6},
                                 {"a_X_1_X_p", "a_X_1_X_q", "b_X_2_X_r",
                                  "b_X_2_X_s", "c_X_2_X_r", "c_X_2_X_s"});
  ExpectTensorEqual<int64_t>(op->output(2), {2}, {2, 4});
  op = Cross({}, {});
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(op->output(2), {2}, {0, 0});
  // A row without features in one column has none.
  op = Cross({A(), {{0, 2}, {}, Words({}), {2, 0}}}, {});
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(op->output(2), {2}, {2, 0});
  // An entry out of order, or of no row, ends what is read.
  op =
      Cross({{{3, 2}, {1, 0, 0, 0, 1, 1}, Words({"a", "b", "c"}), {2, 2}}}, {});
  ASSERT_OK(op->Run());
  ExpectTensorEqual<std::string>(op->output(1), {1}, {"a"});
}

// TensorFlow's values.
TEST(SparseCrossTest, HashesLikeTensorFlow) {
  const Column ints = {
      {2, 2}, {0, 0, 1, 0}, Tensor::Vector<int64_t>({1, 2}), {2, 1}};
  auto op = Cross({A(), ints}, {}, true, 100);
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(op->output(1), {3}, {85, 57, 23});
  op = Cross({A(), ints}, {}, true);
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(
      op->output(1), {3},
      {2928842892298887678, 85918459618309357, 8046540229177717716});
  op = Cross({ints, ints}, {}, true, 1000);
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(op->output(1), {2}, {641, 891});
  op = Cross({A()}, {MakeTensor<int64_t>({2, 1}, {1, 2})}, true, 100);
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(op->output(1), {3}, {85, 57, 23});
}

TEST(SparseCrossTest, RefusesWhatDoesNotFit) {
  const auto expect = [](const Column& column, const char* text) {
    EXPECT_THAT(Cross({A(), column}, {})->Run(),
                HasCode(StatusCode::kInvalidArgument, text));
  };
  const Tensor z = Words({"z"});
  expect({{1, 2}, {0, 0}, z, {3, 1}},
         "Expected batch size 2 got 3 at position 1");
  expect({{1, 1}, {0}, z, {2}},
         "Expected D2 of index to be 2 got 1 at position 1");
  expect({{1}, {0}, z, {2, 1}},
         "Input indices should be a matrix but received shape [1] at position "
         "1");
  expect({{1, 2}, {0, 0}, MakeTensor<std::string>({1, 1}, {"z"}), {2, 1}},
         "Input values should be a vector but received shape [1,1] at position "
         "1");
  expect({{1, 2}, {0, 0}, Words({"y", "z"}), {2, 1}},
         "Expected size of values to be 1 got 2 at position 1");
  expect({{1, 2}, {0, 0}, z, {2, 1, 1}},
         "shape should imply a 2D tensor, but got [3] at position 1");
  expect({{1, 2}, {0, 0}, Tensor::Vector<int64_t>({1}), {2, 1}},
         "Input values should be of internal type 7 but received 9");
  EXPECT_THAT(Cross({{{0, 2}, {}, Words({}), {-2, 0}}}, {})->Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected shape dimensions to be non-negative, got -2"));
  EXPECT_THAT(Cross({A()}, {z})->Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Dense inputs should be a matrix but received shape [1] "
                      "at position 0"));
  EXPECT_THAT(Cross({A()}, {MakeTensor<std::string>({1, 1}, {"z"})})->Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected batch size 2 got 1 at dense tensor 0"));
}

TEST(SparseCrossTest, RefusesFewerValuesThanIndices) {
  OpTester op("SparseCross");
  op.Input<int64_t>({1, 2}, {0, 0}).Input<int64_t>({1, 2}, {0, 0});
  op.Input(Words({"a"}));
  op.Input<int64_t>({2}, {1, 1}).Input<int64_t>({2}, {1, 1});
  op.Attr("N", 2).Attr("sparse_types", std::vector<DataType>{DT_STRING});
  op.Attr("dense_types", std::vector<DataType>{});
  op.Attr("hashed_output", false).Attr("num_buckets", 0).Attr("hash_key", 0);
  op.Attr("out_type", DT_STRING).Attr("internal_type", DT_STRING);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "Expected 2 input values, got 1"));
}

// TensorFlow's values: hashed_output changes nothing.
TEST(SparseCrossTest, TheOutputTellsWhetherItHashes) {
  const Column words = {
      {3, 2}, {0, 0, 0, 1, 1, 0}, Words({"a", "b", "c"}), {2, 2}};
  const Column ints = {
      {3, 2}, {0, 0, 0, 1, 1, 0}, Tensor::Vector<int64_t>({1, 2, 3}), {2, 2}};
  auto op = Cross({words, words}, {}, true, 100);
  op->Attr("internal_type", DT_STRING).Attr("hashed_output", false);
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(op->output(1), {5}, {15, 86, 0, 47, 32});
  op = Cross({words, ints}, {}, true, 100);
  op->Attr("internal_type", DT_STRING);
  EXPECT_THAT(op->Run(), HasCode(StatusCode::kInvalidArgument,
                                 "should be of internal type 7"));
  op = Cross({words, ints}, {});
  op->Attr("internal_type", DT_INT64).Attr("hashed_output", true);
  ASSERT_OK(op->Run());
  ExpectTensorEqual<std::string>(op->output(1), {5},
                                 {"a_X_1", "a_X_2", "b_X_1", "b_X_2", "c_X_3"});
  op = Cross({ints, ints}, {});
  op->Attr("internal_type", DT_INT64);
  ASSERT_OK(op->Run());
  ExpectTensorEqual<std::string>(op->output(1), {5},
                                 {"1_X_1", "1_X_2", "2_X_1", "2_X_2", "3_X_3"});
}

// Few features of many columns have more combinations than there are numbers.
TEST(SparseCrossTest, RefusesMoreCombinationsThanNumbers) {
  const Tensor wide =
      MakeTensor<std::string>({1, 1024}, std::vector<std::string>(1024, "w"));
  EXPECT_THAT(
      Cross({}, std::vector<Tensor>(7, wide))->Run(),
      HasCode(StatusCode::kResourceExhausted, "too many crossed features"));
}

// A shape costs nothing to send.
TEST(SparseCrossTest, RefusesAsManyRowsAsCannotBeCounted) {
  Column column = A();
  column.shape[0] = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(Cross({column}, {})->Run(),
              HasCode(StatusCode::kResourceExhausted, "too many rows"));
}

}  // namespace metagraph::sparse_cross_test
