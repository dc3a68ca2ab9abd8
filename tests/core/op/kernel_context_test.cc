#include "core/op/kernel_context.h"

#include <atomic>
#include <limits>
#include <memory>
#include <new>
#include <vector>

#include "core/op/kernel_construction.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tensors.h"

namespace metagraph {
namespace {

using ::absl::StatusCode;

// A step with inputs, as the executor would prepare it.
class KernelContextTest : public ::testing::Test {
 protected:
  KernelContextTest() {
    step_.session = &state_;
    step_.call = &call_;
  }

  // A tensor that this kernel is the last to read.
  void AddLastUse(Tensor tensor) {
    values_.push_back(std::make_unique<Value>());
    values_.back()->SetTensor(std::move(tensor));
    inputs_.push_back({&values_.back()->tensor, values_.back().get(), -1});
  }
  void AddShared(Tensor tensor) {
    AddLastUse(std::move(tensor));
    inputs_.back().last_use = nullptr;
  }
  KernelContext Context(std::vector<DataType> types) {
    types_ = std::move(types);
    outputs_.resize(types_.size());
    return KernelContext(step_, inputs_, types_, outputs_.data());
  }

  SessionState state_;
  CallContext call_;
  StepContext step_;
  std::vector<std::unique_ptr<Value>> values_;
  std::vector<KernelInput> inputs_;
  std::vector<DataType> types_;
  std::vector<Value> outputs_;
};

TEST_F(KernelContextTest, AllocatesOutputsOfTheDeclaredDtype) {
  KernelContext ctx = Context({MakeRefType(DT_INT32)});
  ASSERT_OK_AND_ASSIGN(Tensor * out, ctx.AllocateOutput(0, {2, 3}));
  EXPECT_EQ(out->Describe(), "int32 [2,3]");
  EXPECT_EQ(&outputs_[0].tensor, out);
  EXPECT_EQ(outputs_[0].kind, Value::Kind::kTensor);
}

TEST_F(KernelContextTest, AllocationBeyondAllBoundsIsAnError) {
  KernelContext ctx = Context({DT_INT64});
  EXPECT_FALSE(ctx.AllocateOutput(0, {int64_t{1} << 40, 1 << 10}).ok());
  EXPECT_FALSE(outputs_[0].has_value());
}

TEST_F(KernelContextTest, ForwardsABufferThatNobodyElseNeeds) {
  AddLastUse(MakeTensor<float>({2, 2}, {1, 2, 3, 4}));
  const void* buffer = values_[0]->tensor.raw_data();
  KernelContext ctx = Context({DT_FLOAT, DT_FLOAT});
  ASSERT_OK_AND_ASSIGN(Tensor * out, ctx.ForwardOrAllocateOutput({0}, 0, {4}));
  EXPECT_EQ(out->raw_data(), buffer);
  EXPECT_EQ(out->Describe(), "float [4]");
  // Taken once, it is shared.
  ASSERT_OK_AND_ASSIGN(Tensor * second,
                       ctx.ForwardOrAllocateOutput({0}, 1, {4}));
  EXPECT_NE(second->raw_data(), buffer);
}

TEST_F(KernelContextTest, ForwardsAcrossDtypesOfEqualSize) {
  AddLastUse(MakeTensor<float>({2}, {1, 2}));
  const void* buffer = values_[0]->tensor.raw_data();
  KernelContext ctx = Context({DT_INT32});
  ASSERT_OK_AND_ASSIGN(Tensor * out, ctx.ForwardOrAllocateOutput({0}, 0, {2}));
  EXPECT_EQ(out->raw_data(), buffer);
  EXPECT_EQ(out->dtype(), DT_INT32);
}

TEST_F(KernelContextTest, DoesNotForwardWhatDoesNotFitOrIsShared) {
  AddShared(MakeTensor<float>({2}, {1, 2}));
  AddLastUse(MakeTensor<float>({3}, {1, 2, 3}));
  AddLastUse(MakeTensor<double>({2}, {1, 2}));
  AddLastUse(MakeTensor<std::string>({2}, {"a", "b"}));
  AddLastUse(MakeTensor<float>({2}, {1, 2}));
  const Tensor other = values_[4]->tensor;
  KernelContext ctx = Context({DT_FLOAT});
  ASSERT_OK_AND_ASSIGN(Tensor * out,
                       ctx.ForwardOrAllocateOutput({0, 1, 2, 3, 4}, 0, {2}));
  for (const auto& value : values_) {
    EXPECT_FALSE(out->SharesBufferWith(value->tensor));
  }
}

TEST_F(KernelContextTest, ForwardsTensorsAndReferencesAsTheyAre) {
  AddShared(MakeTensor<float>({1}, {1}));
  inputs_.push_back({nullptr, nullptr, 7});
  inputs_.push_back({});
  KernelContext ctx = Context({DT_FLOAT, MakeRefType(DT_FLOAT)});
  EXPECT_FALSE(ctx.input_is_ref(0));
  EXPECT_TRUE(ctx.input_is_ref(1));
  EXPECT_TRUE(ctx.has_input(1));
  EXPECT_FALSE(ctx.has_input(2));
  ctx.ForwardInput(0, 0);
  ctx.ForwardInput(1, 1);
  EXPECT_TRUE(outputs_[0].tensor.SharesBufferWith(values_[0]->tensor));
  EXPECT_EQ(outputs_[1].kind, Value::Kind::kRef);
  EXPECT_EQ(outputs_[1].variable, 7);
  ASSERT_OK_AND_ASSIGN(int slot, ctx.VariableSlot(1));
  EXPECT_EQ(slot, 7);
}

TEST_F(KernelContextTest, FollowsHandlesToVariables) {
  ASSERT_OK_AND_ASSIGN(VariableInfo v, state_.variables.FindOrCreate(
                                           "", "v", DT_FLOAT, PartialShape()));
  ResourceHandle direct;
  direct.resource = std::make_shared<VariableResource>(v);
  ResourceHandle named;
  named.name = "v";
  AddShared(Tensor::Scalar(direct));
  AddShared(Tensor::Scalar(named));
  KernelContext ctx = Context({});
  for (int i : {0, 1}) {
    ASSERT_OK_AND_ASSIGN(int slot, ctx.VariableSlot(i));
    EXPECT_EQ(slot, v.slot);
    ASSERT_OK_AND_ASSIGN(VariableInfo info, ctx.InputVariableResource(i));
    EXPECT_EQ(info.name, "v");
  }
}

class Thing final : public Resource {
 public:
  std::string DebugString() const override { return "Thing"; }
};

TEST_F(KernelContextTest, RefusesHandlesThatLeadElsewhere) {
  ResourceHandle unknown;
  unknown.name = "w";
  ResourceHandle thing;
  thing.name = "t";
  thing.resource = std::make_shared<Thing>();
  AddShared(Tensor::Scalar(unknown));
  AddShared(Tensor::Scalar(thing));
  AddShared(Tensor::Scalar<float>(1));
  AddShared(MakeTensor<ResourceHandle>({0}, {}));
  KernelContext ctx = Context({});
  EXPECT_EQ(ctx.VariableSlot(0).status().code(),
            StatusCode::kFailedPrecondition);
  EXPECT_THAT(ctx.VariableSlot(1),
              HasCode(StatusCode::kInvalidArgument, "\"t\" is no variable"));
  for (int i : {2, 3}) {
    EXPECT_THAT(ctx.VariableSlot(i), HasCode(StatusCode::kInvalidArgument,
                                             "expected a resource handle"));
    EXPECT_THAT(
        ctx.InputResource<Thing>(i),
        HasCode(StatusCode::kInvalidArgument, "expected a resource handle"));
  }
  EXPECT_OK(ctx.InputResource<Thing>(1));
  EXPECT_THAT(ctx.InputResource<Thing>(0),
              HasCode(StatusCode::kInvalidArgument, "another resource: \"w\""));
}

TEST_F(KernelContextTest, ParallelForCoversEverythingOnce) {
  for (const bool with_pool : {false, true}) {
    ThreadPool pool("test", 3);
    step_.compute_pool = with_pool ? &pool : nullptr;
    KernelContext ctx = Context({});
    std::vector<std::atomic<int>> hits(10'000);
    ASSERT_OK(ctx.ParallelFor(10'000, 1000, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++hits[i];
    }));
    for (const auto& hit : hits) ASSERT_EQ(hit, 1);
    ASSERT_OK(ctx.ParallelFor(0, 1000, [](int64_t, int64_t) { FAIL(); }));
  }
}

TEST_F(KernelContextTest, ParallelForStopsWhenTheCallIsCancelled) {
  ThreadPool pool("test", 2);
  step_.compute_pool = &pool;
  KernelContext ctx = Context({});
  std::atomic<int64_t> done{0};
  EXPECT_EQ(ctx.ParallelFor(1'000'000, 1000,
                            [&](int64_t begin, int64_t end) {
                              call_.Cancel();
                              done += end - begin;
                            })
                .code(),
            StatusCode::kCancelled);
  EXPECT_LT(done, 1'000'000);
  EXPECT_EQ(ctx.CheckCancelled().code(), StatusCode::kCancelled);
}

// A shape such as [2^40, 0] costs nothing to send.
TEST_F(KernelContextTest, ParallelForStopsInTheMidstOfALongLoop) {
  for (const bool with_pool : {false, true}) {
    CallContext call;
    ThreadPool pool("test", 2);
    step_.call = &call;
    step_.compute_pool = with_pool ? &pool : nullptr;
    KernelContext ctx = Context({});
    std::atomic<int64_t> done{0};
    EXPECT_EQ(ctx.ParallelFor(int64_t{1} << 40, 1,
                              [&](int64_t begin, int64_t end) {
                                call.Cancel();
                                done += end - begin;
                              })
                  .code(),
              StatusCode::kCancelled);
    EXPECT_LT(done, int64_t{1} << 30);
  }
  step_.call = &call_;
}

class KernelConstructionTest : public ::testing::Test {
 protected:
  KernelConstructionTest() : construction_(node_, def_, signature_, state_) {
    node_.set_name("n");
    def_.set_name("Tested");
  }
  // Of an attribute that the op declares.
  tensorflow::AttrValue& Set(const std::string& name) {
    if (node_.attr().count(name) == 0) def_.add_attr()->set_name(name);
    return (*node_.mutable_attr())[name];
  }

  tensorflow::NodeDef node_;
  tensorflow::OpDef def_;
  NodeSignature signature_;
  SessionState state_;
  KernelConstruction construction_;
};

TEST_F(KernelConstructionTest, ReadsAttributesOfTheNodeThenDefaults) {
  auto* attr = def_.add_attr();
  attr->set_name("k");
  attr->set_type("int");
  attr->mutable_default_value()->set_i(3);
  EXPECT_TRUE(construction_.HasAttr("k"));
  EXPECT_EQ(*construction_.Attr<int64_t>("k"), 3);
  Set("k").set_i(5);
  EXPECT_EQ(*construction_.Attr<int32_t>("k"), 5);
  EXPECT_FALSE(construction_.HasAttr("j"));
  EXPECT_THAT(construction_.Attr<int64_t>("j"),
              HasCode(StatusCode::kInvalidArgument,
                      "NodeDef missing attr 'j' from Op<name=Tested>"));
}

TEST_F(KernelConstructionTest, RefusesAnotherKindAndWhatDoesNotFit) {
  Set("k").set_i(int64_t{1} << 40);
  EXPECT_THAT(construction_.Attr<int32_t>("k"),
              HasCode(StatusCode::kInvalidArgument, "out of range"));
  EXPECT_THAT(construction_.Attr<bool>("k"),
              HasCode(StatusCode::kInvalidArgument, "is not of type bool"));
  EXPECT_FALSE(construction_.Attr<float>("k").ok());
  EXPECT_FALSE(construction_.Attr<std::string>("k").ok());
  EXPECT_FALSE(construction_.Attr<DataType>("k").ok());
  EXPECT_FALSE(construction_.Attr<PartialShape>("k").ok());
  EXPECT_FALSE(construction_.Attr<Tensor>("k").ok());
  EXPECT_FALSE(construction_.Attr<tensorflow::NameAttrList>("k").ok());
  EXPECT_FALSE(construction_.Attr<std::vector<int64_t>>("k").ok());
  Set("list").mutable_list()->add_i(int64_t{1} << 40);
  EXPECT_FALSE(construction_.Attr<std::vector<int32_t>>("list").ok());
  Set("shape").mutable_shape()->add_dim()->set_size(-7);
  EXPECT_FALSE(construction_.Attr<PartialShape>("shape").ok());
}

TEST_F(KernelConstructionTest, ReadsListsAndBaseTypes) {
  Set("list").mutable_list()->add_i(4);
  Set("types").mutable_list()->add_type(DT_HALF);
  EXPECT_EQ(*construction_.Attr<std::vector<int32_t>>("list"),
            std::vector<int32_t>{4});
  EXPECT_EQ(*construction_.Attr<std::vector<DataType>>("types"),
            std::vector<DataType>{DT_HALF});
  signature_.inputs = {MakeRefType(DT_FLOAT)};
  EXPECT_EQ(construction_.input_type(0), DT_FLOAT);
  EXPECT_EQ(construction_.num_inputs(), 1);
}

TEST_F(KernelContextTest, BlocksWithoutMemoryFailTheKernel) {
  ThreadPool pool("compute", 3);
  for (ThreadPool* used : {static_cast<ThreadPool*>(nullptr), &pool}) {
    step_.compute_pool = used;
    const KernelContext ctx = Context({});
    EXPECT_THAT(
        ctx.ParallelFor(1000, 1'000'000,
                        [](int64_t, int64_t) { throw std::bad_alloc(); }),
        HasCode(StatusCode::kResourceExhausted, "no more memory"));
    std::atomic<int64_t> done{0};
    EXPECT_OK(ctx.ParallelFor(1000, 1'000'000, [&](int64_t begin, int64_t end) {
      done += end - begin;
    }));
    EXPECT_EQ(done, 1000);
  }
}

}  // namespace
}  // namespace metagraph
