// Restore and save of a large checkpoint against `dd` on the same bytes.
//
//   checkpoint_bench [MEGABYTES]        default 1000; 200 variables
//
// And of 10,000 small variables, where names and not bytes are what costs.
//
// Reading is measured twice: from the disk, after the kernel was asked to drop
// the file, against dd with blocks of 1 MiB; and from the page cache against
// dd with one block as large as the file. The latter has to take fresh memory
// for all bytes, as a restore has: that, not the copying, is what costs then.
// Memory is what the resident set of a fresh process grew at its peak.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/model/model.h"
#include "tests/bench/bench.h"
#include "tests/bench/large_model.h"

namespace metagraph {
namespace {

namespace fs = std::filesystem;

constexpr int kVariables = 200;

double StatusMegabytes(const std::string& field) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(field, 0) == 0) {
      return std::atof(line.c_str() + field.size() + 1) / 1024;
    }
  }
  return 0;
}

// Makes the peak start at what is resident now.
void ResetPeak() { std::ofstream("/proc/self/clear_refs") << "5"; }

void DropFromCache(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY);
  fsync(fd);
  posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
  close(fd);
}

double Seconds(const std::string& command) {
  const int64_t start = SteadyNanos();
  if (std::system((command + " 2>/dev/null").c_str()) != 0) {
    std::fprintf(stderr, "failed: %s\n", command.c_str());
    std::exit(1);
  }
  return static_cast<double>(SteadyNanos() - start) / 1e9;
}

template <typename Fn>
double Timed(Fn fn) {
  const int64_t start = SteadyNanos();
  fn();
  return static_cast<double>(SteadyNanos() - start) / 1e9;
}

// What a model needs to be loaded.
struct Engine {
  Engine() {
    environment.ops = ops.get();
    environment.files = &FileSystem::Posix();
    environment.clock = &Clock::Real();
    environment.compute_pool = &compute;
    environment.lifecycle_pool = &lifecycle;
    environment.retained_generations = 0;
  }
  std::unique_ptr<Model> Load(const ModelFolder& folder) {
    CallContext call;
    auto model = Model::Load("m", folder, environment, call);
    Check(model.status());
    return *std::move(model);
  }

  const std::unique_ptr<const OpRegistry> ops = *OpRegistry::Create();
  ThreadPool compute{"compute", 2};
  ThreadPool lifecycle{"lifecycle", 2};
  ModelEnvironment environment;
};

void Save(Model& model, const std::string& prefix) {
  SaveOptions options;
  options.prefix = prefix;
  options.no_global_step = true;
  options.state_file = false;
  CallContext call;
  Check(model.Save(options, nullptr, call).status());
}

// Loads, restores and saves in a process of its own: memory that was freed
// before and is taken again would hide what they need.
void MeasureMemory(const fs::path& work, const ModelFolder& folder,
                   double weights) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child != 0) {
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) std::exit(1);
    return;
  }
  Engine engine;
  const double empty = StatusMegabytes("VmRSS:");
  ResetPeak();
  auto model = engine.Load(folder);
  Report("peak memory of a load against the weights",
         100 * (StatusMegabytes("VmHWM:") - empty) / weights, "%",
         "bar: at most 110 %");
  const double loaded = StatusMegabytes("VmRSS:");
  ResetPeak();
  Save(*model, work / "saved");
  Report("peak memory of a save beyond the weights",
         StatusMegabytes("VmHWM:") - loaded, "MiB", "bar: at most 64 MiB");
  ResetPeak();
  CallContext call;
  Check(model->Restore({}, nullptr, call).status());
  Report("peak memory of a restore beyond the old weights",
         100 * (StatusMegabytes("VmHWM:") - loaded) / weights, "%",
         "bar: at most 110 %");
  std::fflush(stdout);
  _exit(0);
}

// Loads of a model of 10,000 variables of 64 bytes.
void MeasureSmallVariables(const fs::path& work, Engine& engine) {
  constexpr int kCount = 10000;
  const fs::path folder = work / "small";
  WriteLargeModel(folder, kCount, TensorShape({16}));
  auto found = FindModel(FileSystem::Posix(), folder);
  Check(found.status());
  CallContext call;
  std::vector<double> load, restore;
  for (int round = 0; round < 11; ++round) {
    std::unique_ptr<Model> model;
    load.push_back(Timed([&] { model = engine.Load(*found); }));
    restore.push_back(
        Timed([&] { Check(model->Restore({}, nullptr, call).status()); }));
  }
  Report("load of 10,000 small variables", Median(load), "s");
  Report("restore of 10,000 small variables", Median(restore), "s",
         "bar: under 0.3 s");
}

int Main(int megabytes) {
  const fs::path work =
      fs::current_path() / ("checkpoint_bench." + std::to_string(getpid()));
  const int64_t rows = int64_t{megabytes} * 1'000'000 / kVariables / 4000;
  WriteLargeModel(work, kVariables, TensorShape({rows, 1000}));
  FileSystem& files = FileSystem::Posix();
  const std::string data = work / "model.data-00000-of-00001";
  const double weights = static_cast<double>(fs::file_size(data)) / (1 << 20);
  Report("checkpoint", weights, "MiB", "200 variables");

  auto folder = FindModel(files, work);
  Check(folder.status());
  MeasureMemory(work, *folder, weights);
  Engine engine;
  std::unique_ptr<Model> model;

  for (const bool cold : {true, false}) {
    const std::string read =
        "dd of=/dev/null if=" + data +
        " bs=" + (cold ? "1M" : std::to_string(fs::file_size(data)));
    std::vector<double> dd, restore, ratio;
    for (int round = 0; round < 5; ++round) {
      if (cold) DropFromCache(data);
      dd.push_back(Seconds(read));
      model.reset();
      if (cold) DropFromCache(data);
      restore.push_back(Timed([&] { model = engine.Load(*folder); }));
      ratio.push_back(restore.back() / dd.back());
    }
    const std::string from = cold ? " from the disk" : " from the page cache";
    Report("dd reads" + from, Median(dd), "s");
    Report("load and restore" + from, Median(restore), "s");
    Report("  against dd", Median(ratio), "x", "bar: at most 1.3 x");
  }

  std::vector<double> dd, save, ratio;
  for (int round = 0; round < 6; ++round) {
    const std::string copy = work / "copy";
    const std::string saved = work / "saved";
    // The same bytes: from the page cache, written and synced.
    const auto measure_dd = [&] {
      dd.push_back(Seconds("dd bs=1M conv=fsync if=" + data + " of=" + copy));
      fs::remove(copy);
    };
    // Disks that slow down under load must not always meet the same one first.
    if (round % 2 == 0) measure_dd();
    save.push_back(Timed([&] { Save(*model, saved); }));
    Check(RemoveCheckpoint(files, saved));
    if (round % 2 == 1) measure_dd();
    ratio.push_back(save.back() / dd.back());
  }
  Report("dd writes and syncs", Median(dd), "s");
  Report("save", Median(save), "s");
  Report("  against dd", Median(ratio), "x", "bar: at most 1.3 x");
  model.reset();
  MeasureSmallVariables(work, engine);
  fs::remove_all(work);
  return 0;
}

}  // namespace
}  // namespace metagraph

int main(int argc, char** argv) {
  return metagraph::Main(argc > 1 ? std::atoi(argv[1]) : 1000);
}
