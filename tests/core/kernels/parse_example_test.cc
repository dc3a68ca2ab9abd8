#include <limits>

#include "tests/core/kernels/example_fixture.h"
#include "tests/core/tensor/memory_limit.h"
#include "tests/support/expiring_clock.h"

namespace metagraph::parse_example_test {

using absl::StatusCode;

struct Wanted {
  std::string key;
  DataType dtype;
  // Of dense ones.
  PartialShape shape = PartialShape({});
  Tensor default_value = Tensor();
};

struct Plan {
  std::vector<Wanted> sparse = {}, dense = {}, ragged = {};
  std::vector<DataType> split_types = {};
};

std::vector<std::string> Keys(const std::vector<Wanted>& group) {
  std::vector<std::string> out;
  out.reserve(group.size());
  for (const Wanted& wanted : group) out.push_back(wanted.key);
  return out;
}
std::vector<DataType> TypesOf(const std::vector<Wanted>& group) {
  std::vector<DataType> out;
  out.reserve(group.size());
  for (const Wanted& wanted : group) out.push_back(wanted.dtype);
  return out;
}

void SetPlan(OpTester& op, const Plan& plan) {
  std::vector<PartialShape> shapes;
  for (const Wanted& wanted : plan.dense) shapes.push_back(wanted.shape);
  op.Attr("sparse_types", TypesOf(plan.sparse));
  op.Attr("Tdense", TypesOf(plan.dense)).Attr("dense_shapes", Shapes(shapes));
}
void AddDefaults(OpTester& op, const Plan& plan) {
  for (const Wanted& wanted : plan.dense) {
    op.Input(wanted.default_value.initialized()
                 ? wanted.default_value
                 : *Tensor::Allocate(wanted.dtype, {0}));
  }
}

// ParseExampleV2 with that plan, not yet run.
std::unique_ptr<OpTester> MakeV2(Tensor serialized, const Plan& plan,
                                 const std::vector<std::string>& names = {}) {
  auto op = std::make_unique<OpTester>("ParseExampleV2");
  SetPlan(*op, plan);
  op->Attr("num_sparse", static_cast<int64_t>(plan.sparse.size()));
  op->Attr("ragged_value_types", TypesOf(plan.ragged));
  op->Attr("ragged_split_types", plan.split_types);
  op->Input(std::move(serialized)).Input(Texts(names));
  op->Input(Texts(Keys(plan.sparse))).Input(Texts(Keys(plan.dense)));
  op->Input(Texts(Keys(plan.ragged)));
  AddDefaults(*op, plan);
  return op;
}

const std::string& First() {
  static const std::string example = WireExample({{"a", IntFeature({1, 2})},
                                                  {"b", FloatFeature({1.5})},
                                                  {"c", BytesFeature({"x"})}});
  return example;
}
const std::string& Second() {
  static const std::string example = WireExample({{"a", IntFeature({3})}});
  return example;
}

TEST(ParseExampleV2Test, GivesSparseDenseAndRagged) {
  const Plan plan = {.sparse = {{"a", DT_INT64}, {"c", DT_STRING}},
                     .dense = {{"b", DT_FLOAT, PartialShape({1}),
                                Tensor::Vector<float>({7.f})},
                               {"a", DT_INT64, PartialShape({-1}),
                                Tensor::Vector<int64_t>({-1})},
                               {"c", DT_STRING, PartialShape({}),
                                Tensor::Scalar<std::string>("none")}},
                     .ragged = {{"a", DT_INT64}, {"b", DT_FLOAT}},
                     .split_types = {DT_INT32, DT_INT64}};
  auto op = MakeV2(Texts({First(), Second()}), plan);
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(op->output(0), {3, 2}, {0, 0, 0, 1, 1, 0});
  ExpectTensorEqual<int64_t>(op->output(1), {1, 2}, {0, 0});
  ExpectTensorEqual<int64_t>(op->output(2), {3}, {1, 2, 3});
  ExpectTensorEqual<std::string>(op->output(3), {1}, {"x"});
  ExpectTensorEqual<int64_t>(op->output(4), {2}, {2, 2});
  ExpectTensorEqual<int64_t>(op->output(5), {2}, {2, 1});
  ExpectTensorEqual<float>(op->output(6), {2, 1}, {1.5, 7});
  ExpectTensorEqual<int64_t>(op->output(7), {2, 2}, {1, 2, 3, -1});
  ExpectTensorEqual<std::string>(op->output(8), {2}, {"x", "none"});
  ExpectTensorEqual<int64_t>(op->output(9), {3}, {1, 2, 3});
  ExpectTensorEqual<float>(op->output(10), {1}, {1.5});
  ExpectTensorEqual<int32_t>(op->output(11), {3}, {0, 2, 3});
  ExpectTensorEqual<int64_t>(op->output(12), {3}, {0, 1, 1});
}

// No output has a dimension for the batch then.
TEST(ParseExampleV2Test, TakesOneExample) {
  const Plan plan = {
      .sparse = {{"a", DT_INT64}, {"z", DT_FLOAT}},
      .dense = {{"b", DT_FLOAT, PartialShape({})},
                {"a", DT_INT64, PartialShape({-1, 2}),
                 Tensor::Scalar<int64_t>(0)},
                {"y", DT_FLOAT, PartialShape({1}),
                 Tensor::Vector<float>({3.f})},
                {"z", DT_FLOAT, PartialShape({-1}), Tensor::Scalar<float>(0)}},
      .ragged = {{"a", DT_INT64}},
      .split_types = {DT_INT64}};
  auto op = MakeV2(Tensor::Scalar<std::string>(First()), plan);
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(op->output(0), {2, 1}, {0, 1});
  ExpectTensorEqual<int64_t>(op->output(1), {0, 1}, {});
  ExpectTensorEqual<int64_t>(op->output(2), {2}, {1, 2});
  ExpectTensorEqual<float>(op->output(3), {0}, {});
  ExpectTensorEqual<int64_t>(op->output(4), {1}, {2});
  ExpectTensorEqual<int64_t>(op->output(5), {1}, {0});
  ExpectTensorEqual<float>(op->output(6), {}, {1.5});
  ExpectTensorEqual<int64_t>(op->output(7), {1, 2}, {1, 2});
  ExpectTensorEqual<float>(op->output(8), {1}, {3});
  ExpectTensorEqual<float>(op->output(9), {0}, {});
  ExpectTensorEqual<int64_t>(op->output(10), {2}, {1, 2});
  ExpectTensorEqual<int64_t>(op->output(11), {0}, {});
}

TEST(ParseExampleV2Test, TakesNoExamples) {
  const Plan plan = {
      .sparse = {{"a", DT_INT64}},
      .dense = {{"b", DT_FLOAT, PartialShape({-1}), Tensor::Scalar<float>(0)}},
      .ragged = {{"c", DT_STRING}},
      .split_types = {DT_INT32}};
  auto op = MakeV2(Texts({}), plan);
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(op->output(0), {0, 2}, {});
  ExpectTensorEqual<int64_t>(op->output(2), {2}, {0, 0});
  ExpectTensorEqual<float>(op->output(3), {0, 0}, {});
  ExpectTensorEqual<int32_t>(op->output(5), {1}, {0});
}

// Split over threads, each with a place of its own.
TEST(ParseExampleV2Test, TakesManyExamples) {
  constexpr int kCount = 5000;
  std::vector<std::string> examples;
  examples.reserve(kCount);
  for (int i = 0; i < kCount; ++i) {
    examples.push_back(WireExample(
        {{"n", IntFeature(std::vector<int64_t>(i % 3, i))},
         {i % 2 ? "x" : "unknown", BytesFeature({std::to_string(i)})},
         {"d", FloatFeature({static_cast<float>(i)})}}));
  }
  const Plan plan = {.sparse = {{"n", DT_INT64}},
                     .dense = {{"d", DT_FLOAT, PartialShape({})},
                               {"x", DT_STRING, PartialShape({}),
                                Tensor::Scalar<std::string>("none")}}};
  auto op = MakeV2(Texts(examples), plan);
  ASSERT_OK(op->Run());
  const std::vector<int64_t> values = Values<int64_t>(op->output(1));
  ASSERT_EQ(values.size(), 4999u);
  EXPECT_EQ(values.back(), 4999);
  EXPECT_EQ(Values<int64_t>(op->output(0)).at(2 * 4998), 4999);
  const std::vector<std::string> texts = Values<std::string>(op->output(4));
  EXPECT_EQ(texts[4998], "none");
  EXPECT_EQ(texts[4999], "4999");
  EXPECT_EQ(Values<float>(op->output(3))[4999], 4999.f);
}

// What protobuf's own parser would make of it.
TEST(ParseExampleV2Test, TheLastEntryOfANameCounts) {
  const std::string five = WireEntry("a", IntFeature({5}));
  const auto expect = [](const std::string& example,
                         const std::vector<int64_t>& want) {
    auto op = MakeV2(Texts({example}), {.sparse = {{"a", DT_INT64}}});
    ASSERT_OK(op->Run());
    EXPECT_EQ(Values<int64_t>(op->output(1)), want);
  };
  expect(WireField(1, five + WireEntry("a", IntFeature({6}))), {6});
  expect(WireField(1, WireEntry("a", FloatFeature({})) + five), {5});
  expect(WireField(1, five + WireEntry("a", "")), {});
  expect(First() + Second(), {3});
  // A dense feature is there if any entry has a value.
  auto op = MakeV2(Texts({WireField(1, five + WireEntry("a", ""))}),
                   {.dense = {{"a", DT_INT64, PartialShape({})}}});
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(op->output(0), {1}, {5});
}

TEST(ParseExampleV2Test, ReadsWhatIsNotAsProtobufWritesIt) {
  const auto ints = [](const std::string& feature) {
    auto op = MakeV2(Texts({WireExample({{"a", feature}})}),
                     {.sparse = {{"a", DT_INT64}}});
    EXPECT_OK(op->Run());
    return Values<int64_t>(op->output(1));
  };
  using Ints = std::vector<int64_t>;
  EXPECT_EQ(ints(std::string("\x1a\x04\x08\x01\x08\x02", 6)), (Ints{1, 2}));
  // One packed list, whatever follows.
  EXPECT_EQ(ints("\x1a\x06\x0a\x02\x01\x02\x08\x01"), (Ints{1, 2}));
  // Lengths beyond the end.
  EXPECT_EQ(ints("\x1a\x09\x0a\x02\x01\x02"), (Ints{1, 2}));
  EXPECT_EQ(ints("\x1a\x04\x0a\x09\x01\x02"), (Ints{1, 2}));
  EXPECT_EQ(ints(IntFeature({-1, std::numeric_limits<int64_t>::min()})),
            (Ints{-1, std::numeric_limits<int64_t>::min()}));
  EXPECT_EQ(ints(""), Ints{});
  EXPECT_EQ(ints(std::string("\x1a\x00", 2)), Ints{});

  const auto floats = [](const std::string& feature) {
    auto op = MakeV2(Texts({WireExample({{"a", feature}})}),
                     {.sparse = {{"a", DT_FLOAT}}});
    EXPECT_OK(op->Run());
    return Values<float>(op->output(1));
  };
  EXPECT_EQ(floats(std::string("\x12\x05\x0d\x00\x00\x80\x3f", 7)),
            std::vector<float>{1});
  // Not a whole float.
  EXPECT_EQ(floats("\x12\x05\x0a\x03\x01\x82\x01"), std::vector<float>{});
}

TEST(ParseExampleV2Test, ReadsEntriesInAnyOrderAndUnknownFields) {
  const auto values = [](const std::string& example) {
    auto op = MakeV2(Texts({example}), {.sparse = {{"a", DT_INT64}}});
    EXPECT_OK(op->Run());
    return Values<int64_t>(op->output(1));
  };
  using Ints = std::vector<int64_t>;
  EXPECT_EQ(values(WireField(1, WireField(1, WireField(2, IntFeature({5})) +
                                                 WireField(1, "a")))),
            Ints{5});
  EXPECT_EQ(values(WireField(2, "ab") + First()), (Ints{1, 2}));
  EXPECT_EQ(values("\x18\x07" + Second()), Ints{3});
  EXPECT_EQ(values("\x19" + std::string(8, 'x') + Second()), Ints{3});
  EXPECT_EQ(values("\x1d" + std::string(4, 'x') + Second()), Ints{3});
  EXPECT_EQ(values(std::string("\x0a\x05", 2)), Ints{});
  EXPECT_EQ(values(""), Ints{});
}

TEST(ParseExampleV2Test, RefusesMalformedExamples) {
  const std::string entry_without_value = WireField(1, WireField(1, "a"));
  for (const std::string& example :
       {std::string("\x0a\x05"
                    "ab"),
        "\x13\x14" + First(), WireField(1, entry_without_value),
        WireField(1, WireField(2, "a")), std::string("\x0a"),
        WireField(1, WireField(1, WireField(1, "a") + WireField(2, "") + "x")),
        WireField(1, WireField(1, WireField(1, "a") + WireField(3, ""))),
        std::string("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        std::string("\x10"), std::string("\x19zz"), std::string("\x1dz")}) {
    auto op = MakeV2(Texts({First(), example}), {.sparse = {{"a", DT_INT64}}});
    EXPECT_THAT(op->Run(), HasCode(StatusCode::kInvalidArgument,
                                   "Could not parse example input, value: '" +
                                       example + "'"));
  }
  const auto expect = [](const std::string& feature, DataType dtype,
                         const char* text) {
    auto op = MakeV2(Texts({WireExample({{"a", feature}})}),
                     {.sparse = {{"a", dtype}}}, {"n1"});
    EXPECT_THAT(op->Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  const char* malformed =
      "Name: n1, Key: a, Index: 0.  Can't parse serialized Example.";
  expect(std::string("\x22\x00", 2), DT_INT64, "Unsupported datatype.");
  expect("\x1a\x06\x08\x01\x0a\x02\x01\x02", DT_INT64, malformed);
  expect("\x1a\x04\x0a\x02\x01\x82", DT_INT64, malformed);
  expect("\x1a\x02\x10\x01", DT_INT64, malformed);
  expect("\x1a", DT_INT64, malformed);
  expect(
      "\x12\x06\x0a\x08"
      "abcd",
      DT_FLOAT, malformed);
  expect("\x12\x02\x0d\x01", DT_FLOAT, malformed);
  expect("\x12\x02\x0a\x80", DT_FLOAT, malformed);
  expect("\x0a\x03\x0a\x05x", DT_STRING, malformed);
  expect("\x0a\x02\x08\x01", DT_STRING, malformed);
}

TEST(ParseExampleV2Test, SaysWhichFeatureDoesNotFit) {
  const auto expect = [](const Plan& plan, const char* text) {
    auto op = MakeV2(Texts({First(), Second()}), plan);
    EXPECT_THAT(op->Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  expect({.sparse = {{"a", DT_FLOAT}}},
         "Name: <unknown>, Key: a, Index: 0.  Data types don't match. Expected "
         "type: float, Actual type: int64");
  expect({.ragged = {{"a", DT_FLOAT}}, .split_types = {DT_INT32}},
         "Expected type: float, Actual type: int64");
  const Tensor two = Tensor::Vector<int64_t>({0, 0});
  expect({.dense = {{"a", DT_FLOAT, PartialShape({2})}}},
         "Name: <unknown>, Key: a, Index: 0.  Data types don't match. Data "
         "type: int64 but expected type: float");
  expect({.dense = {{"a", DT_FLOAT, PartialShape({-1}),
                     Tensor::Scalar<float>(0)}}},
         "Data type: int64 but expected type: float");
  expect({.dense = {{"a", DT_INT64, PartialShape({2}), two}}},
         "Name: <unknown>, Key: a, Index: 1.  Number of int64 values != "
         "expected.  Values size: 1 but output shape: [2]");
  expect({.dense = {{"b", DT_FLOAT, PartialShape({})}}},
         "Name: <unknown>, Feature: b (data type: float) is required but could "
         "not be found.");
  expect({.dense = {{"c", DT_STRING, PartialShape({})}}},
         "Feature: c (data type: string) is required");
  expect({.dense = {{"c", DT_STRING, PartialShape({3})}}},
         "Number of bytes values != expected.  Values size: 1 but output "
         "shape: [3]");
  expect({.dense = {{"a", DT_INT64, PartialShape({-1, 2}),
                     Tensor::Scalar<int64_t>(0)}}},
         "Number of int64 values is not a multiple of stride length. Saw 1 "
         "values but output shape is: [?,2]");
}

TEST(ParseExampleV2Test, SaysWhichFeatureOfOneExampleDoesNotFit) {
  const auto expect = [](const Plan& plan, const char* text) {
    auto op = MakeV2(Tensor::Scalar<std::string>(First()), plan);
    EXPECT_THAT(op->Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  expect({.dense = {{"a", DT_INT64, PartialShape({1})}}},
         "Key: a.  Can't parse serialized Example: Some int64_list slice was "
         "not parsed.");
  expect({.dense = {{"a", DT_FLOAT, PartialShape({1})}}},
         "Key: a.  Data types don't match. Data type: int64 but expected type: "
         "float");
  expect({.sparse = {{"a", DT_FLOAT}}},
         "Key: a.  Data types don't match. Expected type: float, Actual type: "
         "int64");
  expect({.dense = {{"z", DT_FLOAT, PartialShape({})}}},
         "Feature: z (data type: float) is required but could not be found.");
}

TEST(ParseExampleV2Test, RefusesShapesAndDefaults) {
  const auto expect = [](const PartialShape& shape, Tensor value,
                         const char* text) {
    auto op = MakeV2(Texts({First()}),
                     {.dense = {{"a", DT_INT64, shape, std::move(value)}}});
    EXPECT_THAT(op->Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  const Tensor two = Tensor::Vector<int64_t>({0, 0});
  expect(PartialShape(), two,
         "dense_shapes[0] has unknown rank or unknown inner dimensions: "
         "<unknown>");
  expect(PartialShape({2, -1}), two,
         "dense_shapes[0] has unknown rank or unknown inner dimensions: [2,?]");
  expect(PartialShape({int64_t{1} << 40, int64_t{1} << 40}), two,
         "dense_shapes[0] has too many elements");
  expect(PartialShape({-1}), two,
         "dense_shape[0] is a variable length shape: [?], therefore "
         "def_value[0] must contain a single element (the padding element).  "
         "But its shape is: [2]");
  expect(PartialShape({3}), two,
         "def_value[0].shape() == [2] is not compatible with dense_shapes_[0] "
         "== [3]");
}

TEST(ParseExampleV2Test, RefusesInputsThatDoNotFit) {
  const Plan plan = {.sparse = {{"a", DT_INT64}}};
  EXPECT_THAT(MakeV2(MakeTensor<std::string>({1, 1}, {""}), plan)->Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected serialized to be a scalar or vector, got "
                      "shape: [1,1]"));
  EXPECT_THAT(MakeV2(Texts({"", ""}), plan, {"n"})->Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected names have the same shape as serialized: "
                      "name.shape=[1], serialized.shape=[2]"));
  const auto expect = [](int sparse, int dense, int ragged, const char* text) {
    OpTester op("ParseExampleV2");
    op.Attr("num_sparse", 1).Attr("sparse_types", std::vector{DT_INT64});
    op.Attr("Tdense", std::vector{DT_INT64});
    op.Attr("dense_shapes", Shapes({PartialShape({})}));
    op.Attr("ragged_value_types", std::vector{DT_INT64});
    op.Attr("ragged_split_types", std::vector{DT_INT64});
    op.Input(Texts({})).Input(Texts({}));
    for (int n : {sparse, dense, ragged}) {
      op.Input(Texts(std::vector<std::string>(n, "k")));
    }
    op.Scalar<int64_t>(0);
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  expect(2, 1, 1, "Expected len(sparse_keys) == num_sparse but got: 2 vs. 1");
  expect(1, 0, 1,
         "Expected len(dense_keys) == len(dense_types) but got: 0 vs. 1");
  expect(1, 1, 2,
         "Expected len(ragged_keys) == len(ragged_value_types) but got: 2 vs. "
         "1");
}

TEST(ParseExampleV2Test, RefusesAttributesThatDoNotFit) {
  const auto expect = [](int64_t num_sparse, int shapes, int splits,
                         const char* text) {
    OpTester op("ParseExampleV2");
    op.Attr("num_sparse", num_sparse);
    op.Attr("sparse_types", std::vector{DT_INT64});
    op.Attr("Tdense", std::vector<DataType>{});
    op.Attr("dense_shapes",
            Shapes(std::vector<PartialShape>(shapes, PartialShape({}))));
    op.Attr("ragged_value_types", std::vector<DataType>{});
    op.Attr("ragged_split_types", std::vector<DataType>(splits, DT_INT64));
    for (int i = 0; i < 5; ++i) op.Input(Texts({}));
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  expect(2, 0, 0, "len(sparse_keys) != len(sparse_types)");
  expect(1, 1, 0, "len(dense_keys) != len(dense_shapes)");
  expect(1, 0, 1, "len(ragged_keys) != len(ragged_split_types)");
}

// A short length may stand for many values, but not for memory.
TEST(ParseExampleV2Test, RefusesMoreThanMemory) {
  std::vector<std::string> examples(64, WireExample({{"a", IntFeature({1})}}));
  examples[0] = WireExample({{"a", IntFeature(std::vector<int64_t>(1 << 16))}});
  auto op =
      MakeV2(Texts(examples), {.dense = {{"a", DT_INT64, PartialShape({-1}),
                                          Tensor::Scalar<int64_t>(0)}}});
  const MemoryLimit limit(8 << 20);
  EXPECT_THAT(op->Run(), HasCode(StatusCode::kResourceExhausted, "memory"));
}

TEST(ParseExampleTest, TakesAScalarForEachKey) {
  OpTester op("ParseExample");
  SetPlan(op, {.sparse = {{"b", DT_FLOAT}},
               .dense = {{"a", DT_INT64, PartialShape({-1})}}});
  op.Attr("Nsparse", 1).Attr("Ndense", 1);
  op.Input(Texts({First(), Second()})).Input(Texts({}));
  op.Scalar<std::string>("b").Scalar<std::string>("a").Scalar<int64_t>(9);
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {1, 2}, {0, 0});
  ExpectTensorEqual<float>(op.output(1), {1}, {1.5});
  ExpectTensorEqual<int64_t>(op.output(2), {2}, {2, 1});
  ExpectTensorEqual<int64_t>(op.output(3), {2, 2}, {1, 2, 3, 9});
}

TEST(ParseExampleTest, RefusesOtherInputs) {
  const auto run = [](Tensor serialized, Tensor key, int64_t dense) {
    OpTester op("ParseExample");
    SetPlan(op, {.sparse = {{"b", DT_FLOAT}}});
    op.Attr("Nsparse", 1).Attr("Ndense", dense);
    op.Input(std::move(serialized)).Input(Texts({})).Input(std::move(key));
    if (dense > 0) op.Scalar<std::string>("d");
    return op.Run();
  };
  const Tensor key = Tensor::Scalar<std::string>("b");
  EXPECT_THAT(run(Tensor::Scalar<std::string>(""), key, 0),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected serialized to be a vector, got shape: []"));
  EXPECT_THAT(run(Texts({""}), Texts({"b", "c"}), 0),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected keys to be scalars, got shape: [2]"));
  EXPECT_THAT(run(Texts({""}), key, 1),
              HasCode(StatusCode::kInvalidArgument,
                      "len(dense_keys) != len(dense_types)"));
}

TEST(ParseSingleExampleTest, TakesKeysFromAttributes) {
  OpTester op("ParseSingleExample");
  SetPlan(op, {.sparse = {{"b", DT_FLOAT}},
               .dense = {{"a", DT_INT64, PartialShape({2})}}});
  op.Attr("num_sparse", 1).Attr("sparse_keys", std::vector<std::string>{"b"});
  op.Attr("dense_keys", std::vector<std::string>{"a"});
  op.Scalar<std::string>(First()).Input<int64_t>({0}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {1, 1}, {0});
  ExpectTensorEqual<float>(op.output(1), {1}, {1.5});
  ExpectTensorEqual<int64_t>(op.output(2), {1}, {1});
  ExpectTensorEqual<int64_t>(op.output(3), {2}, {1, 2});
  op.ClearInputs();
  op.Input(Texts({First()})).Input<int64_t>({0}, {});
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument,
                                "Expected serialized to be a scalar, got "
                                "shape: [1]"));
}

TEST(ParseSingleExampleTest, RefusesKeysThatAreNotAsManyAsTypes) {
  const auto expect = [](int64_t num_sparse,
                         const std::vector<std::string>& dense_keys,
                         const char* text) {
    OpTester op("ParseSingleExample");
    SetPlan(op, {.sparse = {{"b", DT_FLOAT}}});
    op.Attr("num_sparse", num_sparse).Attr("dense_keys", dense_keys);
    op.Attr("sparse_keys", std::vector<std::string>{"b"});
    op.Scalar<std::string>("");
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  expect(2, {},
         "num_sparse (2) must match the size of sparse_keys (1) and "
         "sparse_types (1)");
  expect(1, {"a"}, "len(dense_keys) != len(dense_types)");
}

// Of one example alone, by what nobody asked for, and by what somebody did.
TEST(ParseExampleTest, ADeadlineEndsOneLongExample) {
  const std::string ints = IntFeature(std::vector<int64_t>(100000, 1));
  const NamedFeatures unknown(100000, {"u", IntFeature({1})});
  for (const std::string& example :
       {WireExample(unknown), WireExample({{"a", ints}})}) {
    auto op = MakeV2(Tensor::Scalar<std::string>(example),
                     {.sparse = {{"a", DT_INT64}}});
    ASSERT_OK(op->Run());
    ExpiringClock clock(0);
    op->SetDeadline(ExpiringClock::Deadline(), clock);
    EXPECT_THAT(op->Run(), HasCode(StatusCode::kDeadlineExceeded, ""));
  }
}

}  // namespace metagraph::parse_example_test
