#include <random>

#include "tests/support/op_tester.h"

namespace metagraph::conv_ops_test {

std::vector<float> RandomValues(int64_t count, int seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> out(count);
  for (float& value : out) value = uniform(random);
  return out;
}

// A convolution over NHWC by its definition.
struct Conv {
  int64_t batch = 1, height = 5, width = 5, in = 2;
  int64_t filter_height = 3, filter_width = 3, out = 3, groups = 1;
  int64_t stride_y = 1, stride_x = 1, rate_y = 1, rate_x = 1;
  const char* padding = "SAME";
  int64_t top = 0, left = 0, bottom = 0, right = 0;  // if EXPLICIT

  int64_t Reach(int64_t size, int64_t rate) const {
    return (size - 1) * rate + 1;
  }
  int64_t OutSize(int64_t size, int64_t reach, int64_t stride,
                  int64_t pads) const {
    if (padding[0] == 'S') return (size + stride - 1) / stride;
    return (size + pads - reach) / stride + 1;
  }
  int64_t Before(int64_t size, int64_t out_size, int64_t reach, int64_t stride,
                 int64_t before) const {
    if (padding[0] != 'S') return before;
    return std::max<int64_t>(0, (out_size - 1) * stride + reach - size) / 2;
  }
  int64_t out_height() const {
    return OutSize(height, Reach(filter_height, rate_y), stride_y,
                   top + bottom);
  }
  int64_t out_width() const {
    return OutSize(width, Reach(filter_width, rate_x), stride_x, left + right);
  }
  TensorShape input_shape() const { return {batch, height, width, in}; }
  TensorShape filter_shape() const {
    return {filter_height, filter_width, in / groups, out};
  }
  TensorShape output_shape() const {
    return {batch, out_height(), out_width(), out};
  }

  // Calls fn(output, input, filter) with the index of each product.
  template <typename F>
  void ForEach(F fn) const {
    const int64_t oh = out_height(), ow = out_width();
    const int64_t py =
        Before(height, oh, Reach(filter_height, rate_y), stride_y, top);
    const int64_t px =
        Before(width, ow, Reach(filter_width, rate_x), stride_x, left);
    const int64_t depth = in / groups, per_group = out / groups;
    for (int64_t n = 0; n < batch; ++n)
      for (int64_t y = 0; y < oh; ++y)
        for (int64_t x = 0; x < ow; ++x)
          for (int64_t i = 0; i < filter_height; ++i)
            for (int64_t j = 0; j < filter_width; ++j) {
              const int64_t iy = y * stride_y + i * rate_y - py;
              const int64_t ix = x * stride_x + j * rate_x - px;
              if (iy < 0 || iy >= height || ix < 0 || ix >= width) continue;
              for (int64_t k = 0; k < out; ++k)
                for (int64_t c = 0; c < depth; ++c)
                  fn(((n * oh + y) * ow + x) * out + k,
                     ((n * height + iy) * width + ix) * in +
                         k / per_group * depth + c,
                     ((i * filter_width + j) * depth + c) * out + k);
            }
  }

  OpTester& SetAttrs(OpTester& op) const {
    op.Attr("strides", std::vector<int64_t>{1, stride_y, stride_x, 1});
    op.Attr("dilations", std::vector<int64_t>{1, rate_y, rate_x, 1});
    op.Attr("padding", padding);
    if (padding[0] == 'E') {
      op.Attr("explicit_paddings",
              std::vector<int64_t>{0, 0, top, bottom, left, right, 0, 0});
    }
    return op;
  }
};

std::vector<Conv> Convs() {
  std::vector<Conv> out;
  out.push_back({});
  out.push_back({.padding = "VALID"});
  out.push_back({.batch = 3,
                 .height = 9,
                 .width = 7,
                 .in = 5,
                 .out = 20,
                 .stride_y = 2,
                 .stride_x = 2});
  out.push_back({.height = 8,
                 .width = 8,
                 .stride_y = 3,
                 .stride_x = 2,
                 .padding = "VALID"});
  out.push_back(
      {.height = 9, .width = 9, .in = 3, .out = 4, .rate_y = 2, .rate_x = 3});
  out.push_back({.in = 6, .out = 4, .groups = 2});
  out.push_back({.in = 4, .out = 8, .groups = 4, .stride_y = 2, .stride_x = 2});
  out.push_back(
      {.padding = "EXPLICIT", .top = 2, .left = 1, .bottom = 0, .right = 3});
  out.push_back({.batch = 2,
                 .height = 13,
                 .width = 17,
                 .in = 3,
                 .filter_height = 7,
                 .filter_width = 7,
                 .out = 33,
                 .stride_y = 2,
                 .stride_x = 2});
  out.push_back({.batch = 2, .height = 12, .width = 12, .in = 64, .out = 64});
  out.push_back({.height = 6,
                 .width = 6,
                 .in = 400,
                 .filter_height = 1,
                 .filter_width = 1,
                 .out = 130});
  out.push_back({.height = 6, .width = 6, .in = 340, .out = 17});
  out.push_back({.height = 4,
                 .width = 4,
                 .filter_height = 1,
                 .filter_width = 1,
                 .stride_y = 3,
                 .stride_x = 3});
  out.push_back({.height = 1,
                 .width = 40,
                 .filter_height = 1,
                 .filter_width = 5,
                 .padding = "VALID"});
  return out;
}

// Implementation: our own, or oneDNN wherever it can.
class Conv2DTest : public testing::TestWithParam<const char*> {};

TEST_P(Conv2DTest, FollowsTheDefinition) {
  int number = 0;
  for (const Conv& conv : Convs()) {
    SCOPED_TRACE(number++);
    const auto in = RandomValues(conv.input_shape().num_elements(), 1);
    const auto filter = RandomValues(conv.filter_shape().num_elements(), 2);
    std::vector<float> want(conv.output_shape().num_elements());
    conv.ForEach(
        [&](int64_t o, int64_t i, int64_t f) { want[o] += in[i] * filter[f]; });
    OpTester op("Conv2D");
    conv.SetAttrs(op).Attr("_kernel", GetParam());
    op.Input<float>(conv.input_shape(), in);
    op.Input<float>(conv.filter_shape(), filter);
    // Twice: an implementation may remember the filter.
    for (int run = 0; run < 2; ++run) {
      ASSERT_OK(op.Run());
      ExpectTensorNear<float>(op.output(0), conv.output_shape(), want, 1e-4,
                              1e-4);
    }
  }
}

// oneDNN would make code for each of them.
TEST_P(Conv2DTest, WindowsThatSeeOnlyPaddingGiveZeros) {
  OpTester op("Conv2D");
  op.Attr("strides", std::vector<int64_t>{1, 64, 1, 1});
  op.Attr("padding", "EXPLICIT").Attr("_kernel", GetParam());
  op.Attr("explicit_paddings",
          std::vector<int64_t>{0, 0, 0, 0, 1 << 16, 0, 0, 0});
  op.Input<float>({1, 64, 64, 4}, std::vector<float>(64 * 64 * 4, 1));
  op.Input<float>({1, 1, 4, 1}, {1, 2, 3, 4});
  ASSERT_OK(op.Run());
  ASSERT_EQ(op.output(0).shape(), TensorShape({1, 1, (1 << 16) + 64, 1}));
  EXPECT_EQ(op.output(0).data<float>()[0], 0);
  EXPECT_EQ(op.output(0).data<float>()[1 << 16], 10);
}

TEST_P(Conv2DTest, SeesANewFilter) {
  OpTester op("Conv2D");
  op.Attr("strides", std::vector<int64_t>{1, 1, 1, 1});
  op.Attr("padding", "SAME").Attr("_kernel", GetParam());
  for (float value : {1.0f, 2.0f}) {
    op.ClearInputs();
    op.Input<float>({1, 16, 16, 32}, std::vector<float>(16 * 16 * 32, 1));
    op.Input<float>({1, 1, 32, 32}, std::vector<float>(32 * 32, value));
    ASSERT_OK(op.Run());
    ExpectTensorEqual<float>(op.output(0), {1, 16, 16, 32},
                             std::vector<float>(16 * 16 * 32, 32 * value));
  }
}

TEST_P(Conv2DTest, TakesAnEmptyBatch) {
  OpTester op("Conv2D");
  Conv().SetAttrs(op).Attr("_kernel", GetParam());
  op.Input<float>({0, 5, 5, 2}, {});
  op.Input<float>({1, 1, 2, 1}, {1, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {0, 5, 5, 1}, {});
}

TEST_P(Conv2DTest, GivesNothingWhereNoWindowFits) {
  OpTester op("Conv2D");
  Conv{.padding = "VALID"}.SetAttrs(op).Attr("_kernel", GetParam());
  op.Input<float>({1, 2, 2, 1}, {1, 2, 3, 4});
  op.Input<float>({3, 3, 1, 1}, std::vector<float>(9, 1));
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 0, 0, 1}, {});
}

INSTANTIATE_TEST_SUITE_P(Implementations, Conv2DTest,
                         testing::Values("", "onednn"));

TEST(Conv2DLayoutTest, TakesChannelsFirst) {
  OpTester op("Conv2D");
  op.Attr("strides", std::vector<int64_t>{1, 1, 1, 1});
  op.Attr("padding", "VALID").Attr("data_format", "NCHW");
  op.Input<float>({1, 2, 1, 3}, {1, 2, 3, 10, 20, 30});
  op.Input<float>({1, 1, 2, 2}, {1, 0, 1, 2});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 2, 1, 3},
                           {11, 22, 33, 20, 40, 60});
}

template <typename T>
class ConvTypesTest : public testing::Test {};
using Types = testing::Types<float, double, half, bfloat16>;
TYPED_TEST_SUITE(ConvTypesTest, Types);

TYPED_TEST(ConvTypesTest, ConvolvesEveryType) {
  const auto v = [](std::initializer_list<float> values) {
    std::vector<TypeParam> out;
    for (float x : values) out.push_back(TypeParam(x));
    return out;
  };
  OpTester op("Conv2D");
  op.Attr("strides", std::vector<int64_t>{1, 1, 1, 1});
  op.Attr("padding", "SAME");
  op.Input<TypeParam>({1, 2, 2, 1}, v({1, 2, 3, 4}));
  op.Input<TypeParam>({2, 2, 1, 1}, v({1, 10, 100, 1000}));
  ASSERT_OK(op.Run());
  ExpectTensorNear<TypeParam>(op.output(0), {1, 2, 2, 1}, v({4321, 402, 43, 4}),
                              4e-3);
}

absl::Status RunConv2D(const TensorShape& input, const TensorShape& filter,
                       const char* padding, std::vector<int64_t> strides) {
  OpTester op("Conv2D");
  op.Attr("padding", padding).Attr("strides", strides);
  op.Input<float>(input, std::vector<float>(input.num_elements()));
  op.Input<float>(filter, std::vector<float>(filter.num_elements()));
  return op.Run();
}

TEST(Conv2DErrorTest, AFilterWithoutOutputsGivesNothing) {
  for (const char* padding : {"SAME", "VALID"}) {
    EXPECT_OK(RunConv2D({1, 3, 3, 2}, {1, 1, 2, 0}, padding, {1, 1, 1, 1}));
    EXPECT_OK(RunConv2D({0, 3, 3, 2}, {0, 1, 2, 2}, padding, {1, 1, 1, 1}));
  }
  OpTester cube("Conv3D");
  cube.Attr("padding", "SAME").Attr("strides", std::vector<int64_t>(5, 1));
  cube.Input<float>({1, 1, 1, 1, 1}, {1}).Input<float>({1, 1, 1, 1, 0}, {});
  EXPECT_THAT(cube.Run(), HasCode(absl::StatusCode::kInvalidArgument,
                                  "filter must not have zero elements"));
}

TEST(Conv2DErrorTest, RefusesWhatDoesNotFit) {
  const auto bad = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(RunConv2D({3}, {1, 1, 1, 1}, "SAME", {1, 1, 1, 1}),
              HasCode(bad, "convolution input must be 4-dimensional: [3]"));
  EXPECT_THAT(RunConv2D({1, 1, 1, 1}, {1}, "SAME", {1, 1, 1, 1}),
              HasCode(bad, "filter must be 4-dimensional: [1]"));
  EXPECT_THAT(RunConv2D({1, 2, 2, 3}, {1, 1, 2, 1}, "SAME", {1, 1, 1, 1}),
              HasCode(bad, "evenly divisible by filter depth: 3 vs 2"));
  EXPECT_THAT(RunConv2D({1, 2, 2, 4}, {1, 1, 2, 3}, "SAME", {1, 1, 1, 1}),
              HasCode(bad, "number of groups: 3 vs 2"));
  EXPECT_THAT(RunConv2D({1, 2, 2, 0}, {1, 1, 0, 3}, "SAME", {1, 1, 1, 1}),
              HasCode(bad, "filter depth"));
  EXPECT_THAT(RunConv2D({1, 2, 2, 1}, {0, 1, 1, 3}, "SAME", {1, 1, 1, 1}),
              HasCode(bad, "zero elements"));
  EXPECT_THAT(RunConv2D({1, 2, 2, 1}, {5, 5, 1, 1}, "VALID", {1, 1, 1, 1}),
              HasCode(bad, "output size would be negative"));
  EXPECT_THAT(RunConv2D({1, 2, 2, 1}, {1, 1, 1, 1}, "SAME", {1, 0, 1, 1}),
              HasCode(bad, "strides should be larger than 0"));
  EXPECT_THAT(RunConv2D({1, 2, 2, 1}, {1, 1, 1, 1}, "SAME", {1, 1}),
              HasCode(bad, "strides field must specify 4"));
  EXPECT_THAT(RunConv2D({1, 2, 2, 1}, {1, 1, 1, 1}, "same", {1, 1, 1, 1}),
              HasCode(bad, "padding"));
  EXPECT_THAT(RunConv2D({1, 2, 2, 1}, {1, 1, 1, 1}, "EXPLICIT", {1, 1, 1, 1}),
              HasCode(bad, "explicit_paddings"));
  EXPECT_THAT(RunConv2D({1, 2, 2, 1}, {1, 1, 1, 1}, "SAME", {2, 1, 1, 1}),
              HasCode(absl::StatusCode::kUnimplemented, "batch and depth"));
}

TEST(Conv2DErrorTest, RefusesAbsurdAttributes) {
  OpTester op("Conv2D");
  op.Attr("padding", "EXPLICIT")
      .Attr("strides", std::vector<int64_t>{1, 1, 1, 1});
  op.Attr("explicit_paddings",
          std::vector<int64_t>{0, 0, 1LL << 30, 1LL << 30, 1LL << 30, 1LL << 30,
                               0, 0});
  op.Input<float>({1, 1, 1, 1}, {1}).Input<float>({1, 1, 1, 1}, {1});
  EXPECT_FALSE(op.Run().ok());
}

TEST(Conv2DBackpropInputTest, IsTheTransposeOfTheConvolution) {
  int number = 0;
  for (const Conv& conv : Convs()) {
    SCOPED_TRACE(number++);
    const auto filter = RandomValues(conv.filter_shape().num_elements(), 1);
    const auto change = RandomValues(conv.output_shape().num_elements(), 2);
    std::vector<float> want(conv.input_shape().num_elements());
    conv.ForEach([&](int64_t o, int64_t i, int64_t f) {
      want[i] += change[o] * filter[f];
    });
    OpTester op("Conv2DBackpropInput");
    conv.SetAttrs(op);
    op.Input<int32_t>({4}, {int32_t(conv.batch), int32_t(conv.height),
                            int32_t(conv.width), int32_t(conv.in)});
    op.Input<float>(conv.filter_shape(), filter);
    op.Input<float>(conv.output_shape(), change);
    ASSERT_OK(op.Run());
    ExpectTensorNear<float>(op.output(0), conv.input_shape(), want, 1e-4, 1e-4);
  }
}

TEST(Conv2DBackpropInputTest, RefusesSizesThatDoNotFit) {
  const auto run = [](std::vector<int32_t> sizes, const TensorShape& change) {
    OpTester op("Conv2DBackpropInput");
    Conv().SetAttrs(op);
    op.Input<int32_t>({static_cast<int64_t>(sizes.size())}, sizes);
    op.Input<float>({1, 1, 1, 1}, {1});
    op.Input<float>(change, std::vector<float>(change.num_elements()));
    return op.Run();
  };
  const auto bad = absl::StatusCode::kInvalidArgument;
  EXPECT_THAT(run({1, 2, 2}, {1, 2, 2, 1}), HasCode(bad, "input_sizes"));
  EXPECT_THAT(run({1, -2, 2, 1}, {1, 2, 2, 1}), HasCode(bad, ""));
  EXPECT_THAT(run({2, 2, 2, 1}, {1, 2, 2, 1}), HasCode(bad, "batch size"));
  EXPECT_THAT(run({1, 2, 2, 1}, {1, 2, 2, 3}), HasCode(bad, "out_depth"));
  EXPECT_THAT(run({1, 2, 2, 1}, {1, 3, 2, 1}), HasCode(bad, "computed = 2"));
  EXPECT_THAT(run({1, 2, 2, 1}, {1, 3}), HasCode(bad, "4-dimensional"));
}

TEST(Conv2DBackpropFilterTest, SumsTheProductsOfEachTap) {
  int number = 0;
  for (const Conv& conv : Convs()) {
    SCOPED_TRACE(number++);
    const auto in = RandomValues(conv.input_shape().num_elements(), 1);
    const auto change = RandomValues(conv.output_shape().num_elements(), 2);
    std::vector<float> want(conv.filter_shape().num_elements());
    conv.ForEach(
        [&](int64_t o, int64_t i, int64_t f) { want[f] += change[o] * in[i]; });
    OpTester op("Conv2DBackpropFilter");
    conv.SetAttrs(op);
    op.Input<float>(conv.input_shape(), in);
    op.Input<int32_t>({4},
                      {int32_t(conv.filter_height), int32_t(conv.filter_width),
                       int32_t(conv.in / conv.groups), int32_t(conv.out)});
    op.Input<float>(conv.output_shape(), change);
    ASSERT_OK(op.Run());
    ExpectTensorNear<float>(op.output(0), conv.filter_shape(), want, 1e-4,
                            1e-4);
  }
}

// The forward op refuses an empty filter, its gradients do not.
TEST(ConvGradientTest, OfNothingIsZero) {
  OpTester filter("Conv2DBackpropFilter");
  filter.Attr("strides", std::vector<int64_t>{1, 1, 1, 1});
  filter.Attr("padding", "VALID");
  filter.Input<float>({1, 2, 3, 1}, std::vector<float>(6, 1));
  filter.Input<int32_t>({4}, {2, 2, 1, 0});
  filter.Input<float>({1, 1, 2, 0}, {});
  ASSERT_OK(filter.Run());
  ExpectTensorEqual<float>(filter.output(0), {2, 2, 1, 0}, {});
  filter.ClearInputs().Input<float>({0, 2, 3, 1}, {});
  filter.Input<int32_t>({4}, {1, 1, 1, 2}).Input<float>({0, 2, 3, 2}, {});
  ASSERT_OK(filter.Run());
  ExpectTensorEqual<float>(filter.output(0), {1, 1, 1, 2}, {0, 0});
  OpTester input("Conv2DBackpropInput");
  input.Attr("strides", std::vector<int64_t>{1, 1, 1, 1});
  input.Attr("padding", "VALID");
  input.Input<int32_t>({4}, {1, 1, 2, 1}).Input<float>({1, 1, 1, 0}, {});
  input.Input<float>({1, 1, 2, 0}, {});
  ASSERT_OK(input.Run());
  ExpectTensorEqual<float>(input.output(0), {1, 1, 2, 1}, {0, 0});
}

// Shapes are held to each other, also where there is nothing to add up.
TEST(ConvGradientTest, OfNothingWantsShapesThatFit) {
  struct Case {
    TensorShape input;
    TensorShape filter;
    TensorShape gradient;
    bool fits;
  };
  const Case cases[] = {
      {{2, 4, 4, 1}, {2, 2, 1, 0}, {2, 4, 4, 0}, true},
      {{2, 4, 4, 1}, {0, 2, 1, 3}, {2, 4, 4, 3}, true},
      {{2, 1}, {2, 2, 1, 0}, {2, 4, 4, 0}, false},
      {{2, 4, 4, 1}, {2, 2, 1, 0}, {2, 0}, false},
      {{2, 4, 4, 1}, {2, 2, 1, 0}, {3, 4, 4, 0}, false},
      {{2, 4, 4, 1}, {2, 2, 1, 0}, {2, 4, 4, 3}, false},
      {{2, 4, 4, 1}, {2, 2, 1, 0}, {2, 5, 4, 0}, false},
      {{2, 4, 4, 1}, {2, 2, 2, 0}, {2, 4, 4, 0}, false},
      {{0, 4, 4, 1}, {2, 2, 1, 3}, {2, 4, 4, 3}, false},
  };
  const auto zeros = [](const TensorShape& shape) {
    Tensor out = *Tensor::Allocate(DT_FLOAT, shape);
    for (float& value : out.mutable_values<float>()) value = 0;
    return out;
  };
  const auto sizes = [](const TensorShape& shape) {
    std::vector<int32_t> out;
    for (int64_t dim : shape.dims()) out.push_back(static_cast<int32_t>(dim));
    return Tensor::Vector<int32_t>(out);
  };
  for (const Case& c : cases) {
    const std::string what = absl::StrCat(
        c.input.ToString(), c.filter.ToString(), c.gradient.ToString());
    OpTester filter("Conv2DBackpropFilter");
    OpTester input("Conv2DBackpropInput");
    for (OpTester* op : {&filter, &input}) {
      op->Attr("strides", std::vector<int64_t>{1, 1, 1, 1});
      op->Attr("padding", "SAME");
    }
    filter.Input(zeros(c.input)).Input(sizes(c.filter));
    filter.Input(zeros(c.gradient));
    EXPECT_EQ(filter.Run().code(), c.fits ? absl::StatusCode::kOk
                                          : absl::StatusCode::kInvalidArgument)
        << what;
    input.Input(sizes(c.input)).Input(zeros(c.filter));
    input.Input(zeros(c.gradient));
    EXPECT_EQ(input.Run().code(), c.fits ? absl::StatusCode::kOk
                                         : absl::StatusCode::kInvalidArgument)
        << what;
  }
}

OpTester& Attrs3D(OpTester& op, const char* padding) {
  return op.Attr("strides", std::vector<int64_t>{1, 1, 1, 1, 1})
      .Attr("padding", padding);
}

TEST(Conv3DTest, SlidesThroughThreeDimensions) {
  OpTester op("Conv3D");
  Attrs3D(op, "VALID");
  op.Input<float>({1, 2, 2, 2, 1}, {1, 2, 3, 4, 5, 6, 7, 8});
  op.Input<float>({2, 1, 1, 1, 2}, {1, 0, 10, 1});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<float>(op.output(0), {1, 1, 2, 2, 2},
                           {51, 5, 62, 6, 73, 7, 84, 8});
}

TEST(Conv3DTest, GradientsAreItsTransposes) {
  OpTester input("Conv3DBackpropInputV2");
  Attrs3D(input, "VALID");
  input.Input<int32_t>({5}, {1, 2, 1, 1, 1});
  input.Input<float>({2, 1, 1, 1, 2}, {1, 0, 10, 1});
  input.Input<float>({1, 1, 1, 1, 2}, {3, 4});
  ASSERT_OK(input.Run());
  ExpectTensorEqual<float>(input.output(0), {1, 2, 1, 1, 1}, {3, 34});

  OpTester filter("Conv3DBackpropFilterV2");
  Attrs3D(filter, "VALID");
  filter.Input<float>({1, 2, 1, 1, 1}, {5, 6});
  filter.Input<int32_t>({5}, {2, 1, 1, 1, 2});
  filter.Input<float>({1, 1, 1, 1, 2}, {3, 4});
  ASSERT_OK(filter.Run());
  ExpectTensorEqual<float>(filter.output(0), {2, 1, 1, 1, 2}, {15, 20, 18, 24});
}

}  // namespace metagraph::conv_ops_test
