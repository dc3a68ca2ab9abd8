#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "core/base/call_context.h"
#include "core/model/model_manager.h"
#include "core/model/rescan_policy.h"

namespace metagraph {

struct RescanOptions {
  // Also takes a graph file that was replaced by another graph.
  bool watch_graph = false;
  // Files that were changed within this time may still be growing.
  absl::Duration settle;
};

// Something that a look found or did, for the log; said once as long as it
// stays so.
struct RescanNote {
  std::string model;
  std::string text;
  bool warning = false;
};

struct RescanReport {
  std::vector<RescanNote> notes;
  // Files were changed a moment ago: look again after the settling time.
  bool unsettled = false;
};

// Looks at the models' folders and loads, restores or unloads what differs, by
// NextAction. What is not whole is awaited: what is served stays. One thread
// at a time.
class Rescanner {
 public:
  // `models` outlives this.
  explicit Rescanner(ModelManager& models, RescanOptions options = {})
      : models_(models), options_(options) {}

  // On the caller's thread. `retry_failed`: also what failed before, and a new
  // graph whose checkpoint has not changed.
  RescanReport Look(bool retry_failed, CallContext& call);

 private:
  // What is known of a version as its files are.
  struct Memory {
    ModelStamp stamp;
    absl::Time since;  // it is so
    // A failure counts until then: a disk may answer again, a permission may
    // be given, and no stamp tells.
    absl::Time failed_until = absl::InfinitePast();
    bool examined = false;  // and if so:
    std::string missing;
    // How the file's graph differs from the one that the load of this serial
    // serves; or why it cannot be read.
    int64_t compared_with = 0;
    std::string difference;
    std::string unreadable;
    absl::Status refused;  // why it could not be loaded as a new graph
  };
  // One look at one model.
  struct Sight {
    const ModelSource& source;
    bool retry_failed = false;
    std::map<int64_t, ManagedModel> served;  // not those that are leaving
    absl::Status disk_status;
    std::vector<VersionOnDisk> disk;
    RescanSnapshot snapshot;
    std::vector<std::string> awaited;
  };

  void LookAt(const ModelSource& source, bool retry_failed, CallContext& call);
  void See(Sight& sight);
  void SeeNewVersions(Sight& sight);
  void SeeServed(Sight& sight, ServedVersion& served);
  // Sets new_graph. Whether checkpoints are not for the graph that is served.
  bool SeeGraph(Sight& sight, const ManagedModel& managed,
                const VersionOnDisk& on_disk, ServedVersion& served);
  void SeeWhatIsGone(Sight& sight, ServedVersion& served);
  void Do(const RescanAction& action, Sight& sight, CallContext& call);

  // The memory of that version, begun anew if its files have changed.
  Memory& Recall(const Sight& sight, const VersionOnDisk& on_disk);
  // Whether nobody has changed it for the settling time; asks for another look
  // if somebody has.
  bool IsSettled(const Memory& memory);
  // Whether what failed for its files as they are is to be tried again.
  bool MayRetry(const Memory& memory, const Sight& sight) const;
  void Fail(Memory& memory) {
    memory.failed_until = Now() + 40 * options_.settle;
  }
  // What it lacks; empty: it is whole.
  const std::string& Examine(Memory& memory, const VersionOnDisk& on_disk,
                             bool needs_weights);
  // It is so; said unless it was for the same cause (empty: the text itself)
  // in the last look.
  void State(const std::string& model, const std::string& topic,
             const std::string& text, bool warning,
             const std::string& cause = "");
  // As State; and it is what is waited for.
  void Await(Sight& sight, const std::string& topic, const std::string& text,
             bool warning = false, const std::string& cause = "");
  void StateNotRestored(const Sight& sight, int64_t version,
                        const Outcome& outcome);
  // What is remarkable about a version that was loaded.
  void SayNote(const std::string& model, int64_t version);
  // It was done.
  void Say(const std::string& model, std::string text, bool warning = false);

  absl::Time Now() const { return models_.environment().clock->Now(); }
  FileSystem& files() const { return *models_.environment().files; }

  ModelManager& models_;
  const RescanOptions options_;
  std::map<std::pair<std::string, int64_t>, Memory> memory_;
  // Since when a version's folder is not there.
  std::map<std::pair<std::string, int64_t>, absl::Time> gone_since_;
  // By model and topic: what was said last; and what is so in this look.
  std::map<std::pair<std::string, std::string>, std::string> said_;
  std::set<std::pair<std::string, std::string>> current_;
  RescanReport report_;
};

}  // namespace metagraph
