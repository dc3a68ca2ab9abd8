// Copies new SavedModel versions and new checkpoints into watched folders,
// slowly, while callers go on; each must be served soon after its last byte,
// no call may fail, and no answer may mix two of them.
//
//   slow_copies METAGRAPHD [COPIES] [WATCH_SECONDS] [SEED]   default 100 0.5 1
//
// Files come in any order, in pieces, with pauses; under their names or under
// temporary ones, as rsync and others do; checkpoints with a new name or over
// the old one.

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/checkpoint/checkpoint_writer.h"
#include "grpcpp/grpcpp.h"
#include "metagraph/v1/inference.grpc.pb.h"
#include "tensorflow/session_service.grpc.pb.h"
#include "tests/bench/process.h"
#include "tests/support/seed_model.h"

namespace metagraph {
namespace {

namespace fs = std::filesystem;

constexpr int kCallers = 8;
// Of the n-th copy: W1 = n, W2 = 1000 n, and a constant of its graph 100000 n;
// so that add1 is 101001 n, and no mixture is. Exact in a float for n < 166.
constexpr float kW2 = 1000;
constexpr float kConstant = 100000;

void Die(const std::string& why) {
  std::cerr << why << "\n";
  std::exit(1);
}

void Pause(int milliseconds) { poll(nullptr, 0, milliseconds); }

// The seed model's graph with add1 = W3 + W1 + W2 + `constant`.
tensorflow::MetaGraphDef GraphWith(float constant) {
  tensorflow::MetaGraphDef meta = SeedMetaGraph();
  TestGraph more;
  more.Const("constant", FloatVector(std::vector<float>(4, constant)));
  more.Node("with_w1", "AddV2", {"W1/read", "constant"}, {{"T", DT_FLOAT}});
  for (const auto& node : more.def().node()) {
    *meta.mutable_graph_def()->add_node() = node;
  }
  for (auto& node : *meta.mutable_graph_def()->mutable_node()) {
    if (node.name() == "add") *node.mutable_input(1) = "with_w1";
  }
  return meta;
}

void WriteWeights(const std::string& prefix, int n) {
  std::vector<TensorToSave> tensors;
  const auto add = [&](const char* name, float value) {
    tensors.push_back({name, "", FloatVector(std::vector<float>(4, value))});
  };
  add("Variable", 0);
  add("W1", static_cast<float>(n));
  add("W2", kW2 * static_cast<float>(n));
  CallContext call;
  const auto written = WriteCheckpointV2(
      FileSystem::Posix(), prefix, tensors,
      /*shards=*/2, [](int64_t) {}, call);
  if (!written.ok()) Die(written.status().ToString());
}

void WriteFile(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

void WriteSavedModel(const fs::path& folder, int n) {
  tensorflow::SavedModel saved;
  saved.set_saved_model_schema_version(1);
  *saved.add_meta_graphs() = GraphWith(kConstant * static_cast<float>(n));
  saved.mutable_meta_graphs(0)->mutable_meta_info_def()->add_tags("serve");
  WriteFile(folder / "saved_model.pb", saved.SerializeAsString());
  fs::create_directories(folder / "variables");
  WriteWeights(folder / "variables" / "variables", n);
}

// `prefix` is a name in the folder. The graph's constant stays 0.
void WriteCheckpointFolder(const fs::path& folder, const std::string& prefix,
                           int n) {
  WriteFile(folder / (prefix + ".meta"), GraphWith(0).SerializeAsString());
  WriteWeights(folder / prefix, n);
  WriteFile(folder / "checkpoint",
            "model_checkpoint_path: \"" + prefix + "\"\n");
}

class Copier {
 public:
  explicit Copier(int seed) : random_(seed) {}

  int Below(int n) { return std::uniform_int_distribution(0, n - 1)(random_); }

  // Returns how.
  std::string Copy(const fs::path& from, const fs::path& to) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(from)) {
      if (entry.is_regular_file()) {
        files.push_back(fs::relative(entry.path(), from));
      }
    }
    std::shuffle(files.begin(), files.end(), random_);
    const int way = Below(3);
    for (const fs::path& file : files) {
      Pause(Below(120));
      const fs::path target = to / file;
      fs::create_directories(target.parent_path());
      if (way == 0) {
        CopyFile(from / file, target);
        continue;
      }
      const std::string name = file.filename().string();
      const fs::path aside =
          target.parent_path() /
          (way == 1 ? "." + name + ".Xa8f2Q" : name + ".part");
      CopyFile(from / file, aside);
      Pause(Below(40));
      fs::rename(aside, target);
    }
    return way == 0 ? "in place" : "with rename";
  }

 private:
  void CopyFile(const fs::path& from, const fs::path& to) {
    std::ostringstream all;
    all << std::ifstream(from, std::ios::binary).rdbuf();
    const std::string bytes = all.str();
    std::ofstream out(to, std::ios::binary);
    size_t done = 0;
    const size_t largest = bytes.size() / (1 + Below(4)) + 1;
    while (done < bytes.size()) {
      const size_t part = std::min<size_t>(
          bytes.size() - done, 1 + Below(static_cast<int>(largest)));
      out.write(bytes.data() + done, static_cast<std::streamsize>(part));
      out.flush();
      done += part;
      if (done < bytes.size()) Pause(Below(40));
    }
  }

  std::mt19937 random_;
};

// What callers saw of one model.
struct Seen {
  std::string name;
  float unit = 1;  // answers are n times this
  std::atomic<int> newest{0};
  std::atomic<int> copied{0};  // the newest that is being copied
};

struct Totals {
  std::atomic<bool> stop{false};
  std::atomic<int64_t> calls{0};
  std::atomic<int64_t> failed{0};
  std::atomic<int64_t> mixed{0};
  std::atomic<int64_t> back{0};
};

class Caller {
 public:
  Caller(const std::string& address, bool as_session)
      : as_session_(as_session) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    const auto channel = grpc::CreateCustomChannel(
        address, grpc::InsecureChannelCredentials(), arguments);
    inference_ = v1::Inference::NewStub(channel);
    session_ = tensorflow::serving::SessionService::NewStub(channel);
  }

  // One call after the other of all the models in turn.
  void Work(const std::vector<Seen*>& models, Totals& totals) {
    std::vector<int> last(models.size(), 0);
    for (size_t turn = 0; !totals.stop; ++turn) {
      const size_t which = turn % models.size();
      Seen& model = *models[which];
      tensorflow::TensorProto answer;
      const grpc::Status status = Call(model.name, &answer);
      ++totals.calls;
      if (!status.ok()) {
        if (totals.failed++ < 5) {
          std::cerr << model.name << ": " << status.error_message() << "\n";
        }
        continue;
      }
      const auto tensor = TensorFromProto(answer);
      const std::vector<float> values =
          tensor.ok() ? Values<float>(*tensor) : std::vector<float>();
      const int n =
          values.empty() ? -1 : static_cast<int>(values[0] / model.unit);
      const bool whole =
          n > 0 && n <= model.copied &&
          values == std::vector<float>(4, model.unit * static_cast<float>(n));
      if (!whole) {
        ++totals.mixed;
        continue;
      }
      if (n < last[which]) ++totals.back;
      last[which] = n;
      int newest = model.newest;
      while (newest < n && !model.newest.compare_exchange_weak(newest, n)) {
      }
    }
  }

 private:
  template <typename Request>
  static void Fill(Request& request) {
    auto* feed = request.add_feed();
    feed->set_name("W3:0");
    TensorToProto(FloatVector({0, 0, 0, 0}), feed->mutable_tensor());
    request.add_fetch("add1:0");
  }
  grpc::Status Call(const std::string& model, tensorflow::TensorProto* answer) {
    grpc::ClientContext context;
    grpc::Status status;
    if (as_session_) {
      tensorflow::serving::SessionRunRequest request;
      request.mutable_model_spec()->set_name(model);
      Fill(request);
      tensorflow::serving::SessionRunResponse response;
      status = session_->SessionRun(&context, request, &response);
      if (status.ok()) *answer = response.tensor(0).tensor();
    } else {
      v1::RunRequest request;
      request.set_model(model);
      Fill(request);
      v1::RunResponse response;
      status = inference_->Run(&context, request, &response);
      if (status.ok()) *answer = response.tensor(0).tensor();
    }
    return status;
  }

  const bool as_session_;
  std::unique_ptr<v1::Inference::Stub> inference_;
  std::unique_ptr<tensorflow::serving::SessionService::Stub> session_;
};

int Main(const std::string& daemon, int copies, double watch, int seed) {
  const fs::path work =
      fs::temp_directory_path() / ("slow_copies." + std::to_string(getpid()));
  const fs::path next = work / "next";
  Seen saved{"saved", 1 + kW2 + kConstant, {0}, {1}};
  Seen named{"named", 1 + kW2, {0}, {1}};
  Seen over{"over", 1 + kW2, {0}, {1}};
  WriteSavedModel(work / "saved" / "1", 1);
  WriteCheckpointFolder(work / "named", "model-1", 1);
  WriteCheckpointFolder(work / "over", "model", 1);
  std::ostringstream seconds;
  seconds << watch;
  std::vector<std::string> command = {
      daemon,        "--listen",       "127.0.0.1:0",
      "--port_file", work / "address", "--watch",
      seconds.str(), "--threads",      "2"};
  for (const char* name : {"saved", "named", "over"}) {
    command.insert(command.end(), {"--model", std::string(name) + "=" +
                                                  (work / name).string()});
  }
  const pid_t child = Spawn(command);
  const std::string address = WaitForAddress(work / "address");

  Totals totals;
  const std::vector<Seen*> models = {&saved, &named, &over};
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      Caller(address, /*as_session=*/i % 4 == 3).Work(models, totals);
    });
  }

  Copier copier(seed);
  std::vector<double> waits;  // in watch periods
  int renamed = 0;
  int late = 0;
  int64_t copying = 0;
  for (int i = 0; i < copies; ++i) {
    Seen& model = *models[i % models.size()];
    const int n = ++model.copied;
    const std::string number = std::to_string(n);
    fs::remove_all(next);
    fs::path to = work / model.name;
    if (&model == &saved) {
      WriteSavedModel(next / number, n);
    } else if (&model == &named) {
      WriteCheckpointFolder(next, "model-" + number, n);
    } else {
      WriteCheckpointFolder(next, "model", n);
    }
    const int64_t start = SteadyNanos();
    renamed += copier.Copy(next, to) == "with rename";
    const int64_t end = SteadyNanos();
    copying += end - start;
    double wait = 0;
    while (model.newest < n && wait < 20 * std::max(watch, 0.5)) {
      Pause(1);
      wait = static_cast<double>(SteadyNanos() - end) / 1e9;
    }
    waits.push_back(wait / watch);
    late += wait > 2 * watch;
    if (model.newest < n) {
      std::cerr << model.name << ": copy " << n << " is not served\n";
    }
    // Versions that gave way may go.
    if (&model == &saved && n > 3) {
      fs::remove_all(to / std::to_string(n - 3));
    }
  }
  totals.stop = true;
  for (std::thread& caller : callers) caller.join();
  Stop(child);
  fs::remove_all(work);

  std::sort(waits.begin(), waits.end());
  std::cout << copies << " copies (seed " << seed << "), " << renamed
            << " with rename, " << copying / 1'000'000 / copies << " ms each; "
            << kCallers << " callers, " << totals.calls
            << " calls: " << totals.failed << " failed, " << totals.mixed
            << " mixed, " << totals.back << " went back\n"
            << "served after the last byte, in watch periods of " << watch
            << " s: median " << waits[waits.size() / 2] << ", longest "
            << waits.back() << "; " << late << " later than 2\n";
  const bool good = totals.failed + totals.mixed + totals.back + late == 0;
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

}  // namespace
}  // namespace metagraph

int main(int argc, char** argv) {
  const auto number = [&](int at, double otherwise) {
    return argc > at ? std::atof(argv[at]) : otherwise;
  };
  const int copies = static_cast<int>(number(2, 100));
  const double watch = number(3, 0.5);
  if (argc < 2 || copies < 1 || copies > 300 || watch <= 0) {
    std::cerr << "usage: slow_copies METAGRAPHD [COPIES up to 300] "
                 "[WATCH_SECONDS] [SEED]\n";
    return 2;
  }
  return metagraph::Main(argv[1], copies, watch,
                         static_cast<int>(number(4, 1)));
}
