#include "client/tensor_json.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/tensor_format.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<Tensor> Parse(absl::string_view text, DataType dtype) {
  return TensorFromJson(text, dtype, PartialShape());
}

std::string Error(absl::string_view text, DataType dtype) {
  const auto tensor = Parse(text, dtype);
  EXPECT_EQ(tensor.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(tensor.status().message());
}

TEST(TensorFromJsonTest, MakesFloatsOfIntegersWhereFloatsAreWanted) {
  const auto tensor = Parse("[1, 2.5, -3e2, 4]", DT_FLOAT);
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_THAT(tensor->values<float>(), ElementsAre(1, 2.5, -300, 4));
}

TEST(TensorFromJsonTest, TakesTheShapeFromTheNesting) {
  const auto tensor = Parse("[[[1],[2],[3]],[[4],[5],[6]]]", DT_INT32);
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_EQ(tensor->shape(), TensorShape({2, 3, 1}));
  EXPECT_EQ(Parse("7", DT_INT64)->shape(), TensorShape({}));
}

TEST(TensorFromJsonTest, TakesInnerSizesOfEmptyArraysFromTheDeclaration) {
  const int64_t declared[] = {-1, 784};
  const auto tensor = TensorFromJson("[]", DT_FLOAT, PartialShape(declared));
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_EQ(tensor->shape(), TensorShape({0, 784}));
  EXPECT_EQ(Parse("[[],[]]", DT_FLOAT)->shape(), TensorShape({2, 0}));
  const int64_t full[] = {2, 3};
  EXPECT_FALSE(TensorFromJson("1", DT_STRING, PartialShape(full)).ok());
}

TEST(TensorFromJsonTest, GuessesWhenTheTypeIsNotKnown) {
  EXPECT_EQ(Parse("[1, 2]", DT_INVALID)->dtype(), DT_INT32);
  EXPECT_EQ(Parse("[1, 3000000000]", DT_INVALID)->dtype(), DT_INT64);
  EXPECT_EQ(Parse("[1, 2.0]", DT_INVALID)->dtype(), DT_FLOAT);
  EXPECT_EQ(Parse("true", DT_INVALID)->dtype(), DT_BOOL);
  EXPECT_EQ(Parse("\"a\"", DT_INVALID)->dtype(), DT_STRING);
}

TEST(TensorFromJsonTest, TakesReferencesAsWhatTheyReferTo) {
  EXPECT_EQ(Parse("1", static_cast<DataType>(DT_FLOAT + 100))->dtype(),
            DT_FLOAT);
}

TEST(TensorFromJsonTest, ReadsNotANumberAndInfinities) {
  const auto tensor = Parse(R"(["NaN","Infinity","-Infinity"])", DT_HALF);
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_TRUE(std::isnan(static_cast<float>(tensor->values<half>()[0])));
  EXPECT_TRUE(std::isinf(static_cast<float>(tensor->values<half>()[1])));
}

TEST(TensorFromJsonTest, ReadsStringsAndBytes) {
  const auto tensor = Parse(R"(["a\u00e9", {"b64": "AAH/"}])", DT_STRING);
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_THAT(tensor->values<std::string>(),
              ElementsAre("aé", std::string("\0\1\xff", 3)));
}

TEST(TensorFromJsonTest, ReadsComplexPairs) {
  const auto tensor = Parse("[[1, 2], [3, 4.5]]", DT_COMPLEX64);
  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_EQ(tensor->shape(), TensorShape({2}));
  EXPECT_EQ(tensor->values<complex64>()[1], complex64(3, 4.5));
  EXPECT_FALSE(Parse("[1, 2, 3]", DT_COMPLEX64).ok());
  EXPECT_FALSE(Parse("1", DT_COMPLEX128).ok());
}

TEST(TensorFromJsonTest, ReadsBackWhatIsWritten) {
  for (const DataType dtype :
       {DT_FLOAT, DT_DOUBLE, DT_HALF, DT_BFLOAT16, DT_INT8, DT_INT16, DT_INT32,
        DT_INT64, DT_UINT8, DT_UINT16, DT_UINT32, DT_UINT64, DT_QINT8,
        DT_QUINT8, DT_QINT16, DT_QUINT16, DT_QINT32}) {
    const auto tensor = Parse("[[1,2],[3,100]]", dtype);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    EXPECT_EQ(tensor->dtype(), dtype);
    EXPECT_EQ(TensorToJson(*tensor), "[[1,2],[3,100]]") << dtype;
  }
}

TEST(TensorFromJsonTest, RefusesValuesThatDoNotFit) {
  EXPECT_EQ(Error("[1, 300]", DT_UINT8), "value 1: 300 is not a uint8");
  EXPECT_EQ(Error("-1", DT_UINT64), "value 0: -1 is not a uint64");
  EXPECT_EQ(Error("1.5", DT_INT32), "value 0: 1.5 is not a int32");
  EXPECT_EQ(Error("\"a\"", DT_FLOAT), "value 0: \"a\" is not a float");
  EXPECT_EQ(Error("1", DT_BOOL), "value 0: 1 is not a bool");
  EXPECT_EQ(Error("1", DT_STRING), "value 0: 1 is not a string");
  EXPECT_FALSE(Parse("18446744073709551615", DT_INT64).ok());
  EXPECT_FALSE(Parse("1e300", DT_FLOAT).ok());
  EXPECT_FALSE(Parse("70000", DT_HALF).ok());
  EXPECT_FALSE(Parse("1", DT_RESOURCE).ok());
}

TEST(TensorFromJsonTest, RefusesRaggedArrays) {
  for (const char* text : {"[[1,2],[3]]", "[1,[2]]", "[[1],2]", "[[],1]",
                           "[[],[1]]", "[[1],[]]", "[[[1]],[[1],[2]]]"}) {
    EXPECT_FALSE(Parse(text, DT_INT32).ok()) << text;
  }
}

TEST(TensorFromJsonTest, RefusesWhatIsNotATensor) {
  for (const char* text :
       {"", "[", "[1,]", "null", "{}", "{\"a\":1}", "{\"b64\":1}",
        "{\"b64\":\"*\"}", "{\"b64\":\"AA==\",\"b64\":\"AA==\"}",
        "{\"b64\":[\"AA==\"]}", "{\"b64\":{\"b64\":\"\"}}", "1 2", "NaN",
        "\"\xff\"", "1e999", "[1]]"}) {
    EXPECT_FALSE(Parse(text, DT_INVALID).ok()) << text;
  }
  EXPECT_THAT(Error("[1,x]", DT_FLOAT), HasSubstr("byte 4"));
}

TEST(TensorFromJsonTest, RefusesDeepNestingWithoutRecursion) {
  EXPECT_THAT(Error(std::string(1'000'000, '['), DT_FLOAT),
              HasSubstr("nested"));
  const auto deepest = Parse(
      absl::StrCat(std::string(254, '['), std::string(254, ']')), DT_FLOAT);
  EXPECT_TRUE(deepest.ok()) << deepest.status();
}

}  // namespace
}  // namespace metagraph
