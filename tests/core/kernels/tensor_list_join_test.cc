#include "absl/strings/str_join.h"
#include "core/op/infer_shapes.h"
#include "tests/core/kernels/tensor_list_fixture.h"

namespace metagraph::tensor_list_join_test {

using Code = absl::StatusCode;

const PartialShape kUnknown;
const PartialShape kScalar(std::initializer_list<int64_t>{});

absl::StatusOr<Tensor> Stack(const Tensor& list, Tensor shape = Unknown(),
                             int64_t size = -1, DataType dtype = DT_FLOAT) {
  OpTester op("TensorListStack");
  op.Attr("element_dtype", dtype).Attr("num_elements", size);
  ASSIGN_OR_RETURN(auto out, RunOp(op, {list, shape}));
  return out[0];
}
absl::StatusOr<Tensor> Gather(const Tensor& list, Tensor indices,
                              Tensor shape = Unknown()) {
  OpTester op("TensorListGather");
  op.Attr("element_dtype", DT_FLOAT);
  ASSIGN_OR_RETURN(auto out, RunOp(op, {list, indices, shape}));
  return out[0];
}
absl::StatusOr<std::vector<Tensor>> Concat(const Tensor& list,
                                           Tensor shape = Unknown(),
                                           Tensor lengths = Longs({})) {
  OpTester op("TensorListConcatV2");
  op.Attr("element_dtype", DT_FLOAT);
  return RunOp(op, {list, shape, lengths});
}
absl::StatusOr<std::vector<Tensor>> ConcatV1(const Tensor& list,
                                             const PartialShape& shape) {
  OpTester op("TensorListConcat");
  op.Attr("element_dtype", DT_FLOAT).Attr("element_shape", shape);
  return RunOp(op, {list});
}
template <typename StatusOr>
void ExpectInvalid(const StatusOr& result, const std::string& text) {
  EXPECT_THAT(result, HasCode(Code::kInvalidArgument, text));
}
Tensor Matrix(int64_t columns, const std::vector<float>& values) {
  const auto size = static_cast<int64_t>(values.size());
  return MakeTensor<float>({size / columns, columns}, values);
}

TEST(TensorListStackTest, PutsZerosForWhatIsMissing) {
  ASSERT_OK_AND_ASSIGN(Tensor out,
                       Stack(FloatList(kUnknown, {{}, Floats({1, 2}), {}})));
  ExpectTensorEqual<float>(out, {3, 2}, {0, 0, 1, 2, 0, 0});
  ASSERT_OK_AND_ASSIGN(out, Stack(FloatList(kUnknown, {{}}), Ints({2})));
  ExpectTensorEqual<float>(out, {1, 2}, {0, 0});
  ASSERT_OK_AND_ASSIGN(out, Stack(FloatList({-1, 2}, {}), Ints({3, -1})));
  ExpectTensorEqual<float>(out, {0, 3, 2}, {});
  ASSERT_OK_AND_ASSIGN(
      out, Stack(MakeList(DT_STRING, kUnknown,
                          {{}, MakeTensor<std::string>({1}, {"a"})}),
                 Unknown(), -1, DT_STRING));
  ExpectTensorEqual<std::string>(out, {2, 1}, {"", "a"});
}

TEST(TensorListStackTest, StacksListsOfLists) {
  const Tensor inner = FloatList(kScalar, {Float(7)});
  ASSERT_OK_AND_ASSIGN(Tensor out,
                       Stack(MakeList(DT_VARIANT, kUnknown, {inner, inner}),
                             Unknown(), -1, DT_VARIANT));
  ASSERT_EQ(out.shape().ToString(), "[2]");
  EXPECT_EQ(Show(ListOf(out, 1)), "7");
}

TEST(TensorListStackTest, SharesASingleElement) {
  const Tensor element = Floats({1, 2});
  ASSERT_OK_AND_ASSIGN(Tensor out, Stack(FloatList({2}, {element})));
  ExpectTensorEqual<float>(out, {1, 2}, {1, 2});
  EXPECT_TRUE(out.SharesBufferWith(element));
}

TEST(TensorListStackTest, RefusesWhatDoesNotFit) {
  const Tensor list = FloatList(kUnknown, {Floats({1, 2}), {}});
  ExpectInvalid(Stack(list, Unknown(), 3),
                "Operation expected a list with 3 elements but got a list with "
                "2 elements.");
  ExpectInvalid(Stack(list, Ints({3})),
                "PartialTensorShape: Incompatible shapes during merge: [3] vs. "
                "[2]");
  // Elements that some op put in without looking.
  ExpectInvalid(Stack(FloatList({3}, {Floats({1, 2})})),
                "PartialTensorShape: Incompatible shapes during merge: [3] vs. "
                "[2]");
  ExpectInvalid(Stack(list, Int(5)), "The only valid scalar shape tensor");
  ExpectInvalid(Stack(FloatList({-1}, {})),
                "Tried to stack elements of an empty list with "
                "non-fully-defined element_shape: [?]");
  ExpectInvalid(Stack(FloatList(kUnknown, {{}})),
                "Tried to stack list which only contains uninitialized tensors "
                "and has a non-fully-defined element_shape: <unknown>");
  ExpectInvalid(Stack(list, Unknown(), -1, DT_INT32),
                "Invalid data types; op elements int32 but list elements "
                "float");
  ExpectInvalid(Stack(FloatList({int64_t{1} << 62}, {{}, {}})), "2,46116860");
}

TEST(TensorListGatherTest, TakesElementsByIndex) {
  const Tensor list = FloatList({2}, {Floats({1, 2}), {}, Floats({5, 6})});
  ASSERT_OK_AND_ASSIGN(Tensor out, Gather(list, Ints({2, 1, 2})));
  ExpectTensorEqual<float>(out, {3, 2}, {5, 6, 0, 0, 5, 6});
  ASSERT_OK_AND_ASSIGN(out, Gather(list, Int(0)));
  ExpectTensorEqual<float>(out, {1, 2}, {1, 2});
  ASSERT_OK_AND_ASSIGN(out, Gather(list, Ints({})));
  ExpectTensorEqual<float>(out, {0, 2}, {});
  ExpectInvalid(Gather(list, Ints({-1})),
                "Index -1 out o range; list only has 3 elements.");
  const Tensor vague = FloatList(kUnknown, {{}, Floats({1}), Float(2)});
  ExpectInvalid(Gather(vague, Ints({3})),
                "Trying to gather element 3 in a list with 3 elements.");
  ExpectInvalid(Gather(vague, Ints({})),
                "Tried to gather 0-elements from a list with non-fully-defined "
                "shape: <unknown>");
  ExpectInvalid(Gather(vague, Ints({0})),
                "Tried to gather uninitialized tensors from a list with "
                "non-fully-defined element_shape: <unknown>");
  ExpectInvalid(Gather(vague, Ints({1, 2})), "Incompatible ranks during merge");
  ASSERT_OK_AND_ASSIGN(out, Gather(vague, Ints({1, 0, 1})));
  ExpectTensorEqual<float>(out, {3, 1}, {1, 0, 1});
}

TEST(TensorListConcatTest, JoinsRows) {
  ASSERT_OK_AND_ASSIGN(
      auto out,
      Concat(FloatList({-1, 2}, {Matrix(2, {1, 2}), Matrix(2, {3, 4, 5, 6})})));
  ExpectTensorEqual<float>(out[0], {3, 2}, {1, 2, 3, 4, 5, 6});
  ExpectTensorEqual<int64_t>(out[1], {2}, {1, 2});
  ASSERT_OK_AND_ASSIGN(out, Concat(FloatList({3, 2}, {})));
  ExpectTensorEqual<float>(out[0], {0, 2}, {});
  ExpectTensorEqual<int64_t>(out[1], {0}, {});
}

TEST(TensorListConcatTest, KnowsHowLongMissingElementsAre) {
  const auto lengths = [](absl::StatusOr<std::vector<Tensor>> out) {
    EXPECT_OK(out);
    return out.ok() ? Values<int64_t>((*out)[1]) : std::vector<int64_t>();
  };
  using Lengths = std::vector<int64_t>;
  // By leading_dims, by the element shape, by the others.
  EXPECT_EQ(lengths(Concat(FloatList({1, 2}, {{}, {}}), Unknown(), Longs({2}))),
            (Lengths{2, 1}));
  EXPECT_EQ(lengths(Concat(FloatList({3, 2}, {{}, {}}))), (Lengths{3, 3}));
  EXPECT_EQ(lengths(Concat(FloatList(kUnknown, {{}, Matrix(2, {1, 2})}))),
            (Lengths{1, 1}));
  EXPECT_EQ(
      lengths(ConcatV1(FloatList(kUnknown, {Matrix(2, {1, 2}), {}}), {-1, 2})),
      (Lengths{1, 1}));
  // Those that are there are as long as they are.
  EXPECT_EQ(lengths(Concat(FloatList({-1, 2}, {Matrix(2, {1, 2}), {}}),
                           Unknown(), Longs({7, 3}))),
            (Lengths{1, 3}));
  ExpectInvalid(Concat(FloatList({-1, 2}, {{}, {}}), Unknown(), Longs({1})),
                "List contains uninitialized tensor at index 1 but "
                "leading_dims has only 1 elements.");
  ExpectInvalid(
      Concat(FloatList(kUnknown, {{}, Matrix(1, {1}), Matrix(1, {2, 3})})),
      "List contains uninitialized tensor at index 0");
  ExpectInvalid(ConcatV1(FloatList(kUnknown, {{}}), {2, 2}),
                "Concating lists with uninitialized tensors is not supported "
                "in this version of TensorListConcat. Consider updating your "
                "GraphDef to run the newer version.");
  ExpectInvalid(ConcatV1(FloatList({1, 2}, {Matrix(2, {1, 2}), {}}), {-1, 2}),
                "Concating lists with uninitialized tensors is not supported");
  for (const int64_t length : {int64_t{-1}, INT64_MAX}) {
    ExpectInvalid(Concat(FloatList({-1, 2}, {{}, {}}), Unknown(),
                         Longs({length, length})),
                  "leading_dims has ");
  }
}

TEST(TensorListConcatTest, RefusesWhatDoesNotFit) {
  ExpectInvalid(Concat(FloatList(kScalar, {Float(1)})),
                "Concat requires elements to be at least vectors, found "
                "scalars instead.");
  ExpectInvalid(Concat(FloatList(kUnknown, {Float(1)})),
                "Concat saw a scalar shape at index 0 but requires at least "
                "vectors.");
  ExpectInvalid(Concat(FloatList(kUnknown, {})),
                "All except the first dimension must be fully defined when "
                "concating an empty tensor list. element_shape: <unknown>");
  ExpectInvalid(Concat(FloatList(kUnknown, {{}})),
                "Trying to concat list with only uninitialized tensors but "
                "element_shape_except_first_dim is not fully defined: "
                "<unknown>");
  ExpectInvalid(
      Concat(FloatList({-1, 2}, {Matrix(2, {1, 2, 3, 4})}), Ints({1, 2})),
      "First entry of element_shape input does not match the first "
      "dim of list element at index: 0 Expected: 1 Actual: 2");
  ExpectInvalid(Concat(FloatList(kUnknown, {Matrix(2, {1, 2}), Floats({1})})),
                "PartialTensorShape: Incompatible ranks during merge: 1 vs. 0");
  ExpectInvalid(Concat(FloatList({-1, 2}, {}), Ints({-1, 3})),
                "PartialTensorShape: Incompatible shapes during merge: [?,3] "
                "vs. [?,2]");
  ExpectInvalid(ConcatV1(FloatList({-1, 2}, {}), kScalar),
                "element_shape must not be empty");
  ExpectInvalid(ConcatV1(FloatList({-1, 2}, {Matrix(2, {1, 2})}), {-1, 3}),
                "PartialTensorShape: Incompatible shapes during merge: [3] vs. "
                "[2]");
}

// What is known of the outputs before anything runs: "[2,?] | [?]".
std::string Infer(const std::string& op,
                  const std::vector<std::pair<std::string, int64_t>>& attrs,
                  const std::vector<ValueFacts>& inputs, size_t outputs) {
  const auto registry = OpRegistry::Create();
  tensorflow::NodeDef node;
  node.set_name("n");
  node.set_op(op);
  for (const auto& [name, value] : attrs) {
    (*node.mutable_attr())[name].set_i(value);
  }
  std::vector<ValueFacts> out(outputs);
  const absl::Status status =
      InferOutputs(*(*registry)->Find(op), node, inputs, absl::MakeSpan(out));
  if (!status.ok()) return std::string(status.message());
  return absl::StrJoin(out, " | ", [](std::string* text, const auto& facts) {
    *text += facts.shape.ToString();
  });
}
ValueFacts Known(const Tensor& tensor) {
  ValueFacts out;
  out.shape = PartialShape(tensor.shape());
  out.constant = &tensor;
  return out;
}
ValueFacts Shaped(const PartialShape& shape) {
  ValueFacts out;
  out.shape = shape;
  return out;
}

TEST(TensorListShapesTest, AreKnownAsFarAsTheShapeInputTells) {
  const ValueFacts list = Shaped(kScalar);
  const Tensor part = Ints({-1, 2});
  const Tensor none = Unknown();
  const Tensor long_part = Longs({-1, 2});
  EXPECT_EQ(
      Infer("TensorListStack", {{"num_elements", 3}}, {list, Known(part)}, 1),
      "[3,?,2]");
  EXPECT_EQ(
      Infer("TensorListStack", {{"num_elements", -1}}, {list, Known(part)}, 1),
      "[?,?,2]");
  EXPECT_EQ(Infer("TensorListStack", {}, {list, Known(none)}, 1), "<unknown>");
  EXPECT_EQ(Infer("TensorListStack", {}, {list, Shaped(kUnknown)}, 1),
            "<unknown>");
  EXPECT_EQ(Infer("TensorListGather", {}, {list, Shaped({4}), Known(part)}, 1),
            "[4,?,2]");
  EXPECT_EQ(Infer("TensorListConcatV2", {},
                  {list, Known(long_part), Shaped({-1})}, 2),
            "[?,2] | [?]");
  EXPECT_EQ(Infer("TensorListConcat", {}, {list}, 2), "<unknown> | [?]");
  EXPECT_EQ(Infer("TensorListPopBack", {}, {list, Known(part)}, 2),
            "[] | <unknown>");
  EXPECT_EQ(Infer("TensorListPushBackBatch", {}, {Shaped({5}), list}, 1),
            "[5]");
  EXPECT_EQ(Infer("TensorListFromTensor", {}, {Shaped(kUnknown), list}, 1),
            "[]");
}

}  // namespace metagraph::tensor_list_join_test
