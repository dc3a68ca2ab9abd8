#include <cmath>
#include <string>
#include <vector>

#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::training_test {

using ::absl::StatusCode;

// An optimizer op, its variables and scalars given in the order of its inputs;
// every variable has one element.
template <typename T>
class Optimizer {
 public:
  // `gradient_at` is the gradient's place among the inputs.
  Optimizer(const std::string& name, std::vector<T> variables,
            std::vector<T> scalars, size_t gradient_at)
      : op_(name),
        values_(std::move(variables)),
        scalars_(std::move(scalars)),
        gradient_at_(gradient_at) {
    op_.Attr("T", kDataType<T>);
    std::vector<std::pair<int, Tensor>> initial;
    for (size_t i = 0; i < values_.size(); ++i) {
      auto info = op_.state().variables.FindOrCreate(
          "", absl::StrCat("v", i), kDataType<T>, PartialShape());
      EXPECT_OK(info);
      infos_.push_back(*info);
      initial.emplace_back(info->slot, MakeTensor<T>({1}, {values_[i]}));
    }
    EXPECT_OK(
        op_.state().variables.Publish(std::move(initial), "", -1, op_.call()));
    is_ref_ = name.substr(0, 8) != "Resource";
  }

  absl::Status Run(Tensor gradient) {
    op_.ClearInputs();
    for (const VariableInfo& info : infos_) {
      if (is_ref_) {
        op_.RefInput(info);
        continue;
      }
      ResourceHandle handle;
      handle.name = info.name;
      handle.resource = std::make_shared<VariableResource>(info);
      op_.Input(Tensor::Scalar(std::move(handle)));
    }
    size_t next = 0;
    for (size_t i = infos_.size(); i <= infos_.size() + scalars_.size(); ++i) {
      if (i == gradient_at_) {
        op_.Input(gradient);
      } else {
        op_.Scalar<T>(scalars_[next++]);
      }
    }
    return op_.Run();
  }
  T value(size_t i) {
    auto generation = op_.state().variables.Read(op_.call());
    EXPECT_OK(generation);
    return (*generation)->value(infos_[i].slot).template data<T>()[0];
  }
  OpTester& op() { return op_; }
  const std::vector<VariableInfo>& infos() const { return infos_; }

 private:
  OpTester op_;
  std::vector<VariableInfo> infos_;
  std::vector<T> values_;
  std::vector<T> scalars_;
  size_t gradient_at_;
  bool is_ref_ = true;
};

struct Case {
  std::string rule;
  std::vector<double> variables;
  std::vector<double> scalars;
  size_t gradient_at;
  double gradient;
  std::vector<double> want;
};

// Expected values are the rules' formulas, written out.
std::vector<Case> Cases() {
  const double g = 0.5;
  std::vector<Case> cases;
  cases.push_back({"GradientDescent", {1}, {0.1}, 2, g, {1 - 0.1 * g}});
  cases.push_back({"Momentum",
                   {1, 2},
                   {0.1, 0.9},
                   3,
                   g,
                   {1 - (2 * 0.9 + g) * 0.1, 2 * 0.9 + g}});
  {
    const double m = 2 + (g - 2) * (1 - 0.9);
    const double v = 3 + (g * g - 3) * (1 - 0.99);
    const double alpha = 0.1 * std::sqrt(1 - 0.99) / (1 - 0.9);
    cases.push_back({"Adam",
                     {1, 2, 3},
                     {0.9, 0.99, 0.1, 0.9, 0.99, 1e-3},
                     9,
                     g,
                     {1 - m * alpha / (std::sqrt(v) + 1e-3), m, v}});
  }
  {
    const double ms = 2 + (g * g - 2) * (1 - 0.9);
    const double mom = 3 * 0.8 + g * 0.1 / std::sqrt(ms + 1e-3);
    cases.push_back({"RMSProp",
                     {1, 2, 3},
                     {0.1, 0.9, 0.8, 1e-3},
                     7,
                     g,
                     {1 - mom, ms, mom}});
  }
  {
    const double ms = 3 + (g * g - 3) * (1 - 0.9);
    const double mg = 0.5 + (g - 0.5) * (1 - 0.9);
    const double mom = 4 * 0.8 + g * 0.1 / std::sqrt(ms - mg * mg + 1e-3);
    cases.push_back({"CenteredRMSProp",
                     {1, 0.5, 3, 4},
                     {0.1, 0.9, 0.8, 1e-3},
                     8,
                     g,
                     {1 - mom, mg, ms, mom}});
  }
  {
    const double accum = 2 + g * g;
    cases.push_back({"Adagrad",
                     {1, 2},
                     {0.1},
                     3,
                     g,
                     {1 - g * 0.1 / std::sqrt(accum), accum}});
    cases.push_back({"AdagradV2",
                     {1, 2},
                     {0.1, 1e-3},
                     4,
                     g,
                     {1 - g * 0.1 / (std::sqrt(accum) + 1e-3), accum}});
  }
  {
    const double accum = 2 * 0.9 + g * g * (1 - 0.9);
    const double update = std::sqrt(3 + 1e-3) / std::sqrt(accum + 1e-3) * g;
    cases.push_back(
        {"Adadelta",
         {1, 2, 3},
         {0.1, 0.9, 1e-3},
         6,
         g,
         {1 - update * 0.1, accum, 3 * 0.9 + update * update * (1 - 0.9)}});
  }
  {
    const double sum = 2 + g * g;
    const double sigma = (std::sqrt(sum) - std::sqrt(2)) / 0.1;
    const double linear = 3 + g - sigma * 1;
    cases.push_back(
        {"Ftrl",
         {1, 2, 3},
         {0.1, 0.01, 0.02, -0.5},
         3,
         g,
         {(0.01 - linear) / (std::sqrt(sum) / 0.1 + 2 * 0.02), sum, linear}});
    const double shrunk = 3 + (g + 2 * 0.3 * 1) - sigma * 1;
    cases.push_back(
        {"FtrlV2",
         {1, 2, 3},
         {0.1, 0.01, 0.02, 0.3, -0.5},
         3,
         g,
         {(0.01 - shrunk) / (std::sqrt(sum) / 0.1 + 2 * 0.02), sum, shrunk}});
  }
  cases.push_back({"ProximalGradientDescent",
                   {1},
                   {0.1, 0.2, 0.3},
                   4,
                   g,
                   {(1 - 0.1 * g - 0.1 * 0.2) / (1 + 0.1 * 0.3)}});
  {
    const double accum = 2 + g * g;
    const double rate = 0.1 / std::sqrt(accum);
    cases.push_back({"ProximalAdagrad",
                     {1, 2},
                     {0.1, 0.2, 0.3},
                     5,
                     g,
                     {(1 - rate * g - rate * 0.2) / (1 + rate * 0.3), accum}});
  }
  return cases;
}

TEST(TrainingTest, MovesVariableAndSlotsByTheFormula) {
  for (const Case& c : Cases()) {
    for (const char* prefix : {"Apply", "ResourceApply"}) {
      SCOPED_TRACE(prefix + c.rule);
      Optimizer<double> op(prefix + c.rule, c.variables, c.scalars,
                           c.gradient_at);
      ASSERT_OK(op.Run(MakeTensor<double>({1}, {c.gradient})));
      for (size_t i = 0; i < c.want.size(); ++i) {
        EXPECT_NEAR(op.value(i), c.want[i], 1e-9) << "variable " << i;
      }
    }
  }
}

// The list that says what is tested, for those who look ops up by name.
TEST(TrainingTest, EveryRuleIsTested) {
  std::vector<std::string> names;
  for (const Case& c : Cases()) {
    names.push_back("Apply" + c.rule);
    names.push_back("ResourceApply" + c.rule);
  }
  EXPECT_THAT(
      names,
      ::testing::UnorderedElementsAre(
          "ApplyGradientDescent", "ResourceApplyGradientDescent",
          "ApplyMomentum", "ResourceApplyMomentum", "ApplyAdam",
          "ResourceApplyAdam", "ApplyRMSProp", "ResourceApplyRMSProp",
          "ApplyCenteredRMSProp", "ResourceApplyCenteredRMSProp",
          "ApplyAdagrad", "ResourceApplyAdagrad", "ApplyAdagradV2",
          "ResourceApplyAdagradV2", "ApplyAdadelta", "ResourceApplyAdadelta",
          "ApplyFtrl", "ResourceApplyFtrl", "ApplyFtrlV2",
          "ResourceApplyFtrlV2", "ApplyProximalGradientDescent",
          "ResourceApplyProximalGradientDescent", "ApplyProximalAdagrad",
          "ResourceApplyProximalAdagrad"));
}

TEST(TrainingTest, NesterovLooksAhead) {
  Optimizer<float> momentum("ApplyMomentum", {1, 2}, {0.1f, 0.9f}, 3);
  momentum.op().Attr("use_nesterov", true);
  ASSERT_OK(momentum.Run(MakeTensor<float>({1}, {0.5f})));
  EXPECT_NEAR(momentum.value(0), 1 - (0.5 * 0.1 + 2.3 * 0.9 * 0.1), 1e-6);

  Optimizer<float> keras("ResourceApplyKerasMomentum", {1, 2}, {0.1f, 0.9f}, 3);
  ASSERT_OK(keras.Run(MakeTensor<float>({1}, {0.5f})));
  EXPECT_NEAR(keras.value(1), 2 * 0.9 - 0.5 * 0.1, 1e-6);
  EXPECT_NEAR(keras.value(0), 1 + 1.75, 1e-6);
}

// Of newer graphs: `linear` is kept times the learning rate.
TEST(TrainingTest, FtrlMayMultiplyLinearByTheRate) {
  Optimizer<float> op("ApplyFtrl", {1, 1, 0}, {0.1f, 0.2f, 0.4f, -0.5f}, 3);
  op.op().Attr("multiply_linear_by_lr", true);
  ASSERT_OK(op.Run(MakeTensor<float>({1}, {1})));
  const double root = std::sqrt(2.0);
  const double linear = 0.1 - (root - 1);
  EXPECT_NEAR(op.value(0), (-0.02 - linear) / (root + 0.08), 1e-6);
  EXPECT_NEAR(op.value(1), 2, 1e-6);
  EXPECT_NEAR(op.value(2), linear, 1e-6);
}

TEST(TrainingTest, FtrlOfNanMakesZero) {
  for (const bool multiply : {false, true}) {
    Optimizer<float> op("ApplyFtrl", {1, 1, 0}, {0.1f, 0.2f, 0.4f, -0.5f}, 3);
    op.op().Attr("multiply_linear_by_lr", multiply);
    ASSERT_OK(op.Run(
        MakeTensor<float>({1}, {std::numeric_limits<float>::quiet_NaN()})));
    EXPECT_EQ(op.value(0), 0);
    EXPECT_TRUE(std::isnan(op.value(2)));
  }
}

// Of the two variables, the second finds no memory for its new buffer.
TEST(TrainingTest, WithoutMemoryForAllVariablesNoneMoves) {
  constexpr int64_t kCount = 1 << 18;
  Optimizer<float> op("ApplyMomentum", {1, 2}, {0.1f, 0.9f}, 3);
  std::vector<std::pair<int, Tensor>> large;
  for (const VariableInfo& info : op.infos()) {
    large.emplace_back(
        info.slot, MakeTensor<float>({kCount}, std::vector<float>(kCount, 7)));
  }
  VariableStore& store = op.op().state().variables;
  ASSERT_OK(store.Publish(std::move(large), "", -1, op.op().call()));
  const Tensor gradient =
      MakeTensor<float>({kCount}, std::vector<float>(kCount, 1));
  {
    const MemoryLimit limit(kCount * sizeof(float) * 3 / 2);
    EXPECT_EQ(op.Run(gradient).code(), StatusCode::kResourceExhausted);
  }
  ASSERT_OK_AND_ASSIGN(const auto left, store.Read(op.op().call()));
  for (const VariableInfo& info : op.infos()) {
    EXPECT_THAT(left->value(info.slot).values<float>(), testing::Each(7));
  }
}

TEST(TrainingTest, ReturnsTheReference) {
  Optimizer<float> op("ApplyGradientDescent", {1}, {0.5f}, 2);
  ASSERT_OK(op.Run(MakeTensor<float>({1}, {1})));
  EXPECT_EQ(op.op().output_value(0).variable, op.infos()[0].slot);
}

TEST(TrainingTest, RefusesScalarsThatAreNone) {
  OpTester op("ApplyGradientDescent");
  ASSERT_OK_AND_ASSIGN(VariableInfo v, op.state().variables.FindOrCreate(
                                           "", "v", DT_FLOAT, PartialShape()));
  op.RefInput(v).Input<float>({1}, {1}).Input<float>({1}, {1});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "alpha is not a scalar: [1]"));
}

TEST(TrainingTest, RefusesOtherShapesAndUninitialisedVariables) {
  Optimizer<float> op("ResourceApplyAdagrad", {1, 2}, {0.1f}, 3);
  EXPECT_THAT(op.Run(MakeTensor<float>({2}, {1, 1})),
              HasCode(StatusCode::kInvalidArgument,
                      "var and grad do not have the same shape[1] [2]"));
  const int slot = op.infos()[1].slot;
  auto& variables = op.op().state().variables;
  ASSERT_OK(variables.Publish({{slot, MakeTensor<float>({3}, {1, 1, 1})}}, "",
                              -1, op.op().call()));
  EXPECT_THAT(op.Run(MakeTensor<float>({1}, {1})),
              HasCode(StatusCode::kInvalidArgument,
                      "var and accum do not have the same shape[1] [3]"));
  ASSERT_OK(variables.Publish({{slot, Tensor()}}, "", -1, op.op().call()));
  EXPECT_THAT(op.Run(MakeTensor<float>({1}, {1})),
              HasCode(StatusCode::kFailedPrecondition,
                      "Attempting to use uninitialized variables: v1"));
  EXPECT_EQ(op.value(0), 1);
}

TEST(TrainingTest, TakesHalf) {
  Optimizer<half> op("ApplyGradientDescent", {half(1)}, {half(0.5)}, 2);
  ASSERT_OK(op.Run(MakeTensor<half>({1}, {half(1)})));
  EXPECT_EQ(op.value(0), half(0.5));
}

// As TensorFlow answers.
TEST(TrainingTest, TakesComplexWeights) {
  const complex64 one(1, 2);
  const Tensor gradient = MakeTensor<complex64>({1}, {{.5f, -1}});
  const auto near = [](complex64 a, complex64 b) {
    return std::abs(a - b) < 1e-5f;
  };
  Optimizer<complex64> descent("ApplyGradientDescent", {one}, {{0, .5f}}, 2);
  ASSERT_OK(descent.Run(gradient));
  EXPECT_EQ(descent.value(0), complex64(.5f, 1.75f));
  Optimizer<complex64> adam("ResourceApplyAdam", {one, one, one},
                            {.9f, .99f, .1f, .9f, .99f, 1e-3f}, 9);
  ASSERT_OK(adam.Run(gradient));
  EXPECT_TRUE(near(adam.value(0), {0.8853533f, 1.9362507f})) << adam.value(0);
  EXPECT_TRUE(near(adam.value(1), {0.95f, 1.7f})) << adam.value(1);
  EXPECT_TRUE(near(adam.value(2), {0.9825f, 1.97f})) << adam.value(2);
  Optimizer<complex64> adagrad("ApplyAdagrad", {one, one}, {.1f}, 3);
  ASSERT_OK(adagrad.Run(gradient));
  EXPECT_TRUE(near(adagrad.value(0), {1.021798f, 2.1079426f}))
      << adagrad.value(0);
}

}  // namespace metagraph::training_test
