#include "core/tensor/tensor_proto.h"
#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::parse_tensor_test {

using absl::StatusCode;

absl::StatusOr<Tensor> Parse(const std::string& bytes, DataType dtype) {
  OpTester op("ParseTensor");
  op.Attr("out_type", dtype).Scalar<std::string>(bytes);
  RETURN_IF_ERROR(op.Run());
  return op.output(0);
}

absl::StatusOr<std::string> Serialize(const Tensor& tensor) {
  OpTester op("SerializeTensor");
  op.Input(tensor);
  RETURN_IF_ERROR(op.Run());
  return op.output(0).scalar<std::string>();
}

TEST(SerializeTensorTest, WritesWhatTensorFlowWrites) {
  ASSERT_OK_AND_ASSIGN(std::string bytes,
                       Serialize(Tensor::Vector<float>({1, 2})));
  EXPECT_EQ(bytes, std::string("\x08\x01\x12\x04\x12\x02\x08\x02\"\x08"
                               "\0\0\x80?\0\0\0@",
                               18));
  ASSERT_OK_AND_ASSIGN(bytes,
                       Serialize(Tensor::Vector<std::string>({"a", "bc"})));
  EXPECT_EQ(bytes,
            "\x08\x07\x12\x04\x12\x02\x08\x02"
            "B\x01"
            "aB\x02"
            "bc");
}

TEST(ParseTensorTest, ReadsWhatWasWritten) {
  const Tensor ints = MakeTensor<int32_t>({2, 1}, {5, -6});
  ASSERT_OK_AND_ASSIGN(std::string bytes, Serialize(ints));
  ASSERT_OK_AND_ASSIGN(Tensor out, Parse(bytes, DT_INT32));
  ExpectTensorEqual<int32_t>(out, {2, 1}, {5, -6});
  ASSERT_OK_AND_ASSIGN(bytes, Serialize(Tensor::Vector<std::string>({"x"})));
  ASSERT_OK_AND_ASSIGN(out, Parse(bytes, DT_STRING));
  ExpectTensorEqual<std::string>(out, {1}, {"x"});
}

TEST(ParseTensorTest, RefusesOtherBytes) {
  EXPECT_THAT(Parse("abc", DT_INT64),
              HasCode(StatusCode::kInvalidArgument,
                      "Could not parse `serialized` as TensorProto, base64: "
                      "YWJj"));
  EXPECT_THAT(Parse("", DT_FLOAT), HasCode(StatusCode::kInvalidArgument,
                                           "Cannot parse tensor from proto: "));
  ASSERT_OK_AND_ASSIGN(const std::string bytes,
                       Serialize(Tensor::Scalar<float>(1)));
  EXPECT_THAT(Parse(bytes, DT_INT64),
              HasCode(StatusCode::kInvalidArgument,
                      "Type mismatch between parsed tensor (float) and dtype "
                      "(int64)"));
  OpTester vector("ParseTensor");
  vector.Attr("out_type", DT_FLOAT).Input<std::string>({1}, {bytes});
  EXPECT_THAT(vector.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected `serialized` to be a scalar, got shape: [1]"));
}

// One value that repeats may stand for any number of elements.
TEST(ParseTensorTest, RefusesMoreThanMemory) {
  tensorflow::TensorProto proto;
  proto.set_dtype(DT_FLOAT);
  proto.mutable_tensor_shape()->add_dim()->set_size(int64_t{1} << 30);
  proto.add_float_val(1);
  const MemoryLimit limit(8 << 20);
  EXPECT_THAT(Parse(proto.SerializeAsString(), DT_FLOAT),
              HasCode(StatusCode::kResourceExhausted, "memory"));
}

}  // namespace metagraph::parse_tensor_test
