#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "core/base/call_context.h"
#include "core/model/model_manager.h"
#include "core/model/rescan_log.h"
#include "core/model/rescan_memory.h"
#include "core/model/rescan_policy.h"

namespace metagraph {

struct RescanOptions {
  // Also takes a graph file that was replaced by another graph.
  bool watch_graph = false;
  // Files that were changed within this time may still be growing.
  absl::Duration settle;
  // How long one look at the files of one model may take. A model whose files
  // take longer is left alone for ten times as long.
  absl::Duration patience = absl::Minutes(1);
};

// Looks at the models' folders and loads, restores or unloads what differs, by
// NextAction. What is not whole is awaited: what is served stays. One thread
// at a time.
class Rescanner {
 public:
  // `models` outlives this.
  explicit Rescanner(ModelManager& models, RescanOptions options = {})
      : models_(models),
        options_(options),
        memory_(*models.environment().clock, options.settle) {}

  // On the caller's thread. `retry_failed`: also what failed before, and a new
  // graph whose checkpoint has not changed; and models that are left alone,
  // since their files took too long, unless `is_second`: it is for what was
  // unsettled in a look before.
  RescanReport Look(bool retry_failed, CallContext& call,
                    bool is_second = false);

 private:
  // What one look at one model shows.
  struct Observation {
    const ModelSource& source;
    FileSystem& files;
    const CallContext& looking;  // as `files` ask: not beyond its patience
    bool retry_failed = false;
    std::map<int64_t, ManagedModel> served;  // not those that are leaving
    absl::Status disk_status;
    std::vector<VersionOnDisk> disk;
    RescanSnapshot snapshot;
    std::vector<std::string> awaited;
  };

  void LookAt(const ModelSource& source, bool retry_failed, CallContext& call);
  bool IsLeftAlone(const std::string& model) const;
  void GiveUpLook(const ModelSource& source);
  void Observe(Observation& observed);
  // Has `memory_` forget what this look does not show.
  void ForgetOthers(const Observation& observed);
  void ObserveNewVersions(Observation& observed);
  void ObserveServed(Observation& observed, ServedVersion& served);
  // Sets new_graph. Whether checkpoints are not for the graph that is served.
  bool ObserveGraph(Observation& observed, const ManagedModel& managed,
                    const VersionOnDisk& on_disk, ServedVersion& served);
  void ObserveRemoval(Observation& observed, ServedVersion& served);
  void Execute(const RescanAction& action, Observation& observed,
               CallContext& call);

  // As RescanMemory::IsSettled; asks for another look if it is not.
  bool IsSettled(const RescanMemory::Version& version);
  // Whether what failed for its files as they are is to be tried again.
  bool MayRetry(const RescanMemory::Version& version,
                const Observation& observed) const {
    return observed.retry_failed || memory_.MayRetry(version);
  }
  // As RescanLog::ReportState; and it is what is waited for.
  void ReportAwaited(Observation& observed, const std::string& topic,
                     const std::string& text, bool warning = false,
                     const std::string& cause = "");
  void ReportNotRestored(const Observation& observed, int64_t version,
                         const Outcome& outcome);
  // What is remarkable about a version that was loaded.
  void ReportLoadNote(const std::string& model, int64_t version);

  ModelManager& models_;
  const RescanOptions options_;
  RescanMemory memory_;
  std::map<std::string, absl::Time> not_before_;  // by model
  RescanLog log_;
};

}  // namespace metagraph
