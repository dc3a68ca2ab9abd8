#include "tests/core/kernels/tensor_list_fixture.h"
#include "tests/core/tensor/memory_limit.h"

namespace metagraph::tensor_list_test {

using Code = absl::StatusCode;

const PartialShape kUnknown;
const PartialShape kScalar(std::initializer_list<int64_t>{});

absl::StatusOr<Tensor> First(OpTester& op, const std::vector<Tensor>& inputs) {
  ASSIGN_OR_RETURN(std::vector<Tensor> out, RunOp(op, inputs));
  return out[0];
}

absl::StatusOr<Tensor> Reserve(Tensor shape, Tensor size,
                               DataType dtype = DT_FLOAT) {
  OpTester op("TensorListReserve");
  op.Attr("element_dtype", dtype).Attr("shape_type", shape.dtype());
  return First(op, {shape, size});
}
absl::StatusOr<Tensor> Empty(Tensor shape, Tensor max_size) {
  OpTester op("EmptyTensorList");
  op.Attr("element_dtype", DT_FLOAT).Attr("shape_type", shape.dtype());
  return First(op, {shape, max_size});
}
absl::StatusOr<Tensor> Get(const Tensor& list, Tensor index,
                           Tensor shape = Unknown(),
                           DataType dtype = DT_FLOAT) {
  OpTester op("TensorListGetItem");
  op.Attr("element_dtype", dtype);
  return First(op, {list, index, shape});
}
absl::StatusOr<Tensor> Set(const Tensor& list, Tensor index, Tensor item,
                           bool grow = false) {
  OpTester op("TensorListSetItem");
  op.Attr("resize_if_index_out_of_bounds", grow);
  return First(op, {list, index, item});
}
absl::StatusOr<Tensor> Push(const Tensor& list, Tensor item) {
  OpTester op("TensorListPushBack");
  return First(op, {list, item});
}
absl::StatusOr<std::vector<Tensor>> Pop(const Tensor& list,
                                        Tensor shape = Unknown(),
                                        DataType dtype = DT_FLOAT) {
  OpTester op("TensorListPopBack");
  op.Attr("element_dtype", dtype);
  return RunOp(op, {list, shape});
}
absl::StatusOr<Tensor> Resize(const Tensor& list, Tensor size) {
  OpTester op("TensorListResize");
  return First(op, {list, size});
}
template <typename StatusOr>
void ExpectInvalid(const StatusOr& result, const std::string& text) {
  EXPECT_THAT(result, HasCode(Code::kInvalidArgument, text));
}

TEST(TensorListTest, ReserveMakesElementsThatAreNotInitialized) {
  ASSERT_OK_AND_ASSIGN(Tensor list, Reserve(Ints({-1, 2}), Int(3)));
  EXPECT_EQ(Show(list), "? ? ?");
  EXPECT_EQ(ListOf(list).element_shape().ToString(), "[?,2]");
  EXPECT_EQ(ListOf(list).dtype(), DT_FLOAT);
  ASSERT_OK_AND_ASSIGN(list, Reserve(Longs({int64_t{1} << 40}), Int(0)));
  EXPECT_EQ(ListOf(list).element_shape().ToString(), "[1099511627776]");
  ExpectInvalid(Reserve(Unknown(), Int(-1)),
                "The num_elements to reserve must be a non negative number, "
                "but got -1");
  ExpectInvalid(Reserve(Unknown(), Ints({3})),
                "The num_elements to reserve must be a tensor size 1, but got "
                "[1]");
}

TEST(TensorListTest, ShapesComeAsVectorsOrAsMinusOne) {
  ExpectInvalid(Reserve(Int(0), Int(1)),
                "The only valid scalar shape tensor is the fully unknown shape "
                "specified as -1.");
  ExpectInvalid(Reserve(MakeTensor<int32_t>({1, 1}, {1}), Int(1)),
                "Shape must be at most rank 1 but is rank 2");
  ExpectInvalid(Reserve(Ints({-2}), Int(1)), "Dimension -2 must be >= -1");
  ExpectInvalid(Reserve(Longs({int64_t{1} << 40, int64_t{1} << 40}), Int(1)),
                "Shape [1099511627776,1099511627776] would have more than "
                "2**63 - 1 elements");
  ExpectInvalid(Reserve(Ints(std::vector<int32_t>(300, 1)), Int(1)),
                "300 dimensions");
}

TEST(TensorListTest, RefusesMoreElementsThanMemoryHas) {
  const MemoryLimit limit(1 << 20);
  EXPECT_THAT(Reserve(Unknown(), Int(INT32_MAX)),
              HasCode(Code::kResourceExhausted, "2147483647 tensors"));
  EXPECT_THAT(Resize(FloatList(kUnknown, {}), Int(100'000)),
              HasCode(Code::kResourceExhausted, "100000 tensors"));
  EXPECT_THAT(Set(FloatList(kUnknown, {}), Int(100'000), Float(1), true),
              HasCode(Code::kResourceExhausted, "100001 tensors"));
  const Tensor wide = FloatList({int64_t{1} << 60}, {{}});
  ExpectInvalid(Get(wide, Int(0)), "larger than memory can be");
  EXPECT_THAT(Get(FloatList({1 << 20}, {{}}), Int(0)),
              HasCode(Code::kResourceExhausted, "OOM"));
}

TEST(TensorListTest, PushesUpToTheLargestSize) {
  ASSERT_OK_AND_ASSIGN(Tensor list, Empty(Unknown(), Int(1)));
  ASSERT_OK_AND_ASSIGN(list, Push(list, Floats({1, 2})));
  EXPECT_EQ(Show(list), "[1,2]");
  ExpectInvalid(Push(list, Float(1)),
                "Tried to push item into a full list list size: 1 "
                "max_num_elements: 1");
  ASSERT_OK_AND_ASSIGN(list, Empty(Unknown(), Int(-5)));
  EXPECT_OK(Push(list, Float(1)));
  ExpectInvalid(Empty(Unknown(), Ints({1})),
                "max_num_elements expected to be a scalar but got shape: [1]");
  ExpectInvalid(Push(list, Int(1)),
                "Invalid data types; op elements int32 but list elements "
                "float");
  ExpectInvalid(Push(FloatList({2}, {}), Floats({1})),
                "Tried to append a tensor with incompatible shape to a list. "
                "Op element shape: [1] list shape: [2]");
}

TEST(TensorListTest, GetsWhatWasSet) {
  ASSERT_OK_AND_ASSIGN(Tensor list,
                       Set(FloatList(kUnknown, {{}, {}}), Int(1), Floats({7})));
  EXPECT_EQ(Show(list), "? [7]");
  // The shape is not compared where it is not needed.
  ASSERT_OK_AND_ASSIGN(Tensor item, Get(list, Int(1), Ints({3})));
  ExpectTensorEqual<float>(item, {1}, {7});
  ASSERT_OK_AND_ASSIGN(item, Get(list, Ints({1}), Int(5)));
  ExpectTensorEqual<float>(item, {1}, {7});
  ExpectInvalid(Get(list, Int(2)),
                "Trying to access element 2 in a list with 2 elements.");
  ExpectInvalid(Get(list, Int(-1)),
                "Trying to access element -1 in a list with 2 elements.");
  ExpectInvalid(Get(list, Ints({1, 0})), "index must be a scalar");
  ExpectInvalid(Get(list, Int(0), Unknown(), DT_INT32),
                "Invalid data types; op elements int32 but list elements "
                "float");
}

TEST(TensorListTest, ReadsZerosWhereNothingWasSet) {
  ASSERT_OK_AND_ASSIGN(Tensor item,
                       Get(FloatList({-1, 2}, {{}}), Int(0), Ints({1, -1})));
  ExpectTensorEqual<float>(item, {1, 2}, {0, 0});
  // As large as the others.
  ASSERT_OK_AND_ASSIGN(item,
                       Get(FloatList(kUnknown, {{}, Floats({1, 2})}), Int(0)));
  ExpectTensorEqual<float>(item, {2}, {0, 0});
  ASSERT_OK_AND_ASSIGN(
      item, Get(MakeList(DT_STRING, {2}, {{}}), Int(0), Unknown(), DT_STRING));
  ExpectTensorEqual<std::string>(item, {2}, {"", ""});
  ExpectInvalid(Get(FloatList({-1, 2}, {{}}), Int(0)),
                "Trying to read an uninitialized tensor but element_shape is "
                "not fully defined: [?,2] and no list element is set.");
  ExpectInvalid(Get(FloatList({-1, 2}, {{}}), Int(0), Ints({3, 3})),
                "PartialTensorShape: Incompatible shapes during merge: [3,3] "
                "vs. [?,2]");
  ExpectInvalid(Get(FloatList(kUnknown, {{}, Float(1), Floats({1})}), Int(0)),
                "PartialTensorShape: Incompatible ranks during merge: 0 vs. 1");
}

TEST(TensorListTest, SetChecksIndexTypeAndShape) {
  const Tensor list = FloatList({2}, {{}, {}});
  ExpectInvalid(Set(list, Int(2), Floats({1, 2})),
                "Trying to modify element 2 in a list with 2 elements.");
  ExpectInvalid(Set(list, Int(-1), Floats({1, 2}), true),
                "Trying to modify element -1 in a list with 2 elements.");
  ExpectInvalid(Set(list, Int(0), Floats({1})),
                "Tried to set a tensor with incompatible shape at a list "
                "index. Item element shape: [1] list shape: [2]");
  ExpectInvalid(Set(list, Ints({0, 1}), Floats({1, 2})),
                "Expected argument 1 to be a scalar. ReceivedTensor<type: "
                "int32 shape: [2] values: 0 1>");
  ExpectInvalid(Set(list, Int(7), Int(1)),
                "Invalid data types; op elements int32 but list elements "
                "float");
  ASSERT_OK_AND_ASSIGN(Tensor longer, Set(list, Int(3), Floats({1, 2}), true));
  EXPECT_EQ(Show(longer), "? ? ? [1,2]");
}

TEST(TensorListTest, PopsTheLast) {
  ASSERT_OK_AND_ASSIGN(auto out, Pop(FloatList({-1}, {{}, Floats({1, 2})})));
  EXPECT_EQ(Show(out[0]), "?");
  ExpectTensorEqual<float>(out[1], {2}, {1, 2});
  ASSERT_OK_AND_ASSIGN(out, Pop(out[0], Ints({1})));
  EXPECT_EQ(Show(out[0]), "");
  ExpectTensorEqual<float>(out[1], {1}, {0});
  ExpectInvalid(Pop(out[0]), "Trying to pop from an empty list.");
  ExpectInvalid(Pop(FloatList({-1}, {Floats({1}), {}})),
                "Trying to read an uninitialized tensor but element_shape is "
                "not fully defined.[?]");
  ExpectInvalid(Pop(FloatList({2}, {{}}), Ints({3})),
                "PartialTensorShape: Incompatible shapes during merge: [3] vs. "
                "[2]");
  ExpectInvalid(Pop(FloatList({2}, {}), Unknown(), DT_INT32),
                "Invalid data types; op elements int32 but list elements "
                "float");
}

TEST(TensorListTest, TellsLengthAndElementShape) {
  OpTester length("TensorListLength");
  ASSERT_OK_AND_ASSIGN(Tensor out,
                       First(length, {FloatList(kUnknown, {{}, {}})}));
  ExpectTensorEqual<int32_t>(out, {}, {2});
  OpTester shape("TensorListElementShape");
  shape.Attr("shape_type", DT_INT32);
  ASSERT_OK_AND_ASSIGN(out, First(shape, {FloatList(kUnknown, {})}));
  ExpectTensorEqual<int32_t>(out, {}, {-1});
  ASSERT_OK_AND_ASSIGN(out, First(shape, {FloatList({-1, 2}, {})}));
  ExpectTensorEqual<int32_t>(out, {2}, {-1, 2});
  ASSERT_OK_AND_ASSIGN(out, First(shape, {FloatList(kScalar, {})}));
  ExpectTensorEqual<int32_t>(out, {0}, {});
  OpTester wide("TensorListElementShape");
  wide.Attr("shape_type", DT_INT64);
  ASSERT_OK_AND_ASSIGN(out, First(wide, {FloatList({int64_t{1} << 40}, {})}));
  ExpectTensorEqual<int64_t>(out, {1}, {int64_t{1} << 40});
}

TEST(TensorListTest, ResizesBothWays) {
  const Tensor list = FloatList(kScalar, {Float(1), Float(2)});
  ASSERT_OK_AND_ASSIGN(Tensor out, Resize(list, Int(1)));
  EXPECT_EQ(Show(out), "1");
  ASSERT_OK_AND_ASSIGN(out, Resize(list, Int(3)));
  EXPECT_EQ(Show(out), "1 2 ?");
  EXPECT_EQ(Show(list), "1 2");
  ExpectInvalid(Resize(list, Int(-1)),
                "TensorListSlice expects size to be non-negative. Got: -1");
  ExpectInvalid(Resize(list, Ints({1})), "size must be a scalar");
}

TEST(TensorListTest, WantsAScalarThatIsAList) {
  Tensor two = *Tensor::Allocate(DT_VARIANT, {2});
  ExpectInvalid(Push(two, Float(1)), "Input list must be a scalar saw: [2]");
  const Tensor optional =
      Tensor::Scalar<Variant>(Variant::Make<OptionalValue>());
  ExpectInvalid(Push(optional, Float(1)),
                "Input handle is not a list. Saw: 'Variant<type: "
                "tensorflow::data::Optional value: OptionalVariant<None>>'");
  ExpectInvalid(Push(Tensor::Scalar<Variant>(Variant()), Float(1)),
                "Saw: 'Variant<type:  value: [empty]>'");
}

TEST(TensorListTest, ChangesAListInPlaceIfNobodyElseHoldsIt) {
  Tensor list = FloatList(kScalar, {Float(1)});
  const TensorList* object = &ListOf(list);
  OpTester alone("TensorListPushBack");
  alone.Input(std::move(list)).Input(Float(2)).AllowForwarding();
  ASSERT_OK(alone.Run());
  EXPECT_EQ(&ListOf(alone.output(0)), object);
  EXPECT_EQ(Show(alone.output(0)), "1 2");

  const Tensor kept = alone.output(0);
  OpTester shared("TensorListPushBack");
  shared.Input(kept).Input(Float(3)).AllowForwarding();
  ASSERT_OK(shared.Run());
  EXPECT_EQ(Show(shared.output(0)), "1 2 3");
  EXPECT_EQ(Show(kept), "1 2");

  // Two tensors of one list.
  OpTester copied("TensorListPushBack");
  copied.Input(*kept.Clone()).Input(Float(4)).AllowForwarding();
  ASSERT_OK(copied.Run());
  EXPECT_EQ(Show(copied.output(0)), "1 2 4");
  EXPECT_EQ(Show(kept), "1 2");
}

TEST(TensorListTest, AListMayGoIntoACopyOfItself) {
  OpTester op("TensorListPushBack");
  Tensor list = MakeList(DT_VARIANT, kUnknown);
  op.Input(list).Input(list).AllowForwarding();
  list.Reset();
  ASSERT_OK(op.Run());
  const TensorList& outer = ListOf(op.output(0));
  ASSERT_EQ(outer.size(), 1);
  EXPECT_EQ(ListOf(outer[0]).size(), 0);
}

TEST(TensorListTest, PushBackBatchPushesARowOntoEachList) {
  OpTester op("TensorListPushBackBatch");
  const auto lists = [](std::vector<Tensor> each) {
    Tensor out =
        *Tensor::Allocate(DT_VARIANT, {static_cast<int64_t>(each.size())});
    for (size_t i = 0; i < each.size(); ++i) {
      out.mutable_data<Variant>()[i] = each[i].scalar<Variant>();
    }
    return out;
  };
  const Tensor one = FloatList(kScalar, {Float(1)});
  // A largest size does not matter here.
  const Tensor full = MakeList(DT_FLOAT, kUnknown, {}, 0);
  ASSERT_OK_AND_ASSIGN(Tensor out,
                       First(op, {lists({one, full}), Floats({7, 8})}));
  EXPECT_EQ(Show(ListOf(out, 0)), "1 7");
  EXPECT_EQ(Show(ListOf(out, 1)), "8");
  EXPECT_EQ(Show(one), "1");
  ExpectInvalid(First(op, {one, Floats({1})}),
                "Expected input_handles to be a vector, but saw shape: []");
  ExpectInvalid(First(op, {lists({one}), Float(1)}),
                "Expected tensor to be at least a vector, but saw shape: []");
  ExpectInvalid(First(op, {lists({one}), Floats({1, 2})}),
                "Expected tensor.shape[0] == input_handles.size, but saw 2 vs. "
                "1");
  ExpectInvalid(
      First(op, {lists({one}), MakeTensor<float>({1, 1}, {1})}),
      "Tried to append a tensor with incompatible shape to a list at index 0. "
      "Op element shape: [1] list shape: []");
  ExpectInvalid(
      First(op, {lists({MakeList(DT_INT32, kUnknown)}), Floats({1})}),
      "Invalid data type at index 0; op elements float but list elements "
      "int32");
  ExpectInvalid(
      First(op, {lists({Tensor::Scalar<Variant>(Variant())}), Floats({1})}),
      "Input handle at index 0 is not a list");
}

TEST(TensorListTest, ConcatListsPutsOneBehindTheOther) {
  OpTester op("TensorListConcatLists");
  op.Attr("element_dtype", DT_FLOAT);
  const Tensor a = MakeList(DT_FLOAT, kScalar, {Float(1), {}}, 5);
  const Tensor b = FloatList(kScalar, {Float(3)});
  ASSERT_OK_AND_ASSIGN(Tensor out, First(op, {a, b}));
  EXPECT_EQ(Show(out), "1 ? 3");
  EXPECT_EQ(ListOf(out).max_size(), 5);
  ASSERT_OK_AND_ASSIGN(out, First(op, {a, a}));
  EXPECT_EQ(Show(out), "1 ? 1 ?");
  ExpectInvalid(First(op, {a, FloatList(kUnknown, {})}),
                "input_a and input_b TensorList element shapes are not "
                "identical at index 0.  Saw [] vs. <unknown>");
  ExpectInvalid(First(op, {a, MakeList(DT_INT32, kScalar)}),
                "input_b[0].dtype != element_dtype.  Saw: int32 vs. float");
  ExpectInvalid(First(op, {Tensor::Scalar<Variant>(Variant()), b}),
                "input_a is not a TensorList at index 0.");
  ExpectInvalid(First(op, {a, b.Reshaped({1})}),
                "Incompatible input TensorList tensor shapes: [] vs. [1]");
}

}  // namespace metagraph::tensor_list_test
