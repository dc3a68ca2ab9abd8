#include "tests/core/kernels/tensor_list_fixture.h"

namespace metagraph::optional_test {

using Code = absl::StatusCode;

Tensor Optional(const std::vector<Tensor>& components) {
  return Tensor::Scalar<Variant>(Variant::Make<OptionalValue>(components));
}
Tensor None() {
  OpTester op("OptionalNone");
  EXPECT_OK(op.Run());
  return op.output(0);
}
bool HasValue(const Tensor& optional) {
  OpTester op("OptionalHasValue");
  op.Input(optional);
  EXPECT_OK(op.Run());
  return op.output(0).scalar<bool>();
}
absl::StatusOr<std::vector<Tensor>> Get(
    const Tensor& optional, const std::vector<DataType>& types,
    const std::vector<PartialShape>& shapes) {
  OpTester op("OptionalGetValue");
  tensorflow::AttrValue value;
  value.mutable_list();
  for (const PartialShape& shape : shapes) {
    shape.ToProto(value.mutable_list()->add_shape());
  }
  op.Attr("output_types", types).Attr("output_shapes", value);
  return RunOp(op, {optional});
}
template <typename StatusOr>
void ExpectInvalid(const StatusOr& result, const std::string& text) {
  EXPECT_THAT(result, HasCode(Code::kInvalidArgument, text));
}

TEST(OptionalTest, GivesBackItsComponents) {
  OpTester op("OptionalFromValue");
  op.Attr("Toutput_types", std::vector<DataType>{DT_FLOAT, DT_INT32});
  op.Input(Floats({1, 2})).Input(Int(3));
  ASSERT_OK(op.Run());
  EXPECT_TRUE(HasValue(op.output(0)));
  ASSERT_OK_AND_ASSIGN(auto out,
                       Get(op.output(0), {DT_FLOAT, DT_INT32}, {{-1}, {}}));
  ExpectTensorEqual<float>(out[0], {2}, {1, 2});
  ExpectTensorEqual<int32_t>(out[1], {}, {3});
  EXPECT_FALSE(HasValue(None()));
}

TEST(OptionalTest, RefusesWhatDoesNotFit) {
  const Tensor two = Optional({Floats({1, 2}), Int(3)});
  ExpectInvalid(Get(None(), {DT_FLOAT}, {{}}),
                "The given optional does not have a value.");
  ExpectInvalid(Get(two, {DT_FLOAT}, {{}}),
                "The given optional has 2 components, expected 1");
  ExpectInvalid(Get(two, {DT_FLOAT, DT_FLOAT}, {PartialShape(), {}}),
                "The given optional does not match the expected type for "
                "component 1. Expected: float. Actual: int32.");
  ExpectInvalid(Get(two, {DT_FLOAT, DT_INT32}, {{3}, {}}),
                "The given optional does not match the expected shape for "
                "component 0. Expected: [3]. Actual: [2].");
  ExpectInvalid(Get(two, {DT_FLOAT, DT_INT32}, {{3}}),
                "output_types and output_shapes must be same length, got:\n"
                "output_types: 2\noutput_shapes: 1");
  OpTester list("OptionalHasValue");
  ExpectInvalid(RunOp(list, {FloatList({}, {})}),
                "Input to OptionalHasValue must be an OptionalVariant object.");
  OpTester vector("OptionalHasValue");
  ExpectInvalid(RunOp(vector, {None().Reshaped({1})}),
                "Input to OptionalHasValue must be a scalar tensor containing "
                "an OptionalVariant object.");
}

// --- AddN and ZerosLike of variants ----------------------------------------

absl::StatusOr<Tensor> AddN(const std::vector<Tensor>& inputs) {
  OpTester op("AddN");
  op.Attr("N", static_cast<int64_t>(inputs.size()));
  ASSIGN_OR_RETURN(auto out, RunOp(op, inputs));
  return out[0];
}
absl::StatusOr<Tensor> ZerosLike(const Tensor& x) {
  OpTester op("ZerosLike");
  ASSIGN_OR_RETURN(auto out, RunOp(op, {x}));
  return out[0];
}
const OptionalValue& OptionalOf(const Tensor& tensor) {
  return *tensor.scalar<Variant>().As<OptionalValue>();
}
// A list in a list in a list …, `depth` of them around one number.
Tensor Nested(int depth, float value) {
  Tensor out = FloatList({}, {Float(value)});
  for (int i = 0; i < depth; ++i) {
    out = MakeList(DT_VARIANT, PartialShape(), {out});
  }
  return out;
}
const Tensor& Innermost(const Tensor& list) {
  const Tensor* at = &list;
  while (ListOf(*at).dtype() == DT_VARIANT) at = &ListOf(*at)[0];
  return *at;
}

TEST(VariantMathTest, AddsListsElementByElement) {
  const Tensor a = MakeList(DT_FLOAT, {-1}, {Floats({1, 2}), {}, {}}, 3);
  const Tensor b = FloatList({2}, {Floats({3, 4}), Floats({5, 6}), {}});
  ASSERT_OK_AND_ASSIGN(Tensor sum, AddN({a, b, b}));
  EXPECT_EQ(Show(sum), "[7,10] [10,12] ?");
  EXPECT_EQ(ListOf(sum).element_shape().ToString(), "[2]");
  EXPECT_EQ(ListOf(sum).max_size(), TensorList::kUnbounded);
  ASSERT_OK_AND_ASSIGN(sum, AddN({a}));
  EXPECT_EQ(Show(sum), "[1,2] ? ?");
}

TEST(VariantMathTest, RefusesListsThatDoNotFit) {
  const PartialShape any;
  const Tensor one = FloatList({}, {Float(1)});
  ExpectInvalid(AddN({one, MakeList(DT_INT32, any, {{}, {}})}),
                "Trying to add two lists of tensors of different dtypes. One "
                "is float and the other is int32");
  ExpectInvalid(AddN({one, FloatList(any, {})}),
                "Trying to add two lists of tensors with different lengths. "
                "One is 1 and the other is 0");
  ExpectInvalid(AddN({FloatList({2}, {{}}), FloatList({3}, {{}})}),
                "Trying to add two lists of tensors with incompatible element "
                "shapes. One is [2] and the other is [3]");
  ExpectInvalid(AddN({one, FloatList(any, {Floats({1})})}),
                "Trying to add two tensors with incompatible element shapes. "
                "One is [] and the other is [1]");
  const Tensor words =
      MakeList(DT_STRING, any, {Tensor::Scalar<std::string>("a")});
  ExpectInvalid(AddN({words, words}), "Trying to add unsupported dtype 7");
  ExpectInvalid(ZerosLike(words),
                "Trying to compute zeros_like for unsupported dtype string");
  const Tensor vector = one.Reshaped({1});
  ExpectInvalid(AddN({one, vector}),
                "AddN of non-scalar Tensor with dtype=DT_VARIANT is not "
                "supported; inputs[1 has shape: [1].");
  ExpectInvalid(ZerosLike(vector),
                "ZerosLike non-scalar Tensor with dtype=DT_VARIANT is not "
                "supported.");
  EXPECT_THAT(AddN({one, None()}),
              HasCode(Code::kInternal,
                      "BinaryOpVariants: Variants a and b have different type "
                      "ids.  Type names: 'tensorflow::TensorList' vs. "
                      "'tensorflow::data::Optional'"));
}

TEST(VariantMathTest, AddsOptionals) {
  ASSERT_OK_AND_ASSIGN(Tensor sum, AddN({Optional({Float(1), Int(2)}),
                                         Optional({Float(3), Int(4)})}));
  EXPECT_EQ(OptionalOf(sum).components()[0].scalar<float>(), 4);
  EXPECT_EQ(OptionalOf(sum).components()[1].scalar<int32_t>(), 6);
  ASSERT_OK_AND_ASSIGN(sum, AddN({None(), None()}));
  EXPECT_FALSE(HasValue(sum));
  ExpectInvalid(AddN({None(), Optional({Int(1)})}),
                "Cannot add optionals because one has a value and the other "
                "doesn't.");
  ExpectInvalid(AddN({Optional({Int(1), Int(2)}), Optional({Int(1)})}),
                "Cannot add optionals because they have different numbers of "
                "components (2 vs. 1).");
  ExpectInvalid(AddN({Optional({Float(1)}), Optional({Int(1)})}),
                "One is float and the other is int32");
}

TEST(VariantMathTest, ZerosLikeKeepsWhatIsMissing) {
  ASSERT_OK_AND_ASSIGN(
      Tensor zeros,
      ZerosLike(MakeList(DT_FLOAT, {-1}, {Floats({1, 2}), {}}, 2)));
  EXPECT_EQ(Show(zeros), "[0,0] ?");
  EXPECT_EQ(ListOf(zeros).element_shape().ToString(), "[?]");
  EXPECT_EQ(ListOf(zeros).max_size(), TensorList::kUnbounded);
  ASSERT_OK_AND_ASSIGN(zeros, ZerosLike(Optional({Float(3)})));
  EXPECT_EQ(OptionalOf(zeros).components()[0].scalar<float>(), 0);
  ASSERT_OK_AND_ASSIGN(zeros, ZerosLike(None()));
  EXPECT_FALSE(HasValue(zeros));
}

TEST(VariantMathTest, NestsAsDeepAsMemoryGoes) {
  const int depth = 100'000;
  const Tensor deep = Nested(depth, 2);
  OpTester add("AddN");
  add.Attr("N", 2);
  ASSERT_OK_AND_ASSIGN(auto sum, RunOp(add, {deep, deep}));
  EXPECT_EQ(Show(Innermost(sum[0])), "4");
  ASSERT_OK_AND_ASSIGN(Tensor zeros, ZerosLike(deep));
  EXPECT_EQ(Show(Innermost(zeros)), "0");
}

}  // namespace metagraph::optional_test
