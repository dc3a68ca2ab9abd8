#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/session/session.h"
#include "gmock/gmock.h"
#include "tests/support/status_matchers.h"
#include "tests/support/tensors.h"
#include "tests/support/test_graph.h"

namespace metagraph {

inline const OpRegistry& AllOps() {
  static const auto* registry = OpRegistry::Create()->release();
  return *registry;
}

class SessionTest : public testing::Test {
 protected:
  using Feeds = std::vector<std::pair<std::string, Tensor>>;

  void Open(const TestGraph& graph) {
    Session::Options options;
    options.ops = &AllOps();
    options.compute_pool = &pool_;
    session_ = std::make_unique<Session>(graph.Build(), options);
  }

  absl::StatusOr<RunResult> Run(Feeds feeds, std::vector<std::string> fetches,
                                std::vector<std::string> targets = {}) {
    RunRequest request;
    request.feeds = std::move(feeds);
    request.fetches = std::move(fetches);
    request.targets = std::move(targets);
    CallContext call;
    return session_->Run(request, call);
  }

  // The only fetch, a float scalar.
  float RunScalar(Feeds feeds, const std::string& fetch) {
    auto result = Run(std::move(feeds), {fetch});
    EXPECT_OK(result);
    return result.ok() ? result->outputs[0].scalar<float>() : -1e9f;
  }

  ThreadPool pool_{"test", 2};
  std::unique_ptr<Session> session_;
};

inline Tensor F(float value) { return Tensor::Scalar<float>(value); }

}  // namespace metagraph
