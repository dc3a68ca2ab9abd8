#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "gmock/gmock.h"
#include "grpcpp/grpcpp.h"
#include "server/call_support.h"

namespace metagraph {

// A gRPC server within the process, where a message is taken when it is read,
// with a clock that only the test moves and a single thread for the work.
class StreamTest : public testing::Test {
 protected:
  static constexpr int64_t kSecond = 1'000'000'000;
  static constexpr int64_t kBytes = 1000;  // what all streams may take
  static constexpr int64_t kStreams = 10;  // that one host may have

  void Serve(grpc::Service& service) {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service);
    server_ = builder.BuildAndStart();
    channel_ = server_->InProcessChannel(grpc::ChannelArguments());
  }
  void TearDown() override { server_->Shutdown(); }

  // Waits until so many streams wait for their readers.
  void WaitForUnread(int64_t count) {
    while (bounds_.timers.waiting() != count) std::this_thread::yield();
  }
  void WaitForPlaces(int64_t taken) {
    while (places_.in_flight() != taken) std::this_thread::yield();
  }
  void Advance(int64_t nanos) {
    now_ += nanos;
    bounds_.timers.RunDue();
  }

  std::atomic<int64_t> now_{1'000'000 * kSecond};
  StreamBounds bounds_{kBytes, [this] { return now_.load(); }};
  Admission places_{16, "streams", kStreams};
  Admission checks_{1, "checks"};
  AccessLog log_{AccessLogMode::kOff};
  UnsentAnswers unsent_{kBytes, kBytes, [](const std::string&) {}};
  MemoryBudget received_{100'000};
  CallCounts counts_;
  ThreadPool pool_{"pool", 1};
  RunPool runs_{1, 8};
  CallSupport support_{.running = places_,
                       .inspecting = places_,
                       .changing = places_,
                       .checking = checks_,
                       .reading = places_,
                       .watching = places_,
                       .unsent = unsent_,
                       .received = received_,
                       .log = log_,
                       .runs = runs_,
                       .inspection = pool_,
                       .readers = pool_,
                       .checks = pool_,
                       .admin = pool_,
                       .streams = bounds_,
                       .counts = counts_};
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

}  // namespace metagraph
