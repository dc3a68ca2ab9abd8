#include "client/value_assembler.h"

#include <cstdint>
#include <string>
#include <vector>

#include "client/tensor_format.h"
#include "core/tensor/tensor_proto.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace metagraph {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::ReadVariablesResponse Piece(const std::string& name, const Tensor& tensor,
                                const TensorShape& whole, int64_t first,
                                bool last) {
  v1::ReadVariablesResponse piece;
  piece.set_name(name);
  piece.mutable_type()->set_dtype(tensor.dtype());
  whole.ToProto(piece.mutable_type()->mutable_shape());
  TensorToProto(tensor, piece.mutable_tensor());
  piece.set_first_element(first);
  piece.set_last(last);
  return piece;
}

class ValueAssemblerTest : public testing::Test {
 protected:
  std::vector<std::string> done_;
  ValueAssembler assembler_{[this](NamedTensor named) {
    done_.push_back(named.name + "=" + TensorToJson(named.tensor));
    return absl::OkStatus();
  }};
};

TEST_F(ValueAssemblerTest, JoinsPieces) {
  const TensorShape shape({2, 2});
  EXPECT_TRUE(
      assembler_
          .Add(Piece("a", Tensor::Vector<float>({1, 2, 3}), shape, 0, false))
          .ok());
  EXPECT_TRUE(
      assembler_.Add(Piece("a", Tensor::Vector<float>({4}), shape, 3, true))
          .ok());
  EXPECT_TRUE(
      assembler_.Add(Piece("b", Tensor::Scalar<float>(5), {}, 0, true)).ok());
  EXPECT_TRUE(assembler_.Finish().ok());
  EXPECT_THAT(done_, ElementsAre("a=[[1,2],[3,4]]", "b=5"));
}

TEST_F(ValueAssemblerTest, JoinsStrings) {
  const std::vector<std::string> one = {"x"};
  const std::vector<std::string> two = {"y"};
  EXPECT_TRUE(
      assembler_
          .Add(Piece("s", Tensor::Vector<std::string>(one), {2}, 0, false))
          .ok());
  EXPECT_TRUE(
      assembler_.Add(Piece("s", Tensor::Vector<std::string>(two), {2}, 1, true))
          .ok());
  EXPECT_THAT(done_, ElementsAre("s=[\"x\",\"y\"]"));
}

TEST_F(ValueAssemblerTest, RefusesPiecesThatDoNotFit) {
  const Tensor two = Tensor::Vector<float>({1, 2});
  ASSERT_TRUE(assembler_.Add(Piece("a", two, {3}, 0, false)).ok());
  const auto code = [&](const v1::ReadVariablesResponse& piece) {
    return assembler_.Add(piece).code();
  };
  EXPECT_EQ(code(Piece("a", two, {3}, 2, true)), absl::StatusCode::kInternal);
  EXPECT_EQ(code(Piece("b", two, {3}, 2, true)), absl::StatusCode::kInternal);
  EXPECT_EQ(code(Piece("a", two, {3}, 0, true)), absl::StatusCode::kInternal);
  EXPECT_EQ(code(Piece("a", Tensor::Vector<double>({1}), {3}, 2, true)),
            absl::StatusCode::kInternal);
}

TEST_F(ValueAssemblerTest, RefusesAnEndBeforeTheEnd) {
  const Tensor two = Tensor::Vector<float>({1, 2});
  ASSERT_TRUE(assembler_.Add(Piece("a", two, {3}, 0, false)).ok());
  EXPECT_EQ(assembler_.Finish().code(), absl::StatusCode::kInternal);
  // A last piece that is too short.
  const absl::Status status =
      assembler_.Add(Piece("a", Tensor::Vector<float>({}), {3}, 2, true));
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(status.message(), HasSubstr("2 of 3 values"));
  EXPECT_THAT(done_, IsEmpty());
}

TEST_F(ValueAssemblerTest, RefusesAShapeOfAllMemory) {
  v1::ReadVariablesResponse piece =
      Piece("a", Tensor::Vector<float>({1}), {1}, 0, false);
  piece.mutable_type()->mutable_shape()->mutable_dim(0)->set_size(1LL << 60);
  EXPECT_FALSE(assembler_.Add(piece).ok());
}

}  // namespace
}  // namespace metagraph
