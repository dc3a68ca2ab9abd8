#include <cmath>
#include <limits>

#include "tests/support/op_tester.h"

namespace metagraph::relu_test {

const float kNan = std::numeric_limits<float>::quiet_NaN();
const float kInf = std::numeric_limits<float>::infinity();

TEST(ReluTest, ClampsNegativeValuesAndKeepsNaN) {
  OpTester op("Relu");
  op.Input<float>({2, 3}, {-1, 0, 2, kNan, kInf, -kInf});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2, 3}, {0, 0, 2, kNan, kInf, 0});
}

TEST(ReluTest, Relu6ClampsOnBothSides) {
  OpTester op("Relu6");
  op.Input<float>({5}, {-1, 3, 7, kNan, kInf});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {5}, {0, 3, 6, kNan, 6});
  OpTester bytes("Relu6");
  bytes.Input<uint8_t>({2}, {200, 5});
  ASSERT_OK(bytes.Run());
  ExpectTensorEqual<uint8_t>(bytes.output(0), {2}, {6, 5});
}

TEST(ReluTest, LeakyReluKeepsASlope) {
  OpTester op("LeakyRelu");
  op.Attr("alpha", 0.5f).Input<float>({4}, {-2, 0, 2, kNan});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {4}, {-1, 0, 2, kNan});
}

TEST(ReluTest, TakesAnEmptyTensor) {
  OpTester op("Relu");
  op.Input<float>({0, 3}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {0, 3}, {});
}

TEST(ReluTest, WritesInPlaceWhenItMay) {
  OpTester op("Relu");
  op.Input<float>({2}, {-1, 1}).AllowForwarding();
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {2}, {0, 1});
}

TEST(ReluTest, RefusesBooleans) {
  OpTester op("Relu");
  op.Input<bool>({1}, {true});
  EXPECT_THAT(op.Run(),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "attr 'T' of bool is not in the list of allowed values"));
}

TEST(ReluGradTest, PassesGradientsWhereTheFunctionRises) {
  const std::vector<float> g = {1, 2, 3, 4, 5}, x = {0, kNan, 2, 6, -1};
  const auto run = [&](const char* name) {
    OpTester op(name);
    op.Input<float>({5}, g).Input<float>({5}, x).AllowForwarding();
    EXPECT_OK(op.Run());
    return op.output(0);
  };
  ExpectTensorEqual<float>(run("ReluGrad"), {5}, {0, 0, 3, 4, 0});
  ExpectTensorEqual<float>(run("Relu6Grad"), {5}, {0, 0, 3, 0, 0});
  ExpectTensorNear<float>(run("LeakyReluGrad"), {5}, {0.2f, 0.4f, 3, 4, 1});
}

// What is not finite turns inactive units into NaN; zeros keep the sign.
TEST(ReluGradTest, MultipliesGradients) {
  const std::vector<float> g = {kNan, kInf, -kInf, -1, 1, 2, -3, kNan};
  const std::vector<float> x = {-1, -1, 0, -1, 1, kNan, kInf, 7};
  const auto run = [&](const char* name) {
    OpTester op(name);
    op.Input<float>({8}, g).Input<float>({8}, x);
    EXPECT_OK(op.Run());
    EXPECT_TRUE(std::signbit(Values<float>(op.output(0))[3])) << name;
    return op.output(0);
  };
  ExpectTensorEqual<float>(run("ReluGrad"), {8},
                           {kNan, kNan, kNan, 0, 1, 0, -3, kNan});
  ExpectTensorEqual<float>(run("Relu6Grad"), {8},
                           {kNan, kNan, kNan, 0, 1, 0, 0, kNan});
  OpTester bytes("Relu6Grad");
  bytes.Input<uint8_t>({3}, {200, 200, 200}).Input<uint8_t>({3}, {0, 5, 6});
  ASSERT_OK(bytes.Run());
  ExpectTensorEqual<uint8_t>(bytes.output(0), {3}, {0, 200, 0});
}

TEST(ReluGradTest, RefusesOtherShapes) {
  OpTester op("ReluGrad");
  op.Input<float>({3}, {1, 2, 3}).Input<float>({1}, {1});
  EXPECT_THAT(op.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                "Input 0: [3] != input 1: [1]"));
}

TEST(ReluTest, MakesPlainZeroOfNegativeZero) {
  for (const char* name : {"Relu", "Relu6"}) {
    OpTester op(name);
    op.Input<float>({2}, {-0.0f, -std::numeric_limits<float>::denorm_min()});
    ASSERT_OK(op.Run());
    EXPECT_FALSE(std::signbit(Values<float>(op.output(0))[0])) << name;
    EXPECT_FALSE(std::signbit(Values<float>(op.output(0))[1])) << name;
    // Vectors of half keep it.
    OpTester small(name);
    small.Input<half>({1}, {half(-0.0f)});
    ASSERT_OK(small.Run());
    EXPECT_TRUE(
        std::signbit(static_cast<float>(Values<half>(small.output(0))[0])))
        << name;
  }
}

}  // namespace metagraph::relu_test
