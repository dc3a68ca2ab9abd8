#include "core/graph/tensor_name.h"

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

TEST(TensorNameTest, TakesNodeAndIndexApart) {
  ASSERT_OK_AND_ASSIGN(TensorName name, ParseTensorName("a/b:12"));
  EXPECT_EQ(name.node, "a/b");
  EXPECT_EQ(name.index, 12);
  EXPECT_EQ(name.ToString(), "a/b:12");
}

TEST(TensorNameTest, ANodeAloneIsItsFirstOutput) {
  ASSERT_OK_AND_ASSIGN(TensorName name, ParseTensorName("a"));
  EXPECT_EQ(name.ToString(), "a:0");
}

TEST(TensorNameTest, RefusesWhatIsNoTensor) {
  for (const char* bad : {"", "^a", ":0", "a:", "a:x", "a:-1", "a:01", "a:0 ",
                          "a:1.5", "a:99999999999999999999"}) {
    EXPECT_THAT(ParseTensorName(bad),
                HasCode(absl::StatusCode::kInvalidArgument, "tensor name"))
        << bad;
  }
}

TEST(TensorNameTest, KnowsControlInputs) {
  EXPECT_TRUE(IsControlInput("^a"));
  EXPECT_FALSE(IsControlInput("a"));
  EXPECT_FALSE(IsControlInput(""));
}

}  // namespace
}  // namespace metagraph
