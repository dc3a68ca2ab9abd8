#pragma once

#include <functional>
#include <string>
#include <vector>

#include "client/backend.h"

namespace metagraph {

// Answers the calls of a fake server with what a test has put in, and keeps
// what was asked. A call without an answer is UNIMPLEMENTED.
class FakeBackend final : public Backend {
 public:
  template <typename Request, typename Response>
  struct Unary {
    std::vector<Request> requests;
    std::function<absl::StatusOr<Response>(const Request&)> answer;

    absl::StatusOr<Response> operator()(const Request& request) {
      requests.push_back(request);
      if (!answer) return absl::UnimplementedError("no answer in this test");
      return answer(request);
    }
  };

  template <typename Request, typename Response>
  struct Streaming {
    std::vector<Request> requests;
    std::vector<Response> answers;
    absl::Status status;

    absl::Status operator()(const Request& request, Sink<Response> sink) {
      requests.push_back(request);
      for (const Response& answer : answers) {
        if (absl::Status stop = sink(answer); !stop.ok()) return stop;
      }
      return status;
    }
  };

#define UNARY(Call)                                                         \
  Unary<v1::Call##Request, v1::Call##Response> on_##Call;                   \
  absl::StatusOr<v1::Call##Response> Call(const v1::Call##Request& request) \
      override {                                                            \
    return on_##Call(request);                                              \
  }
#define STREAMING(Call)                                       \
  Streaming<v1::Call##Request, v1::Call##Response> on_##Call; \
  absl::Status Call(const v1::Call##Request& request,         \
                    Sink<v1::Call##Response> sink) override { \
    return on_##Call(request, sink);                          \
  }
  UNARY(ListModels)
  UNARY(GetModel)
  UNARY(ListTensors)
  UNARY(ListCollections)
  UNARY(GetCollection)
  UNARY(ListVariables)
  STREAMING(ReadVariables)
  STREAMING(GetGraph)
  UNARY(Explain)
  UNARY(ListOps)
  UNARY(ListCheckpoints)
  UNARY(VerifyCheckpoint)
  STREAMING(Watch)
  UNARY(Run)
  UNARY(LoadModel)
  UNARY(UnloadModel)
  STREAMING(Restore)
  UNARY(Rollback)
  STREAMING(Save)
  UNARY(InitializeVariables)
  UNARY(AssignVariables)
  UNARY(ExtendGraph)
  UNARY(SetLogLevel)
#undef UNARY
#undef STREAMING
};

}  // namespace metagraph
