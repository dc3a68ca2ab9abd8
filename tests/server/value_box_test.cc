#include "server/handlers/value_box.h"

#include <numeric>

#include "tests/server/handler_fixture.h"

namespace metagraph {
namespace {

using testing::ElementsAre;

v1::ReadVariablesRequest Box(const std::vector<int64_t>& begin,
                             const std::vector<int64_t>& size) {
  v1::ReadVariablesRequest out;
  *out.mutable_begin() = {begin.begin(), begin.end()};
  *out.mutable_size() = {size.begin(), size.end()};
  return out;
}

Tensor CountUp(const TensorShape& shape) {
  std::vector<int32_t> values(shape.num_elements());
  std::iota(values.begin(), values.end(), 0);
  return MakeTensor<int32_t>(shape, values);
}

// All elements, in pieces of `width`, which begin and end anywhere.
std::vector<int32_t> InPieces(const ValueBox& box, int64_t width) {
  std::vector<int32_t> out;
  for (int64_t i = 0; i < box.num_elements();) {
    const int64_t end = box.PieceEnd(i, width * 4);
    EXPECT_EQ(end, std::min(i + width, box.num_elements()));
    auto piece = box.Piece(i, end);
    EXPECT_OK(piece);
    for (const int32_t v : Values<int32_t>(*piece)) out.push_back(v);
    i = end;
  }
  return out;
}

TEST(ValueBoxTest, OfNothingIsAllAndShared) {
  const Tensor value = CountUp({2, 3});
  ASSERT_OK_AND_ASSIGN(const ValueBox box, ValueBox::Of({}, value));
  EXPECT_EQ(box.shape(), TensorShape({2, 3}));
  ASSERT_OK_AND_ASSIGN(const Tensor all, box.Piece(0, 6));
  EXPECT_EQ(all.shape(), TensorShape({2, 3}));
  EXPECT_EQ(all.raw_data(), value.raw_data());
  ASSERT_OK_AND_ASSIGN(const Tensor some, box.Piece(1, 4));
  EXPECT_EQ(some.shape(), TensorShape({3}));
  EXPECT_EQ(some.data<int32_t>(), value.data<int32_t>() + 1);
}

TEST(ValueBoxTest, IsReadInPiecesThatCutRows) {
  const Tensor value = CountUp({3, 4, 5});
  ASSERT_OK_AND_ASSIGN(const ValueBox box,
                       ValueBox::Of(Box({1, 0, 2}, {2, -1, 2}), value));
  EXPECT_EQ(box.shape(), TensorShape({2, 4, 2}));
  for (const int64_t width : {1, 3, 5, 16, 99}) {
    EXPECT_THAT(InPieces(box, width),
                ElementsAre(22, 23, 27, 28, 32, 33, 37, 38,  //
                            42, 43, 47, 48, 52, 53, 57, 58))
        << width;
  }
  ASSERT_OK_AND_ASSIGN(const Tensor all, box.Piece(0, 16));
  EXPECT_EQ(all.shape(), box.shape());
}

TEST(ValueBoxTest, OfStringsEndsPiecesByTheirSizes) {
  const Tensor value = MakeTensor<std::string>(
      {2, 2}, {"skipped", std::string(20, 'a'), "skipped", "b"});
  ASSERT_OK_AND_ASSIGN(const ValueBox box,
                       ValueBox::Of(Box({0, 1}, {2, 1}), value));
  EXPECT_EQ(box.PieceEnd(0, 17), 1) << "at least one";
  EXPECT_EQ(box.PieceEnd(0, 29), 2);
  ASSERT_OK_AND_ASSIGN(const Tensor last, box.Piece(1, 2));
  EXPECT_THAT(Values<std::string>(last), ElementsAre("b"));
}

TEST(ValueBoxTest, MayBeEmpty) {
  ASSERT_OK_AND_ASSIGN(const ValueBox box,
                       ValueBox::Of(Box({1, 0}, {0, 3}), CountUp({2, 3})));
  EXPECT_EQ(box.PieceEnd(0, 100), 0);
  ASSERT_OK_AND_ASSIGN(const Tensor none, box.Piece(0, 0));
  EXPECT_EQ(none.shape(), TensorShape({0, 3}));
}

TEST(ValueBoxTest, MustLieWithinTheValue) {
  const Tensor value = CountUp({2, 3});
  EXPECT_THAT(ValueBox::Of(Box({1}, {1}), value).status(),
              HasCode(absl::StatusCode::kInvalidArgument, "rank 2"));
  for (const auto& request : {Box({-1, 0}, {1, 1}), Box({0, 0}, {3, 1}),
                              Box({0, 0}, {-2, 1}), Box({3, 0}, {-1, 1})}) {
    EXPECT_THAT(ValueBox::Of(request, value).status(),
                HasCode(absl::StatusCode::kInvalidArgument,
                        "is not within dimension 0 of size 2"));
  }
}

}  // namespace
}  // namespace metagraph
