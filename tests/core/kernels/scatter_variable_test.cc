#include <limits>

#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::scatter_variable_test {

using ::absl::StatusCode;

// One scatter or gather on a variable "v".
class VariableOp {
 public:
  VariableOp(const std::string& name, Tensor value) : op_(name) {
    auto info = op_.state().variables.FindOrCreate("", "v", value.dtype(),
                                                   PartialShape());
    EXPECT_OK(info);
    variable_ = *info;
    EXPECT_OK(op_.state().variables.Publish({{variable_.slot, value}}, "", -1,
                                            op_.call()));
    is_ref_ = name.substr(0, 8) != "Resource";
  }

  absl::Status Run(Tensor indices, Tensor updates) {
    AddVariable();
    op_.Input(std::move(indices)).Input(std::move(updates));
    return op_.Run();
  }
  absl::Status Gather(Tensor indices) {
    AddVariable();
    op_.Input(std::move(indices));
    return op_.Run();
  }
  Tensor value() {
    auto generation = op_.state().variables.Read(op_.call());
    EXPECT_OK(generation);
    return (*generation)->value(variable_.slot);
  }
  OpTester& op() { return op_; }

 private:
  void AddVariable() {
    op_.ClearInputs();
    if (is_ref_) {
      op_.RefInput(variable_);
      return;
    }
    ResourceHandle handle;
    handle.name = "v";
    handle.resource = std::make_shared<VariableResource>(variable_);
    op_.Input(Tensor::Scalar(std::move(handle)));
  }

  OpTester op_;
  VariableInfo variable_;
  bool is_ref_ = true;
};

Tensor Floats(const TensorShape& shape, const std::vector<float>& values) {
  return MakeTensor<float>(shape, values);
}
Tensor Ints(const TensorShape& shape, const std::vector<int32_t>& values) {
  return MakeTensor<int32_t>(shape, values);
}
Tensor Longs(const TensorShape& shape, const std::vector<int64_t>& values) {
  return MakeTensor<int64_t>(shape, values);
}

TEST(ScatterVariableTest, CombinesRowsInOrderOfTheIndices) {
  struct Case {
    const char* ref;
    const char* resource;
    std::vector<float> want;
  };
  // Row 1 is touched twice, first by [2, 4], then by [4, 2].
  for (const Case& c : {
           Case{"ScatterAdd", "ResourceScatterAdd", {8, 8, 14, 14}},
           Case{"ScatterSub", "ResourceScatterSub", {8, 8, 2, 2}},
           Case{"ScatterMul", "ResourceScatterMul", {8, 8, 64, 64}},
           Case{"ScatterDiv", "ResourceScatterDiv", {8, 8, 1, 1}},
           Case{"ScatterMin", "ResourceScatterMin", {8, 8, 2, 2}},
           Case{"ScatterMax", "ResourceScatterMax", {8, 8, 8, 8}},
           Case{"ScatterUpdate", "ResourceScatterUpdate", {8, 8, 4, 2}},
       }) {
    for (const char* name : {c.ref, c.resource}) {
      VariableOp op(name, Floats({2, 2}, {8, 8, 8, 8}));
      const Tensor before = op.value();
      ASSERT_OK(op.Run(Ints({2}, {1, 1}), Floats({2, 2}, {2, 4, 4, 2})));
      ExpectTensorEqual<float>(op.value(), {2, 2}, c.want);
      ExpectTensorEqual<float>(before, {2, 2}, {8, 8, 8, 8});
    }
  }
}

TEST(ScatterVariableTest, TakesScalarIndicesAndScalarUpdates) {
  VariableOp op("ScatterUpdate", Floats({2, 2}, {1, 2, 3, 4}));
  ASSERT_OK(op.Run(Longs({}, {1}), Floats({2}, {8, 9})));
  ExpectTensorEqual<float>(op.value(), {2, 2}, {1, 2, 8, 9});
  ASSERT_OK(op.Run(Longs({1}, {0}), Floats({}, {5})));
  ExpectTensorEqual<float>(op.value(), {2, 2}, {5, 5, 8, 9});
  ASSERT_OK(op.Run(Longs({0}, {}), Floats({0, 2}, {})));
  ExpectTensorEqual<float>(op.value(), {2, 2}, {5, 5, 8, 9});
}

TEST(ScatterVariableTest, UpdatesStrings) {
  VariableOp op("ScatterUpdate", MakeTensor<std::string>({3}, {"a", "b", "c"}));
  ASSERT_OK(
      op.Run(Ints({2}, {2, 0}), MakeTensor<std::string>({2}, {"x", "y"})));
  ExpectTensorEqual<std::string>(op.value(), {3}, {"y", "b", "x"});
  ASSERT_OK(op.Run(Ints({1}, {1}), MakeTensor<std::string>({}, {"z"})));
  ExpectTensorEqual<std::string>(op.value(), {3}, {"y", "z", "x"});
}

TEST(ScatterVariableTest, ABadIndexChangesNothing) {
  VariableOp op("ScatterUpdate", Floats({3}, {1, 2, 3}));
  EXPECT_THAT(
      op.Run(Ints({2}, {0, 7}), Floats({2}, {8, 9})),
      HasCode(StatusCode::kInvalidArgument, "indices[1] = 7 is not in [0, 3)"));
  EXPECT_THAT(op.Run(Ints({1, 2}, {0, -1}), Floats({1, 2}, {8, 9})),
              HasCode(StatusCode::kInvalidArgument,
                      "indices[0,1] = -1 is not in [0, 3)"));
  ExpectTensorEqual<float>(op.value(), {3}, {1, 2, 3});
}

TEST(ScatterVariableTest, RefusesShapesThatDoNotFit) {
  VariableOp ref("ScatterAdd", Floats({3, 2}, {1, 2, 3, 4, 5, 6}));
  EXPECT_THAT(
      ref.Run(Ints({2}, {0, 1}), Floats({2}, {0, 0})),
      HasCode(StatusCode::kInvalidArgument,
              "Must have updates.shape = indices.shape + params.shape[1:] or "
              "updates.shape = [], got updates.shape [2], indices.shape [2], "
              "params.shape [3,2]"));
  VariableOp resource("ResourceScatterAdd", Floats({3}, {1, 2, 3}));
  EXPECT_THAT(resource.Run(Ints({2}, {0, 1}), Floats({1}, {0})),
              HasCode(StatusCode::kInvalidArgument,
                      "The shape of indices ([2]) must be a prefix of the "
                      "shape of updates ([1])"));
  VariableOp scalar("ScatterAdd", Floats({}, {1}));
  EXPECT_THAT(scalar.Run(Ints({1}, {0}), Floats({1}, {0})),
              HasCode(StatusCode::kInvalidArgument,
                      "params must be at least 1-D, got shape []"));
}

TEST(ScatterVariableTest, RefusesIndicesOfAnotherDtype) {
  VariableOp op("ScatterUpdate", Floats({3}, {1, 2, 3}));
  EXPECT_THAT(op.Run(Floats({1}, {0}), Floats({1}, {0})),
              HasCode(StatusCode::kInvalidArgument,
                      "attr 'Tindices' of float is not in the list of "
                      "allowed values: int32, int64"));
}

TEST(ScatterVariableTest, IntegerDivisionNeverTraps) {
  const int32_t min = std::numeric_limits<int32_t>::min();
  VariableOp op("ScatterDiv", Ints({2}, {min, 7}));
  EXPECT_THAT(op.Run(Ints({1}, {0}), Ints({1}, {0})),
              HasCode(StatusCode::kInvalidArgument, "division by zero"));
  ASSERT_OK(op.Run(Ints({2}, {0, 1}), Ints({2}, {-1, 2})));
  ExpectTensorEqual<int32_t>(op.value(), {2}, {min, 3});
}

TEST(ScatterVariableTest, UninitialisedVariablesAreRefused) {
  OpTester op("ScatterAdd");
  ASSERT_OK_AND_ASSIGN(VariableInfo v, op.state().variables.FindOrCreate(
                                           "", "v", DT_FLOAT, PartialShape()));
  op.RefInput(v).Input<int32_t>({1}, {0}).Input<float>({1}, {0});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kFailedPrecondition,
                                "Attempting to use uninitialized value v"));
}

TEST(ScatterVariableTest, NdScattersIntoSlicesOfAnyDepth) {
  struct Case {
    const char* ref;
    const char* resource;
    std::vector<float> element;  // [0,1] and then [1,0] meet 3 and 4
    std::vector<float> row;      // row 1 meets [5, 6]
  };
  for (const Case& c : {
           Case{"ScatterNdUpdate",
                "ResourceScatterNdUpdate",
                {1, 3, 4, 1},
                {1, 1, 5, 6}},
           Case{"ScatterNdAdd",
                "ResourceScatterNdAdd",
                {1, 4, 5, 1},
                {1, 1, 6, 7}},
           Case{"ScatterNdSub",
                "ResourceScatterNdSub",
                {1, -2, -3, 1},
                {1, 1, -4, -5}},
       }) {
    for (const char* name : {c.ref, c.resource}) {
      VariableOp elements(name, Floats({2, 2}, {1, 1, 1, 1}));
      ASSERT_OK(elements.Run(Ints({2, 2}, {0, 1, 1, 0}), Floats({2}, {3, 4})));
      ExpectTensorEqual<float>(elements.value(), {2, 2}, c.element);
      VariableOp rows(name, Floats({2, 2}, {1, 1, 1, 1}));
      ASSERT_OK(rows.Run(Longs({1, 1}, {1}), Floats({1, 2}, {5, 6})));
      ExpectTensorEqual<float>(rows.value(), {2, 2}, c.row);
    }
  }
}

TEST(ScatterVariableTest, NdRefusesWhatDoesNotFit) {
  VariableOp op("ScatterNdUpdate", Floats({3, 2}, {1, 2, 3, 4, 5, 6}));
  struct Case {
    Tensor indices, updates;
    const char* text;
  };
  for (const Case& c : {
           Case{Ints({1, 2}, {0, 5}), Floats({1}, {3}),
                "indices[0] = [0, 5] does not index into shape [3,2]"},
           Case{Ints({1, 2}, {-1, 0}), Floats({1}, {3}),
                "indices[0] = [-1, 0] does not index into shape [3,2]"},
           Case{Ints({1, 3}, {0, 0, 0}), Floats({1}, {3}),
                "Dimensions [3,2) of input[shape=[3,2]] must match dimensions "
                "[3,1) of updates[shape=[1]]"},
           Case{Ints({2, 1}, {0, 0}), Floats({3, 2}, {0, 0, 0, 0, 0, 0}),
                "Dimensions [0,1) of indices[shape=[2,1]] = 2 must match "
                "dimensions [0,1) of updates[shape=[3,2]] = 3"},
           Case{Ints({}, {0}), Floats({1, 2}, {3, 3}),
                "Dimensions [0,1) of indices[shape=[]]"},
           Case{Ints({1, 0}, {}), Floats({1, 1}, {3}),
                "Indices and updates specified for empty output.  indices "
                "shape: [1,0]"},
       }) {
    EXPECT_THAT(op.Run(c.indices, c.updates),
                HasCode(StatusCode::kInvalidArgument, c.text));
  }
  ExpectTensorEqual<float>(op.value(), {3, 2}, {1, 2, 3, 4, 5, 6});
  EXPECT_OK(op.Run(Ints({0, 1}, {}), Floats({0, 2}, {})));
}

TEST(ScatterVariableTest, ResourceGatherTakesRows) {
  VariableOp op("ResourceGather", Floats({3, 2}, {1, 2, 3, 4, 5, 6}));
  op.op().Attr("dtype", DT_FLOAT);
  ASSERT_OK(op.Gather(Ints({1, 2}, {2, 0})));
  ExpectTensorEqual<float>(op.op().output(0), {1, 2, 2}, {5, 6, 1, 2});
  EXPECT_THAT(
      op.Gather(Ints({2}, {0, 5})),
      HasCode(StatusCode::kInvalidArgument, "indices[1] = 5 is not in [0, 3)"));
  EXPECT_THAT(
      op.Gather(Ints({}, {-1})),
      HasCode(StatusCode::kInvalidArgument, "indices = -1 is not in [0, 3)"));
}

TEST(ScatterVariableTest, ResourceGatherGoesAlongBatches) {
  VariableOp op("ResourceGather",
                MakeTensor<std::string>({2, 2}, {"a", "b", "c", "d"}));
  op.op().Attr("dtype", DT_STRING).Attr("batch_dims", 1);
  ASSERT_OK(op.Gather(Ints({2, 1}, {1, 0})));
  ExpectTensorEqual<std::string>(op.op().output(0), {2, 1}, {"b", "c"});
  EXPECT_THAT(op.Gather(Ints({3, 1}, {1, 0, 0})),
              HasCode(StatusCode::kInvalidArgument, "differ in the first 1"));
  EXPECT_THAT(op.Gather(Ints({}, {1})),
              HasCode(StatusCode::kInvalidArgument, "batch_dims = 1"));
}

TEST(ScatterVariableTest, ManyEmptyIndicesAreCountedAgainstTheBudget) {
  const MemoryLimit limit(1 << 20);
  VariableOp op("ResourceGatherNd", Floats({2}, {1, 2}));
  op.op().Attr("dtype", DT_FLOAT);
  EXPECT_EQ(op.Gather(Ints({int64_t{1} << 33, 0}, {})).code(),
            StatusCode::kResourceExhausted);
}

TEST(ScatterVariableTest, ResourceGatherNdTakesSlices) {
  VariableOp op("ResourceGatherNd", Floats({2, 2}, {1, 2, 3, 4}));
  op.op().Attr("dtype", DT_FLOAT);
  ASSERT_OK(op.Gather(Ints({2, 2}, {0, 1, 1, 0})));
  ExpectTensorEqual<float>(op.op().output(0), {2}, {2, 3});
  ASSERT_OK(op.Gather(Ints({1}, {1})));
  ExpectTensorEqual<float>(op.op().output(0), {2}, {3, 4});
  ASSERT_OK(op.Gather(Ints({2, 0}, {})));
  ExpectTensorEqual<float>(op.op().output(0), {2, 2, 2},
                           {1, 2, 3, 4, 1, 2, 3, 4});
  EXPECT_THAT(op.Gather(Ints({1, 2}, {0, 2})),
              HasCode(StatusCode::kInvalidArgument,
                      "indices[0] = [0, 2] does not index into param shape "
                      "[2,2]"));
  EXPECT_THAT(op.Gather(Ints({1, 3}, {0, 0, 0})),
              HasCode(StatusCode::kInvalidArgument, "saw: 3 vs. 2"));
}

TEST(ScatterVariableTest, ResourceGatherNdRefusesEntriesOfNothing) {
  const auto run = [](const TensorShape& indices) {
    VariableOp op("ResourceGatherNd", MakeTensor<float>({3, 0}, {}));
    op.op().Attr("dtype", DT_FLOAT);
    return op.Gather(MakeTensor<int32_t>(indices, {}));
  };
  EXPECT_THAT(run({2, 0}),
              HasCode(StatusCode::kInvalidArgument,
                      "Requested more than 0 entries, but params is empty."));
  EXPECT_OK(run({0, 0}));
  EXPECT_OK(run({0, 1}));
}

// bool + bool and bool - bool as C++ has them, as in TensorFlow.
TEST(ScatterVariableTest, NdAddsAndSubtractsTruthValues) {
  const auto run = [](const char* name) {
    VariableOp op(name, MakeTensor<bool>({4}, {true, true, false, false}));
    EXPECT_OK(op.Run(MakeTensor<int32_t>({4, 1}, {0, 1, 2, 3}),
                     MakeTensor<bool>({4}, {true, false, true, false})));
    return op.value();
  };
  ExpectTensorEqual<bool>(run("ResourceScatterNdAdd"), {4},
                          {true, true, true, false});
  ExpectTensorEqual<bool>(run("ResourceScatterNdSub"), {4},
                          {false, true, true, false});
}

}  // namespace metagraph::scatter_variable_test
