#include "core/tensor/dtype.h"

#include "gtest/gtest.h"

namespace metagraph {
namespace {

TEST(DataTypeTest, NamesGoBothWays) {
  for (int number = 1; number <= 23; ++number) {
    const auto dtype = static_cast<DataType>(number);
    ASSERT_TRUE(IsValidDataType(number));
    EXPECT_EQ(DataTypeFromName(DataTypeName(dtype)), dtype);
    EXPECT_GT(DataTypeSize(dtype), 0u);
    const DataType ref = MakeRefType(dtype);
    EXPECT_EQ(DataTypeFromName(DataTypeName(ref)), ref);
    EXPECT_EQ(BaseType(ref), dtype);
  }
  EXPECT_EQ(DataTypeName(DT_HALF), "half");
  EXPECT_EQ(DataTypeName(tensorflow::DT_FLOAT_REF), "float_ref");
}

TEST(DataTypeTest, UnknownNumbersAndNamesAreInvalid) {
  for (int number : {-1, 0, 24, 99, 100, 101, 124, 1 << 30}) {
    EXPECT_FALSE(IsValidDataType(number)) << number;
  }
  EXPECT_EQ(DataTypeName(static_cast<DataType>(77)), "invalid");
  EXPECT_EQ(DataTypeName(DT_INVALID), "invalid");
  EXPECT_EQ(DataTypeName(tensorflow::DT_INT4), "DT_INT4");
  EXPECT_EQ(DataTypeSize(static_cast<DataType>(77)), 0u);
  EXPECT_EQ(DataTypeFromName("float32"), DT_INVALID);
}

TEST(DataTypeTest, FamiliesDoNotOverlap) {
  for (int number = 1; number <= 23; ++number) {
    const auto dtype = static_cast<DataType>(number);
    EXPECT_LE(IsFloatingType(dtype) + IsIntegerType(dtype) +
                  IsComplexType(dtype) + IsQuantizedType(dtype),
              1)
        << DataTypeName(dtype);
  }
  EXPECT_FALSE(IsPlainData(DT_STRING));
  EXPECT_TRUE(IsPlainData(DT_QINT32));
}

}  // namespace
}  // namespace metagraph
