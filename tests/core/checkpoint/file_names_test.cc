#include "core/checkpoint/file_names.h"

#include "gtest/gtest.h"

namespace metagraph {
namespace {

TEST(GlobalStepTest, IsTheNumberAtTheEnd) {
  EXPECT_EQ(GlobalStepOf("/d/model.ckpt-2000"), 2000);
  EXPECT_EQ(GlobalStepOf("model-00000042"), 42);
  EXPECT_EQ(GlobalStepOf("model"), -1);
  EXPECT_EQ(GlobalStepOf("model-20-\?\?\?\?\?-of-00002"), 20);
  EXPECT_EQ(GlobalStepOf("model-"), -1);
  EXPECT_EQ(GlobalStepOf("model-12a"), -1);
  EXPECT_EQ(GlobalStepOf("model-99999999999999999999"), -1);
}

TEST(FileNamesTest, FilesOfFormatV1) {
  EXPECT_EQ(WithoutShards("/d/m-20-00001-of-00002"), "/d/m-20");
  EXPECT_EQ(WithoutShards("m-\?\?\?\?\?-of-00002"), "m");
  EXPECT_EQ(WithoutShards("m-0001-of-00002"), "m-0001-of-00002");
  EXPECT_EQ(V1PrefixOf("m-00001-of-00002"), "m-\?\?\?\?\?-of-00002");
  EXPECT_EQ(V1PrefixOf("m-20"), "m-20");
  EXPECT_EQ(MetaGraphPath("m-\?\?\?\?\?-of-00002"), "m.meta");
  EXPECT_TRUE(IsV1Name("model.ckpt-3"));
  for (const char* name :
       {"checkpoint", "m.meta", "m.index", "m.pb", "m.data-00000-of-00001"}) {
    EXPECT_FALSE(IsV1Name(name)) << name;
  }
}

TEST(FileNamesTest, DataFiles) {
  EXPECT_EQ(DataPath("/d/m", 1, 2), "/d/m.data-00001-of-00002");
  EXPECT_TRUE(IsDataFileOf("m", "m.data-00001-of-00002"));
  EXPECT_FALSE(IsDataFileOf("m", "mm.data-00001-of-00002"));
  EXPECT_FALSE(IsDataFileOf("m", "m.data-00001-of-00002.tempstate1"));
}

TEST(FileNamesTest, LastComponentOfAnyPath) {
  EXPECT_EQ(LastComponent("/a/b"), "b");
  EXPECT_EQ(LastComponent("C:\\runs\\m-1"), "m-1");
  EXPECT_EQ(LastComponent("m"), "m");
  EXPECT_EQ(LastComponent("/a/"), "");
}

}  // namespace
}  // namespace metagraph
