// Requests of every call through the handlers, on a file system in memory.
//
// An input is calls one after the other on one set of models: a byte that says
// which call, four bytes with the size of its request, the request.

#include <cstdint>
#include <cstring>
#include <memory>

#include "server/handlers/admin_handler.h"
#include "server/handlers/inference_handler.h"
#include "server/handlers/inspect_handler.h"
#include "tests/fuzz/message_mutator.h"
#include "tests/support/fake_file_system.h"
#include "tests/support/seed_model.h"

namespace metagraph {
namespace {

using google::protobuf::Message;

constexpr int kMaxCalls = 6;

// What calls work on.
struct World {
  explicit World(const OpRegistry& ops)
      : files({"/d", "/d/m"}), models(EnvironmentOf(ops)) {
    WriteSeedModel(files, "/d/m");
    WriteSeedCheckpoint(files, "/d/m/model-7", {0, 0, 0, 0}, {1, 1, 1, 1});
    (void)models.Load("seed", "/d/m");
  }
  ModelEnvironment EnvironmentOf(const OpRegistry& ops) {
    ModelEnvironment out;
    out.ops = &ops;
    out.files = &files;
    out.clock = &Clock::Real();
    return out;
  }

  FakeFileSystem files;
  ModelManager models;
  const InspectHandler inspect{models};
  const InferenceHandler inference{models};
  const AdminHandler admin{models};
};

// One kind of call: its request, and how it is made.
struct Call {
  std::unique_ptr<Message> (*make)();
  void (*run)(World&, const Message&, CallContext&);
};

// UNARY(inspect, GetModel): a handler's method of request and response.
#define UNARY(handler, name)                                          \
  Call {                                                              \
    []() -> std::unique_ptr<Message> {                                \
      return std::make_unique<v1::name##Request>();                   \
    },                                                                \
        [](World& world, const Message& request, CallContext& call) { \
          v1::name##Response response;                                \
          (void)world.handler.name(                                   \
              static_cast<const v1::name##Request&>(request), call,   \
              &response);                                             \
          (void)response.SerializeAsString();                         \
        }                                                             \
  }
#define STREAM(handler, name)                                         \
  Call {                                                              \
    []() -> std::unique_ptr<Message> {                                \
      return std::make_unique<v1::name##Request>();                   \
    },                                                                \
        [](World& world, const Message& request, CallContext& call) { \
          (void)world.handler.name(                                   \
              static_cast<const v1::name##Request&>(request), call,   \
              [](const v1::name##Response& message) {                 \
                return !message.SerializeAsString().empty();          \
              });                                                     \
        }                                                             \
  }

const Call kCalls[] = {
    UNARY(inference, Run),
    Call{[]() -> std::unique_ptr<Message> {
           return std::make_unique<tensorflow::serving::SessionRunRequest>();
         },
         [](World& world, const Message& request, CallContext& call) {
           tensorflow::serving::SessionRunResponse response;
           (void)world.inference.SessionRun(
               static_cast<const tensorflow::serving::SessionRunRequest&>(
                   request),
               call, &response);
         }},
    UNARY(inspect, ListModels),
    UNARY(inspect, GetModel),
    UNARY(inspect, ListTensors),
    UNARY(inspect, ListCollections),
    UNARY(inspect, GetCollection),
    UNARY(inspect, ListVariables),
    UNARY(inspect, Explain),
    UNARY(inspect, ListOps),
    UNARY(inspect, ListCheckpoints),
    UNARY(inspect, VerifyCheckpoint),
    STREAM(inspect, ReadVariables),
    STREAM(inspect, GetGraph),
    Call{[]() -> std::unique_ptr<Message> {
           return std::make_unique<v1::WatchRequest>();
         },
         [](World& world, const Message& request, CallContext&) {
           const auto watcher = world.inspect.Watch(
               static_cast<const v1::WatchRequest&>(request),
               [](const EventFeed::Event&) {});
           while (watcher->Next() != nullptr) {
           }
         }},
    UNARY(admin, LoadModel),
    UNARY(admin, UnloadModel),
    STREAM(admin, Restore),
    UNARY(admin, Rollback),
    STREAM(admin, Save),
    UNARY(admin, InitializeVariables),
    UNARY(admin, AssignVariables),
    UNARY(admin, ExtendGraph),
    UNARY(admin, SetLogLevel),
};

struct Step {
  size_t call = 0;
  std::unique_ptr<Message> request;
};

std::vector<Step> Parse(absl::string_view bytes) {
  std::vector<Step> out;
  while (bytes.size() >= 5 && out.size() < kMaxCalls) {
    Step step;
    step.call = static_cast<uint8_t>(bytes[0]) % std::size(kCalls);
    uint32_t size = 0;
    std::memcpy(&size, bytes.data() + 1, sizeof(size));
    bytes.remove_prefix(5);
    const absl::string_view body = bytes.substr(0, size);
    bytes.remove_prefix(body.size());
    step.request = kCalls[step.call].make();
    // What gRPC would refuse does not reach a handler.
    if (step.request->ParseFromArray(body.data(),
                                     static_cast<int>(body.size()))) {
      out.push_back(std::move(step));
    }
  }
  return out;
}

std::string Serialize(const std::vector<Step>& steps) {
  std::string out;
  for (const Step& step : steps) {
    const std::string body = step.request->SerializeAsString();
    const auto size = static_cast<uint32_t>(body.size());
    out.push_back(static_cast<char>(step.call));
    out.append(reinterpret_cast<const char*>(&size), sizeof(size));
    out += body;
  }
  return out;
}

// The name of a field "model" is right more often than not.
void NameModel(Message* request) {
  const auto* field = request->GetDescriptor()->FindFieldByName("model");
  if (field == nullptr || field->is_repeated() ||
      field->type() != google::protobuf::FieldDescriptor::TYPE_STRING) {
    return;
  }
  request->GetReflection()->SetString(request, field, "seed");
}

void Mutate(unsigned seed, std::vector<Step>* steps) {
  MessageMutator mutator(seed, {"seed",       "W1",
                                "W2",         "W3:0",
                                "add1:0",     "add1",
                                "Variable",   "collection:add1",
                                "w1",         "variables",
                                "model",      "model-7",
                                "/d/m",       "/d",
                                "/d/m/model", "/d/m/model-7",
                                "other",      "init",
                                "*",          "W*",
                                "../x",       "^W1",
                                "W1:1",       "next",
                                "W1/Assign",  "trainable_variables",
                                "new/",       "Const"});
  if (steps->empty() || mutator.OneIn(8)) {
    Step step;
    step.call = mutator.Below(std::size(kCalls));
    step.request = kCalls[step.call].make();
    NameModel(step.request.get());
    steps->insert(
        steps->begin() + static_cast<int64_t>(mutator.Below(steps->size() + 1)),
        std::move(step));
    if (steps->size() > kMaxCalls) steps->pop_back();
  } else if (steps->size() > 1 && mutator.OneIn(10)) {
    steps->erase(steps->begin() +
                 static_cast<int64_t>(mutator.Below(steps->size())));
  }
  Step& step = (*steps)[mutator.Below(steps->size())];
  const size_t changes = 1 + mutator.Below(4);
  for (size_t i = 0; i < changes; ++i) mutator.Mutate(step.request.get());
  if (!mutator.OneIn(6)) NameModel(step.request.get());
}

}  // namespace
}  // namespace metagraph

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace metagraph;
  static const auto* ops = OpRegistry::Create()->release();
  MemoryBudget::Process().set_limit(int64_t{32} << 20);
  World world(*ops);
  // No call takes what a caller would not wait for.
  world.files.SetCapacity(int64_t{8} << 20);
  for (const Step& step : Parse({reinterpret_cast<const char*>(data), size})) {
    CallContext call(Clock::Real().Now() + absl::Seconds(2));
    kCalls[step.call].run(world, *step.request, call);
  }
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size,
                                          size_t max_size, unsigned seed) {
  using namespace metagraph;
  std::vector<Step> steps = Parse({reinterpret_cast<const char*>(data), size});
  Mutate(seed, &steps);
  const std::string out = Serialize(steps);
  if (out.size() > max_size) return size;
  std::memcpy(data, out.data(), out.size());
  return out.size();
}
