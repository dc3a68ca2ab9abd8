// Fused convolutions and matrix products are held to their parts, run one after
// the other.

#include <cmath>
#include <random>

#include "tests/support/op_tester.h"

namespace metagraph::fused_ops_test {

using absl::StatusCode;

Tensor RandomTensor(const TensorShape& shape, int seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  Tensor out = *Tensor::Allocate(DT_FLOAT, shape);
  for (float& value : out.mutable_values<float>()) value = uniform(random);
  return out;
}

float Activate(const std::string& activation, float x) {
  if (activation == "Relu") return std::max(x, 0.0f);
  if (activation == "Relu6") return std::min(std::max(x, 0.0f), 6.0f);
  if (activation == "Elu") return x < 0 ? std::expm1(x) : x;
  if (activation == "LeakyRelu") return x < 0 ? 0.3f * x : x;
  if (activation == "Sigmoid") return 1 / (1 + std::exp(-x));
  if (activation == "Tanh") return std::tanh(x);
  return x;
}

// What a fused op does, with parts of its own.
struct Fused {
  std::vector<std::string> names;
  bool bias = true;
  bool add = false;
  std::string activation;

  std::vector<DataType> types() const {
    return std::vector<DataType>((bias ? 1 : 0) + (add ? 1 : 0), DT_FLOAT);
  }
};

class FusedTest : public testing::TestWithParam<const char*> {
 protected:
  // The op `plain` on the operands, followed by bias, addition, activation.
  Tensor Expected(OpTester& plain, const Fused& fused, const Tensor& bias,
                  const Tensor& addend) {
    EXPECT_OK(plain.Run());
    Tensor out = *plain.output(0).Clone();
    const int64_t channels = bias.num_elements();
    float* values = out.mutable_data<float>();
    for (int64_t i = 0; i < out.num_elements(); ++i) {
      float x = values[i];
      if (fused.bias) x += bias.data<float>()[i % channels];
      if (fused.add) x += addend.data<float>()[i % addend.num_elements()];
      values[i] = Activate(fused.activation, x);
    }
    return out;
  }

  static void ExpectNear(const Tensor& got, const Tensor& expected) {
    ASSERT_EQ(got.shape().ToString(), expected.shape().ToString());
    for (int64_t i = 0; i < got.num_elements(); ++i) {
      ASSERT_NEAR(got.data<float>()[i], expected.data<float>()[i], 2e-4)
          << "element " << i;
    }
  }

  // Runs OP and _FusedOP.
  void Compare(const std::string& op, const Fused& fused,
               const std::vector<std::pair<std::string, std::string>>& texts,
               int64_t stride, const Tensor& input, const Tensor& filter,
               const Tensor& addend, bool in_place = false) {
    const int64_t channels = op == "DepthwiseConv2dNative"
                                 ? filter.dim(2) * filter.dim(3)
                                 : filter.dim(filter.rank() - 1);
    const Tensor bias = RandomTensor({channels}, 9);
    const auto set = [&](OpTester& tester) {
      for (const auto& [name, value] : texts) {
        tester.Attr(name, value.c_str());
      }
      if (stride > 0) {
        tester.Attr("strides", std::vector<int64_t>{1, stride, stride, 1});
      }
      tester.Input(input).Input(filter);
    };
    OpTester plain(op);
    set(plain.Attr("_kernel", ""));
    const Tensor expected = Expected(plain, fused, bias, addend);

    OpTester tester("_Fused" + op);
    set(tester.Attr("_kernel", GetParam()));
    tester.Attr("fused_ops", fused.names).Attr("leakyrelu_alpha", 0.3f);
    tester.Attr("num_args", static_cast<int>(fused.types().size()));
    if (op == "Conv2D") {
      tester.Attr("TArgs", fused.types()).Attr("num_host_args", 0);
    }
    if (fused.bias) tester.Input(bias);
    // A copy, since it may be overwritten.
    if (fused.add) tester.Input(*addend.Clone());
    if (in_place) tester.AllowForwarding();
    ASSERT_OK(tester.Run());
    ExpectNear(tester.output(0), expected);
  }
};

const std::vector<Fused>& AllFused() {
  static const auto* all = new std::vector<Fused>{
      {{"BiasAdd"}, true, false, ""},
      {{"BiasAdd", "Relu"}, true, false, "Relu"},
      {{"BiasAdd", "Relu6"}, true, false, "Relu6"},
      {{"BiasAdd", "Elu"}, true, false, "Elu"},
      {{"BiasAdd", "LeakyRelu"}, true, false, "LeakyRelu"},
      {{"BiasAdd", "Sigmoid"}, true, false, "Sigmoid"},
      {{"BiasAdd", "Tanh"}, true, false, "Tanh"},
      {{"BiasAdd", "Add"}, true, true, ""},
      {{"BiasAdd", "Add", "Relu"}, true, true, "Relu"},
      {{"Add", "Relu"}, false, true, "Relu"}};
  return *all;
}

TEST_P(FusedTest, ConvolutionsDoWhatTheirPartsDo) {
  for (const Fused& fused : AllFused()) {
    SCOPED_TRACE(testing::PrintToString(fused.names));
    for (const int64_t stride : {1, 2}) {
      const int64_t size = (9 + stride - 1) / stride;
      Compare("Conv2D", fused, {{"padding", "SAME"}}, stride,
              RandomTensor({1, 9, 9, 16}, 1), RandomTensor({3, 3, 16, 32}, 2),
              RandomTensor({1, size, size, 32}, 3));
    }
    Compare("Conv2D", fused, {{"padding", "VALID"}}, 1,
            RandomTensor({3, 8, 7, 16}, 1), RandomTensor({1, 1, 16, 64}, 2),
            RandomTensor({3, 8, 7, 64}, 3), /*in_place=*/true);
  }
}

TEST_P(FusedTest, DepthwiseConvolutionsDoWhatTheirPartsDo) {
  for (const Fused& fused : AllFused()) {
    SCOPED_TRACE(testing::PrintToString(fused.names));
    for (const int64_t multiplier : {1, 2}) {
      Compare("DepthwiseConv2dNative", fused, {{"padding", "SAME"}}, 1,
              RandomTensor({1, 20, 20, 32}, 1),
              RandomTensor({3, 3, 32, multiplier}, 2),
              RandomTensor({1, 20, 20, 32 * multiplier}, 3));
    }
  }
}

TEST_P(FusedTest, MatrixProductsDoWhatTheirPartsDo) {
  for (const Fused& fused : AllFused()) {
    SCOPED_TRACE(testing::PrintToString(fused.names));
    for (const int64_t rows : {1, 3, 200}) {
      Compare("MatMul", fused, {}, 0, RandomTensor({rows, 130}, 1),
              RandomTensor({130, 67}, 2), RandomTensor({rows, 67}, 3));
    }
  }
}

TEST_P(FusedTest, WhatIsAddedIsBroadcast) {
  const Fused fused = {{"BiasAdd", "Add", "Relu"}, true, true, "Relu"};
  Compare("Conv2D", fused, {{"padding", "SAME"}}, 1,
          RandomTensor({2, 9, 9, 16}, 1), RandomTensor({3, 3, 16, 32}, 2),
          RandomTensor({1, 9, 9, 32}, 3));
  Compare("MatMul", fused, {}, 0, RandomTensor({7, 130}, 1),
          RandomTensor({130, 67}, 2), RandomTensor({1, 67}, 3));
}

TEST_P(FusedTest, NothingInGivesNothing) {
  Compare("Conv2D", AllFused()[1], {{"padding", "SAME"}}, 1,
          RandomTensor({0, 9, 9, 16}, 1), RandomTensor({3, 3, 16, 32}, 2),
          Tensor());
  Compare("MatMul", AllFused()[1], {}, 0, RandomTensor({0, 5}, 1),
          RandomTensor({5, 4}, 2), Tensor());
}

TEST_P(FusedTest, RefusesABiasOfAnotherLength) {
  OpTester op("_FusedMatMul");
  op.Attr("_kernel", GetParam()).Attr("num_args", 1);
  op.Attr("fused_ops", std::vector<std::string>{"BiasAdd"});
  op.Input<float>({1, 1}, {1}).Input<float>({1, 2}, {1, 2});
  op.Input<float>({3}, {1, 2, 3});
  EXPECT_THAT(op.Run(),
              HasCode(StatusCode::kInvalidArgument, "expected a vector of 2"));
  OpTester conv("_FusedConv2D");
  conv.Attr("_kernel", GetParam()).Attr("num_args", 1);
  conv.Attr("TArgs", std::vector<DataType>{DT_FLOAT}).Attr("padding", "SAME");
  conv.Attr("strides", std::vector<int64_t>{1, 1, 1, 1});
  conv.Attr("fused_ops", std::vector<std::string>{"BiasAdd"});
  conv.Input<float>({1, 1, 1, 1}, {1}).Input<float>({1, 1, 1, 1}, {1});
  conv.Input<float>({1, 1}, {1});
  EXPECT_THAT(conv.Run(),
              HasCode(StatusCode::kInvalidArgument, "expected a vector of 1"));
}

TEST_P(FusedTest, RefusesToAddWhatDoesNotFit) {
  OpTester op("_FusedMatMul");
  op.Attr("_kernel", GetParam()).Attr("num_args", 1);
  op.Attr("fused_ops", std::vector<std::string>{"Add"});
  op.Input<float>({1, 1}, {1}).Input<float>({1, 2}, {1, 2});
  op.Input<float>({3}, {1, 2, 3});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "Incompatible shapes: [1,2] vs. [3]"));
}

INSTANTIATE_TEST_SUITE_P(Implementations, FusedTest,
                         testing::Values("", "onednn"));

TEST(FusedOpsTest, RefusesWhatIsNotFusedHere) {
  const auto run = [](const std::vector<std::string>& names, int args) {
    OpTester op("_FusedMatMul");
    op.Attr("num_args", args).Attr("fused_ops", names);
    op.Input<float>({1, 1}, {1}).Input<float>({1, 1}, {1});
    for (int i = 0; i < args; ++i) op.Input<float>({1}, {1});
    return op.Run();
  };
  EXPECT_THAT(run({"BiasAdd", "Gelu"}, 1),
              HasCode(StatusCode::kUnimplemented, "BiasAdd, Gelu"));
  EXPECT_THAT(run({"Relu", "BiasAdd"}, 1),
              HasCode(StatusCode::kUnimplemented, "in this order"));
  EXPECT_THAT(run({"BiasAdd"}, 2),
              HasCode(StatusCode::kInvalidArgument, "take 1 args"));
}

TEST(FusedOpsTest, RefusesLayoutsAndTypesThatItDoesNotKnow) {
  const auto conv = [](const char* format, const char* filter, DataType type) {
    OpTester op("_FusedConv2D");
    op.Attr("data_format", format).Attr("filter_format", filter);
    op.Attr("num_args", 1).Attr("TArgs", std::vector<DataType>{type});
    op.Attr("strides", std::vector<int64_t>{1, 1, 1, 1});
    op.Attr("padding", "SAME");
    op.Attr("fused_ops", std::vector<std::string>{"BiasAdd"});
    op.Input<float>({1, 1, 1, 1}, {1}).Input<float>({1, 1, 1, 1}, {1});
    op.Input(*Tensor::Allocate(type, {1}));
    return op.Run();
  };
  EXPECT_THAT(conv("NCHW", "HWIO", DT_FLOAT),
              HasCode(StatusCode::kUnimplemented, "NCHW"));
  EXPECT_THAT(conv("NHWC", "OIHW", DT_FLOAT),
              HasCode(StatusCode::kUnimplemented, "OIHW"));
  EXPECT_THAT(conv("NHWC", "HWIO", DT_INT8),
              HasCode(StatusCode::kUnimplemented, "only float"));
  OpTester depthwise("_FusedDepthwiseConv2dNative");
  depthwise.Attr("data_format", "NCHW").Attr("num_args", 0);
  depthwise.Attr("strides", std::vector<int64_t>{1, 1, 1, 1});
  depthwise.Attr("padding", "SAME");
  depthwise.Input<float>({1, 1, 1, 1}, {1}).Input<float>({1, 1, 1, 1}, {1});
  EXPECT_THAT(depthwise.Run(), HasCode(StatusCode::kUnimplemented, "NCHW"));
}

}  // namespace metagraph::fused_ops_test
