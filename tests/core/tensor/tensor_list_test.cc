#include "core/tensor/tensor_list.h"

#include "core/tensor/opaque_variant.h"
#include "core/tensor/optional_value.h"
#include "core/tensor/tensor_proto.h"
#include "google/protobuf/text_format.h"
#include "tests/core/tensor/memory_limit.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tensors.h"

namespace metagraph {
namespace {

using Code = absl::StatusCode;
using tensorflow::TensorProto;

absl::StatusOr<Tensor> Decode(const std::string& type, std::string metadata,
                              const std::string& tensors = "") {
  TensorProto proto;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      absl::StrCat("dtype: DT_VARIANT tensor_shape {} variant_val { ", tensors,
                   " }"),
      &proto));
  proto.mutable_variant_val(0)->set_type_name(type);
  proto.mutable_variant_val(0)->set_metadata(std::move(metadata));
  return TensorFromProto(proto);
}
absl::StatusOr<Tensor> DecodeList(std::string metadata,
                                  const std::string& tensors = "") {
  return Decode(TensorList::kTypeName, std::move(metadata), tensors);
}
// "\0…" as bytes.
template <size_t n>
std::string Bytes(const char (&text)[n]) {
  return std::string(text, n - 1);
}
const TensorList& ListOf(const Tensor& tensor) {
  return *tensor.scalar<Variant>().As<TensorList>();
}

constexpr char kOneFloat[] =
    "tensors { dtype: DT_FLOAT tensor_shape { dim { size: 1 } } float_val: 7 }";

// Bytes that real TensorFlow wrote (tf.io.serialize_tensor).
TEST(TensorListTest, ReadsAndWritesTensorFlowsMetadata) {
  // Elements 0 and 2 of three are missing; float; unbounded; shape [?,2].
  const std::string metadata = Bytes(
      "\2\0\2\1\377\377\377\377\377\377\377\377\377\1"
      "\22\13\10\377\377\377\377\377\377\377\377\377\1\22\2\10\2");
  ASSERT_OK_AND_ASSIGN(Tensor tensor, DecodeList(metadata, kOneFloat));
  const TensorList& list = ListOf(tensor);
  EXPECT_EQ(list.dtype(), DT_FLOAT);
  EXPECT_EQ(list.max_size(), -1);
  EXPECT_EQ(list.element_shape().ToString(), "[?,2]");
  ASSERT_EQ(list.size(), 3);
  EXPECT_FALSE(list[0].initialized());
  ExpectTensorEqual<float>(list[1], {1}, {7});
  EXPECT_FALSE(list[2].initialized());
  TensorProto back;
  TensorToProto(tensor, &back);
  EXPECT_EQ(back.variant_val(0).type_name(), "tensorflow::TensorList");
  EXPECT_EQ(back.variant_val(0).metadata(), metadata);
  EXPECT_EQ(back.variant_val(0).tensors_size(), 1);
  // Empty, at most 5 elements, unknown rank.
  const std::string small = Bytes("\0\1\5\30\1");
  ASSERT_OK_AND_ASSIGN(tensor, DecodeList(small));
  EXPECT_EQ(ListOf(tensor).max_size(), 5);
  EXPECT_FALSE(ListOf(tensor).element_shape().known_rank());
  TensorToProto(tensor, &back);
  EXPECT_EQ(back.variant_val(0).metadata(), small);
}

TEST(TensorListTest, RefusesMetadataThatCannotBe) {
  const auto refuse = [](const std::string& metadata, const std::string& text,
                         const std::string& tensors = kOneFloat) {
    EXPECT_THAT(DecodeList(metadata, tensors),
                HasCode(Code::kInvalidArgument, text));
  };
  refuse("", "no usable number of uninitialized elements");
  refuse(Bytes("\377\377\377\377\377\377\377\377\377\1"),
         "no usable number of uninitialized elements");
  refuse(Bytes("\2\0\7\1\1\30\1"), "no usable indices");
  refuse(Bytes("\2\1\1\1\1\30\1"), "no usable indices");
  refuse(Bytes("\2\0"), "no usable indices");
  refuse(Bytes("\0\144\1\30\1"), "no known dtype");
  refuse(Bytes("\0\1"), "no largest size and element shape");
  refuse(Bytes("\0\1\1\22"), "no largest size and element shape");
  refuse(Bytes("\0\3\1\30\1"), "a TensorList of int32 holds float [1]");
}

TEST(TensorListTest, ChargesWhatItsElementsTake) {
  const int64_t before = MemoryBudget::Process().used();
  {
    TensorList list(DT_FLOAT, PartialShape());
    ASSERT_OK(list.Resize(1000));
    EXPECT_GE(MemoryBudget::Process().used() - before,
              1000 * static_cast<int64_t>(sizeof(Tensor)));
    const MemoryLimit limit(1000);
    EXPECT_THAT(list.Copy().status(),
                HasCode(Code::kResourceExhausted, "1000 tensors"));
    EXPECT_THAT(list.Resize(2000), HasCode(Code::kResourceExhausted, "OOM"));
    EXPECT_EQ(list.size(), 1000);
  }
  EXPECT_EQ(MemoryBudget::Process().used(), before);
}

TEST(OptionalValueTest, ReadsAndWritesTensorFlowsMetadata) {
  ASSERT_OK_AND_ASSIGN(Tensor tensor, Decode("tensorflow::data::Optional",
                                             Bytes("\1"), kOneFloat));
  const auto* optional = tensor.scalar<Variant>().As<OptionalValue>();
  ASSERT_NE(optional, nullptr);
  EXPECT_TRUE(optional->has_value());
  ExpectTensorEqual<float>(optional->components()[0], {1}, {7});
  TensorProto back;
  TensorToProto(tensor, &back);
  EXPECT_EQ(back.variant_val(0).metadata(), Bytes("\1"));
  ASSERT_OK_AND_ASSIGN(
      tensor, Decode("tensorflow::data::Optional", Bytes("\0"), kOneFloat));
  EXPECT_FALSE(tensor.scalar<Variant>().As<OptionalValue>()->has_value());
  TensorToProto(tensor, &back);
  EXPECT_EQ(back.variant_val(0).metadata(), Bytes("\0"));
  EXPECT_EQ(back.variant_val(0).tensors_size(), 0);
  EXPECT_THAT(Decode("tensorflow::data::Optional", ""),
              HasCode(Code::kInvalidArgument, "has 0 bytes, expected 1"));
}

TEST(VariantTest, IsMutableOnlyForItsOnlyHolder) {
  Variant list = Variant::Make<TensorList>(DT_FLOAT, PartialShape());
  EXPECT_NE(list.Mutable<TensorList>(), nullptr);
  EXPECT_EQ(list.Mutable<OptionalValue>(), nullptr);
  {
    Variant other = list;
    EXPECT_EQ(list.Mutable<TensorList>(), nullptr);
    EXPECT_EQ(other.As<TensorList>(), list.As<TensorList>());
    EXPECT_EQ(other.As<OptionalValue>(), nullptr);
  }
  EXPECT_NE(list.Mutable<TensorList>(), nullptr);
  EXPECT_EQ(Variant().As<TensorList>(), nullptr);
}

Tensor Nested(int depth) {
  Tensor out = Tensor::Scalar<Variant>(Variant());
  for (int i = 0; i < depth; ++i) {
    Variant list = Variant::Make<TensorList>(DT_VARIANT, PartialShape());
    EXPECT_OK(list.Mutable<TensorList>()->PushBack(out));
    out = Tensor::Scalar<Variant>(std::move(list));
  }
  return out;
}

TEST(VariantTest, ADeepChainEndsWithoutDeepStack) {
  const int64_t before = MemoryBudget::Process().used();
  { const Tensor deep = Nested(1'000'000); }
  EXPECT_EQ(MemoryBudget::Process().used(), before);
}

TEST(VariantTest, MessagesNestOnlySoDeep) {
  TensorProto proto;
  TensorToProto(Nested(Variant::kMaxNesting), &proto);
  TensorProto parsed;  // protobuf counts, too
  ASSERT_TRUE(parsed.ParseFromString(proto.SerializeAsString()));
  ASSERT_OK(TensorFromProto(parsed).status());
  TensorProto outer;
  outer.set_dtype(DT_VARIANT);
  outer.mutable_tensor_shape();
  auto* variant = outer.add_variant_val();
  variant->set_type_name("t");
  *variant->add_tensors() = parsed;
  EXPECT_THAT(TensorFromProto(outer),
              HasCode(Code::kInvalidArgument, "nested more than 45 deep"));
  // Packed into bytes, protobuf does not see how deep it is.
  std::string content;
  for (int i = 0; i < 10'000; ++i) {
    TensorProto packed;
    packed.set_dtype(DT_VARIANT);
    packed.mutable_tensor_shape();
    tensorflow::VariantTensorDataProto element;
    element.set_type_name("t");
    if (i > 0) {
      auto* inner = element.add_tensors();
      inner->set_dtype(DT_VARIANT);
      inner->mutable_tensor_shape();
      inner->set_tensor_content(content);
    }
    const std::string bytes = element.SerializeAsString();
    content.clear();
    for (size_t size = bytes.size();; size >>= 7) {
      content.push_back(
          static_cast<char>((size & 0x7f) | (size > 0x7f ? 0x80 : 0)));
      if (size <= 0x7f) break;
    }
    content += bytes;
  }
  outer.clear_variant_val();
  outer.set_tensor_content(content);
  EXPECT_THAT(TensorFromProto(outer),
              HasCode(Code::kInvalidArgument, "nested more than 45 deep"));
  // What nobody asked whether it fits is cut off.
  TensorToProto(Nested(100'000), &proto);
}

}  // namespace
}  // namespace metagraph
