// What ends a call before its time.

#include <thread>

#include "tests/integration/server_fixture.h"

namespace metagraph {
namespace {

class LimitsTest : public ServerTest {
 protected:
  void WaitForCalls(int64_t count) {
    while (server_->calls_in_flight() != count) std::this_thread::yield();
  }
};

TEST_F(LimitsTest, ACallerThatGoesAwayEndsItsRun) {
  AddEndlessModel();
  Start();
  grpc::ClientContext context;
  grpc::Status status;
  std::thread caller([&] {
    v1::RunResponse response;
    status = inference_->Run(&context, EndlessRun(), &response);
  });
  WaitForCalls(1);
  context.TryCancel();
  caller.join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::CANCELLED);
  WaitForCalls(0);
}

TEST_F(LimitsTest, TheDeadlineEndsTheRun) {
  AddEndlessModel();
  Start();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(100));
  v1::RunResponse response;
  EXPECT_EQ(inference_->Run(&context, EndlessRun(), &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  WaitForCalls(0);
}

TEST_F(LimitsTest, MoreCallsThanAllowedAreRefused) {
  AddEndlessModel();
  AddSeedModel();
  options_.max_inflight = 1;
  Start();
  grpc::ClientContext context;
  std::thread caller([&] {
    v1::RunResponse response;
    inference_->Run(&context, EndlessRun(), &response);
  });
  WaitForCalls(1);
  v1::RunResponse response;
  EXPECT_EQ(Run(SeedRun(), &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  context.TryCancel();
  caller.join();
  WaitForCalls(0);
  EXPECT_TRUE(Run(SeedRun(), &response).ok());
}

TEST_F(LimitsTest, LargeMessagesAreRefused) {
  AddSeedModel();
  options_.max_message_bytes = 10000;
  Start();
  v1::RunRequest request = SeedRun();
  request.mutable_feed(0)->mutable_tensor()->set_tensor_content(
      std::string(20000, 'x'));
  v1::RunResponse response;
  EXPECT_EQ(Run(request, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Run(SeedRun(), &response).ok());
}

// A small message may become a thousand times as much.
TEST_F(LimitsTest, CompressedMessagesAreRefusedUnlessAskedFor) {
  AddSeedModel();
  for (const bool accept : {false, true}) {
    options_.transport.accept_compression = accept;
    Start();
    grpc::ClientContext context;
    context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
    v1::RunRequest request = SeedRun();
    // Long enough that gRPC finds it worth while.
    for (int i = 0; i < 200; ++i) request.add_fetch("add1:0");
    v1::RunResponse response;
    EXPECT_EQ(inference_->Run(&context, request, &response).error_code(),
              accept ? grpc::StatusCode::OK : grpc::StatusCode::UNIMPLEMENTED);
    server_.reset();
  }
}

// As many calls as there may be of one connection wait for room.
TEST_F(LimitsTest, AConnectionHasNoMoreCallsThanAllowed) {
  AddEndlessModel();
  AddSeedModel();
  options_.transport.max_streams = 1;
  Start();
  grpc::ClientContext context;
  std::thread caller([&] {
    v1::RunResponse response;
    inference_->Run(&context, EndlessRun(), &response);
  });
  WaitForCalls(1);
  grpc::ClientContext second;
  second.set_deadline(std::chrono::system_clock::now() +
                      std::chrono::milliseconds(50));
  v1::RunResponse response;
  EXPECT_EQ(inference_->Run(&second, SeedRun(), &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(server_->calls_in_flight(), 1);
  context.TryCancel();
  caller.join();
}

}  // namespace
}  // namespace metagraph
