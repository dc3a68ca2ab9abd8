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
// Memory is what the process's resident set grew at its peak.

#include <fcntl.h>
#include <malloc.h>
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

// Loads of a model of 10,000 variables of 64 bytes.
void MeasureSmallVariables(const fs::path& work,
                           const ModelEnvironment& environment) {
  constexpr int kCount = 10000;
  const fs::path folder = work / "small";
  WriteLargeModel(folder, kCount, TensorShape({16}));
  auto found = FindModel(FileSystem::Posix(), folder);
  Check(found.status());
  CallContext call;
  std::vector<double> load, restore;
  for (int round = 0; round < 11; ++round) {
    std::unique_ptr<Model> model;
    load.push_back(Timed([&] {
      auto loaded = Model::Load("m", *found, environment, call);
      Check(loaded.status());
      model = *std::move(loaded);
    }));
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

  const auto ops = *OpRegistry::Create();
  ThreadPool compute("compute", 2);
  ThreadPool lifecycle("lifecycle", 2);
  ModelEnvironment environment;
  environment.ops = ops.get();
  environment.files = &files;
  environment.clock = &Clock::Real();
  environment.compute_pool = &compute;
  environment.lifecycle_pool = &lifecycle;
  environment.retained_generations = 0;
  auto folder = FindModel(files, work);
  Check(folder.status());
  CallContext call;
  std::unique_ptr<Model> model;

  for (const bool cold : {true, false}) {
    const std::string read =
        "dd of=/dev/null if=" + data +
        " bs=" + (cold ? "1M" : std::to_string(fs::file_size(data)));
    std::vector<double> dd, restore, ratio, memory;
    for (int round = 0; round < 5; ++round) {
      if (cold) DropFromCache(data);
      dd.push_back(Seconds(read));
      model.reset();
      malloc_trim(0);  // so that freed pages do not count as resident
      if (cold) DropFromCache(data);
      ResetPeak();
      const double before = StatusMegabytes("VmRSS:");
      restore.push_back(Timed([&] {
        auto loaded = Model::Load("m", *folder, environment, call);
        Check(loaded.status());
        model = *std::move(loaded);
      }));
      memory.push_back(StatusMegabytes("VmHWM:") - before);
      ratio.push_back(restore.back() / dd.back());
    }
    const std::string from = cold ? " from the disk" : " from the page cache";
    Report("dd reads" + from, Median(dd), "s");
    Report("load and restore" + from, Median(restore), "s");
    Report("  against dd", Median(ratio), "x", "bar: at most 1.3 x");
    Report("  peak memory against the new weights",
           100 * Median(memory) / weights, "%", "bar: at most 110 %");
  }

  std::vector<double> dd, save, ratio, memory;
  for (int round = 0; round < 5; ++round) {
    const std::string copy = work / "copy";
    // The same bytes: from the page cache, written and synced.
    dd.push_back(Seconds("dd bs=1M conv=fsync if=" + data + " of=" + copy));
    fs::remove(copy);
    SaveOptions options;
    options.prefix = work / ("saved" + std::to_string(round));
    options.no_global_step = true;
    options.state_file = false;
    ResetPeak();
    const double before = StatusMegabytes("VmRSS:");
    save.push_back(
        Timed([&] { Check(model->Save(options, nullptr, call).status()); }));
    memory.push_back(StatusMegabytes("VmHWM:") - before);
    ratio.push_back(save.back() / dd.back());
    Check(RemoveCheckpoint(files, options.prefix));
  }
  Report("dd writes and syncs", Median(dd), "s");
  Report("save", Median(save), "s");
  Report("  against dd", Median(ratio), "x", "bar: at most 1.3 x");
  Report("  peak memory beyond the weights", Median(memory), "MiB",
         "bar: at most 64 MiB");
  model.reset();
  MeasureSmallVariables(work, environment);
  fs::remove_all(work);
  return 0;
}

}  // namespace
}  // namespace metagraph

int main(int argc, char** argv) {
  return metagraph::Main(argc > 1 ? std::atoi(argv[1]) : 1000);
}
