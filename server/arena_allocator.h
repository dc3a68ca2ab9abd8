#pragma once

#include <optional>
#include <utility>

#include "google/protobuf/arena.h"
#include "grpcpp/server_context.h"
#include "grpcpp/support/message_allocator.h"
#include "server/call_support.h"

namespace metagraph {

// Puts request and response of a call into one block of memory, which small
// messages never outgrow: one allocation instead of dozens. What the call holds
// lives there too, until its caller has the answer: gRPC would tell a reactor
// of that on another thread.
template <typename Request, typename Response>
class ArenaAllocator final : public grpc::MessageAllocator<Request, Response> {
 public:
  grpc::MessageHolder<Request, Response>* AllocateMessages() override {
    return new Holder;
  }

  // Keeps the scope as long as the messages. REQUIRES: they are of such an
  // allocator; was not called before.
  static CallScope& Keep(grpc::CallbackServerContext& context,
                         CallScope scope) {
    auto* holder = static_cast<Holder*>(context.GetRpcAllocatorState());
    return holder->scope.emplace(std::move(scope));
  }

 private:
  class Holder final : public grpc::MessageHolder<Request, Response> {
   public:
    Holder() : arena_(block_, sizeof(block_)) {
      this->set_request(
          google::protobuf::Arena::CreateMessage<Request>(&arena_));
      this->set_response(
          google::protobuf::Arena::CreateMessage<Response>(&arena_));
    }
    void Release() override { delete this; }

    std::optional<CallScope> scope;

   private:
    alignas(8) char block_[4096];
    google::protobuf::Arena arena_;
  };
};

}  // namespace metagraph
