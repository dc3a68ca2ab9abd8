// Passes of programs for one generation of weights.

#include <map>

#include "core/program/passes/fold_constants.h"
#include "core/program/passes/forward_identities.h"
#include "core/program/passes/fuse_products.h"
#include "core/program/passes/infer_shapes.h"
#include "core/program/passes/read_constants.h"
#include "core/program/passes/read_weights.h"
#include "tests/core/program/program_fixture.h"

namespace metagraph {
namespace {

class FixedWeights final : public Weights {
 public:
  const Tensor* Find(const std::string& container,
                     const std::string& name) const override {
    const auto it = values.find(container + "/" + name);
    return it == values.end() ? nullptr : &it->second;
  }
  std::map<std::string, Tensor> values;
};

class WeightsPassesTest : public ProgramTest {
 protected:
  // The passes that FuseProducts counts on, and it.
  Body Compiled(absl::string_view text, bool with_weights = true) {
    Body body = Parse(text);
    CompileEnv env{library()};
    if (with_weights) env.weights = &weights_;
    for (const Pass pass : {ReadConstants, ReadWeights, FoldConstants,
                            FindShapes, ForwardIdentities, FuseProducts}) {
      EXPECT_OK(pass(body, env));
    }
    RemoveUnused(body);
    return body;
  }
  static const Op* Find(const Body& body, const std::string& type) {
    for (const Op& op : body.ops) {
      if (op.type() == type) return &op;
    }
    return nullptr;
  }
  static std::vector<float> Values(const Body& body, const ValueRef& value) {
    const auto values = body.ops[value.op].constant->values<float>();
    return {values.begin(), values.end()};
  }
  // A constant vector.
  static std::string Vector(const std::string& name,
                            const std::vector<float>& values) {
    std::string out = absl::StrCat(
        name,
        " = Const() dtype=float value={tensor { dtype: DT_FLOAT tensor_shape "
        "{ dim { size: ",
        values.size(), " } }");
    for (const float value : values)
      absl::StrAppend(&out, " float_val: ", value);
    return out + " }}\n";
  }
  static std::string Filter(const std::string& name) {
    return name +
           " = Const() dtype=float value={tensor { dtype: DT_FLOAT tensor_shape"
           " { dim { size: 1 } dim { size: 1 } dim { size: 1 } dim { size: 2 } "
           "} float_val: 1 float_val: 2 }}\n";
  }
  static std::string Image(const std::string& name) {
    return "arg " + name + " float\n";
  }
  static std::string ConvOf(const std::string& name, const std::string& image,
                            const std::string& filter) {
    return name + " = Conv2D(" + image + ", " + filter +
           ") T=float strides={list { i: 1 i: 1 i: 1 i: 1 }} padding='SAME'\n";
  }
  static std::vector<std::string> FusedOpsOf(const Op& op) {
    const auto& list = op.node->attr().at("fused_ops").list().s();
    return {list.begin(), list.end()};
  }

  FixedWeights weights_;
};

constexpr char kReadsW[] =
    "arg x float\n"
    "w = VariableV2() dtype=float shape={shape { dim { size: 2 } }}\n"
    "read = Identity(w) T=float\n"
    "y = Mul(x, read) T=float\n"
    "return y\n";

TEST_F(WeightsPassesTest, VariablesBecomeConstants) {
  weights_.values["/w"] = MakeTensor<float>({2}, {3, 4});
  const Body body = Compiled(kReadsW);
  const Op* y = Find(body, "Mul");
  ASSERT_NE(y, nullptr);
  EXPECT_EQ(Values(body, y->inputs[1]), (std::vector<float>{3, 4}));
  EXPECT_EQ(Find(body, "VariableV2"), nullptr);
}

TEST_F(WeightsPassesTest, AVariableWithoutValueStays) {
  EXPECT_NE(Find(Compiled(kReadsW), "VariableV2"), nullptr);
  weights_.values["/w"] = MakeTensor<double>({2}, {3, 4});
  EXPECT_NE(Find(Compiled(kReadsW), "VariableV2"), nullptr)
      << "one of another type, too";
}

TEST_F(WeightsPassesTest, AVariableThatIsWantedByReferenceStays) {
  weights_.values["/w"] = MakeTensor<float>({2}, {3, 4});
  const Body body = Compiled(std::string(kReadsW) +
                             "set = IsVariableInitialized(w) dtype=float\n"
                             "return set\n");
  EXPECT_NE(Find(body, "VariableV2"), nullptr);
}

TEST_F(WeightsPassesTest, WithoutWeightsNothingHappens) {
  weights_.values["/w"] = MakeTensor<float>({2}, {3, 4});
  EXPECT_NE(Find(Compiled(kReadsW, /*with_weights=*/false), "VariableV2"),
            nullptr);
  EXPECT_EQ(Find(Compiled(Image("x") + Filter("f") + ConvOf("c", "x", "f") +
                              "y = Relu(c) T=float\nreturn y\n",
                          false),
                 "_FusedConv2D"),
            nullptr);
}

TEST_F(WeightsPassesTest, ABatchNormGoesIntoTheFilter) {
  const Body body =
      Compiled(Image("x") + Filter("f") + ConvOf("c", "x", "f") +
               Vector("scale", {2, 3}) + Vector("offset", {10, 20}) +
               Vector("mean", {1, 2}) + Vector("variance", {0.75, 0}) +
               "n = FusedBatchNorm(c, scale, offset, mean, variance) T=float "
               "epsilon={f: 0.25} is_training=false\n"
               "y = Relu(n) T=float\n"
               "return y\n");
  const Op* op = Find(body, "_FusedConv2D");
  ASSERT_NE(op, nullptr);
  EXPECT_EQ(Find(body, "FusedBatchNorm"), nullptr);
  EXPECT_EQ(FusedOpsOf(*op), (std::vector<std::string>{"BiasAdd", "Relu"}));
  // scale / sqrt(variance + epsilon) is 2 and 6.
  EXPECT_EQ(Values(body, op->inputs[1]), (std::vector<float>{2, 12}));
  EXPECT_EQ(Values(body, op->inputs[2]), (std::vector<float>{8, 8}));
}

TEST_F(WeightsPassesTest, ABatchNormThatTrainsOrTellsStays) {
  const auto text = [&](const char* training, const char* result) {
    return Image("x") + Filter("f") + ConvOf("c", "x", "f") +
           Vector("scale", {2, 3}) + Vector("offset", {10, 20}) +
           Vector("mean", {1, 2}) + Vector("variance", {1, 1}) +
           "n = FusedBatchNorm(c, scale, offset, mean, variance) T=float "
           "epsilon={f: 0.25} is_training=" +
           training + "\nreturn " + result + "\n";
  };
  EXPECT_NE(Find(Compiled(text("true", "n")), "FusedBatchNorm"), nullptr);
  EXPECT_NE(Find(Compiled(text("false", "n, n:1")), "FusedBatchNorm"), nullptr);
  EXPECT_EQ(Find(Compiled(text("false", "n")), "FusedBatchNorm"), nullptr);
}

TEST_F(WeightsPassesTest, FactorsAndOffsetsAreTakenInTheirOrder) {
  const Body body = Compiled(Image("x") + Filter("f") + ConvOf("c", "x", "f") +
                             Vector("a", {1, 2}) + Vector("b", {10, 100}) +
                             Vector("d", {2, 4}) + Vector("e", {5, 6}) +
                             "1 = BiasAdd(c, a) T=float\n"
                             "2 = Mul(b, 1) T=float\n"
                             "3 = RealDiv(2, d) T=float\n"
                             "4 = Sub(3, e) T=float\n"
                             "return 4\n");
  const Op* op = Find(body, "_FusedConv2D");
  ASSERT_NE(op, nullptr);
  EXPECT_EQ(Values(body, op->inputs[1]), (std::vector<float>{5, 50}));
  EXPECT_EQ(Values(body, op->inputs[2]), (std::vector<float>{0, 44}));
}

TEST_F(WeightsPassesTest, WhatWouldTurnTheOrderRoundStays) {
  const auto text = [&](const std::string& last) {
    return Image("x") + Filter("f") + ConvOf("c", "x", "f") +
           Vector("a", {1, 2}) + last + "return y\n";
  };
  EXPECT_NE(Find(Compiled(text("y = Sub(a, c) T=float\n")), "Sub"), nullptr);
  EXPECT_NE(Find(Compiled(text("y = RealDiv(a, c) T=float\n")), "RealDiv"),
            nullptr);
  EXPECT_NE(Find(Compiled(text(Vector("inf", {0, 1}) +
                               "y = RealDiv(c, inf) T=float\n")),
                 "RealDiv"),
            nullptr)
      << "0 / 0 is no 0 * inf";
}

TEST_F(WeightsPassesTest, FactorsThatAreTooLargeTogetherStay) {
  EXPECT_EQ(Find(Compiled(Image("x") + Filter("f") + ConvOf("c", "x", "f") +
                          Vector("a", {1e30f, 1e30f}) +
                          "p = Mul(c, a) T=float\n"
                          "y = Mul(p, a) T=float\nreturn y\n"),
                 "_FusedConv2D"),
            nullptr)
      << "0 * 1e30 * 1e30 is 0, 0 * inf is not";
}

TEST_F(WeightsPassesTest, WhatOthersReadIsNotFused) {
  const std::string conv = Image("x") + Filter("f") + ConvOf("c", "x", "f") +
                           "y = Relu(c) T=float\n";
  EXPECT_EQ(Find(Compiled(conv + "return y, c\n"), "_FusedConv2D"), nullptr);
  EXPECT_EQ(Find(Compiled(conv + "z = Neg(c) T=float\nreturn y, z\n"),
                 "_FusedConv2D"),
            nullptr);
  EXPECT_EQ(
      Find(Compiled(conv + "z = NoOp(^c)\nreturn y\nrun z\n"), "_FusedConv2D"),
      nullptr);
  EXPECT_NE(Find(Compiled(conv + "return y\n"), "_FusedConv2D"), nullptr);
}

TEST_F(WeightsPassesTest, OfTwoProductsThatAreAddedTheLaterTakesTheSum) {
  const Body body = Compiled(Image("x") + Filter("f") + ConvOf("c", "x", "f") +
                             ConvOf("d", "x", "f") + Vector("a", {1, 2}) +
                             "e = BiasAdd(d, a) T=float\n"
                             "sum = AddV2(c, e) T=float\n"
                             "y = Relu6(sum) T=float\n"
                             "return y\n");
  int fused = 0;
  for (const Op& op : body.ops) fused += op.type() == "_FusedConv2D" ? 1 : 0;
  EXPECT_EQ(Find(body, "AddV2"), nullptr);
  EXPECT_EQ(Find(body, "BiasAdd"), nullptr);
  const Op& last = body.ops[body.results[0].value.op];
  EXPECT_EQ(FusedOpsOf(last),
            (std::vector<std::string>{"BiasAdd", "Add", "Relu6"}));
  EXPECT_EQ(fused, 1);
  EXPECT_EQ(Values(body, last.inputs[2]), (std::vector<float>{1, 2}))
      << "the product with the bias is the later one";
}

TEST_F(WeightsPassesTest, ATensorOfAnotherShapeIsNotAdded) {
  const Body body =
      Compiled(Image("x") + Filter("f") + ConvOf("c", "x", "f") +
               "small = Const() dtype=float value={tensor { dtype: DT_FLOAT "
               "tensor_shape { dim { size: 1 } dim { size: 4 } dim { size: 4 } "
               "dim { size: 2 } } float_val: 1 }}\n"
               "y = Add(c, small) T=float\n"
               "return y\n");
  EXPECT_NE(Find(body, "Add"), nullptr);
}

TEST_F(WeightsPassesTest, AMatrixProductTakesItsBiasWhereverItsColumnsAre) {
  const std::string matrix =
      " = Const() dtype=float value={tensor { dtype: DT_FLOAT tensor_shape { "
      "dim { size: 2 } dim { size: 3 } } float_val: 1 }}\n";
  const Body body = Compiled("arg x float\nw" + matrix + Vector("b", {1, 2}) +
                             "p = MatMul(x, w) T=float transpose_b=true\n"
                             "y = Add(p, b) T=float\n"
                             "return y\n");
  const Op* op = Find(body, "_FusedMatMul");
  ASSERT_NE(op, nullptr);
  EXPECT_EQ(Values(body, op->inputs[2]), (std::vector<float>{1, 2}));
  EXPECT_NE(Find(Compiled("arg x float\nw" + matrix + Vector("b", {1, 2}) +
                          "p = MatMul(x, w) T=float transpose_b=true\n"
                          "y = Mul(p, b) T=float\n"
                          "return y\n"),
                 "Mul"),
            nullptr);
}

}  // namespace
}  // namespace metagraph
