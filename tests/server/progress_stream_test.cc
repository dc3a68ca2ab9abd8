#include "server/progress_stream.h"

#include "metagraph/v1/admin.grpc.pb.h"
#include "tests/server/stream_fixture.h"

namespace metagraph {
namespace {

// A restore that tells its progress a hundred times.
class Restores final : public v1::Admin::CallbackService {
 public:
  explicit Restores(CallSupport& support) : support_(support) {}

  grpc::ServerWriteReactor<v1::RestoreResponse>* Restore(
      grpc::CallbackServerContext* context,
      const v1::RestoreRequest* request) override {
    return StartProgress<v1::RestoreResponse>(
        support_, support_.admin, support_.changing, "a/Restore", *context,
        *request,
        [this](CallContext&, const MessageSink<v1::RestoreResponse>& sink) {
          v1::RestoreResponse message;
          message.mutable_progress();
          for (int i = 0; i < 100; ++i) listens = sink(message);
          message.mutable_result()->set_generation(7);
          sink(message);
          ++done;
          return absl::OkStatus();
        });
  }

  std::atomic<int> done{0};
  std::atomic<bool> listens{false};

 private:
  CallSupport& support_;
};

class ProgressStreamTest : public StreamTest {
 protected:
  void SetUp() override {
    Serve(service_);
    stub_ = v1::Admin::NewStub(channel_);
    stream_ = stub_->Restore(&context_, {});
  }

  Restores service_{support_};
  std::unique_ptr<v1::Admin::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::RestoreResponse>> stream_;
};

TEST_F(ProgressStreamTest, TheWorkWaitsForNoReaderAndGivesItsPlaceBack) {
  WaitForUnread(1);
  EXPECT_EQ(service_.done, 1);
  EXPECT_TRUE(service_.listens);
  EXPECT_EQ(places_.in_flight(), 0);
  v1::RestoreResponse message;
  int progress = 0;
  while (stream_->Read(&message) && message.has_progress()) ++progress;
  EXPECT_GT(progress, 0);
  EXPECT_LE(progress, 4) << "the rest is left out";
  EXPECT_EQ(message.result().generation(), 7) << "which never is";
  EXPECT_FALSE(stream_->Read(&message));
  EXPECT_TRUE(stream_->Finish().ok());
  EXPECT_EQ(bounds_.timers.waiting(), 0);
}

TEST_F(ProgressStreamTest, WhatNobodyReadsIsGivenUp) {
  WaitForUnread(1);
  Advance(59 * kSecond);
  EXPECT_EQ(bounds_.timers.waiting(), 1);
  Advance(2 * kSecond);
  EXPECT_EQ(bounds_.timers.waiting(), 0);
  EXPECT_EQ(stream_->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ProgressStreamTest, EndsWithItsCaller) {
  WaitForUnread(1);
  context_.TryCancel();
  EXPECT_EQ(stream_->Finish().error_code(), grpc::StatusCode::CANCELLED);
  WaitForUnread(0);
}

}  // namespace
}  // namespace metagraph
