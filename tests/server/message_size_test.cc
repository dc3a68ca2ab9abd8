#include "server/handlers/message_size.h"

#include "core/tensor/tensor_list.h"
#include "metagraph/v1/inspect.pb.h"
#include "tests/server/handler_fixture.h"

namespace metagraph {
namespace {

TEST(MessageSizeTest, TellsTheSizeAndTheWayOut) {
  v1::GetModelRequest message;
  message.set_model(std::string(1000, 'x'));
  EXPECT_OK(CheckMessageSize(message, 1003));
  EXPECT_THAT(CheckMessageSize(message, 1002),
              HasCode(absl::StatusCode::kResourceExhausted,
                      "1003 bytes, one message holds at most 1002: ask for "
                      "less"));
}

TEST(MessageSizeTest, CountsTensorsBeforeTheyAreCopied) {
  const std::vector<std::string> names = {"a:0", "b:0", "s:0"};
  const std::vector<Tensor> tensors = {
      FloatVector({1}), FloatVector({1, 2, 3}),
      MakeTensor<std::string>({2}, {"hello", ""})};
  EXPECT_OK(CheckTensorsFit(names, tensors, 25));
  EXPECT_THAT(CheckTensorsFit(names, tensors, 24),
              HasCode(absl::StatusCode::kResourceExhausted,
                      "25 bytes, one message holds at most 24; the largest is "
                      "\"b:0\" with 12"));
}

// A list of `count` times the list before it, `depth` times over.
Tensor NestedLists(int depth, int count) {
  Tensor out = Tensor::Scalar<Variant>(
      Variant::Make<TensorList>(DT_FLOAT, PartialShape()));
  for (int i = 0; i < depth; ++i) {
    Variant outer = Variant::Make<TensorList>(DT_VARIANT, PartialShape());
    for (int k = 0; k < count; ++k) {
      EXPECT_OK(outer.Mutable<TensorList>()->PushBack(out));
    }
    out = Tensor::Scalar<Variant>(std::move(outer));
  }
  return out;
}

// Counts how often it is looked at.
class Counted final : public VariantValue {
 public:
  Counted(std::vector<Tensor> held, int* looks)
      : held_(std::move(held)), looks_(looks) {}
  std::string TypeName() const override { return "Counted"; }
  void Encode(std::string*, std::vector<Tensor>* tensors) const override {
    ++*looks_;
    *tensors = held_;
  }

 private:
  const std::vector<Tensor> held_;
  int* const looks_;
};

TEST(MessageSizeTest, MeasuresWhatManyShareOnce) {
  int looks = 0;
  Tensor shared = FloatVector({1, 2});
  for (int i = 0; i < 40; ++i) {
    shared = Tensor::Scalar<Variant>(
        Variant::Make<Counted>(std::vector<Tensor>{shared, shared}, &looks));
  }
  EXPECT_THAT(CheckTensorsFit({"l:0"}, {shared}),
              HasCode(absl::StatusCode::kResourceExhausted, "\"l:0\""));
  EXPECT_EQ(looks, 40);
}

TEST(MessageSizeTest, CountsListsAsTheyWillBeSent) {
  // 40 lists in memory, 2^40 in a message.
  EXPECT_THAT(CheckTensorsFit({"l:0"}, {NestedLists(40, 2)}, 1 << 20),
              HasCode(absl::StatusCode::kResourceExhausted,
                      "one message holds at most 1048576; the largest is "
                      "\"l:0\""));
  EXPECT_OK(CheckTensorsFit({"l:0"}, {NestedLists(44, 1)}));
  EXPECT_THAT(CheckTensorsFit({"l:0"}, {NestedLists(100'000, 1)}),
              HasCode(absl::StatusCode::kInvalidArgument,
                      "\"l:0\" has variants nested more than 45 deep"));
}

}  // namespace
}  // namespace metagraph
