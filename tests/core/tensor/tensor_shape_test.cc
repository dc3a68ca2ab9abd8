#include "core/tensor/tensor_shape.h"

#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace metagraph {
namespace {

using Code = absl::StatusCode;

TEST(TensorShapeTest, CountsElements) {
  EXPECT_EQ(TensorShape().num_elements(), 1);
  EXPECT_EQ(TensorShape({2, 3}).num_elements(), 6);
  EXPECT_EQ(TensorShape({2, 0}).num_elements(), 0);
  EXPECT_EQ(TensorShape({2, 3}).ToString(), "[2,3]");
}

TEST(TensorShapeTest, EditsKeepTheCount) {
  TensorShape shape({2, 3});
  shape.AddDim(4);
  shape.InsertDim(0, 5);
  shape.RemoveDim(1);
  shape.SetDim(0, 1);
  EXPECT_EQ(shape.ToString(), "[1,3,4]");
  EXPECT_EQ(shape.num_elements(), 12);
}

TEST(TensorShapeTest, BuildRefusesHostileSizes) {
  const int64_t big = int64_t{1} << 40;
  EXPECT_THAT(TensorShape::Build({2, -1}),
              HasCode(Code::kInvalidArgument, "negative"));
  EXPECT_THAT(TensorShape::Build({big, big}),
              HasCode(Code::kInvalidArgument, "more elements"));
  EXPECT_THAT(TensorShape::Build({0, big, big}),
              HasCode(Code::kInvalidArgument, "more elements"));
  EXPECT_THAT(TensorShape::Build(std::vector<int64_t>(255, 1)),
              HasCode(Code::kInvalidArgument, "255 dimensions"));
  EXPECT_OK(TensorShape::Build(std::vector<int64_t>(254, 1)));
}

TEST(TensorShapeTest, ProtoGoesBothWays) {
  tensorflow::TensorShapeProto proto;
  TensorShape({4, 5}).ToProto(&proto);
  ASSERT_OK_AND_ASSIGN(TensorShape shape, TensorShape::Build(proto));
  EXPECT_EQ(shape, TensorShape({4, 5}));
  proto.Clear();
  proto.set_unknown_rank(true);
  EXPECT_THAT(TensorShape::Build(proto),
              HasCode(Code::kInvalidArgument, "unknown rank"));
}

TEST(PartialShapeTest, KnowsWhatFits) {
  const PartialShape any;
  const PartialShape rows({-1, 3});
  EXPECT_TRUE(any.IsCompatibleWith(TensorShape({7})));
  EXPECT_TRUE(rows.IsCompatibleWith(TensorShape({5, 3})));
  EXPECT_FALSE(rows.IsCompatibleWith(TensorShape({5, 4})));
  EXPECT_FALSE(rows.IsCompatibleWith(TensorShape({5, 3, 1})));
  EXPECT_FALSE(rows.IsCompatibleWith(TensorShape({5})));
  EXPECT_FALSE(PartialShape({0}).IsCompatibleWith(TensorShape({1})));
  EXPECT_TRUE(PartialShape({0}).IsCompatibleWith(TensorShape({0})));
  EXPECT_EQ(any.ToString(), "<unknown>");
  EXPECT_EQ(rows.ToString(), "[?,3]");
  EXPECT_FALSE(rows.IsFullyDefined());
  EXPECT_THAT(rows.AsTensorShape(), HasCode(Code::kInvalidArgument, ""));
}

TEST(PartialShapeTest, MergeTakesWhatEitherKnows) {
  ASSERT_OK_AND_ASSIGN(PartialShape merged,
                       PartialShape({-1, 3}).MergeWith(PartialShape({2, -1})));
  EXPECT_EQ(merged.ToString(), "[2,3]");
  EXPECT_THAT(PartialShape({2}).MergeWith(PartialShape({3})),
              HasCode(Code::kInvalidArgument,
                      "PartialTensorShape: Incompatible shapes during merge: "
                      "[2] vs. [3]"));
  EXPECT_THAT(PartialShape({2}).MergeWith(PartialShape({2, 2})),
              HasCode(Code::kInvalidArgument,
                      "PartialTensorShape: Incompatible ranks during merge: 1 "
                      "vs. 2"));
}

TEST(PartialShapeTest, BuildRefusesSizesBelowMinusOne) {
  tensorflow::TensorShapeProto proto;
  proto.add_dim()->set_size(-2);
  EXPECT_THAT(PartialShape::Build(proto),
              HasCode(Code::kInvalidArgument, "-2"));
}

}  // namespace
}  // namespace metagraph
