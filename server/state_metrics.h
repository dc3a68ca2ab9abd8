#pragma once

// What is cheaper to ask for when Prometheus looks than to keep up to date.

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/io/file_system.h"
#include "core/model/model_manager.h"
#include "prometheus/collectable.h"
#include "prometheus/metric_family.h"

namespace metagraph {

// A number of the process: "metagraphd_calls_in_flight", what it is, and how to
// ask for it. Names that end with "_total" are counters.
struct ProcessNumber {
  std::string name;
  std::string help;
  std::function<double()> value;
};

// Of the models: state, generation, global step, age of the checkpoint, bytes
// of the variables, and what happened in the cache of their programs.
std::vector<prometheus::MetricFamily> CollectModels(const ModelManager& models);

// process_*, as other programs show them, from /proc/self. Nothing where that
// cannot be read.
std::vector<prometheus::MetricFamily> CollectProcess(FileSystem& files);

// metagraphd_build_info: always 1, its labels tell the version.
prometheus::MetricFamily BuildInfo(const std::string& version,
                                   const std::string& commit);

class StateMetrics final : public prometheus::Collectable {
 public:
  // All outlive this.
  StateMetrics(const ModelManager& models, FileSystem& files,
               std::vector<ProcessNumber> numbers)
      : models_(models), files_(files), numbers_(std::move(numbers)) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const ModelManager& models_;
  FileSystem& files_;
  const std::vector<ProcessNumber> numbers_;
};

}  // namespace metagraph
