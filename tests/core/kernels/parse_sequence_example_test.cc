#include "tests/core/kernels/example_fixture.h"
#include "tests/support/expiring_clock.h"

namespace metagraph::parse_sequence_example_test {

using absl::StatusCode;

std::string Sequence(const NamedFeatures& context, const NamedFeatures& lists) {
  return WireField(1, WireFeatures(context)) +
         WireField(2, WireFeatures(lists));
}

const std::string& First() {
  static const std::string example =
      Sequence({{"a", IntFeature({1, 2})}, {"b", FloatFeature({1.5})}},
               {{"x", WireList({IntFeature({1, 2}), IntFeature({3})})},
                {"y", WireList({FloatFeature({1, 2}), FloatFeature({3, 4})})},
                {"z", WireList({BytesFeature({"q"})})}});
  return example;
}
const std::string& Second() {
  static const std::string example = Sequence(
      {{"a", IntFeature({3})}}, {{"x", WireList({IntFeature({4})})},
                                 {"y", WireList({FloatFeature({5, 6})})}});
  return example;
}

struct Group {
  std::vector<std::string> keys = {};
  std::vector<DataType> types = {};
};
struct Plan {
  Group sparse = {}, dense = {}, ragged = {};
  std::vector<PartialShape> shapes = {};
  std::vector<DataType> split_types = {};
};

void SetPlans(OpTester& op, const Plan& context, const Plan& lists) {
  const auto count = [](const Group& group) {
    return static_cast<int64_t>(group.types.size());
  };
  op.Attr("Ncontext_sparse", count(context.sparse));
  op.Attr("context_sparse_types", context.sparse.types);
  op.Attr("Tcontext_dense", context.dense.types);
  op.Attr("context_dense_shapes", Shapes(context.shapes));
  op.Attr("Nfeature_list_sparse", count(lists.sparse));
  op.Attr("feature_list_sparse_types", lists.sparse.types);
  op.Attr("Nfeature_list_dense", count(lists.dense));
  op.Attr("feature_list_dense_types", lists.dense.types);
  op.Attr("feature_list_dense_shapes", Shapes(lists.shapes));
}

std::unique_ptr<OpTester> MakeV2(Tensor serialized, const Plan& context,
                                 const Plan& lists,
                                 const std::vector<Tensor>& defaults = {},
                                 const std::vector<bool>& may_be_missing = {},
                                 const std::vector<std::string>& names = {}) {
  auto op = std::make_unique<OpTester>("ParseSequenceExampleV2");
  SetPlans(*op, context, lists);
  op->Attr("context_ragged_value_types", context.ragged.types);
  op->Attr("context_ragged_split_types", context.split_types);
  op->Attr("feature_list_ragged_value_types", lists.ragged.types);
  op->Attr("feature_list_ragged_split_types", lists.split_types);
  op->Input(std::move(serialized)).Input(Texts(names));
  for (const Plan* plan : {&context, &lists}) {
    op->Input(Texts(plan->sparse.keys)).Input(Texts(plan->dense.keys));
    op->Input(Texts(plan->ragged.keys));
  }
  std::vector<bool> missing = may_be_missing;
  if (missing.empty()) missing.resize(lists.dense.keys.size());
  op->Input<bool>({static_cast<int64_t>(missing.size())}, missing);
  for (const Tensor& value : defaults) op->Input(value);
  return op;
}

TEST(ParseSequenceExampleTest, GivesContextsAndListsOfABatch) {
  const Plan context = {.sparse = {{"a", "n"}, {DT_INT64, DT_STRING}},
                        .dense = {{"b"}, {DT_FLOAT}},
                        .ragged = {{"m"}, {DT_INT64}},
                        .shapes = {PartialShape({1})},
                        .split_types = {DT_INT32}};
  const Plan lists = {.sparse = {{"x"}, {DT_INT64}},
                      .dense = {{"y"}, {DT_FLOAT}},
                      .ragged = {{"z"}, {DT_STRING}},
                      .shapes = {PartialShape({2})},
                      .split_types = {DT_INT64}};
  auto op = MakeV2(Texts({First(), Second()}), context, lists,
                   {Tensor::Vector<float>({7.f})});
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(op->output(0), {3, 2}, {0, 0, 0, 1, 1, 0});
  ExpectTensorEqual<int64_t>(op->output(1), {0, 2}, {});
  ExpectTensorEqual<int64_t>(op->output(2), {3}, {1, 2, 3});
  ExpectTensorEqual<std::string>(op->output(3), {0}, {});
  ExpectTensorEqual<int64_t>(op->output(4), {2}, {2, 2});
  ExpectTensorEqual<int64_t>(op->output(5), {2}, {2, 0});
  ExpectTensorEqual<float>(op->output(6), {2, 1}, {1.5, 7});
  ExpectTensorEqual<int64_t>(op->output(7), {0}, {});
  ExpectTensorEqual<int32_t>(op->output(8), {3}, {0, 0, 0});
  ExpectTensorEqual<int64_t>(op->output(9), {4, 3},
                             {0, 0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0});
  ExpectTensorEqual<int64_t>(op->output(10), {4}, {1, 2, 3, 4});
  ExpectTensorEqual<int64_t>(op->output(11), {3}, {2, 2, 2});
  ExpectTensorEqual<float>(op->output(12), {2, 2, 2}, {1, 2, 3, 4, 5, 6, 0, 0});
  ExpectTensorEqual<int64_t>(op->output(13), {2}, {2, 1});
  ExpectTensorEqual<std::string>(op->output(14), {1}, {"q"});
  ExpectTensorEqual<int64_t>(op->output(15), {3}, {0, 1, 1});
  ExpectTensorEqual<int64_t>(op->output(16), {2}, {0, 1});
}

TEST(ParseSequenceExampleTest, GivesContextsAndListsOfOneExample) {
  const Plan context = {.sparse = {{"a"}, {DT_INT64}},
                        .dense = {{"b"}, {DT_FLOAT}},
                        .ragged = {{"m"}, {DT_INT64}},
                        .shapes = {PartialShape({})},
                        .split_types = {DT_INT32}};
  const Plan lists = {.sparse = {{"x"}, {DT_INT64}},
                      .dense = {{"y"}, {DT_FLOAT}},
                      .ragged = {{"z"}, {DT_STRING}},
                      .shapes = {PartialShape({2})},
                      .split_types = {DT_INT32}};
  auto op = MakeV2(Tensor::Scalar<std::string>(First()), context, lists,
                   {*Tensor::Allocate(DT_FLOAT, {0})});
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(op->output(0), {2, 1}, {0, 1});
  ExpectTensorEqual<int64_t>(op->output(2), {1}, {2});
  ExpectTensorEqual<float>(op->output(3), {}, {1.5});
  ExpectTensorEqual<int32_t>(op->output(5), {}, {0});
  ExpectTensorEqual<int64_t>(op->output(6), {3, 2}, {0, 0, 0, 1, 1, 0});
  ExpectTensorEqual<int64_t>(op->output(8), {2}, {2, 2});
  ExpectTensorEqual<float>(op->output(9), {2, 2}, {1, 2, 3, 4});
  ExpectTensorEqual<int64_t>(op->output(10), {}, {2});
  ExpectTensorEqual<std::string>(op->output(11), {1}, {"q"});
  ExpectTensorEqual<int32_t>(op->output(12), {}, {0});
  ExpectTensorEqual<int32_t>(op->output(13), {2}, {0, 1});
}

TEST(ParseSequenceExampleTest, KnowsEmptyFeaturesAndMissingLists) {
  const std::string example =
      Sequence({}, {{"x", WireList({"", IntFeature({1}), IntFeature({})})}});
  auto op = MakeV2(Texts({example}), {},
                   {.sparse = {{"x"}, {DT_INT64}},
                    .dense = {{"n"}, {DT_STRING}},
                    .shapes = {PartialShape({2})}},
                   {}, {true});
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(op->output(0), {1, 3}, {0, 1, 0});
  ExpectTensorEqual<int64_t>(op->output(2), {3}, {1, 3, 1});
  ExpectTensorEqual<std::string>(op->output(3), {1, 0, 2}, {});
  ExpectTensorEqual<int64_t>(op->output(4), {1}, {0});
  op = MakeV2(Texts({example}), {},
              {.ragged = {{"x"}, {DT_INT64}}, .split_types = {DT_INT64}});
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(op->output(1), {2}, {0, 3});
  ExpectTensorEqual<int64_t>(op->output(2), {4}, {0, 0, 1, 1});
}

// Rows without elements are rows.
TEST(ParseSequenceExampleTest, CountsRowsOfNothing) {
  const std::string example =
      Sequence({}, {{"x", WireList({IntFeature({}), IntFeature({})})}});
  auto op =
      MakeV2(Texts({example}), {},
             {.dense = {{"x"}, {DT_INT64}}, .shapes = {PartialShape({0})}});
  ASSERT_OK(op->Run());
  ExpectTensorEqual<int64_t>(op->output(0), {1, 2, 0}, {});
  ExpectTensorEqual<int64_t>(op->output(1), {1}, {2});
}

TEST(ParseSequenceExampleTest, SaysWhichContextFeatureDoesNotFit) {
  const auto expect = [](const Plan& context, const char* text,
                         const std::vector<Tensor>& defaults = {}) {
    auto op = MakeV2(Texts({First(), Second()}), context, {}, defaults);
    EXPECT_THAT(op->Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  const Tensor no_float = *Tensor::Allocate(DT_FLOAT, {0});
  const Tensor no_int = *Tensor::Allocate(DT_INT64, {0});
  expect({.sparse = {{"a"}, {DT_FLOAT}}},
         "Name: <unknown>, Context feature: a.  Data types don't match. "
         "Expected type: float");
  expect({.dense = {{"b"}, {DT_FLOAT}}, .shapes = {PartialShape({1})}},
         "Feature: b (data type: float) is required but could not be found.",
         {no_float});
  expect({.dense = {{"a"}, {DT_INT64}}, .shapes = {PartialShape({2})}},
         "Unexpected number of elements in example <unknown>", {no_int});
  expect({.dense = {{"a"}, {DT_INT64}}, .shapes = {PartialShape({1})}},
         "Inconsistent max number of elements for feature a: expected 1, but "
         "found 2",
         {no_int});
  expect({.dense = {{"a"}, {DT_INT64}}, .shapes = {PartialShape({2})}},
         "default_value[0].shape() == [1] != context_dense_shapes[0] == [2]",
         {Tensor::Vector<int64_t>({0})});
  expect({.sparse = {{"a"}, {DT_INT64}},
          .dense = {{"a"}, {DT_INT64}},
          .shapes = {PartialShape({2})}},
         "Context feature a cannot be both dense and sparse",
         {Tensor::Vector<int64_t>({0, 1})});
  expect({.dense = {{"a"}, {DT_INT64}}, .shapes = {PartialShape({-1})}},
         "Shape [?] is not fully defined", {no_int});
}

TEST(ParseSequenceExampleTest, SaysWhichListDoesNotFit) {
  const auto expect = [](const Plan& lists, const char* text) {
    auto op =
        MakeV2(Texts({First(), Second()}), {}, lists, {}, {}, {"n0", "n1"});
    EXPECT_THAT(op->Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  expect({.dense = {{"z"}, {DT_STRING}}, .shapes = {PartialShape({})}},
         "Name: n1, Feature list 'z' is required but could not be found.  Did "
         "you mean to include it in feature_list_dense_missing_assumed_empty "
         "or feature_list_dense_defaults?");
  expect({.dense = {{"x"}, {DT_INT64}}, .shapes = {PartialShape({2})}},
         "Feature list 'x' has an unexpected number of values.  Total values "
         "size: 3 is not consistent with output shape: [?,2]");
  expect({.dense = {{"x"}, {DT_INT64}}, .shapes = {PartialShape({3})}},
         "Name: n0, Key: x, Index: 0.  Number of values != expected.  values "
         "size: 2 but output shape: [3]");
  expect({.sparse = {{"x"}, {DT_FLOAT}}},
         "Name: n0, Feature list: x, Index: 0.  Data types don't match. "
         "Expected type: float");
  expect({.sparse = {{"y"}, {DT_FLOAT}},
          .ragged = {{"y"}, {DT_FLOAT}},
          .split_types = {DT_INT64}},
         "Sequence feature y cannot be both ragged and sparse");
}

TEST(ParseSequenceExampleTest, RefusesMalformedMessages) {
  const auto expect = [](const std::string& example, const char* text) {
    auto op = MakeV2(Texts({example}), {.sparse = {{"a"}, {DT_INT64}}},
                     {.sparse = {{"x"}, {DT_INT64}}});
    EXPECT_THAT(op->Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  const char* invalid = "Invalid protocol message input, example id: <unknown>";
  expect(std::string("\x0a\x03\x0a\x01"), invalid);
  expect("\x0b", invalid);
  expect("\x0a", invalid);
  expect(Sequence({{"a", "\x1a\x02\x10\x01"}}, {}),
         "Error in context feature a in example <unknown>");
  expect(Sequence({}, {{"x", WireList({"\x1a\x02\x10\x01"})}}),
         "Error in sequence feature x in example <unknown>");
  expect(Sequence({}, {{"x", "\x12"}}),
         "Error in sequence feature x in example <unknown>");
}

TEST(ParseSequenceExampleTest, RefusesInputsThatDoNotFit) {
  EXPECT_THAT(MakeV2(MakeTensor<std::string>({1, 1}, {""}), {}, {})->Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected serialized to be a scalar or vector, got "
                      "shape: [1,1]"));
  EXPECT_THAT(MakeV2(Texts({"", ""}), {}, {}, {}, {}, {"n"})->Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "example_names must be empty or have the correct number "
                      "of elements"));
  EXPECT_THAT(
      MakeV2(Texts({}), {.sparse = {{"a", "b"}, {DT_INT64}}}, {})->Run(),
      HasCode(StatusCode::kInvalidArgument,
              "Expected len(context_sparse_keys) to match Ncontext_sparse"));
  EXPECT_THAT(MakeV2(Texts({}), {}, {.ragged = {{"a"}, {}}})->Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected len(feature_list_ragged_keys) to match "
                      "len(feature_list_ragged_value_types)"));
  EXPECT_THAT(
      MakeV2(Texts({}), {},
             {.dense = {{"a"}, {DT_INT64}}, .shapes = {PartialShape({})}}, {},
             {true, true})
          ->Run(),
      HasCode(StatusCode::kInvalidArgument,
              "Expected len(feature_list_dense_missing_assumed_empty to match "
              "Nfeature_list_dense"));
  EXPECT_THAT(MakeV2(Texts({}), {},
                     {.dense = {{"a"}, {DT_INT64}},
                      .shapes = {PartialShape({}), PartialShape({})}})
                  ->Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "num_feature_list_dense (1) must match the size of "
                      "feature_list_dense_types (1) and "
                      "feature_list_dense_shapes (2)"));
  EXPECT_THAT(MakeV2(Texts({}), {.split_types = {DT_INT64}}, {})->Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "len(context_ragged_value_types) != "
                      "len(context_ragged_split_types)"));
}

TEST(ParseSequenceExampleTest, V1TakesKeysFromAttributes) {
  using Names = std::vector<std::string>;
  OpTester op("ParseSequenceExample");
  SetPlans(op, {.sparse = {{}, {DT_INT64}}},
           {.dense = {{}, {DT_FLOAT, DT_INT64}},
            .shapes = {PartialShape({2}), PartialShape({})}});
  op.Attr("Ncontext_dense", 0).Attr("context_sparse_keys", Names{"a"});
  op.Attr("context_dense_keys", Names{});
  op.Attr("feature_list_sparse_keys", Names{});
  op.Attr("feature_list_dense_keys", Names{"y", "n"});
  op.Attr("feature_list_dense_missing_assumed_empty", Names{"n"});
  op.Input(Texts({Second()})).Input(Texts({}));
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {1, 2}, {0, 0});
  ExpectTensorEqual<int64_t>(op.output(1), {1}, {3});
  ExpectTensorEqual<int64_t>(op.output(2), {2}, {1, 1});
  ExpectTensorEqual<float>(op.output(3), {1, 1, 2}, {5, 6});
  ExpectTensorEqual<int64_t>(op.output(4), {1, 0}, {});
  ExpectTensorEqual<int64_t>(op.output(5), {1}, {1});
  ExpectTensorEqual<int64_t>(op.output(6), {1}, {0});
  OpTester other("ParseSequenceExample");
  SetPlans(other, {.sparse = {{}, {DT_INT64}}}, {});
  for (const char* name :
       {"context_sparse_keys", "context_dense_keys", "feature_list_sparse_keys",
        "feature_list_dense_keys",
        "feature_list_dense_missing_assumed_empty"}) {
    other.Attr(name, Names{});
  }
  other.Attr("Ncontext_dense", 0).Input(Texts({})).Input(Texts({}));
  EXPECT_THAT(other.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "the keys of the context are not as many as their "
                      "types"));
}

TEST(ParseSingleSequenceExampleTest, TakesAScalarForEachKey) {
  OpTester op("ParseSingleSequenceExample");
  SetPlans(op,
           {.sparse = {{}, {DT_INT64}},
            .dense = {{}, {DT_FLOAT}},
            .shapes = {PartialShape({1})}},
           {.sparse = {{}, {DT_INT64}},
            .dense = {{}, {DT_FLOAT}},
            .shapes = {PartialShape({2})}});
  op.Attr("Ncontext_dense", 1);
  op.Scalar<std::string>(First()).Input(Texts({"y"}));
  for (const char* key : {"a", "b", "x", "y"}) op.Scalar<std::string>(key);
  op.Input<float>({0}, {}).Scalar<std::string>("name");
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {2, 1}, {0, 1});
  ExpectTensorEqual<int64_t>(op.output(1), {2}, {1, 2});
  ExpectTensorEqual<int64_t>(op.output(2), {1}, {2});
  ExpectTensorEqual<float>(op.output(3), {1}, {1.5});
  ExpectTensorEqual<int64_t>(op.output(4), {3, 2}, {0, 0, 0, 1, 1, 0});
  ExpectTensorEqual<int64_t>(op.output(5), {3}, {1, 2, 3});
  ExpectTensorEqual<int64_t>(op.output(6), {2}, {2, 2});
  ExpectTensorEqual<float>(op.output(7), {2, 2}, {1, 2, 3, 4});
}

TEST(ParseSingleSequenceExampleTest, RefusesOtherInputs) {
  const auto run = [](Tensor serialized, Tensor missing, Tensor key) {
    OpTester op("ParseSingleSequenceExample");
    SetPlans(op, {.sparse = {{}, {DT_INT64}}}, {});
    op.Attr("Ncontext_dense", 0);
    op.Input(std::move(serialized)).Input(std::move(missing));
    op.Input(std::move(key)).Input(Texts({}));
    return op.Run();
  };
  const Tensor text = Tensor::Scalar<std::string>("");
  EXPECT_OK(run(text, Texts({}), text));
  EXPECT_THAT(run(Texts({""}), Texts({}), text),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected serialized to be a scalar, got shape: [1]"));
  EXPECT_THAT(run(text, text, text),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected feature_list_dense_missing_assumed_empty to be "
                      "a vector, got shape: []"));
  EXPECT_THAT(run(text, Texts({}), Texts({"a"})),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected context_sparse_keys to be scalars, got shape: "
                      "[1]"));
}

// Of one example with one list, of each kind: its rows are walked through
// twice at least.
TEST(ParseSequenceExampleTest, ADeadlineEndsOneLongList) {
  const std::string list =
      WireList(std::vector<std::string>(100000, IntFeature({1})));
  const Tensor example =
      Tensor::Scalar<std::string>(Sequence({}, {{"x", list}}));
  const Group x = {{"x"}, {DT_INT64}};
  for (const Plan& plan :
       {Plan{.sparse = x}, Plan{.dense = x, .shapes = {PartialShape({1})}},
        Plan{.ragged = x, .split_types = {DT_INT32}}}) {
    auto op = MakeV2(example, {}, plan);
    ASSERT_OK(op->Run());
    for (const int asks : {2, 10}) {
      ExpiringClock clock(asks);
      op->SetDeadline(ExpiringClock::Deadline(), clock);
      EXPECT_THAT(op->Run(), HasCode(StatusCode::kDeadlineExceeded, ""));
    }
  }
}

}  // namespace metagraph::parse_sequence_example_test
