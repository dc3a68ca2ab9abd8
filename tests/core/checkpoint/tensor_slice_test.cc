#include "core/checkpoint/tensor_slice.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "core/checkpoint/slice_copy.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/hex.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tensors.h"

namespace metagraph {
namespace {

TEST(TensorSliceTest, ParsesAndPrints) {
  ASSERT_OK_AND_ASSIGN(TensorSlice slice, TensorSlice::Parse("-:0,2:10,5"));
  ASSERT_EQ(slice.extents.size(), 3u);
  EXPECT_EQ(slice.extents[0].length, TensorSlice::kWhole);
  EXPECT_EQ(slice.extents[2].start, 10);
  EXPECT_EQ(slice.ToString(), "-:0,2:10,5");
  tensorflow::TensorSliceProto proto;
  slice.ToProto(&proto);
  EXPECT_EQ(*TensorSlice::Build(proto), slice);
}

TEST(TensorSliceTest, RefusesMalformedText) {
  for (const char* text : {"x", "1", "1,2,3", "a,b", "1,2:", ":"}) {
    EXPECT_THAT(TensorSlice::Parse(text),
                HasCode(absl::StatusCode::kInvalidArgument,
                        "Expected a pair of numbers or '-' but got '"))
        << text;
  }
  EXPECT_THAT(TensorSlice::Parse("-1,2"),
              HasCode(absl::StatusCode::kInvalidArgument, "non-negative"));
}

TEST(TensorSliceTest, RefusesHostileProtos) {
  tensorflow::TensorSliceProto proto;
  auto* extent = proto.add_extent();
  extent->set_start(-1);
  extent->set_length(2);
  EXPECT_THAT(TensorSlice::Build(proto),
              HasCode(absl::StatusCode::kInvalidArgument, "-1,2"));
  extent->set_start(std::numeric_limits<int64_t>::max());
  extent->set_length(std::numeric_limits<int64_t>::max());
  ASSERT_OK_AND_ASSIGN(TensorSlice slice, TensorSlice::Build(proto));
  EXPECT_THAT(slice.ShapeIn({5}),
              HasCode(absl::StatusCode::kInternal, "out of bounds"));
  for (int i = 0; i < 300; ++i) proto.add_extent();
  EXPECT_THAT(TensorSlice::Build(proto),
              HasCode(absl::StatusCode::kInvalidArgument, "301"));
}

TEST(ShapeAndSliceTest, Parses) {
  ASSERT_OK_AND_ASSIGN(ShapeAndSlice spec, ShapeAndSlice::Parse("4 3 0,2:-"));
  EXPECT_EQ(spec.full_shape.ToString(), "[4,3]");
  EXPECT_EQ(spec.slice_shape.ToString(), "[2,3]");
  EXPECT_FALSE(spec.slice.Covers(spec.full_shape));
  ASSERT_OK_AND_ASSIGN(spec, ShapeAndSlice::Parse("4 3 0,4:-"));
  EXPECT_TRUE(spec.slice.Covers(spec.full_shape));
}

TEST(TensorSliceTest, CoversAShapeOfItsRankOnly) {
  ASSERT_OK_AND_ASSIGN(const TensorSlice slice, TensorSlice::Parse("-:0,3"));
  EXPECT_TRUE(slice.Covers({2, 3}));
  EXPECT_FALSE(slice.Covers({2, 4}));
  EXPECT_FALSE(slice.Covers({2}));
  EXPECT_FALSE(slice.Covers({2, 3, 1}));
}

TEST(ShapeAndSliceTest, ErrorsAreTensorFlows) {
  EXPECT_THAT(ShapeAndSlice::Parse("4"),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "Need least two elements in shape_and_slice "
                      "specification: 4"));
  EXPECT_THAT(ShapeAndSlice::Parse("x 3 -:-"),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "Non numerical dimension in shape_and_slice: x 3 -:-"));
  EXPECT_THAT(ShapeAndSlice::Parse("4 3 2,3:-"),
              HasCode(absl::StatusCode::kInternal,
                      "Extent in dimension 0 out of bounds: shape = [4,3], "
                      "slice = 2,3:-"));
  EXPECT_THAT(ShapeAndSlice::Parse("4 3 -"),
              HasCode(absl::StatusCode::kInvalidArgument, "ranks"));
  EXPECT_THAT(
      ShapeAndSlice::Parse("9223372036854775807 9223372036854775807 -:-"),
      HasCode(absl::StatusCode::kInvalidArgument, ""));
}

// The key of a slice of a tensor "": bytes of one extent after 00 0001 0101.
std::string EncodedStart(int64_t start) {
  TensorSlice slice;
  slice.extents.push_back({start, 0});
  std::string key = EncodeSliceKey("", slice);
  EXPECT_EQ(key.substr(0, 5), std::string("\0\0\1\1\1", 5));
  EXPECT_EQ(key.back(), '\x80');  // the length, 0
  return absl::BytesToHexString(key.substr(5, key.size() - 6));
}

TEST(SliceKeyTest, SignedNumbersKeepTheirOrder) {
  const std::vector<std::pair<int64_t, std::string>> known = {
      {0, "80"},
      {1, "81"},
      {-1, "7f"},
      {63, "bf"},
      {-64, "40"},
      {64, "c040"},
      {-65, "3fbf"},
      {8192, "e02000"},
      {-2048, "3800"},
      {0x424242, "f0424242"},
      {int64_t{1} << 31, "f880000000"},
      {int64_t{1} << 55, "ff8080000000000000"},
      {std::numeric_limits<int64_t>::max(), "ffc07fffffffffffffff"},
  };
  for (const auto& [value, bytes] : known) {
    EXPECT_EQ(EncodedStart(value), bytes) << value;
  }
}

TEST(SliceKeyTest, NamesAreEscaped) {
  EXPECT_EQ(EncodeSliceKey("p", *TensorSlice::Parse("0,2:0,3")),
            FromHex("00700001010280828083"));
  EXPECT_EQ(EncodeSliceKey(absl::string_view("\0\xff", 2), TensorSlice()),
            FromHex("0000ffff00000100"));
  EXPECT_EQ(EncodeSliceKey("a", TensorSlice::Whole(1)), FromHex("0061000101"
                                                                "01"
                                                                "807f"));
}

TEST(SliceCopyTest, DisjointFindsAnyOverlap) {
  const TensorShape shape{6, 6};
  const auto slice = [&](const char* text) {
    return *TensorSlice::Parse(text)->Resolve(shape);
  };
  const TensorSlice a = slice("0,2:-"), b = slice("2,4:0,3");
  const TensorSlice c = slice("2,4:3,3"), d = slice("5,1:2,2");
  int64_t pairs = 0;
  EXPECT_OK(CheckDisjoint({&c, &a, &b}, &pairs));
  EXPECT_THAT(CheckDisjoint({&a, &b, &c, &d}, &pairs),
              HasCode(absl::StatusCode::kDataLoss, "overlap"));
  EXPECT_THAT(CheckDisjoint({&a, &a}, &pairs),
              HasCode(absl::StatusCode::kDataLoss, "overlap"));
  EXPECT_FALSE(Intersect(a, b).has_value());
  EXPECT_EQ(Intersect(b, d)->ToString(), "5,1:2,1");
}

TEST(SliceCopyTest, RefusesMoreSlicesThanCanBeCompared) {
  // Unit boxes of a tensor of 14 dimensions of 2: no order sets them apart.
  std::vector<TensorSlice> slices(1 << 14);
  std::vector<const TensorSlice*> pointers;
  for (size_t i = 0; i < slices.size(); ++i) {
    for (int d = 0; d < 14; ++d) {
      slices[i].extents.push_back({static_cast<int64_t>(i >> d & 1), 1});
    }
    pointers.push_back(&slices[i]);
  }
  int64_t pairs = 0;
  EXPECT_OK(CheckDisjoint(absl::MakeSpan(pointers).first(1 << 10), &pairs));
  EXPECT_GT(pairs, 1 << 17);
  EXPECT_THAT(CheckDisjoint(pointers, &pairs),
              HasCode(absl::StatusCode::kDataLoss, "too many to compare"));
  // A file of many tensors is held to the same.
  EXPECT_THAT(CheckDisjoint(absl::MakeSpan(pointers).first(1 << 10), &pairs),
              HasCode(absl::StatusCode::kDataLoss, "too many to compare"));
}

TEST(SliceCopyTest, CopiesInThreeDimensions) {
  const TensorShape shape{2, 3, 2};
  const Tensor from =
      MakeTensor<int32_t>(shape, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  Tensor to = MakeTensor<int32_t>({2, 2, 1}, {-1, -1, -1, -1});
  const TensorSlice wanted = *TensorSlice::Parse("0,2:1,2:1,1");
  CopyBox(wanted, from, *TensorSlice::Whole(3).Resolve(shape), &to, wanted);
  ExpectTensorEqual<int32_t>(to, {2, 2, 1}, {3, 5, 9, 11});
}

}  // namespace
}  // namespace metagraph
