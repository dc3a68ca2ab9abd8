#include "core/tensor/tensor_proto.h"
#include "tests/core/kernels/sparse_fixture.h"
#include "tests/core/tensor/memory_limit.h"

namespace metagraph::sparse_serialize_test {

using absl::StatusCode;
using Texts = std::vector<std::string>;

const SparseParts kA = {{3, 2}, {0, 1, 1, 0, 1, 3}, {.5, 1, 2}, {2, 4}};

Texts Serialized(const char* name, const SparseParts& sparse) {
  OpTester op(name);
  EXPECT_OK(AddSparse(op, sparse).Attr("out_type", DT_STRING).Run());
  return Values<std::string>(op.output(0));
}

absl::Status Deserialize(OpTester& op, const TensorShape& shape,
                         const Texts& texts, DataType dtype = DT_FLOAT) {
  return op.Attr("dtype", dtype).Input<std::string>(shape, texts).Run();
}

TEST(SerializeSparseTest, WritesThreeMessages) {
  const Texts texts = Serialized("SerializeSparse", kA);
  ASSERT_EQ(texts.size(), 3u);
  EXPECT_EQ(texts[1], std::string("\x08\x01\x12\x04\x12\x02\x08\x03\"\x0c"
                                  "\0\0\0?\0\0\x80?\0\0\0@",
                                  22));
  // Strings: all lengths, then all bytes.
  OpTester op("SerializeSparse");
  op.Input<int64_t>({2, 1}, {0, 1}).Input<std::string>({2}, {"ab", ""});
  op.Input<int64_t>({1}, {2}).Attr("out_type", DT_STRING);
  ASSERT_OK(op.Run());
  const Texts out = Values<std::string>(op.output(0));
  EXPECT_EQ(out[1], std::string("\x08\x07\x12\x04\x12\x02\x08\x02\"\x04"
                                "\x02\0ab",
                                14));
  OpTester back("DeserializeSparse");
  ASSERT_OK(Deserialize(back, {3}, out, DT_STRING));
  ExpectTensorEqual<std::string>(back.output(1), {2}, {"ab", ""});
}

TEST(SerializeSparseTest, RefusesOtherRanks) {
  const auto expect = [](const TensorShape& indices, const TensorShape& values,
                         const TensorShape& shape, const char* text) {
    for (const char* name : {"SerializeSparse", "SerializeManySparse"}) {
      OpTester op(name);
      op.Input<int64_t>(indices, {0}).Input<float>(values, {0});
      op.Input<int64_t>(shape, {1}).Attr("out_type", DT_STRING);
      EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, text));
    }
  };
  expect({1}, {1}, {1},
         "Input indices should be a matrix but received shape [1]");
  expect({1, 1}, {1, 1}, {1},
         "Input values should be a vector but received shape [1,1]");
  expect({1, 1}, {1}, {1, 1},
         "Input shape should be a vector but received shape [1,1]");
}

TEST(SerializeManySparseTest, WritesEachRow) {
  const Texts texts = Serialized("SerializeManySparse", kA);
  ASSERT_EQ(texts.size(), 6u);
  OpTester op("DeserializeSparse");
  ASSERT_OK(Deserialize(op, {2, 3}, texts));
  ExpectTensorEqual<int64_t>(op.output(0), {3, 2}, {0, 1, 1, 0, 1, 3});
  ExpectTensorEqual<float>(op.output(1), {3}, {.5, 1, 2});
  ExpectTensorEqual<int64_t>(op.output(2), {2}, {2, 4});
}

TEST(SerializeManySparseTest, RefusesEntriesOutOfOrder) {
  const auto expect = [](const SparseParts& sparse, const char* text) {
    OpTester op("SerializeManySparse");
    AddSparse(op, sparse).Attr("out_type", DT_STRING);
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  expect({{2, 2}, {1, 0, 0, 1}, {1, 2}, {2, 4}},
         "indices[1] = [0,1] is out of order. Many sparse ops require sorted "
         "indices.");
  expect({{2, 2}, {1, 0, 1, 0}, {1, 2}, {2, 4}},
         "indices[1] = [1,0] is repeated");
  expect({{1, 2}, {5, 1}, {1}, {2, 4}},
         "indices[0] = [5,1] is out of bounds: need 0 <= index < [2,4]");
  expect({{1, 2}, {1, -1}, {1}, {2, 4}}, "indices[0] = [1,-1]");
  expect({{1, 1}, {1}, {1}, {3}},
         "Rank of input SparseTensor should be > 1, but saw rank: 1");
  expect({{1, 2}, {1, 1}, {1, 2}, {2, 4}},
         "indices and values rows (indexing dimension) must match. (indices = "
         "1, values = 2)");
  expect({{1, 2}, {1, 1}, {1}, {2, 4, 1}},
         "Order length must be SparseTensor rank.");
}

// A shape costs nothing to send.
TEST(SerializeManySparseTest, RefusesMoreRowsThanMemory) {
  OpTester op("SerializeManySparse");
  AddSparse(op, {{0, 2}, {}, {}, {1 << 26, 4}}).Attr("out_type", DT_STRING);
  const MemoryLimit limit(8 << 20);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kResourceExhausted, "memory"));
}

TEST(DeserializeSparseTest, PutsSeveralTogether) {
  Texts texts = Serialized("SerializeSparse", kA);
  OpTester one("DeserializeSparse");
  ASSERT_OK(Deserialize(one, {3}, texts));
  ExpectTensorEqual<int64_t>(one.output(0), {3, 2}, {0, 1, 1, 0, 1, 3});
  for (const std::string& text :
       Serialized("SerializeSparse", {{1, 2}, {0, 0}, {9}, {1, 6}})) {
    texts.push_back(text);
  }
  OpTester many("DeserializeManySparse");
  ASSERT_OK(Deserialize(many, {2, 3}, texts));
  ExpectTensorEqual<int64_t>(many.output(0), {4, 3},
                             {0, 0, 1, 0, 1, 0, 0, 1, 3, 1, 0, 0});
  ExpectTensorEqual<float>(many.output(1), {4}, {.5, 1, 2, 9});
  ExpectTensorEqual<int64_t>(many.output(2), {3}, {2, 2, 6});
  OpTester deep("DeserializeSparse");
  ASSERT_OK(Deserialize(deep, {1, 2, 3}, texts));
  ExpectTensorEqual<int64_t>(deep.output(0), {4, 4},
                             {0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 3, 0, 1, 0, 0});
  ExpectTensorEqual<int64_t>(deep.output(2), {4}, {1, 2, 2, 6});
}

TEST(DeserializeSparseTest, RefusesWhatDoesNotFit) {
  const auto expect = [](const TensorShape& shape, const Texts& texts,
                         const char* text, DataType dtype = DT_FLOAT) {
    OpTester op("DeserializeSparse");
    EXPECT_THAT(Deserialize(op, shape, texts, dtype),
                HasCode(StatusCode::kInvalidArgument, text));
  };
  const Texts good = Serialized("SerializeSparse", kA);
  expect({}, {"x"}, "Serialized sparse should have non-zero rank []");
  expect({2}, {"x", "y"},
         "Serialized sparse should have 3 as the last dimension [2]");
  expect({0, 3}, {},
         "Serialized sparse should have at least 1 serialized tensor, but has "
         "a zero dimension [0,3]");
  expect({3}, {"x", "y", "z"}, "Could not parse serialized proto");
  expect({3}, {"", "", ""}, "Could not construct tensor from proto");
  expect({3}, good,
         "Requested SparseTensor of type int64 but SparseTensor[0].values."
         "dtype() == float",
         DT_INT64);
  expect({3}, {good[1], good[0], good[2]},
         "Expected serialized_sparse[0, 0] to represent an index matrix but "
         "received shape [3]");
  expect({3}, {good[0], good[0], good[2]},
         "Expected serialized_sparse[0, 1] to represent a values vector but "
         "received shape [3,2]");
  expect({3}, {good[0], good[1], good[0]},
         "Expected serialized_sparse[0, 2] to represent a shape vector but "
         "received shape [3,2]");
  const Texts line = Serialized("SerializeSparse", {{1, 1}, {0}, {9}, {1}});
  expect({3}, {good[0], line[1], good[2]},
         "Expected row counts of SparseTensor[0].indices and SparseTensor[0]."
         "values to match but they do not: 3 vs. 1");
  expect({3}, {good[0], good[1], line[2]},
         "Expected column counts of SparseTensor[0].indices to match size of "
         "SparseTensor[0].shape but they do not: 2 vs. 1");
  Texts both = good;
  both.insert(both.end(), line.begin(), line.end());
  expect({2, 3}, both,
         "Inconsistent shape across SparseTensors: rank prior to "
         "SparseTensor[1] was: 2 but rank of SparseTensor[1] is: 1");
}

TEST(DeserializeSparseTest, RefusesMoreThanMemory) {
  tensorflow::TensorProto proto;
  proto.set_dtype(DT_FLOAT);
  proto.mutable_tensor_shape()->add_dim()->set_size(int64_t{1} << 30);
  proto.add_float_val(1);
  const Texts good = Serialized("SerializeSparse", kA);
  OpTester op("DeserializeSparse");
  const MemoryLimit limit(8 << 20);
  EXPECT_THAT(
      Deserialize(op, {3}, {good[0], proto.SerializeAsString(), good[2]}),
      HasCode(StatusCode::kResourceExhausted, "memory"));
}

}  // namespace metagraph::sparse_serialize_test
