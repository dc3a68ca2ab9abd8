#include "server/handlers/message_size.h"

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

}  // namespace
}  // namespace metagraph
