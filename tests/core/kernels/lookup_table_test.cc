#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string>

#include "core/io/file_system.h"
#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::lookup_table_test {

using ::absl::StatusCode;

// A table and the ops on it.
class Table {
 public:
  Table(const char* op, DataType key, DataType value)
      : key_(key), value_(value) {
    OpTester tester(op);
    tester.Attr("key_dtype", key).Attr("value_dtype", value);
    tester.Attr("shared_name", "t");
    if (std::string(op) == "MutableHashTableOfTensorsV2") {
      tester.Attr("value_shape", PartialShape(TensorShape{2}));
    }
    EXPECT_OK(tester.Run());
    handle_ = tester.output(0);
  }

  absl::Status Initialize(Tensor keys, Tensor values) {
    return Run("InitializeTableV2", {std::move(keys), std::move(values)});
  }
  absl::Status Insert(Tensor keys, Tensor values) {
    return Run("LookupTableInsertV2", {std::move(keys), std::move(values)});
  }
  absl::Status Import(Tensor keys, Tensor values) {
    return Run("LookupTableImportV2", {std::move(keys), std::move(values)});
  }
  absl::Status Remove(Tensor keys) {
    return Run("LookupTableRemoveV2", {std::move(keys)});
  }
  absl::StatusOr<Tensor> Find(Tensor keys, Tensor missing) {
    OpTester op("LookupTableFindV2");
    op.Input(handle_).Input(std::move(keys)).Input(std::move(missing));
    RETURN_IF_ERROR(op.Run());
    return op.output(0);
  }
  int64_t size() {
    OpTester op("LookupTableSizeV2");
    op.Input(handle_);
    EXPECT_OK(op.Run());
    return op.output(0).scalar<int64_t>();
  }
  absl::StatusOr<std::pair<Tensor, Tensor>> Export() {
    OpTester op("LookupTableExportV2");
    op.Attr("Tkeys", key_).Attr("Tvalues", value_).Input(handle_);
    RETURN_IF_ERROR(op.Run());
    return std::make_pair(op.output(0), op.output(1));
  }
  const Tensor& handle() const { return handle_; }

 private:
  absl::Status Run(const char* name, std::vector<Tensor> inputs) {
    OpTester op(name);
    op.Input(handle_);
    for (Tensor& input : inputs) op.Input(std::move(input));
    return op.Run();
  }

  const DataType key_;
  const DataType value_;
  Tensor handle_;
};

Tensor Strings(const std::vector<std::string>& values) {
  return MakeTensor<std::string>({static_cast<int64_t>(values.size())}, values);
}
Tensor Longs(const std::vector<int64_t>& values) {
  return MakeTensor<int64_t>({static_cast<int64_t>(values.size())}, values);
}
Tensor Long(int64_t value) { return Tensor::Scalar<int64_t>(value); }

TEST(LookupTableTest, FindsWhatItWasFilledWith) {
  Table table("HashTableV2", DT_STRING, DT_INT64);
  EXPECT_EQ(table.size(), 0);
  ASSERT_OK(table.Initialize(Strings({"a", "b"}), Longs({1, 2})));
  EXPECT_EQ(table.size(), 2);
  ASSERT_OK_AND_ASSIGN(
      Tensor found,
      table.Find(MakeTensor<std::string>({1, 3}, {"b", "z", "a"}), Long(-1)));
  ExpectTensorEqual<int64_t>(found, {1, 3}, {2, -1, 1});
  ASSERT_OK_AND_ASSIGN(found, table.Find(Strings({"z", "a"}), Longs({7, 8})));
  ExpectTensorEqual<int64_t>(found, {2}, {7, 1});
  ASSERT_OK_AND_ASSIGN(found, table.Find(Strings({}), Long(-1)));
  ExpectTensorEqual<int64_t>(found, {0}, {});
}

TEST(LookupTableTest, MapsNumbersToStrings) {
  Table table("HashTableV2", DT_INT32, DT_STRING);
  ASSERT_OK(table.Initialize(MakeTensor<int32_t>({2}, {-5, 0}),
                             Strings({"minus", "zero"})));
  ASSERT_OK_AND_ASSIGN(Tensor found,
                       table.Find(MakeTensor<int32_t>({3}, {0, 1, -5}),
                                  Tensor::Scalar<std::string>("?")));
  ExpectTensorEqual<std::string>(found, {3}, {"zero", "?", "minus"});
}

TEST(LookupTableTest, IsNotReadBeforeItIsFilled) {
  Table table("HashTableV2", DT_STRING, DT_INT64);
  EXPECT_THAT(
      table.Find(Strings({"a"}), Long(0)),
      HasCode(StatusCode::kFailedPrecondition, "Table not initialized."));
}

TEST(LookupTableTest, RefusesPairsThatDoNotFit) {
  Table table("HashTableV2", DT_STRING, DT_INT64);
  EXPECT_THAT(table.Initialize(Strings({"a", "b"}), Longs({1})),
              HasCode(StatusCode::kInvalidArgument,
                      "Keys and values must have the same size 2 vs 1"));
  EXPECT_THAT(table.Initialize(MakeTensor<std::string>({1, 1}, {"a"}),
                               MakeTensor<int64_t>({1, 1}, {1})),
              HasCode(StatusCode::kInvalidArgument,
                      "Keys must be a vector, but received shape[1,1]"));
  EXPECT_THAT(table.Initialize(Strings({"a", "a"}), Longs({1, 2})),
              HasCode(StatusCode::kFailedPrecondition,
                      "HashTable has different value for same key. Key a has "
                      "1 and trying to add value 2"));
  EXPECT_EQ(table.size(), 0);
  EXPECT_OK(table.Initialize(Strings({"a", "a"}), Longs({1, 1})));
  EXPECT_EQ(table.size(), 1);
}

TEST(LookupTableTest, FillingAgainIsFineWithAsManyPairs) {
  Table table("HashTableV2", DT_STRING, DT_INT64);
  ASSERT_OK(table.Initialize(Strings({"a", "b"}), Longs({1, 2})));
  EXPECT_OK(table.Initialize(Strings({"c", "d"}), Longs({3, 4})));
  EXPECT_THAT(table.Initialize(Strings({"a"}), Longs({1})),
              HasCode(StatusCode::kFailedPrecondition,
                      "Table was already initialized with different data."));
  ASSERT_OK_AND_ASSIGN(auto pairs, table.Export());
  ExpectTensorEqual<std::string>(pairs.first, {2}, {"a", "b"});
  ExpectTensorEqual<int64_t>(pairs.second, {2}, {1, 2});
}

TEST(LookupTableTest, RefusesOtherDtypesAndShapes) {
  Table table("HashTableV2", DT_STRING, DT_INT64);
  ASSERT_OK(table.Initialize(Strings({"a"}), Longs({1})));
  EXPECT_THAT(table.Find(Longs({1}), Long(0)),
              HasCode(StatusCode::kInvalidArgument,
                      "Signature mismatch, have: resource, int64, int64->int64 "
                      "expected: resource, string, int64->int64"));
  EXPECT_THAT(table.Find(Strings({"a"}), Longs({1, 2})),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected shape [] or [1] for default value, got [2]"));
  EXPECT_EQ(table.Insert(Strings({"q"}), Longs({1})).code(),
            StatusCode::kUnimplemented);
  EXPECT_EQ(table.Remove(Strings({"q"})).code(), StatusCode::kUnimplemented);
  EXPECT_EQ(table.Remove(Longs({1})).code(), StatusCode::kInvalidArgument);
}

TEST(LookupTableTest, MutableTablesInsertReplaceAndRemove) {
  Table table("MutableHashTableV2", DT_STRING, DT_INT64);
  ASSERT_OK(table.Insert(Strings({"a", "b", "c"}), Longs({1, 2, 3})));
  ASSERT_OK(table.Insert(Strings({"b", "b"}), Longs({8, 9})));
  ASSERT_OK(table.Remove(Strings({"a", "none"})));
  EXPECT_EQ(table.size(), 2);
  ASSERT_OK_AND_ASSIGN(Tensor found,
                       table.Find(Strings({"a", "b", "c"}), Long(-1)));
  ExpectTensorEqual<int64_t>(found, {3}, {-1, 9, 3});
  ASSERT_OK(table.Import(Strings({"x"}), Longs({5})));
  ASSERT_OK_AND_ASSIGN(auto pairs, table.Export());
  ExpectTensorEqual<std::string>(pairs.first, {1}, {"x"});
  ExpectTensorEqual<int64_t>(pairs.second, {1}, {5});
  EXPECT_THAT(table.Insert(Strings({"a", "b"}), Longs({1})),
              HasCode(StatusCode::kInvalidArgument,
                      "Expected shape [2] for value, got [1]"));
  EXPECT_THAT(table.Initialize(Strings({"a"}), Longs({1})),
              HasCode(StatusCode::kInvalidArgument,
                      "Table localhost t is not initializable"));
}

TEST(LookupTableTest, RemovalKeepsTheOtherRows) {
  Table table("MutableHashTableV2", DT_INT64, DT_STRING);
  ASSERT_OK(table.Insert(Longs({1, 2, 3}), Strings({"a", "b", "c"})));
  ASSERT_OK(table.Remove(Longs({1, 3})));
  ASSERT_OK_AND_ASSIGN(
      Tensor found,
      table.Find(Longs({1, 2, 3}), Tensor::Scalar<std::string>("-")));
  ExpectTensorEqual<std::string>(found, {3}, {"-", "b", "-"});
  ASSERT_OK(table.Remove(Longs({2})));
  EXPECT_EQ(table.size(), 0);
}

TEST(LookupTableTest, TablesOfVectors) {
  Table table("MutableHashTableOfTensorsV2", DT_STRING, DT_FLOAT);
  ASSERT_OK(table.Insert(Strings({"a"}), MakeTensor<float>({1, 2}, {1, 2})));
  ASSERT_OK_AND_ASSIGN(
      Tensor found,
      table.Find(Strings({"b", "a"}), MakeTensor<float>({2}, {7, 8})));
  ExpectTensorEqual<float>(found, {2, 2}, {7, 8, 1, 2});
  EXPECT_THAT(
      table.Find(Strings({"a", "b"}), MakeTensor<float>({3}, {0, 0, 0})),
      HasCode(StatusCode::kInvalidArgument,
              "Expected shape [2] or [2,2] for default value, got "
              "[3]"));
}

TEST(LookupTableTest, OneNameIsOneTableOfOneKind) {
  OpTester op("HashTableV2");
  op.Attr("key_dtype", DT_STRING).Attr("value_dtype", DT_INT64);
  op.Attr("shared_name", "t");
  ASSERT_OK(op.Run());
  EXPECT_EQ(op.output(0).scalar<ResourceHandle>().name, "t");
  EXPECT_EQ(op.output(0).scalar<ResourceHandle>().container, "localhost");
  OpTester unnamed("HashTableV2");
  unnamed.Attr("key_dtype", DT_STRING).Attr("value_dtype", DT_INT64);
  ASSERT_OK(unnamed.Run());
  EXPECT_EQ(unnamed.output(0).scalar<ResourceHandle>().name, "_tested");
}

TEST(LookupTableTest, RefusesKeysAndValuesItCannotHold) {
  OpTester keys("HashTableV2");
  keys.Attr("key_dtype", DT_FLOAT).Attr("value_dtype", DT_INT64);
  EXPECT_EQ(keys.Run().code(), StatusCode::kUnimplemented);
  OpTester values("MutableHashTableV2");
  values.Attr("key_dtype", DT_STRING).Attr("value_dtype", DT_VARIANT);
  EXPECT_EQ(values.Run().code(), StatusCode::kUnimplemented);
}

TEST(LookupTableTest, ABadHandleIsRefused) {
  ResourceHandle fed;
  fed.container = "localhost";
  fed.name = "none";
  OpTester op("LookupTableSizeV2");
  op.Input(Tensor::Scalar(fed));
  EXPECT_EQ(op.Run().code(), StatusCode::kNotFound);
}

class TextFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "lookup_table_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ + "/v.txt";
    std::ofstream(path_) << "a\tx\r\nb\ty\nc\tz\n";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  absl::Status Fill(const Table& table, int key_index, int value_index,
                    int vocab_size = -1, const char* delimiter = "\t") {
    OpTester op("InitializeTableFromTextFileV2");
    op.state().files = files_;
    op.Attr("key_index", key_index).Attr("value_index", value_index);
    op.Attr("vocab_size", vocab_size).Attr("delimiter", delimiter);
    op.Input(table.handle()).Scalar(path_);
    return op.Run();
  }

  std::string folder_;
  std::string path_;
  FileSystem* files_ = &FileSystem::Posix();
};

TEST_F(TextFileTest, ColumnsLinesAndNumbers) {
  Table numbers("HashTableV2", DT_STRING, DT_INT64);
  ASSERT_OK(Fill(numbers, 0, -1));
  ASSERT_OK_AND_ASSIGN(Tensor found,
                       numbers.Find(Strings({"a", "c", "q"}), Long(-1)));
  ExpectTensorEqual<int64_t>(found, {3}, {0, 2, -1});

  Table lines("HashTableV2", DT_STRING, DT_INT64);
  ASSERT_OK(Fill(lines, -2, -1));
  ASSERT_OK_AND_ASSIGN(found, lines.Find(Strings({"a\tx", "c"}), Long(-1)));
  ExpectTensorEqual<int64_t>(found, {2}, {0, -1});

  Table columns("HashTableV2", DT_INT64, DT_STRING);
  ASSERT_OK(Fill(columns, -1, 1, 2));
  ASSERT_OK_AND_ASSIGN(
      found, columns.Find(Longs({0, 1, 2}), Tensor::Scalar<std::string>("?")));
  ExpectTensorEqual<std::string>(found, {3}, {"x", "y", "?"});
}

TEST_F(TextFileTest, RefusesFilesThatDoNotFit) {
  Table to_int("HashTableV2", DT_STRING, DT_INT64);
  EXPECT_THAT(Fill(to_int, 0, -1, 5), HasCode(StatusCode::kInvalidArgument,
                                              "Invalid vocab_size in " + path_ +
                                                  ": expected 5 but got 3"));
  EXPECT_THAT(Fill(to_int, 7, -1),
              HasCode(StatusCode::kInvalidArgument,
                      "line 0 (a\tx) : expected at least 8 got 2"));
  EXPECT_THAT(Fill(to_int, 0, 1),
              HasCode(StatusCode::kInvalidArgument,
                      "Field x in line 0 is not a valid int64."));
  EXPECT_THAT(Fill(to_int, -1, -1),
              HasCode(StatusCode::kInvalidArgument,
                      "Key index for line number requires table key dtype of "
                      "int64, got string"));
  EXPECT_THAT(
      Fill(to_int, 0, -1, -1, "ab"),
      HasCode(StatusCode::kInvalidArgument, "delimiter should be only 1 char"));
  Table to_string("HashTableV2", DT_STRING, DT_STRING);
  EXPECT_THAT(Fill(to_string, 0, -1),
              HasCode(StatusCode::kInvalidArgument,
                      "Value index for line number requires"));
  path_ = folder_ + "/none";
  EXPECT_EQ(Fill(to_int, 0, -1).code(), StatusCode::kNotFound);
  files_ = nullptr;
  EXPECT_EQ(Fill(to_int, 0, -1).code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(to_int.size(), 0);
}

TEST_F(TextFileTest, CountsTheFileAgainstTheBudget) {
  Table table("HashTableV2", DT_STRING, DT_INT64);
  std::filesystem::resize_file(path_, 8 << 20);
  const MemoryLimit limit(10 << 20);
  // Before it is read, or its lines would be counted.
  EXPECT_EQ(Fill(table, -2, -1, 5).code(), StatusCode::kResourceExhausted);
  std::filesystem::resize_file(path_, 4 << 20);
  EXPECT_EQ(Fill(table, -2, -1, 5).code(), StatusCode::kInvalidArgument);
}

// The older spellings take container and name; one OpTester is one session, so
// only what is not there can be asked for.
TEST(LookupTableTest, OlderSpellingsGoByName) {
  for (const char* name :
       {"HashTable", "MutableHashTable", "MutableHashTableOfTensors"}) {
    OpTester op(name);
    op.Attr("key_dtype", DT_STRING).Attr("value_dtype", DT_INT64);
    op.Attr("use_node_name_sharing", true);
    ASSERT_OK(op.Run()) << name;
    ExpectTensorEqual<std::string>(op.output(0), {2}, {"localhost", "tested"});
  }
  struct Case {
    const char* name;
    std::vector<Tensor> inputs;
  };
  const Tensor keys = Strings({"a"});
  const Tensor values = Longs({1});
  for (const Case& c : {
           Case{"InitializeTable", {keys, values}},
           Case{"InitializeTableFromTextFile", {keys}},
           Case{"LookupTableFind", {keys, Long(0)}},
           Case{"LookupTableSize", {}},
           Case{"LookupTableInsert", {keys, values}},
           Case{"LookupTableImport", {keys, values}},
           Case{"LookupTableExport", {}},
       }) {
    OpTester op(c.name);
    op.Attr("key_index", 0).Attr("value_index", -1);
    op.Attr("Tkeys", DT_STRING).Attr("Tvalues", DT_INT64);
    op.Input<std::string>({2}, {"localhost", "none"});
    for (const Tensor& input : c.inputs) op.Input(input);
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kNotFound, "localhost/none"))
        << c.name;
    op.ClearInputs().Input<std::string>({1}, {"x"});
    for (const Tensor& input : c.inputs) op.Input(input);
    EXPECT_EQ(op.Run().code(), StatusCode::kInvalidArgument) << c.name;
  }
}

}  // namespace metagraph::lookup_table_test
