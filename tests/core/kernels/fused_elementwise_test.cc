#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <random>

#include "absl/strings/str_cat.h"
#include "core/base/flush_denormals.h"
#include "core/op/element_program.h"
#include "core/op/member_error.h"
#include "tests/support/op_tester.h"

namespace metagraph::fused_elementwise_test {

using testing::HasSubstr;

const float kNan = std::numeric_limits<float>::quiet_NaN();
const float kInf = std::numeric_limits<float>::infinity();

// The op of a program, whose nodes are called n0, n1, …
class Fused : public OpTester {
 public:
  explicit Fused(const ElementProgram& program)
      : OpTester("_FusedElementwise") {
    std::vector<std::string> names;
    for (size_t i = 0; i < program.size(); ++i) {
      names.push_back(absl::StrCat("n", i));
    }
    Attr("program", PrintElementProgram(program).c_str());
    Attr("names", names);
  }
  Fused(const std::string& text, int inputs)
      : Fused(*ParseElementProgram(text, inputs)) {}
};

TEST(FusedElementwiseTest, ComputesStepAfterStep) {
  Fused op("t0=Sub(x0,x1) t1=Square(t0) t2=Mul(t1,x2)", 3);
  op.Input<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  op.Input<float>({3}, {1, 1, 1}).Scalar<float>(10);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 3}, {0, 10, 40, 90, 160, 250});
}

// One with as many elements as the answer, but of another shape.
TEST(FusedElementwiseTest, AStepThatNobodyReadsReadsNothingOutside) {
  constexpr int64_t kSize = 1 << 16;
  Fused op("t0=Add(x0,x1) t1=Neg(x2)", 3);
  op.Input<float>({kSize / 2, 1}, std::vector<float>(kSize / 2, 1));
  op.Input<float>({1, 2}, {1, 2});
  op.Input<float>({1, kSize}, std::vector<float>(kSize, 3));
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, kSize},
                           std::vector<float>(kSize, -3));
}

TEST(FusedElementwiseTest, ReducesRowsAndGoesOnWithTheirResults) {
  Fused op(
      "t0=Mean(x0,axis=-1,keep) t1=Sub(x0,t0) t2=Max(t1,axis=-1,keep) "
      "t3=RealDiv(t1,t2)",
      1);
  op.Input<float>({2, 4}, {1, 2, 3, 6, 0, 0, 0, 4});
  ASSERT_OK(op.Run());
  ExpectTensorNear<float>(
      op.output(0), {2, 4},
      {-2 / 3.f, -1 / 3.f, 0, 1, -1 / 3.f, -1 / 3.f, -1 / 3.f, 1}, 1e-6);
}

TEST(FusedElementwiseTest, MayEndInAReduction) {
  Fused op("t0=Mul(x0,x1) t1=Sum(t0,axis=-1)", 2);
  op.Input<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  op.Input<float>({2, 3}, {1, 1, 1, 2, 2, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2}, {6, 30});
}

TEST(FusedElementwiseTest, SoftmaxIsAStepOfItsRows) {
  OpTester op("Softmax");
  op.Input<float>({2, 3}, {0, 1, 2, 30, 10, 20});
  ASSERT_OK(op.Run());
  Fused fused("t0=Mul(x0,x1) t1=Softmax(t0) t2=Neg(t1)", 2);
  fused.Input<float>({2, 3}, {0, 0.5, 1, 15, 5, 10}).Scalar<float>(2);
  ASSERT_OK(fused.Run());
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(fused.output(0).data<float>()[i], -op.output(0).data<float>()[i]);
  }
  Fused scalar("t0=Neg(x0) t1=Softmax(t0)", 1);
  scalar.Scalar<float>(1);
  EXPECT_THAT(scalar.Run().message(), HasSubstr("must have >= 1 dimension"));
}

TEST(FusedElementwiseTest, ReadsPartsInPlace) {
  Fused op(
      "t0=Part(x0,part=1,of=2) t1=Part(x0,part=0,of=2) t2=Sub(t0,t1) "
      "t3=Mul(t2,x1)",
      2);
  op.AllowForwarding();
  op.Input<float>({2, 4}, {1, 2, 30, 40, 5, 6, 70, 80});
  op.Input<float>({2, 1}, {1, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 2}, {29, 38, 130, 148});
  // As large as what is cut: its memory is read to the end.
  Fused wide("t0=Part(x0,part=1,of=2) t1=Add(t0,x1)", 2);
  wide.AllowForwarding();
  wide.Input<float>({2, 2}, {1, 2, 3, 4}).Input<float>({1, 2}, {10, 20});
  ASSERT_OK(wide.Run());
  ExpectTensorEqual<float>(wide.output(0), {2, 2}, {12, 22, 14, 24});
}

TEST(FusedElementwiseTest, PartsOfRowsThatAreReducedAndOfLongOnes) {
  Fused op("t0=Part(x0,part=2,of=3) t1=Softmax(t0) t2=Neg(t1)", 1);
  op.Input<float>({1, 2, 6}, {0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 2, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 2, 2}, {-.5, -.5, -.5, -.5});
  Tensor row = *Tensor::Allocate(DT_FLOAT, {2, 10000});
  for (int i = 0; i < 20000; ++i) row.mutable_data<float>()[i] = i;
  Fused halves("t0=Part(x0,part=1,of=2) t1=Neg(t0)", 1);
  halves.Input(row);
  ASSERT_OK(halves.Run());
  EXPECT_EQ(halves.output(0).shape(), TensorShape({2, 5000}));
  for (int i = 0; i < 5000; ++i) {
    ASSERT_EQ(halves.output(0).data<float>()[i], -(5000.0f + i));
    ASSERT_EQ(halves.output(0).data<float>()[5000 + i], -(15000.0f + i));
  }
}

TEST(FusedElementwiseTest, PartsThatAreNotEqualAreRefused) {
  Fused op("t0=Part(x0,part=0,of=2) t1=Neg(t0)", 1);
  op.Input<float>({1, 3}, {1, 2, 3});
  EXPECT_THAT(op.Run().message(),
              HasSubstr("evenly divide the split dimension, but got "
                        "split_dim 1 (size = 3) and num_split "
                        "2"));
  op.ClearInputs().Input<float>({0, 2}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {0, 1}, {});
  op.ClearInputs().Input<float>({1, 2}, {3, 4});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 1}, {-3});
}

TEST(FusedElementwiseTest, EmptyTensorsAndReductionsOfNothing) {
  Fused op("t0=Exp(x0) t1=Sum(t0,axis=-1,keep) t2=Add(t1,x1)", 2);
  op.Input<float>({2, 0}, {}).Scalar<float>(3);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 1}, {3, 3});
  op.ClearInputs().Input<float>({0, 5}, {}).Scalar<float>(3);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {0, 1}, {});
}

TEST(FusedElementwiseTest, TheNodeAtFaultIsNoted) {
  Fused op("t0=Neg(x0) t1=Add(t0,x1) t2=Exp(t1)", 2);
  op.Input<float>({2}, {1, 2}).Input<float>({3}, {1, 2, 3});
  absl::Status status = op.Run();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "Incompatible shapes: [2] vs. [3]");
  EXPECT_EQ(TakeMember(status), "n1");
  EXPECT_EQ(TakeMember(status), "");
}

TEST(FusedElementwiseTest, ABiasIsHeldToTheLastDimension) {
  const auto run = [](const TensorShape& value, const TensorShape& bias) {
    Fused op("t0=BiasAdd(x0,x1) t1=Relu(t0)", 2);
    op.Input(*Tensor::Allocate(DT_FLOAT, value));
    op.Input(*Tensor::Allocate(DT_FLOAT, bias));
    return op.Run();
  };
  EXPECT_OK(run({2, 3}, {3}));
  EXPECT_THAT(run({2, 3}, {1}).message(), HasSubstr("as many biases"));
  EXPECT_THAT(run({2, 3}, {1, 3}).message(), HasSubstr("Biases must be 1D"));
  EXPECT_THAT(run({3}, {3}).message(), HasSubstr("must be at least 2D"));
}

TEST(FusedElementwiseTest, RefusesAProgramThatIsNone) {
  OpTester op("_FusedElementwise");
  op.Attr("program", "t0=Neg(x7)").Attr("names", std::vector<std::string>{"a"});
  op.Scalar<float>(1);
  EXPECT_EQ(op.Run().code(), absl::StatusCode::kInvalidArgument);
  OpTester nameless("_FusedElementwise");
  nameless.Attr("program", "t0=Neg(x0)");
  nameless.Attr("names", std::vector<std::string>{});
  nameless.Scalar<float>(1);
  EXPECT_EQ(nameless.Run().code(), absl::StatusCode::kInvalidArgument);
}

TEST(FusedElementwiseTest, ServesEachOfManyShapes) {
  Fused op("t0=Add(x0,x1) t1=Neg(t0)", 2);
  for (int round = 0; round < 2; ++round) {
    for (int64_t n = 1; n < 20; ++n) {
      op.ClearInputs();
      op.Input<float>({n}, std::vector<float>(n, 1)).Scalar<float>(2);
      ASSERT_OK(op.Run());
      ExpectTensorEqual<float>(op.output(0), {n}, std::vector<float>(n, -3));
    }
  }
}

// --- The same bits as op by op, whatever the program and the shapes.

const char* const kBinary[] = {
    "Add", "Sub",     "Mul",     "RealDiv",
    "Pow", "Maximum", "Minimum", "SquaredDifference"};
const char* const kUnary[] = {
    "Neg",   "Abs",  "Square",   "Sqrt",    "Rsqrt", "Reciprocal",
    "Floor", "Exp",  "Expm1",    "Log",     "Log1p", "Sin",
    "Cos",   "Tanh", "Erf",      "Sigmoid", "Relu",  "Relu6",
    "Elu",   "Selu", "Softplus", "Softsign"};
const char* const kReductions[] = {"Sum", "Mean",    "Max",
                                   "Min", "Softmax", "LogSoftmax"};

class RandomProgram {
 public:
  explicit RandomProgram(int seed) : random_(seed) {
    const int rank = Number(5);
    for (int i = 0; i < rank; ++i) dims_.push_back(Size());
    reduces_ = Number(2) == 0 && rank > 0;
    const int inputs = 1 + Number(4);
    for (int i = 0; i < inputs; ++i) inputs_.push_back(MakeInput(i == 0));
    const int steps = 1 + Number(12);
    for (int i = 0; i < steps; ++i) AddStep();
  }

  const ElementProgram& program() const { return program_; }
  const std::vector<Tensor>& inputs() const { return inputs_; }

 private:
  int Number(int below) {
    return static_cast<int>(random_() % static_cast<unsigned>(below));
  }

  int64_t Size() {
    static constexpr int64_t kSizes[] = {1, 1, 2, 3, 7, 8, 9, 16, 40, 130};
    return kSizes[Number(10)];
  }

  // Of the whole shape, or of one that is broadcast to it.
  Tensor MakeInput(bool whole) {
    absl::InlinedVector<int64_t, 4> dims(dims_.begin(), dims_.end());
    if (!whole) {
      for (int64_t& dim : dims) dim = Number(3) == 0 ? 1 : dim;
      while (!dims.empty() && Number(4) == 0) dims.erase(dims.begin());
    }
    Tensor out = *Tensor::Allocate(DT_FLOAT, *TensorShape::Build(dims));
    std::normal_distribution<float> normal(0, 3);
    static constexpr float kSpecial[] = {0, -0.0f, 1, 100, -100, 1e-30f};
    for (float& value : out.mutable_values<float>()) {
      value = Number(20) == 0 ? kSpecial[Number(6)] : normal(random_);
      if (Number(200) == 0) value = Number(2) == 0 ? kNan : -kInf;
    }
    return out;
  }

  // Mostly what came last, so that values depend on each other.
  int AnyValue() {
    const int steps = static_cast<int>(program_.size());
    if (steps > 0 && Number(4) != 0) {
      return Number(2) == 0 ? steps - 1 : Number(steps);
    }
    return ~Number(static_cast<int>(inputs_.size()));
  }

  void AddStep() {
    ElementStep step;
    step.from = {AnyValue(), AnyValue()};
    const int kind = Number(reduces_ ? 7 : 5);
    if (kind < 2) {
      FindElementOp(kBinary[Number(8)], &step.op);
    } else if (kind < 5) {
      FindElementOp(kUnary[Number(22)], &step.op);
    } else {
      FindElementOp(kReductions[Number(6)], &step.op);
      if (IsReduction(step.op)) {
        step.keep_dims = true;
        step.axes = {-1};
      }
      step.from[0] = ~0;
      // Something of the whole shape, if there is.
      for (int i = static_cast<int>(program_.size()) - 1; i >= 0; --i) {
        if (!IsReduction(program_[i].op) && Number(3) == 0) step.from[0] = i;
      }
    }
    if (!IsBinary(step.op)) step.from[1] = step.from[0];
    program_.push_back(std::move(step));
  }

  std::mt19937 random_;
  std::vector<int64_t> dims_;
  bool reduces_ = false;
  std::vector<Tensor> inputs_;
  ElementProgram program_;
};

// Runs the ops by their own kernels.
class OneByOne {
 public:
  absl::StatusOr<Tensor> Run(const RandomProgram& random) {
    std::vector<Tensor> values;
    const auto value = [&](int from) {
      return from < 0 ? random.inputs()[~from] : values[from];
    };
    for (const ElementStep& step : random.program()) {
      // As "t0=Name(…".
      const std::string text = PrintElementProgram({step});
      const std::string name = text.substr(3, text.find('(') - 3);
      auto [it, is_new] = testers_.try_emplace(name, nullptr);
      if (is_new) it->second = std::make_unique<OpTester>(name);
      OpTester& op = *it->second;
      op.ClearInputs().Input(value(step.from[0]));
      if (IsBinary(step.op)) op.Input(value(step.from[1]));
      if (IsReduction(step.op)) {
        if (is_new) op.Attr("keep_dims", true);
        op.Input(Tensor::Vector<int32_t>(step.axes));
      }
      RETURN_IF_ERROR(op.Run());
      values.push_back(op.output(0));
    }
    return values.back();
  }

 private:
  std::map<std::string, std::unique_ptr<OpTester>> testers_;
};

// Which of two NaNs an operation gives is the compiler's choice.
bool SameBits(const Tensor& a, const Tensor& b) {
  if (!(a.shape() == b.shape())) return false;
  for (int64_t i = 0; i < a.num_elements(); ++i) {
    const float x = a.data<float>()[i];
    const float y = b.data<float>()[i];
    if (std::isnan(x) ? !std::isnan(y) : std::memcmp(&x, &y, sizeof(x)) != 0) {
      return false;
    }
  }
  return true;
}

TEST(FusedElementwiseTest, EveryProgramGivesTheBitsOfItsOps) {
  const ScopedFlushDenormals flush_denormals;  // as on all threads that run
  OneByOne one_by_one;
  for (int seed = 0; seed < 400; ++seed) {
    const RandomProgram random(seed);
    const auto expected = one_by_one.Run(random);
    Fused op(random.program());
    // Not the generator's own tensors, which the kernel may overwrite.
    for (const Tensor& input : random.inputs()) op.Input(*input.Clone());
    if (seed % 2 == 0) op.AllowForwarding();
    const absl::Status status = op.Run();
    ASSERT_EQ(status.code(), expected.status().code()) << seed;
    if (!status.ok()) continue;
    ASSERT_TRUE(SameBits(op.output(0), *expected))
        << "seed " << seed << ": " << PrintElementProgram(random.program());
  }
}

TEST(FusedElementwiseTest, LargeTensorsAreCutWithoutATrace) {
  const ScopedFlushDenormals flush_denormals;
  // Rows longer than a strip, and many short ones, on several threads.
  for (const TensorShape& shape :
       {TensorShape({3, 5003}), TensorShape({20011, 3}),
        TensorShape({60013})}) {
    ElementProgram program = *ParseElementProgram(
        "t0=Mul(x0,x1) t1=Sigmoid(t0) t2=Exp(t1) t3=Add(t2,x0)", 2);
    Tensor x = *Tensor::Allocate(DT_FLOAT, shape);
    for (int64_t i = 0; i < x.num_elements(); ++i) {
      x.mutable_data<float>()[i] = static_cast<float>(i % 977) / 100 - 4;
    }
    const int64_t last = shape.dim(shape.rank() - 1);
    Tensor y = *Tensor::Allocate(DT_FLOAT, {last});
    for (int64_t i = 0; i < last; ++i) {
      y.mutable_data<float>()[i] = static_cast<float>(i % 13) / 7;
    }
    Fused op(program);
    op.Input(x).Input(y);
    ASSERT_OK(op.Run());
    Tensor value = x;
    for (const char* name : {"Mul", "Sigmoid", "Exp", "Add"}) {
      OpTester single(name);
      single.Input(value);
      if (name[0] == 'M') single.Input(y);
      if (name[0] == 'A') single.Input(x);
      ASSERT_OK(single.Run());
      value = single.output(0);
    }
    EXPECT_TRUE(SameBits(op.output(0), value)) << shape.ToString();
  }
}

}  // namespace metagraph::fused_elementwise_test
