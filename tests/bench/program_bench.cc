// What runs of a recorded request cost in process, by how far the program is
// compiled; hot: full, and for the weights.
//
//   program_bench [--threads=N] [--rounds=N] [--levels=off,safe,full,hot]
//                 MODEL…
//
// MODEL is a folder with a model and request.pb (a RunStepRequest); where
// response.pb lies beside it, the largest difference from its answers, relative
// to the largest value of the tensor, is printed, too. The levels take turns,
// so that all see the same machine.

#include <cmath>
#include <fstream>
#include <sstream>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "core/model/model.h"
#include "core/tensor/tensor_proto.h"
#include "tensorflow/master.pb.h"
#include "tests/bench/bench.h"

ABSL_FLAG(int, threads, 2, "of the compute pool");
ABSL_FLAG(int, rounds, 0, "runs of each level; 0: as many as take 2 seconds");
ABSL_FLAG(std::string, levels, "off,safe,full,hot", "what is measured");

namespace metagraph {
namespace {

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

CompileLevel LevelOf(const std::string& name) {
  if (name == "off") return CompileLevel::kOff;
  return name == "safe" ? CompileLevel::kSafe : CompileLevel::kFull;
}

// False if the file is not there.
template <typename Message>
bool ReadMessage(const std::string& path, Message* out) {
  std::ifstream in(path, std::ios::binary);
  return in && out->ParseFromIstream(&in);
}

RunRequest ReadRequest(const std::string& path) {
  tensorflow::RunStepRequest message;
  if (!ReadMessage(path, &message)) Check(NotFound(path));
  RunRequest out;
  for (const auto& feed : message.feed()) {
    auto value = TensorFromProto(feed.tensor());
    Check(value.status());
    out.feeds.emplace_back(feed.name(), *std::move(value));
  }
  out.fetches.assign(message.fetch().begin(), message.fetch().end());
  out.targets.assign(message.target().begin(), message.target().end());
  return out;
}

double Difference(const Tensor& got, const Tensor& expected) {
  if (got.dtype() != DT_FLOAT || !(got.shape() == expected.shape())) return NAN;
  double largest = 0;
  double difference = 0;
  for (int64_t i = 0; i < got.num_elements(); ++i) {
    const double want = expected.data<float>()[i];
    largest = std::max(largest, std::abs(want));
    difference = std::max(difference, std::abs(got.data<float>()[i] - want));
  }
  return largest == 0 ? difference : difference / largest;
}

// One model, loaded to be compiled to one level.
class Subject {
 public:
  Subject(const std::string& path, const std::string& level,
          const OpRegistry& ops, ThreadPool* compute)
      : request_(ReadRequest(path + "/request.pb")) {
    ModelEnvironment environment;
    environment.ops = &ops;
    environment.files = &FileSystem::Posix();
    environment.clock = &Clock::Real();
    environment.compute_pool = compute;
    environment.compile = LevelOf(level);
    if (level == "hot") environment.hot_plans.runs = 0;
    CallContext call;
    const auto folder = FindModel(FileSystem::Posix(), path);
    Check(folder.status());
    auto model = Model::Load("m", *folder, environment, call);
    Check(model.status());
    model_ = *std::move(model);
  }

  // Returns nanoseconds.
  double Run() {
    CallContext call;
    return NanosOf([&] {
      auto result = model_->session().Run(request_, call);
      Check(result.status());
      outputs_ = std::move(result->outputs);
    });
  }

  double DifferenceFrom(const std::string& path) const {
    tensorflow::RunStepResponse expected;
    if (!ReadMessage(path, &expected)) return NAN;
    double out = 0;
    for (int i = 0; i < expected.tensor_size(); ++i) {
      const auto value = TensorFromProto(expected.tensor(i).tensor());
      Check(value.status());
      out = std::max(out, Difference(outputs_[i], *value));
    }
    return out;
  }

 private:
  const RunRequest request_;
  std::unique_ptr<Model> model_;
  std::vector<Tensor> outputs_;
};

void Measure(const std::string& path, const std::vector<std::string>& levels,
             const OpRegistry& ops, ThreadPool* compute) {
  std::vector<std::unique_ptr<Subject>> subjects;
  std::vector<double> first, differences;
  std::vector<std::vector<double>> times(levels.size());
  double total = 0;
  for (const std::string& level : levels) {
    auto& subject = subjects.emplace_back(
        std::make_unique<Subject>(path, level, ops, compute));
    first.push_back(subject->Run());
    differences.push_back(subject->DifferenceFrom(path + "/response.pb"));
    total += subject->Run();
  }
  int rounds = absl::GetFlag(FLAGS_rounds);
  if (rounds == 0) {
    rounds = std::clamp(static_cast<int>(2e9 * levels.size() / total), 5, 5000);
  }
  // Some runs in a row: their data stay in the caches, as when it is served.
  constexpr int kInARow = 5;
  for (int i = 0; i < rounds; i += kInARow) {
    for (size_t k = 0; k < subjects.size(); ++k) {
      for (int run = 0; run < kInARow; ++run) {
        times[k].push_back(subjects[k]->Run());
      }
    }
  }
  const std::string name = path.substr(path.rfind('/') + 1);
  for (size_t k = 0; k < levels.size(); ++k) {
    const double best = *std::min_element(times[k].begin(), times[k].end());
    Report(absl::StrCat(name, " --compile ", levels[k]), Median(times[k]) / 1e3,
           "us",
           absl::StrFormat("best %.2f, first call %.0f, off by %.1g",
                           best / 1e3, first[k] / 1e3, differences[k]));
  }
}

}  // namespace
}  // namespace metagraph

int main(int argc, char** argv) {
  const std::vector<char*> paths = absl::ParseCommandLine(argc, argv);
  const auto ops = metagraph::OpRegistry::Create();
  metagraph::Check(ops.status());
  const int threads = absl::GetFlag(FLAGS_threads);
  std::unique_ptr<metagraph::ThreadPool> compute;
  if (threads > 1) {
    compute = std::make_unique<metagraph::ThreadPool>("compute", threads);
  }
  const std::vector<std::string> levels =
      absl::StrSplit(absl::GetFlag(FLAGS_levels), ',');
  for (size_t i = 1; i < paths.size(); ++i) {
    metagraph::Measure(paths[i], levels, **ops, compute.get());
  }
}
