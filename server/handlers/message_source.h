#pragma once

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/base/call_context.h"
#include "core/base/status.h"

namespace metagraph {

// Takes the messages of a streaming call one by one; false ends the call
// early, with CANCELLED.
template <typename Message>
using MessageSink = std::function<bool(const Message&)>;

// The messages of a streaming call, made one by one when they are asked for.
// Between two questions it holds what it reads from, no message and no thread.
// Not thread-safe; its request outlives it.
template <typename Message>
class MessageSource {
 public:
  enum class Step {
    kMessage,  // the next message is made
    kMore,     // work was done; ask again
    kEnd,      // there is no further message
  };

  virtual ~MessageSource() = default;

  // Does a bounded piece of work. The message is empty before.
  virtual absl::StatusOr<Step> Next(CallContext& call, Message* message) = 0;

  // What one message, and what is kept of the next ones, takes at most, as far
  // as is known by now. In bytes; what others hold too does not count.
  virtual int64_t bytes() const = 0;
};

// All of its messages at once, for callers in this process.
template <typename Message>
absl::Status SendAll(MessageSource<Message>& source, CallContext& call,
                     const MessageSink<Message>& sink) {
  using Step = typename MessageSource<Message>::Step;
  while (true) {
    Message message;
    ASSIGN_OR_RETURN(const Step step, source.Next(call, &message));
    if (step == Step::kEnd) return absl::OkStatus();
    if (step == Step::kMessage && !sink(message)) {
      return absl::CancelledError("the caller went away");
    }
  }
}

}  // namespace metagraph
