#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::stack_test {

using ::absl::StatusCode;

Tensor MakeStack(int32_t max_size) {
  OpTester op("StackV2");
  op.Attr("elem_type", DT_FLOAT).Attr("stack_name", "s").Scalar(max_size);
  EXPECT_OK(op.Run());
  return op.output(0);
}
absl::Status Push(const Tensor& handle, Tensor element) {
  OpTester op("StackPushV2");
  op.Input(handle).Input(element);
  RETURN_IF_ERROR(op.Run());
  EXPECT_TRUE(op.output(0).SharesBufferWith(element));
  return absl::OkStatus();
}
absl::StatusOr<float> Pop(const Tensor& handle) {
  OpTester op("StackPopV2");
  op.Attr("elem_type", DT_FLOAT).Input(handle);
  RETURN_IF_ERROR(op.Run());
  return op.output(0).scalar<float>();
}

TEST(StackTest, PopsInReverse) {
  const Tensor stack = MakeStack(-1);
  ASSERT_OK(Push(stack, Tensor::Scalar<float>(1)));
  ASSERT_OK(Push(stack, Tensor::Scalar<float>(2)));
  ASSERT_OK_AND_ASSIGN(float top, Pop(stack));
  EXPECT_EQ(top, 2);
  ASSERT_OK_AND_ASSIGN(top, Pop(stack));
  EXPECT_EQ(top, 1);
  EXPECT_THAT(Pop(stack), HasCode(StatusCode::kInvalidArgument,
                                  "Stack[s_0] is empty when calling Pop()."));
}

TEST(StackTest, RefusesToOverflow) {
  const Tensor stack = MakeStack(1);
  ASSERT_OK(Push(stack, Tensor::Scalar<float>(1)));
  EXPECT_THAT(Push(stack, Tensor::Scalar<float>(2)),
              HasCode(StatusCode::kInvalidArgument,
                      "Stack[s_0] overflowed its max_size (1)"));
}

TEST(StackTest, RefusesOtherDtypesAndShapes) {
  const Tensor stack = MakeStack(-1);
  EXPECT_THAT(Push(stack, Tensor::Scalar<int32_t>(1)),
              HasCode(StatusCode::kInvalidArgument,
                      "Must have type float but got int32"));
  ASSERT_OK(Push(stack, Tensor::Scalar<float>(1)));
  OpTester pop("StackPopV2");
  pop.Attr("elem_type", DT_INT32).Input(stack);
  EXPECT_EQ(pop.Run().code(), StatusCode::kInvalidArgument);
  OpTester make("StackV2");
  make.Attr("elem_type", DT_FLOAT).Input<int32_t>({2}, {1, 2});
  EXPECT_THAT(make.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Stack size must be a scalar, but had shape: [2]"));
}

TEST(StackTest, EntriesCountAgainstTheBudgetUntilTheyLeave) {
  const int64_t before = MemoryBudget::Process().used();
  const Tensor one = Tensor::Scalar<float>(1);
  Tensor stack = MakeStack(-1);
  const int64_t empty = MemoryBudget::Process().used();
  ASSERT_OK(Push(stack, one));
  const int64_t entry = MemoryBudget::Process().used() - empty;
  EXPECT_GE(entry, static_cast<int64_t>(sizeof(Tensor)));
  {
    const MemoryLimit limit(entry);
    ASSERT_OK(Push(stack, one));
    EXPECT_THAT(Push(stack, one),
                HasCode(StatusCode::kResourceExhausted,
                        "Stack[s_0]: no memory for 3 elements"));
  }
  EXPECT_OK(Pop(stack).status());
  EXPECT_EQ(MemoryBudget::Process().used(), empty + entry);
  stack = Tensor();
  EXPECT_EQ(MemoryBudget::Process().used(),
            before + static_cast<int64_t>(sizeof(float)));
}

TEST(StackTest, AClosedStackIsRefused) {
  const Tensor stack = MakeStack(-1);
  OpTester close("StackCloseV2");
  close.Input(stack);
  ASSERT_OK(close.Run());
  EXPECT_THAT(Pop(stack), HasCode(StatusCode::kInvalidArgument,
                                  "Stack[s_0] has already been closed."));
  EXPECT_EQ(Push(stack, Tensor::Scalar<float>(1)).code(),
            StatusCode::kInvalidArgument);
}

TEST(StackTest, OlderSpellingsGoByName) {
  OpTester make("Stack");
  make.Attr("elem_type", DT_FLOAT).Attr("stack_name", "s");
  ASSERT_OK(make.Run());
  ExpectTensorEqual<std::string>(make.output(0), {2}, {"_stacks", "s_0"});
  for (const char* name : {"StackPush", "StackPop", "StackClose"}) {
    OpTester op(name);
    op.Attr("elem_type", DT_FLOAT);
    op.Input<std::string>({2}, {"_stacks", "s_0"});
    if (std::string(name) == "StackPush") op.Scalar<float>(1);
    EXPECT_EQ(op.Run().code(), StatusCode::kNotFound) << name;
    op.ClearInputs().Input<std::string>({1}, {"x"});
    if (std::string(name) == "StackPush") op.Scalar<float>(1);
    EXPECT_EQ(op.Run().code(), StatusCode::kInvalidArgument) << name;
  }
}

}  // namespace metagraph::stack_test
