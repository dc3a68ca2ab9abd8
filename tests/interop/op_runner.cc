// Runs graphs that come on standard input, for a comparison with what
// TensorFlow answers (op_fuzz.py).
//
//   op_runner [--ops]
//
// A request is a count, then as many messages, each behind its size: first a
// tensorflow.GraphDef, then tensorflow.RunStepRequests, which run one after
// another in one session of that graph. Each run is answered by the size of a
// tensorflow.RunStepResponse and that message; a status other than OK stands
// in its status_code. All numbers are 32 bits, little-endian.
//
// --ops prints instead, for each registered op, a line: its name, then for
// each kernel a tab and the type attributes it is for ("T=float,Tidx=int32").

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/io/file_system.h"
#include "core/session/session.h"
#include "core/tensor/tensor_proto.h"
#include "tensorflow/master.pb.h"

namespace metagraph {
namespace {

using tensorflow::RunStepRequest;
using tensorflow::RunStepResponse;

bool ReadBytes(size_t size, void* out) {
  return std::fread(out, 1, size, stdin) == size;
}
bool ReadNumber(uint32_t* out) { return ReadBytes(sizeof(*out), out); }
bool ReadText(std::string* out) {
  uint32_t size = 0;
  if (!ReadNumber(&size)) return false;
  out->resize(size);
  return ReadBytes(size, out->data());
}

absl::StatusOr<std::unique_ptr<Session>> MakeSession(
    const std::string& bytes, const Session::Options& options) {
  tensorflow::GraphDef def;
  if (!def.ParseFromString(bytes)) return InvalidArgument("no GraphDef");
  ASSIGN_OR_RETURN(auto graph, Graph::Build(std::move(def)));
  auto session = std::make_unique<Session>(std::move(graph), options);
  RETURN_IF_ERROR(session->DeclareVariables());
  return session;
}

absl::Status Run(Session& session, const std::string& bytes,
                 RunStepResponse* response) {
  RunStepRequest message;
  if (!message.ParseFromString(bytes)) return InvalidArgument("no request");
  RunRequest request;
  for (const auto& feed : message.feed()) {
    ASSIGN_OR_RETURN(Tensor tensor, TensorFromProto(feed.tensor()));
    request.feeds.emplace_back(feed.name(), std::move(tensor));
  }
  request.fetches.assign(message.fetch().begin(), message.fetch().end());
  request.targets.assign(message.target().begin(), message.target().end());
  CallContext call;
  ASSIGN_OR_RETURN(const RunResult result, session.Run(request, call));
  for (size_t i = 0; i < result.outputs.size(); ++i) {
    auto* out = response->add_tensor();
    out->set_name(request.fetches[i]);
    TensorToProto(result.outputs[i], out->mutable_tensor());
  }
  return absl::OkStatus();
}

// False at the end of the input.
bool AnswerOne(const Session::Options& options) {
  uint32_t count = 0;
  if (!ReadNumber(&count) || count == 0) return false;
  std::string bytes;
  if (!ReadText(&bytes)) return false;
  const auto session = MakeSession(bytes, options);
  for (uint32_t i = 1; i < count; ++i) {
    if (!ReadText(&bytes)) return false;
    RunStepResponse response;
    const absl::Status status =
        session.ok() ? Run(**session, bytes, &response) : session.status();
    if (!status.ok()) {
      response.Clear();
      response.set_status_code(
          static_cast<tensorflow::error::Code>(status.code()));
      response.set_status_error_message(std::string(status.message()));
    }
    const std::string answer = response.SerializeAsString();
    const uint32_t size = static_cast<uint32_t>(answer.size());
    std::fwrite(&size, sizeof(size), 1, stdout);
    std::fwrite(answer.data(), 1, answer.size(), stdout);
  }
  std::fflush(stdout);
  return true;
}

void PrintOps(const OpRegistry& ops) {
  for (const std::string& name : ops.Names()) {
    std::string line = name;
    for (const KernelEntry& kernel : ops.Find(name)->kernels) {
      absl::StrAppend(&line, "\t",
                      absl::StrJoin(kernel.types, ",",
                                    [](std::string* out, const auto& type) {
                                      absl::StrAppend(
                                          out, type.first, "=",
                                          DataTypeName(type.second));
                                    }));
    }
    std::puts(line.c_str());
  }
}

int Main(int argc, char** argv) {
  const auto ops = OpRegistry::Create();
  if (!ops.ok()) {
    std::fprintf(stderr, "%s\n", ops.status().ToString().c_str());
    return 1;
  }
  if (argc > 1) {
    if (argc > 2 || absl::string_view(argv[1]) != "--ops") {
      std::fprintf(stderr, "usage: %s [--ops]\n", argv[0]);
      return 2;
    }
    PrintOps(**ops);
    return 0;
  }
  // As the daemon has one: what is absurdly large is refused.
  MemoryBudget::Process().set_limit(int64_t{1} << 30);
  ThreadPool pool("ops", 2);
  Session::Options options;
  options.ops = ops->get();
  options.compute_pool = &pool;
  options.files = &FileSystem::Posix();
  while (AnswerOne(options)) {
  }
  return 0;
}

}  // namespace
}  // namespace metagraph

int main(int argc, char** argv) { return metagraph::Main(argc, argv); }
