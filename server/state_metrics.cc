#include "server/state_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "server/handlers/describe.h"
#include "server/machine.h"

namespace metagraph {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

MetricFamily Family(const char* name, const char* help,
                    MetricType type = MetricType::Gauge) {
  MetricFamily out;
  out.name = name;
  out.help = help;
  out.type = type;
  return out;
}

void Add(double value, Labels labels, MetricFamily& family) {
  ClientMetric& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  if (family.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

void Add(int64_t value, Labels labels, MetricFamily& family) {
  Add(static_cast<double>(value), std::move(labels), family);
}

std::string StateName(const ManagedModel& model) {
  switch (model.state) {
    case ModelState::kStart:
    case ModelState::kLoading:
      return "loading";
    case ModelState::kAvailable:
      return "available";
    case ModelState::kUnloading:
      return "unloading";
    case ModelState::kEnd:
      break;
  }
  return model.error.ok() ? "unloaded" : "failed";
}

// When the files of the checkpoint that a generation comes from were written.
std::optional<absl::Time> CheckpointTime(const Model& model,
                                         const std::string& checkpoint) {
  std::optional<absl::Time> out;
  for (const History::Origin& origin : model.history().Origins()) {
    if (origin.checkpoint == checkpoint) out = origin.stamp.modified;
  }
  return out;
}

constexpr size_t kLongestKernelFile = 4096;

// The words of /proc/self/stat from the state on, see proc(5): before it stands
// the program's name, which may hold anything.
std::vector<std::string> StatWords(FileSystem& files) {
  const std::string text =
      ReadKernelFile(files, "/proc/self/stat", kLongestKernelFile);
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  return absl::StrSplit(text.substr(name_end + 1), absl::ByAnyChar(" \n"),
                        absl::SkipEmpty());
}

}  // namespace

std::vector<MetricFamily> CollectModels(const ModelManager& models) {
  MetricFamily state =
      Family("metagraphd_model_state",
             "1 for the state that a version of a model is in, see its label.");
  MetricFamily generation =
      Family("metagraphd_model_generation",
             "Number of the values served; each restore, rollback or training "
             "step makes another one.");
  MetricFamily step = Family("metagraphd_model_global_step",
                             "Global step of the values served.");
  MetricFamily age =
      Family("metagraphd_model_checkpoint_age_seconds",
             "Time since the checkpoint that is served was written.");
  MetricFamily bytes = Family("metagraphd_model_variable_bytes",
                              "Size of the variables of all generations that "
                              "are in memory.");
  MetricFamily hits =
      Family("metagraphd_plan_cache_hits_total",
             "Runs whose program was compiled already.", MetricType::Counter);
  MetricFamily compiled = Family("metagraphd_plan_cache_misses_total",
                                 "Programs compiled.", MetricType::Counter);
  MetricFamily compile_seconds =
      Family("metagraphd_plan_compile_seconds_total",
             "Time spent on compiling programs.", MetricType::Counter);
  for (const ManagedModel& managed : models.List()) {
    const Labels labels = {{"model", ToUtf8(managed.name)},
                           {"version", managed.state == ModelState::kStart
                                           ? ""
                                           : absl::StrCat(managed.version)}};
    Labels with_state = labels;
    with_state.push_back({"state", StateName(managed)});
    Add(int64_t{1}, std::move(with_state), state);
    if (managed.model == nullptr) continue;
    const Model& model = *managed.model;
    const auto now = model.Peek();
    Add(now->number, labels, generation);
    if (const auto global_step = model.GlobalStep(*now)) {
      Add(*global_step, labels, step);
    }
    if (const auto written = CheckpointTime(model, now->checkpoint);
        written && *written != absl::InfinitePast()) {
      Add(absl::ToDoubleSeconds(model.clock().Now() - *written), labels, age);
    }
    Add(model.VariableBytes(), labels, bytes);
    const PlanCache::Counts counts = model.session().plan_counts();
    Add(counts.hits, labels, hits);
    Add(counts.compiled, labels, compiled);
    Add(static_cast<double>(counts.compile_nanos) * 1e-9, labels,
        compile_seconds);
  }
  return {state, generation, step, age, bytes, hits, compiled, compile_seconds};
}

std::vector<MetricFamily> CollectProcess(FileSystem& files) {
  const std::vector<std::string> stat = StatWords(files);
  const std::vector<std::string> machine =
      absl::StrSplit(ReadKernelFile(files, "/proc/stat", size_t{1} << 20),
                     absl::ByAnyChar(" \n"), absl::SkipEmpty());
  constexpr size_t kUserTicks = 11;
  constexpr size_t kSystemTicks = 12;
  constexpr size_t kThreads = 17;
  constexpr size_t kStartTicks = 19;
  constexpr size_t kVirtualBytes = 20;
  constexpr size_t kResidentPages = 21;
  if (stat.size() <= kResidentPages) return {};
  const auto number = [&](size_t i) {
    double value = 0;
    return absl::SimpleAtod(stat[i], &value) ? value : 0;
  };
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  const double page = static_cast<double>(sysconf(_SC_PAGESIZE));
  std::vector<MetricFamily> out;
  const auto add = [&](const char* name, const char* help, double value,
                       MetricType type = MetricType::Gauge) {
    out.push_back(Family(name, help, type));
    Add(value, {}, out.back());
  };
  add("process_cpu_seconds_total", "Processor time used, user and system.",
      (number(kUserTicks) + number(kSystemTicks)) / ticks, MetricType::Counter);
  add("process_resident_memory_bytes", "Resident memory.",
      number(kResidentPages) * page);
  add("process_virtual_memory_bytes", "Virtual memory.", number(kVirtualBytes));
  add("process_threads", "Threads.", number(kThreads));
  if (const auto open = files.List("/proc/self/fd"); open.ok()) {
    add("process_open_fds", "Open file descriptors.",
        static_cast<double>(open->size()));
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    add("process_max_fds", "File descriptors that may be open.",
        static_cast<double>(limit.rlim_cur));
  }
  for (size_t i = 0; i + 1 < machine.size(); ++i) {
    double boot = 0;
    if (machine[i] != "btime" || !absl::SimpleAtod(machine[i + 1], &boot)) {
      continue;
    }
    add("process_start_time_seconds", "When the process started, Unix time.",
        boot + number(kStartTicks) / ticks);
  }
  return out;
}

MetricFamily BuildInfo(const std::string& version, const std::string& commit) {
  MetricFamily out = Family("metagraphd_build_info",
                            "Always 1; the labels tell what was built.");
  Add(int64_t{1}, {{"version", version}, {"commit", commit}}, out);
  return out;
}

std::vector<MetricFamily> StateMetrics::Collect() const {
  std::vector<MetricFamily> out = CollectModels(models_);
  for (MetricFamily& family : CollectProcess(files_)) {
    out.push_back(std::move(family));
  }
  for (const ProcessNumber& number : numbers_) {
    out.push_back(Family(number.name.c_str(), number.help.c_str(),
                         absl::EndsWith(number.name, "_total")
                             ? MetricType::Counter
                             : MetricType::Gauge));
    Add(number.value(), {}, out.back());
  }
  return out;
}

}  // namespace metagraph
