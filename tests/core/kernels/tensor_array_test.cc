#include <deque>
#include <string>

#include "tests/support/op_tester.h"

namespace metagraph::tensor_array_test {

using ::absl::StatusCode;

// A TensorArray and the ops on it.
class Array {
 public:
  struct Options {
    int32_t size = 2;
    DataType dtype = DT_FLOAT;
    PartialShape element_shape;
    bool dynamic_size = false;
    bool clear_after_read = true;
    bool identical_element_shapes = false;
  };
  Array() : Array(Options()) {}
  explicit Array(const Options& options) {
    OpTester op("TensorArrayV3");
    op.Attr("dtype", options.dtype).Attr("tensor_array_name", "ta");
    op.Attr("element_shape", options.element_shape);
    op.Attr("dynamic_size", options.dynamic_size);
    op.Attr("clear_after_read", options.clear_after_read);
    op.Attr("identical_element_shapes", options.identical_element_shapes);
    op.Scalar<int32_t>(options.size);
    EXPECT_OK(op.Run());
    handle_ = op.output(0);
    dtype_ = options.dtype;
  }
  Array(Tensor handle, DataType dtype)
      : handle_(std::move(handle)), dtype_(dtype) {}

  absl::Status Write(int32_t index, Tensor value) {
    return Run(New("TensorArrayWriteV3").Scalar(index).Input(std::move(value)));
  }
  absl::StatusOr<Tensor> Read(int32_t index) { return Read(index, dtype_); }
  absl::StatusOr<Tensor> Read(int32_t index, DataType dtype) {
    return Output(New("TensorArrayReadV3").Attr("dtype", dtype).Scalar(index));
  }
  absl::Status Scatter(Tensor indices, Tensor value) {
    return Run(New("TensorArrayScatterV3")
                   .Input(std::move(indices))
                   .Input(std::move(value)));
  }
  absl::StatusOr<Tensor> Gather(Tensor indices,
                                const PartialShape& shape = PartialShape()) {
    return Output(New("TensorArrayGatherV3")
                      .Attr("dtype", dtype_)
                      .Attr("element_shape", shape)
                      .Input(std::move(indices)));
  }
  absl::Status Split(Tensor value, Tensor lengths) {
    return Run(New("TensorArraySplitV3")
                   .Input(std::move(value))
                   .Input(std::move(lengths)));
  }
  absl::StatusOr<Tensor> Concat(Tensor* lengths,
                                const PartialShape& rest = PartialShape()) {
    OpTester& op = New("TensorArrayConcatV3")
                       .Attr("dtype", dtype_)
                       .Attr("element_shape_except0", rest);
    RETURN_IF_ERROR(Run(op));
    *lengths = op.output(1);
    return op.output(0);
  }
  int32_t size() {
    auto out = Output(New("TensorArraySizeV3"));
    EXPECT_OK(out);
    return out.ok() ? out->scalar<int32_t>() : -1;
  }
  absl::Status Close() {
    OpTester& op = ops_.emplace_back("TensorArrayCloseV3");
    op.Input(handle_);
    return op.Run();
  }
  absl::StatusOr<Array> Gradient(const std::string& source) {
    ASSIGN_OR_RETURN(
        Tensor handle,
        Output(New("TensorArrayGradV3").Attr("source", source.c_str())));
    return Array(std::move(handle), dtype_);
  }
  const Tensor& handle() const { return handle_; }

 private:
  // `flow_in` is last: Run adds it.
  OpTester& New(const char* name) {
    OpTester& op = ops_.emplace_back(name);
    return op.Input(handle_);
  }
  static absl::Status Run(OpTester& op) {
    op.Scalar<float>(0);
    return op.Run();
  }
  static absl::StatusOr<Tensor> Output(OpTester& op) {
    RETURN_IF_ERROR(Run(op));
    return op.output(0);
  }

  Tensor handle_;
  DataType dtype_;
  std::deque<OpTester> ops_;
};

Tensor Floats(const TensorShape& shape, const std::vector<float>& values) {
  return MakeTensor<float>(shape, values);
}
Tensor Indices(const std::vector<int32_t>& values) {
  return MakeTensor<int32_t>({static_cast<int64_t>(values.size())}, values);
}
Tensor Lengths(const std::vector<int64_t>& values) {
  return MakeTensor<int64_t>({static_cast<int64_t>(values.size())}, values);
}
Array::Options Dynamic(int32_t size) {
  Array::Options options;
  options.size = size;
  options.dynamic_size = true;
  return options;
}

#define EXPECT_INVALID(expr, text) \
  EXPECT_THAT(expr, HasCode(StatusCode::kInvalidArgument, text))

TEST(TensorArrayTest, GivesBackWhatWasWritten) {
  Array array;
  ASSERT_OK(array.Write(1, Floats({2}, {1, 2})));
  ASSERT_OK_AND_ASSIGN(Tensor value, array.Read(1));
  ExpectTensorEqual<float>(value, {2}, {1, 2});
  EXPECT_EQ(array.size(), 2);
}

TEST(TensorArrayTest, RefusesBadSizes) {
  OpTester op("TensorArrayV3");
  op.Attr("dtype", DT_FLOAT).Scalar<int32_t>(-1);
  EXPECT_INVALID(op.Run(), "Size should be >= 0.");
  op.ClearInputs().Input<int32_t>({1}, {1});
  EXPECT_INVALID(op.Run(),
                 "TensorArray size must be scalar, but had shape: [1]");
  op.ClearInputs().Scalar<int32_t>(std::numeric_limits<int32_t>::max());
  EXPECT_EQ(op.Run().code(), StatusCode::kResourceExhausted);
}

TEST(TensorArrayTest, RefusesWritesThatDoNotFit) {
  Array array;
  EXPECT_INVALID(array.Write(2, Floats({}, {1})),
                 ": Tried to write to index 2 but array is not resizeable and "
                 "size is: 2");
  EXPECT_INVALID(array.Write(-1, Floats({}, {1})),
                 "Tried to write to index -1");
  EXPECT_INVALID(array.Write(0, Indices({1})),
                 "TensorArray dtype is float but Op is trying to write dtype "
                 "int32.");
  ASSERT_OK(array.Write(0, Floats({}, {1})));
  EXPECT_INVALID(array.Write(0, Floats({}, {1})),
                 "TensorArray ta_0: Could not write to TensorArray index 0 "
                 "because it has already been written to.");
  ASSERT_OK(array.Read(0));
  EXPECT_INVALID(array.Write(0, Floats({}, {1})),
                 "index 0 because it has already been read.");
}

TEST(TensorArrayTest, RefusesReadsThatCannotBe) {
  Array array;
  EXPECT_INVALID(array.Read(2),
                 "Tried to read from index 2 but array size is: 2");
  EXPECT_INVALID(array.Read(-1), "Tried to read from index -1");
  EXPECT_INVALID(array.Read(0),
                 "Could not read from TensorArray index 0.  Furthermore, the "
                 "element shape is not fully defined: <unknown>.");
  EXPECT_INVALID(array.Read(0, DT_INT32),
                 "TensorArray dtype is float but Op requested dtype int32.");
}

TEST(TensorArrayTest, AnElementCanBeReadOnceUnlessAskedOtherwise) {
  Array once;
  ASSERT_OK(once.Write(0, Floats({}, {1})));
  ASSERT_OK(once.Read(0));
  EXPECT_INVALID(once.Read(0),
                 "Could not read index 0 twice because it was cleared after a "
                 "previous read (perhaps try setting clear_after_read = "
                 "false?).");
  Array::Options options;
  options.clear_after_read = false;
  Array often(options);
  ASSERT_OK(often.Write(0, Floats({}, {1})));
  ASSERT_OK(often.Read(0));
  EXPECT_OK(often.Read(0));
}

TEST(TensorArrayTest, UnwrittenElementsOfKnownShapeAreZero) {
  Array::Options options;
  options.element_shape = PartialShape(TensorShape{2});
  Array array(options);
  ASSERT_OK_AND_ASSIGN(Tensor value, array.Read(1));
  ExpectTensorEqual<float>(value, {2}, {0, 0});
  EXPECT_INVALID(array.Write(0, Floats({3}, {1, 2, 3})),
                 "the value shape is [3] which is incompatible with the "
                 "TensorArray's inferred element shape: [2] (consider setting "
                 "infer_shape=False).");
}

TEST(TensorArrayTest, IdenticalShapesAreLearntFromTheFirstWrite) {
  Array::Options options;
  options.identical_element_shapes = true;
  Array array(options);
  ASSERT_OK(array.Write(0, Floats({2}, {1, 2})));
  EXPECT_INVALID(array.Write(1, Floats({3}, {1, 2, 3})), "inferred element");
  ASSERT_OK_AND_ASSIGN(Tensor value, array.Read(1));
  ExpectTensorEqual<float>(value, {2}, {0, 0});
}

TEST(TensorArrayTest, GrowsIfItMay) {
  Array array(Dynamic(0));
  ASSERT_OK(array.Write(3, Floats({}, {1})));
  EXPECT_EQ(array.size(), 4);
  ASSERT_OK(array.Scatter(Indices({5}), Floats({1}, {2})));
  EXPECT_EQ(array.size(), 6);
  EXPECT_EQ(
      array.Write(std::numeric_limits<int32_t>::max(), Floats({}, {1})).code(),
      StatusCode::kResourceExhausted);
}

TEST(TensorArrayTest, GathersWhatWasScattered) {
  Array array;
  ASSERT_OK(array.Scatter(Indices({1, 0}), Floats({2, 2}, {1, 2, 3, 4})));
  ASSERT_OK_AND_ASSIGN(Tensor value, array.Gather(Indices({0, 1})));
  ExpectTensorEqual<float>(value, {2, 2}, {3, 4, 1, 2});
}

TEST(TensorArrayTest, GathersStringsAndSingleElements) {
  Array::Options options;
  options.dtype = DT_STRING;
  options.clear_after_read = false;
  Array array(options);
  ASSERT_OK(array.Write(0, MakeTensor<std::string>({1}, {"a"})));
  ASSERT_OK(array.Write(1, MakeTensor<std::string>({1}, {"b"})));
  ASSERT_OK_AND_ASSIGN(Tensor both, array.Gather(Indices({1, 0})));
  ExpectTensorEqual<std::string>(both, {2, 1}, {"b", "a"});
  ASSERT_OK_AND_ASSIGN(Tensor one, array.Gather(Indices({1})));
  ExpectTensorEqual<std::string>(one, {1, 1}, {"b"});
}

TEST(TensorArrayTest, GatherOfNothingNeedsAShape) {
  Array array;
  EXPECT_THAT(array.Gather(Indices({})),
              HasCode(StatusCode::kUnimplemented,
                      "TensorArray has size zero, but element shape <unknown> "
                      "is not fully defined."));
  ASSERT_OK_AND_ASSIGN(Tensor value,
                       array.Gather(Indices({}), PartialShape(TensorShape{3})));
  ExpectTensorEqual<float>(value, {0, 3}, {});
}

TEST(TensorArrayTest, GatherRefusesDifferentShapesAndBadIndices) {
  Array array;
  ASSERT_OK(array.Write(0, Floats({2}, {1, 2})));
  ASSERT_OK(array.Write(1, Floats({3}, {1, 2, 3})));
  EXPECT_INVALID(array.Gather(Indices({0, 1})),
                 "TensorArray has inconsistent shapes.  Index 0 has shape: [2] "
                 "but index 1 has shape: [3]");
  EXPECT_INVALID(array.Gather(Indices({7})), "Tried to read from index 7");
  EXPECT_INVALID(array.Gather(Tensor::Scalar<int32_t>(0)),
                 "Expected indices to be a vector, but received shape: []");
}

TEST(TensorArrayTest, ScatterRefusesWhatDoesNotFit) {
  Array array;
  EXPECT_INVALID(array.Scatter(Indices({0, 1, 2}), Floats({3}, {1, 2, 3})),
                 "Max scatter index must be < array size (2 vs. 2)");
  EXPECT_INVALID(array.Scatter(Indices({0, 1}), Floats({3}, {1, 2, 3})),
                 "Expected len(indices) == values.shape[0], but saw: 2 vs. 3");
  EXPECT_INVALID(array.Scatter(Tensor::Scalar<int32_t>(0), Floats({1}, {1})),
                 "Expected indices to be a vector, but received shape: []");
  EXPECT_INVALID(array.Scatter(Indices({0}), Floats({}, {1})),
                 "Input value for unpack must be at least a vector but "
                 "received shape: []");
  EXPECT_INVALID(array.Scatter(Indices({-1}), Floats({1}, {1})),
                 "Tried to write to index -1");
}

TEST(TensorArrayTest, ConcatJoinsWhatSplitCut) {
  Array array;
  ASSERT_OK(array.Split(Floats({3}, {1, 2, 3}), Lengths({1, 2})));
  Tensor lengths;
  ASSERT_OK_AND_ASSIGN(Tensor value, array.Concat(&lengths));
  ExpectTensorEqual<float>(value, {3}, {1, 2, 3});
  ExpectTensorEqual<int64_t>(lengths, {2}, {1, 2});
}

// The array may grow after it was cut; the gradient of the cut joins as many
// elements as the cut made.
TEST(TensorArrayTest, GradientsJoinWhatWasCut) {
  Array array(Dynamic(3));
  ASSERT_OK(array.Split(Floats({3}, {1, 2, 3}), Lengths({1, 1, 1})));
  ASSERT_OK(array.Write(3, Floats({1}, {4})));
  ASSERT_OK_AND_ASSIGN(Array gradient, array.Gradient("g"));
  EXPECT_EQ(gradient.size(), 4);
  for (int32_t i = 0; i < 4; ++i) {
    ASSERT_OK(gradient.Write(i, Floats({1}, {float(i)})));
  }
  Tensor lengths;
  ASSERT_OK_AND_ASSIGN(Tensor value, gradient.Concat(&lengths));
  ExpectTensorEqual<float>(value, {3}, {0, 1, 2});
  ExpectTensorEqual<int64_t>(lengths, {3}, {1, 1, 1});
  // The array itself joins all.
  ASSERT_OK_AND_ASSIGN(value, array.Concat(&lengths));
  ExpectTensorEqual<float>(value, {4}, {1, 2, 3, 4});
}

TEST(TensorArrayTest, SplitRefusesBadLengths) {
  Array large(Dynamic(3));
  EXPECT_INVALID(large.Split(Floats({2}, {1, 2}), Lengths({1, 1})),
                 "TensorArray's size is not equal to the size of lengths (3 "
                 "vs. 2)");
  Array array;
  const Tensor value = Floats({3}, {1, 2, 3});
  EXPECT_INVALID(array.Split(value, Lengths({1, 1})),
                 "Expected sum of lengths to be equal to values.shape[0], but "
                 "sum of lengths is 2 and value's shape is: [3]");
  EXPECT_INVALID(array.Split(value, Lengths({1, 1, 1})),
                 "TensorArray's size is not equal to the size of lengths (2 "
                 "vs. 3), and the TensorArray is not marked as dynamically "
                 "resizeable");
  EXPECT_INVALID(array.Split(Floats({}, {1}), Lengths({1})),
                 "Expected value to be at least a vector");
  EXPECT_INVALID(array.Split(value, Tensor::Scalar<int64_t>(3)),
                 "Expected lengths to be a vector, received shape: []");
  EXPECT_INVALID(array.Split(value, Lengths({4, -1})), "Expected lengths");
  EXPECT_INVALID(
      array.Split(value, Lengths({3, std::numeric_limits<int64_t>::max()})),
      "Expected lengths");
}

TEST(TensorArrayTest, ConcatChecksShapes) {
  Tensor lengths;
  Array scalars;
  ASSERT_OK(scalars.Write(0, Floats({}, {1})));
  EXPECT_INVALID(scalars.Concat(&lengths),
                 "Concat saw a scalar shape at index 0 but requires at least "
                 "vectors.  Did you mean to call pack?");
  Array mixed;
  ASSERT_OK(mixed.Write(0, Floats({1, 2}, {1, 2})));
  ASSERT_OK(mixed.Write(1, Floats({1, 1}, {1})));
  EXPECT_INVALID(mixed.Concat(&lengths),
                 "Index 0 has (excepting dimension 0) shape: [2] but index 1 "
                 "has (excepting dimension 0) shape: [1]");
  Array::Options options;
  options.size = 0;
  Array empty(options);
  EXPECT_EQ(empty.Concat(&lengths).status().code(), StatusCode::kUnimplemented);
  ASSERT_OK_AND_ASSIGN(Tensor none,
                       empty.Concat(&lengths, PartialShape(TensorShape{2})));
  ExpectTensorEqual<float>(none, {0, 2}, {});
}

TEST(TensorArrayTest, GradientsAddUp) {
  Array array;
  ASSERT_OK(array.Write(0, Floats({2}, {5, 6})));
  ASSERT_OK_AND_ASSIGN(Array first, array.Gradient("g"));
  ASSERT_OK_AND_ASSIGN(Array same, array.Gradient("g"));
  ASSERT_OK_AND_ASSIGN(Array other, array.Gradient("h"));
  const Tensor kept = Floats({2}, {1, 2});
  ASSERT_OK(first.Write(0, kept));
  ASSERT_OK(same.Write(0, Floats({2}, {10, 20})));
  EXPECT_INVALID(first.Write(0, Floats({1}, {1})),
                 "@g: Could not aggregate to TensorArray index 0 because the "
                 "existing shape is [2] but the new input shape is [1].");
  ASSERT_OK_AND_ASSIGN(Tensor sum, first.Read(0));
  ExpectTensorEqual<float>(sum, {2}, {11, 22});
  ExpectTensorEqual<float>(kept, {2}, {1, 2});
  // Elements without gradients are zeros of the shape they had.
  ASSERT_OK_AND_ASSIGN(Tensor zeros, other.Read(0));
  ExpectTensorEqual<float>(zeros, {2}, {0, 0});
  EXPECT_INVALID(other.Read(1), "not fully defined");
  EXPECT_EQ(other.size(), 2);
}

TEST(TensorArrayTest, AGradientKeepsTheSizeOfTheSplit) {
  Array array(Dynamic(3));
  ASSERT_OK(array.Split(Floats({3}, {1, 2, 3}), Lengths({1, 1, 1})));
  ASSERT_OK(array.Write(3, Floats({1}, {4})));
  ASSERT_OK_AND_ASSIGN(Array gradient, array.Gradient("g"));
  ASSERT_OK(gradient.Split(Floats({4}, {1, 2, 3, 4}), Lengths({1, 1, 1, 1})));
  Tensor lengths;
  ASSERT_OK_AND_ASSIGN(Tensor value, gradient.Concat(&lengths));
  ExpectTensorEqual<float>(value, {3}, {1, 2, 3});
}

TEST(TensorArrayTest, GradientsOfStringsCannotAddUp) {
  Array::Options options;
  options.dtype = DT_STRING;
  Array array(options);
  ASSERT_OK_AND_ASSIGN(Array gradient, array.Gradient("g"));
  ASSERT_OK(gradient.Write(0, Tensor::Scalar<std::string>("a")));
  EXPECT_THAT(gradient.Write(0, Tensor::Scalar<std::string>("b")),
              HasCode(StatusCode::kInvalidArgument,
                      "tensor_array::AddToTensor type not supported: string"));
}

TEST(TensorArrayTest, GradWithShapePutsDimensionsBefore) {
  Array array;
  ASSERT_OK(array.Write(0, Floats({2}, {5, 6})));
  OpTester op("TensorArrayGradWithShape");
  op.Attr("source", "g").Input(array.handle()).Scalar<float>(0);
  op.Input<int32_t>({1}, {3});
  ASSERT_OK(op.Run());
  Array gradient(op.output(0), DT_FLOAT);
  ASSERT_OK_AND_ASSIGN(Tensor zeros, gradient.Read(0));
  ExpectTensorEqual<float>(zeros, {3, 2}, {0, 0, 0, 0, 0, 0});
  op.ClearInputs().Input(array.handle()).Scalar<float>(0);
  op.Input<int32_t>({1}, {-3});
  EXPECT_EQ(op.Run().code(), StatusCode::kInvalidArgument);
}

TEST(TensorArrayTest, AClosedArrayIsRefused) {
  Array array;
  ASSERT_OK(array.Write(0, Floats({}, {1})));
  ASSERT_OK(array.Close());
  EXPECT_INVALID(array.Read(0), "has already been closed.");
  EXPECT_INVALID(array.Write(0, Floats({}, {1})), "has already been closed.");
  OpTester size("TensorArraySizeV3");
  size.Input(array.handle()).Scalar<float>(0);
  EXPECT_INVALID(size.Run(), "has already been closed.");
}

TEST(TensorArrayTest, HandlesOfOtherThingsAreRefused) {
  ResourceHandle handle;
  handle.name = "fed";
  Array array(Tensor::Scalar(handle), DT_FLOAT);
  EXPECT_INVALID(array.Read(0), "handle of another resource");
}

// The older spellings: the handle is a pair of strings that leads to the array
// only in the step that made it. One OpTester is one step, so a name that the
// step does not know is all that can be shown for most of them.
TEST(TensorArrayTest, OlderSpellingsMakeStringHandles) {
  for (const char* name : {"TensorArray", "TensorArrayV2"}) {
    OpTester op(name);
    op.Attr("dtype", DT_FLOAT).Attr("tensor_array_name", "ta");
    op.Scalar<int32_t>(2);
    ASSERT_OK(op.Run()) << name;
    ExpectTensorEqual<std::string>(op.output(0), {2},
                                   {"_tensor_arrays", "ta_0"});
  }
}

TEST(TensorArrayTest, OlderSpellingsLookTheArrayUpInTheStep) {
  struct Case {
    const char* name;
    std::vector<Tensor> inputs;  // after the handle
  };
  const Tensor flow = Tensor::Scalar<float>(0);
  const Tensor index = Tensor::Scalar<int32_t>(0);
  const Tensor rows = Floats({1}, {1});
  for (const Case& c : {
           Case{"TensorArrayGrad", {flow}},
           Case{"TensorArrayGradV2", {flow}},
           Case{"TensorArrayWrite", {index, rows, flow}},
           Case{"TensorArrayWriteV2", {index, rows, flow}},
           Case{"TensorArrayRead", {index, flow}},
           Case{"TensorArrayReadV2", {index, flow}},
           Case{"TensorArrayPack", {flow}},
           Case{"TensorArrayGather", {Indices({0}), flow}},
           Case{"TensorArrayGatherV2", {Indices({0}), flow}},
           Case{"TensorArrayUnpack", {rows, flow}},
           Case{"TensorArrayScatter", {Indices({0}), rows, flow}},
           Case{"TensorArrayScatterV2", {Indices({0}), rows, flow}},
           Case{"TensorArrayConcat", {flow}},
           Case{"TensorArrayConcatV2", {flow}},
           Case{"TensorArraySplit", {rows, Lengths({1}), flow}},
           Case{"TensorArraySplitV2", {rows, Lengths({1}), flow}},
           Case{"TensorArraySize", {flow}},
           Case{"TensorArraySizeV2", {flow}},
           Case{"TensorArrayClose", {}},
           Case{"TensorArrayCloseV2", {}},
       }) {
    OpTester op(c.name);
    op.Attr("dtype", DT_FLOAT).Attr("source", "g");
    op.Input<std::string>({2}, {"_tensor_arrays", "ta_0"});
    for (const Tensor& input : c.inputs) op.Input(input);
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kNotFound, "_tensor_arrays/ta_0"))
        << c.name;
    op.ClearInputs().Input<std::string>({1}, {"x"});
    for (const Tensor& input : c.inputs) op.Input(input);
    EXPECT_INVALID(op.Run(), "Tensor array handle must be 2-element vector");
  }
}

TEST(TensorArrayTest, GatherLooksAtNoOtherShapeIfTheFirstIsEmpty) {
  Array array;
  ASSERT_OK(array.Split(Floats({2}, {1, 2}), Lengths({0, 2})));
  ASSERT_OK_AND_ASSIGN(Tensor value, array.Gather(Indices({0, 1})));
  ExpectTensorEqual<float>(value, {2, 0}, {});
}

}  // namespace metagraph::tensor_array_test
