#include "core/tensor/tensor_proto.h"

#include <cmath>
#include <limits>

#include "core/tensor/opaque_variant.h"
#include "core/tensor/resource_handle.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "tests/core/tensor/memory_limit.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tensors.h"

namespace metagraph {
namespace {

using tensorflow::TensorProto;
using Code = absl::StatusCode;

TensorProto Proto(const std::string& text) {
  TensorProto out;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &out))
      << text;
  return out;
}

absl::StatusOr<Tensor> Decode(const std::string& text) {
  return TensorFromProto(Proto(text));
}

template <typename T>
void ExpectDecodes(const std::string& text, const TensorShape& shape,
                   const std::vector<T>& want) {
  ASSERT_OK_AND_ASSIGN(Tensor got, Decode(text));
  ExpectTensorEqual<T>(got, shape, want);
}

TEST(TensorFromProtoTest, ReadsTheListOfEachDtype) {
  ExpectDecodes<float>(
      "dtype: DT_FLOAT tensor_shape { dim { size: 2 } } "
      "float_val: [1.5, -2]",
      {2}, {1.5f, -2.0f});
  ExpectDecodes<double>("dtype: DT_DOUBLE tensor_shape {} double_val: 0.1", {},
                        {0.1});
  ExpectDecodes<int32_t>("dtype: DT_INT32 tensor_shape {} int_val: -5", {},
                         {-5});
  ExpectDecodes<uint8_t>("dtype: DT_UINT8 tensor_shape {} int_val: 255", {},
                         {255});
  ExpectDecodes<int8_t>("dtype: DT_INT8 tensor_shape {} int_val: -128", {},
                        {-128});
  ExpectDecodes<int16_t>("dtype: DT_INT16 tensor_shape {} int_val: -32768", {},
                         {-32768});
  ExpectDecodes<uint16_t>("dtype: DT_UINT16 tensor_shape {} int_val: 65535", {},
                          {65535});
  ExpectDecodes<int64_t>(
      "dtype: DT_INT64 tensor_shape {} int64_val: -9223372036854775808", {},
      {std::numeric_limits<int64_t>::min()});
  ExpectDecodes<uint32_t>(
      "dtype: DT_UINT32 tensor_shape {} uint32_val: 4294967295", {},
      {4294967295u});
  ExpectDecodes<uint64_t>(
      "dtype: DT_UINT64 tensor_shape {} uint64_val: 18446744073709551615", {},
      {std::numeric_limits<uint64_t>::max()});
  ExpectDecodes<bool>(
      "dtype: DT_BOOL tensor_shape { dim { size: 2 } } bool_val: [true, false]",
      {2}, {true, false});
  ExpectDecodes<std::string>(
      "dtype: DT_STRING tensor_shape { dim { size: 2 } } "
      "string_val: ['a', 'b\\000c']",
      {2}, {"a", std::string("b\0c", 3)});
  ExpectDecodes<half>("dtype: DT_HALF tensor_shape {} half_val: 15360", {},
                      {half(1.0f)});
  ExpectDecodes<bfloat16>("dtype: DT_BFLOAT16 tensor_shape {} half_val: 16256",
                          {}, {bfloat16(1.0f)});
  ExpectDecodes<complex64>(
      "dtype: DT_COMPLEX64 tensor_shape {} scomplex_val: [1, 2]", {},
      {complex64(1, 2)});
  ExpectDecodes<complex128>(
      "dtype: DT_COMPLEX128 tensor_shape {} dcomplex_val: [1, 2]", {},
      {complex128(1, 2)});
}

TEST(TensorFromProtoTest, ReadsQuantizedTypesFromIntVal) {
  ASSERT_OK_AND_ASSIGN(Tensor q8, Decode("dtype: DT_QINT8 int_val: -3"));
  EXPECT_EQ(q8.scalar<qint8>().value, -3);
  ASSERT_OK_AND_ASSIGN(Tensor qu8, Decode("dtype: DT_QUINT8 int_val: 200"));
  EXPECT_EQ(qu8.scalar<quint8>().value, 200);
  ASSERT_OK_AND_ASSIGN(Tensor q16, Decode("dtype: DT_QINT16 int_val: -300"));
  EXPECT_EQ(q16.scalar<qint16>().value, -300);
  ASSERT_OK_AND_ASSIGN(Tensor qu16, Decode("dtype: DT_QUINT16 int_val: 60000"));
  EXPECT_EQ(qu16.scalar<quint16>().value, 60000);
  ASSERT_OK_AND_ASSIGN(Tensor q32, Decode("dtype: DT_QINT32 int_val: -70000"));
  EXPECT_EQ(q32.scalar<qint32>().value, -70000);
}

TEST(TensorFromProtoTest, TheLastValueRepeats) {
  ExpectDecodes<float>(
      "dtype: DT_FLOAT tensor_shape { dim { size: 4 } } float_val: [1, 2]", {4},
      {1, 2, 2, 2});
  ExpectDecodes<complex64>(
      "dtype: DT_COMPLEX64 tensor_shape { dim { size: 2 } } "
      "scomplex_val: [1, -1]",
      {2}, {complex64(1, -1), complex64(1, -1)});
  ExpectDecodes<std::string>(
      "dtype: DT_STRING tensor_shape { dim { size: 3 } } string_val: 'rep'",
      {3}, {"rep", "rep", "rep"});
}

TEST(TensorFromProtoTest, AnEmptyListIsZeros) {
  ExpectDecodes<float>("dtype: DT_FLOAT tensor_shape { dim { size: 2 } }", {2},
                       {0, 0});
  ExpectDecodes<half>("dtype: DT_HALF tensor_shape { dim { size: 2 } }", {2},
                      {half(0.0f), half(0.0f)});
  ExpectDecodes<std::string>(
      "dtype: DT_STRING tensor_shape { dim { size: 2 } }", {2}, {"", ""});
  ExpectDecodes<float>("dtype: DT_FLOAT tensor_shape { dim { size: 0 } }", {0},
                       {});
}

TEST(TensorFromProtoTest, SurplusListValuesAreIgnored) {
  ExpectDecodes<float>(
      "dtype: DT_FLOAT tensor_shape { dim { size: 2 } } float_val: [1, 2, 3]",
      {2}, {1, 2});
}

TEST(TensorFromProtoTest, AnUnknownRankIsAScalar) {
  ExpectDecodes<float>(
      "dtype: DT_FLOAT tensor_shape { unknown_rank: true } float_val: 1", {},
      {1});
}

TEST(TensorFromProtoTest, ReadsTensorContent) {
  ExpectDecodes<int32_t>(
      "dtype: DT_INT32 tensor_shape { dim { size: 2 } } "
      "tensor_content: '\\001\\000\\000\\000\\002\\000\\000\\000'",
      {2}, {1, 2});
}

TEST(TensorFromProtoTest, NormalizesBoolBytes) {
  ASSERT_OK_AND_ASSIGN(Tensor got,
                       Decode("dtype: DT_BOOL tensor_shape { dim { size: 3 } } "
                              "tensor_content: '\\000\\002\\377'"));
  EXPECT_EQ(got.bytes(), absl::string_view("\0\1\1", 3));
}

TEST(TensorFromProtoTest, ReadsPackedStrings) {
  ExpectDecodes<std::string>(
      "dtype: DT_STRING tensor_shape { dim { size: 3 } } "
      "tensor_content: '\\001\\003\\000xabc'",
      {3}, {"x", "abc", ""});
}

TEST(TensorFromProtoTest, RefusesContentOfAnotherSize) {
  for (const char* text :
       {"dtype: DT_FLOAT tensor_shape { dim { size: 1 } } "
        "tensor_content: '123'",
        "dtype: DT_FLOAT tensor_shape { dim { size: 1 } } "
        "tensor_content: '12345678'",
        "dtype: DT_FLOAT tensor_shape { dim { size: 0 } } tensor_content: '1'",
        "dtype: DT_STRING tensor_shape { dim { size: 2 } } "
        "tensor_content: '\\001\\003xab'",
        "dtype: DT_STRING tensor_shape { dim { size: 1 } } "
        "tensor_content: '\\377\\377\\377\\377\\017x'",
        "dtype: DT_STRING tensor_shape { dim { size: 9 } } "
        "tensor_content: '\\001x'"}) {
    EXPECT_THAT(Decode(text), HasCode(Code::kInvalidArgument, "tensor_content"))
        << text;
  }
}

TEST(TensorFromProtoTest, RefusesBadDtypesAndShapes) {
  EXPECT_THAT(Decode(""), HasCode(Code::kInvalidArgument, "dtype"));
  EXPECT_THAT(Decode("dtype: DT_FLOAT_REF"),
              HasCode(Code::kInvalidArgument, "dtype"));
  EXPECT_THAT(Decode("dtype: DT_FLOAT tensor_shape { dim { size: -1 } }"),
              HasCode(Code::kInvalidArgument, "negative"));
  EXPECT_THAT(Decode("dtype: DT_COMPLEX64 scomplex_val: 1"),
              HasCode(Code::kInvalidArgument, "pairs"));
}

TEST(TensorFromProtoTest, RefusesAHugeShapeBeforeAllocating) {
  EXPECT_THAT(Decode("dtype: DT_FLOAT "
                     "tensor_shape { dim { size: 1152921504606846976 } }"),
              HasCode(Code::kInvalidArgument, ""));
  EXPECT_THAT(Decode("dtype: DT_INT8 float_val: 1 "
                     "tensor_shape { dim { size: 1073741824 } "
                     "dim { size: 1073741824 } }"),
              HasCode(Code::kInvalidArgument, ""));
  const MemoryLimit limit(1 << 20);
  EXPECT_THAT(Decode("dtype: DT_FLOAT tensor_shape { dim { size: 1000000 } } "
                     "float_val: 1"),
              HasCode(Code::kResourceExhausted, "OOM"));
}

TEST(TensorFromProtoTest, ARepeatedLongStringCountsAgainstTheBudget) {
  TensorProto proto =
      Proto("dtype: DT_STRING tensor_shape { dim { size: 10000 } }");
  proto.add_string_val(std::string(100000, 'x'));
  const MemoryLimit limit(1 << 20);
  EXPECT_THAT(TensorFromProto(proto), HasCode(Code::kResourceExhausted, "OOM"));
}

TEST(TensorFromProtoTest, ReadsResourceHandles) {
  ASSERT_OK_AND_ASSIGN(
      Tensor got, Decode("dtype: DT_RESOURCE tensor_shape { dim { size: 2 } } "
                         "resource_handle_val { container: 'c' name: 'v' "
                         "maybe_type_name: 't' }"));
  EXPECT_EQ(got.data<ResourceHandle>()[0].container, "c");
  EXPECT_EQ(got.data<ResourceHandle>()[0].name, "v");
  EXPECT_EQ(got.data<ResourceHandle>()[1].name, "");
  TensorProto back;
  TensorToProto(got, &back);
  EXPECT_EQ(back.resource_handle_val(0).maybe_type_name(), "t");
}

TEST(TensorToProtoTest, EscapesNamesThatNoMessageMayHold) {
  ResourceHandle handle;
  handle.container = "\xff";
  handle.name = "a\xfe";
  TensorProto proto;
  TensorToProto(Tensor::Scalar(handle), &proto);
  EXPECT_EQ(proto.resource_handle_val(0).container(), "\\xff");
  EXPECT_EQ(proto.resource_handle_val(0).name(), "a\\xfe");
  TensorProto parsed;
  EXPECT_TRUE(parsed.ParseFromString(proto.SerializeAsString()));
}

TEST(TensorFromProtoTest, KeepsUnknownVariantsOpaque) {
  const char* text =
      "dtype: DT_VARIANT tensor_shape {} "
      "variant_val { type_name: 'somebody::Type' metadata: 'm' "
      "  tensors { dtype: DT_INT32 tensor_shape {} int_val: 7 } }";
  ASSERT_OK_AND_ASSIGN(Tensor got, Decode(text));
  const auto* value = got.scalar<Variant>().As<OpaqueVariant>();
  ASSERT_NE(value, nullptr);
  EXPECT_EQ(value->TypeName(), "somebody::Type");
  EXPECT_EQ(value->metadata(), "m");
  EXPECT_EQ(value->tensors()[0].scalar<int32_t>(), 7);
  TensorProto back;
  TensorToProto(got, &back);
  EXPECT_EQ(back.variant_val(0).type_name(), "somebody::Type");
  ASSERT_OK_AND_ASSIGN(Tensor inner,
                       TensorFromProto(back.variant_val(0).tensors(0)));
  EXPECT_EQ(inner.scalar<int32_t>(), 7);
}

TEST(TensorFromProtoTest, AnErrorInsideAVariantIsReported) {
  EXPECT_THAT(Decode("dtype: DT_VARIANT variant_val { type_name: 't' "
                     "tensors { dtype: DT_INVALID } }"),
              HasCode(Code::kInvalidArgument, "dtype"));
}

TEST(TensorToProtoTest, RoundTripsValuesExactly) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor floats = MakeTensor<float>({2, 2}, {1, nan, -0.0f, 3});
  TensorProto proto;
  TensorToProto(floats, &proto);
  EXPECT_EQ(proto.tensor_content().size(), 16u);
  EXPECT_EQ(proto.float_val_size(), 0);
  ASSERT_OK_AND_ASSIGN(Tensor back, TensorFromProto(proto));
  EXPECT_EQ(back.bytes(), floats.bytes());
  EXPECT_TRUE(std::signbit(back.data<float>()[2]));

  const Tensor strings = MakeTensor<std::string>({2}, {"a", ""});
  TensorToProto(strings, &proto);
  EXPECT_EQ(proto.string_val_size(), 2);
  EXPECT_EQ(proto.tensor_content(), "");
  ASSERT_OK_AND_ASSIGN(back, TensorFromProto(proto));
  ExpectTensorEqual<std::string>(back, {2}, {"a", ""});
}

TEST(TensorToProtoTest, AnEmptyTensorKeepsItsShape) {
  TensorProto proto;
  TensorToProto(MakeTensor<float>({0, 3}, {}), &proto);
  ASSERT_OK_AND_ASSIGN(Tensor back, TensorFromProto(proto));
  EXPECT_EQ(back.Describe(), "float [0,3]");
}

}  // namespace
}  // namespace metagraph
