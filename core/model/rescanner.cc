#include "core/model/rescanner.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status.h"
#include "core/model/graph_difference.h"

namespace metagraph {
namespace {

using Kind = RescanAction::Kind;

// More steps than one look may need; a step that fails may be wanted again.
constexpr int kMaxSteps = 16;

std::string VersionText(int64_t version) {
  return version == 0 ? "the model" : absl::StrCat("version ", version);
}

std::string NotRestoredText(const Outcome& outcome) {
  return absl::StrCat("checkpoint \"", outcome.checkpoint,
                      "\" was not restored, the values before stay: ",
                      outcome.status.ToString());
}

std::string NotLoadedText(const VersionOnDisk& on_disk,
                          const absl::Status& error) {
  return absl::StrCat(VersionText(on_disk.version), " in \"", on_disk.path,
                      "\" could not be loaded: ", error.ToString());
}

// Of what was stated: its text, or, where another try may end otherwise, what
// and the code: the text may tell how things stood at the moment.
std::string CauseOf(absl::string_view text, absl::string_view what,
                    const absl::Status& status) {
  if (WouldEndAlike(status)) return std::string(text);
  return absl::StrCat(what, ": ", absl::StatusCodeToString(status.code()));
}

const VersionOnDisk* FindOnDisk(const std::vector<VersionOnDisk>& disk,
                                int64_t version) {
  const auto at = absl::c_find_if(
      disk, [&](const VersionOnDisk& v) { return v.version == version; });
  return at == disk.end() ? nullptr : &*at;
}

}  // namespace

RescanReport Rescanner::Look(bool retry_failed, CallContext& call) {
  report_ = {};
  current_.clear();
  std::set<std::string> names;
  for (const ModelSource& source : models_.Sources()) {
    names.insert(source.name);
    if (call.Check().ok()) LookAt(source, retry_failed, call);
  }
  const auto is_no_more = [&](const auto& of_model) {
    return names.count(of_model.first.first) == 0;
  };
  std::erase_if(memory_, is_no_more);
  std::erase_if(gone_since_, is_no_more);
  std::erase_if(
      said_, [&](const auto& said) { return current_.count(said.first) == 0; });
  return std::exchange(report_, {});
}

void Rescanner::LookAt(const ModelSource& source, bool retry_failed,
                       CallContext& call) {
  RescanAction last;
  for (int step = 0; step < kMaxSteps && call.Check().ok(); ++step) {
    Sight sight{source, retry_failed && step == 0, {}, {}, {}, {}, {}};
    See(sight);
    models_.SetAwaited(source.name, absl::StrJoin(sight.awaited, "; "));
    const RescanAction action = NextAction(sight.snapshot);
    if (action.kind == Kind::kNothing || action == last) return;
    last = action;
    // Unloaded meanwhile, or loaded from elsewhere.
    const bool is_source =
        absl::c_any_of(models_.Sources(), [&](const ModelSource& now) {
          return now.name == source.name && now.path == source.path;
        });
    if (!is_source) return;
    Do(action, sight, call);
  }
}

void Rescanner::See(Sight& sight) {
  const std::string& name = sight.source.name;
  sight.snapshot.follows_newest = sight.source.follows_newest;
  sight.snapshot.pinned.assign(sight.source.pinned.begin(),
                               sight.source.pinned.end());
  for (ManagedModel& model : models_.List()) {
    if (model.name != name || model.state == ModelState::kUnloading) continue;
    const int64_t version = model.version;
    sight.served[version] = std::move(model);
  }
  auto disk = ScanFolder(files(), sight.source.path);
  sight.disk_status = disk.status();
  if (disk.ok()) sight.disk = *std::move(disk);
  for (const auto& [version, model] : sight.served) {
    ServedVersion served;
    served.version = version;
    served.state = model.state;
    served.pinned = sight.source.pinned.count(version) > 0;
    SeeWhatIsGone(sight, served);
    SeeServed(sight, served);
    sight.snapshot.served.push_back(std::move(served));
  }
  SeeNewVersions(sight);
}

void Rescanner::SeeWhatIsGone(Sight& sight, ServedVersion& served) {
  const std::string& name = sight.source.name;
  const std::pair<std::string, int64_t> key(name, served.version);
  if (FindOnDisk(sight.disk, served.version) != nullptr) {
    gone_since_.erase(key);
    return;
  }
  // Folders that are swapped are not there for a moment.
  const absl::Time since = gone_since_.try_emplace(key, Now()).first->second;
  if (Now() - since < options_.settle) {
    report_.unsettled = true;
    return;
  }
  served.gone = sight.disk_status.ok();
  if (served.state != ModelState::kAvailable) return;
  State(name, absl::StrCat("gone ", served.version),
        absl::StrCat(VersionText(served.version), " is gone from \"",
                     sight.source.path, "\"",
                     sight.disk_status.ok()
                         ? ""
                         : absl::StrCat(" (", sight.disk_status.message(), ")"),
                     served.pinned || !served.gone
                         ? "; it goes on serving from memory"
                         : "; it serves until another version can take over"),
        /*warning=*/true);
}

void Rescanner::SeeNewVersions(Sight& sight) {
  const ModelSource& source = sight.source;
  bool enough = !source.follows_newest;
  for (const VersionOnDisk& on_disk : sight.disk) {
    const int64_t version = on_disk.version;
    const bool pinned = source.pinned.count(version) > 0;
    const auto served = sight.served.find(version);
    if (served != sight.served.end() &&
        served->second.state == ModelState::kAvailable) {
      enough = true;
      continue;
    }
    // Nobody asks what lies below the version that serves, or will.
    if (!pinned && (enough || source.dropped.count(version) > 0)) continue;
    const std::string topic = VersionText(version);
    const std::string where =
        absl::StrCat(VersionText(version), " in \"", on_disk.path, "\"");
    if (!on_disk.folder.ok()) {
      Await(sight, topic,
            absl::StrCat(where, " is not whole yet: ",
                         on_disk.folder.status().message()));
      continue;
    }
    Memory& memory = Recall(sight, on_disk);
    if (served != sight.served.end() &&
        served->second.state == ModelState::kEnd &&
        served->second.tried == on_disk.stamp &&
        (WouldEndAlike(served->second.error) || !MayRetry(memory, sight)) &&
        !sight.retry_failed) {
      const absl::Status& error = served->second.error;
      const std::string text = NotLoadedText(on_disk, error);
      sight.awaited.push_back(text);
      // Who asked for it has been told.
      if (served->second.by_rescan) {
        State(source.name, topic, text, /*warning=*/true,
              CauseOf(text, on_disk.path, error));
      }
      continue;
    }
    if (!IsSettled(memory)) {
      sight.awaited.push_back(
          absl::StrCat(where, ": files are still changing"));
      continue;
    }
    if (const std::string& missing =
            Examine(memory, on_disk, /*needs_weights=*/version != 0);
        !missing.empty()) {
      Await(sight, topic, absl::StrCat(where, " is not whole yet: ", missing));
      continue;
    }
    sight.snapshot.found.push_back({version, /*loadable=*/true});
    if (!pinned) enough = true;
  }
}

void Rescanner::SeeServed(Sight& sight, ServedVersion& served) {
  if (served.state != ModelState::kAvailable) return;
  const VersionOnDisk* on_disk = FindOnDisk(sight.disk, served.version);
  if (on_disk == nullptr || !on_disk->folder.ok()) return;
  const ManagedModel& managed = sight.served.at(served.version);
  if (SeeGraph(sight, managed, *on_disk, served)) return;

  const std::string& checkpoint = on_disk->folder->newest;
  const Model& model = *managed.model;
  if (checkpoint.empty() || !model.takes_checkpoints()) return;
  const std::string topic = absl::StrCat("checkpoint ", served.version);
  const auto last = model.history().last_restore();
  const bool failed =
      last.has_value() && !last->status.ok() && last->checkpoint == checkpoint;
  if (model.seen().HasSeen(checkpoint) && !(failed && sight.retry_failed)) {
    if (failed) {
      StateNotRestored(sight, served.version, *last);
    } else if (const std::string named =
                   NamedButMissing(files(), *on_disk->folder);
               !named.empty() && on_disk->folder->note != model.folder().note) {
      Await(sight, topic,
            absl::StrCat("checkpoint \"", named,
                         "\", which the state file names, is not there yet"));
    }
    return;
  }
  Memory& memory = Recall(sight, *on_disk);
  if (failed && !MayRetry(memory, sight)) {
    StateNotRestored(sight, served.version, *last);
    return;
  }
  if (!IsSettled(memory)) {
    sight.awaited.push_back(absl::StrCat("checkpoint \"", checkpoint,
                                         "\": files are still changing"));
    return;
  }
  const std::string missing = MissingOfCheckpoint(files(), checkpoint);
  if (!missing.empty()) {
    Await(sight, topic,
          absl::StrCat("checkpoint \"", checkpoint,
                       "\" is not whole yet: ", missing));
    return;
  }
  served.new_checkpoint = checkpoint;
}

bool Rescanner::SeeGraph(Sight& sight, const ManagedModel& managed,
                         const VersionOnDisk& on_disk, ServedVersion& served) {
  if (on_disk.stamp.SameGraph(managed.tried)) return false;
  Memory& memory = Recall(sight, on_disk);
  if (!IsSettled(memory)) return false;
  const std::string& path = on_disk.folder->graph_path;
  const std::string topic = absl::StrCat("graph ", served.version);
  if (memory.compared_with != managed.serial ||
      (!memory.unreadable.empty() && MayRetry(memory, sight))) {
    const auto meta = ReadMetaGraph(files(), path);
    memory.compared_with = managed.serial;
    memory.refused = absl::OkStatus();
    memory.unreadable = std::string(meta.status().message());
    if (!meta.ok()) Fail(memory);
    memory.difference = meta.ok()
                            ? GraphDifference(managed.model->graph()->meta(),
                                              *meta, managed.model->ops())
                            : "";
  }
  if (!memory.unreadable.empty()) {
    Await(sight, topic,
          absl::StrCat("the graph is not whole yet: ", memory.unreadable));
    return options_.watch_graph;
  }
  if (memory.difference.empty()) return false;

  const std::string what =
      absl::StrCat("\"", path,
                   "\" holds another graph than the one that is "
                   "served (",
                   memory.difference, ")");
  if (!options_.watch_graph) {
    const std::string& name = sight.source.name;
    Await(sight, topic,
          absl::StrCat(what,
                       ", which goes on serving. To have it taken without an "
                       "outage, start metagraphd with --watch_graph; or, with "
                       "one: metagraphctl unload ",
                       name, ", then metagraphctl load ", name, " ",
                       sight.source.path),
          /*warning=*/true, memory.difference);
    return false;
  }
  if (!memory.refused.ok() && !sight.retry_failed &&
      (WouldEndAlike(memory.refused) || !MayRetry(memory, sight))) {
    Await(sight, topic,
          absl::StrCat(what,
                       ", which goes on serving, as the other could not "
                       "be loaded: ",
                       memory.refused.ToString()),
          /*warning=*/true,
          CauseOf(memory.refused.ToString(), path, memory.refused));
    return true;
  }
  if (const std::string& missing =
          Examine(memory, on_disk, /*needs_weights=*/true);
      !missing.empty()) {
    Await(sight, topic, absl::StrCat(what, " and is not whole yet: ", missing));
    return true;
  }
  // Its own weights may still be on their way; the old ones may even fit.
  if (managed.model->takes_checkpoints() && !sight.retry_failed &&
      on_disk.stamp.SameWeights(managed.tried)) {
    Await(sight, topic,
          absl::StrCat(what, "; its checkpoint \"", on_disk.stamp.checkpoint,
                       "\" has not changed and is waited for (kill -HUP takes "
                       "the graph with this one)"));
    return true;
  }
  served.new_graph = true;
  return true;
}

void Rescanner::Do(const RescanAction& action, Sight& sight,
                   CallContext& call) {
  const std::string& name = sight.source.name;
  const std::string version = VersionText(action.version);
  const VersionOnDisk* on_disk = FindOnDisk(sight.disk, action.version);
  const auto served = sight.served.find(action.version);
  switch (action.kind) {
    case Kind::kNothing:
      return;
    case Kind::kLoad: {
      if (const absl::Status status =
              models_.LoadVersion(sight.source, *on_disk->folder, call);
          !status.ok()) {
        if (!call.Check().ok()) return;
        Fail(Recall(sight, *on_disk));
        const std::string text = NotLoadedText(*on_disk, status);
        State(name, version, text, /*warning=*/true,
              CauseOf(text, on_disk->path, status));
        return;
      }
      Say(name,
          absl::StrCat(version, " is served, from \"", on_disk->path, "\""));
      SayNote(name, action.version);
      return;
    }
    case Kind::kUnload:
      models_.Retire(name, action.version);
      Say(name, absl::StrCat(version, " is unloaded"));
      return;
    case Kind::kRestore: {
      Model& model = *served->second.model;
      RestoreOptions options;
      options.checkpoint = action.checkpoint;
      const auto restored = model.Restore(options, nullptr, call);
      if (restored.ok()) {
        Say(name,
            absl::StrCat("checkpoint \"", restored->checkpoint,
                         "\" is restored, generation ", restored->generation));
      } else if (call.Check().ok()) {
        Fail(Recall(sight, *on_disk));
        Outcome outcome;
        outcome.checkpoint = action.checkpoint;
        outcome.status = restored.status();
        StateNotRestored(sight, action.version, outcome);
      }
      return;
    }
    case Kind::kReplaceGraph: {
      const absl::Status replaced =
          models_.Replace(served->second, *on_disk->folder, call);
      if (replaced.ok()) {
        Say(name, absl::StrCat(version, " is served with the graph of \"",
                               on_disk->folder->graph_path, "\""));
        SayNote(name, action.version);
      } else if (call.Check().ok()) {
        Memory& memory = Recall(sight, *on_disk);
        memory.refused = replaced;
        Fail(memory);
      }
      return;
    }
  }
}

Rescanner::Memory& Rescanner::Recall(const Sight& sight,
                                     const VersionOnDisk& on_disk) {
  Memory& memory = memory_[{sight.source.name, on_disk.version}];
  if (memory.stamp == on_disk.stamp && memory.since != absl::Time()) {
    return memory;
  }
  memory = Memory();
  memory.stamp = on_disk.stamp;
  memory.since = Now();
  return memory;
}

bool Rescanner::IsSettled(const Memory& memory) {
  // Our clock alone where the file server's differs.
  const absl::Duration quiet =
      std::max(Now() - memory.since, Now() - memory.stamp.modified());
  if (quiet >= options_.settle) return true;
  report_.unsettled = true;
  return false;
}

bool Rescanner::MayRetry(const Memory& memory, const Sight& sight) const {
  return sight.retry_failed || Now() >= memory.failed_until;
}

const std::string& Rescanner::Examine(Memory& memory,
                                      const VersionOnDisk& on_disk,
                                      bool needs_weights) {
  if (!memory.examined ||
      (!memory.missing.empty() && Now() >= memory.failed_until)) {
    memory.missing = MissingOfModel(files(), *on_disk.folder, needs_weights);
    memory.examined = true;
    if (!memory.missing.empty()) Fail(memory);
  }
  return memory.missing;
}

void Rescanner::State(const std::string& model, const std::string& topic,
                      const std::string& text, bool warning,
                      const std::string& cause) {
  const std::pair<std::string, std::string> key(model, topic);
  current_.insert(key);
  const std::string& now = cause.empty() ? text : cause;
  std::string& said = said_[key];
  if (said == now) return;
  said = now;
  report_.notes.push_back({model, text, warning});
}

void Rescanner::StateNotRestored(const Sight& sight, int64_t version,
                                 const Outcome& outcome) {
  const std::string text = NotRestoredText(outcome);
  State(sight.source.name, absl::StrCat("checkpoint ", version), text,
        /*warning=*/true, CauseOf(text, outcome.checkpoint, outcome.status));
}

void Rescanner::Await(Sight& sight, const std::string& topic,
                      const std::string& text, bool warning,
                      const std::string& cause) {
  sight.awaited.push_back(text);
  State(sight.source.name, topic, text, warning, cause);
}

void Rescanner::Say(const std::string& model, std::string text, bool warning) {
  report_.notes.push_back({model, std::move(text), warning});
}

void Rescanner::SayNote(const std::string& model, int64_t version) {
  const auto loaded = models_.Find(model, version);
  const std::string note = loaded.ok() ? (*loaded)->note() : "";
  if (note.empty()) return;
  Say(model, absl::StrCat(VersionText(version), ": ", note), /*warning=*/true);
}

}  // namespace metagraph
