#pragma once

#include <utility>

#include "grpcpp/support/server_callback.h"

namespace metagraph {

// Ends a stream before it begins.
template <typename Message>
grpc::ServerWriteReactor<Message>* RefuseStream(grpc::Status status) {
  class Refusal final : public grpc::ServerWriteReactor<Message> {
   public:
    explicit Refusal(grpc::Status status) { this->Finish(std::move(status)); }
    void OnDone() override { delete this; }
  };
  return new Refusal(std::move(status));
}

}  // namespace metagraph
