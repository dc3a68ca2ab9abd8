#include <limits>

#include "tests/core/tensor/memory_limit.h"
#include "tests/support/op_tester.h"

namespace metagraph::decode_csv_test {

using absl::StatusCode;

// DecodeCSV of int32, float, string with the defaults 0, 1.5, "x".
struct Csv {
  OpTester op{"DecodeCSV"};

  explicit Csv(const std::vector<std::string>& records) {
    op.Input(Tensor::Vector<std::string>(records));
    op.Input<int32_t>({1}, {0}).Input<float>({1}, {1.5});
    op.Input<std::string>({1}, {"x"});
  }
  void Expect(const std::vector<int32_t>& ints,
              const std::vector<float>& floats,
              const std::vector<std::string>& texts) {
    ASSERT_OK(op.Run());
    const TensorShape shape({static_cast<int64_t>(ints.size())});
    ExpectTensorEqual<int32_t>(op.output(0), shape, ints);
    ExpectTensorEqual<float>(op.output(1), shape, floats);
    ExpectTensorEqual<std::string>(op.output(2), shape, texts);
  }
  void ExpectRefused(const std::string& text) {
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, text));
  }
};

TEST(DecodeCsvTest, ReadsColumnsAndDefaults) {
  Csv({"1,2.5,a", "3,,", " 4 , 5 ,\"q,\"\"r\"\"\""})
      .Expect({1, 3, 4}, {2.5, 1.5, 5}, {"a", "x", "q,\"r\""});
  Csv({"\"\",2,\"\""}).Expect({0}, {2}, {"x"});
  Csv({"1,2,\"a\nb\""}).Expect({1}, {2}, {"a\nb"});
  Csv({"\n1,2,a"}).Expect({1}, {2}, {"a"});
  Csv({}).Expect({}, {}, {});
}

TEST(DecodeCsvTest, FollowsItsAttributes) {
  Csv plain({"1,2,a\"b"});
  plain.op.Attr("use_quote_delim", false);
  plain.Expect({1}, {2}, {"a\"b"});
  Csv missing({"NA,NA,NA"});
  missing.op.Attr("na_value", "NA");
  missing.Expect({0}, {1.5}, {"x"});
  Csv bars({"1|2|a"});
  bars.op.Attr("field_delim", "|");
  bars.Expect({1}, {2}, {"a"});
  Csv some({"1,2,3,4,5", "6,7,8,9,10,\""});
  some.op.Attr("select_cols", std::vector<int64_t>{0, 2, 4});
  some.Expect({1, 6}, {3, 8}, {"5", "10"});
}

TEST(DecodeCsvTest, ReadsWideTypesAndShapes) {
  OpTester op("DecodeCSV");
  op.Input<std::string>({1, 2}, {"9999999999,1e400", "-1,2"});
  op.Scalar<int64_t>(0).Input<double>({0}, {});
  ASSERT_OK(op.Run());
  ExpectTensorEqual<int64_t>(op.output(0), {1, 2}, {9999999999, -1});
  ExpectTensorEqual<double>(op.output(1), {1, 2},
                            {std::numeric_limits<double>::infinity(), 2});
}

TEST(DecodeCsvTest, RefusesBadRecords) {
  Csv({"1,2"}).ExpectRefused("Expect 3 fields but have 2 in record 0");
  Csv({"1,2,3", "1,2,3,4"})
      .ExpectRefused("Expect 3 fields but have 4 in record 1");
  Csv({""}).ExpectRefused("Expect 3 fields but have 0 in record 0");
  Csv({"a,2,3"}).ExpectRefused("Field 0 in record 0 is not a valid int32: a");
  Csv({"9999999999,2,3"})
      .ExpectRefused("Field 0 in record 0 is not a valid int32: 9999999999");
  Csv({"1,b,3"}).ExpectRefused("Field 1 in record 0 is not a valid float: b");
  // No whole field of any size in a message.
  Csv({std::string(1000, 'x') + ",2,3"})
      .ExpectRefused("is not a valid int32: " + std::string(256, 'x') + "...");
  Csv({"1,2,\"a"})
      .ExpectRefused(
          "Quoted field has to end with quote followed by delim or end");
  Csv({"1,2,\""})
      .ExpectRefused(
          "Quoted field has to end with quote followed by delim or end");
  Csv({"1,2,\"a\"b"})
      .ExpectRefused(
          "Quote inside a string has to be escaped by another quote");
  for (const char* record : {"1,2,a\"b", "1,2,a\r\n", "1,2,a\n"}) {
    Csv({record}).ExpectRefused(
        "Unquoted fields cannot have quotes/CRLFs inside");
  }
  OpTester required("DecodeCSV");
  required.Input<std::string>({1}, {"1,"}).Scalar<int32_t>(0);
  required.Input<std::string>({0}, {});
  EXPECT_THAT(required.Run(),
              HasCode(StatusCode::kInvalidArgument,
                      "Field 1 is required but missing in record 0!"));
}

// What a line says costs as much as the line, and no more.
TEST(DecodeCsvTest, KeepsNoMoreThanItsColumns) {
  Csv(std::vector<std::string>{std::string(100000, ',')})
      .ExpectRefused("Expect 3 fields but have 100001 in record 0");
  Csv(std::vector<std::string>{"1,2,a,b,c", "3,4,d"})
      .ExpectRefused("Expect 3 fields but have 5 in record 0");
  Csv({"1,2,", "3,4,d"}).Expect({1, 3}, {2, 4}, {"x", "d"});
  OpTester op("DecodeCSV");
  op.Scalar<std::string>(std::string(1 << 20, '1')).Scalar<int32_t>(0);
  const MemoryLimit limit(1 << 19);
  EXPECT_THAT(op.Run(), HasCode(StatusCode::kResourceExhausted, "memory"));
}

TEST(DecodeCsvTest, RefusesAttributesAndDefaults) {
  const auto expect = [](const std::vector<int64_t>& columns,
                         const char* text) {
    Csv csv({"1,2,3"});
    csv.op.Attr("select_cols", columns);
    csv.ExpectRefused(text);
  };
  expect({0, 2}, "select_cols should match output size");
  expect({-1, 0, 2}, "select_cols should be non-negative indices");
  expect({2, 1, 3}, "select_cols should be strictly increasing indices");
  expect({0, 1, 1}, "select_cols should be strictly increasing indices");
  expect({0, 1, 7}, "Expect 3 fields but have 2 in record 0");
  Csv csv({"1,2,3"});
  csv.op.Attr("field_delim", "||");
  csv.ExpectRefused("field_delim should be only 1 char");
  const auto expect_default = [](Tensor value, const char* text) {
    OpTester op("DecodeCSV");
    op.Input<std::string>({1}, {"1"}).Input(std::move(value));
    EXPECT_THAT(op.Run(), HasCode(StatusCode::kInvalidArgument, text));
  };
  expect_default(MakeTensor<float>({2}, {1, 2}),
                 "There should only be 1 default per field but field 0 has 2");
  expect_default(MakeTensor<float>({1, 1}, {1}),
                 "Each record default should be at most rank 1");
}

}  // namespace metagraph::decode_csv_test
